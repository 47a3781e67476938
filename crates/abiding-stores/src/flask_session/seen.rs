//! What this process read last of the sessions it is busy with, to write without reading again.
//!
//! The engine compares what was read with what is there, so a guess that is wrong costs a round trip and
//! decides nothing; no read is answered from here. Each is used once. A fixed number of slots, one for each key by its
//! first bytes; a newer one takes the slot of an older.

use std::sync::{Mutex, PoisonError};

use abiding::StoreKey;

use super::Place;

pub(super) struct Seen(Box<[Mutex<Option<Place>>]>);

impl Default for Seen {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }
}

impl Seen {
    pub(super) fn note(&self, place: Place) {
        if place.item.bytes.len() <= LARGEST {
            let slot = self.slot(&place.key);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        }
    }

    /// What lay under `key` last, if nobody took it since.
    pub(super) fn take(&self, key: &StoreKey) -> Option<Place> {
        let slot = self.slot(key).lock();
        let mut slot = slot.unwrap_or_else(PoisonError::into_inner);
        slot.take_if(|place| place.key == *key)
    }

    /// Keys are hashes, so any of their bytes spread them evenly.
    fn slot(&self, key: &StoreKey) -> &Mutex<Option<Place>> {
        &self.0[usize::from(key.as_bytes()[0]) % SLOTS]
    }
}

/// How many sessions are remembered: more than one process is busy with at any moment.
const SLOTS: usize = 256;
/// The longest map that is remembered, so that all of them together stay within some MiB.
const LARGEST: usize = 16 * 1024;
