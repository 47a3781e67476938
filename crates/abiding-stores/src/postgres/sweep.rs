//! The sweep, in statements so small that a request beside it does not notice.

use abiding::{Timestamp, store::Swept};

use super::{
    errand::Errand,
    failure::{Failure, damaged_row},
    rows::column,
};
use crate::table::Again;

/// Looks at up to `limit` rows whose time may have come, and removes those that are over.
pub(super) async fn slice(
    errand: &Errand<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<Swept, Failure> {
    let limit = i64::try_from(limit.min(ROWS)).unwrap_or(i64::MAX);
    let rows = errand
        .rows(Again::Once, |all| &all.sweep, &[&now.as_millis(), &limit])
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| damaged_row("a sweep has no answer"))?;
    let (removed, looked_at) = (column::<i64>(row, 0)?, column::<i64>(row, 1)?);
    Ok(Swept::new(
        usize::try_from(removed).unwrap_or(0),
        looked_at == limit,
    ))
}

/// The most rows of a statement.
const ROWS: usize = 500;
