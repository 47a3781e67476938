//! Why a cookie was not taken for a session, and how often that happened.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::keyring::TokenRejection;

/// Why a cookie was not taken for a session. The visitor is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// A key of the ring is named, but the cookie is not its work.
    BadTag,
    /// Two cookies of the name.
    Duplicate,
    /// Its seal is genuine and its time is over.
    Expired,
    /// It is no token or seal at all.
    Malformed,
    /// Its key was revoked.
    RevokedKey,
    /// It is genuine, and the store knows no such session (any more).
    UnknownId,
    /// Its key is not in the ring.
    UnknownKey,
}

impl Rejection {
    pub(crate) const ALL: [Self; 7] = [
        Self::BadTag,
        Self::Duplicate,
        Self::Expired,
        Self::Malformed,
        Self::RevokedKey,
        Self::UnknownId,
        Self::UnknownKey,
    ];
}

impl From<TokenRejection> for Rejection {
    fn from(rejection: TokenRejection) -> Self {
        match rejection {
            TokenRejection::BadTag => Self::BadTag,
            TokenRejection::Malformed => Self::Malformed,
            TokenRejection::RevokedKey => Self::RevokedKey,
            TokenRejection::UnknownKey => Self::UnknownKey,
        }
    }
}

/// Counts what was refused (ID-7).
#[derive(Debug, Default)]
pub(crate) struct Rejected([AtomicU64; Rejection::ALL.len()]);

impl Rejected {
    pub(crate) fn count(&self, reason: Rejection) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
        tracing::debug!(?reason, "session cookie refused");
    }

    pub(crate) fn of(&self, reason: Rejection) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}
