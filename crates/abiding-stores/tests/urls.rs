//! Every store by its URL on its real server: it opens, and is what the catalogue says.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

use std::time::Duration;

use abiding::{
    Clock, Store, StoreKey, SystemClock, Timestamp,
    store::{AnyStore, Created, Scan, Subjects, Sweep, Walk, sample},
};
use abiding_stores::{StoreUrl, catalogue::STORES};
use abiding_testkit::servers::places::PLACES;
use tokio::runtime::Runtime;

#[test]
fn every_store_is_what_the_catalogue_says_of_it() {
    let runtime = Runtime::new().unwrap();
    let memory = runtime.block_on(abiding_stores::open("memory:")).unwrap();
    is_what_it_says(&memory, &"memory:".parse().unwrap());
    for place in PLACES {
        let kind = STORES.iter().find(|kind| kind.name == place.store());
        let feature = kind.and_then(|kind| kind.feature);
        if feature.is_some_and(|feature| !feature.enabled) {
            continue;
        }
        let Some(standing) = place.begin() else {
            continue;
        };
        let url: StoreUrl = standing.url().parse().unwrap();
        let store = runtime.block_on(url.open()).unwrap();
        assert_eq!(store.capabilities().name, place.store());
        is_what_it_says(&store, &url);
        runtime.block_on(keeps_a_session(&store));
    }
    // A row that no place belongs to is held by nothing.
    for kind in STORES {
        let known = PLACES.iter().map(|place| place.store());
        assert!(
            known.chain(["memory"]).any(|name| name == kind.name),
            "{}",
            kind.name
        );
    }
}

fn is_what_it_says(store: &AnyStore, url: &StoreUrl) {
    let (told, powers) = (store.capabilities(), store.powers());
    assert_eq!(told.name, url.kind().name);
    let broken = url.kind().facts.contradiction(told, powers);
    assert_eq!(broken, None, "{url}");
}

/// Through the erased store: what it has works, what it lacks says so.
async fn keeps_a_session(store: &AnyStore) {
    let now = SystemClock.now();
    let (key, name) = (sample::key(), sample::key().to_hex());
    let deadline = now.after(Duration::from_secs(600));
    let record = sample::record_of(&name, now, deadline, &[("step", "2")]);
    assert_eq!(
        store.create(&key, &record, now).await.unwrap(),
        Created::Yes
    );
    let found = store.load(&key, now).await.unwrap().unwrap();
    assert_eq!(found.record, record);
    let powers = store.powers();
    let listed = store.of_subject(&sample::subject(&name), now).await;
    assert_eq!(
        listed.is_ok_and(|listed| listed.len() == 1),
        powers.subjects
    );
    assert_eq!(store.scan(None, 9, now).await.is_ok(), powers.scan);
    assert_eq!(is_met(store, &key, now).await, powers.walk);
    assert!(store.sweep(now, 9).await.is_ok());
    let ended = store.end_subject(&sample::subject(&name), None, now).await;
    assert_eq!(ended.is_ok(), powers.subjects);
    store.delete(&key, None, now).await.unwrap();
}

/// Whether a walk over all of it comes by the session.
async fn is_met(store: &AnyStore, key: &StoreKey, now: Timestamp) -> bool {
    let (mut place, mut met) = (None, false);
    loop {
        let Ok(page) = store.walk(place.as_ref(), 3, now).await else {
            return false;
        };
        met |= page.found.iter().any(|found| found.key == *key);
        place = page.next;
        if place.is_none() {
            return met;
        }
    }
}

/// Options in the URL reach the store.
#[cfg(feature = "postgres")]
#[test]
fn the_options_of_a_url_are_followed() {
    use abiding_testkit::servers::postgres::PostgresServer;
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let url = format!(
        "{}?table=web&durability=unlogged&application_name=shop%20window",
        server.url("postgres")
    );
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(abiding_stores::open(&url)).unwrap();
    assert!(!store.capabilities().durable);
    let kept = server.sql(
        "postgres",
        "SELECT relpersistence FROM pg_class WHERE relname = 'web'",
    );
    assert_eq!(kept, [["u"]]);
    runtime.block_on(keeps_a_session(&store));
    let names = server.sql(
        "postgres",
        "SELECT DISTINCT application_name FROM pg_stat_activity",
    );
    assert!(names.contains(&vec!["shop window".into()]), "{names:?}");
}

#[cfg(feature = "redis")]
#[test]
fn a_server_that_asks_for_a_password_gets_it_from_the_url_and_nobody_else_does() {
    use abiding_testkit::servers::redis::RedisServer;
    let Some(server) = RedisServer::with(&["--save", "", "--requirepass", "open/sesame"]) else {
        return;
    };
    let runtime = Runtime::new().unwrap();
    let open = |user: &str| {
        let url = format!("redis://{user}{}/?prefix=shop:", server.address());
        runtime.block_on(abiding_stores::open(&url))
    };
    let store = open(":open%2Fsesame@").unwrap();
    runtime.block_on(keeps_a_session(&store));
    for wrong in [":closed%2Fsesame@", ""] {
        let error = open(wrong).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("sesame"), "{told}");
    }
    let socket = format!("unix://{}?pass=open%2Fsesame", server.socket().display());
    runtime.block_on(async {
        let store = abiding_stores::open(&socket).await.unwrap();
        keeps_a_session(&store).await;
    });
}
