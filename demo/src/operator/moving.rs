//! The operator's page that moves all sessions to another place, and the numbers that it watches.

use abiding_tower::{GuardedForm, Session};
use axum::{
    Json, Router,
    extract::State,
    response::Redirect,
    routing::{get, post},
};
use serde::Deserialize;

use super::moving_pages;
use crate::{
    app::App,
    errors::Problem,
    layout::Page,
    places::{Picture, Refused},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PAGE, get(show))
        .route("/operator/places/cookie", get(confirm))
        .route("/operator/places/move", post(set_out))
        .route("/operator/places/bring", post(bring))
        .route("/operator/places/picture.json", get(picture))
}

/// Where they are to go.
#[derive(Debug, Deserialize)]
struct Move {
    #[serde(default)]
    to: String,
    /// Whether what it means was read.
    #[serde(default)]
    sure: bool,
}

async fn show(session: Session, State(app): State<App>) -> Result<Page, Problem> {
    let picture = app.places.picture().await?;
    let token = session.form_token().await?;
    Ok(moving_pages::overview(
        &picture,
        app.places.is_fixed(),
        &token,
    ))
}

async fn picture(State(app): State<App>) -> Result<Json<Picture>, Problem> {
    Ok(Json(app.places.picture().await?))
}

/// Says what sessions in cookies cannot do, and asks.
async fn confirm(session: Session, State(app): State<App>) -> Result<Page, Problem> {
    let cookie = app.places.all().iter().find(|place| place.is_cookie());
    let cookie = cookie.ok_or_else(Problem::not_found)?;
    let token = session.form_token().await?;
    Ok(moving_pages::confirmation(cookie.name(), &token))
}

async fn set_out(
    session: Session,
    State(app): State<App>,
    GuardedForm(Move { to, sure }): GuardedForm<Move>,
) -> Result<Redirect, Problem> {
    let place = app.places.all().iter().find(|place| place.name() == to);
    if place.is_some_and(|place| place.is_cookie() && !sure) {
        return Ok(Redirect::to("/operator/places/cookie"));
    }
    let told = match app.places.move_to(&to).await {
        Ok(()) => {
            let title = place.map_or(to, |place| place.title());
            format!(
                "Sessions move to {title}: new ones begin there, and each of the others follows with the \
                 next click of its visitor."
            )
        }
        Err(refused) => not_moved(&refused),
    };
    session.flash("info", &told).await?;
    Ok(Redirect::to(PAGE))
}

async fn bring(
    session: Session,
    State(app): State<App>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let told = match app.places.bring_the_rest() {
        Ok(()) => String::from("The rest is on its way."),
        Err(refused) => not_moved(&refused),
    };
    session.flash("info", &told).await?;
    Ok(Redirect::to(PAGE))
}

fn not_moved(refused: &Refused) -> String {
    tracing::warn!(%refused, "nothing was moved");
    format!("Nothing was moved: {refused}.")
}

const PAGE: &str = "/operator/places";
