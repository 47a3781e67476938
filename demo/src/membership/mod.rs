//! Joining an association in five steps: the form that nothing can lose.
//!
//! Every answer is a session key of its own and is saved without being read first, so no tab, restart
//! or slow request can take another's answers away. Even an answer that does not do is kept, with
//! what is wrong about it; only the last step insists.

mod answers;
mod application;
mod checks;
mod fields;
mod identity;
mod pages;
mod questions;
mod submission;

use abiding::{ErrorKind, Standing};
use abiding_tower::{GuardedForm, Session};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    app::App,
    calendar::Date,
    errors::Problem,
    forms::{Complaint, Sent},
};

use self::{
    answers::Answers,
    application::{ApplicationNumber, submit},
    checks::{complaints, first_incomplete},
    fields::{REVIEW, STEPS, Step},
    identity::Identity,
    pages::Reason,
    submission::Submission,
};

/// What a form sends: names and values, in order.
type Fields = Vec<(String, String)>;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/membership", get(resume))
        .route("/membership/{step}", get(show).post(save))
        .route("/membership/{step}/draft", post(draft))
        .route("/membership/review", get(review).post(send))
        .route("/membership/done", get(done))
}

/// To where the person stopped.
async fn resume(session: Session, State(app): State<App>) -> Result<Redirect, Problem> {
    let answers = Answers::load(&session).await?;
    Ok(to_step(
        first_incomplete(&answers, None, app.today()).map_or(REVIEW, |step| step.slug),
    ))
}

/// A step with what was typed so far, whether it does or not.
async fn show(
    session: Session,
    State(app): State<App>,
    Path(slug): Path<String>,
    Query(detour): Query<Detour>,
) -> Result<Response, Problem> {
    let step = Step::named(&slug).ok_or_else(Problem::not_found)?;
    let answers = Answers::load(&session).await?;
    if let Some(first) = first_incomplete(&answers, Some(step), app.today()) {
        return Ok(detour_to(first, step.slug).into_response());
    }
    let reason = match (session.standing().await?, detour.wanted()) {
        (Standing::Ended(_), _) => Reason::EndedMeanwhile,
        (_, Some(wanted)) => Reason::NeededFor(wanted),
        (_, None) => Reason::Asked,
    };
    let mut complaints = complaints(step, &answers, app.today());
    // Nobody is told off for questions that they did not come to yet.
    complaints.retain(|complaint| !answers.trimmed(complaint.field).is_empty());
    let token = session.form_token().await?;
    Ok(pages::step(step, &answers, &complaints, reason, app.today(), &token).into_response())
}

/// Saves a step: one write.
async fn save(
    session: Session,
    State(app): State<App>,
    Path(slug): Path<String>,
    form: Sent<Fields>,
) -> Result<Response, Problem> {
    let step = Step::named(&slug).ok_or_else(Problem::not_found)?;
    let again = async |status, typed: &[_], complaints: &[_], reason| {
        let (answers, token) = (Answers::of_form(step, typed), session.form_token().await?);
        let page = pages::step(step, &answers, complaints, reason, app.today(), &token);
        Ok((status, page).into_response())
    };
    let form = match form {
        Ok(GuardedForm(form)) => form,
        Err(refusal) if refusal.forged() => {
            let (status, reason, complaints) = match session.standing().await? {
                Standing::Ended(_) => (StatusCode::CONFLICT, Reason::EndedBeforeSaving, vec![]),
                _ => (
                    StatusCode::FORBIDDEN,
                    Reason::NotAccepted,
                    vec![Complaint::stale()],
                ),
            };
            return again(status, refusal.fields(), &complaints, reason).await;
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let answers = Answers::of_form(step, &form);
    // A draft may have found out before, and with it went the cookie.
    if says(&form, "ended") || !keep(&session, &answers, &form).await? {
        return again(StatusCode::CONFLICT, &form, &[], Reason::EndedBeforeSaving).await;
    }
    if let (true, Some(previous)) = (says(&form, "back"), step.previous()) {
        return Ok(to_step(previous.slug).into_response());
    }
    let complaints = complaints(step, &answers, app.today());
    if complaints.is_empty() {
        return Ok(to_step(step.next()).into_response());
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    again(status, &form, &complaints, Reason::Asked).await
}

/// Saves the answers that were changed since the page was opened: the script sends them one by one.
async fn draft(
    session: Session,
    Path(slug): Path<String>,
    form: Sent<Fields>,
) -> Result<StatusCode, Problem> {
    let step = Step::named(&slug).ok_or_else(Problem::not_found)?;
    let GuardedForm(form) = form?;
    let answers = Answers::of_partial_form(step, &form);
    let kept = keep(&session, &answers, &form).await?;
    Ok(if kept {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::CONFLICT
    })
}

/// Keeps the answers, unless the session has ended.
async fn keep(
    session: &Session,
    answers: &Answers,
    form: &[(String, String)],
) -> Result<bool, Problem> {
    let ended = matches!(session.standing().await?, Standing::Ended(_));
    if ended && !says(form, "anew") {
        // What is kept now would begin a session, in which the steps before are missing.
        return Ok(false);
    }
    answers.keep(session)?;
    match session.save().await {
        Err(error) if error.kind() == ErrorKind::Gone => Ok(false),
        outcome => Ok(outcome.map(|()| true)?),
    }
}

/// The last step: everything at a glance.
async fn review(session: Session, State(app): State<App>) -> Result<Response, Problem> {
    let answers = Answers::load(&session).await?;
    let Some(identity) = complete(&answers, app.today()) else {
        return Ok(to_first_incomplete(&answers, app.today()).into_response());
    };
    Submission::begin(&session).await?;
    let token = session.form_token().await?;
    Ok(pages::review(&answers, &identity, &[], &token).into_response())
}

/// Submits: writes one application, however often the button was pressed.
async fn send(
    session: Session,
    State(app): State<App>,
    form: Sent<IgnoredAny>,
) -> Result<Response, Problem> {
    let forged = match form {
        Ok(_) => false,
        Err(refusal) if refusal.forged() => true,
        Err(refusal) => return Err(refusal.into()),
    };
    let answers = Answers::load(&session).await?;
    let submission = Submission::load(&session).await?;
    if answers.is_empty() && number(&session).await?.is_some() {
        // The other click of a double click was faster.
        return Ok(Redirect::to(DONE).into_response());
    }
    let Some(identity) = complete(&answers, app.today()) else {
        return Ok(to_first_incomplete(&answers, app.today()).into_response());
    };
    if forged {
        let token = session.form_token().await?;
        let page = pages::review(&answers, &identity, &[Complaint::stale()], &token);
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    }
    let Some(submission) = submission else {
        return Ok(to_step(REVIEW).into_response());
    };
    let now = app.now();
    let receipt = submit(&app.database, submission.as_str(), &answers, &identity, now).await?;
    tracing::info!(number = %receipt.number, "an application was submitted");
    session.insert(NUMBER, &receipt.number.row())?;
    Submission::forget(&session);
    Answers::forget(&session);
    match session.save().await {
        // The application is in, whatever became of the session: the number must be seen.
        Err(error) if error.kind() == ErrorKind::Gone => Ok(pages::done(&receipt).into_response()),
        outcome => outcome
            .map(|()| Redirect::to(DONE).into_response())
            .map_err(Problem::from),
    }
}

/// The number of the application, for as long as the session lasts.
async fn done(session: Session, State(app): State<App>) -> Result<Response, Problem> {
    let Some(number) = number(&session).await? else {
        return Ok(Redirect::to("/membership").into_response());
    };
    let receipt = application::find(&app.database, number)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(pages::done(&receipt).into_response())
}

async fn number(session: &Session) -> abiding::Result<Option<ApplicationNumber>> {
    Ok(session.get(NUMBER).await?.map(ApplicationNumber::of_row))
}

/// Who applies, if every step does.
fn complete(answers: &Answers, today: Date) -> Option<Identity> {
    match first_incomplete(answers, None, today) {
        None => Identity::parse(answers.trimmed("id_number"), today).ok(),
        Some(_) => None,
    }
}

fn to_first_incomplete(answers: &Answers, today: Date) -> Redirect {
    detour_to(
        first_incomplete(answers, None, today).unwrap_or(&STEPS[0]),
        REVIEW,
    )
}

fn to_step(slug: &str) -> Redirect {
    Redirect::to(&format!("/membership/{slug}"))
}

fn detour_to(step: &Step, wanted: &str) -> Redirect {
    Redirect::to(&format!("/membership/{}?for={wanted}", step.slug))
}

/// Whether the form says what is to happen next.
fn says(form: &[(String, String)], next: &str) -> bool {
    form.iter()
        .any(|(name, value)| name == "go" && value == next)
}

/// Why a person sees this step: on the way to another one.
#[derive(Debug, Deserialize)]
struct Detour {
    #[serde(rename = "for", default)]
    wanted: String,
}

impl Detour {
    fn wanted(&self) -> Option<&'static str> {
        match self.wanted.as_str() {
            REVIEW => Some("Review and submit"),
            slug => Step::named(slug).map(|step| step.title),
        }
    }
}

const DONE: &str = "/membership/done";
const NUMBER: &str = "membership.number";
