//! The survey: one statement on a connection of its own, which no operation waits for.

use std::time::Duration;

use abiding::{
    Result, Timestamp,
    store::{Census, Question, Survey},
};

use super::{
    MysqlStore,
    errand::query,
    failure::{Failure, damaged_row},
    pool::Pool,
    rows::number,
};
use crate::table;

impl Survey for MysqlStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let operation = "survey";
        let errand = self.errand(operation)?;
        let text = table::question(&self.table.quoted('`'), question, now);
        let rows = self.told(operation, ask(errand.pool, &text).await)?;
        let census = table::census(question, &rows);
        let damaged = || damaged_row("a survey has another answer than was asked for");
        self.told(operation, census.ok_or_else(damaged))
    }
}

async fn ask(pool: &Pool, text: &str) -> Result<Vec<Vec<i64>>, Failure> {
    let mut connection = pool.apart(LONGEST).await?;
    let rows = query(&mut connection, text).await?.rows;
    let numbers = |row: &mysql_async::Row| (0..row.len()).map(|at| number(row, at)).collect();
    let rows = rows.iter().map(numbers).collect();
    // The answer is here, whatever becomes of the connection.
    let _ = connection.disconnect().await;
    rows
}

/// How long a survey may take: each row is looked at once, so this is for hundreds of millions.
const LONGEST: Duration = Duration::from_secs(60 * 60);
