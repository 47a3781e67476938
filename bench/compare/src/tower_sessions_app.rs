//! The endpoints on tower-sessions, whichever version the parent module brings into scope.

use axum::{
    Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use super::tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore, cookie::time::Duration, session,
};
use crate::contract::{Get, Keys, Set, sample_entries};

pub(crate) fn router(store: impl SessionStore + Clone) -> Router {
    let layer = SessionManagerLayer::new(store)
        .with_secure(false)
        .with_expiry(lifetime());
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
        .layer(layer)
        .route("/plain", get("ok"))
}

async fn login(session: Session) -> Answer {
    session.cycle_id().await?;
    for (key, value) in sample_entries() {
        session.insert(key, value).await?;
    }
    Ok("ok".into_response())
}

async fn read(session: Session) -> Answer {
    let user: u64 = session.get("user_id").await?.ok_or(Failure::NoSession)?;
    Ok(user.to_string().into_response())
}

async fn write(session: Session) -> Answer {
    let counter = session
        .get::<u64>("counter")
        .await?
        .ok_or(Failure::NoSession)?
        + 1;
    session.insert("counter", counter).await?;
    Ok(counter.to_string().into_response())
}

async fn touch(session: Session) -> Answer {
    session
        .get_value("user_id")
        .await?
        .ok_or(Failure::NoSession)?;
    // What it offers to slide an expiry; it marks the session as modified, so the record is written.
    session.set_expiry(Some(lifetime()));
    Ok("ok".into_response())
}

async fn set(session: Session, Query(set): Query<Set>) -> Answer {
    session
        .get_value("user_id")
        .await?
        .ok_or(Failure::NoSession)?;
    tokio::time::sleep(set.delay()).await;
    session.insert(&set.key, &set.value).await?;
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
    let mut present = Vec::new();
    for name in keys.names() {
        if session.get_value(&name).await?.is_some() {
            present.push(name);
        }
    }
    Ok(serde_json::json!(present).to_string().into_response())
}

async fn logout(session: Session) -> Answer {
    session.flush().await?;
    Ok("ok".into_response())
}

fn lifetime() -> Expiry {
    Expiry::OnInactivity(Duration::days(1))
}

type Answer = Result<Response, Failure>;

pub(crate) enum Failure {
    NoSession,
    Session,
}

impl From<session::Error> for Failure {
    fn from(_: session::Error) -> Self {
        Self::Session
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoSession => StatusCode::UNAUTHORIZED.into_response(),
            Self::Session => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
