//! What is special about this store; what it shares with the others is tested by the conformance suite.

mod files;
mod inline;
mod processes;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use abiding::{ErrorKind, Store, StoreKey, Timestamp, store::sample};
use rusqlite::Connection;

use super::*;
use crate::scratch::Scratch;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn in_seconds(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

/// A store that does not flush: what it does with the disk is the same otherwise.
fn quick(path: &Path) -> SqliteStore {
    SqliteOptions::new(path)
        .durability(Durability::Process)
        .open()
        .unwrap()
}

/// Keeps other processes from writing until it is dropped or rolled back.
fn lock(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    conn
}

async fn begin(store: &SqliteStore, deadline: Timestamp) -> StoreKey {
    let key = sample::key();
    assert_eq!(
        store
            .create(&key, &sample::record(NOW, deadline, &[]), NOW)
            .await
            .unwrap(),
        Created::Yes
    );
    key
}

async fn set(store: &SqliteStore, key: &StoreKey, name: &str, value: &str) -> Result<Committed> {
    store
        .commit(
            key,
            &sample::change(NOW, &[(name, value)], &[]),
            Expect::Any,
            NOW,
        )
        .await
}

/// Runs `future` until it waits for its answer, so that its job is queued.
fn queued<F: Future>(mut future: Pin<&mut F>) {
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
}

#[tokio::test]
async fn one_jobs_failure_does_not_disturb_the_others_of_its_batch() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let key = begin(&store, in_seconds(60)).await;

    // While another process holds the lock, all of these gather in one batch.
    let lock = lock(&scratch.file("s.db"));
    let mut first = pin!(set(&store, &key, "first", "1"));
    let mut fails = pin!(store.write("test", |conn| Ok(
        conn.execute("INSERT INTO nowhere VALUES (1)", ())?
    )));
    let mut panics = pin!(store.write::<()>("test", |_| panic!("a bug in a job")));
    let mut refused = pin!(store.write::<()>("test", |_| {
        Err(Error::new(ErrorKind::TooLarge, "test", "too large").into())
    }));
    let mut last = pin!(set(&store, &key, "last", "2"));
    queued(first.as_mut());
    queued(fails.as_mut());
    queued(panics.as_mut());
    queued(refused.as_mut());
    queued(last.as_mut());
    drop(lock);

    assert!(matches!(first.await.unwrap(), Committed::Yes(_)));
    assert_eq!(fails.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(panics.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(matches!(last.await.unwrap(), Committed::Yes(_)));
    let found = store.load(&key, NOW).await.unwrap().unwrap().record;
    assert_eq!(
        sample::values(&found),
        [("first".into(), "1".into()), ("last".into(), "2".into())].into()
    );
    assert_eq!(found.version.number(), 3);
}

/// RB-4: whoever goes away before his turn leaves nothing behind, and disturbs nobody.
#[tokio::test]
async fn a_future_dropped_before_its_turn_has_no_effect() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let key = begin(&store, in_seconds(60)).await;
    let lock = lock(&scratch.file("s.db"));
    {
        let mut dropped = pin!(set(&store, &key, "dropped", "1"));
        queued(dropped.as_mut());
    }
    let mut kept = pin!(set(&store, &key, "kept", "1"));
    queued(kept.as_mut());
    drop(lock);
    kept.await.unwrap();
    let found = store.load(&key, NOW).await.unwrap().unwrap().record;
    assert_eq!(sample::values(&found), [("kept".into(), "1".into())].into());
}

/// RB-6: no write waits without end.
#[tokio::test]
async fn a_write_that_waited_too_long_is_refused_and_never_done() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = SqliteOptions::new(&path)
        .patience(Duration::from_millis(50))
        .open()
        .unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let lock = lock(&path);
    let error = set(&store, &key, "late", "1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("is locked for too long"),
        "{error}"
    );
    // Reads do not wait for writers.
    assert!(store.load(&key, NOW).await.unwrap().is_some());
    drop(lock);
    set(&store, &key, "in time", "1").await.unwrap();
    let found = store.load(&key, NOW).await.unwrap().unwrap().record;
    assert_eq!(
        sample::values(&found),
        [("in time".into(), "1".into())].into()
    );
}

/// Scar 34: a forked child must not use, or even close, what its parent opened. A test cannot fork; but
/// all that the store goes by is the number of its process.
#[tokio::test]
async fn a_store_that_was_carried_into_a_child_refuses_to_work_and_is_left_open() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let mut store = quick(&path);
    let key = begin(&store, in_seconds(60)).await;
    store.owner ^= 1;
    let errors = [
        store.load(&key, NOW).await.unwrap_err(),
        set(&store, &key, "a", "1").await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            error
                .to_string()
                .contains("open it in each process, after the fork"),
            "{error}"
        );
    }
    drop(store);
    assert!(
        path.with_extension("db-wal").exists(),
        "the log was tidied away under the parent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_tasks_write_at_once_is_all_there() {
    let scratch = Scratch::new();
    let store = Arc::new(SqliteStore::open(scratch.file("s.db")).unwrap());
    let key = begin(&store, in_seconds(60)).await;
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { set(&store, &key, &format!("key {n}"), "1").await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = store.load(&key, NOW).await.unwrap().unwrap().record;
    assert_eq!(
        (sample::values(&found).len(), found.version.number()),
        (64, 65)
    );
}

#[tokio::test]
async fn a_sweep_removes_what_is_over_and_passes_over_what_was_used() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let mut living = Vec::new();
    for n in 0..300 {
        let key = sample::key();
        let mut record = sample::record(NOW, in_seconds(1_000), &[]);
        record.idle_deadline = in_seconds(10);
        store.create(&key, &record, NOW).await.unwrap();
        if n % 3 == 0 {
            store.touch(&key, in_seconds(100), NOW).await.unwrap();
            living.push(key);
        }
    }
    assert_eq!(
        store.sweep(in_seconds(9), 1_000).await.unwrap(),
        Swept::new(0, false)
    );
    let first = store.sweep(in_seconds(10), 50).await.unwrap();
    assert_eq!(first, Swept::new(50, true));
    assert_eq!(
        store.sweep(in_seconds(10), 1_000).await.unwrap(),
        Swept::new(150, false)
    );
    for key in &living {
        assert!(store.load(key, in_seconds(10)).await.unwrap().is_some());
    }
    assert_eq!(
        store.sweep(in_seconds(100), 1_000).await.unwrap(),
        Swept::new(100, false)
    );
}

/// The index of the sweep holds a bound from below, and a lifetime may be cut short.
#[tokio::test]
async fn a_sweep_finds_what_a_rotation_left_before_its_deadline() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    for leave in [
        Leave::Alias(in_seconds(10)),
        Leave::Snapshot(in_seconds(10)),
    ] {
        let (from, to) = (begin(&store, in_seconds(60)).await, sample::key());
        let change = sample::change(NOW, &[], &[]);
        let rotated = store
            .rotate(&from, &to, &change, Expect::Any, leave, NOW)
            .await
            .unwrap();
        assert!(matches!(rotated, Committed::Yes(_)));
    }
    assert_eq!(
        store.sweep(in_seconds(10), 10).await.unwrap(),
        Swept::new(2, false)
    );
    assert_eq!(store.scan(None, 10, in_seconds(10)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn keys_that_share_their_first_eight_bytes_never_share_a_session() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let mut bytes = *sample::key().as_bytes();
    let key = StoreKey::from_bytes(bytes);
    bytes[31] ^= 1;
    let neighbour = StoreKey::from_bytes(bytes);
    let record = sample::record(NOW, in_seconds(60), &[("owner", "one")]);
    assert_eq!(
        store.create(&key, &record, NOW).await.unwrap(),
        Created::Yes
    );
    assert_eq!(
        store.create(&neighbour, &record, NOW).await.unwrap(),
        Created::KeyTaken
    );
    assert_eq!(store.load(&neighbour, NOW).await.unwrap(), None);
    assert_eq!(
        set(&store, &neighbour, "owner", "two").await.unwrap(),
        Committed::Gone
    );
    assert_eq!(
        store.touch(&neighbour, in_seconds(70), NOW).await.unwrap(),
        Touched::Gone
    );
    assert_eq!(
        store.delete(&neighbour, None, NOW).await.unwrap(),
        Deleted::Absent
    );
    assert_eq!(store.load(&key, NOW).await.unwrap().unwrap().record, record);
}

#[tokio::test]
async fn a_scan_walks_in_the_order_of_the_keys_over_many_pages() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let mut keys = Vec::new();
    for n in 0..400_u64 {
        keys.push(begin(&store, in_seconds(10 + n % 2 * 50)).await);
    }
    let mut living: Vec<_> = keys.iter().skip(1).step_by(2).copied().collect();
    living.sort();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .scan(after.as_ref(), 150, in_seconds(10))
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        walked.extend(page.iter().map(|found| found.key));
    }
    assert_eq!(walked, living);
}

#[test]
fn every_lookup_goes_through_an_index() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    drop(quick(&path));
    let conn = Connection::open(&path).unwrap();
    let table = [
        (rows::FIND, "USING INTEGER PRIMARY KEY (rowid=?)"),
        (rows::TOUCH, "USING INTEGER PRIMARY KEY (rowid=?)"),
        (rows::PAGE, "USING INTEGER PRIMARY KEY (rowid>?)"),
        (
            rows::OF_SUBJECT,
            "USING INDEX abiding_sessions_subject (subject=?)",
        ),
        (
            changes::END_SUBJECT,
            "USING COVERING INDEX abiding_sessions_subject (subject=?)",
        ),
        (
            sweep::DUE,
            "USING INDEX abiding_sessions_sweep (sweep_at<?)",
        ),
    ];
    for (statement, expected) in table {
        let mut explain = conn
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
        let plan: String = explain
            .query_row(rusqlite::params_from_iter(parameters), |row| row.get(3))
            .unwrap();
        assert!(plan.contains(expected), "{statement}: {plan}");
    }
}
