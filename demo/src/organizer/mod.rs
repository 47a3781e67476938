//! The organizer: parties and their guests, for whoever is signed in.
//!
//! Parties lie in the database and belong to a user; the session says who that is and what happened
//! last. A form that comes after the session has ended goes by way of the sign-in page and is filled
//! in as it was.

mod pages;
mod parties;
mod sent;

use abiding_tower::{GuardedForm, Session};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};

use self::sent::{Answered, NewGuest, NewParty};
use crate::{
    accounts::{Refused, SignedIn},
    app::App,
    errors::Problem,
    forms::{Sent, opened},
    layout::Page,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/organizer", get(index).post(plan))
        .route("/organizer/{party}", get(show))
        .route("/organizer/{party}/remove", post(call_off))
        .route("/organizer/{party}/guests", post(invite))
        .route("/organizer/{party}/guests/{guest}", post(answer))
        .route("/organizer/{party}/guests/{guest}/remove", post(uninvite))
}

/// The parties of whoever is signed in.
async fn index(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Query(typed): Query<NewParty>,
) -> Result<Page, Problem> {
    let parties = parties::all(&app.database, user.id).await?;
    let token = session.form_token().await?;
    Ok(pages::index(&user, &parties, &typed, &[], &token))
}

/// Plans a party.
async fn plan(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    form: Sent<NewParty>,
) -> Result<Response, Refused> {
    let (form, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed("/organizer", &form))?;
    match fresh.and_then(|()| form.check(app.today())) {
        Ok((title, day)) => {
            let party = parties::add(&app.database, user.id, title, day).await?;
            session
                .flash("info", &format!("“{title}” is planned."))
                .await?;
            Ok(to_party(party).into_response())
        }
        Err(complaints) => {
            let parties = parties::all(&app.database, user.id).await?;
            let token = session.form_token().await?;
            let page = pages::index(&user, &parties, &form, &complaints, &token);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// A party with its guests.
async fn show(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path(party): Path<i64>,
    Query(typed): Query<NewGuest>,
) -> Result<Page, Problem> {
    let party = parties::find(&app.database, user.id, party).await?;
    let party = party.ok_or_else(Problem::not_found)?;
    let guests = parties::guests(&app.database, user.id, party.id).await?;
    let token = session.form_token().await?;
    Ok(pages::party(&party, &guests, &typed, &[], &token))
}

/// Puts somebody on the list.
async fn invite(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    Path(party): Path<i64>,
    form: Sent<NewGuest>,
) -> Result<Response, Refused> {
    let (form, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed(&address(party), &form))?;
    let party = parties::find(&app.database, user.id, party).await?;
    let party = party.ok_or_else(Problem::not_found)?;
    match fresh.and_then(|()| form.check()) {
        Ok(name) => {
            let new = parties::invite(&app.database, user.id, party.id, name).await?;
            let outcome = if new {
                "is invited"
            } else {
                "is on the list already"
            };
            session.flash("info", &format!("{name} {outcome}.")).await?;
            Ok(to_party(party.id).into_response())
        }
        Err(complaints) => {
            let guests = parties::guests(&app.database, user.id, party.id).await?;
            let token = session.form_token().await?;
            let page = pages::party(&party, &guests, &form, &complaints, &token);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Notes what a guest has answered.
async fn answer(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path((party, guest)): Path<(i64, i64)>,
    GuardedForm(Answered { answer }): GuardedForm<Answered>,
) -> Result<Redirect, Problem> {
    let noted = parties::answer(&app.database, user.id, guest, answer.as_str()).await?;
    let message = if noted {
        "The answer is noted."
    } else {
        NOT_THERE
    };
    session.flash("info", message).await?;
    Ok(to_party(party))
}

/// Takes a guest off the list.
async fn uninvite(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path((party, guest)): Path<(i64, i64)>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let removed = parties::uninvite(&app.database, user.id, guest).await?;
    let message = if removed {
        "The guest is off the list."
    } else {
        NOT_THERE
    };
    session.flash("info", message).await?;
    Ok(to_party(party))
}

/// Calls a party off.
async fn call_off(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path(party): Path<i64>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let removed = parties::remove(&app.database, user.id, party).await?;
    let message = if removed {
        "The party is called off."
    } else {
        "That party is not planned any more."
    };
    session.flash("info", message).await?;
    Ok(Redirect::to("/organizer"))
}

fn to_party(party: i64) -> Redirect {
    Redirect::to(&address(party))
}

fn address(party: i64) -> String {
    format!("/organizer/{party}")
}

const NOT_THERE: &str = "That guest is not on the list any more.";
