//! A rotation between two slots that broke off after any of its steps, and everything that may come next.

use abiding::store::{Committed, Deleted, Touched};

use super::*;

/// Where a rotation stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stopped {
    /// The new row is there, the old one is as it was.
    BeforeItHappened,
    /// The old row has changed, the new one is not confirmed.
    BeforeItWasConfirmed,
}

/// Moves a session of `whose` from one key to another, and puts back what the last steps did.
async fn broken_off(
    cluster: &RedisCluster,
    store: &RedisStore,
    whose: &str,
    leave: Leave,
    stopped: Stopped,
) -> (StoreKey, StoreKey) {
    let (old, new) = (put(store, &ada(whose)).await, sample::key());
    let before = row(cluster, &old).unwrap();
    let change = set("b", "2");
    let rotated = store.rotate(&old, &new, &change, Expect::Any, leave, at(1));
    assert!(matches!(rotated.await.unwrap(), Committed::Yes(_)));
    let moved = row(cluster, &new).unwrap();
    assert_eq!(&moved[..2], b"\x01r");
    let pending = [b"\x01p", &moved[2..67], old.as_bytes(), &moved[67..]].concat();
    command(cluster, "SET", &name(&new), &[&pending]);
    if stopped == Stopped::BeforeItHappened {
        command(cluster, "SET", &name(&old), &[&before]);
        // It was to be taken off its list later.
        let member = |key| name(key).replace("abiding:s:", "");
        for list in lists(cluster) {
            let score = command(cluster, "ZSCORE", &list, &[member(&new).as_bytes()]);
            if let Reply::Bytes(score) = score {
                command(cluster, "ZADD", &list, &[&score, member(&old).as_bytes()]);
            }
        }
    }
    (old, new)
}

const LEAVES: [fn(Timestamp) -> Leave; 2] = [Leave::Alias, Leave::Snapshot];

#[test]
fn a_rotation_that_did_not_happen_has_moved_nothing_whoever_comes_next() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        // Two, so that none is helped by what the other one remembers.
        let (store, other) = (store_of(cluster).await, store_of(cluster).await);
        for leave in LEAVES {
            let leave = leave(at(100));
            let broken = async |whose| {
                broken_off(cluster, &store, whose, leave, Stopped::BeforeItHappened).await
            };
            let (old, new) = broken("nobody").await;
            assert_eq!(other.load(&new, at(1)).await.unwrap(), None);
            let change = set("c", "3");
            assert_eq!(
                other
                    .commit(&new, &change, Expect::Any, at(1))
                    .await
                    .unwrap(),
                Committed::Gone
            );
            assert_eq!(
                other.touch(&new, at(LIFE), at(1)).await.unwrap(),
                Touched::Gone
            );
            let to = sample::key();
            let rotated = other.rotate(&new, &to, &change, Expect::Any, leave, at(1));
            assert_eq!(rotated.await.unwrap(), Committed::Gone);
            assert_eq!(
                other.delete(&new, None, at(1)).await.unwrap(),
                Deleted::Absent
            );
            // The session is where it was, and goes where it is moved to next.
            let rotated = other.rotate(&old, &to, &change, Expect::Any, leave, at(1));
            assert!(matches!(rotated.await.unwrap(), Committed::Yes(_)));
            let values = sample::values(&other.load(&to, at(1)).await.unwrap().unwrap().record);
            assert_eq!(values.into_keys().collect::<Vec<_>>(), ["a", "c"]);
            assert_eq!(other.load(&new, at(1)).await.unwrap(), None);

            let whose = format!("ada {leave:?} not moved");
            let (old, new) = broken(&whose).await;
            let subject = sample::subject(&whose);
            let listed = other.of_subject(&subject, at(1)).await.unwrap();
            assert_eq!(
                listed.iter().map(|found| found.key).collect::<Vec<_>>(),
                [old]
            );
            assert_eq!(other.end_subject(&subject, None, at(1)).await.unwrap(), 1);
            for key in [old, new] {
                assert_eq!(other.load(&key, at(1)).await.unwrap(), None);
            }
        }
    });
}

#[test]
fn a_rotation_that_happened_is_confirmed_by_whoever_comes_next() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        let (store, other) = (store_of(cluster).await, store_of(cluster).await);
        for leave in LEAVES {
            let leave = leave(at(100));
            let broken = async |whose: &str| {
                broken_off(cluster, &store, whose, leave, Stopped::BeforeItWasConfirmed).await
            };
            let confirmed = |key: &StoreKey| row(cluster, key).unwrap().starts_with(b"\x01r");
            let whole = async |key: &StoreKey| {
                let found = other.load(key, at(1)).await.unwrap().unwrap();
                sample::values(&found.record).len()
            };

            let (_, new) = broken("nobody").await;
            assert_eq!(whole(&new).await, 2);
            assert!(confirmed(&new), "{leave:?}");
            let (old, new) = broken("nobody").await;
            let found = other.load(&old, at(1)).await.unwrap().unwrap();
            match leave {
                Leave::Alias(_) => assert!(found.key == new && confirmed(&new)),
                Leave::Snapshot(_) => assert!(found.frozen && found.key == old),
            }
            let (_, new) = broken("nobody").await;
            let change = set("c", "3");
            let committed = other.commit(&new, &change, Expect::Any, at(1)).await;
            assert!(matches!(committed.unwrap(), Committed::Yes(_)));
            assert_eq!(whole(&new).await, 3);
            let (_, new) = broken("nobody").await;
            assert_eq!(
                other.touch(&new, at(LIFE), at(1)).await.unwrap(),
                Touched::Yes
            );
            assert!(confirmed(&new));
            let (_, new) = broken("nobody").await;
            let to = sample::key();
            let rotated = other.rotate(&new, &to, &change, Expect::Any, leave, at(1));
            assert!(matches!(rotated.await.unwrap(), Committed::Yes(_)));
            assert_eq!(whole(&to).await, 3);
            let (_, new) = broken("nobody").await;
            assert_eq!(other.delete(&new, None, at(1)).await.unwrap(), Deleted::Yes);
            assert_eq!(other.load(&new, at(1)).await.unwrap(), None);

            // What says that it happened goes: not before it is confirmed.
            let (old, new) = broken("nobody").await;
            assert_eq!(other.delete(&old, None, at(1)).await.unwrap(), Deleted::Yes);
            match leave {
                Leave::Alias(_) => assert_eq!(other.load(&new, at(1)).await.unwrap(), None),
                Leave::Snapshot(_) => assert_eq!(whole(&new).await, 2),
            }

            let whose = format!("ada {leave:?} moved");
            let subject = sample::subject(&whose);
            let (_, new) = broken(&whose).await;
            let listed = other.of_subject(&subject, at(1)).await.unwrap();
            assert_eq!(
                listed.iter().map(|found| found.key).collect::<Vec<_>>(),
                [new]
            );
            assert!(confirmed(&new));
            let (old, next) = broken(&whose).await;
            assert_eq!(
                other
                    .end_subject(&subject, Some(&new), at(1))
                    .await
                    .unwrap(),
                1
            );
            assert_eq!(whole(&new).await, 2);
            for key in [old, next] {
                assert_eq!(other.load(&key, at(1)).await.unwrap(), None);
            }
        }
    });
}

#[test]
fn what_the_old_key_leaves_outlives_what_is_judged_by_it_and_the_new_row_lasts() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        let store = store_of(cluster).await;
        let (old, new) = (put(&store, &ada("ada of the expiry")).await, sample::key());
        let leave = Leave::Alias(at(30_000));
        store
            .rotate(&old, &new, &set("b", "2"), Expect::Any, leave, at(0))
            .await
            .unwrap();
        let left = |key: &StoreKey| command(cluster, "PTTL", &name(key), &[]).integer();
        assert!((90_000..=150_000).contains(&left(&old)), "{}", left(&old));
        assert!(
            (LIFE..=LIFE + 60_000).contains(&left(&new)),
            "{}",
            left(&new)
        );
        // A try that was refused leaves nothing.
        let (taken, gone) = (put(&store, &record()).await, sample::key());
        for (from, to, expected) in [
            (new, taken, Committed::KeyTaken),
            (gone, sample::key(), Committed::Gone),
        ] {
            let change = set("c", "3");
            let rotated = store.rotate(&from, &to, &change, Expect::Any, leave, at(1));
            assert_eq!(rotated.await.unwrap(), expected);
        }
    });
}

#[test]
fn a_session_that_is_moved_from_slot_to_slot_through_its_first_key_is_found_by_it() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async { keeping::moved_again_and_again(&store_of(cluster).await).await });
}
