//! What holds when many come at once.
//!
//! Each of these is run twice by [`conformance!`](crate::conformance!): with the contenders in one
//! task, and with each on a thread of its own.

use abiding::{
    Store, StoreKey, Version,
    store::{Committed, Created, Deleted, Expect, Leave, sample},
};

use super::probe::{Probe, at, no_error, nothing, pairs, record, set};
use crate::run::{Boxed, Crowd};

/// How often a race is run whose outcome hangs on a moment.
pub(super) const ROUNDS: usize = 40;

/// Fifty requests, each with a key of its own on one session: fifty keys.
pub async fn fifty_concurrent_commits_keep_fifty_keys<S: Store>(store: &S, crowd: Crowd<'_>) {
    let store = Probe(store);
    let key = store.put(&record(&[("kept", "1")])).await;
    let names: Vec<_> = (0..50).map(|number| format!("key {number}")).collect();
    let write = |name| Box::pin(store.set(&key, name, "1", 1)) as Boxed<'_, ()>;
    crowd
        .all(names.iter().map(|name| write(name)).collect())
        .await;
    assert_eq!(store.values(&key, 1).await.len(), 51);
    assert_eq!(store.version(&key, 1).await, Version::from_number(51));
}

/// Five requests add ten each to one number, every step from what it read: fifty.
pub async fn concurrent_increments_of_the_version_that_was_read_are_exact<S: Store>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let store = Probe(store);
    let key = store.put(&record(&[("n", "0")])).await;
    let add_ten = || {
        Box::pin(async {
            for _ in 0..10 {
                increment(store, &key).await;
            }
        }) as Boxed<'_, ()>
    };
    crowd.all((0..5).map(|_| add_ten()).collect()).await;
    assert_eq!(store.values(&key, 1).await, pairs(&[("n", "50")]));
}

async fn increment<S: Store>(store: Probe<'_, S>, key: &StoreKey) {
    let mut found = store.found(key, 1).await;
    // Of those who compare one version at least one goes in, so fifty steps need fifty turns at most.
    for _ in 0..=50 {
        let n = sample::value(&found.record, "n").and_then(|n| n.parse::<u32>().ok());
        let next = n.expect("the counter is a number") + 1;
        let expect = Expect::Version(found.record.version);
        match store
            .commit(key, &set("n", &next.to_string(), 1), expect, 1)
            .await
        {
            Committed::Stale(current) => found = current,
            committed => return assert_eq!(committed, Committed::Yes(found.record.version.next())),
        }
    }
    panic!("an increment lost against fifty others more than fifty times");
}

/// Of those who expect one version exactly one goes in.
pub async fn of_concurrent_commits_to_one_version_exactly_one_goes_in<S: Store>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let key = store.put(&record(&[])).await;
        let commit = |number: usize| {
            Box::pin(async move {
                let change = set("winner", &number.to_string(), 1);
                let committed = store
                    .commit(&key, &change, Expect::Version(Version::FIRST), 1)
                    .await;
                matches!(committed, Committed::Yes(_))
            }) as Boxed<'_, bool>
        };
        let won = crowd.all((0..8).map(commit).collect()).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won
            .iter()
            .position(|won| *won)
            .unwrap_or_default()
            .to_string();
        assert_eq!(store.values(&key, 1).await, pairs(&[("winner", &winner)]));
    }
}

/// Of those who create under one key exactly one does, and it is that record which is found.
pub async fn of_concurrent_creates_exactly_one_wins<S: Store>(store: &S, crowd: Crowd<'_>) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let key = sample::key();
        let create = |number: usize| {
            Box::pin(async move {
                let record = record(&[("winner", &number.to_string())]);
                store.create(&key, &record, 0).await == Created::Yes
            }) as Boxed<'_, bool>
        };
        let won = crowd.all((0..8).map(create).collect()).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won
            .iter()
            .position(|won| *won)
            .unwrap_or_default()
            .to_string();
        assert_eq!(store.values(&key, 0).await, pairs(&[("winner", &winner)]));
    }
}

/// A log-out among writers: afterwards there is nothing, whoever came last.
pub async fn commits_that_race_with_a_delete_revive_nothing<S: Store>(store: &S, crowd: Crowd<'_>) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let key = store.put(&record(&[])).await;
        let mut contenders: Vec<Boxed<'_, ()>> = vec![];
        for number in 0..8 {
            contenders.push(Box::pin(async move {
                if number == 4 {
                    assert_eq!(store.delete(&key, 1).await, Deleted::Yes);
                }
                let committed = store.commit(&key, &nothing(1), Expect::Any, 1).await;
                assert!(
                    matches!(committed, Committed::Gone | Committed::Yes(_)),
                    "{committed:?}"
                );
                assert!(
                    number != 4 || committed == Committed::Gone,
                    "a commit after the delete went in"
                );
            }));
        }
        crowd.all(contenders).await;
        assert_eq!(store.load(&key, 1).await, None);
    }
}

/// Parallel tabs that all renew the id: one record, every key leads to it, no change is lost.
pub async fn concurrent_rotations_keep_one_record_with_every_change<S: Store>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let old = store.put(&record(&[])).await;
        let new: Vec<_> = (0..4).map(|_| sample::key()).collect();
        let rotate = |number: usize| {
            let to = new[number];
            Box::pin(async move {
                let change = set(&format!("tab {number}"), "1", 1);
                let rotated = store
                    .rotate(&old, &to, &change, Leave::Alias(at(100)), 1)
                    .await;
                assert!(
                    matches!(rotated, Committed::Yes(_)),
                    "tab {number}: {rotated:?}"
                );
            }) as Boxed<'_, ()>
        };
        crowd.all((0..4).map(rotate).collect()).await;
        let found = store.found(&old, 1).await;
        assert_eq!(sample::values(&found.record).len(), 4);
        for key in &new {
            assert_eq!(store.found(key, 1).await, found);
        }
    }
}

/// Of those who sign in at once with one id, one moves the session; the others find it gone.
pub async fn of_concurrent_sign_ins_exactly_one_moves_the_record<S: Store>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let old = store.put(&record(&[("cart", "1")])).await;
        let sign_in = || {
            Box::pin(async move {
                let to = sample::key();
                let rotated = store
                    .rotate(&old, &to, &nothing(1), Leave::Snapshot(at(100)), 1)
                    .await;
                (to, matches!(rotated, Committed::Yes(_)))
            }) as Boxed<'_, (StoreKey, bool)>
        };
        let moved = crowd.all((0..4).map(|_| sign_in()).collect()).await;
        assert_eq!(moved.iter().filter(|(_, moved)| *moved).count(), 1);
        for (to, moved) in &moved {
            assert_eq!(store.lives(to, 1).await, *moved);
        }
        assert!(store.found(&old, 1).await.frozen);
    }
}

/// Writers that come with the old key while the id is renewed: no change is lost.
pub async fn commits_that_race_with_a_rotation_are_kept<S: Store>(store: &S, crowd: Crowd<'_>) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let (old, new) = (store.put(&record(&[])).await, sample::key());
        let contend = |number: usize| {
            Box::pin(async move {
                if number == 3 {
                    store
                        .rotate(&old, &new, &set("key 3", "1", 1), Leave::Alias(at(100)), 1)
                        .await;
                } else {
                    store.set(&old, &format!("key {number}"), "1", 1).await;
                }
            }) as Boxed<'_, ()>
        };
        crowd.all((0..8).map(contend).collect()).await;
        assert_eq!(store.values(&new, 1).await.len(), 8);
        assert_eq!(store.found(&old, 1).await, store.found(&new, 1).await);
    }
}

/// A log-out that crosses a renewal ends the session, under whichever key it lies by then.
pub async fn a_delete_that_races_with_a_rotation_ends_the_record<S: Store>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let store = Probe(store);
    for _ in 0..ROUNDS {
        let (old, new) = (store.put(&record(&[])).await, sample::key());
        let rotate = Box::pin(async {
            let leave = Leave::Alias(at(100));
            drop(no_error(
                "rotate",
                store
                    .0
                    .rotate(&old, &new, &nothing(1), Expect::Any, leave, at(1))
                    .await,
            ));
        }) as Boxed<'_, ()>;
        let delete = Box::pin(async {
            assert_eq!(store.delete(&old, 1).await, Deleted::Yes);
        });
        crowd.all(vec![rotate, delete]).await;
        assert!(!store.lives(&old, 1).await && !store.lives(&new, 1).await);
    }
}
