//! Rows: what lies in the table, and how one is read.

use abiding::{Found, Record, StoreKey, SubjectKey, Timestamp, Version};
use tokio_postgres::{
    Row as Columns,
    types::{FromSql, ToSql},
};

use super::failure::{Failure, damaged_row};
use crate::table::{ALIAS, RECORD, Row, SNAPSHOT, Stored};

/// A row as a statement over [`COLUMNS`](crate::table::COLUMNS) gives it.
pub(super) fn read(columns: &Columns) -> Result<Stored, Failure> {
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
    Ok(Stored {
        key: StoreKey::from_bytes(exactly(column(columns, 0)?)?),
        row,
        ends: stamp(2)?,
    })
}

/// All the sessions among some rows.
pub(super) fn sessions(rows: &[Columns]) -> Result<Vec<Found>, Failure> {
    let stored = rows.iter().map(read);
    stored
        .filter_map(|stored| stored.map(Stored::session).transpose())
        .collect()
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

/// A key, as it lies in a column.
pub(super) fn key(bytes: &[u8]) -> Result<StoreKey, Failure> {
    exactly(bytes).map(StoreKey::from_bytes)
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes
        .try_into()
        .map_err(|_| damaged_row("a key is not of its length"))
}
