//! The race lab: what concurrent requests do to one session, tried on the spot.
//!
//! The button sends real requests to this server's own address, with cookies of their own, so that
//! the visitor's session is never part of the race. Beside the outcome stands what a store that saves
//! whole records would have made of it.

mod client;
mod endpoints;
mod gate;
mod pages;
mod race;
mod simulated;

use std::sync::{Mutex, PoisonError};

use abiding_tower::{GuardedForm, Session};
use axum::{
    Router,
    extract::State,
    response::Redirect,
    routing::{get, post},
};

use crate::{app::App, errors::Problem, layout::Page};

use self::{client::Visitor, gate::Gates, race::Outcome};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/lab", get(show))
        .route("/lab/run", post(run))
        .route("/lab/login", post(endpoints::login))
        .route("/lab/set", post(endpoints::set))
        .route("/lab/increment", post(endpoints::increment))
        .route("/lab/slow", post(endpoints::slow))
        .route("/lab/logout", post(endpoints::logout))
        .route("/lab/state", get(endpoints::state))
}

/// What the lab remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    gates: Gates,
    last: Mutex<Option<Outcome>>,
    /// One run at a time: races that share two cores tell nothing.
    turn: tokio::sync::Mutex<()>,
}

async fn show(session: Session, State(app): State<App>) -> Result<Page, Problem> {
    let last = *app.lab.last.lock().unwrap_or_else(PoisonError::into_inner);
    let token = session.form_token().await?;
    Ok(pages::lab(last, &app.places.primary(), &token))
}

async fn run(State(app): State<App>, _: GuardedForm) -> Result<Redirect, Problem> {
    let _turn = app.lab.turn.lock().await;
    let outcome = race::run(&Visitor::stranger(app.address), &app.lab.gates).await?;
    tracing::info!(?outcome, "the races were run");
    *app.lab.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    Ok(Redirect::to("/lab#results"))
}
