//! What [`Subjects`] promises.

use abiding::{
    Record, StoreKey, SubjectKey,
    store::{Committed, Expect, Leave, Subjects, sample},
};

use super::{
    probe::{LIFE, Probe, at, no_error, nothing, record, set},
    race::ROUNDS,
};
use crate::run::{Boxed, Crowd};

/// Somebody who has sessions in no other test.
struct Somebody(String);

impl Somebody {
    fn new() -> Self {
        Self(format!("{:02x?}", sample::key().as_bytes()))
    }

    fn key(&self) -> SubjectKey {
        sample::subject(&self.0)
    }

    fn record(&self) -> Record {
        sample::record_of(&self.0, at(0), at(LIFE), &[])
    }
}

async fn listed<S: Subjects>(store: &S, somebody: &Somebody, now: i64) -> Vec<StoreKey> {
    let found = no_error(
        "of_subject",
        store.of_subject(&somebody.key(), at(now)).await,
    );
    assert!(
        found
            .iter()
            .all(|found| found.record.subject == Some(somebody.key()) && !found.frozen)
    );
    found.iter().map(|found| found.key).collect()
}

async fn end<S: Subjects>(
    store: &S,
    somebody: &Somebody,
    except: Option<&StoreKey>,
    now: i64,
) -> usize {
    no_error(
        "end_subject",
        store.end_subject(&somebody.key(), except, at(now)).await,
    )
}

/// The most recently seen first, each as it would be loaded, and nobody else's.
pub async fn sessions_of_a_subject_come_most_recently_seen_first<S: Subjects>(store: &S) {
    let (probe, ada, ben) = (Probe(store), Somebody::new(), Somebody::new());
    assert_eq!(listed(store, &ada, 0).await, []);
    let (first, second) = (
        probe.put(&ada.record()).await,
        probe.put(&ada.record()).await,
    );
    let third = probe.put(&ada.record()).await;
    probe.put(&ben.record()).await;
    probe.put(&record(&[])).await;
    probe.touch(&second, at(LIFE), 10).await;
    probe.set(&first, "a", "1", 20).await;
    assert_eq!(listed(store, &ada, 20).await, [first, second, third]);
    let found = no_error("of_subject", store.of_subject(&ada.key(), at(20)).await);
    assert_eq!(found[0], probe.found(&first, 20).await);
}

/// What ended or was deleted is not listed; the deadline itself is already too late.
pub async fn ended_sessions_are_not_listed<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    let brief = probe
        .put(&sample::record_of(&ada.0, at(0), at(10), &[]))
        .await;
    let deleted = probe.put(&ada.record()).await;
    probe.delete(&deleted, 0).await;
    assert_eq!(listed(store, &ada, 9).await, [brief]);
    assert_eq!(listed(store, &ada, 10).await, []);
}

/// It is not listed, and it stays when the other sessions of the subject are ended.
pub async fn a_farewell_belongs_to_no_subject<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    let key = probe.put(&ada.record()).await;
    probe.delete_with_farewell(&key, 1).await;
    assert_eq!(listed(store, &ada, 1).await, []);
    assert_eq!(end(store, &ada, None, 1).await, 0);
    assert!(probe.lives(&key, 1).await);
}

/// Signing in lists a session, handing it over moves it, signing out of it takes it off.
pub async fn a_commit_that_changes_the_subject_moves_the_session_in_the_index<S: Subjects>(
    store: &S,
) {
    let (probe, ada, ben) = (Probe(store), Somebody::new(), Somebody::new());
    let key = probe.put(&record(&[])).await;
    let becomes = async |name: Option<&str>| {
        let change = sample::with_subject(nothing(1), name);
        probe.commit(&key, &change, Expect::Any, 1).await;
        (listed(store, &ada, 1).await, listed(store, &ben, 1).await)
    };
    assert_eq!(becomes(Some(&ada.0)).await, (vec![key], vec![]));
    assert_eq!(becomes(Some(&ben.0)).await, (vec![], vec![key]));
    assert_eq!(becomes(None).await, (vec![], vec![]));
}

/// A change that says nothing of the subject leaves the session where it is listed.
pub async fn a_commit_that_says_nothing_of_the_subject_keeps_it<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    let key = probe.put(&ada.record()).await;
    probe.set(&key, "a", "1", 1).await;
    assert_eq!(listed(store, &ada, 1).await, [key]);
}

/// A renewed session is listed once, under its new key, whatever it left behind.
pub async fn a_rotated_session_is_listed_once_under_its_new_key<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    for leave in [Leave::Alias(at(100)), Leave::Snapshot(at(100))] {
        let old = probe.put(&ada.record()).await;
        let new = probe.moved(&old, leave, 1).await;
        assert_eq!(listed(store, &ada, 1).await, [new], "{leave:?}");
        probe.delete(&new, 1).await;
        assert_eq!(listed(store, &ada, 1).await, [], "{leave:?}");
    }
}

/// A rotation that signs in lists the session under its new key.
pub async fn a_rotation_that_gives_a_subject_lists_the_session<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    let (old, new) = (probe.put(&record(&[])).await, sample::key());
    let change = sample::with_subject(nothing(1), Some(&ada.0));
    probe
        .rotate(&old, &new, &change, Leave::Snapshot(at(100)), 1)
        .await;
    assert_eq!(listed(store, &ada, 1).await, [new]);
}

/// All but the one that is excepted; nobody else's; and how many.
pub async fn end_subject_ends_all_but_one<S: Subjects>(store: &S) {
    let (probe, ada, ben) = (Probe(store), Somebody::new(), Somebody::new());
    let (kept, other) = (
        probe.put(&ada.record()).await,
        probe.put(&ben.record()).await,
    );
    let ended = [
        probe.put(&ada.record()).await,
        probe.put(&ada.record()).await,
    ];
    assert_eq!(end(store, &ada, Some(&kept), 1).await, 2);
    for key in ended {
        assert_eq!(probe.load(&key, 1).await, None);
        assert_eq!(
            probe.commit(&key, &set("a", "1", 1), Expect::Any, 1).await,
            Committed::Gone
        );
    }
    assert!(probe.lives(&kept, 1).await && probe.lives(&other, 1).await);
    assert_eq!(end(store, &ada, None, 1).await, 1);
    assert_eq!(end(store, &ada, None, 1).await, 0);
    assert!(!probe.lives(&kept, 1).await && probe.lives(&other, 1).await);
}

/// The excepted one may be named by a key that leads to it.
pub async fn end_subject_excepts_the_record_that_an_alias_leads_to<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    let old = probe.put(&ada.record()).await;
    let other = probe.put(&ada.record()).await;
    let kept = probe.moved(&old, Leave::Alias(at(100)), 0).await;
    assert_eq!(end(store, &ada, Some(&old), 1).await, 1);
    assert!(probe.lives(&kept, 1).await && !probe.lives(&other, 1).await);
}

/// An exception that is not there, or is somebody else's, excepts nothing.
pub async fn end_subject_excepts_nothing_for_a_key_that_is_not_theirs<S: Subjects>(store: &S) {
    let (probe, ada, ben) = (Probe(store), Somebody::new(), Somebody::new());
    let theirs = probe.put(&ben.record()).await;
    for except in [sample::key(), theirs] {
        let key = probe.put(&ada.record()).await;
        assert_eq!(end(store, &ada, Some(&except), 1).await, 1);
        assert!(!probe.lives(&key, 1).await);
    }
    assert!(probe.lives(&theirs, 1).await);
}

/// Ended ones are over already, so they do not count.
pub async fn end_subject_counts_the_living_only<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    probe
        .put(&sample::record_of(&ada.0, at(0), at(10), &[]))
        .await;
    probe.put(&ada.record()).await;
    assert_eq!(end(store, &ada, None, 10).await, 1);
}

/// What a rotation left behind of a subject's session ends with the others.
pub async fn end_subject_ends_snapshots_and_aliases<S: Subjects>(store: &S) {
    let (probe, ada) = (Probe(store), Somebody::new());
    for leave in [Leave::Alias(at(100)), Leave::Snapshot(at(100))] {
        let old = probe.put(&ada.record()).await;
        let new = probe.moved(&old, leave, 0).await;
        assert_eq!(end(store, &ada, None, 1).await, 1, "{leave:?}");
        assert!(
            !probe.lives(&old, 1).await && !probe.lives(&new, 1).await,
            "{leave:?}"
        );
    }
}

/// A renewal that crosses the end of all sessions carries none of them over.
pub async fn a_rotation_that_races_with_end_subject_saves_nothing<S: Subjects>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let (probe, ada) = (Probe(store), Somebody::new());
    for _ in 0..ROUNDS {
        let old = probe.put(&ada.record()).await;
        let keys: Vec<_> = (0..3).map(|_| sample::key()).collect();
        let mut contenders: Vec<Boxed<'_, ()>> = vec![];
        for to in &keys {
            contenders.push(Box::pin(async move {
                probe
                    .rotate(&old, to, &nothing(1), Leave::Alias(at(100)), 1)
                    .await;
                probe.commit(&old, &nothing(1), Expect::Any, 1).await;
            }));
        }
        contenders.push(Box::pin(async {
            assert_eq!(end(store, &ada, None, 1).await, 1);
        }));
        crowd.all(contenders).await;
        for key in keys.iter().chain([&old]) {
            assert!(!probe.lives(key, 1).await);
        }
        assert_eq!(listed(store, &ada, 1).await, []);
    }
}

/// Whoever ends all other sessions keeps their own, also if another tab renews it at that moment.
pub async fn end_subject_spares_the_excepted_one_while_it_is_rotated<S: Subjects>(
    store: &S,
    crowd: Crowd<'_>,
) {
    let (probe, ada) = (Probe(store), Somebody::new());
    for _ in 0..ROUNDS {
        let (own, other) = (
            probe.put(&ada.record()).await,
            probe.put(&ada.record()).await,
        );
        let mut contenders: Vec<Boxed<'_, ()>> = vec![];
        for _ in 0..3 {
            contenders.push(Box::pin(async {
                probe.moved(&own, Leave::Alias(at(100)), 1).await;
            }));
        }
        contenders.push(Box::pin(async {
            assert_eq!(end(store, &ada, Some(&own), 1).await, 1);
        }));
        crowd.all(contenders).await;
        let kept = probe.found(&own, 1).await.key;
        assert_eq!(listed(store, &ada, 1).await, [kept]);
        assert!(!probe.lives(&other, 1).await);
        probe.delete(&own, 1).await;
    }
}
