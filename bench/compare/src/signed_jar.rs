//! The endpoints on axum-extra's signed cookie jar, with one JSON object as the value of the cookie.

use std::{fs, io, path::Path, sync::Arc};

use axum::{
    Router,
    extract::{FromRef, Query, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};
use serde_json::{Map, Value, json};
use tower_sessions::cookie::time::Duration;

use crate::{
    contract::{Get, Keys, Set, sample},
    host::StartError,
};

const NAME: &str = "session";

#[derive(Clone)]
struct Application {
    key: Key,
    sample: Arc<Map<String, Value>>,
}

impl FromRef<Application> for Key {
    fn from_ref(application: &Application) -> Self {
        application.key.clone()
    }
}

pub(crate) fn router(key_file: Option<&Path>) -> Result<Router, StartError> {
    let application = Application {
        key: key(key_file)?,
        sample: Arc::new(sample()),
    };
    Ok(Router::new()
        .route("/get", get(value))
        .route("/idle", get(async |_: SignedCookieJar| "ok"))
        .route("/keys", get(keys))
        .route("/login", get(login))
        .route(
            "/logout",
            get(async |jar: SignedCookieJar| (jar.remove(Cookie::build(NAME).path("/")), "ok")),
        )
        .route("/plain", get("ok"))
        .route("/read", get(read))
        .route("/set", get(set))
        .route(
            "/touch",
            get(async |jar: SignedCookieJar| put(jar, |_| "ok".to_owned())),
        )
        .route("/write", get(write))
        .with_state(application))
}

async fn login(State(application): State<Application>, jar: SignedCookieJar) -> impl IntoResponse {
    (with_session(jar, &application.sample), "ok")
}

async fn read(jar: SignedCookieJar) -> Result<String, StatusCode> {
    Ok(session(&jar)?["user_id"].to_string())
}

async fn write(jar: SignedCookieJar) -> impl IntoResponse {
    put(jar, |session| {
        let counter = session["counter"].as_u64().unwrap_or_default() + 1;
        session["counter"] = counter.into();
        counter.to_string()
    })
}

async fn set(jar: SignedCookieJar, Query(set): Query<Set>) -> impl IntoResponse {
    tokio::time::sleep(set.delay()).await;
    put(jar, |session| {
        session.insert(set.key, set.value.into());
        "ok".to_owned()
    })
}

async fn value(jar: SignedCookieJar, Query(get): Query<Get>) -> Result<String, StatusCode> {
    let session = session(&jar)?;
    let value = session
        .get(&get.key)
        .and_then(Value::as_str)
        .ok_or(StatusCode::NOT_FOUND)?;
    Ok(value.to_owned())
}

async fn keys(jar: SignedCookieJar, Query(keys): Query<Keys>) -> Result<String, StatusCode> {
    let session = session(&jar)?;
    let present: Vec<_> = keys
        .names()
        .filter(|name| session.contains_key(name))
        .collect();
    Ok(json!(present).to_string())
}

fn put(
    jar: SignedCookieJar,
    change: impl FnOnce(&mut Map<String, Value>) -> String,
) -> Result<(SignedCookieJar, String), StatusCode> {
    let mut session = session(&jar)?;
    let answer = change(&mut session);
    Ok((with_session(jar, &session), answer))
}

fn session(jar: &SignedCookieJar) -> Result<Map<String, Value>, StatusCode> {
    let cookie = jar.get(NAME).ok_or(StatusCode::UNAUTHORIZED)?;
    serde_json::from_str(cookie.value()).map_err(|_| StatusCode::UNAUTHORIZED)
}

fn with_session(jar: SignedCookieJar, session: &Map<String, Value>) -> SignedCookieJar {
    let value = serde_json::to_string(session).unwrap_or_default();
    let cookie = Cookie::build((NAME, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax);
    jar.add(cookie.max_age(Duration::days(1)))
}

/// The key in the file, which is made if absent; without a file, a key of this process.
fn key(file: Option<&Path>) -> Result<Key, StartError> {
    let Some(file) = file else {
        return Ok(Key::generate());
    };
    match fs::read(file) {
        Ok(bytes) => Ok(Key::try_from(&bytes[..])?),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let key = Key::generate();
            fs::write(file, key.master())?;
            Ok(key)
        }
        Err(cause) => Err(cause.into()),
    }
}
