//! Nothing written is lost, and nothing that ended returns.

use std::{sync::Arc, time::Duration};

use abiding::Expiry;
use abiding_tower::{Failure, Session};
use http::StatusCode;
use tokio::{join, sync::Barrier};

use crate::{
    browser::Browser,
    stage::{Pause, Setup, Stage},
};

on_each_store![
    a_late_save_under_the_id_before_a_sign_in_revives_nothing,
    a_session_ended_on_one_node_is_over_on_the_other,
    a_slow_request_does_not_bring_back_a_session_that_was_logged_out,
    a_blind_write_to_a_session_that_is_over_fails_once_and_not_for_ever,
    a_slow_update_does_not_bring_back_a_session_that_was_logged_out,
    a_write_to_a_session_that_expired_meanwhile_is_refused_and_said_so,
    every_way_of_changing_a_value_is_stored,
    fifty_requests_that_count_at_once_count_to_fifty,
    two_requests_that_set_their_own_keys_both_keep_them,
    two_requests_that_flash_a_message_both_keep_it,
];

/// Scar 1.
async fn two_requests_that_set_their_own_keys_both_keep_them(stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("step", &1)?)
        })
        .await;
    let both_have_read = Arc::new(Barrier::new(2));
    let write = |key: &'static str| {
        let both_have_read = Arc::clone(&both_have_read);
        stage.request(&browser, move |session| async move {
            assert_eq!(session.get::<u32>("step").await?, Some(1));
            both_have_read.wait().await;
            Ok(session.insert(key, "kept")?)
        })
    };
    let (left, right) = join!(write("left"), write("right"));
    assert_eq!(
        (left.status, right.status),
        (StatusCode::OK, StatusCode::OK)
    );
    let shown = stage.shown(&browser).await;
    assert!(
        shown.contains("left=\"kept\"") && shown.contains("right=\"kept\""),
        "{shown}"
    );
}

async fn fifty_requests_that_count_at_once_count_to_fifty(stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await;
    let together = Arc::new(Barrier::new(50));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let together = Arc::clone(&together);
        requests.spawn(stage.request(&browser, move |session| async move {
            session.get::<u32>("n").await?;
            together.wait().await;
            Ok(session
                .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                .await?
                .to_string())
        }));
    }
    let mut answers: Vec<u32> = requests
        .join_all()
        .await
        .iter()
        .map(|answer| answer.text().parse().unwrap())
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, (1..=50).collect::<Vec<_>>());
    assert_eq!(stage.shown(&browser).await, "n=50");
}

async fn two_requests_that_flash_a_message_both_keep_it(stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await;
    let both_have_read = Arc::new(Barrier::new(2));
    let flash = |message: &'static str| {
        let both_have_read = Arc::clone(&both_have_read);
        stage.request(&browser, move |session| async move {
            session.get::<u32>("n").await?;
            both_have_read.wait().await;
            Ok(session.flash("info", message).await?)
        })
    };
    join!(flash("one"), flash("two"));
    let take = |session: Session| async move {
        let mut messages: Vec<_> = session
            .take_flashes()
            .await?
            .into_iter()
            .map(|flash| flash.message)
            .collect();
        messages.sort();
        Ok(messages.join(" "))
    };
    assert_eq!(stage.request(&browser, take).await.text(), "one two");
    assert_eq!(stage.request(&browser, take).await.text(), "");
}

/// Scars 2, 3 and 12: the change is refused, the answer says so, and no new id stands in for the old.
async fn a_slow_request_does_not_bring_back_a_session_that_was_logged_out(stage: Stage) {
    for reads_first in [true, false] {
        let mut browser = Browser::new();
        stage
            .visit(&mut browser, |session| async move {
                Ok(session.insert("name", "ada")?)
            })
            .await;
        let (tab, pause) = (browser.clone(), Pause::new());
        let slow = tokio::spawn({
            let pause = pause.clone();
            stage.request(&tab, move |session| async move {
                if reads_first {
                    session.get::<String>("name").await?;
                }
                pause.here().await;
                Ok(session.insert("late", "write")?)
            })
        });
        pause.reached().await;
        stage
            .visit(&mut browser, |session| async move { Ok(session.logout()) })
            .await;
        assert_eq!(browser.cookie(), None);
        pause.end();
        let answer = slow.await.unwrap();
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(
            answer
                .set_cookie()
                .is_none_or(|cookie| cookie.ends_with("Max-Age=0")),
            "{answer:?}"
        );
        assert_eq!(stage.shown(&tab).await, "-");
        assert_eq!(stage.records().await, []);
    }
}

/// Who writes without reading is told that the session is over, and the next attempt begins one.
async fn a_blind_write_to_a_session_that_is_over_fails_once_and_not_for_ever(stage: Stage) {
    let mut browser = Browser::new();
    let write = |session: Session| async move { Ok(session.insert("theme", "dark")?) };
    stage.visit(&mut browser, write).await.text();
    stage.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(
        stage.visit(&mut browser, write).await.status,
        StatusCode::CONFLICT
    );
    stage.visit(&mut browser, write).await.text();
    assert_eq!(stage.shown(&browser).await, "theme=\"dark\"");
}

async fn a_slow_update_does_not_bring_back_a_session_that_was_logged_out(stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &1)?)
        })
        .await;
    let (tab, pause) = (browser.clone(), Pause::new());
    let slow = tokio::spawn({
        let pause = pause.clone();
        stage.request(&tab, move |session| async move {
            session.get::<u32>("n").await?;
            pause.here().await;
            Ok(session
                .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                .await?
                .to_string())
        })
    });
    pause.reached().await;
    stage
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await;
    pause.end();
    assert_eq!(slow.await.unwrap().status, StatusCode::CONFLICT);
    assert_eq!(stage.records().await, []);
}

/// Scar 4.
async fn a_late_save_under_the_id_before_a_sign_in_revives_nothing(stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("step", &1)?)
        })
        .await;
    let (before, pause) = (browser.clone(), Pause::new());
    let slow = tokio::spawn({
        let pause = pause.clone();
        stage.request(&before, move |session| async move {
            session.get::<u32>("step").await?;
            pause.here().await;
            Ok(session.insert("step", &2)?)
        })
    });
    pause.reached().await;
    stage
        .visit(
            &mut browser,
            |session| async move { Ok(session.login("ada")?) },
        )
        .await;
    pause.end();
    assert_eq!(slow.await.unwrap().status, StatusCode::CONFLICT);
    assert_eq!(stage.shown(&browser).await, "step=1");
    stage.clock.advance(Duration::from_secs(30));
    assert_eq!(stage.shown(&before).await, "-");
    assert_eq!(stage.records().await.len(), 1);
}

async fn a_write_to_a_session_that_expired_meanwhile_is_refused_and_said_so(stage: Stage) {
    let stage = stage.with(Setup {
        expiry: Some(Expiry::new().idle(Duration::from_millis(500))),
        ..Setup::default()
    });
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("step", &1)?)
        })
        .await;
    let clock = stage.clock.clone();
    let late = stage.request(&browser, move |session| async move {
        session.get::<u32>("step").await?;
        clock.advance(Duration::from_millis(500));
        Ok(session.insert("step", &2)?)
    });
    assert_eq!(late.await.status, StatusCode::CONFLICT);
    assert_eq!(stage.shown(&browser).await, "-");
}

/// Scar 8: whatever way a value is changed, nested or not, it is noticed and stored.
async fn every_way_of_changing_a_value_is_stored(stage: Stage) {
    let mut browser = Browser::new();
    let begin = |session: Session| async move {
        session.insert("list", &[1])?;
        session.insert("map", &serde_json::json!({"deep": {"er": [1, 2]}}))?;
        Ok(session.insert("gone", &true)?)
    };
    stage.visit(&mut browser, begin).await;
    let change = |session: Session| async move {
        session
            .update("list", |list: Option<Vec<u32>>| {
                [list.unwrap_or_default(), vec![2]].concat()
            })
            .await?;
        let mut map: serde_json::Value = session.get("map").await?.unwrap();
        map["deep"]["er"][1] = 3.into();
        session.insert("map", &map)?;
        session.remove("gone");
        Ok::<_, Failure>(())
    };
    stage.visit(&mut browser, change).await;
    assert_eq!(
        stage.shown(&browser).await,
        r#"list=[1,2] map={"deep":{"er":[1,3]}}"#
    );
    stage
        .visit(&mut browser, |session| async move { Ok(session.clear()) })
        .await;
    assert_eq!(stage.shown(&browser).await, "");
}

/// Scar 10.
async fn a_session_ended_on_one_node_is_over_on_the_other(mut stage: Stage) {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("name", "ada")?)
        })
        .await;
    let (thief, other) = (browser.clone(), stage.another(Setup::default()));
    assert_eq!(stage.shown(&thief).await, "name=\"ada\"");
    stage
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await;
    stage.manager = other;
    assert_eq!(stage.shown(&thief).await, "-");
}
