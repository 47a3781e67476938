//! What this process saw last of the sessions it is busy with, so that a write need not read again.
//!
//! A request that reads and then writes has just had the record in its hands. The store remembers it
//! here and writes on the condition that it is still the same; if it is not, the server's refusal
//! brings the present one. So a guess saves a round trip and never decides anything: no read is
//! answered from here. A fixed number of places, one for each key by its first bytes; a newer one
//! takes the place of an older.

use std::sync::{Mutex, MutexGuard, PoisonError};

use abiding::{Record, StoreKey};

pub(super) struct Guesses(Box<[Place]>);

type Place = Mutex<Option<(StoreKey, Record)>>;

impl Guesses {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }

    /// Remembers that `record` lies under `key`.
    pub(super) fn note(&self, key: &StoreKey, record: &Record) {
        let small = record.payload.len() <= LARGEST;
        *self.place(key) = small.then(|| (*key, record.clone()));
    }

    /// What lay under `key` last.
    pub(super) fn of(&self, key: &StoreKey) -> Option<Record> {
        let place = self.place(key);
        let (noted, record) = place.as_ref()?;
        (noted == key).then(|| record.clone())
    }

    pub(super) fn forget(&self, key: &StoreKey) {
        let mut place = self.place(key);
        if place.as_ref().is_some_and(|(noted, _)| noted == key) {
            *place = None;
        }
    }

    /// Keys are hashes, so any of their bytes spread them evenly.
    fn place(&self, key: &StoreKey) -> MutexGuard<'_, Option<(StoreKey, Record)>> {
        let [a, b, ..] = *key.as_bytes();
        let at = usize::from(u16::from_be_bytes([a, b])) % self.0.len();
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many sessions are remembered: more than one process is busy with at any moment.
const PLACES: usize = 1_024;
/// The longest payload that is remembered, so that all of them together stay within 16 MiB.
const LARGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use abiding::{Timestamp, store::sample};

    use super::*;

    #[test]
    fn the_last_state_of_a_key_is_remembered_until_it_is_forgotten() {
        let guesses = Guesses::new();
        let now = Timestamp::from_millis(0);
        let (key, other) = (sample::key(), StoreKey::from_bytes([0; 32]));
        let record = |value| sample::record(now, Timestamp::MAX, &[("a", value)]);
        guesses.note(&key, &record("1"));
        guesses.note(&key, &record("2"));
        assert_eq!(guesses.of(&key), Some(record("2")));
        assert_eq!(guesses.of(&other), None);
        guesses.forget(&key);
        assert_eq!(guesses.of(&key), None);
    }

    #[test]
    fn keys_of_one_place_are_never_taken_for_each_other_and_large_records_are_let_go() {
        let guesses = Guesses::new();
        let (one, two) = (StoreKey::from_bytes([7; 32]), {
            let mut bytes = [7; 32];
            bytes[31] = 8;
            StoreKey::from_bytes(bytes)
        });
        let now = Timestamp::from_millis(0);
        guesses.note(&one, &sample::record(now, Timestamp::MAX, &[]));
        assert_eq!(guesses.of(&two), None);
        guesses.forget(&two);
        assert!(guesses.of(&one).is_some());
        let large = "x".repeat(LARGEST);
        guesses.note(&one, &sample::record(now, Timestamp::MAX, &[("a", &large)]));
        assert_eq!(guesses.of(&one), None);
    }
}
