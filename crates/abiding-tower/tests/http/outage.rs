//! The store fails: the request fails, and nothing is taken for "no session".

use std::time::Duration;

use abiding_testkit::{Fault, Operation, Plan};
use abiding_tower::{Failure, Session, spawn_sweeper};
use http::{StatusCode, header};

use crate::{
    browser::{Answer, Browser},
    stage::{MINUTE, Setup, Stage, show},
};

on_each_store![
    a_flood_of_keys_is_refused_in_time,
    a_failed_touch_does_not_fail_who_only_read,
    a_failing_sweep_is_tried_again,
    a_failure_can_be_shown_as_a_page,
    a_record_of_an_unknown_format_fails_the_request_and_stays,
    a_session_that_outgrows_its_limit_fails_the_request_and_stays,
    a_store_that_fails_at_any_call_fails_the_request_and_loses_nothing,
    an_outage_is_never_taken_for_no_session,
    what_a_failed_save_did_not_store_is_stored_by_the_next_one,
];

async fn visitor(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await
        .text();
    browser
}

fn unavailable(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "")
    );
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.set_cookie(), None, "the browser keeps its cookie");
}

/// Scar 11, RB-5.
async fn an_outage_is_never_taken_for_no_session(stage: Stage) {
    let browser = visitor(&stage).await;
    stage
        .store
        .follow(Plan::new().always(Operation::Any, Fault::Fail));
    let read_and_write = |session: Session| async move {
        let n: Option<u32> = session.get("n").await?;
        assert_eq!(n, None, "not reached");
        Ok(session.insert("n", &100)?)
    };
    // A handler that takes any error for an empty session.
    let shrug = |session: Session| async move {
        let n = session.get("n").await.unwrap_or(None).unwrap_or(100);
        Ok(session.insert("n", &n)?)
    };
    for _ in 0..3 {
        unavailable(&stage.request(&browser, show).await);
        unavailable(&stage.request(&browser, read_and_write).await);
        unavailable(&stage.request(&browser, shrug).await);
        unavailable(
            &stage
                .request(&browser, |s| async move { Ok(s.logout()) })
                .await,
        );
        unavailable(
            &stage
                .request(&browser, |s| async move { Ok(s.login("ada")?) })
                .await,
        );
        let begin = |session: Session| async move { Ok(session.insert("n", &1)?) };
        unavailable(&stage.request(&Browser::new(), begin).await);
    }
    assert_eq!(
        stage.store.calls(Operation::Create),
        3,
        "only for who had no session"
    );
    stage.store.follow(Plan::new());
    assert_eq!(stage.shown(&browser).await, "n=0");
    assert_eq!(stage.records().await.len(), 1);
}

/// Call by call: before its effect the session is as it was, after it (the reply was lost) as it should be.
async fn a_store_that_fails_at_any_call_fails_the_request_and_loses_nothing(stage: Stage) {
    type Act = fn(Session) -> Result<(), Failure>;
    let acts: [(Operation, Act, &str); 4] = [
        (
            Operation::Commit,
            |session| Ok(session.insert("n", &1)?),
            "n=1",
        ),
        (Operation::Rotate, |session| Ok(session.renew()), "n=0"),
        (
            Operation::Rotate,
            |session| Ok(session.elevate(MINUTE)),
            "n=0",
        ),
        (Operation::Delete, |session| Ok(session.logout()), "-"),
    ];
    for (operation, act, done) in acts {
        for (fault, expected) in [(Fault::Fail, "n=0"), (Fault::LoseReply, done)] {
            let mut browser = visitor(&stage).await;
            stage.store.follow(Plan::new().at(operation, 1, fault));
            let act = move |session: Session| async move { act(session) };
            unavailable(&stage.visit(&mut browser, act).await);
            assert_eq!(stage.shown(&browser).await, expected, "{operation:?}");
            // What the client does with a 503: again.
            assert_ne!(
                stage.visit(&mut browser, act).await.status,
                StatusCode::SERVICE_UNAVAILABLE
            );
            let shown = stage.shown(&browser).await;
            assert!(
                shown == done || operation == Operation::Delete && shown == "-",
                "{shown}"
            );
        }
    }
}

async fn a_failed_touch_does_not_fail_who_only_read(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.clock.advance(10 * MINUTE);
    stage
        .store
        .follow(Plan::new().always(Operation::Touch, Fault::Fail));
    assert_eq!(stage.shown(&browser).await, "n=0");
    assert_eq!(stage.store.calls(Operation::Touch), 1);
    stage.clock.advance(20 * MINUTE);
    assert_eq!(stage.shown(&browser).await, "-");
}

async fn what_a_failed_save_did_not_store_is_stored_by_the_next_one(stage: Stage) {
    let browser = visitor(&stage).await;
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::Fail));
    let persist = |session: Session| async move {
        session.insert("n", &1)?;
        session.save().await.unwrap_err();
        session.insert("m", &2)?;
        Ok(session.save().await?)
    };
    stage.request(&browser, persist).await.text();
    assert_eq!(stage.shown(&browser).await, "n=1 m=2");
}

/// Scar 37: no release that does not know a format takes what is stored in it for nothing.
async fn a_record_of_an_unknown_format_fails_the_request_and_stays(stage: Stage) {
    let browser = visitor(&stage).await;
    let mut found = stage.records().await.remove(0);
    let mut payload = found.record.payload.to_vec();
    payload[0] = 0x7f;
    found.record.payload = payload.into();
    stage.store.replace(&found, stage.now()).await;
    unavailable(&stage.request(&browser, show).await);
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    unavailable(&stage.request(&browser, write).await);
    assert_eq!(stage.records().await, [found]);
}

async fn a_session_that_outgrows_its_limit_fails_the_request_and_stays(stage: Stage) {
    let stage = stage.with(Setup {
        size_limit: Some(500),
        ..Setup::default()
    });
    let mut browser = visitor(&stage).await;
    let grow = |session: Session| async move { Ok(session.insert("big", &"x".repeat(500))?) };
    let answer = stage.visit(&mut browser, grow).await;
    assert_eq!(
        (answer.status, answer.set_cookie()),
        (StatusCode::INTERNAL_SERVER_ERROR, None)
    );
    assert_eq!(stage.shown(&browser).await, "n=0");
    // A logout that is too much to say is a logout nevertheless.
    let leave = |session: Session| async move {
        session.logout();
        Ok(session.insert("farewell", &"x".repeat(500))?)
    };
    assert_eq!(
        stage.visit(&mut browser, leave).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(stage.records().await, []);
}

async fn a_failure_can_be_shown_as_a_page(stage: Stage) {
    use axum::{middleware::map_response, response::IntoResponse as _, response::Response};
    async fn page(response: Response) -> Response {
        match response.extensions().get::<Failure>() {
            Some(failure) => (failure.status(), "try again in a moment").into_response(),
            None => response,
        }
    }
    let browser = visitor(&stage).await;
    stage
        .store
        .follow(Plan::new().always(Operation::Any, Fault::Fail));
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    let app = crate::stage::application(&stage.manager, write).layer(map_response(page));
    let answer = crate::stage::ask(app, browser.headers()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "try again in a moment");
}

/// Scar 15: a sweep that fails is not the last one; and what is over is over before it is swept.
async fn a_failing_sweep_is_tried_again(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.clock.advance(30 * MINUTE);
    assert_eq!(stage.shown(&browser).await, "-");
    stage
        .store
        .follow(Plan::new().at(Operation::Sweep, 1, Fault::Fail).at(
            Operation::Sweep,
            2,
            Fault::Fail,
        ));
    let sweeper = spawn_sweeper(stage.manager.clone(), Duration::from_millis(1));
    tokio::time::timeout(Duration::from_secs(20), async {
        while stage.store.calls(Operation::Sweep) < 40 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    sweeper.abort();
    stage.clock.set(abiding_testkit::ManualClock::START);
    assert_eq!(stage.records().await, [], "swept, and not only over");
}

/// A form of a hundred thousand fields, each a key: refused as too large, and before anybody notices.
async fn a_flood_of_keys_is_refused_in_time(stage: Stage) {
    let browser = visitor(&stage).await;
    let flood = |session: Session| async move {
        for key in 0..100_000 {
            session.insert(&key.to_string(), &0)?;
        }
        for key in 0..100_000 {
            assert!(session.contains(&key.to_string()).await?);
        }
        assert_eq!(session.keys().await?.len(), 100_001);
        Ok(())
    };
    let started = tokio::time::Instant::now();
    let answer = stage.request(&browser, flood).await;
    // A pass for each key takes minutes; this takes a second on a slow machine.
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(stage.shown(&browser).await, "n=0");
}
