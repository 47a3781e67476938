//! Changing the password: needs the present one, and leaves nobody signed in but who did it.

use abiding_tower::{Client, Session};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;

use super::{
    credentials::{Checked, check},
    guard::SignedIn,
    pages,
    passwords::Password,
    users::{self, User},
};
use crate::{
    app::App,
    errors::Problem,
    forms::{Complaint, Question, Sent, hidden, judged, opened, summary},
    layout::{Page, Section, page},
};

/// The form.
pub(super) async fn show(_: SignedIn, session: Session) -> Result<Page, Problem> {
    Ok(form(&[], &session.form_token().await?))
}

/// Changes the password, ends the other devices and gives this one a new id.
pub(super) async fn change(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    client: Client,
    sent: Sent<Change>,
) -> Result<Response, Problem> {
    let (change, fresh) = opened(sent)?;
    let user = users::get(&app.database, user.id).await?;
    let user = user.ok_or_else(Problem::not_found)?;
    let complaints = match fresh.and_then(|()| change.check(&user)) {
        Err(complaints) => complaints,
        Ok(()) => match check(&app, &user.email, &change.present, &client).await? {
            Checked::Right(user) => {
                let hash = app.hasher.hash(&change.password).await?;
                users::set_password(&app.database, user.id, hash).await?;
                let ended = session.end_others().await?;
                session.renew();
                tracing::info!(user = %user.id, ended, "the password was changed");
                session.flash("info", CHANGED).await?;
                return Ok(Redirect::to("/account/devices").into_response());
            }
            Checked::TooMany(until) => return Ok(pages::too_many(until, app.now())),
            Checked::Wrong => vec![Complaint::new("present", "This is not your password")],
        },
    };
    let page = form(&complaints, &session.form_token().await?);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The form of this page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    present: Password,
    password: Password,
}

impl Change {
    fn check(&self, user: &User) -> Result<(), Vec<Complaint>> {
        let missing = self
            .present
            .is_empty()
            .then_some("Enter your present password");
        let weak = self.password.complaint(&[&user.name, &user.email]);
        judged([("present", missing), ("password", weak)])
    }
}

fn form(complaints: &[Complaint], token: &str) -> Page {
    let title = "Change the password";
    page(
        title,
        Some(Section::Account),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "Every other device is signed out by it." }
            (summary(complaints, str::to_owned, "Both passwords have to be typed again."))
            form.card method="post" action="/account/password" novalidate data-testid="password-form" {
                (hidden(token))
                (PRESENT.ask("", complaints))
                (NEW.ask("", complaints))
                div.actions {
                    button.primary type="submit" data-testid="change-password" { "Change the password" }
                    a href="/account/devices" { "Leave it as it is" }
                }
            }
        },
    )
}

const CHANGED: &str = "Your password is changed. Every other device is signed out.";
const PRESENT: Question = Question {
    name: "present",
    label: "Present password",
    hint: "",
    kind: "password",
    autocomplete: "current-password",
};
const NEW: Question = Question {
    label: "New password",
    ..pages::NEW_PASSWORD
};
