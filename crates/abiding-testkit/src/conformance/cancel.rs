//! What holds when the request is gone before the store has answered.
//!
//! Every operation is dropped at each of its awaits in turn. What it left behind is looked at through
//! the store itself, which must go on as if nothing had happened. An operation that was dropped may
//! still come into effect a moment later, so only its wholeness is looked at, never its absence.

use std::cell::Cell;

use abiding::{
    Found, Store, Timestamp,
    store::{Expect, Leave, sample},
};

use super::probe::{Probe, at, idling, no_error, pairs, record};
use crate::cancel::cancel_at_every_await;

/// Under the key lies the whole record or nothing.
pub async fn a_dropped_create_leaves_the_whole_record_or_none<S: Store>(store: &S) {
    let probe = Probe(store);
    let (key, whole) = (sample::key(), record(&[("a", "1"), ("b", "2")]));
    let create = async |_| store.create(&key, &whole, at(0)).await;
    let check = async |_| {
        let found = probe.load(&key, 0).await;
        assert!(found.is_none_or(|found| found.record == whole));
    };
    no_error("create", cancel_at_every_await(create, check).await);
    assert_eq!(probe.found(&key, 0).await.record, whole);
}

/// Of the keys of one change all are there or none, and other writers are not disturbed.
pub async fn a_dropped_commit_leaves_the_whole_change_or_none<S: Store>(store: &S) {
    let probe = Probe(store);
    let key = probe.put(&record(&[("a", "0"), ("b", "0")])).await;
    let commit = async |cut: usize| {
        let n = &*(cut + 1).to_string();
        let change = sample::change(at(1), &[("a", n), ("b", n)], &[]);
        store.commit(&key, &change, Expect::Any, at(1)).await
    };
    let check = async |cut: usize| {
        probe.set(&key, &format!("other {cut}"), "1", 1).await;
        let values = probe.values(&key, 1).await;
        assert_eq!(values["a"], values["b"], "half of a change is in");
        assert_eq!(values.len(), 3 + cut, "a change of another was lost");
    };
    no_error("commit", cancel_at_every_await(commit, check).await);
}

/// The deadline was moved or was not; the rest is as it was.
pub async fn a_dropped_touch_moves_the_deadline_or_does_not<S: Store>(store: &S) {
    let probe = Probe(store);
    let key = probe.put(&idling(100)).await;
    let before = probe.found(&key, 0).await.record;
    let touch = async |_| store.touch(&key, at(200), at(1)).await;
    let check = async |_| {
        let found = probe.found(&key, 1).await.record;
        assert!(
            [at(100), at(200)].contains(&found.idle_deadline),
            "{found:?}"
        );
        assert_eq!(
            (found.payload, found.version),
            (before.payload.clone(), before.version)
        );
    };
    no_error("touch", cancel_at_every_await(touch, check).await);
    assert!(probe.lives(&key, 199).await);
}

/// The record lies under the old key or under the new one, whole, and the old one leads to it.
pub async fn a_dropped_rotation_moves_the_whole_record_or_leaves_it<S: Store>(store: &S) {
    let probe = Probe(store);
    // Another one for each try: where one was dropped and carried out all the same, the next would have a
    // longer way to go.
    let key = Cell::new(probe.put(&record(&[("a", "1")])).await);
    let tried = Cell::new(key.get());
    let rotate = async |_| {
        let change = sample::change(at(1), &[("b", "2")], &[]);
        let (from, to, leave) = (key.get(), sample::key(), Leave::Alias(Timestamp::MAX));
        store
            .rotate(&from, &to, &change, Expect::Any, leave, at(1))
            .await
    };
    let check = async |_| {
        tried.set(key.get());
        let Found {
            key: place,
            record: found,
            ..
        } = probe.found(&key.get(), 1).await;
        let values = sample::values(&found);
        let moved = pairs(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            values,
            if place == key.get() {
                pairs(&[("a", "1")])
            } else {
                moved
            }
        );
        key.set(probe.put(&record(&[("a", "1")])).await);
    };
    // The last of them runs to its end, so it has moved by then.
    no_error("rotate", cancel_at_every_await(rotate, check).await);
    assert_ne!(probe.found(&tried.get(), 1).await.key, tried.get());
}

/// The record was ended or was not, and a second try ends it.
pub async fn a_dropped_delete_ends_the_record_or_leaves_it<S: Store>(store: &S) {
    let probe = Probe(store);
    let whole = record(&[("a", "1")]);
    let key = probe.put(&whole).await;
    let delete = async |_| store.delete(&key, None, at(1)).await;
    let check = async |_| {
        let found = probe.load(&key, 1).await;
        assert!(found.is_none_or(|found| found.record == whole));
    };
    no_error("delete", cancel_at_every_await(delete, check).await);
    assert!(!probe.lives(&key, 1).await);
}
