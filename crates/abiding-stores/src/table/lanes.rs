//! Lanes: who changes a session waits his turn in one, and finds there what was read of it last.
//!
//! A change is made of the record as it is, and goes in on the condition that the record still is so.
//! What this process saw last is therefore as good as another look, and costs no round trip: where it
//! is out of date, the condition does not hold and the change is made anew. Nothing is ever answered
//! from here.
//!
//! The turns keep the changes of one process to one session from failing each other's conditions.
//! A lane serves every key with its number; what lies in it belongs to the key that came last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use abiding::{Found, StoreKey, Timestamp};

/// All lanes of a store.
pub(crate) struct Lanes(Box<[Lane]>);

/// The place of some keys.
#[derive(Default)]
pub(crate) struct Lane {
    turn: tokio::sync::Mutex<()>,
    seen: Mutex<Option<Box<Found>>>,
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self((0..LANES).map(|_| Lane::default()).collect())
    }

    pub(crate) fn of(&self, key: &StoreKey) -> &Lane {
        let [high, low, ..] = *key.as_bytes();
        // Keys are hashes, so any of their bytes spread them evenly.
        &self.0[usize::from(u16::from_be_bytes([high, low])) % LANES]
    }
}

impl Lane {
    /// Waits until nobody else of this process changes a session of this lane.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps what was found under `key`, unless it lies elsewhere, cannot be changed, or is large.
    pub(crate) fn keep(&self, key: &StoreKey, found: &Found) {
        if found.key == *key && !found.frozen && found.record.payload.len() <= LARGE {
            *self.seen() = Some(Box::new(found.clone()));
        }
    }

    /// What was seen last under `key`, if it would still be living. Taken out: it is good for one try.
    pub(crate) fn take(&self, key: &StoreKey, now: Timestamp) -> Option<Found> {
        let found = self.seen().take_if(|found| found.key == *key)?;
        (!found.record.is_expired_at(now)).then_some(*found)
    }

    /// Nothing behind this lock panics, and a record in it is whole or not there.
    fn seen(&self) -> MutexGuard<'_, Option<Box<Found>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many: enough that two sessions that are changed at one moment seldom share one.
const LANES: usize = 1_024;

/// The longest payload that is kept, in bytes; all lanes together hold 16 MiB at most.
const LARGE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use abiding::store::sample;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn found(key: StoreKey, payload: usize) -> Found {
        let record = sample::record(
            NOW,
            NOW.after(Duration::from_secs(1)),
            &[("a", &"x".repeat(payload))],
        );
        Found::new(key, record)
    }

    #[test]
    fn a_lane_gives_back_what_was_kept_and_only_once() {
        let (lanes, key) = (Lanes::new(), sample::key());
        lanes.of(&key).keep(&key, &found(key, 10));
        assert_eq!(lanes.of(&key).take(&key, NOW), Some(found(key, 10)));
        assert_eq!(lanes.of(&key).take(&key, NOW), None);
    }

    #[test]
    fn a_lane_keeps_nothing_that_cannot_be_changed_in_place() {
        let (lanes, key, other) = (Lanes::new(), sample::key(), sample::key());
        let snapshot = Found::snapshot(key, found(key, 10).record);
        for unfit in [found(other, 10), found(key, LARGE), snapshot] {
            lanes.of(&key).keep(&key, &unfit);
            assert_eq!(lanes.of(&key).take(&key, NOW), None, "{unfit:?}");
        }
        lanes.of(&key).keep(&key, &found(key, 10));
        let late = NOW.after(Duration::from_secs(1));
        assert_eq!(lanes.of(&key).take(&key, late), None);
    }

    #[test]
    fn a_neighbour_in_the_lane_is_nobody_else() {
        let lanes = Lanes::new();
        let (one, two) = (StoreKey::from_bytes([1; 32]), {
            let mut bytes = [1; 32];
            bytes[31] = 2;
            StoreKey::from_bytes(bytes)
        });
        lanes.of(&one).keep(&one, &found(one, 10));
        assert_eq!(lanes.of(&two).take(&two, NOW), None);
        assert!(lanes.of(&one).take(&one, NOW).is_some());
    }
}
