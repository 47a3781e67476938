//! Slots that are moved from one server to another while sessions in them are read and written.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use abiding::store::Committed;

use super::*;

const WRITERS: usize = 4;

/// No request even notices: not one of them is an error.
#[test]
fn slots_that_are_moved_under_load_lose_nothing_and_fail_nobody() {
    let Some(cluster) = RedisCluster::new() else {
        return;
    };
    let store = Arc::new(run(store_of(&cluster)));
    let over = Arc::new(AtomicBool::new(false));
    let (shared, list, ended) = run(async {
        let ended = put(&*store, &ada("ada")).await;
        let list = lists(&cluster).remove(0);
        store.delete(&ended, None, at(1)).await.unwrap();
        (put(&*store, &record()).await, list, ended)
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, over) = (Arc::clone(&store), Arc::clone(&over));
            RUNTIME.spawn(async move {
                let mut own = put(&*store, &ada("ada")).await;
                let mut writes = 0;
                while !over.load(Ordering::SeqCst) && writes < 400 {
                    let (name, to) = (format!("{writer} {writes}"), sample::key());
                    let change = set(&name, "1");
                    let committed = store.commit(&shared, &change, Expect::Any, at(1));
                    assert!(matches!(committed.await.unwrap(), Committed::Yes(_)));
                    let change = set("writes", &writes.to_string());
                    let leave = Leave::Alias(at(LIFE));
                    let moved = store.rotate(&own, &to, &change, Expect::Any, leave, at(1));
                    assert!(matches!(moved.await.unwrap(), Committed::Yes(_)));
                    own = to;
                    assert!(store.load(&own, at(1)).await.unwrap().is_some());
                    writes += 1;
                }
                (own, writes)
            })
        })
        .collect();
    // The slots of the session that all write to, and of the list that all are on, from server to server.
    let slots = [name(&shared), list].map(|key| cluster.slot(&key));
    let mut steps = 0;
    for round in 0..6 {
        for slot in slots {
            let primaries = cluster.primaries();
            let owner = cluster.owner(slot).address();
            let place = primaries
                .iter()
                .position(|server| server.address() == owner);
            let to = primaries[(place.unwrap() + 1 + round % 2) % primaries.len()];
            cluster.migrate(slot, to, || {
                steps += 1;
                // Long enough for some requests to meet the slot as it is now.
                run(async {
                    for _ in 0..5 {
                        assert!(store.load(&shared, at(1)).await.unwrap().is_some());
                    }
                });
            });
        }
    }
    assert!(steps > 40);
    over.store(true, Ordering::SeqCst);
    run(async {
        let mut all = 1;
        for writer in writers {
            let (own, writes) = writer.await.unwrap();
            all += writes;
            let found = store.load(&own, at(1)).await.unwrap().unwrap();
            assert_eq!(
                sample::values(&found.record)["writes"],
                (writes - 1).to_string()
            );
        }
        let found = store.load(&shared, at(1)).await.unwrap().unwrap();
        assert_eq!(sample::values(&found.record).len(), all);
        assert!(all > WRITERS);
        assert_eq!(store.load(&ended, at(1)).await.unwrap(), None);
        let subject = sample::subject("ada");
        let listed = store.of_subject(&subject, at(1)).await.unwrap().len();
        let ended = store.end_subject(&subject, None, at(1)).await.unwrap();
        assert_eq!((listed, ended), (WRITERS, WRITERS));
    });
}
