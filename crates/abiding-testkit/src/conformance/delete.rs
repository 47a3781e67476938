//! What [`Store::delete`] promises.

use abiding::{
    Store, StoreKey, Timestamp, Version,
    store::{Committed, Created, Deleted, Expect, Leave, Touched, sample},
};

use super::probe::{LIFE, Probe, at, idling, nothing, pairs, record, record_until, set};

/// What was deleted is not found, and deleting it again is fine.
pub async fn delete_ends_the_record<S: Store>(store: &S) {
    let store = Probe(store);
    let (key, other) = (store.put(&record(&[])).await, store.put(&record(&[])).await);
    assert_eq!(store.delete(&key, 1).await, Deleted::Yes);
    assert_eq!(store.load(&key, 1).await, None);
    assert_eq!(store.delete(&key, 1).await, Deleted::Absent);
    assert!(store.lives(&other, 1).await);
}

/// What ended by itself was not ended by whoever deletes it.
pub async fn delete_of_an_absent_or_ended_record_is_absent<S: Store>(store: &S) {
    let store = Probe(store);
    let (ended, idled) = (
        store.put(&record_until(10)).await,
        store.put(&idling(10)).await,
    );
    for key in [sample::key(), ended, idled] {
        assert_eq!(store.delete(&key, 10).await, Deleted::Absent);
    }
}

/// What is named by something else than chance may begin anew under its key.
pub async fn delete_frees_the_key_of_an_ended_record<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record_until(10)).await;
    store.delete(&key, 10).await;
    assert_eq!(store.create(&key, &record(&[]), 10).await, Created::Yes);
    store.delete(&key, 10).await;
    assert_eq!(store.create(&key, &record(&[]), 10).await, Created::Yes);
}

/// A log-out that arrives with the old key ends the record under the new one, and every key to it.
pub async fn delete_through_an_alias_ends_the_record_and_its_aliases<S: Store>(store: &S) {
    let store = Probe(store);
    let first = store.put(&record(&[])).await;
    let second = store.moved(&first, Leave::Alias(at(100)), 0).await;
    let third = store.moved(&second, Leave::Alias(at(100)), 0).await;
    assert_eq!(store.delete(&first, 1).await, Deleted::Yes);
    for key in [first, second, third] {
        assert_eq!(store.load(&key, 1).await, None);
    }
}

/// An alias to a deleted record leads nowhere.
pub async fn delete_of_the_record_leaves_its_aliases_without_an_end<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[])).await;
    let new = store.moved(&old, Leave::Alias(at(100)), 0).await;
    assert_eq!(store.delete(&new, 1).await, Deleted::Yes);
    assert_eq!(store.load(&old, 1).await, None);
    assert_eq!(
        store.commit(&old, &set("a", "1", 1), Expect::Any, 1).await,
        Committed::Gone
    );
    assert_eq!(store.delete(&old, 1).await, Deleted::Absent);
}

/// A snapshot can be ended by itself; the record that moved on is not.
pub async fn delete_of_a_snapshot_ends_the_snapshot_only<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[])).await;
    let new = store.moved(&old, Leave::Snapshot(at(100)), 0).await;
    assert_eq!(store.delete(&old, 1).await, Deleted::Yes);
    assert_eq!(store.load(&old, 1).await, None);
    assert!(store.lives(&new, 1).await);
}

/// Whoever presents the old key can be told why the session is over, and nothing of what it held. A
/// legible store leaves nothing at all.
pub async fn delete_leaves_a_farewell_where_the_record_was<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let new = store.moved(&old, Leave::Alias(at(100)), 0).await;
    assert_eq!(store.delete_with_farewell(&old, 1).await, Deleted::Yes);
    if store.leaves_nothing() {
        assert_eq!(store.load(&new, 1).await, None);
        return;
    }
    let found = store.found(&new, 1).await;
    assert!(
        found.frozen && sample::is_farewell(&found.record),
        "{found:?}"
    );
    assert_eq!(sample::values(&found.record), pairs(&[]));
    assert!(store.lives(&new, LIFE - 1).await && !store.lives(&new, LIFE).await);
}

/// There is nothing to be told of what was no session.
pub async fn delete_leaves_no_farewell_where_there_was_no_record<S: Store>(store: &S) {
    let store = Probe(store);
    let moved = store.put(&record(&[])).await;
    store.moved(&moved, Leave::Snapshot(at(100)), 0).await;
    let deleted = store.put(&record(&[])).await;
    store.delete(&deleted, 1).await;
    for key in [
        sample::key(),
        store.put(&record_until(1)).await,
        moved,
        deleted,
    ] {
        store.delete_with_farewell(&key, 1).await;
        assert_eq!(store.load(&key, 1).await, None);
    }
}

/// A farewell is as final as an empty place.
pub async fn nothing_revives_what_left_a_farewell<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    store.delete_with_farewell(&key, 1).await;
    nothing_reaches(store, &key).await;
    if store.leaves_nothing() {
        assert!(!store.lives(&key, 1).await);
        return;
    }
    assert!(sample::is_farewell(&store.found(&key, 1).await.record));
    assert_eq!(store.create(&key, &record(&[]), 1).await, Created::KeyTaken);
}

/// A late writer finds it gone, whatever it read before.
pub async fn nothing_revives_a_deleted_record<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    store.delete(&key, 1).await;
    nothing_reaches(store, &key).await;
    assert!(!store.lives(&key, 1).await);
}

async fn nothing_reaches<S: Store>(store: Probe<'_, S>, key: &StoreKey) {
    for expect in [Expect::Any, Expect::Version(Version::FIRST)] {
        assert_eq!(
            store.commit(key, &set("a", "2", 1), expect, 1).await,
            Committed::Gone
        );
    }
    assert_eq!(store.touch(key, Timestamp::MAX, 1).await, Touched::Gone);
    let to = sample::key();
    let rotated = store
        .rotate(key, &to, &nothing(1), Leave::Alias(at(100)), 1)
        .await;
    assert_eq!(rotated, Committed::Gone);
    assert!(!store.lives(&to, 1).await);
}
