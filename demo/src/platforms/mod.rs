//! Platforms: a user has several connections, and works on one of them at a time.
//!
//! Which one is active is a choice of this session, kept as a struct together with a copy of the
//! platform; the database is asked whether the copy still holds before anything is done with it. Every
//! form names the platform that its page showed, and what was written for one platform is never
//! published on another one.

mod announcement;
mod choice;
mod pages;
mod platform;
mod sent;

use abiding_tower::{GuardedForm, Session, Typed};
use axum::{
    Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};

use self::{
    choice::{Active, Choice},
    platform::{Kept, Platform, PlatformId},
    sent::{Change, Details, Draft},
};
use crate::{
    accounts::{Refused, SignedIn},
    app::App,
    errors::Problem,
    forms::{Complaint, Sent, opened},
    layout::Page,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/platforms", get(index))
        .route("/platforms/new", get(blank).post(connect))
        .route("/platforms/clear", post(clear))
        .route("/platforms/desk", get(desk).post(publish))
        .route("/platforms/elsewhere", get(ask).post(publish_elsewhere))
        .route("/platforms/{id}", get(show).post(change))
        .route("/platforms/{id}/switch", post(switch))
        .route("/platforms/{id}/remove", post(remove))
}

/// All platforms, and which one is active here.
async fn index(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    mut choice: Typed<Choice>,
) -> Result<Page, Problem> {
    let active = choice.confirmed(&app, &user, &session).await?;
    let platforms = platform::all(&app.database, user.id).await?;
    let token = session.form_token().await?;
    Ok(pages::index(&platforms, active.as_ref(), &token))
}

/// Makes a platform the active one of this session.
async fn switch(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path(id): Path<PlatformId>,
    mut choice: Typed<Choice>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let platform = platform::find(&app.database, user.id, id).await?;
    let platform = platform.ok_or_else(Problem::not_found)?;
    note(&session, id, "switched to a platform").await?;
    choice.active = Some(Active::from(&platform));
    Ok(Redirect::to(DESK))
}

/// Works on no platform for now.
async fn clear(
    _: SignedIn,
    session: Session,
    mut choice: Typed<Choice>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    if let Some(left) = choice.active.take() {
        note(&session, left.edition.id, "left a platform").await?;
        session
            .flash("info", &format!("You have left “{}”.", left.name))
            .await?;
    }
    Ok(Redirect::to(ALL))
}

/// Where one works on the active platform.
async fn desk(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    mut choice: Typed<Choice>,
) -> Result<Response, Problem> {
    let Some(active) = choice.confirmed(&app, &user, &session).await? else {
        return Ok(Redirect::to(ALL).into_response());
    };
    let latest = announcement::latest(&app.database, user.id, active.edition.id).await?;
    let token = session.form_token().await?;
    Ok(pages::desk(&active, &latest, "", &[], &token).into_response())
}

/// Publishes on the platform that the page showed, if it is the active one and still what it was.
async fn publish(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    mut choice: Typed<Choice>,
    form: Sent<Draft>,
) -> Result<Response, Refused> {
    let (draft, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed(ELSEWHERE, &draft))?;
    let active = choice.confirmed(&app, &user, &session).await?;
    let Some(active) = active.filter(|active| active.edition == draft.platform) else {
        return Ok(refuse(&user, &session, &app, &draft).await?);
    };
    match fresh.and_then(|()| draft.check()) {
        Ok(text) => Ok(announce(&user, &session, &app, &draft, text).await?),
        Err(complaints) => {
            let latest = announcement::latest(&app.database, user.id, active.edition.id).await?;
            let token = session.form_token().await?;
            let page = pages::desk(&active, &latest, &draft.text, &complaints, &token);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Asks where something should go that was written for a platform which is not active.
async fn ask(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Query(draft): Query<Draft>,
) -> Result<Page, Problem> {
    let platforms = platform::all(&app.database, user.id).await?;
    let token = session.form_token().await?;
    Ok(pages::elsewhere(&platforms, &draft, &[], &token))
}

/// Switches to the platform that the person has named, and publishes there.
async fn publish_elsewhere(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    mut choice: Typed<Choice>,
    form: Sent<Draft>,
) -> Result<Response, Refused> {
    let (draft, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed(ELSEWHERE, &draft))?;
    let id = draft.platform.id;
    let platform = platform::find(&app.database, user.id, id).await?;
    let Some(platform) = platform.filter(|platform| platform.edition == draft.platform) else {
        return Ok(refuse(&user, &session, &app, &draft).await?);
    };
    match fresh.and_then(|()| draft.check()) {
        Ok(text) => {
            note(&session, id, "switched to a platform").await?;
            choice.active = Some(Active::from(&platform));
            Ok(announce(&user, &session, &app, &draft, text).await?)
        }
        Err(complaints) => {
            let platforms = platform::all(&app.database, user.id).await?;
            let token = session.form_token().await?;
            let page = pages::elsewhere(&platforms, &draft, &complaints, &token);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn announce(
    user: &SignedIn,
    session: &Session,
    app: &App,
    draft: &Draft,
    text: String,
) -> Result<Response, Problem> {
    let (platform, now) = (draft.platform, app.now());
    if !announcement::publish(&app.database, user.id, platform, text, now).await? {
        // It was changed or removed in this very moment.
        return refuse(user, session, app, draft).await;
    }
    session
        .flash("info", "Your announcement is published.")
        .await?;
    Ok(Redirect::to(DESK).into_response())
}

/// Nothing is published; what was typed is kept, and the person says where it should go.
async fn refuse(
    user: &SignedIn,
    session: &Session,
    app: &App,
    draft: &Draft,
) -> Result<Response, Problem> {
    note(
        session,
        draft.platform.id,
        "published nothing: the page was made for another platform",
    )
    .await?;
    let platforms = platform::all(&app.database, user.id).await?;
    let token = session.form_token().await?;
    let page = pages::elsewhere(&platforms, draft, &[], &token);
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// The form that connects a platform.
async fn blank(
    _: SignedIn,
    session: Session,
    Query(typed): Query<Details>,
) -> Result<Page, Problem> {
    let token = session.form_token().await?;
    Ok(pages::connect(&typed, None, &[], &token))
}

/// Connects a platform.
async fn connect(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    form: Sent<Details>,
) -> Result<Response, Refused> {
    let (typed, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed("/platforms/new", &typed))?;
    let complaints = match fresh.and_then(|()| typed.check()) {
        Ok(details) => match platform::add(&app.database, user.id, details).await? {
            Kept::Yes(platform) => {
                tell(&session, &platform, "connected").await?;
                return Ok(Redirect::to(ALL).into_response());
            }
            _ => vec![Complaint::new("name", NAME_TAKEN)],
        },
        Err(complaints) => complaints,
    };
    let token = session.form_token().await?;
    let page = pages::connect(&typed, None, &complaints, &token);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// A platform, and the form that changes it.
async fn show(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path(id): Path<PlatformId>,
    typed: Result<Query<Change>, QueryRejection>,
) -> Result<Page, Problem> {
    let platform = platform::find(&app.database, user.id, id).await?;
    let platform = platform.ok_or_else(Problem::not_found)?;
    let form = typed.map_or_else(|_| Change::from(&platform), |Query(typed)| typed);
    let token = session.form_token().await?;
    Ok(pages::edit(&platform, &form, None, &[], &token))
}

/// Changes a platform that nobody else has changed since the form was shown.
async fn change(
    user: Result<SignedIn, Refused>,
    session: Session,
    State(app): State<App>,
    Path(id): Path<PlatformId>,
    mut choice: Typed<Choice>,
    form: Sent<Change>,
) -> Result<Response, Refused> {
    let (typed, fresh) = opened(form)?;
    let user = user.map_err(|refused| refused.with_typed(&format!("/platforms/{id}"), &typed))?;
    let complaints = match fresh.and_then(|()| typed.check(id)) {
        Ok(details) => {
            match platform::change(&app.database, user.id, typed.platform, details).await? {
                Kept::Yes(changed) => {
                    tell(&session, &changed, "changed").await?;
                    if choice.is(id) {
                        choice.active = Some(Active::from(&changed));
                    }
                    return Ok(Redirect::to(ALL).into_response());
                }
                Kept::NameTaken => vec![Complaint::new("name", NAME_TAKEN)],
                Kept::Meanwhile => return Ok(overtaken(&user, &session, &app, typed).await?),
            }
        }
        Err(complaints) => complaints,
    };
    let platform = platform::find(&app.database, user.id, id).await?;
    let platform = platform.ok_or_else(Problem::not_found)?;
    let token = session.form_token().await?;
    let page = pages::edit(&platform, &typed, None, &complaints, &token);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Somebody was faster. What was typed is kept, beside what is there now.
async fn overtaken(
    user: &SignedIn,
    session: &Session,
    app: &App,
    typed: Change,
) -> Result<Response, Problem> {
    let token = session.form_token().await?;
    let page = match platform::find(&app.database, user.id, typed.platform.id).await? {
        Some(now) => {
            let form = Change {
                platform: now.edition,
                ..typed
            };
            pages::edit(&now, &form, Some(OVERTAKEN), &[], &token)
        }
        None => pages::connect(&typed.details, Some(GONE), &[], &token),
    };
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// Removes a platform, with all that was published there.
async fn remove(
    user: SignedIn,
    session: Session,
    State(app): State<App>,
    Path(id): Path<PlatformId>,
    mut choice: Typed<Choice>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    match platform::remove(&app.database, user.id, id).await? {
        Some(removed) => tell(&session, &removed, "removed").await?,
        None => {
            session
                .flash("info", "That platform is not connected any more.")
                .await?
        }
    }
    if choice.is(id) {
        choice.active = None;
    }
    Ok(Redirect::to(ALL))
}

/// Says what happened, to the log and to the person.
async fn tell(session: &Session, platform: &Platform, what: &str) -> abiding::Result<()> {
    note(session, platform.edition.id, &format!("{what} a platform")).await?;
    session
        .flash("info", &format!("“{}” is {what}.", platform.details.name))
        .await
}

/// One line in the log. A session goes by its handle there.
async fn note(session: &Session, platform: PlatformId, what: &str) -> abiding::Result<()> {
    let info = session.info().await?;
    let handle = info.map(|info| info.handle);
    tracing::info!(session = handle, %platform, "{what}");
    Ok(())
}

const ALL: &str = "/platforms";
const DESK: &str = "/platforms/desk";
const ELSEWHERE: &str = "/platforms/elsewhere";
const GONE: &str = "This platform was removed elsewhere. What you typed is kept: connect it again with it, or leave it.";
const OVERTAKEN: &str = "This platform was changed elsewhere since you opened it. What you typed is kept: send it again to \
     replace what is there now.";
const NAME_TAKEN: &str = "You have a platform of that name already";
