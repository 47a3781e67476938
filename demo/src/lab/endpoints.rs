//! What the races ask for: handlers as any application has them, with a gate in the middle.
//!
//! Each reads, waits at the gate if it was given one, and writes.

use abiding_tower::Session;
use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use crate::{app::App, errors::Problem};

/// What is wanted of a request.
#[derive(Debug, Deserialize)]
pub(super) struct Errand {
    #[serde(default)]
    key: u8,
    gate: Option<u64>,
}

/// What a session of the lab holds.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Held {
    pub(super) signed_in: bool,
    pub(super) keys: usize,
    pub(super) counter: u64,
}

impl Held {
    /// Whether there is a session at all.
    pub(super) fn is_anything(&self) -> bool {
        self.signed_in || self.keys > 0 || self.counter > 0
    }
}

pub(super) async fn login(session: Session) -> Result<StatusCode, Problem> {
    session.login("a visitor of the lab")?;
    session.insert(SIGNED_IN, &true)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn set(
    session: Session,
    State(app): State<App>,
    Query(errand): Query<Errand>,
) -> Result<StatusCode, Problem> {
    session.get::<bool>(SIGNED_IN).await?;
    pass(&app, &errand).await;
    session.insert(&format!("{KEYS}{}", errand.key), &true)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn increment(
    session: Session,
    State(app): State<App>,
    Query(errand): Query<Errand>,
) -> Result<Json<u64>, Problem> {
    session.get::<u64>(COUNTER).await?;
    pass(&app, &errand).await;
    let count = session
        .update(COUNTER, |count: Option<u64>| count.unwrap_or(0) + 1)
        .await?;
    Ok(Json(count))
}

/// The request that takes its time: by the time it writes, its session may be over.
pub(super) async fn slow(
    session: Session,
    State(app): State<App>,
    Query(errand): Query<Errand>,
) -> Result<StatusCode, Problem> {
    set(session, State(app), Query(errand)).await
}

pub(super) async fn logout(session: Session) -> StatusCode {
    session.logout();
    StatusCode::NO_CONTENT
}

pub(super) async fn state(session: Session) -> Result<Json<Held>, Problem> {
    let keys = session.keys().await?;
    Ok(Json(Held {
        signed_in: session.get(SIGNED_IN).await?.unwrap_or(false),
        keys: keys.iter().filter(|key| key.starts_with(KEYS)).count(),
        counter: session.get(COUNTER).await?.unwrap_or(0),
    }))
}

async fn pass(app: &App, errand: &Errand) {
    if let Some(gate) = errand.gate {
        app.lab.gates.pass(gate).await;
    }
}

const COUNTER: &str = "lab.counter";
const KEYS: &str = "lab.key.";
const SIGNED_IN: &str = "lab.signed_in";
