//! What [`Store::commit`] promises.

use abiding::{
    ErrorKind, Store,
    store::{Change, Committed, Expect, Leave, sample},
};

use super::probe::{LIFE, Probe, at, erring, idling, nothing, pairs, record, record_until, set};

/// Keys that are set and removed are, the others stay.
pub async fn commit_merges_what_it_sets_and_removes<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store
        .put(&record(&[
            ("kept", "1"),
            ("changed", "2"),
            ("removed", "3"),
        ]))
        .await;
    let change = sample::change(
        at(1),
        &[("changed", "two"), ("added", "4")],
        &["removed", "absent"],
    );
    let committed = store.commit(&key, &change, Expect::Any, 1).await;
    assert_eq!(committed, Committed::Yes(store.version(&key, 1).await));
    let expected = pairs(&[("added", "4"), ("changed", "two"), ("kept", "1")]);
    assert_eq!(store.values(&key, 1).await, expected);
}

/// A change that was made from an older state merges into the newer one.
pub async fn commit_with_any_version_keeps_what_others_wrote<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    let (mine, theirs) = (set("mine", "2", 1), set("theirs", "3", 1));
    for change in [theirs, mine] {
        store.commit(&key, &change, Expect::Any, 1).await;
    }
    assert_eq!(
        store.values(&key, 1).await,
        pairs(&[("a", "1"), ("mine", "2"), ("theirs", "3")])
    );
}

/// Clearing removes what is there by then, not what was there when it was read.
pub async fn commit_of_a_clear_removes_every_key<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1"), ("b", "2")])).await;
    store.set(&key, "c", "3", 1).await;
    store
        .commit(&key, &sample::clearing(at(1)), Expect::Any, 1)
        .await;
    assert_eq!(store.values(&key, 1).await, pairs(&[]));
}

/// A change for the version that was read goes in.
pub async fn commit_of_the_version_that_was_read_goes_in<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("n", "1")])).await;
    for n in ["2", "3"] {
        let read = store.version(&key, 1).await;
        let committed = store
            .commit(&key, &set("n", n, 1), Expect::Version(read), 1)
            .await;
        assert_eq!(committed, Committed::Yes(read.next()));
        assert_eq!(store.values(&key, 1).await, pairs(&[("n", n)]));
    }
}

/// A change for another version is handed the record as it is, and changes nothing.
pub async fn commit_of_another_version_is_stale_and_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("n", "1")])).await;
    let read = store.version(&key, 0).await;
    store.set(&key, "n", "2", 1).await;
    let current = store.found(&key, 1).await;
    let committed = store
        .commit(&key, &set("n", "lost", 2), Expect::Version(read), 2)
        .await;
    assert_eq!(committed, Committed::Stale(current.clone()));
    assert_eq!(store.found(&key, 2).await, current);
}

/// Every commit raises the version by one, one that changes no value too.
pub async fn commit_raises_the_version<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    let mut version = store.version(&key, 0).await;
    for change in [set("a", "1", 1), nothing(1), set("b", "2", 1)] {
        version = version.next();
        assert_eq!(
            store.commit(&key, &change, Expect::Any, 1).await,
            Committed::Yes(version)
        );
        assert_eq!(store.version(&key, 1).await, version);
    }
}

/// Absent, ended, deleted, rotated away: gone, and nothing appears in its place.
pub async fn commit_to_a_record_that_is_gone_creates_nothing<S: Store>(store: &S) {
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
        for expect in [Expect::Any, Expect::Version(abiding::Version::FIRST)] {
            let committed = store.commit(&key, &set("a", "1", 10), expect, 10).await;
            assert_eq!(committed, Committed::Gone, "under {expect:?}");
        }
        // Neither now nor by a clock that jumps back to when it was alive.
        assert!(!store.lives(&key, 10).await);
        let revived = store
            .load(&key, 9)
            .await
            .map(|found| sample::values(&found.record));
        assert!(
            revived.is_none_or(|values| values.is_empty()),
            "the change is in an ended record"
        );
    }
}

/// A snapshot is to be read only.
pub async fn commit_to_a_snapshot_is_gone_and_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let new = store.moved(&old, Leave::Snapshot(at(100)), 0).await;
    let (snapshot, moved) = (store.found(&old, 1).await, store.found(&new, 1).await);
    assert_eq!(
        store.commit(&old, &set("a", "2", 1), Expect::Any, 1).await,
        Committed::Gone
    );
    assert_eq!(store.found(&old, 1).await, snapshot);
    assert_eq!(store.found(&new, 1).await, moved);
}

/// The idle deadline moves with every commit, and the record is swept and loaded by the new one.
pub async fn commit_moves_the_idle_deadline<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&idling(100)).await;
    store.set(&key, "a", "1", 60).await;
    assert_eq!(store.found(&key, 60).await.record.seen, at(60));
    assert!(store.lives(&key, 159).await);
    assert!(!store.lives(&key, 160).await);
}

/// The absolute deadline moves where the change puts it, either way.
pub async fn commit_moves_the_absolute_deadline_where_the_change_says<S: Store>(store: &S) {
    let store = Probe(store);
    for deadline in [LIFE / 2, LIFE * 2] {
        let key = store.put(&record(&[("a", "1")])).await;
        let change: Change = sample::with_deadline(nothing(1), at(deadline));
        store.commit(&key, &change, Expect::Any, 1).await;
        assert!(
            store.lives(&key, deadline - 1).await,
            "moved to {deadline} ms"
        );
        assert!(!store.lives(&key, deadline).await, "moved to {deadline} ms");
    }
}

/// A change that cannot be applied is handed on as the error it is.
pub async fn commit_of_an_erring_change_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    for (change, record) in erring(1) {
        let key = store.put(&record).await;
        let error = store
            .0
            .commit(&key, &change, Expect::Any, at(1))
            .await
            .map_err(|error| error.kind());
        assert!(
            matches!(error, Err(ErrorKind::TooLarge | ErrorKind::Corrupt)),
            "answered {error:?}"
        );
        assert_eq!(store.found(&key, 1).await.record, record);
        assert_eq!(
            store.delete(&key, 1).await,
            abiding::store::Deleted::Yes,
            "the store is stuck"
        );
    }
}

/// Whoever comes with the old key changes the record that lies under the new one.
pub async fn commit_follows_an_alias<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let new = store.moved(&old, Leave::Alias(at(100)), 0).await;
    store.set(&old, "b", "2", 1).await;
    assert_eq!(
        store.values(&new, 1).await,
        pairs(&[("a", "1"), ("b", "2")])
    );
    let current = store.found(&new, 1).await;
    let stale = store
        .commit(
            &old,
            &nothing(1),
            Expect::Version(abiding::Version::FIRST),
            1,
        )
        .await;
    assert_eq!(stale, Committed::Stale(current));
}
