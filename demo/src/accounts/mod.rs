//! Accounts: signing in and out, making an account, and the guard of pages that need one.
//!
//! A password is checked slowly and alike for everybody; whoever guesses waits. Signing in gives the
//! session a new id and a subject and keeps what the visitor had begun. Who is sent to the sign-in
//! page is told why.

mod agent;
mod backoff;
mod credentials;
mod devices;
mod entry;
mod guard;
mod pages;
mod password_change;
mod passwords;
mod reason;
mod seed;
mod sent;
pub(crate) mod users;

use abiding_tower::{Client, GuardedForm, Session};
use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use self::{
    credentials::{Checked, check},
    guard::local,
    sent::{Register, SignIn},
};
pub(crate) use self::{
    entry::{Stay, enter},
    guard::{NAME, Refused, SignedIn},
    passwords::{HashError, Hasher},
    reason::Reason,
    seed::plant,
    users::UserId,
};
use crate::{
    app::App,
    errors::Problem,
    forms::{Complaint, Sent, opened},
    layout::Page,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(show_sign_in).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/register", get(show_register).post(register))
        .route("/account/devices", get(devices::show))
        .route("/account/devices/end-others", post(devices::end_others))
        .route("/account/devices/{handle}/revoke", post(devices::revoke))
        .route(
            "/account/password",
            get(password_change::show).post(password_change::change),
        )
}

/// The form, and why somebody was sent here.
async fn show_sign_in(
    session: Session,
    State(app): State<App>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if SignedIn::of(&session).await?.is_some() {
        return Ok(Redirect::to(local(&asked.next)).into_response());
    }
    let reason = Reason::named(&asked.reason).or(Reason::of_end(session.standing().await?));
    let token = session.form_token().await?;
    let form = SignIn::to(asked.next);
    Ok(pages::sign_in(&app, &form, reason, &[], &token).into_response())
}

/// Signs in, and goes to where the visitor wanted to be.
async fn sign_in(
    session: Session,
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    form: Sent<SignIn>,
) -> Result<Response, Problem> {
    let (form, fresh) = opened(form)?;
    let complaints = match fresh.and_then(|()| form.check()) {
        Err(complaints) => complaints,
        Ok(()) => match check(&app, form.email.trim(), &form.password, &client).await? {
            Checked::Right(user) => {
                enter(&session, &user, form.stay(), &headers).await?;
                return Ok(Redirect::to(local(&form.next)).into_response());
            }
            Checked::TooMany(until) => return Ok(pages::too_many(until, app.now())),
            Checked::Wrong => vec![Complaint::new("email", WRONG)],
        },
    };
    let token = session.form_token().await?;
    let page = pages::sign_in(&app, &form, None, &complaints, &token);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Ends this session, here and on the server.
async fn sign_out(session: Session, _: GuardedForm) -> Redirect {
    tracing::info!("signed out");
    session.logout();
    Redirect::to("/sign-in?reason=signed-out")
}

async fn show_register(session: Session, Query(asked): Query<Asked>) -> Result<Page, Problem> {
    let token = session.form_token().await?;
    Ok(pages::register(&Register::to(asked.next), &[], &token))
}

/// Makes an account and signs in to it.
async fn register(
    session: Session,
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    form: Sent<Register>,
) -> Result<Response, Problem> {
    let (form, fresh) = opened(form)?;
    let complaints = match fresh.and_then(|()| form.check()) {
        Err(complaints) => complaints,
        Ok(()) => match form.make_account(&app, &client).await? {
            Checked::Right(user) => {
                enter(&session, &user, Stay::Browser, &headers).await?;
                let welcome = format!("Welcome, {}. Your account is ready.", user.name);
                session.flash("info", &welcome).await?;
                return Ok(Redirect::to(local(&form.next)).into_response());
            }
            Checked::TooMany(until) => return Ok(pages::too_many(until, app.now())),
            Checked::Wrong => vec![Complaint::new("email", TAKEN)],
        },
    };
    let token = session.form_token().await?;
    let page = pages::register(&form, &complaints, &token);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

const TAKEN: &str = "There is an account with this address: sign in instead";
const WRONG: &str = "The email address or the password is not right";

/// What the address of the sign-in page asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    next: String,
    reason: String,
}
