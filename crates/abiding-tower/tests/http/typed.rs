//! The session as a struct.

use std::{collections::HashMap, sync::Arc};

use abiding_tower::{Session, SessionLayer, Typed};
use axum::{Router, extract::Request, middleware::Next, response::IntoResponse, routing};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::{join, sync::Barrier};

use crate::{
    browser::{Answer, Browser},
    stage::{Stage, ask},
};

on_each_store![
    a_field_that_cannot_be_stored_fails_the_request,
    a_field_that_cannot_be_stored_does_not_keep_anybody_signed_in,
    a_logout_drops_what_the_struct_was_about_to_write,
    a_struct_in_a_handler_that_panicked_writes_nothing,
    a_struct_that_is_not_changed_writes_nothing,
    a_value_of_another_type_fails_the_request_and_stays,
    two_requests_that_change_different_fields_both_keep_them,
];

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Form {
    name: Option<String>,
    step: u32,
    answers: HashMap<String, u32>,
}

/// Sends a request for a page that has the session as a `Form`.
async fn page<F, R>(stage: &Stage, browser: &Browser, change: F) -> Answer
where
    F: FnOnce(Session, Typed<Form>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = StatusCode> + Send + 'static,
{
    let route = routing::any(move |session: Session, form: Typed<Form>| change(session, form));
    let layer = SessionLayer::new(stage.manager.clone()).with_summary();
    ask(
        Router::new().route("/", route).layer(layer),
        browser.headers(),
    )
    .await
}

async fn filled(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    let fill = |_, mut form: Typed<Form>| async move {
        form.name = Some("ada".into());
        form.answers = HashMap::from([("a".into(), 1), ("b".into(), 2)]);
        StatusCode::OK
    };
    browser.receive(&page(stage, &browser, fill).await);
    browser
}

async fn two_requests_that_change_different_fields_both_keep_them(stage: Stage) {
    let browser = filled(&stage).await;
    let both = Arc::new(Barrier::new(2));
    let (one, two) = (Arc::clone(&both), both);
    let (one, two) = join!(
        page(&stage, &browser, move |_, mut form| async move {
            one.wait().await;
            form.name = Some("grace".into());
            StatusCode::OK
        }),
        page(&stage, &browser, move |_, mut form| async move {
            two.wait().await;
            form.step = 2;
            StatusCode::OK
        })
    );
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    let check = |_, form: Typed<Form>| async move {
        assert_eq!(
            (form.name.as_deref(), form.step, form.answers["b"]),
            (Some("grace"), 2, 2)
        );
        StatusCode::OK
    };
    page(&stage, &browser, check).await.text();
}

async fn a_struct_that_is_not_changed_writes_nothing(stage: Stage) {
    let browser = filled(&stage).await;
    let look = |_, mut form: Typed<Form>| async move {
        // The same map by another way: its order may differ, its value does not.
        form.answers = form.answers.clone().into_iter().collect();
        form.step = 0;
        StatusCode::OK
    };
    assert_eq!(
        page(&stage, &browser, look).await.summary(),
        "read 1, store: nothing, cookie: nothing"
    );
    let gone = |_, mut form: Typed<Form>| async move {
        form.name = None;
        StatusCode::OK
    };
    page(&stage, &browser, gone).await.text();
    assert!(!stage.shown(&browser).await.contains("name"));
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Brittle {
    step: u32,
    #[serde(serialize_with = "refuse_seven")]
    number: u32,
}

fn refuse_seven<S: serde::Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        7 => Err(serde::ser::Error::custom("not seven")),
        number => serializer.serialize_u32(*number),
    }
}

async fn break_it(stage: &Stage, browser: &Browser, logs_out: bool) -> Answer {
    let handler = move |session: Session, mut form: Typed<Brittle>| async move {
        form.step = 3;
        form.number = 7;
        if logs_out {
            session.logout();
        }
    };
    let layer = SessionLayer::new(stage.manager.clone()).with_summary();
    ask(
        Router::new().route("/", routing::any(handler)).layer(layer),
        browser.headers(),
    )
    .await
}

async fn a_field_that_cannot_be_stored_fails_the_request(stage: Stage) {
    let browser = filled(&stage).await;
    let before = stage.shown(&browser).await;
    let answer = break_it(&stage, &browser, false).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    );
    assert_eq!(stage.shown(&browser).await, before);
}

async fn a_field_that_cannot_be_stored_does_not_keep_anybody_signed_in(stage: Stage) {
    let mut browser = filled(&stage).await;
    let thief = browser.clone();
    let answer = break_it(&stage, &browser, true).await;
    browser.receive(&answer);
    assert_eq!(
        (stage.shown(&thief).await.as_str(), browser.cookie()),
        ("-", None)
    );
}

async fn a_value_of_another_type_fails_the_request_and_stays(stage: Stage) {
    let mut browser = Browser::new();
    let begin = |session: Session| async move { Ok(session.insert("step", "three")?) };
    stage.visit(&mut browser, begin).await.text();
    let look = |_, _: Typed<Form>| async { StatusCode::OK };
    let answer = page(&stage, &browser, look).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    );
    assert_eq!(stage.shown(&browser).await, "step=\"three\"");
}

/// The struct is dropped when the handler is over, which is after the logout.
async fn a_logout_drops_what_the_struct_was_about_to_write(stage: Stage) {
    let mut browser = filled(&stage).await;
    let leave = |session: Session, mut form: Typed<Form>| async move {
        form.name = Some("ada lovelace".into());
        session.logout();
        StatusCode::OK
    };
    browser.receive(&page(&stage, &browser, leave).await);
    assert_eq!((browser.cookie(), stage.records().await), (None, vec![]));
}

/// A layer *inside* makes a response of the panic, so the request is settled: without what was half done.
async fn a_struct_in_a_handler_that_panicked_writes_nothing(stage: Stage) {
    let browser = filled(&stage).await;
    let before = stage.shown(&browser).await;
    let handler = |mut form: Typed<Form>| async move {
        form.step = 9;
        assert_eq!(form.step, 8, "panics as planned");
    };
    let catch = |request: Request, next: Next| async move {
        let answer = tokio::spawn(next.run(request)).await;
        answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    };
    let app = Router::new()
        .route("/", routing::any(handler))
        .layer(axum::middleware::from_fn(catch))
        .layer(SessionLayer::new(stage.manager.clone()).with_summary());
    let answer = ask(app, browser.headers()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(stage.shown(&browser).await, before);
}
