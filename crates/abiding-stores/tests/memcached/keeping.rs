//! What the server keeps, for how long, and what can be read from it.

use abiding::store::{Leave, Subjects, Touched};
use abiding_testkit::Canary;

use super::*;

/// ID-4, ST-11: whoever gets hold of what the server keeps learns no value, no name and no cookie.
#[test]
fn what_the_server_keeps_holds_no_secret() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let canary = Canary::plant(store(&server).await).await.unwrap();
        let mut names = server.names();
        for _ in 0..100 {
            if names.len() >= 2 {
                break;
            }
            // It walks beside other work, and may miss what is just being moved.
            tokio::time::sleep(Duration::from_millis(10)).await;
            names = server.names();
        }
        assert!(names.len() >= 2, "{names:?}");
        let mut bytes = 0;
        for name in names {
            let value = server.value(&name).unwrap();
            bytes += value.len();
            let dump = [name.as_bytes(), &value].concat();
            assert_eq!(canary.found_in(&dump), None, "{name}");
        }
        assert!(canary.lives().await.unwrap());
        assert!(bytes > 200);
    });
}

#[test]
fn the_server_forgets_a_session_a_minute_after_its_end_however_far_away_that_is() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    let left = |key: &StoreKey| -> i64 {
        let line = server.command(&format!("mg {} t", name(key)));
        line.strip_prefix("HD t")
            .unwrap_or_else(|| panic!("{line}"))
            .parse()
            .unwrap()
    };
    run(async {
        let store = store(&server).await;
        let day = 86_400;
        for seconds in [10, day, 29 * day, 31 * day, 365 * day] {
            let deadline = at(seconds * 1_000);
            let key = put(&store, &sample::record(at(0), deadline, &[])).await;
            let expected = seconds + 61;
            assert!(
                (expected - 5..=expected + 1).contains(&left(&key)),
                "{seconds}: {}",
                left(&key)
            );
        }
        let ever = put(&store, &sample::record(at(0), Timestamp::MAX, &[])).await;
        assert_eq!(left(&ever), -1);
        // A use moves it, and nothing else does.
        let idling = sample::idling_record(at(0), at(LIFE), Duration::from_secs(10), &[]);
        let key = put(&store, &idling).await;
        assert!(left(&key) <= 72);
        assert_eq!(
            store.touch(&key, at(100_000), at(1)).await.unwrap(),
            Touched::Yes
        );
        assert!(left(&key) > 150);
        // What a rotation left stays as long as the session until that is confirmed, and then its own time.
        let to = sample::key();
        let leave = Leave::Alias(at(30_000));
        store
            .rotate(&key, &to, &set("b", "1"), Expect::Any, leave, at(1))
            .await
            .unwrap();
        let mut tries = 0;
        while left(&key) > 95 {
            tries += 1;
            assert!(tries < 1_000, "it was never confirmed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

/// A list that the server drops ends the sessions on it: none is left that nobody can find and end.
#[test]
fn the_sessions_of_a_list_that_was_evicted_are_over() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let (one, other) = (store(&server).await, store(&server).await);
        let (key, nobodys) = (put(&one, &of_ada()).await, put(&one, &record()).await);
        for store in [&one, &other] {
            assert!(store.load(&key, at(1)).await.unwrap().is_some());
        }
        assert_eq!(server.command(&format!("md {}", list_of("ada"))), "HD");
        // Also for whoever remembers the session.
        for store in [&one, &other] {
            assert_eq!(
                commit(store, &key, &set("a", "2")).await.unwrap(),
                Committed::Gone
            );
            assert!(store.load(&key, at(1)).await.unwrap().is_none());
        }
        assert!(one.load(&nobodys, at(1)).await.unwrap().is_some());
        // Whoever signs in again brings none of them back.
        let again = put(&other, &of_ada()).await;
        let ada = sample::subject("ada");
        let listed = one.of_subject(&ada, at(1)).await.unwrap();
        assert_eq!(
            listed.iter().map(|found| found.key).collect::<Vec<_>>(),
            [again]
        );
        assert!(one.load(&key, at(1)).await.unwrap().is_none());
        assert_eq!(one.end_subject(&ada, None, at(1)).await.unwrap(), 1);
    });
}

#[test]
fn a_full_server_evicts_and_says_so_or_refuses_and_keeps_the_rest() {
    let large = "x".repeat(60_000);
    let large = sample::record(at(0), at(LIFE), &[("large", &large)]);
    for (settings, evicts) in [(&["-m", "4"][..], true), (&["-m", "4", "-M"][..], false)] {
        let Some(server) = MemcachedServer::with(settings) else {
            return;
        };
        run(async {
            let store = store(&server).await;
            assert_eq!(store.capabilities().evicts, evicts);
            let mut keys = vec![];
            let mut refusal = None;
            for _ in 0..200 {
                let key = sample::key();
                match store.create(&key, &large, at(0)).await {
                    Ok(created) => assert_eq!(created, Created::Yes),
                    Err(error) => {
                        refusal = Some(error.to_string());
                        break;
                    }
                }
                keys.push(key);
            }
            let mut living = 0;
            for key in &keys {
                living += usize::from(store.load(key, at(1)).await.unwrap().is_some());
            }
            if evicts {
                assert!(
                    refusal.is_none() && living < keys.len(),
                    "{living}: {refusal:?}"
                );
            } else {
                assert_eq!(living, keys.len());
                assert!(refusal.is_some_and(|told| told.contains("has no memory left")));
                // Nor does a write that does not fit take away what is there.
                let error = commit(&store, &keys[0], &set("b", "2")).await;
                if let Err(error) = error {
                    assert!(error.to_string().contains("has no memory left"), "{error}");
                }
                assert!(store.load(&keys[0], at(1)).await.unwrap().is_some());
            }
        });
    }
}
