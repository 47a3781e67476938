//! What [`Sweep`] promises.
//!
//! Other tests may share the store, so all sweeps happen at one instant before theirs begin, and
//! what was removed is known by its key: that is free again.

use std::time::Duration;

use abiding::{
    Record, StoreKey,
    store::{Created, Expect, Leave, Sweep, sample},
};

use super::probe::{Probe, at, no_error, nothing, record};
use crate::run::{Boxed, Crowd};

/// When every sweep happens: before the records of all other promises begin.
const NOW: i64 = -1_000_000;

/// More calls than any bounded sweep of a test's few records needs.
const CALLS: usize = 10_000;

fn ends(deadline: i64) -> Record {
    sample::record(at(NOW - 1_000), at(deadline), &[])
}

fn idles(idle: u64) -> Record {
    sample::idling_record(
        at(NOW - 1_000),
        at(NOW + 1_000_000),
        Duration::from_millis(idle),
        &[],
    )
}

async fn put<S: Sweep>(probe: Probe<'_, S>, record: &Record) -> StoreKey {
    let key = sample::key();
    assert_eq!(probe.create(&key, record, NOW - 1_000).await, Created::Yes);
    key
}

async fn sweep_to_the_end<S: Sweep>(store: &S, limit: usize) {
    let mut rounds = 0;
    for _ in 0..CALLS {
        let swept = no_error("sweep", store.sweep(at(NOW), limit).await);
        assert!(
            swept.removed <= limit,
            "{} removed under a limit of {limit}",
            swept.removed
        );
        rounds += usize::from(!swept.more);
        // Twice: the sweep of another may have begun where this one would have ended.
        if rounds == 2 {
            return;
        }
    }
    panic!("there is more to sweep after {CALLS} calls");
}

async fn is_free<S: Sweep>(probe: Probe<'_, S>, key: &StoreKey) -> bool {
    probe.create(key, &ends(NOW + 1_000), NOW).await == Created::Yes
}

/// Bounded calls remove everything that ended, by whichever deadline; the deadline itself is too late.
pub async fn sweep_removes_what_ended_in_bounded_calls<S: Sweep>(store: &S) {
    let probe = Probe(store);
    let mut ended = vec![];
    for number in 0..20 {
        ended.push(put(probe, &ends(NOW - number)).await);
        ended.push(put(probe, &idles(1_000 - number.unsigned_abs())).await);
    }
    sweep_to_the_end(store, 7).await;
    for key in &ended {
        assert!(is_free(probe, key).await, "an ended record was left");
    }
}

/// What lives a millisecond longer stays as it is.
pub async fn sweep_never_removes_a_living_record<S: Sweep>(store: &S) {
    let probe = Probe(store);
    let mut living = vec![];
    for number in 1..20 {
        living.push(put(probe, &ends(NOW + number)).await);
        living.push(put(probe, &idles(1_000 + number.unsigned_abs())).await);
    }
    let mut before = vec![];
    for key in &living {
        before.push(probe.load(key, NOW).await);
    }
    sweep_to_the_end(store, 7).await;
    for (key, before) in living.iter().zip(before) {
        assert!(before.is_some());
        assert_eq!(probe.load(key, NOW).await, before);
    }
}

/// A record that was touched, changed or moved since lives by its new deadline.
pub async fn sweep_goes_by_the_deadline_as_it_was_moved<S: Sweep>(store: &S) {
    let probe = Probe(store);
    let (touched, committed) = (put(probe, &idles(900)).await, put(probe, &idles(900)).await);
    let (rotated, shortened) = (
        put(probe, &idles(900)).await,
        put(probe, &ends(NOW + 1_000)).await,
    );
    let then = NOW - 200;
    probe.touch(&touched, at(then + 900), then).await;
    probe
        .commit(&committed, &nothing(then), Expect::Any, then)
        .await;
    let moved = probe.moved(&rotated, Leave::Alias(at(NOW)), then).await;
    let shorter = sample::with_deadline(nothing(then), at(NOW));
    probe.commit(&shortened, &shorter, Expect::Any, then).await;
    sweep_to_the_end(store, 7).await;
    for key in [touched, committed, moved] {
        assert!(probe.lives(&key, NOW).await, "a living record was removed");
    }
    assert!(
        is_free(probe, &shortened).await,
        "a record whose deadline was moved forward was left"
    );
}

/// What rotations left behind goes when it is over, not before, and the records stay.
pub async fn sweep_removes_aliases_and_snapshots_that_are_over<S: Sweep>(store: &S) {
    let probe = Probe(store);
    for leave in [Leave::Alias, Leave::Snapshot] {
        let (over, living) = (
            put(probe, &ends(NOW + 1_000)).await,
            put(probe, &ends(NOW + 1_000)).await,
        );
        let behind_over = probe.moved(&over, leave(at(NOW)), NOW - 1).await;
        let behind_living = probe.moved(&living, leave(at(NOW + 1)), NOW - 1).await;
        sweep_to_the_end(store, 7).await;
        assert!(probe.lives(&living, NOW).await, "{:?}", leave(at(NOW + 1)));
        assert!(probe.lives(&behind_over, NOW).await && probe.lives(&behind_living, NOW).await);
        assert!(is_free(probe, &over).await, "{:?}", leave(at(NOW)));
    }
}

/// A reason is kept as long as somebody may ask for it, and no longer.
pub async fn sweep_removes_farewells_that_are_over<S: Sweep>(store: &S) {
    let probe = Probe(store);
    let (over, kept) = (
        put(probe, &ends(NOW)).await,
        put(probe, &ends(NOW + 1)).await,
    );
    for key in [&over, &kept] {
        probe.delete_with_farewell(key, NOW - 1).await;
    }
    sweep_to_the_end(store, 7).await;
    let kept = probe.leaves_nothing() || probe.lives(&kept, NOW).await;
    assert!(is_free(probe, &over).await && kept);
}

/// Sweeps among writers: every change is kept, and everything that ended goes.
pub async fn sweep_works_while_writes_go_on<S: Sweep>(store: &S, crowd: Crowd<'_>) {
    let probe = Probe(store);
    let living = put(probe, &idles(1_100)).await;
    let mut ended = vec![];
    for _ in 0..20 {
        ended.push(put(probe, &ends(NOW)).await);
    }
    let work = |number: usize| {
        Box::pin(async move {
            if number.is_multiple_of(2) {
                return sweep_to_the_end(store, 3).await;
            }
            for write in 0..10 {
                probe
                    .set(&living, &format!("{number} {write}"), "1", NOW)
                    .await;
                probe.put(&record(&[])).await;
            }
        }) as Boxed<'_, ()>
    };
    crowd.all((0..6).map(work).collect()).await;
    assert_eq!(probe.values(&living, NOW).await.len(), 30);
    for key in &ended {
        assert!(is_free(probe, key).await, "an ended record was left");
    }
}
