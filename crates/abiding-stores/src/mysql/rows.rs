//! Rows of MySQL: how one is read, and what of a record goes into which column.

use abiding::{Found, Record, StoreKey, SubjectKey, Timestamp, Version};
use mysql_async::{Row as Columns, Value};

use super::failure::{Failure, damaged_row};
use crate::table::{ALIAS, RECORD, Row, SNAPSHOT, Stored};

/// A row as a statement over [`COLUMNS`](crate::table::COLUMNS) gives it.
pub(super) fn read(columns: &Columns) -> Result<Stored, Failure> {
    let stamp = |at| number(columns, at).map(Timestamp::from_millis);
    let payload = bytes(columns, 9)?;
    let record = || {
        let mut record = Record::new(payload, stamp(3)?, stamp(6)?);
        record.seen = stamp(4)?;
        record.idle_deadline = stamp(5)?;
        record.version = Version::from_number(number(columns, 7)?.cast_unsigned());
        record.subject = match columns.as_ref(8) {
            Some(Value::NULL) => None,
            _ => Some(SubjectKey::from_bytes(exactly(bytes(columns, 8)?)?)),
        };
        Ok::<_, Failure>(record)
    };
    let row = match i16::try_from(number(columns, 1)?) {
        Ok(RECORD) => Row::Record(record()?),
        Ok(ALIAS) => exactly::<{ StoreKey::LEN }>(payload).map(|_| Row::Alias)?,
        Ok(SNAPSHOT) => Row::Snapshot(record()?),
        _ => return Err(damaged_row("a row is of an unknown kind")),
    };
    Ok(Stored {
        key: key(columns, 0)?,
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

/// A number, whether it came as one or as text.
pub(super) fn number(columns: &Columns, at: usize) -> Result<i64, Failure> {
    let number = match columns.as_ref(at) {
        Some(Value::Int(number)) => Some(*number),
        Some(Value::UInt(number)) => i64::try_from(*number).ok(),
        Some(Value::Bytes(text)) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok()),
        _ => None,
    };
    number.ok_or_else(|| damaged_row("a column is missing or not of its type"))
}

pub(super) fn bytes(columns: &Columns, at: usize) -> Result<&[u8], Failure> {
    match columns.as_ref(at) {
        Some(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err(damaged_row("a column is missing or not of its type")),
    }
}

/// What a server says of itself; nothing for what is not there.
pub(super) fn text(columns: &Columns, at: usize) -> String {
    match columns.as_ref(at) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::UInt(number)) => number.to_string(),
        _ => String::new(),
    }
}

pub(super) fn key(columns: &Columns, at: usize) -> Result<StoreKey, Failure> {
    Ok(StoreKey::from_bytes(exactly(bytes(columns, at)?)?))
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes
        .try_into()
        .map_err(|_| damaged_row("a key is not of its length"))
}

/// The columns of a record from `ends` to `payload`, without its key and its kind.
pub(super) fn values(record: &Record) -> [Value; 8] {
    [
        stamp(record.deadline()),
        stamp(record.created),
        stamp(record.seen),
        stamp(record.idle_deadline),
        stamp(record.absolute_deadline),
        Value::Int(record.version.number().cast_signed()),
        subject(record),
        Value::Bytes(record.payload.to_vec()),
    ]
}

/// How a record was when it was read: `key`, `version`, `seen` and `idle_deadline`. Together these tell every
/// state of it from every other: a change raises the version, and a touch moves the rest.
pub(super) fn as_read(found: &Found) -> [Value; 4] {
    [
        key_value(&found.key),
        Value::Int(found.record.version.number().cast_signed()),
        stamp(found.record.seen),
        stamp(found.record.idle_deadline),
    ]
}

pub(super) fn key_value(key: &StoreKey) -> Value {
    Value::Bytes(key.as_bytes().to_vec())
}

pub(super) fn stamp(at: Timestamp) -> Value {
    Value::Int(at.as_millis())
}

pub(super) fn subject(record: &Record) -> Value {
    record.subject.map_or(Value::NULL, |subject| {
        Value::Bytes(subject.as_bytes().to_vec())
    })
}
