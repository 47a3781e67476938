//! What each key of a ring is good for at the moment, and when it was last needed.
//!
//! Counted by the manager whenever a token or a seal has proved genuine, so that nobody can keep a
//! key in use by naming it. Counts are those of this process.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::KeyId;
use crate::clock::Timestamp;

/// A key of a ring as an operator sees it: without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The public name of the key.
    pub id: KeyId,
    /// What the key is good for.
    pub standing: KeyStanding,
    /// From when on it signs, if the list of keys says so.
    pub from: Option<Timestamp>,
    /// How many tokens and seals it opened in this process.
    pub opened: u64,
    /// When it last opened one in this process.
    pub last_opened: Option<Timestamp>,
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStanding {
    /// It was removed when nothing it had made could live.
    Retired,
    /// It was withdrawn: what it made is refused.
    Revoked,
    /// It makes every new token and seal, and verifies its own.
    Signing,
    /// It signed earlier: what it made is good, and it makes nothing new.
    Verifying,
    /// It verifies already, and signs from its instant on.
    Waiting,
}

/// How often a key opened something, and when last.
#[derive(Debug)]
pub(super) struct Usage {
    opened: AtomicU64,
    last: AtomicI64,
}

impl Usage {
    pub(super) fn note(&self, now: Timestamp) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        // Written once a second: cores that share the line need not fight for it.
        if now
            .as_millis()
            .saturating_sub(self.last.load(Ordering::Relaxed))
            >= 1000
        {
            self.last.store(now.as_millis(), Ordering::Relaxed);
        }
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        let last = self.last.load(Ordering::Relaxed);
        (last != NEVER).then(|| Timestamp::from_millis(last))
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            opened: AtomicU64::new(0),
            last: AtomicI64::new(NEVER),
        }
    }
}

const NEVER: i64 = i64::MIN;
