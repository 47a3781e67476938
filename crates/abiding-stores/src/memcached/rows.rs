//! Rows: what lies under a key, byte for byte, what the keys are called, and when the server forgets them.

use std::time::Duration;

use abiding::{Error, ErrorKind, Found, Record, Result, StoreKey, SubjectKey, Timestamp, Version};

/// What lies under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Another key.
    Alias(StoreKey),
    /// A session, and the key that it came from last. While it is pending it has arrived only if the row
    /// there names this one.
    Session {
        record: Record,
        from: Option<StoreKey>,
        is_pending: bool,
    },
    /// What a session was before a rotation to another key, or what is left to say of one that was ended.
    Snapshot {
        record: Record,
        to: Option<StoreKey>,
    },
}

/// A row and when it ends, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) row: Row,
    pub(super) ends: Timestamp,
}

impl Stored {
    /// A session that lies where it began.
    pub(super) fn new(record: Record) -> Self {
        Self::session(record, None, false)
    }

    pub(super) fn session(record: Record, from: Option<StoreKey>, is_pending: bool) -> Self {
        let ends = record.deadline();
        let row = Row::Session {
            record,
            from,
            is_pending,
        };
        Self { row, ends }
    }

    pub(super) fn snapshot(record: Record, to: Option<StoreKey>, until: Timestamp) -> Self {
        let ends = record.deadline().min(until);
        let row = Row::Snapshot { record, to };
        Self { row, ends }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// Whose it is, if the list of a subject must name it.
    pub(super) fn subject(&self) -> Option<&SubjectKey> {
        match &self.row {
            Row::Alias(_) => None,
            Row::Session { record, .. } | Row::Snapshot { record, .. } => record.subject.as_ref(),
        }
    }

    pub(super) fn payload_len(&self) -> usize {
        match &self.row {
            Row::Alias(_) => 0,
            Row::Session { record, .. } | Row::Snapshot { record, .. } => record.payload.len(),
        }
    }

    /// Where a rotation moved what was here.
    pub(super) fn leads_to(&self) -> Option<&StoreKey> {
        match &self.row {
            Row::Alias(to) => Some(to),
            Row::Snapshot { to, .. } => to.as_ref(),
            Row::Session { .. } => None,
        }
    }

    /// The session or snapshot, if it is one.
    pub(super) fn into_found(self, key: StoreKey) -> Option<Found> {
        match self.row {
            Row::Alias(_) => None,
            Row::Session { record, .. } => Some(Found::new(key, record)),
            Row::Snapshot { record, .. } => Some(Found::snapshot(key, record)),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, other, record) = match &self.row {
            Row::Alias(to) => (ALIAS, Some(to), None),
            Row::Session {
                record,
                from,
                is_pending,
            } => {
                let kind = if *is_pending { PENDING } else { SESSION };
                (kind, from.as_ref(), Some(record))
            }
            Row::Snapshot { record, to } => (SNAPSHOT, to.as_ref(), Some(record)),
        };
        let mut bytes = vec![FORMAT, kind];
        bytes.extend(self.ends.as_millis().to_le_bytes());
        bytes.extend(other.map_or(&NOBODY, StoreKey::as_bytes));
        let Some(record) = record else {
            return bytes;
        };
        for at in [
            record.idle_deadline,
            record.seen,
            record.created,
            record.absolute_deadline,
        ] {
            bytes.extend(at.as_millis().to_le_bytes());
        }
        bytes.extend(record.version.number().to_le_bytes());
        match &record.subject {
            Some(subject) => {
                bytes.push(1);
                bytes.extend(subject.as_bytes());
            }
            None => bytes.extend([0; 1 + SubjectKey::LEN]),
        }
        bytes.extend(&*record.payload);
        bytes
    }

    /// # Errors
    /// [`ErrorKind::Corrupt`] for bytes that this library did not write.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).ok_or_else(|| {
            let what =
                "an item of the store was not written by this library, or by a newer release";
            Error::new(ErrorKind::Corrupt, "read an item", what)
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [FORMAT, kind] = take(&mut rest)? else {
            return None;
        };
        let ends = stamp(&mut rest)?;
        let other = take(&mut rest)?;
        let other = (other != NOBODY).then(|| StoreKey::from_bytes(other));
        let row = match kind {
            ALIAS if rest.is_empty() => Row::Alias(other?),
            PENDING | SESSION => Row::Session {
                record: record(rest)?,
                from: other,
                is_pending: kind == PENDING,
            },
            SNAPSHOT => Row::Snapshot {
                record: record(rest)?,
                to: other,
            },
            _ => return None,
        };
        Some(Self { row, ends })
    }
}

fn record(mut rest: &[u8]) -> Option<Record> {
    let (idle_deadline, seen) = (stamp(&mut rest)?, stamp(&mut rest)?);
    let (created, absolute_deadline) = (stamp(&mut rest)?, stamp(&mut rest)?);
    let version = u64::from_le_bytes(take(&mut rest)?);
    let [has_subject] = take(&mut rest)?;
    let subject = take(&mut rest)?;
    let mut record = Record::new(rest, created, absolute_deadline);
    record.idle_deadline = idle_deadline;
    record.seen = seen;
    record.version = Version::from_number(version);
    record.subject = (has_subject == 1).then(|| SubjectKey::from_bytes(subject));
    Some(record)
}

pub(super) fn stamp(rest: &mut &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from_le_bytes(take(rest)?)))
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

/// What the items of one application are called.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: Box<str>,
}

impl Names {
    /// `None` for a prefix that no key can begin with, or that leaves no room for one.
    pub(super) fn new(prefix: &str) -> Option<Self> {
        let is_fit = |byte: u8| byte.is_ascii_graphic();
        let fits =
            !prefix.is_empty() && prefix.len() <= LONGEST_PREFIX && prefix.bytes().all(is_fit);
        fits.then(|| Self {
            prefix: prefix.into(),
        })
    }

    /// Where the row of `key` lies.
    pub(super) fn row(&self, key: &StoreKey) -> String {
        format!("{}s:{}", self.prefix, key.to_hex())
    }

    /// Where nothing lies.
    pub(super) fn probe(&self) -> String {
        format!("{}?", self.prefix)
    }

    /// Where the rows of `subject` are listed.
    pub(super) fn list(&self, subject: &SubjectKey) -> String {
        let mut name = format!("{}u:", self.prefix);
        for byte in subject.as_bytes() {
            name.push_str(&format!("{byte:02x}"));
        }
        name
    }
}

/// What is sent as the lifetime of what ends at `ends`, to a server whose clock shows `server` seconds since 1970.
///
/// More than thirty days is taken for a date, so that is what is sent then. A minute late: readers go by the
/// row's own deadline, and one of them may have a clock that is behind. 0 is for ever, which a date is that
/// the server cannot read.
pub(super) fn expiry(ends: Timestamp, now: Timestamp, server: i64) -> i64 {
    let left = ends.as_millis().saturating_sub(now.as_millis()).max(0);
    let seconds = (left / 1_000)
        .saturating_add(1)
        .saturating_add(SLACK.as_secs().cast_signed());
    if seconds <= THIRTY_DAYS {
        return seconds;
    }
    let date = server.saturating_add(seconds);
    if date > i64::from(i32::MAX) { 0 } else { date }
}

const FORMAT: u8 = 0x01;
const ALIAS: u8 = b'a';
const PENDING: u8 = b'p';
const SESSION: u8 = b'r';
const SNAPSHOT: u8 = b's';
/// Where a row names no other key.
const NOBODY: [u8; StoreKey::LEN] = [0; StoreKey::LEN];
/// Keys have 250 bytes at most, and end with 66 of our own.
const LONGEST_PREFIX: usize = 180;
/// The longest lifetime that is not taken for a date, in seconds.
const THIRTY_DAYS: i64 = 30 * 24 * 60 * 60;
const SLACK: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
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
    fn rows_are_read_as_they_were_written() {
        let key = sample::key();
        for stored in [
            Stored::new(record()),
            Stored::session(record(), Some(key), true),
            Stored::session(record(), Some(key), false),
            Stored::snapshot(record(), Some(key), NOW),
            Stored::snapshot(record(), None, NOW),
            Stored {
                row: Row::Alias(key),
                ends: NOW,
            },
        ] {
            let bytes = stored.to_bytes();
            assert_eq!(Stored::parse(&bytes).unwrap(), stored);
            for length in 0..42 {
                assert!(Stored::parse(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
        for bytes in [
            &b"\x02r"[..],
            b"",
            b"hello, this is some other program's value",
        ] {
            assert_eq!(Stored::parse(bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_lifetime_of_more_than_thirty_days_is_sent_as_a_date() {
        let (server, day) = (1_800_000_000, 86_400);
        let expiry = |seconds| expiry(NOW.after(Duration::from_secs(seconds)), NOW, server);
        assert_eq!(expiry(0), 61);
        assert_eq!(expiry(60), 121);
        assert_eq!(expiry(30 * day - 61), THIRTY_DAYS);
        assert_eq!(expiry(30 * day - 60), server + THIRTY_DAYS + 1);
        assert_eq!(expiry(365 * day), server + 365 * 86_400 + 61);
        // After 2038 a date is one that the server cannot read.
        assert_eq!(expiry(20 * 365 * day), 0);
        assert_eq!(super::expiry(Timestamp::MAX, NOW, server), 0);
        assert_eq!(super::expiry(NOW, Timestamp::MAX, server), 61);
    }

    #[test]
    fn prefixes_that_no_key_can_begin_with_are_refused() {
        for prefix in ["", "two words", "line\r\nflush_all", "é", &"x".repeat(181)] {
            assert!(Names::new(prefix).is_none(), "{prefix:?}");
        }
        let names = Names::new(&"x".repeat(180)).unwrap();
        assert!(names.row(&sample::key()).len() <= 250);
    }
}
