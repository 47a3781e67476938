//! Signing in and out. Flask does it too, at `/sign-in` and `/sign-out`; either half ends what the other began.

use abiding_tower::{Failure, Session};
use axum::{Form, response::Redirect};
use maud::{Markup, html};
use serde::Deserialize;

use crate::page::{USER, frame};

#[derive(Deserialize)]
pub(crate) struct Name {
    name: String,
}

pub(crate) async fn show(session: Session) -> Result<Markup, Failure> {
    let main = html! {
        form method="post" action="/account/sign-in" {
            label { "Your name " input name="name" required; }
            button data-testid="sign-in" { "Sign in" }
        }
    };
    frame(&session, "Your account", main).await
}

pub(crate) async fn sign_in(
    session: Session,
    Form(Name { name }): Form<Name>,
) -> Result<Redirect, Failure> {
    session.login(&name)?;
    session.insert(USER, &name)?;
    Ok(Redirect::to("/"))
}

pub(crate) async fn sign_out(session: Session) -> Result<Redirect, Failure> {
    session.logout();
    session.flash("info", "Come back soon").await?;
    Ok(Redirect::to("/"))
}
