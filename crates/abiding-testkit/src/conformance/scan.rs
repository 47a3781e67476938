//! What [`Scan`] promises. Other records may lie in the same store: only one's own are counted.

use std::collections::BTreeSet;

use abiding::{
    Found, StoreKey,
    store::{Leave, Scan, sample},
};

use super::probe::{Probe, at, idling, no_error, nothing, record, record_until};
use crate::run::{Boxed, Crowd};

/// Every living record is seen exactly once, in the order of the keys, as it would be loaded.
pub async fn scan_walks_over_every_living_record_in_the_order_of_the_keys<S: Scan>(store: &S) {
    let probe = Probe(store);
    let mut own = BTreeSet::new();
    for number in 0..40 {
        own.insert(probe.put(&record(&[("number", &number.to_string())])).await);
    }
    let walked = walk(store, 7, 0, async || {}).await;
    assert!(
        walked.is_sorted_by_key(|found| found.key),
        "the keys come in another order"
    );
    let seen: Vec<_> = walked
        .into_iter()
        .filter(|found| own.contains(&found.key))
        .collect();
    assert_eq!(
        seen.iter().map(|found| found.key).collect::<Vec<_>>(),
        own.into_iter().collect::<Vec<_>>()
    );
    for found in seen {
        assert_eq!(probe.found(&found.key, 0).await, found);
    }
}

/// Ended records, aliases and snapshots are no sessions.
pub async fn scan_skips_ended_records_aliases_and_snapshots<S: Scan>(store: &S) {
    let probe = Probe(store);
    let (ended, idled) = (
        probe.put(&record_until(10)).await,
        probe.put(&idling(10)).await,
    );
    let (deleted, living) = (
        probe.put(&record(&[])).await,
        probe.put(&record_until(11)).await,
    );
    probe.delete(&deleted, 0).await;
    let (alias, snapshot) = (probe.put(&record(&[])).await, probe.put(&record(&[])).await);
    let moved = probe.moved(&alias, Leave::Alias(at(100)), 0).await;
    let signed_in = probe.moved(&snapshot, Leave::Snapshot(at(100)), 0).await;
    let own = [
        ended, idled, deleted, living, alias, snapshot, moved, signed_in,
    ];
    let mut expected = vec![living, moved, signed_in];
    expected.sort();
    assert_eq!(
        keys_among(&walk(store, 50, 10, async || {}).await, &own),
        expected
    );
}

/// Records that come and go during the walk neither hide nor repeat the others.
pub async fn scan_sees_what_lives_throughout_while_others_come_and_go<S: Scan>(store: &S) {
    let probe = Probe(store);
    let mut lasting = vec![];
    let mut passing = vec![];
    for _ in 0..20 {
        lasting.push(probe.put(&record(&[])).await);
        passing.push(probe.put(&record(&[])).await);
    }
    let mut passing = passing.into_iter();
    let meddle = async || {
        if let Some(key) = passing.next() {
            probe.delete(&key, 0).await;
            probe.put(&record(&[])).await;
        }
    };
    let walked = walk(store, 5, 0, meddle).await;
    lasting.sort();
    assert_eq!(keys_among(&walked, &lasting), lasting);
}

/// Parallel tabs that renew the id leave one record, and not a second one that nobody can end.
pub async fn concurrent_rotations_leave_no_orphan<S: Scan>(store: &S, crowd: Crowd<'_>) {
    let probe = Probe(store);
    let mut keys = vec![probe.put(&record(&[])).await];
    keys.extend((0..4).map(|_| sample::key()));
    let rotate = |to: &StoreKey| {
        let (from, to) = (keys[0], *to);
        Box::pin(async move {
            probe
                .rotate(&from, &to, &nothing(1), Leave::Alias(at(100)), 1)
                .await;
        }) as Boxed<'_, ()>
    };
    crowd.all(keys[1..].iter().map(rotate).collect()).await;
    let walked = walk(store, 50, 1, async || {}).await;
    assert_eq!(
        keys_among(&walked, &keys),
        [probe.found(&keys[0], 1).await.key]
    );
}

/// The pages of a whole walk, with something else between any two of them.
async fn walk<S: Scan>(
    store: &S,
    limit: usize,
    now: i64,
    mut between: impl AsyncFnMut(),
) -> Vec<Found> {
    let mut walked: Vec<Found> = vec![];
    loop {
        let after = walked.last().map(|found| found.key);
        let page = no_error("scan", store.scan(after.as_ref(), limit, at(now)).await);
        assert!(
            page.len() <= limit,
            "a page of {} and a limit of {limit}",
            page.len()
        );
        if page.is_empty() {
            return walked;
        }
        walked.extend(page);
        between().await;
    }
}

fn keys_among(walked: &[Found], own: &[StoreKey]) -> Vec<StoreKey> {
    walked
        .iter()
        .map(|found| found.key)
        .filter(|key| own.contains(key))
        .collect()
}
