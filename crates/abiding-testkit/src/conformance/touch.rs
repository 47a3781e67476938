//! What [`Store::touch`] promises.

use std::time::Duration;

use abiding::{
    Store, Timestamp,
    store::{Leave, Touched, sample},
};

use super::probe::{LIFE, Probe, at, idling, record, record_until};

/// The deadline moves and the visit is noted; payload, version and the rest are as they were.
pub async fn touch_moves_the_idle_deadline_and_keeps_the_rest<S: Store>(store: &S) {
    let store = Probe(store);
    let mut record =
        sample::idling_record(at(0), at(LIFE), Duration::from_millis(100), &[("a", "1")]);
    let key = store.put(&record).await;
    assert_eq!(store.touch(&key, at(160), 60).await, Touched::Yes);
    (record.seen, record.idle_deadline) = (at(60), at(160));
    assert_eq!(store.found(&key, 159).await.record, record);
    assert!(!store.lives(&key, 160).await);
}

/// A touch that comes late, or from a clock that is behind, shortens nothing.
pub async fn touch_never_moves_a_deadline_back<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&idling(100)).await;
    store.touch(&key, at(200), 10).await;
    assert_eq!(store.touch(&key, at(150), 5).await, Touched::Yes);
    assert!(store.lives(&key, 199).await);
    let endless = store.put(&record(&[])).await;
    store.touch(&endless, at(10), 5).await;
    assert!(store.lives(&endless, LIFE - 1).await);
}

/// The absolute deadline holds however often a session is touched.
pub async fn touch_never_outlives_the_absolute_deadline<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&idling(100)).await;
    assert_eq!(store.touch(&key, Timestamp::MAX, 1).await, Touched::Yes);
    assert!(store.lives(&key, LIFE - 1).await);
    assert!(!store.lives(&key, LIFE).await);
}

/// Absent, ended, deleted, rotated away: gone, and it stays so.
pub async fn touch_revives_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let absent = sample::key();
    let (ended, idled) = (
        store.put(&record_until(10)).await,
        store.put(&idling(10)).await,
    );
    let (deleted, moved) = (store.put(&record(&[])).await, store.put(&record(&[])).await);
    store.delete(&deleted, 0).await;
    store.moved(&moved, Leave::Alias(at(10)), 0).await;
    for key in [absent, ended, idled, deleted, moved] {
        assert_eq!(store.touch(&key, Timestamp::MAX, 10).await, Touched::Gone);
        assert!(!store.lives(&key, 10).await);
    }
}

/// A snapshot lives as long as it was given, however it is used.
pub async fn touch_of_a_snapshot_is_gone_and_moves_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&idling(100)).await;
    let new = store.moved(&old, Leave::Snapshot(at(50)), 0).await;
    let moved = store.found(&new, 1).await;
    assert_eq!(store.touch(&old, at(500), 1).await, Touched::Gone);
    assert!(!store.lives(&old, 50).await);
    assert_eq!(store.found(&new, 1).await, moved);
}

/// Whoever comes with the old key keeps the record alive that lies under the new one.
pub async fn touch_follows_an_alias<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&idling(100)).await;
    let new = store.moved(&old, Leave::Alias(at(1_000)), 0).await;
    assert_eq!(store.touch(&old, at(500), 1).await, Touched::Yes);
    assert!(store.lives(&new, 499).await);
}
