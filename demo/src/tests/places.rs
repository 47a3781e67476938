//! Sessions that change their place while the demo runs: nobody is signed out, nothing is lost, and what
//! ended stays ended.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use abiding::{
    SystemClock,
    store::{Scan as _, Store as _},
};
use axum::http::StatusCode;
use serde_json::Value;

use super::{
    accounts::{THANDI, ZOLA},
    stage::{FORM, Stage, Visitor},
};
use crate::settings::StoreKind;

const PAGE: &str = "/operator/places";

/// Moves all sessions, and waits until nobody is under way with the way it was before.
async fn go_to(operator: &mut Visitor<'_>, stage: &Stage, place: &str) {
    let form = [("to", place), ("sure", "true")];
    let page = operator.post("/operator/places/move", &form).await;
    assert_eq!(page.location, PAGE);
    stage.app.places.at_rest().await;
    let told = operator.get(PAGE).await;
    assert!(told.body.contains("Sessions move to"), "{place}");
}

async fn picture(stage: &Stage) -> Value {
    // Counted anew: the picture is otherwise as old as a second.
    stage.app.places.count_now().await;
    let page = stage.visitor().get("/operator/places/picture.json").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    serde_json::from_str(&page.body).unwrap()
}

fn in_place(picture: &Value, name: &str) -> i64 {
    let bars = picture["bars"].as_array().unwrap();
    let bar = bars.iter().find(|bar| bar["name"] == name);
    bar.unwrap()["sessions"].as_i64().unwrap()
}

async fn filled_in(visitor: &mut Visitor<'_>) {
    let page = visitor.get("/membership/personal").await;
    for (name, value) in FORM[0].1.iter().take(3) {
        let field = page.tag(&format!("field-{name}")).unwrap_or_default();
        assert!(field.contains(value), "{name}: {field}");
    }
}

#[tokio::test]
async fn sessions_go_round_all_places_and_nobody_is_signed_out() {
    for began in [StoreKind::Sqlite, StoreKind::Memory, StoreKind::Cookie] {
        let stage = Stage::set(began);
        let (mut operator, mut busy) = (stage.visitor(), stage.visitor());
        let (mut user, mut device) = (stage.visitor(), stage.visitor());
        busy.fill().await;
        for visitor in [&mut user, &mut device] {
            visitor.sign_in(THANDI).await;
        }
        // Who comes once in a while is there in every second place.
        let mut seldom = stage.visitor();
        seldom.fill().await;
        let (start, name) = (busy.cookie.clone(), began.to_string());
        let all = [
            "file", "cookie", "sqlite", "file", "sqlite", "cookie", "file",
        ];
        for (at, place) in all.into_iter().filter(|place| *place != name).enumerate() {
            if stage.app.places.primary().name() == place {
                continue;
            }
            go_to(&mut operator, &stage, place).await;
            filled_in(&mut busy).await;
            assert!(user.is_signed_in().await, "{began}, {at}: {place}");
            if at % 2 == 1 {
                filled_in(&mut seldom).await;
            }
            let picture = picture(&stage).await;
            assert_eq!(picture["lost"], 0, "{began}, {at}: {picture}");
            assert!(in_place(&picture, place) >= 2, "{began}, {at}: {picture}");
        }
        assert_ne!(busy.cookie, start, "{began}");
        filled_in(&mut seldom).await;
        let devices = user.get("/account/devices").await;
        let listed = devices.body.matches("data-testid=\"device-name\"").count();
        assert_eq!(listed, 2, "{began}");
        // Signed out from elsewhere, wherever it was left.
        user.post("/account/devices/end-others", &[]).await;
        assert!(!device.is_signed_in().await, "{began}");
        assert!(user.is_signed_in().await, "{began}");
        let mut copy = user.another_tab();
        user.post("/sign-out", &[]).await;
        assert!(!copy.is_signed_in().await, "{began}: a session came back");
        let picture = picture(&stage).await;
        assert_eq!(picture["lost"], 0, "{began}: {picture}");
    }
}

#[tokio::test]
async fn those_who_are_away_are_brought_and_find_everything() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut operator = stage.visitor();
    let mut away = Vec::new();
    for _ in 0..20 {
        let mut visitor = stage.visitor();
        visitor.fill().await;
        away.push(visitor);
    }
    go_to(&mut operator, &stage, "file").await;
    let before = picture(&stage).await;
    assert_eq!(in_place(&before, "sqlite"), 20, "{before}");
    assert_eq!(before["to_bring"], 20);

    operator.post("/operator/places/bring", &[]).await;
    stage.app.places.at_rest().await;
    let after = picture(&stage).await;
    assert_eq!(in_place(&after, "sqlite"), 0, "{after}");
    assert_eq!(after["moved"], 21, "with the operator's own: {after}");
    assert_eq!((&after["lost"], &after["to_bring"]), (&0.into(), &0.into()));
    for visitor in &mut away {
        filled_in(visitor).await;
    }

    // What is empty is taken away in a while, and not before.
    let file = stage.app.data.join("sessions.db");
    stage.app.places.clear_away_now().await;
    assert!(file.exists());
    stage.at_second(61);
    stage.app.places.clear_away_now().await;
    assert!(!file.exists());
    for visitor in &mut away {
        filled_in(visitor).await;
    }
    go_to(&mut operator, &stage, "sqlite").await;
    filled_in(&mut away[0]).await;
    assert_eq!(picture(&stage).await["lost"], 0);
}

#[tokio::test]
async fn a_session_that_vanishes_is_counted_and_one_that_ends_is_not() {
    for place in ["sqlite", "file"] {
        let stage = Stage::set(StoreKind::Sqlite);
        let (mut operator, mut gone) = (stage.visitor(), stage.visitor());
        if place != "sqlite" {
            go_to(&mut operator, &stage, place).await;
        }
        let (mut ended, mut signed_out) = (stage.visitor(), stage.visitor());
        gone.fill().await;
        ended.fill().await;
        signed_out.sign_in(THANDI).await;
        assert_eq!(picture(&stage).await["lost"], 0);
        ended.post("/session/end", &[]).await;
        signed_out.post("/sign-out", &[]).await;
        let before = picture(&stage).await;
        assert_eq!(before["lost"], 0, "{before}");

        // Somebody takes a record out behind the back of the demo.
        let mut taken = false;
        for (_, store) in stage.app.places.stores_now() {
            let now = abiding::Clock::now(&SystemClock);
            for found in store.scan(None, 100, now).await.unwrap() {
                store.delete(&found.key, None, now).await.unwrap();
                taken = true;
            }
        }
        let after = picture(&stage).await;
        assert!(taken && before["sessions"] != 0, "{place}");
        assert_eq!(after["lost"], before["sessions"], "{place}: {after}");
    }
}

#[tokio::test]
async fn a_request_that_is_under_way_finishes_where_it_began() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut operator = stage.visitor();
    operator.fill().await;
    let under_way = stage.app.places.enter();
    let form = [("to", "file")];
    operator.post("/operator/places/move", &form).await;
    let page = operator.get(PAGE).await;
    assert_eq!(page.text("move-state"), Some("changing places"));
    assert_eq!(stage.app.places.primary().name(), "sqlite");
    // One at a time.
    operator
        .post("/operator/places/move", &[("to", "sqlite")])
        .await;
    let told = operator.get(PAGE).await;
    assert!(told.text("flash").unwrap().contains("a move is under way"));
    drop(under_way);
    stage.app.places.at_rest().await;
    assert_eq!(stage.app.places.primary().name(), "file");
    filled_in(&mut operator).await;
}

#[tokio::test]
async fn a_restart_goes_on_with_the_move_where_it_was() {
    for turn in [
        r#"{"Announced":{"place":"file","number":1}}"#,
        r#""Turned""#,
    ] {
        let mut stage = Stage::set(StoreKind::Sqlite);
        let mut visitor = stage.visitor();
        visitor.fill().await;
        let cookie = visitor.cookie.clone();
        let (first, second) = (
            r#"{"place":"sqlite","number":0}"#,
            r#"{"place":"file","number":1}"#,
        );
        let is_turned = turn.contains("Turned");
        let primary = if is_turned { second } else { first };
        let others = if is_turned { first } else { "" };
        let plan = format!(
            r#"{{"began_in":"sqlite","tag":"0a0b0c0d","latest":1,"primary":{primary},"others":[{others}],"turn":{turn}}}"#
        );
        fs::write(stage.app.data.join("places.json"), plan).unwrap();
        stage.restart();
        let mut visitor = stage.visitor();
        visitor.cookie = cookie;
        filled_in(&mut visitor).await;
        let keeper = stage.app.places.look_after();
        while stage.app.places.primary().name() != "file" || stage.app.places.is_moving() {
            tokio::task::yield_now().await;
        }
        filled_in(&mut visitor).await;
        keeper.abort();
        // Where sessions are is what the next start knows, whatever it would begin with.
        stage.restart();
        assert_eq!(stage.app.places.primary().name(), "file");
    }
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_with_the_reason() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut operator = stage.visitor();
    for (to, expected) in [
        ("sqlite", "that is where sessions are"),
        ("moon", "there is no such place"),
        ("", "there is no such place"),
    ] {
        operator.post("/operator/places/move", &[("to", to)]).await;
        let page = operator.get(PAGE).await;
        let told = page.text("flash").unwrap();
        assert!(
            told.starts_with("Nothing was moved: ") && told.contains(expected),
            "{told}"
        );
    }
    // A move into cookies is one that has been thought over.
    let page = operator
        .post("/operator/places/move", &[("to", "cookie")])
        .await;
    assert_eq!(page.location, "/operator/places/cookie");
    assert!(operator.get(&page.location).await.body.contains("way back"));
    assert_eq!(stage.app.places.primary().name(), "sqlite");
    // Without a token of this session nothing happens.
    let page = operator
        .post_as_it_is("/operator/places/move", &[("to", "file")])
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    // Another process serves from the same directory.
    let other = fs::File::open(stage.app.data.join("places.lock")).unwrap();
    other.lock_shared().unwrap();
    operator
        .post("/operator/places/move", &[("to", "file")])
        .await;
    let page = operator.get(PAGE).await;
    assert!(page.text("flash").unwrap().contains("another process"));
    drop(other);
    go_to(&mut operator, &stage, "file").await;
}

#[tokio::test]
async fn a_start_with_another_store_than_before_the_move_is_refused() {
    let mut stage = Stage::set(StoreKind::Sqlite);
    let mut operator = stage.visitor();
    operator.post("/register", ZOLA).await;
    go_to(&mut operator, &stage, "file").await;
    let error = stage.restart_on(StoreKind::Cookie).unwrap_err();
    assert!(error.contains("set ABIDING_STORE=sqlite"), "{error}");
    let plan = stage.app.data.join("places.json");
    fs::write(&plan, "half of a").unwrap();
    let error = stage.restart_on(StoreKind::Sqlite).unwrap_err();
    assert!(error.contains("places.json does not tell"), "{error}");
}

/// Whoever is at work does one thing after the other, and finds all of it, wherever it is meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_at_work_lose_nothing_while_sessions_move_all_the_time() {
    let stage = Stage::set(StoreKind::Sqlite);
    let (mut operator, is_over) = (stage.visitor(), AtomicBool::new(false));
    let moves = async {
        for place in [
            "file", "cookie", "file", "sqlite", "cookie", "sqlite", "file", "sqlite",
        ] {
            go_to(&mut operator, &stage, place).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let ((), done) = tokio::join!(moves, async {
        let one = || shopping(&stage, &is_over);
        tokio::join!(one(), one(), one(), one(), one(), one())
    });
    let done = [done.0, done.1, done.2, done.3, done.4, done.5];
    assert!(done.iter().all(|bought| *bought > 8), "{done:?}");
    let picture = picture(&stage).await;
    assert_eq!(picture["lost"], 0, "{picture}");
    assert!(picture["moved"].as_i64() > Some(20), "{picture}");
}

/// Puts packets of tea into a cart and takes them out again, one by one, and says how often.
async fn shopping(stage: &Stage, is_over: &AtomicBool) -> u32 {
    let mut visitor = stage.visitor();
    let (mut times, mut packets) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let by = if times / 50 % 2 == 0 { "more" } else { "less" };
        let page = visitor
            .post("/shop/cart", &[("article", "tea"), ("by", by)])
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{times}: {}", page.body);
        times += 1;
        packets = if by == "more" {
            packets + 1
        } else {
            packets - 1
        };
        let page = visitor.get("/shop").await;
        let place = stage.app.places.primary();
        let count = page.text("count-tea").unwrap_or("0");
        assert_eq!(count, packets.to_string(), "{times}, {place}");
        // Sessions in cookies wait for nothing, and others want their turn.
        tokio::task::yield_now().await;
    }
    times
}
