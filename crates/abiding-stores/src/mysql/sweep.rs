//! The sweep, in transactions so small that a request beside it does not notice.

use std::sync::Arc;

use abiding::{StoreKey, Timestamp, store::Swept};
use mysql_async::{Conn, Row as Columns, Value};

use super::{
    errand::{Errand, Job, query},
    failure::Failure,
    rows::{key, number, stamp},
    statements::{list, script},
};
use crate::table::Again;

/// Looks at up to `limit` rows whose time may have come, and removes those that are over.
pub(super) async fn slice(
    errand: &Errand<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Swept, Failure> {
    let limit = limit.min(ROWS);
    let most = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let texts = &errand.pool.texts;
    let slice = Slice {
        due: script(&texts.due, [stamp(now), most]),
        sweep: Arc::clone(&texts.sweep),
        now,
    };
    let (removed, looked_at) = errand.run(Again::Once, slice).await?;
    Ok(Swept::new(removed, looked_at == limit))
}

#[derive(Clone)]
struct Slice {
    due: String,
    sweep: Arc<str>,
    now: Timestamp,
}

impl Job for Slice {
    /// How many rows were removed, and how many were looked at.
    type Answer = (usize, usize);

    async fn run(self, connection: &mut Conn) -> Result<(usize, usize), Failure> {
        let due = query(connection, &self.due).await?.rows;
        let read = |row: &Columns| Ok::<_, Failure>((key(row, 0)?, number(row, 1)?));
        let due: Vec<(StoreKey, i64)> = due.iter().map(read).collect::<Result<_, _>>()?;
        let (over, later): (Vec<_>, Vec<_>) = due
            .iter()
            .partition(|(_, ends)| *ends <= self.now.as_millis());
        let keys = |rows: &[&(StoreKey, i64)]| list(rows.iter().map(|(key, _)| key));
        let sweep = self.sweep.replace("{over}", &keys(&over));
        let sweep = sweep.replace("{later}", &keys(&later));
        query(connection, &sweep).await?;
        Ok((over.len(), due.len()))
    }
}

/// The most rows of a transaction.
const ROWS: usize = 500;
