//! Rows: what lies in the table, and the statements that read and write one of them.
//!
//! Used inside a transaction by the writes, and on its own by a read. Knows nothing of threads.

use abiding::{Found, Record, StoreKey, SubjectKey, Timestamp, Version, store::Outline};
use rusqlite::{Connection, Row as Columns, Rows, types::ValueRef};

use super::{
    failure::{Failure, damaged_row},
    schema::row_id,
};

/// What lies under a key.
pub(super) enum Row {
    /// Another key.
    Alias(StoreKey),
    /// A session.
    Record(Record),
    /// What a session was before a rotation; to be read only.
    Snapshot(Record),
}

/// A row and its own dates.
pub(super) struct Stored {
    pub(super) key: StoreKey,
    pub(super) row: Row,
    /// When it ends, whatever it is.
    pub(super) ends: Timestamp,
    /// When the sweep looks at it; never later than `ends`.
    sweep_at: Timestamp,
}

impl Stored {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// The session, if it is one.
    pub(super) fn into_session(self) -> Option<Found> {
        match self.row {
            Row::Record(record) => Some(Found::new(self.key, record)),
            Row::Alias(_) | Row::Snapshot(_) => None,
        }
    }
}

/// A living session, and when the sweep looks at it.
pub(super) struct Living {
    pub(super) found: Found,
    sweep_at: Timestamp,
}

/// The row under `key`, over or not.
pub(super) fn find(conn: &Connection, key: &StoreKey) -> Result<Option<Stored>, Failure> {
    let mut statement = conn.prepare_cached(FIND)?;
    let mut rows = statement.query([row_id(key)])?;
    let stored = rows.next()?.map(read).transpose()?;
    // Another key may have the same number. Compared here, which is cheaper than in the statement.
    Ok(stored.filter(|stored| stored.key == *key))
}

/// Whether both are one state of one session: a change raises the version, and a touch moves the rest.
pub(super) fn is_state(one: &Found, other: &Found) -> bool {
    let state = |found: &Found| {
        let record = &found.record;
        (found.key, record.version, record.seen, record.idle_deadline)
    };
    state(one) == state(other)
}

/// The living row that `key` leads to; never an alias.
pub(super) fn follow(
    conn: &Connection,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Option<Stored>, Failure> {
    let mut key = *key;
    for _ in 0..HOPS {
        match find(conn, &key)? {
            Some(stored) if stored.is_over(now) => return Ok(None),
            Some(Stored {
                row: Row::Alias(to),
                ..
            }) => key = to,
            found => return Ok(found),
        }
    }
    Ok(None)
}

/// The living session that `key` leads to.
pub(super) fn living(
    conn: &Connection,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Option<Living>, Failure> {
    Ok(follow(conn, key, now)?.and_then(|stored| {
        let sweep_at = stored.sweep_at;
        Some(Living {
            found: stored.into_session()?,
            sweep_at,
        })
    }))
}

/// A row as a statement made by [`select`] gives it.
fn read(columns: &Columns<'_>) -> Result<Stored, Failure> {
    let stamp = |at| columns.get(at).map(Timestamp::from_millis);
    let payload = blob(columns, 9)?.ok_or_else(|| damaged_row("a row has no payload"))?;
    let record = |payload: &[u8]| {
        let mut record = Record::new(payload, stamp(4)?, stamp(7)?);
        record.seen = stamp(5)?;
        record.idle_deadline = stamp(6)?;
        record.version = Version::from_number(columns.get::<_, i64>(8)?.cast_unsigned());
        record.subject = match blob(columns, 10)? {
            Some(subject) => Some(SubjectKey::from_bytes(exactly(subject)?)),
            None => None,
        };
        Ok::<_, Failure>(record)
    };
    let row = match columns.get(1)? {
        RECORD => Row::Record(record(payload)?),
        ALIAS => Row::Alias(StoreKey::from_bytes(exactly(payload)?)),
        SNAPSHOT => Row::Snapshot(record(payload)?),
        _ => return Err(damaged_row("a row is of an unknown kind")),
    };
    let key = blob(columns, 0)?.ok_or_else(|| damaged_row("a row has no key"))?;
    Ok(Stored {
        key: StoreKey::from_bytes(exactly(key)?),
        row,
        ends: stamp(2)?,
        sweep_at: stamp(3)?,
    })
}

/// Up to `limit` rows of any kind after `after`, in the order of the keys.
pub(super) fn page(
    conn: &Connection,
    after: Option<&StoreKey>,
    limit: usize,
) -> Result<Vec<Stored>, Failure> {
    let (statement, from) = after.map_or((FIRST_PAGE, i64::MIN), |key| (PAGE, row_id(key)));
    let mut statement = conn.prepare_cached(statement)?;
    let mut rows = statement.query((from, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    collect(&mut rows)
}

/// What counts of up to `limit` rows from the number `from` on, if they are sessions. Answers where the next ones begin.
pub(super) fn outlines(
    conn: &Connection,
    from: i64,
    limit: usize,
    mut meet: impl FnMut(&Outline),
) -> Result<Option<i64>, Failure> {
    let mut statement = conn.prepare_cached(OUTLINES)?;
    let mut rows = statement.query((from, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let (mut looked_at, mut last) = (0, from);
    while let Some(columns) = rows.next()? {
        looked_at += 1;
        last = columns.get(0)?;
        if columns.get::<_, i64>(1)? == RECORD {
            let stamp = |at| columns.get(at).map(Timestamp::from_millis);
            let size = u64::try_from(columns.get::<_, i64>(6)?).unwrap_or(0);
            let (ends, created, seen) = (stamp(2)?, stamp(3)?, stamp(4)?);
            meet(&Outline::new(created, seen, ends, columns.get(5)?, size));
        }
    }
    let is_over = looked_at < limit;
    Ok(last.checked_add(1).filter(|_| !is_over))
}

/// The living sessions of a subject, the most recently seen first.
pub(super) fn of_subject(
    conn: &Connection,
    subject: &SubjectKey,
    now: Timestamp,
) -> Result<Vec<Stored>, Failure> {
    let mut statement = conn.prepare_cached(OF_SUBJECT)?;
    let mut rows = statement.query((subject.as_bytes(), now.as_millis()))?;
    collect(&mut rows)
}

/// Adds a session. `false`, and nothing added, if its key or its number is taken.
pub(super) fn insert(conn: &Connection, key: &StoreKey, record: &Record) -> Result<bool, Failure> {
    let ends = record.deadline().as_millis();
    let added = conn.prepare_cached(INSERT)?.execute((
        row_id(key),
        key.as_bytes(),
        ends,
        record.created.as_millis(),
        record.seen.as_millis(),
        record.idle_deadline.as_millis(),
        record.absolute_deadline.as_millis(),
        record.version.number().cast_signed(),
        record.subject.as_ref().map(SubjectKey::as_bytes),
        &*record.payload,
    ))?;
    Ok(added == 1)
}

/// Whether a row has the number of `key`.
pub(super) fn is_taken(conn: &Connection, key: &StoreKey) -> Result<bool, Failure> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM abiding_sessions WHERE id = ?1")?
        .exists([row_id(key)])?)
}

/// Puts `new` in the place of `old`, and writes no index that need not change.
pub(super) fn replace(conn: &Connection, old: &Living, new: &Record) -> Result<(), Failure> {
    let (id, ends) = (row_id(&old.found.key), new.deadline());
    conn.prepare_cached(REPLACE)?.execute((
        id,
        ends.as_millis(),
        new.seen.as_millis(),
        new.idle_deadline.as_millis(),
        new.absolute_deadline.as_millis(),
        new.version.number().cast_signed(),
        &*new.payload,
    ))?;
    if ends < old.sweep_at {
        sweep_at(conn, id, ends)?;
    }
    if new.subject != old.found.record.subject {
        let subject = new.subject.as_ref().map(SubjectKey::as_bytes);
        conn.prepare_cached("UPDATE abiding_sessions SET subject = ?2 WHERE id = ?1")?
            .execute((id, subject))?;
    }
    Ok(())
}

/// Puts `new` in the place of `old`, if that still is as it was found. For records of one subject, of which the new one ends no
/// sooner: no index has to be written then, and the row is looked for once.
pub(super) fn replace_as_found(
    conn: &Connection,
    old: &Found,
    new: &Record,
    now: Timestamp,
) -> Result<bool, Failure> {
    let was = &old.record;
    let replaced = conn.prepare_cached(REPLACE_AS_FOUND)?.execute((
        row_id(&old.key),
        new.deadline().as_millis(),
        new.seen.as_millis(),
        new.idle_deadline.as_millis(),
        new.absolute_deadline.as_millis(),
        new.version.number().cast_signed(),
        &*new.payload,
        old.key.as_bytes(),
        now.as_millis(),
        was.version.number().cast_signed(),
        was.seen.as_millis(),
        was.idle_deadline.as_millis(),
    ))?;
    Ok(replaced == 1)
}

/// Moves the idle deadline of a living session, never back. `false` if there is none under this very key.
pub(super) fn touch(
    conn: &Connection,
    key: &StoreKey,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> Result<bool, Failure> {
    let moved = conn.prepare_cached(TOUCH)?.execute((
        row_id(key),
        key.as_bytes(),
        idle_deadline.as_millis(),
        now.as_millis(),
    ))?;
    Ok(moved == 1)
}

/// Makes an alias of the session under `key`.
pub(super) fn leave_alias(
    conn: &Connection,
    key: &StoreKey,
    to: &StoreKey,
    until: Timestamp,
) -> Result<(), Failure> {
    conn.prepare_cached(LEAVE_ALIAS)?
        .execute((row_id(key), until.as_millis(), to.as_bytes()))?;
    Ok(())
}

/// Freezes the session under `key`, which ends with its deadline as before, and at `until` at the latest.
pub(super) fn leave_snapshot(
    conn: &Connection,
    key: &StoreKey,
    until: Timestamp,
) -> Result<(), Failure> {
    conn.prepare_cached(LEAVE_SNAPSHOT)?
        .execute((row_id(key), until.as_millis()))?;
    Ok(())
}

pub(super) fn remove(conn: &Connection, id: i64) -> Result<(), Failure> {
    conn.prepare_cached("DELETE FROM abiding_sessions WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Tells the sweep when to look at a row.
pub(super) fn sweep_at(conn: &Connection, id: i64, at: Timestamp) -> Result<(), Failure> {
    conn.prepare_cached("UPDATE abiding_sessions SET sweep_at = ?2 WHERE id = ?1")?
        .execute((id, at.as_millis()))?;
    Ok(())
}

fn collect(rows: &mut Rows<'_>) -> Result<Vec<Stored>, Failure> {
    let mut all = Vec::new();
    while let Some(columns) = rows.next()? {
        all.push(read(columns)?);
    }
    Ok(all)
}

fn blob<'a>(columns: &'a Columns<'_>, at: usize) -> Result<Option<&'a [u8]>, Failure> {
    match columns.get_ref(at)? {
        ValueRef::Blob(bytes) => Ok(Some(bytes)),
        ValueRef::Null => Ok(None),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
            Err(damaged_row("a column is not of its type"))
        }
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes
        .try_into()
        .map_err(|_| damaged_row("a key is not of its length"))
}

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
pub(super) const HOPS: usize = 8;

/// `kind` of a session.
const RECORD: i64 = 0;
/// `kind` of an alias, whose payload is the key that it leads to.
const ALIAS: i64 = 1;
/// `kind` of a snapshot.
const SNAPSHOT: i64 = 2;

/// What [`read`] expects of a statement.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT key, kind, ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, payload, ",
            "subject FROM abiding_sessions WHERE ",
            $where
        )
    };
}

pub(super) const FIND: &str = select!("id = ?1");
pub(super) const PAGE: &str = select!("id > ?1 ORDER BY id LIMIT ?2");
const FIRST_PAGE: &str = select!("id >= ?1 ORDER BY id LIMIT ?2");
pub(super) const OF_SUBJECT: &str =
    select!("subject = ?1 AND kind = 0 AND ends > ?2 ORDER BY seen DESC, id");
/// The length of a payload stands before it, so it is not read for that.
const OUTLINES: &str = "SELECT id, kind, ends, created, seen, subject IS NOT NULL, length(payload) \
     FROM abiding_sessions WHERE id >= ?1 ORDER BY id LIMIT ?2";
const INSERT: &str = "INSERT INTO abiding_sessions (id, key, kind, ends, sweep_at, created, seen, idle_deadline, \
     absolute_deadline, version, subject, payload) VALUES (?1, ?2, 0, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
     ON CONFLICT (id) DO NOTHING";
const REPLACE: &str = "UPDATE abiding_sessions SET ends = ?2, seen = ?3, idle_deadline = ?4, absolute_deadline = ?5, \
     version = ?6, payload = ?7 WHERE id = ?1";
const REPLACE_AS_FOUND: &str = "UPDATE abiding_sessions SET ends = ?2, seen = ?3, idle_deadline = ?4, absolute_deadline = ?5, \
     version = ?6, payload = ?7 \
     WHERE id = ?1 AND key = ?8 AND kind = 0 AND ends > ?9 AND version = ?10 AND seen = ?11 AND idle_deadline = ?12";
pub(super) const TOUCH: &str = "UPDATE abiding_sessions SET idle_deadline = max(idle_deadline, ?3), seen = max(seen, ?4), \
     ends = min(max(idle_deadline, ?3), absolute_deadline) WHERE id = ?1 AND key = ?2 AND kind = 0 AND ends > ?4";
const LEAVE_ALIAS: &str = "UPDATE abiding_sessions SET kind = 1, ends = ?2, sweep_at = ?2, subject = NULL, \
     payload = ?3 WHERE id = ?1";
const LEAVE_SNAPSHOT: &str = "UPDATE abiding_sessions SET kind = 2, ends = min(ends, ?2), sweep_at = min(ends, ?2) \
     WHERE id = ?1";
