//! Rows: what lies under a key, byte for byte, and what the keys are called.
//!
//! A row is one string: a head of fixed length, which says until when it is good for what, and the
//! payload. Scripts compare heads and ends of rows and never read one. Byte for byte: `docs/format.md`.

use std::time::Duration;

use abiding::{Error, ErrorKind, Found, Record, Result, StoreKey, SubjectKey, Timestamp, Version};

/// What lies under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Another key.
    Alias(StoreKey),
    /// A session that is to be here as soon as the row under the other key says that it moved: a rotation
    /// between two slots is under way, or was broken off.
    Pending(Record, StoreKey),
    /// A session.
    Record(Record),
    /// What a session was before a rotation, with the key that it has since if that lies in another
    /// slot; or what is left to say of one that was ended.
    Snapshot(Record, Option<StoreKey>),
}

/// A row and when it ends, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) row: Row,
    pub(super) ends: Timestamp,
}

impl Stored {
    pub(super) fn record(record: Record) -> Self {
        let ends = record.deadline();
        Self {
            row: Row::Record(record),
            ends,
        }
    }

    pub(super) fn alias(to: StoreKey, until: Timestamp) -> Self {
        Self {
            row: Row::Alias(to),
            ends: until,
        }
    }

    pub(super) fn pending(record: Record, from: StoreKey) -> Self {
        let ends = record.deadline();
        Self {
            row: Row::Pending(record, from),
            ends,
        }
    }

    pub(super) fn snapshot(record: Record, next: Option<StoreKey>, until: Timestamp) -> Self {
        let ends = record.deadline().min(until);
        Self {
            row: Row::Snapshot(record, next),
            ends,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.row, Row::Pending(..))
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// The session or snapshot, if it is one.
    pub(super) fn into_found(self, key: StoreKey) -> Option<Found> {
        match self.row {
            Row::Alias(_) | Row::Pending(..) => None,
            Row::Record(record) => Some(Found::new(key, record)),
            Row::Snapshot(record, _) => Some(Found::snapshot(key, record)),
        }
    }

    /// Whom the index of subjects lists it under.
    pub(super) fn subject(&self) -> Option<&SubjectKey> {
        match &self.row {
            Row::Alias(_) => None,
            Row::Pending(record, _) | Row::Record(record) | Row::Snapshot(record, _) => {
                record.subject.as_ref()
            }
        }
    }

    /// Where it says that a session has gone.
    pub(super) fn next(&self) -> Option<StoreKey> {
        match &self.row {
            Row::Alias(to) | Row::Snapshot(_, Some(to)) => Some(*to),
            Row::Pending(..) | Row::Record(_) | Row::Snapshot(_, None) => None,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, record, other) = match &self.row {
            Row::Alias(to) => {
                let mut bytes = vec![FORMAT, ALIAS];
                bytes.extend(self.ends.as_millis().to_le_bytes());
                bytes.extend(to.as_bytes());
                return bytes;
            }
            Row::Pending(record, from) => (PENDING, record, Some(from)),
            Row::Record(record) => (RECORD, record, None),
            Row::Snapshot(record, None) => (SNAPSHOT, record, None),
            Row::Snapshot(record, next) => (MOVED, record, next.as_ref()),
        };
        let mut bytes = Vec::with_capacity(HEAD + StoreKey::LEN + record.payload.len());
        bytes.extend([FORMAT, kind]);
        for at in [
            self.ends,
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
        if let Some(other) = other {
            bytes.extend(other.as_bytes());
        }
        bytes.extend(&*record.payload);
        bytes
    }

    /// # Errors
    /// [`ErrorKind::Corrupt`] for bytes that this library did not write.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "read a row",
                "a key of the store holds a row that this library did not write, or that a newer release wrote",
            )
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [FORMAT, kind] = take(&mut rest)? else {
            return None;
        };
        let ends = stamp(&mut rest)?;
        let row = match kind {
            ALIAS => Row::Alias(StoreKey::from_bytes(rest.try_into().ok()?)),
            MOVED => {
                let (record, next) = naming(rest)?;
                Row::Snapshot(record, Some(next))
            }
            PENDING => {
                let (record, from) = naming(rest)?;
                Row::Pending(record, from)
            }
            RECORD => Row::Record(record(rest)?),
            SNAPSHOT => Row::Snapshot(record(rest)?, None),
            _ => return None,
        };
        Some(Self { row, ends })
    }
}

fn record(mut rest: &[u8]) -> Option<Record> {
    let idle_deadline = stamp(&mut rest)?;
    let seen = stamp(&mut rest)?;
    let created = stamp(&mut rest)?;
    let absolute_deadline = stamp(&mut rest)?;
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

/// A record that names another key between its head and its payload.
fn naming(rest: &[u8]) -> Option<(Record, StoreKey)> {
    let (head, mut rest) = rest.split_at_checked(HEAD - START)?;
    let other = StoreKey::from_bytes(take(&mut rest)?);
    Some((record(&[head, rest].concat())?, other))
}

fn stamp(rest: &mut &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from_le_bytes(take(rest)?)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

/// What tells this state of a row from every other one: its head, with the version and the deadlines in
/// it, and its end, which is the tag of the seal.
pub(super) fn mark(row: &[u8]) -> (&[u8], &[u8]) {
    (
        &row[..HEAD.min(row.len())],
        &row[row.len().saturating_sub(TAG)..],
    )
}

/// What a script puts in the place of the beginning of a record that was touched: everything up to
/// `seen`.
pub(super) fn touched(row: &[u8]) -> &[u8] {
    &row[..TOUCHED.min(row.len())]
}

/// In how many milliseconds the server may forget what ends at `ends`; `None` for never. A minute
/// late: readers go by the row's own deadline, and one of them may have a clock that is behind.
pub(super) fn expiry(ends: Timestamp, now: Timestamp) -> Option<i64> {
    let left = ends.as_millis().saturating_sub(now.as_millis());
    (left < FOREVER).then(|| left.saturating_add(SLACK.as_millis() as i64).max(1))
}

/// What the keys of one application are called.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: Box<str>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// Where the row of `key` lies.
    pub(super) fn row(&self, key: &StoreKey) -> String {
        self.named("s:", &member(key))
    }

    /// Where the sessions of `subject` are listed.
    pub(super) fn subject(&self, subject: &SubjectKey) -> String {
        self.named("u:", &text(subject.as_bytes()))
    }

    /// How the names of all rows begin.
    pub(super) fn rows(&self) -> String {
        self.named("s:", "")
    }

    /// How the names of all there is begin.
    pub(super) fn all(&self) -> String {
        self.named("", "")
    }

    /// The key of a row by its name.
    pub(super) fn key(&self, name: &[u8]) -> Option<StoreKey> {
        let member = name.strip_prefix(self.rows().as_bytes())?;
        key(member)
    }

    fn named(&self, kind: &str, rest: &str) -> String {
        let mut name = String::with_capacity(self.prefix.len() + kind.len() + rest.len());
        name.push_str(&self.prefix);
        name.push_str(kind);
        name.push_str(rest);
        name
    }
}

/// How an index names a session.
pub(super) fn member(key: &StoreKey) -> String {
    text(key.as_bytes())
}

/// The session that an index names.
pub(super) fn key(member: &[u8]) -> Option<StoreKey> {
    let (mut bytes, mut at) = ([0; StoreKey::LEN], 0);
    let (mut bits, mut held) = (0_u32, 0);
    if member.len() != LETTERS {
        return None;
    }
    for letter in member {
        let digit = ALPHABET.iter().position(|known| known == letter)?;
        bits = bits << 6 | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(at)? = (bits >> held) as u8;
            at += 1;
        }
    }
    Some(StoreKey::from_bytes(bytes))
}

/// Base64 as URLs spell it, without padding.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * at) & 63;
            text.push(char::from(ALPHABET[digit as usize]));
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The letters of a key.
pub(super) const LETTERS: usize = 43;

const FORMAT: u8 = 0x01;
const ALIAS: u8 = b'a';
const MOVED: u8 = b'm';
const PENDING: u8 = b'p';
const RECORD: u8 = b'r';
const SNAPSHOT: u8 = b's';

/// The length of everything but the payload.
pub(super) const HEAD: usize = START + 5 * 8 + 1 + SubjectKey::LEN;
/// Format, kind, and when the row is over.
const START: usize = 2 + 8;
/// Format, kind, and the three dates that a touch moves.
const TOUCHED: usize = 2 + 3 * 8;
/// The length of the tag that a seal ends with.
const TAG: usize = 16;
/// Longer than anybody waits: 100,000 years, in milliseconds. Exact in a script, whose numbers are doubles.
pub(super) const FOREVER: i64 = 3_155_760_000_000_000;
pub(super) const SLACK: Duration = Duration::from_secs(60);

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
        for stored in [
            Stored::record(record()),
            Stored::record(sample::record(NOW, Timestamp::MAX, &[])),
            Stored::snapshot(record(), None, NOW.after(Duration::from_secs(30))),
            Stored::snapshot(record(), Some(sample::key()), NOW),
            Stored::pending(record(), sample::key()),
            Stored::alias(sample::key(), NOW),
        ] {
            let bytes = stored.to_bytes();
            assert_eq!(Stored::parse(&bytes).unwrap(), stored);
            for length in 0..bytes.len().min(HEAD) {
                assert!(Stored::parse(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
        for bytes in [
            &b"\x02r"[..],
            b"\x01x12345678",
            b"hello, this is some other program's value",
        ] {
            assert_eq!(Stored::parse(bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_key_is_its_name_and_back() {
        let names = Names::new("app:");
        for _ in 0..100 {
            let key = sample::key();
            let name = names.row(&key);
            assert!(name.starts_with("app:s:") && name.len() == 6 + LETTERS);
            assert_eq!(names.key(name.as_bytes()), Some(key));
        }
        let key = StoreKey::from_bytes([0xfb; 32]);
        assert_eq!(member(&key), "-_v7".repeat(10) + "-_s");
        assert_eq!(names.key(b"app:u:x"), None);
        assert_eq!(names.key(b"app:s:not a key"), None);
    }

    #[test]
    fn a_touch_replaces_what_lies_before_the_date_of_creation() {
        let mut record = record();
        let before = Stored::record(record.clone()).to_bytes();
        record.seen = record.seen.after(Duration::from_secs(1));
        record.idle_deadline = record.idle_deadline.after(Duration::from_secs(1));
        let after = Stored::record(record).to_bytes();
        assert_eq!(before[TOUCHED..], after[TOUCHED..]);
        assert_ne!(touched(&before), touched(&after));
    }

    #[test]
    fn the_server_forgets_a_minute_late_and_never_what_has_no_end() {
        assert_eq!(expiry(NOW.after(Duration::from_secs(1)), NOW), Some(61_000));
        assert_eq!(expiry(NOW, NOW.after(Duration::from_secs(3_600))), Some(1));
        assert_eq!(expiry(Timestamp::MAX, NOW), None);
    }
}
