//! The operator's page: the keys that vouch for sessions, what they are still good for, and how they are changed.
//!
//! There for everybody in the development profile; in production for one signed-in person whom the
//! settings name, and for anybody else there is no such page. What it changes is the key file, which
//! every process of the demo follows: see [`follow`].

mod moving;
mod moving_pages;
mod pages;

use std::time::Duration;

use abiding::{KeyId, KeyStanding, KeyUsage, Manager, Timestamp};
use abiding_stores::keys::{KeyError, KeyFile, KeySource};
use abiding_tower::{GuardedForm, Session};
use axum::{
    Extension, Router,
    extract::{Path, Query, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{app::App, errors::Problem, layout::Page, settings::ProfileKind};

pub(crate) fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/operator", get(show))
        .route("/operator/keys/rotate", post(rotate))
        .route("/operator/keys/{id}/revoke", get(confirm).post(revoke))
        .merge(moving::routes())
        .route_layer(from_fn_with_state(app.clone(), only_operators))
}

/// Lets the sessions of this process follow their keys, if those can change.
pub(crate) fn follow(source: &KeySource, sessions: &Manager) -> Option<JoinHandle<()>> {
    let (source, ring) = (source.clone(), sessions.keys().clone());
    source
        .is_followable()
        .then(|| abiding_tower::spawn_key_follower(ring, FOLLOW_PERIOD, move || source.read()))
}

/// Anybody in development, the person of the settings in production, and for others no page at all.
async fn only_operators(
    State(app): State<App>,
    session: Session,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let welcome = match (app.profile, &app.operator) {
        (ProfileKind::Development, _) => true,
        (ProfileKind::Production, None) => false,
        (ProfileKind::Production, Some(operator)) => {
            session.subject().await?.as_deref() == Some(operator)
        }
    };
    if welcome {
        Ok(next.run(request).await)
    } else {
        Err(Problem::not_found())
    }
}

/// What the address says that was done.
#[derive(Debug, Deserialize)]
struct Told {
    revoked: Option<String>,
}

async fn show(
    session: Session,
    State(app): State<App>,
    Extension(sessions): Extension<Manager>,
    Query(Told { revoked }): Query<Told>,
) -> Result<Page, Problem> {
    let token = session.form_token().await?;
    let keys = sessions.keys().usage_at(app.now());
    Ok(pages::overview(&pages::Overview {
        keys: &keys,
        now: app.now(),
        rejections: &app.places.rejections(),
        revoked: revoked.and_then(|id| id.parse().ok()),
        source: &app.keys,
        token: &token,
    }))
}

/// Adds a key that signs in a while, and lets go of those that nobody can need any more.
async fn rotate(
    session: Session,
    State(app): State<App>,
    Extension(sessions): Extension<Manager>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let changed = change(&app, &sessions, |file, now| {
        file.retire(LONGEST_SESSION, now)?;
        file.rotate(LEAD, now)
    });
    let told = match changed.await? {
        Ok(id) => {
            tracing::info!(key = %id, "the session key was rotated");
            format!(
                "The key {id} is new. Every process knows it before it signs, in {} s.",
                LEAD.as_secs()
            )
        }
        Err(error) => not_changed(&error),
    };
    session.flash("info", &told).await?;
    Ok(Redirect::to("/operator"))
}

/// Says who would be signed out, and asks.
async fn confirm(
    session: Session,
    State(app): State<App>,
    Extension(sessions): Extension<Manager>,
    Path(id): Path<String>,
) -> Result<Page, Problem> {
    let key = living(&sessions, &id, app.now())?;
    Ok(pages::confirmation(&key, &session.form_token().await?))
}

async fn revoke(
    session: Session,
    State(app): State<App>,
    Extension(sessions): Extension<Manager>,
    Path(id): Path<String>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let id = living(&sessions, &id, app.now())?.id;
    match change(&app, &sessions, move |file, now| file.revoke(id, now)).await? {
        // Told by the address: the session of whoever asked for it may have ended by it.
        Ok(()) => {
            tracing::warn!(key = %id, "a session key was revoked");
            Ok(Redirect::to(&format!("/operator?revoked={id}")))
        }
        Err(error) => {
            session.flash("info", &not_changed(&error)).await?;
            Ok(Redirect::to("/operator"))
        }
    }
}

/// Changes the key file, and takes it over here at once; other processes follow.
async fn change<T: Send + 'static>(
    app: &App,
    sessions: &Manager,
    edit: impl FnOnce(&KeyFile, Timestamp) -> Result<T, KeyError> + Send + 'static,
) -> Result<Result<T, KeyError>, Problem> {
    let KeySource::File(path) = &app.keys else {
        return Err(Problem::not_found());
    };
    let (file, ring, now) = (KeyFile::new(path), sessions.keys().clone(), app.now());
    let changed = spawn_blocking(move || {
        let answer = edit(&file, now)?;
        ring.replace(&file.read()?);
        Ok(answer)
    });
    Ok(changed.await.map_err(std::io::Error::other)?)
}

/// The key of that id, if it vouches for anything.
fn living(sessions: &Manager, id: &str, now: Timestamp) -> Result<KeyUsage, Problem> {
    let id: KeyId = id.parse().map_err(|_| Problem::not_found())?;
    let gone = [KeyStanding::Retired, KeyStanding::Revoked];
    let mut keys = sessions.keys().usage_at(now).into_iter();
    keys.find(|key| key.id == id && !gone.contains(&key.standing))
        .ok_or_else(Problem::not_found)
}

fn not_changed(error: &KeyError) -> String {
    tracing::error!(%error, "the session keys were not changed");
    format!("Nothing was changed: {error}.")
}

/// How often a process looks for changed keys. Short, for a demo that somebody watches.
const FOLLOW_PERIOD: Duration = Duration::from_secs(2);
/// How long a new key waits: every process has looked several times by then.
const LEAD: Duration = Duration::from_secs(10);
/// "Keep me signed in" lasts seven days, and nothing lasts longer.
const LONGEST_SESSION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
