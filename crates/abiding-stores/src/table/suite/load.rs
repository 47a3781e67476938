//! Many sessions at once: a sweep of a hundred thousand beside people who are at work.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const SESSIONS: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_sessions_are_swept_while_others_go_on() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    let store = Arc::new(store);
    let (over, later) = (in_seconds(10).as_millis(), in_seconds(9_000).as_millis());
    server.sql(DATABASE, &rows(&table, SESSIONS, over, later));
    let is_swept = Arc::new(AtomicBool::new(false));
    let people: Vec<_> = (0..4)
        .map(|person| {
            let (store, is_swept) = (Arc::clone(&store), Arc::clone(&is_swept));
            tokio::spawn(async move {
                let key = begin(&store, in_seconds(9_000)).await;
                let mut n = 0_u64;
                while !is_swept.load(Ordering::Relaxed) {
                    n += 1;
                    let written = set(&store, &key, "n", &n.to_string()).await.unwrap();
                    assert!(
                        matches!(written, Committed::Yes(_)),
                        "{person}: {written:?}"
                    );
                    assert_eq!(value(&store, &key, "n").await, Some(n.to_string()));
                }
                n
            })
        })
        .collect();
    let mut removed = 0;
    loop {
        let swept = store.sweep(in_seconds(20), 7_000).await.unwrap();
        assert!(swept.removed <= 7_000);
        removed += swept.removed;
        if !swept.more {
            break;
        }
    }
    is_swept.store(true, Ordering::Relaxed);
    for person in people {
        assert!(person.await.unwrap() > 10);
    }
    assert_eq!(removed, SESSIONS / 2);
    let left = server.sql(DATABASE, &format!("SELECT count(*) FROM {table}"));
    assert_eq!(left, [[(SESSIONS / 2 + 4).to_string()]]);
}
