//! Rows: what lies in the table, and how one is read.

use abiding::{Found, Record, StoreKey, SubjectKey, Timestamp, Version};
use tokio_postgres::{
    Row as Columns,
    types::{FromSql, ToSql},
};

use super::failure::{Failure, damaged_row};

/// What lies under a key.
pub(super) enum Row {
    /// Another key, which the server follows by itself.
    Alias,
    /// A session.
    Record(Record),
    /// What a session was before a rotation, or why it is over; to be read only.
    Snapshot(Record),
}

/// A row, its key and its end.
pub(super) struct Stored {
    pub(super) key: StoreKey,
    pub(super) row: Row,
    /// When it ends, whatever it is.
    ends: Timestamp,
}

impl Stored {
    /// A row as a statement over [`COLUMNS`] gives it.
    pub(super) fn read(columns: &Columns) -> Result<Self, Failure> {
        let stamp = |at| column(columns, at).map(Timestamp::from_millis);
        let payload: &[u8] = column(columns, 9)?;
        let record = || {
            let mut record = Record::new(payload, stamp(3)?, stamp(6)?);
            record.seen = stamp(4)?;
            record.idle_deadline = stamp(5)?;
            record.version = Version::from_number(column::<i64>(columns, 7)?.cast_unsigned());
            record.subject = match column::<Option<&[u8]>>(columns, 8)? {
                Some(subject) => Some(SubjectKey::from_bytes(exactly(subject)?)),
                None => None,
            };
            Ok::<_, Failure>(record)
        };
        let row = match column(columns, 1)? {
            RECORD => Row::Record(record()?),
            ALIAS => exactly::<{ StoreKey::LEN }>(payload).map(|_| Row::Alias)?,
            SNAPSHOT => Row::Snapshot(record()?),
            _ => return Err(damaged_row("a row is of an unknown kind")),
        };
        Ok(Self {
            key: StoreKey::from_bytes(exactly(column(columns, 0)?)?),
            row,
            ends: stamp(2)?,
        })
    }

    /// The row that such a session lies in.
    pub(super) fn living(found: Found) -> Self {
        Self {
            key: found.key,
            ends: found.record.deadline(),
            row: Row::Record(found.record),
        }
    }

    /// All the sessions among some rows.
    pub(super) fn sessions(rows: &[Columns]) -> Result<Vec<Found>, Failure> {
        let mut sessions = Vec::with_capacity(rows.len());
        for columns in rows {
            let stored = Self::read(columns)?;
            if let Row::Record(record) = stored.row {
                sessions.push(Found::new(stored.key, record));
            }
        }
        Ok(sessions)
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }
}

/// A column, of the type that it was made with.
pub(super) fn column<'a, T: FromSql<'a>>(columns: &'a Columns, at: usize) -> Result<T, Failure> {
    columns
        .try_get(at)
        .map_err(|_| damaged_row("a column is missing or not of its type"))
}

/// The columns of a session, in the order of [`Values::as_parameters`].
pub(super) struct Values<'a> {
    key: &'a [u8],
    ends: i64,
    created: i64,
    seen: i64,
    idle_deadline: i64,
    absolute_deadline: i64,
    version: i64,
    subject: Option<&'a [u8]>,
    payload: &'a [u8],
}

impl<'a> Values<'a> {
    pub(super) fn new(key: &'a StoreKey, record: &'a Record) -> Self {
        Self {
            key: key.as_bytes(),
            ends: record.deadline().as_millis(),
            created: record.created.as_millis(),
            seen: record.seen.as_millis(),
            idle_deadline: record.idle_deadline.as_millis(),
            absolute_deadline: record.absolute_deadline.as_millis(),
            version: record.version.number().cast_signed(),
            subject: subject(record),
            payload: &record.payload,
        }
    }

    /// For `$1` to `$9`.
    pub(super) fn as_parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.key,
            &self.ends,
            &self.created,
            &self.seen,
            &self.idle_deadline,
            &self.absolute_deadline,
            &self.version,
            &self.subject,
            &self.payload,
        ]
    }
}

/// How a record was when it was read. Together these tell every state of it from every other: a change
/// raises the version, and a touch moves the rest.
pub(super) struct AsRead {
    version: i64,
    seen: i64,
    idle_deadline: i64,
}

impl AsRead {
    pub(super) fn new(record: &Record) -> Self {
        Self {
            version: record.version.number().cast_signed(),
            seen: record.seen.as_millis(),
            idle_deadline: record.idle_deadline.as_millis(),
        }
    }

    pub(super) fn as_parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.version, &self.seen, &self.idle_deadline]
    }
}

pub(super) fn subject(record: &Record) -> Option<&[u8]> {
    record
        .subject
        .as_ref()
        .map(|subject| subject.as_bytes().as_slice())
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes
        .try_into()
        .map_err(|_| damaged_row("a key is not of its length"))
}

/// `kind` of a session.
pub(super) const RECORD: i16 = 0;
/// `kind` of an alias, whose payload is the key that it leads to.
pub(super) const ALIAS: i16 = 1;
/// `kind` of a snapshot.
pub(super) const SNAPSHOT: i16 = 2;

/// What [`Stored::read`] expects of a statement.
pub(super) const COLUMNS: &str =
    "key, kind, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload";

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
pub(super) const HOPS: i32 = 8;
