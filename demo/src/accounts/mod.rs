//! Accounts: signing in and out, making an account, and the guard of pages that need one.
//!
//! A password is checked slowly and alike for everybody; whoever guesses waits. Signing in gives the
//! session a new id and a subject and keeps what the visitor had begun. Who is sent to the sign-in
//! page is told why.

mod address;
mod agent;
mod backoff;
mod credentials;
mod entry;
mod guard;
mod pages;
mod passwords;
mod reason;
mod seed;
mod sent;
pub(crate) mod users;

use abiding_tower::Session;
use axum::{
    Form, Router,
    extract::{Query, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use self::{
    address::Address,
    credentials::{Checked, check},
    guard::local,
    sent::{Register, SignIn},
};
pub(crate) use self::{
    entry::{Stay, enter},
    guard::{NAME, SignedIn},
    passwords::{HashError, Hasher},
    reason::Reason,
    seed::plant,
};
use crate::{app::App, errors::Problem, forms::Complaint, layout::Page};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(show_sign_in).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/register", get(show_register).post(register))
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
    let reason = Reason::named(&asked.reason).or(Reason::of(session.standing().await?));
    Ok(pages::sign_in(&app, &SignIn::to(asked.next), reason, &[]).into_response())
}

/// Signs in, and goes to where the visitor wanted to be.
async fn sign_in(
    session: Session,
    State(app): State<App>,
    Address(address): Address,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(form) = form?;
    let mut complaints = form.complaints();
    if complaints.is_empty() {
        match check(&app, form.email.trim(), &form.password, address).await? {
            Checked::Right(user) => {
                enter(&session, &user, form.stay(), &headers).await?;
                return Ok(Redirect::to(local(&form.next)).into_response());
            }
            Checked::TooMany(until) => return Ok(pages::too_many(until, app.now())),
            Checked::Wrong => complaints.push(Complaint::new("email", WRONG)),
        }
    }
    let page = pages::sign_in(&app, &form, None, &complaints);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Ends this session, here and on the server.
async fn sign_out(session: Session) -> Redirect {
    tracing::info!("signed out");
    session.logout();
    Redirect::to("/sign-in?reason=signed-out")
}

async fn show_register(Query(asked): Query<Asked>) -> Page {
    pages::register(&Register::to(asked.next), &[])
}

/// Makes an account and signs in to it.
async fn register(
    session: Session,
    State(app): State<App>,
    Address(address): Address,
    headers: HeaderMap,
    form: Result<Form<Register>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(form) = form?;
    let mut complaints = form.complaints();
    if complaints.is_empty() {
        match form.make_account(&app, address).await? {
            Checked::Right(user) => {
                enter(&session, &user, Stay::Browser, &headers).await?;
                let welcome = format!("Welcome, {}. Your account is ready.", user.name);
                session.flash("info", &welcome).await?;
                return Ok(Redirect::to(local(&form.next)).into_response());
            }
            Checked::Wrong => complaints.push(Complaint::new("email", TAKEN)),
            Checked::TooMany(until) => return Ok(pages::too_many(until, app.now())),
        }
    }
    let page = pages::register(&form, &complaints);
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
