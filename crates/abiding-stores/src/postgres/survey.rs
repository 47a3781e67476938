//! The survey: one statement on a connection of its own, behind which nobody waits.

use abiding::{
    Result, Timestamp,
    store::{Census, Question, Survey},
};
use tokio_postgres::SimpleQueryMessage;

use super::{
    PostgresStore,
    failure::{Failure, damaged_row},
    pool::Pool,
};
use crate::table;

impl Survey for PostgresStore {
    /// The server's limit for statements, if it has one, holds here too; [`patience`](super::PostgresOptions::patience) does not.
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let operation = "survey";
        let errand = self.errand(operation)?;
        let text = table::question(&self.table.quoted('"'), question, now);
        let rows = self.told(operation, ask(errand.pool, &text).await)?;
        let census = table::census(question, &rows);
        let damaged = || damaged_row("a survey has another answer than was asked for");
        self.told(operation, census.ok_or_else(damaged))
    }
}

async fn ask(pool: &Pool, text: &str) -> Result<Vec<Vec<i64>>, Failure> {
    let (client, _task) = pool.line(|_| ()).await?;
    let mut rows = Vec::new();
    for message in client.simple_query(text).await? {
        if let SimpleQueryMessage::Row(row) = message {
            let cells = (0..row.len()).map(|at| row.get(at)?.parse().ok());
            let cells: Option<_> = cells.collect();
            rows.push(cells.ok_or_else(|| damaged_row("a survey is answered with no number"))?);
        }
    }
    Ok(rows)
}
