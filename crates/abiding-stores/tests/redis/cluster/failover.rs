//! Primaries that die or hang under load, and replicas that take their place.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use abiding::{ErrorKind, Found, store::Committed};

use super::*;

const WRITERS: usize = 6;

#[test]
fn a_primary_that_dies_under_load_takes_nothing_with_it_that_was_acknowledged() {
    let Some(mut cluster) = RedisCluster::with(Duration::from_secs(4)) else {
        return;
    };
    let options = RedisOptions::new(cluster.url()).replicas(1);
    // A machine that stalls may take the others for dead as well, and then nothing is served for a while.
    let options = options.patience(Duration::from_secs(20));
    let store = Arc::new(run(options.open()).unwrap());
    for round in 0..2 {
        let (shared, ended) = run(async {
            let ended = put(&*store, &ada("ada")).await;
            let shared = put(&*store, &record()).await;
            store.delete(&ended, None, at(1)).await.unwrap();
            (shared, ended)
        });
        let (over, acknowledged) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, over) = (Arc::clone(&store), Arc::clone(&over));
                let acknowledged = Arc::clone(&acknowledged);
                RUNTIME.spawn(async move {
                    let mut own = put(&*store, &ada("ada")).await;
                    let (mut kept, mut moves) = (vec![], 0);
                    for write in 0.. {
                        if over.load(Ordering::SeqCst) || write == 300 {
                            break;
                        }
                        let name = format!("{writer} {write}");
                        let change = set(&name, "1");
                        let committed = store.commit(&shared, &change, Expect::Any, at(1));
                        match committed.await {
                            Ok(Committed::Yes(_)) => kept.push(name),
                            Ok(other) => panic!("{other:?}"),
                            // What was under way when the primary died: done or not, and not acknowledged.
                            Err(error) => assert!(error.is_transient(), "{error}"),
                        }
                        let (to, change) = (sample::key(), set("moves", &write.to_string()));
                        let leave = Leave::Alias(at(LIFE));
                        let moved = store.rotate(&own, &to, &change, Expect::Any, leave, at(1));
                        match moved.await {
                            Ok(Committed::Yes(_)) => (own, moves) = (to, write),
                            Ok(other) => panic!("{other:?}"),
                            Err(error) => {
                                assert!(error.is_transient(), "{error}");
                                // Wherever it is by now, the old key leads there.
                                own = found(&store, &own).await.key;
                            }
                        }
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    (kept, own, moves)
                })
            })
            .collect();
        while acknowledged.load(Ordering::SeqCst) < 20 {
            std::thread::yield_now();
        }
        cluster.kill_owner(cluster.slot(&name(&shared)));
        run(async {
            // The first one to succeed has found the new primary.
            found(&store, &shared).await;
        });
        // Until it has a replica of its own, it cannot acknowledge anything.
        cluster.mend();
        run(async {
            over.store(true, Ordering::SeqCst);
            let mut all = vec![];
            for writer in writers {
                let (kept, own, moves) = writer.await.unwrap();
                all.extend(kept);
                let values = sample::values(&found(&store, &own).await.record);
                let moved = values
                    .get("moves")
                    .map_or(0, |moves| moves.parse().unwrap());
                assert!(moved >= moves, "round {round}: {moved} of {moves} moves");
            }
            let values = sample::values(&found(&store, &shared).await.record);
            let lost = all
                .iter()
                .filter(|name| !values.contains_key(*name))
                .count();
            assert_eq!(lost, 0, "round {round}, of {}", all.len());
            assert!(all.len() > WRITERS);
            assert_eq!(store.load(&ended, at(1)).await.unwrap(), None);
            let subject = sample::subject("ada");
            assert_eq!(
                store.end_subject(&subject, None, at(1)).await.unwrap(),
                WRITERS
            );
        });
    }
}

/// The session under a key, as soon as somebody serves it.
async fn found(store: &RedisStore, key: &StoreKey) -> Found {
    for _ in 0..20 {
        match store.load(key, at(1)).await {
            Ok(found) => return found.expect("a session was lost"),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    panic!("nobody serves the session");
}

#[test]
fn a_primary_that_hangs_is_an_error_within_the_patience_for_its_own_keys_alone() {
    let Some(cluster) = RedisCluster::new() else {
        return;
    };
    run(async {
        let options = RedisOptions::new(cluster.url()).patience(Duration::from_secs(3));
        let store = options.open().await.unwrap();
        let mut keys = vec![];
        while keys.len() < 3 {
            let key = put(&store, &record()).await;
            let owner = cluster.owner(cluster.slot(&name(&key))).address();
            if keys.iter().all(|(_, other)| *other != owner) {
                keys.push((key, owner));
            }
        }
        let [(hung, address), others @ ..] = &keys[..] else {
            panic!("three keys");
        };
        let servers = cluster.servers();
        let server = servers
            .iter()
            .find(|server| server.address() == *address)
            .unwrap();
        server.process().stop();
        for _ in 0..2 {
            let load = tokio::time::timeout(Duration::from_secs(60), store.load(hung, at(1)));
            let error = load.await.expect("a load that waits for ever").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(
                error.to_string().contains("redis+cluster://127.0.0.1:"),
                "{error}"
            );
            for (key, _) in others {
                assert!(store.load(key, at(1)).await.unwrap().is_some());
            }
        }
        server.process().resume();
        let mut again = store.load(hung, at(1)).await;
        for _ in 0..100 {
            if again.is_ok() {
                break;
            }
            again = store.load(hung, at(1)).await;
        }
        assert!(again.unwrap().is_some());
    });
}
