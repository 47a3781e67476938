//! What [`Store::load`] promises.

use std::time::Duration;

use abiding::{
    Store, Timestamp,
    store::{Leave, sample},
};

use super::probe::{LIFE, Probe, at, idling, record, record_until};

/// Nothing is found where nothing was put.
pub async fn loading_an_absent_record_returns_none<S: Store>(store: &S) {
    assert_eq!(Probe(store).load(&sample::key(), 0).await, None);
}

/// The deadline itself is already too late, to the millisecond, whichever of the two comes first.
pub async fn loading_an_ended_record_returns_none<S: Store>(store: &S) {
    let store = Probe(store);
    for record in [record_until(50), idling(50)] {
        let key = store.put(&record).await;
        for (now, living) in [
            (0, true),
            (49, true),
            (50, false),
            (51, false),
            (LIFE * 10, false),
        ] {
            assert_eq!(
                store.lives(&key, now).await,
                living,
                "{record:?} at {now} ms"
            );
        }
    }
}

/// A lifetime of more than 30 days is not taken for a date, nor one without end for none.
pub async fn loading_finds_a_record_that_lives_for_a_year<S: Store>(store: &S) {
    let store = Probe(store);
    const DAY: i64 = 86_400_000;
    let year = store.put(&record_until(365 * DAY)).await;
    assert!(store.lives(&year, 365 * DAY - 1).await);
    assert!(!store.lives(&year, 365 * DAY).await);
    let ever = store.put(&sample::record(at(0), Timestamp::MAX, &[])).await;
    assert!(store.lives(&ever, 365 * DAY).await);
}

/// However often a record is read, it is the same.
pub async fn loading_changes_nothing<S: Store>(store: &S) {
    let store = Probe(store);
    let record = sample::idling_record(at(0), at(LIFE), Duration::from_millis(100), &[("a", "1")]);
    let key = store.put(&record).await;
    for now in [0, 50, 99] {
        assert_eq!(store.found(&key, now).await.record, record);
    }
    assert!(
        !store.lives(&key, 100).await,
        "reading moved the idle deadline"
    );
}

/// A clock that jumps back hides no session.
pub async fn loading_survives_a_clock_that_jumps_back<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record(&[("a", "1")])).await;
    store.set(&key, "b", "2", 1_000).await;
    assert!(store.lives(&key, -1_000).await);
}

/// Through an alias the record is found, with the key it lies under.
pub async fn loading_through_an_alias_tells_where_the_record_lies<S: Store>(store: &S) {
    let store = Probe(store);
    let old = store.put(&record(&[("a", "1")])).await;
    let new = store.moved(&old, Leave::Alias(at(100)), 0).await;
    assert_eq!(store.found(&old, 0).await, store.found(&new, 0).await);
    assert_eq!(store.found(&old, 0).await.key, new);
}
