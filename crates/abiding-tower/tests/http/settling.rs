//! When a request is settled, and what of it is kept: 5xx, panics, clients that go away, long answers.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, OnceLock},
    task::{Context, Waker},
};

use abiding_testkit::{Fault, Operation, Plan};
use abiding_tower::{Failure, Session, SessionLayer};
use axum::{Router, extract::Request, middleware::Next, response::IntoResponse, routing};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::{
    browser::Browser,
    stage::{MINUTE, Pause, Setup, Stage, application, ask},
};

on_each_store![
    a_client_that_goes_away_during_the_commit_leaves_all_of_it_or_nothing,
    a_client_that_goes_away_in_the_handler_leaves_nothing,
    a_handler_that_panics_leaves_nothing_but_what_it_had_committed,
    a_panic_that_a_layer_inside_answers_counts_as_a_5xx,
    a_session_that_somebody_still_holds_is_nobody_else_s_to_cache,
    a_use_is_written_down_once_a_threshold_and_sends_no_cookie,
    a_write_with_a_5xx_is_kept_unless_told_otherwise,
    an_equal_value_is_not_written,
    anonymous_traffic_costs_nothing,
    who_does_not_look_at_the_session_asks_nothing_of_the_store,
    who_only_writes_takes_one_round_trip,
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

/// Scar 7. Whichever is chosen, a logout is carried out.
async fn a_write_with_a_5xx_is_kept_unless_told_otherwise(mut stage: Stage) {
    for (discards, expected) in [(false, "n=1"), (true, "n=0")] {
        stage = stage.with(Setup {
            discards,
            ..Setup::default()
        });
        let mut browser = visitor(&stage).await;
        let fail = |session: Session| async move {
            session.insert("n", &1)?;
            Ok(StatusCode::BAD_GATEWAY)
        };
        assert_eq!(
            stage.visit(&mut browser, fail).await.status,
            StatusCode::BAD_GATEWAY
        );
        assert_eq!(stage.shown(&browser).await, expected);
        let thief = browser.clone();
        let leave = |session: Session| async move {
            session.insert("n", &2)?;
            session.logout();
            Ok(StatusCode::INTERNAL_SERVER_ERROR)
        };
        stage.visit(&mut browser, leave).await;
        assert_eq!(
            (browser.cookie(), stage.shown(&thief).await.as_str()),
            (None, "-")
        );
    }
}

async fn half_way(session: Session) -> Result<(), Failure> {
    session.insert("early", &true)?;
    session.save().await?;
    session
        .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
        .await?;
    session.insert("late", &true)?;
    session.login("ada")?;
    Ok(())
}

async fn panics(session: Session) -> Result<(), Failure> {
    half_way(session.clone()).await?;
    assert!(
        session.get::<bool>("late").await?.is_none(),
        "panics as planned"
    );
    Ok(())
}

/// What a layer that answers panics does.
async fn catch(request: Request, next: Next) -> axum::response::Response {
    let answer = tokio::spawn(next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn a_handler_that_panics_leaves_nothing_but_what_it_had_committed(stage: Stage) {
    let browser = visitor(&stage).await;
    // Nothing answers the panic: the connection's task ends.
    let request = stage.request(&browser, panics);
    assert!(tokio::spawn(request).await.unwrap_err().is_panic());
    assert_eq!(stage.shown(&browser).await, "n=1 early=true");
    // A layer outside answers it.
    let app = application(&stage.manager, panics).layer(axum::middleware::from_fn(catch));
    let answer = ask(app, browser.headers()).await;
    assert_eq!(
        (answer.status, answer.set_cookie()),
        (StatusCode::INTERNAL_SERVER_ERROR, None)
    );
    assert_eq!(stage.shown(&browser).await, "n=2 early=true");
    stage.clock.advance(MINUTE);
    assert_eq!(
        stage.shown(&browser).await,
        "n=2 early=true",
        "nobody was signed in"
    );
}

async fn a_panic_that_a_layer_inside_answers_counts_as_a_5xx(mut stage: Stage) {
    for (discards, kept) in [(true, false), (false, true)] {
        stage = stage.with(Setup {
            discards,
            ..Setup::default()
        });
        let mut browser = visitor(&stage).await;
        let app = Router::new()
            .route("/", routing::any(panics))
            .layer(axum::middleware::from_fn(catch))
            .layer(SessionLayer::new(stage.manager.clone()));
        let answer = ask(app, browser.headers()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        browser.receive(&answer);
        assert_eq!(stage.shown(&browser).await.contains("late"), kept);
    }
}

async fn a_client_that_goes_away_in_the_handler_leaves_nothing(stage: Stage) {
    let browser = visitor(&stage).await;
    let pause = Pause::new();
    let request = tokio::spawn({
        let pause = pause.clone();
        stage.request(&browser, move |session| async move {
            half_way(session).await?;
            pause.here().await;
            Ok(())
        })
    });
    pause.reached().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(stage.shown(&browser).await, "n=1 early=true");
}

/// Scar 35: dropped at every await of the settling, the next request finds all of it or nothing.
async fn a_client_that_goes_away_during_the_commit_leaves_all_of_it_or_nothing(stage: Stage) {
    let (mut all, mut nothing) = (0, 0);
    for polls in 1..12 {
        let browser = visitor(&stage).await;
        let slow = Plan::new()
            .always(Operation::Commit, Fault::Delay(2))
            .always(Operation::Commit, Fault::DelayReply(3));
        stage.store.follow(slow);
        {
            let mut request = pin!(stage.request(&browser, |session| async move {
                session.insert("left", &1)?;
                Ok(session.insert("right", &1)?)
            }));
            let mut context = Context::from_waker(Waker::noop());
            let answered = (0..polls).any(|_| request.as_mut().poll(&mut context).is_ready());
            if polls == 11 && !answered {
                // A store with a thread of its own may need longer than eleven looks.
                request.await.text();
            }
        }
        stage.store.follow(Plan::new());
        // The next request also waits for whatever the store still has to do.
        let next = stage.request(&browser, |session| async move {
            Ok(session
                .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                .await?
                .to_string())
        });
        assert_eq!(next.await.text(), "1");
        match stage.shown(&browser).await.as_str() {
            "n=1" => nothing += 1,
            "n=1 left=1 right=1" => all += 1,
            half => panic!("after {polls} polls: {half}"),
        }
    }
    assert!(
        all > 0 && nothing > 0,
        "{all} times all of it, {nothing} times nothing"
    );
}

/// Scars 23, 32 and 33, RB-2.
async fn anonymous_traffic_costs_nothing(stage: Stage) {
    let look = |session: Session| async move {
        session.get::<u32>("n").await?;
        session.take_flashes().await?;
        session.remove("n");
        session.clear();
        session.renew();
        session.logout();
        session.touch().await?;
        session.save().await?;
        Ok(session.subject().await?.unwrap_or_default())
    };
    let app = application(&stage.manager, look);
    for _ in 0..10_000 {
        let answer = ask(app.clone(), HeaderMap::new()).await;
        assert_eq!((answer.status, answer.set_cookie()), (StatusCode::OK, None));
    }
    assert_eq!((stage.calls(), stage.records().await), (0, vec![]));
}

async fn who_does_not_look_at_the_session_asks_nothing_of_the_store(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.clock.advance(20 * MINUTE);
    stage.store.follow(Plan::new());
    let answer = stage.request(&browser, |_| async { Ok("page") }).await;
    assert_eq!((answer.text(), stage.calls()), ("page", 0));
    let headers: Vec<_> = answer
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    assert_eq!(headers, ["content-type", "content-length"]);
}

async fn who_only_writes_takes_one_round_trip(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.store.follow(Plan::new());
    let write = |session: Session| async move {
        session.insert("a", &1)?;
        session.remove("n");
        Ok(session.insert("b", &2)?)
    };
    let answer = stage.request(&browser, write).await;
    assert_eq!(
        (answer.summary().as_str(), stage.calls()),
        ("store: commit, cookie: nothing", 1)
    );
    stage.store.follow(Plan::new());
    stage
        .request(&browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    assert_eq!(
        (stage.calls(), stage.store.calls(Operation::Delete)),
        (1, 1)
    );
}

/// Setting what is there already is no change, nested values and maps in another order included.
async fn an_equal_value_is_not_written(stage: Stage) {
    let mut browser = Browser::new();
    let begin = |session: Session| async move {
        session.insert("text", "a")?;
        session.insert("map", &json!({"one": {"x": 1, "y": [1, 2]}, "two": null}))?;
        Ok(session.insert("number", &1.5)?)
    };
    stage.visit(&mut browser, begin).await.text();
    stage.store.follow(Plan::new());
    // Spelled by hand, so that the order is another one.
    let reordered = r#"{"two":null,"one":{"y":[1,2],"x":1}}"#;
    let again = move |session: Session| async move {
        session.get::<String>("text").await?;
        session.insert("text", "a")?;
        let raw = serde_json::value::RawValue::from_string(reordered.into()).unwrap();
        session.insert("map", &raw)?;
        session.insert("number", &1.5)?;
        session.remove("never there");
        session
            .update("number", |n: Option<f64>| n.unwrap_or(0.0))
            .await?;
        session.insert("text", "b")?;
        Ok(session.insert("text", "a")?)
    };
    let answer = stage.request(&browser, again).await;
    assert_eq!(answer.summary(), "read 1, store: nothing, cookie: nothing");
    assert_eq!(stage.calls(), 1);
}

/// Scar 18: one touch for each tenth of the idle timeout, no cookie, and the payload stays as it is.
async fn a_use_is_written_down_once_a_threshold_and_sends_no_cookie(stage: Stage) {
    let browser = visitor(&stage).await;
    let before = stage.records().await.remove(0).record;
    stage.store.follow(Plan::new());
    for _ in 0..60 {
        stage.clock.advance(MINUTE);
        let answer = stage.request(&browser, crate::stage::show).await;
        assert_eq!((answer.text(), answer.set_cookie()), ("n=0", None));
    }
    assert_eq!(
        stage.store.calls(Operation::Touch),
        15,
        "every fourth minute"
    );
    assert_eq!(stage.store.calls(Operation::Commit), 0);
    let after = stage.records().await.remove(0).record;
    assert_eq!(
        (after.payload, after.version),
        (before.payload, before.version)
    );
    assert!(after.idle_deadline > before.idle_deadline);
}

/// CK-11: a body that reads the session later was not there when the headers were made.
async fn a_session_that_somebody_still_holds_is_nobody_else_s_to_cache(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.store.follow(Plan::new());
    let kept: Arc<OnceLock<Session>> = Arc::default();
    let keep = Arc::clone(&kept);
    let stream =
        move |session: Session| async move { Ok(keep.set(session).map_or("", |()| "head")) };
    let answer = stage.request(&browser, stream).await;
    assert_eq!((answer.text(), stage.calls()), ("head", 0));
    assert_eq!(
        (&answer.headers["vary"], &answer.headers["cache-control"]),
        (&"Cookie".parse().unwrap(), &"private".parse().unwrap())
    );
}
