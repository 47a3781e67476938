//! What [`Watch`] promises.

use std::time::{Duration, Instant};

use abiding::{
    StoreKey,
    store::{Expect, Leave, Subjects, Watch, Watching, sample},
};

use super::probe::{LIFE, Probe, at, no_error, nothing, record, set};
use crate::run::yield_now;

/// How long word may take from one end of a server to the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits until it has completed.
#[expect(
    clippy::disallowed_methods,
    reason = "word comes when it comes, in real time"
)]
async fn told(watching: Watching) {
    let begin = Instant::now();
    while !watching.is_told() {
        assert!(
            begin.elapsed() < PATIENCE,
            "nothing was told in {PATIENCE:?}"
        );
        yield_now().await;
    }
    // And it says so to whoever awaits it.
    watching.await;
}

async fn watch<S: Watch>(store: &S, key: &StoreKey) -> Watching {
    let watching = no_error("watch", store.watch(key).await);
    assert!(!watching.is_told(), "it completes before anything happens");
    watching
}

/// Whoever ends it, and whether or not a farewell is left.
pub async fn watching_completes_when_the_record_ends<S: Watch>(store: &S) {
    let probe = Probe(store);
    let keys = [probe.put(&record(&[])).await, probe.put(&record(&[])).await];
    let [first, second] = [watch(store, &keys[0]).await, watch(store, &keys[1]).await];
    probe.delete(&keys[0], 1).await;
    told(first).await;
    probe.delete_with_farewell(&keys[1], 1).await;
    told(second).await;
}

/// Also where the old key leads on: who watches looks where it leads, and watches there.
pub async fn watching_completes_when_the_record_moves<S: Watch>(store: &S) {
    let probe = Probe(store);
    for leave in [Leave::Alias(at(30)), Leave::Snapshot(at(30))] {
        let (from, to) = (probe.put(&record(&[])).await, sample::key());
        let watching = watch(store, &from).await;
        probe.rotate(&from, &to, &nothing(1), leave, 1).await;
        told(watching).await;
    }
}

/// All of them, but the one that is spared.
pub async fn watching_completes_when_the_sessions_of_the_subject_end<S: Watch + Subjects>(
    store: &S,
) {
    let probe = Probe(store);
    let ada = format!("{:02x?}", sample::key().as_bytes());
    let of_ada = || sample::record_of(&ada, at(0), at(LIFE), &[]);
    let (one, spared) = (probe.put(&of_ada()).await, probe.put(&of_ada()).await);
    let (ended, lives) = (watch(store, &one).await, watch(store, &spared).await);
    let subject = sample::subject(&ada);
    let count = store.end_subject(&subject, Some(&spared), at(1)).await;
    assert_eq!(no_error("end_subject", count), 1);
    told(ended).await;
    assert!(!lives.is_told());
}

/// Neither does what happens to others.
pub async fn watching_goes_on_while_the_record_is_changed_and_touched<S: Watch>(store: &S) {
    let probe = Probe(store);
    let (key, other) = (probe.put(&record(&[])).await, probe.put(&record(&[])).await);
    let (watching, of_other) = (watch(store, &key).await, watch(store, &other).await);
    let change = set("step", "2", 1);
    probe.commit(&key, &change, Expect::Any, 1).await;
    probe.touch(&key, at(LIFE), 2).await;
    probe.delete(&other, 3).await;
    // Word comes in the order of what happened, so that of the others would have come by now.
    told(of_other).await;
    assert!(!watching.is_told());
}
