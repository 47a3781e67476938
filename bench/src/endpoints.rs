//! The endpoints on abiding, whatever the sessions are kept in.

use abiding::Manager;
use abiding_tower::{Session, SessionLayer};
use axum::{
    Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::contract::{Get, Keys, Set, sample_entries};

/// All endpoints: `/plain` outside the session layer, the others within it.
pub fn router(manager: Manager) -> Router {
    Router::new()
        .route("/get", get(value))
        .route("/idle", get("ok"))
        .route("/keys", get(keys))
        .route("/login", get(login))
        .route("/logout", get(logout))
        .route("/read", get(read))
        .route("/set", get(set))
        .route("/touch", get(touch))
        .route("/write", get(write))
        .layer(SessionLayer::new(manager))
        .route("/plain", get("ok"))
}

async fn login(session: Session) -> Answer {
    session.renew();
    for (key, value) in sample_entries() {
        session.insert(key, value)?;
    }
    Ok("ok".into_response())
}

async fn read(session: Session) -> Answer {
    let user: u64 = session.get("user_id").await?.ok_or(Failure::NoSession)?;
    Ok(user.to_string().into_response())
}

async fn write(session: Session) -> Answer {
    if !session.contains("counter").await? {
        return Err(Failure::NoSession);
    }
    let counter = session
        .update("counter", |counter: Option<u64>| counter.unwrap_or(0) + 1)
        .await?;
    Ok(counter.to_string().into_response())
}

async fn touch(session: Session) -> Answer {
    session.touch().await?;
    Ok("ok".into_response())
}

async fn set(session: Session, Query(set): Query<Set>) -> Answer {
    session
        .get::<u64>("user_id")
        .await?
        .ok_or(Failure::NoSession)?;
    tokio::time::sleep(set.delay()).await;
    session.insert(&set.key, &set.value)?;
    Ok("ok".into_response())
}

async fn value(session: Session, Query(get): Query<Get>) -> Answer {
    let value: Option<String> = session.get(&get.key).await?;
    Ok(value.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    ))
}

async fn keys(session: Session, Query(keys): Query<Keys>) -> Answer {
    let present = session.keys().await?;
    let asked: Vec<_> = keys.names().filter(|name| present.contains(name)).collect();
    Ok(serde_json::json!(asked).to_string().into_response())
}

async fn logout(session: Session) -> Answer {
    session.logout();
    Ok("ok".into_response())
}

type Answer = Result<Response, Failure>;

enum Failure {
    NoSession,
    Session(abiding_tower::Failure),
}

impl From<abiding::Error> for Failure {
    fn from(error: abiding::Error) -> Self {
        Self::Session(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoSession => StatusCode::UNAUTHORIZED.into_response(),
            Self::Session(failure) => failure.into_response(),
        }
    }
}
