//! What this process saw last of the sessions it is busy with, to write without reading first.
//!
//! A guess that is wrong costs a round trip and never decides anything: the server compares, and no read is answered
//! from here. A fixed number of places, one for each key by its first bytes; a newer one takes the place of an older.

use std::sync::{Mutex, MutexGuard, PoisonError};

use abiding::StoreKey;

use super::{NOWHERE, Seen, rows::Stored, wire::Cas};

pub(super) struct Guesses(Box<[Place]>);

type Place = Mutex<Option<(StoreKey, Seen)>>;

impl Guesses {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }

    /// Remembers what lies under `key`.
    pub(super) fn note(&self, key: &StoreKey, seen: &Seen) {
        let small = seen.stored.payload_len() <= LARGEST;
        *self.place(key) = small.then(|| (*key, seen.clone()));
    }

    /// Remembers what was written under `key`, whose number is not known.
    pub(super) fn note_outdated(&self, key: &StoreKey, stored: &Stored) {
        let seen = Seen {
            stored: stored.clone(),
            cas: Cas(0),
            on: NOWHERE,
        };
        self.note(key, &seen);
    }

    /// What lay under `key` last.
    pub(super) fn of(&self, key: &StoreKey) -> Option<Seen> {
        let place = self.place(key);
        let (noted, seen) = place.as_ref()?;
        (noted == key).then(|| seen.clone())
    }

    pub(super) fn forget(&self, key: &StoreKey) {
        let mut place = self.place(key);
        if place.as_ref().is_some_and(|(noted, _)| noted == key) {
            *place = None;
        }
    }

    /// Keys are hashes, so any of their bytes spread them evenly.
    fn place(&self, key: &StoreKey) -> MutexGuard<'_, Option<(StoreKey, Seen)>> {
        let [a, b, ..] = *key.as_bytes();
        let at = usize::from(u16::from_be_bytes([a, b])) % self.0.len();
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many sessions are remembered: more than one process is busy with at any moment.
const PLACES: usize = 1_024;
/// The longest row that is remembered, so that all of them together stay within 16 MiB.
const LARGEST: usize = 16 * 1024;
