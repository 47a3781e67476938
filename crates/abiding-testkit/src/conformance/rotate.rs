//! What [`Store::rotate`] promises.

use abiding::{
    ErrorKind, Store, Version,
    store::{Committed, Deleted, Expect, Leave, Touched, sample},
};

use super::probe::{
    LIFE, Probe, at, erring, idling, no_error, nothing, pairs, record, record_until, set,
};

/// The record lies under the new key, with the change in it, and one version on.
pub async fn rotate_moves_the_record_and_commits_the_change<S: Store>(store: &S) {
    let store = Probe(store);
    let (old, new) = (store.put(&record(&[("a", "1")])).await, sample::key());
    let version = store.version(&old, 0).await;
    let committed = store
        .rotate(&old, &new, &set("b", "2", 1), Leave::Alias(at(10)), 1)
        .await;
    assert_eq!(committed, Committed::Yes(version.next()));
    let found = store.found(&new, 1).await;
    assert_eq!(
        (found.key, found.frozen, found.record.version),
        (new, false, version.next())
    );
    assert_eq!(
        sample::values(&found.record),
        pairs(&[("a", "1"), ("b", "2")])
    );
    assert_eq!((found.record.created, found.record.seen), (at(0), at(1)));
}

/// The old key leads to the record until its instant, which is already too late, and not longer.
pub async fn rotate_leaves_an_alias_until_exactly_its_instant<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let new = store.moved(&old, Leave::Alias(at(30)), 0).await;
    assert!(store.lives(&old, 29).await);
    for now in [30, 31] {
        assert!(!store.lives(&old, now).await, "at {now} ms");
        assert!(store.lives(&new, now).await, "at {now} ms");
    }
}

/// Nothing reaches the record through an alias that is over.
pub async fn an_alias_that_is_over_leads_nowhere<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    // Over at once: no grace at all.
    let new = store.moved(&old, Leave::Alias(at(5)), 5).await;
    let moved = store.found(&new, 5).await;
    assert_eq!(store.load(&old, 5).await, None);
    assert_eq!(
        store.commit(&old, &set("a", "2", 5), Expect::Any, 5).await,
        Committed::Gone
    );
    assert_eq!(store.touch(&old, at(LIFE), 5).await, Touched::Gone);
    let to = sample::key();
    assert_eq!(
        store
            .rotate(&old, &to, &nothing(5), Leave::Alias(at(50)), 5)
            .await,
        Committed::Gone
    );
    assert_eq!(store.delete(&old, 5).await, Deleted::Absent);
    assert_eq!(store.found(&new, 5).await, moved);
    assert_eq!(store.load(&to, 5).await, None);
}

/// An alias prolongs nothing.
pub async fn an_alias_does_not_outlive_the_record<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record_until(20)).await;
    let new = store.moved(&old, Leave::Alias(at(LIFE)), 0).await;
    assert!(store.lives(&old, 19).await);
    assert!(!store.lives(&old, 20).await && !store.lives(&new, 20).await);
}

/// The old key answers the record as it was before, frozen, until its instant.
pub async fn rotate_leaves_a_frozen_snapshot_until_exactly_its_instant<S: Store>(store: &S) {
    let store = Probe(store);
    let (old, new) = (store.put(&record(&[("a", "1")])).await, sample::key());
    let before = store.found(&old, 0).await;
    store
        .rotate(
            &old,
            &new,
            &set("secret", "2", 1),
            Leave::Snapshot(at(30)),
            1,
        )
        .await;
    store.set(&new, "later", "3", 2).await;
    let snapshot = store.found(&old, 29).await;
    assert!(snapshot.frozen);
    assert_eq!((snapshot.key, snapshot.record), (old, before.record));
    assert_eq!(store.load(&old, 30).await, None);
    assert!(store.lives(&new, 30).await);
}

/// A snapshot ends when the record would have.
pub async fn a_snapshot_does_not_outlive_the_record_that_it_shows<S: Store>(store: &S) {
    let store = Probe(store);
    for record in [record_until(20), idling(20)] {
        let old = store.put(&record).await;
        store.moved(&old, Leave::Snapshot(at(LIFE)), 0).await;
        assert!(store.lives(&old, 19).await, "{record:?}");
        assert!(!store.lives(&old, 20).await, "{record:?}");
    }
}

/// An alias leads to a snapshot as it leads to a record, and to nothing beyond it.
pub async fn an_alias_leads_to_the_snapshot_behind_it<S: Store>(store: &S) {
    let store = Probe(store);
    let first = store.put(&record(&[("a", "1")])).await;
    let second = store.moved(&first, Leave::Alias(at(100)), 0).await;
    let third = store.moved(&second, Leave::Snapshot(at(100)), 1).await;
    let found = store.found(&first, 2).await;
    assert_eq!((found.key, found.frozen), (second, true));
    assert_eq!(
        store
            .commit(&first, &set("a", "2", 2), Expect::Any, 2)
            .await,
        Committed::Gone
    );
    assert_eq!(store.values(&third, 2).await, pairs(&[("a", "1")]));
}

/// Whatever lies under the new key, be it the record itself, stays as it is, and so does the record.
pub async fn rotate_refuses_a_taken_key_and_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    let (other, ended) = (
        store.put(&record(&[("b", "2")])).await,
        store.put(&record_until(1)).await,
    );
    let (alias, snapshot) = (store.put(&record(&[])).await, store.put(&record(&[])).await);
    store.moved(&alias, Leave::Alias(at(100)), 0).await;
    store.moved(&snapshot, Leave::Snapshot(at(100)), 0).await;
    let before = store.found(&key, 1).await;
    for taken in [key, other, alias, snapshot, ended] {
        let there = store.load(&taken, 0).await;
        let committed = store
            .rotate(&key, &taken, &set("a", "lost", 1), Leave::Alias(at(50)), 1)
            .await;
        assert_eq!(committed, Committed::KeyTaken);
        assert_eq!(store.load(&taken, 0).await, there);
        assert_eq!(store.found(&key, 1).await, before);
    }
}

/// Under another version the record stays where it is, and is handed back.
pub async fn rotate_of_another_version_is_stale_and_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let (key, to) = (store.put(&record(&[("n", "1")])).await, sample::key());
    store.set(&key, "n", "2", 1).await;
    let current = store.found(&key, 1).await;
    let rotate = async |expect| {
        let leave = Leave::Alias(at(50));
        no_error(
            "rotate",
            store
                .0
                .rotate(&key, &to, &set("n", "3", 2), expect, leave, at(2))
                .await,
        )
    };
    assert_eq!(
        rotate(Expect::Version(Version::FIRST)).await,
        Committed::Stale(current.clone())
    );
    assert_eq!(store.found(&key, 2).await, current);
    assert_eq!(store.load(&to, 2).await, None);
    let version = current.record.version;
    assert_eq!(
        rotate(Expect::Version(version)).await,
        Committed::Yes(version.next())
    );
    assert_eq!(store.values(&to, 2).await, pairs(&[("n", "3")]));
}

/// Absent, ended, deleted, frozen: gone, and nothing appears under the new key.
pub async fn rotate_of_a_record_that_is_gone_creates_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let absent = sample::key();
    let (ended, idled) = (
        store.put(&record_until(10)).await,
        store.put(&idling(10)).await,
    );
    let (deleted, frozen) = (store.put(&record(&[])).await, store.put(&record(&[])).await);
    store.delete(&deleted, 0).await;
    store.moved(&frozen, Leave::Snapshot(at(100)), 0).await;
    for key in [absent, ended, idled, deleted, frozen] {
        let to = sample::key();
        for leave in [Leave::Alias(at(50)), Leave::Snapshot(at(50))] {
            assert_eq!(
                store.rotate(&key, &to, &nothing(10), leave, 10).await,
                Committed::Gone
            );
            assert_eq!(store.load(&to, 10).await, None);
        }
    }
}

/// A change that cannot be applied moves nothing.
pub async fn rotate_with_an_erring_change_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    for (change, record) in erring(1) {
        let (key, to) = (store.put(&record).await, sample::key());
        let rotated = store
            .0
            .rotate(&key, &to, &change, Expect::Any, Leave::Alias(at(50)), at(1))
            .await;
        let error = rotated.map_err(|error| error.kind());
        assert!(
            matches!(error, Err(ErrorKind::TooLarge | ErrorKind::Corrupt)),
            "answered {error:?}"
        );
        assert_eq!(store.found(&key, 1).await.record, record);
        assert_eq!(store.load(&to, 1).await, None);
    }
}

/// Whoever comes second, with the old key, moves the record that the first one moved.
pub async fn rotate_through_an_alias_moves_what_the_first_one_moved<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let (first, second) = (sample::key(), sample::key());
    store
        .rotate(&old, &first, &set("b", "2", 1), Leave::Alias(at(100)), 1)
        .await;
    store
        .rotate(&old, &second, &set("c", "3", 2), Leave::Alias(at(100)), 2)
        .await;
    let found = store.found(&second, 2).await;
    assert_eq!(
        sample::values(&found.record),
        pairs(&[("a", "1"), ("b", "2"), ("c", "3")])
    );
    for key in [old, first] {
        assert_eq!(store.found(&key, 2).await, found);
    }
}

/// Every key of a chain of rotations leads to the end of it, each until its own instant.
pub async fn a_chain_of_rotations_within_the_grace_is_followed<S: Store>(store: &S) {
    let store = Probe(store);
    let mut keys = vec![store.put(&record(&[("a", "1")])).await];
    for now in 0..5 {
        let last = keys[keys.len() - 1];
        keys.push(store.moved(&last, Leave::Alias(at(100 + now)), now).await);
    }
    for (hops, key) in keys.iter().rev().enumerate() {
        assert_eq!(
            store.found(key, 50).await.key,
            keys[keys.len() - 1],
            "{hops} rotations ago"
        );
    }
    // The first link is over, the others are not.
    assert!(!store.lives(&keys[0], 100).await);
    assert!(store.lives(&keys[1], 100).await);
}
