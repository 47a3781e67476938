//! The sweep, in slices so small that a write beside it does not notice.
//!
//! A session that is used moves its end and not its place in the index of the sweep; so a slice also
//! meets sessions that live on, once in an idle timeout each, and puts them back behind their end.

use std::time::Duration;

use abiding::{Timestamp, store::Swept};
use rusqlite::Connection;

use super::{failure::Failure, rows};
use crate::patience::Stopwatch;

/// Looks at up to `limit` rows whose time may have come, and removes those that are over.
pub(super) fn slice(conn: &Connection, now: Timestamp, limit: usize) -> Result<Swept, Failure> {
    let watch = Stopwatch::start();
    let limit = limit.min(ROWS);
    let due = due(conn, now, limit)?;
    let (mut looked_at, mut removed) = (0, 0);
    for (id, ends) in &due {
        if *ends <= now {
            rows::remove(conn, *id)?;
            removed += 1;
        } else {
            rows::sweep_at(conn, *id, *ends)?;
        }
        looked_at += 1;
        if watch.exceeds(TIME) {
            break;
        }
    }
    Ok(Swept::new(
        removed,
        looked_at == limit || looked_at < due.len(),
    ))
}

fn due(conn: &Connection, now: Timestamp, limit: usize) -> Result<Vec<(i64, Timestamp)>, Failure> {
    let mut statement = conn.prepare_cached(DUE)?;
    let rows = statement.query_map(
        (now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)),
        |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))),
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The most rows of a slice, and the longest it may take before its commit.
const ROWS: usize = 64;
const TIME: Duration = Duration::from_millis(4);

pub(super) const DUE: &str =
    "SELECT id, ends FROM abiding_sessions WHERE sweep_at <= ?1 ORDER BY sweep_at LIMIT ?2";
