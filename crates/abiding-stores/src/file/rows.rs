//! Rows: what lies in a file, byte for byte (`docs/format.md`).
//!
//! A row is a head of fixed length and the payload. Two places of it are overwritten where they lie, by
//! whoever has the turn: the kind of a row that was pending, and the instant at which the sweep looks.

use abiding::{Found, Record, StoreKey, SubjectKey, Timestamp, Version};

/// What lies under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Another key.
    Alias(StoreKey),
    /// A session on its way from another key. It has arrived if the row there names this one.
    Pending { from: StoreKey, record: Record },
    /// A session.
    Record(Record),
    /// What a session was before a rotation to another key, or what is left to say of one that was ended.
    Snapshot {
        record: Record,
        to: Option<StoreKey>,
    },
}

/// A row and its own dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) row: Row,
    /// When it ends, whatever it is.
    pub(super) ends: Timestamp,
    /// When the sweep looks at it; never later than `ends`.
    pub(super) look_at: Timestamp,
}

impl Stored {
    pub(super) fn new(row: Row, ends: Timestamp, look_at: Timestamp) -> Self {
        Self {
            row,
            ends,
            look_at: look_at.min(ends),
        }
    }

    /// A session, looked at by the sweep at its end.
    pub(super) fn record(record: Record) -> Self {
        let ends = record.deadline();
        Self::new(Row::Record(record), ends, ends)
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// Whom the index of subjects lists it under.
    pub(super) fn subject(&self) -> Option<&SubjectKey> {
        match &self.row {
            Row::Alias(_) => None,
            Row::Pending { record, .. } | Row::Record(record) | Row::Snapshot { record, .. } => {
                record.subject.as_ref()
            }
        }
    }

    /// The session or snapshot, if it is one.
    pub(super) fn into_found(self, key: StoreKey) -> Option<Found> {
        match self.row {
            Row::Alias(_) | Row::Pending { .. } => None,
            Row::Record(record) => Some(Found::new(key, record)),
            Row::Snapshot { record, .. } => Some(Found::snapshot(key, record)),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, other, record) = match &self.row {
            Row::Alias(to) => (ALIAS, Some(to), None),
            Row::Pending { from, record } => (PENDING, Some(from), Some(record)),
            Row::Record(record) => (RECORD, None, Some(record)),
            Row::Snapshot { record, to } => (SNAPSHOT, to.as_ref(), Some(record)),
        };
        let payload = record.map_or(&[][..], |record| &record.payload);
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend([FORMAT, kind]);
        let stamp = |bytes: &mut Vec<u8>, at: Timestamp| bytes.extend(at.as_millis().to_le_bytes());
        stamp(&mut bytes, self.ends);
        stamp(&mut bytes, self.look_at);
        let dates = |record: &Record| {
            [
                record.idle_deadline,
                record.seen,
                record.created,
                record.absolute_deadline,
            ]
        };
        for at in record.map(dates).unwrap_or_default() {
            stamp(&mut bytes, at);
        }
        let version = record.map_or(0, |record| record.version.number());
        bytes.extend(version.to_le_bytes());
        match self.subject() {
            Some(subject) => {
                bytes.push(1);
                bytes.extend(subject.as_bytes());
            }
            None => bytes.extend([0; 1 + SubjectKey::LEN]),
        }
        bytes.extend(other.map_or(&NOBODY, StoreKey::as_bytes));
        // A payload is bounded by the limit of a session, which is far below that.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    /// `None` for bytes that this library did not write, or not to their end.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [FORMAT, kind] = take(&mut rest)? else {
            return None;
        };
        let (ends, look_at) = (stamp(&mut rest)?, stamp(&mut rest)?);
        let (idle_deadline, seen) = (stamp(&mut rest)?, stamp(&mut rest)?);
        let (created, absolute_deadline) = (stamp(&mut rest)?, stamp(&mut rest)?);
        let version = u64::from_le_bytes(take(&mut rest)?);
        let [has_subject] = take(&mut rest)?;
        let subject = take(&mut rest)?;
        let other = StoreKey::from_bytes(take(&mut rest)?);
        let length = u32::from_le_bytes(take(&mut rest)?);
        if usize::try_from(length).ok()? != rest.len() {
            return None;
        }
        let record = || {
            let mut record = Record::new(rest, created, absolute_deadline);
            record.idle_deadline = idle_deadline;
            record.seen = seen;
            record.version = Version::from_number(version);
            record.subject = (has_subject == 1).then(|| SubjectKey::from_bytes(subject));
            record
        };
        let row = match kind {
            ALIAS if rest.is_empty() => Row::Alias(other),
            PENDING => Row::Pending {
                from: other,
                record: record(),
            },
            RECORD => Row::Record(record()),
            SNAPSHOT => Row::Snapshot {
                record: record(),
                to: (*other.as_bytes() != NOBODY).then_some(other),
            },
            _ => return None,
        };
        Some(Self { row, ends, look_at })
    }
}

/// The length of the row whose head this is, if it is one.
pub(super) fn length(head: &[u8]) -> Option<usize> {
    let at = HEAD - size_of::<u32>();
    let length = head.get(at..HEAD)?.try_into().ok()?;
    Some(HEAD + usize::try_from(u32::from_le_bytes(length)).ok()?)
}

fn stamp(rest: &mut &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from_le_bytes(take(rest)?)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

const FORMAT: u8 = 0x01;
const ALIAS: u8 = b'a';
pub(super) const PENDING: u8 = b'p';
pub(super) const RECORD: u8 = b'r';
const SNAPSHOT: u8 = b's';
/// Where a row names no other key.
const NOBODY: [u8; StoreKey::LEN] = [0; StoreKey::LEN];

/// Where the kind lies.
pub(super) const KIND_AT: u64 = 1;
/// Where the instant lies at which the sweep looks.
pub(super) const LOOK_AT: u64 = 10;
/// The length of everything but the payload.
pub(super) const HEAD: usize = 2 + 7 * 8 + 1 + SubjectKey::LEN + StoreKey::LEN + 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use abiding::store::sample;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn record() -> Record {
        let idle = Duration::from_secs(60);
        let mut record = sample::idling_record(NOW, NOW.after(idle * 10), idle, &[("a", "1")]);
        record.subject = Some(sample::subject("ada"));
        record.version = Version::from_number(u64::MAX);
        record
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_never_in_part() {
        let key = sample::key();
        for row in [
            Row::Record(record()),
            Row::Record(Record::new(*b"", NOW, Timestamp::MAX)),
            Row::Alias(key),
            Row::Pending {
                from: key,
                record: record(),
            },
            Row::Snapshot {
                record: record(),
                to: Some(key),
            },
            Row::Snapshot {
                record: record(),
                to: None,
            },
        ] {
            let stored = Stored::new(row, NOW, Timestamp::from_millis(-7));
            let mut bytes = stored.to_bytes();
            assert_eq!(Stored::parse(&bytes), Some(stored));
            assert_eq!(length(&bytes), Some(bytes.len()));
            for length in 0..bytes.len() {
                assert_eq!(Stored::parse(&bytes[..length]), None, "{length} bytes");
            }
            bytes.push(0);
            assert_eq!(Stored::parse(&bytes), None, "one byte too many");
            bytes[0] = 2;
            assert_eq!(Stored::parse(&bytes), None, "of a newer release");
        }
    }

    #[test]
    fn what_is_overwritten_lies_where_it_is_said_to_lie() {
        let stored = Stored::new(
            Row::Pending {
                from: sample::key(),
                record: record(),
            },
            NOW,
            NOW,
        );
        let mut bytes = stored.to_bytes();
        let (kind, look_at) = (KIND_AT as usize, LOOK_AT as usize);
        assert_eq!(bytes[kind], PENDING);
        bytes[kind] = RECORD;
        bytes[look_at..look_at + 8].copy_from_slice(&7_i64.to_le_bytes());
        let expected = Stored::new(Row::Record(record()), NOW, Timestamp::from_millis(7));
        assert_eq!(Stored::parse(&bytes), Some(expected));
    }
}
