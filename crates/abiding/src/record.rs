//! What a store keeps of a session: a payload it cannot read, and the instants it needs to expire it.

use std::{fmt, sync::Arc};

use crate::{clock::Timestamp, id::StoreKey};

/// One stored session.
///
/// The payload is opaque: its first byte is the format, the rest is sealed wherever the store is
/// outside the process. The deadlines are copied beside it so that a store can expire and sweep;
/// the authoritative absolute deadline lies inside the payload, where nobody can move it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The format byte and what follows it.
    pub payload: Arc<[u8]>,
    /// When the session began.
    pub created: Timestamp,
    /// When it was last written or touched.
    pub seen: Timestamp,
    /// When it ends unless it is used before; [`Timestamp::MAX`] if idling does not end it.
    pub idle_deadline: Timestamp,
    /// When it ends, however it is used.
    pub absolute_deadline: Timestamp,
    /// How many changes it has seen; the first version is 1.
    pub version: Version,
    /// Whose session it is, for the index of subjects; a keyed hash, never the name.
    pub subject: Option<SubjectKey>,
}

impl Record {
    /// A record of version 1 that was created now, without subject and idle timeout.
    pub fn new(
        payload: impl Into<Arc<[u8]>>,
        now: Timestamp,
        absolute_deadline: Timestamp,
    ) -> Self {
        Self {
            payload: payload.into(),
            created: now,
            seen: now,
            idle_deadline: Timestamp::MAX,
            absolute_deadline,
            version: Version::FIRST,
            subject: None,
        }
    }

    /// The earlier of the two deadlines: what a store indexes and sweeps by.
    pub fn deadline(&self) -> Timestamp {
        self.idle_deadline.min(self.absolute_deadline)
    }

    /// Whether the session has ended by itself. The deadline itself is already too late.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.deadline() <= now
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("created", &self.created)
            .field("seen", &self.seen)
            .field("idle_deadline", &self.idle_deadline)
            .field("absolute_deadline", &self.absolute_deadline)
            .field("version", &self.version)
            .field("subject", &self.subject)
            .finish()
    }
}

/// Counts the changes of a record. Compared for equality only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl Version {
    /// The version of a record that was just created.
    pub const FIRST: Self = Self(1);

    /// The version with this number, as a store kept it.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number to store.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Names a subject in an index without telling who it is: a keyed hash of the subject's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey([u8; Self::LEN]);

impl SubjectKey {
    /// The length in bytes.
    pub const LEN: usize = 16;

    /// The key with these bytes, as a store kept them.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes to store and to index.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

/// A record and the key it lies under: another than the one asked for when an alias was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Where the record lies now.
    pub key: StoreKey,
    /// The record.
    pub record: Record,
    /// Whether it is the snapshot that a rotation left behind: to be read, not to be changed.
    pub frozen: bool,
}

impl Found {
    /// The record that lies under `key`.
    pub fn new(key: StoreKey, record: Record) -> Self {
        Self {
            key,
            record,
            frozen: false,
        }
    }

    /// The snapshot that a rotation left under `key`.
    pub fn snapshot(key: StoreKey, record: Record) -> Self {
        Self {
            key,
            record,
            frozen: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_ends_at_its_deadline_and_not_a_millisecond_later() {
        let now = Timestamp::from_millis(1_000);
        let mut record = Record::new(*b"x", now, now.after(Duration::from_millis(100)));
        record.idle_deadline = now.after(Duration::from_millis(50));
        assert!(!record.is_expired_at(Timestamp::from_millis(1_049)));
        assert!(record.is_expired_at(Timestamp::from_millis(1_050)));
    }
}
