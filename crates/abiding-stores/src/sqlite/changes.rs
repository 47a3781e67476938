//! The writes of the contract, each as it runs inside the writer's transaction.
//!
//! A refusal ([`Failure::Refused`]) always comes before the first statement that writes, so the other
//! jobs of the transaction never see half of one. After [`Failure::Database`] the writer rolls back.

use abiding::{
    Found, Record, StoreKey, SubjectKey, Timestamp,
    store::{Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};
use rusqlite::Connection;

use super::{
    failure::Failure,
    rows::{self, HOPS, Living, Row},
    schema::row_id,
};

pub(super) fn create(
    conn: &Connection,
    key: &StoreKey,
    record: &Record,
) -> Result<Created, Failure> {
    Ok(if rows::insert(conn, key, record)? {
        Created::Yes
    } else {
        Created::KeyTaken
    })
}

pub(super) fn commit(
    conn: &Connection,
    key: &StoreKey,
    change: &Change,
    expect: Expect,
    now: Timestamp,
) -> Result<Committed, Failure> {
    let Some(living) = rows::living(conn, key, now)? else {
        return Ok(Committed::Gone);
    };
    if !expect.admits(living.found.record.version) {
        return Ok(Committed::Stale(living.found));
    }
    let new = change.apply(&living.found)?;
    rows::replace(conn, &living, &new)?;
    Ok(Committed::Yes(new.version))
}

/// Puts `new` in the place of `old`, if that still is as it was found.
pub(super) fn replace(
    conn: &Connection,
    old: &Found,
    new: &Record,
    now: Timestamp,
) -> Result<bool, Failure> {
    let was = &old.record;
    if new.deadline() >= was.deadline() && new.subject == was.subject {
        return rows::replace_as_found(conn, old, new, now);
    }
    let Some(living) = rows::living(conn, &old.key, now)? else {
        return Ok(false);
    };
    let is_as_found = rows::is_state(&living.found, old);
    if is_as_found {
        rows::replace(conn, &living, new)?;
    }
    Ok(is_as_found)
}

pub(super) fn touch(
    conn: &Connection,
    key: &StoreKey,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> Result<Touched, Failure> {
    if rows::touch(conn, key, idle_deadline, now)? {
        return Ok(Touched::Yes);
    }
    let Some(living) = rows::living(conn, key, now)? else {
        return Ok(Touched::Gone);
    };
    rows::touch(conn, &living.found.key, idle_deadline, now)?;
    Ok(Touched::Yes)
}

pub(super) fn rotate(
    conn: &Connection,
    from: &StoreKey,
    to: &StoreKey,
    change: &Change,
    expect: Expect,
    leave: Leave,
    now: Timestamp,
) -> Result<Committed, Failure> {
    let Some(Living { found, .. }) = rows::living(conn, from, now)? else {
        return Ok(Committed::Gone);
    };
    if rows::is_taken(conn, to)? {
        return Ok(Committed::KeyTaken);
    }
    if !expect.admits(found.record.version) {
        return Ok(Committed::Stale(found));
    }
    let moved = change.apply_moving(&found, to)?;
    match leave {
        Leave::Alias(until) => rows::leave_alias(conn, &found.key, to, until)?,
        Leave::Snapshot(until) => rows::leave_snapshot(conn, &found.key, until)?,
    }
    rows::insert(conn, to, &moved)?;
    Ok(Committed::Yes(moved.version))
}

pub(super) fn delete(
    conn: &Connection,
    key: &StoreKey,
    farewell: Option<&Farewell>,
    now: Timestamp,
) -> Result<Deleted, Failure> {
    let mut key = *key;
    for _ in 0..HOPS {
        let Some(stored) = rows::find(conn, &key)? else {
            break;
        };
        rows::remove(conn, row_id(&key))?;
        match stored.row {
            _ if stored.is_over(now) => break,
            Row::Alias(to) => key = to,
            Row::Snapshot(_) => return Ok(Deleted::Yes),
            Row::Record(record) => {
                let found = Found::new(key, record);
                if let Some(record) = farewell.and_then(|farewell| farewell.to(&found)) {
                    rows::insert(conn, &key, &record)?;
                    rows::leave_snapshot(conn, &key, record.deadline())?;
                }
                return Ok(Deleted::Yes);
            }
        }
    }
    Ok(Deleted::Absent)
}

pub(super) fn end_subject(
    conn: &Connection,
    subject: &SubjectKey,
    except: Option<&StoreKey>,
    now: Timestamp,
) -> Result<usize, Failure> {
    let kept = match except {
        Some(key) => rows::living(conn, key, now)?.map(|living| row_id(&living.found.key)),
        None => None,
    };
    let mut statement = conn.prepare_cached(END_SUBJECT)?;
    let mut rows = statement.query((subject.as_bytes(), kept, now.as_millis()))?;
    let mut ended = 0;
    while let Some(row) = rows.next()? {
        ended += usize::from(row.get::<_, bool>(0)?);
    }
    Ok(ended)
}

pub(super) const END_SUBJECT: &str = "DELETE FROM abiding_sessions WHERE subject = ?1 AND id IS NOT ?2 \
     RETURNING kind = 0 AND ends > ?3";
