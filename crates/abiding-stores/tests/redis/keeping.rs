//! What lies on the server: until when, under which names, and nothing that anybody could use.

use std::time::Duration;

use abiding::store::{Committed, Expect, Leave, Subjects, Sweep};
use abiding_testkit::{Canary, servers::redis::Reply};

use super::*;

fn left(server: &RedisServer, name: &str) -> i64 {
    server.command(&["PTTL", name]).integer()
}

#[test]
fn the_server_forgets_everything_a_minute_after_its_end() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let idle = Duration::from_secs(100);
        let key = put(&store, &sample::idling_record(at(0), at(LIFE), idle, &[])).await;
        let lasts = |name: &str, millis: i64| {
            let left = left(&server, name);
            assert!(
                (millis + 50_000..=millis + 60_000).contains(&left),
                "{left} for {millis}"
            );
        };
        lasts(&name(&key), 100_000);
        store.touch(&key, at(300_000), at(100)).await.unwrap();
        lasts(&name(&key), 299_900);
        store
            .commit(&key, &set("a", "1"), Expect::Any, at(1))
            .await
            .unwrap();
        let to = sample::key();
        store
            .rotate(
                &key,
                &to,
                &set("a", "2"),
                Expect::Any,
                Leave::Alias(at(30_000)),
                at(0),
            )
            .await
            .unwrap();
        lasts(&name(&key), 30_000);
        lasts(&name(&to), 300_000);
        let next = sample::key();
        store
            .rotate(
                &to,
                &next,
                &set("a", "2"),
                Expect::Any,
                Leave::Snapshot(at(30_000)),
                at(0),
            )
            .await
            .unwrap();
        lasts(&name(&to), 30_000);
        let whose = put(&store, &sample::record_of("ada", at(0), at(LIFE), &[])).await;
        lasts(&name(&whose), LIFE);
        let list = server
            .command(&["KEYS", "abiding:u:*"])
            .array()
            .remove(0)
            .text();
        lasts(&list, LIFE);
        let endless = put(
            &store,
            &sample::record_of("ada", at(0), Timestamp::MAX, &[]),
        )
        .await;
        assert_eq!(
            (left(&server, &name(&endless)), left(&server, &list)),
            (-1, -1)
        );
    });
}

#[test]
fn a_session_whose_expiry_was_taken_away_ends_all_the_same_and_is_swept() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let (ended, alive) = (
            put(&store, &record()).await,
            put(&store, &sample::record(at(0), at(2 * LIFE), &[])).await,
        );
        for key in [&ended, &alive] {
            assert_eq!(server.command(&["PERSIST", &name(key)]).integer(), 1);
        }
        assert_eq!(store.load(&ended, at(LIFE)).await.unwrap(), None);
        assert_eq!(left(&server, &name(&ended)), -1);
        let swept = store.sweep(at(LIFE), 10).await.unwrap();
        assert_eq!((swept.removed, swept.more), (1, false));
        assert_eq!(left(&server, &name(&ended)), -2);
        assert!(store.load(&alive, at(LIFE)).await.unwrap().is_some());
    });
}

#[test]
fn a_list_of_sessions_mends_itself() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let ada = sample::subject("ada");
        let of_ada = || sample::record_of("ada", at(0), at(LIFE), &[]);
        let (kept, lost) = (put(&store, &of_ada()).await, put(&store, &of_ada()).await);
        server.command(&["DEL", &name(&lost)]);
        let list = server
            .command(&["KEYS", "abiding:u:*"])
            .array()
            .remove(0)
            .text();
        assert_eq!(server.command(&["ZCARD", &list]).integer(), 2);
        let listed = store.of_subject(&ada, at(1)).await.unwrap();
        assert_eq!(
            listed.iter().map(|found| found.key).collect::<Vec<_>>(),
            [kept]
        );
        assert_eq!(server.command(&["ZCARD", &list]).integer(), 1);
        // Whoever signs in again and again leaves no trail behind the longest life of a session.
        put(
            &store,
            &sample::record_of("ada", at(LIFE), at(2 * LIFE), &[]),
        )
        .await;
        let again = sample::key();
        store
            .create(
                &again,
                &sample::record_of("ada", at(LIFE), at(2 * LIFE), &[]),
                at(LIFE),
            )
            .await
            .unwrap();
        assert_eq!(server.command(&["ZCARD", &list]).integer(), 2);
        assert_eq!(store.end_subject(&ada, None, at(LIFE)).await.unwrap(), 2);
        assert_eq!(server.command(&["EXISTS", &list]).integer(), 0);
    });
}

/// Whoever never hears the answer comes with the first key again, and moves the session each time.
pub(crate) async fn moved_again_and_again(store: &RedisStore) {
    let first = put(store, &record()).await;
    for number in 0..30 {
        let (to, change) = (sample::key(), set("n", &number.to_string()));
        let leave = Leave::Alias(at(1_000 - number));
        let moved = store.rotate(&first, &to, &change, Expect::Any, leave, at(1));
        assert!(
            matches!(moved.await.unwrap(), Committed::Yes(_)),
            "{number}"
        );
        let found = store.load(&first, at(2)).await.unwrap().unwrap();
        assert_eq!(found.key, to);
        assert_eq!(sample::values(&found.record)["n"], number.to_string());
    }
    // No longer than any alias on the way was good for.
    assert!(store.load(&first, at(970)).await.unwrap().is_some());
    assert_eq!(store.load(&first, at(971)).await.unwrap(), None);
}

#[test]
fn a_session_that_is_moved_through_its_first_key_again_and_again_is_found_by_it() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async { moved_again_and_again(&store(&server).await).await });
}

/// Everything that lies on the server, names and values.
fn dump(server: &RedisServer) -> Vec<u8> {
    let mut dump = vec![];
    for name in server.command(&["KEYS", "*"]).array() {
        let name = name.text();
        dump.extend(name.as_bytes());
        match server.command(&["GET", &name]) {
            Reply::Bytes(bytes) => dump.extend(bytes),
            _ => {
                for member in server.command(&["ZRANGE", &name, "0", "-1"]).array() {
                    dump.extend(member.text().as_bytes());
                }
            }
        }
    }
    dump
}

#[test]
fn the_server_holds_no_id_no_name_and_no_value() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let canary = Canary::plant(store(&server).await).await.unwrap();
        let dump = dump(&server);
        assert!(dump.len() > 200);
        assert_eq!(canary.found_in(&dump), None);
        assert!(canary.lives().await.unwrap());
    });
}

#[test]
fn applications_with_prefixes_of_their_own_do_not_meet() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let shop = RedisOptions::new(server.url())
            .prefix("shop*")
            .open()
            .await
            .unwrap();
        let other = RedisOptions::new(server.url())
            .prefix("shop*2")
            .open()
            .await
            .unwrap();
        let key = put(&shop, &record()).await;
        assert_eq!(other.load(&key, at(1)).await.unwrap(), None);
        put(&other, &record()).await;
        assert_eq!(other.sweep(at(LIFE), 10).await.unwrap().removed, 1);
        assert!(shop.load(&key, at(1)).await.unwrap().is_some());
    });
}
