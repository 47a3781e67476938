//! A rotation that is cut off between any two of its commands, and what becomes of it.

use abiding::store::{Deleted, Leave, Subjects, Touched};
use abiding_testkit::servers::Cut;

use super::*;

/// Cut off on the way there and on the way back, at each command: one session lives, under one of the keys, and it can be used,
/// found and ended.
#[test]
fn a_rotation_that_is_cut_off_anywhere_leaves_one_session() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (store, direct) = (store_behind(&proxy).await, store(&server).await);
        let ada = sample::subject("ada");
        let (mut moved, mut stayed) = (0, 0);
        let there = (0..1_500).step_by(53).map(Cut::AfterSent);
        let back = (0..200).step_by(7).map(Cut::AfterReceived);
        for (number, cut) in there.chain(back).enumerate() {
            for (record, leave) in [
                (record(), Leave::Alias(at(1_000))),
                (record(), Leave::Snapshot(at(1_000))),
                (of_ada(), Leave::Alias(at(1_000))),
                (of_ada(), Leave::Snapshot(at(1_000))),
            ] {
                let signed_in = record.subject.is_some();
                let (from, to) = (put(&direct, &record).await, sample::key());
                // Which connects anew.
                assert!(store.load(&from, at(1)).await.unwrap().is_some());
                proxy.cut(cut);
                let change = set("b", "2");
                let rotated = store
                    .rotate(&from, &to, &change, Expect::Any, leave, at(1))
                    .await;
                // What it does when nobody waits any more may be cut off as well.
                proxy.cut_all();
                let new = direct.load(&to, at(2)).await.unwrap();
                let old = direct
                    .load(&from, at(2))
                    .await
                    .unwrap()
                    .expect("the old key leads somewhere");
                let key = match &new {
                    Some(new) => {
                        assert_eq!(sample::values(&new.record).len(), 2, "{cut:?}");
                        assert_eq!(old.frozen, matches!(leave, Leave::Snapshot(_)));
                        moved += 1;
                        to
                    }
                    None => {
                        assert!(rotated.is_err(), "{number}: {cut:?}: {rotated:?}");
                        assert_eq!((old.key, old.frozen), (from, false));
                        assert_eq!(old.record, record);
                        stayed += 1;
                        from
                    }
                };
                let written = commit(&direct, &key, &set("c", "3")).await;
                assert!(
                    matches!(written, Ok(Committed::Yes(_))),
                    "{cut:?}: {written:?}"
                );
                if signed_in {
                    let listed = direct.of_subject(&ada, at(2)).await.unwrap();
                    let listed: Vec<_> = listed.iter().map(|found| found.key).collect();
                    assert_eq!(listed, [key], "{cut:?}");
                    assert_eq!(direct.end_subject(&ada, None, at(2)).await.unwrap(), 1);
                } else {
                    let deleted = direct.delete(&key, None, at(2)).await.unwrap();
                    assert_eq!(deleted, Deleted::Yes);
                }
                assert!(direct.load(&to, at(2)).await.unwrap().is_none());
                let left = direct.load(&from, at(2)).await.unwrap();
                assert!(left.is_none_or(|left| left.frozen && !signed_in));
            }
        }
        assert!(moved > 20 && stayed > 20, "{moved} moved, {stayed} stayed");
    });
}

/// The one thing that says that it happened must not go before the session is confirmed.
#[test]
fn what_is_removed_of_a_rotation_that_was_not_confirmed_loses_no_session() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let (from, to) = (put(&store, &record()).await, sample::key());
        let leave = Leave::Snapshot(at(1_000));
        let change = set("b", "2");
        store
            .rotate(&from, &to, &change, Expect::Any, leave, at(1))
            .await
            .unwrap();
        // Back to where it was not confirmed, as whoever is killed leaves it.
        let mut row = server.value(&name(&to)).unwrap();
        while row[1] == b'p' {
            tokio::task::yield_now().await;
            row = server.value(&name(&to)).unwrap();
        }
        row[1] = b'p';
        server.set(&name(&to), &row);
        assert!(store.load(&to, at(2)).await.unwrap().is_some());
        assert_eq!(
            store.delete(&from, None, at(2)).await.unwrap(),
            Deleted::Yes
        );
        assert!(store.load(&to, at(2)).await.unwrap().is_some());
        // And one that did not happen is nobody's session.
        let (from, to) = (put(&store, &record()).await, sample::key());
        row[10..42].copy_from_slice(from.as_bytes());
        server.set(&name(&to), &row);
        assert!(store.load(&to, at(2)).await.unwrap().is_none());
        assert_eq!(
            commit(&store, &to, &set("x", "1")).await.unwrap(),
            Committed::Gone
        );
        assert!(store.load(&from, at(2)).await.unwrap().is_some());
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Commit,
    Delete,
    Load,
    Prolong,
    Rotate,
    Touch,
}

impl Act {
    async fn on(self, store: MemcachedStore, key: StoreKey) -> bool {
        match self {
            Self::Commit => commit(&store, &key, &set("c", "3"))
                .await
                .is_ok_and(|committed| matches!(committed, Committed::Yes(_))),
            Self::Delete => store.delete(&key, None, at(1)).await.unwrap() == Deleted::Yes,
            Self::Load => store.load(&key, at(1)).await.unwrap().is_some(),
            Self::Prolong => {
                let change = sample::with_deadline(set("c", "3"), at(2 * LIFE));
                let committed = commit(&store, &key, &change).await.unwrap();
                matches!(committed, Committed::Yes(_))
            }
            Self::Rotate => {
                let (to, change) = (sample::key(), set("c", "3"));
                let leave = Leave::Alias(at(1_000));
                let rotated = store.rotate(&key, &to, &change, Expect::Any, leave, at(1));
                matches!(rotated.await.unwrap(), Committed::Yes(_))
            }
            Self::Touch => store.touch(&key, at(LIFE), at(1)).await.unwrap() == Touched::Yes,
        }
    }
}

/// A session is read before another process gives it a new id, and the list of its subject afterwards.
#[test]
fn a_rotation_between_any_two_looks_ends_nothing() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let (proxy, direct) = (Proxy::to(server.address()), store(&server).await);
        let (ada, mut met) = (sample::subject("ada"), 0);
        let acts = [
            Act::Commit,
            Act::Delete,
            Act::Load,
            Act::Prolong,
            Act::Rotate,
            Act::Touch,
        ];
        for (act, after) in acts
            .iter()
            .flat_map(|act| (0..4).map(move |after| (*act, after)))
        {
            for is_known in [false, true] {
                let (key, store) = (put(&direct, &of_ada()).await, store_behind(&proxy).await);
                if is_known {
                    assert!(store.load(&key, at(1)).await.unwrap().is_some());
                }
                let held = proxy.hold(after);
                let acting = tokio::spawn(act.on(store, key));
                let mut is_met = false;
                while !is_met && !acting.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    is_met = held.is_reached();
                }
                let (to, change) = (sample::key(), set("b", "2"));
                let leave = Leave::Alias(at(1_000));
                let rotated = direct.rotate(&key, &to, &change, Expect::Any, leave, at(1));
                let is_moved = matches!(rotated.await.unwrap(), Committed::Yes(_));
                let is_listed = || {
                    let list = server.value(&list_of("ada")).unwrap_or_default();
                    list.windows(StoreKey::LEN)
                        .any(|name| name == key.as_bytes())
                };
                while is_moved && is_listed() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                met += usize::from(is_met);
                drop(held);
                let what = format!("{act:?}, held after {after}, known: {is_known}");
                assert!(acting.await.unwrap(), "{what}");
                let found = direct.load(&key, at(1)).await.unwrap();
                assert_eq!(found.is_some(), act != Act::Delete, "{what}");
                let values = found.map(|found| sample::values(&found.record));
                let writes = [Act::Commit, Act::Prolong, Act::Rotate].contains(&act);
                assert!(values.is_none_or(
                    |values| values.contains_key("b") && values.contains_key("c") == writes
                ));
                let ended = direct.end_subject(&ada, None, at(1)).await.unwrap();
                assert_eq!(ended, usize::from(act != Act::Delete), "{what}");
            }
        }
        assert!(met > 15, "{met}");
    });
}
