//! One operation on its way: the questions it asks, all of them answered before one deadline.

use abiding::{Error, ErrorKind};
use tokio::time::{Instant, timeout_at};
#[cfg(feature = "flask")]
use tokio_postgres::types::Type;
use tokio_postgres::{Row as Columns, SimpleQueryMessage, Statement, types::ToSql};

use super::{failure::Failure, pool::Pool, statements::Statements};
use crate::table::{Again, Lane, Lanes, Tries};

/// An operation, and when it must be over.
pub(super) struct Errand<'a> {
    pub(super) pool: &'a Pool,
    pub(super) lanes: &'a Lanes,
    deadline: Instant,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> Errand<'a> {
    pub(super) fn new(pool: &'a Pool, lanes: &'a Lanes) -> Self {
        Self {
            pool,
            lanes,
            deadline: Instant::now() + pool.patience,
        }
    }

    /// Asks for rows.
    pub(super) async fn rows(
        &self,
        again: Again,
        statement: fn(&Statements) -> &Statement,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Columns>, Failure> {
        let mut tries = Tries::new(again);
        loop {
            let connection = &self.pool.lease(self.deadline).await?.connection;
            let statement = prepared(connection.statements.as_ref().map(statement))?;
            let ask = connection.client.query(statement, parameters);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !ask_again(&mut tries, &answer) {
                return answer;
            }
        }
    }

    /// Writes, and answers how many rows were written.
    pub(super) async fn write(
        &self,
        again: Again,
        statement: fn(&Statements) -> &Statement,
        parameters: Parameters<'_>,
    ) -> Result<u64, Failure> {
        let mut tries = Tries::new(again);
        loop {
            let connection = &self.pool.lease(self.deadline).await?.connection;
            let statement = prepared(connection.statements.as_ref().map(statement))?;
            let ask = connection.client.execute(statement, parameters);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !ask_again(&mut tries, &answer) {
                return answer;
            }
        }
    }

    /// Asks for rows in words that were not prepared: one round trip as well.
    #[cfg(feature = "flask")]
    pub(super) async fn typed(
        &self,
        again: Again,
        text: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Columns>, Failure> {
        let mut tries = Tries::new(again);
        loop {
            let connection = &self.pool.lease(self.deadline).await?.connection;
            let ask = connection.client.query_typed(text, parameters);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !ask_again(&mut tries, &answer) {
                return answer;
            }
        }
    }

    /// Runs several statements in one message, which makes them one transaction.
    pub(super) async fn run(&self, text: &str) -> Result<Vec<SimpleQueryMessage>, Failure> {
        let mut tries = Tries::new(Again::Never);
        loop {
            let connection = &self.pool.lease(self.deadline).await?.connection;
            let ask = connection.client.simple_query(text);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !ask_again(&mut tries, &answer) {
                return answer;
            }
        }
    }

    /// Waits for its turn to change a session of `lane`.
    pub(super) async fn turn<'l>(
        &self,
        lane: &'l Lane,
    ) -> Result<tokio::sync::MutexGuard<'l, ()>, Failure> {
        timeout_at(self.deadline, lane.turn())
            .await
            .map_err(|_| Failure::Late(self.pool.patience))
    }
}

fn prepared(statement: Option<&Statement>) -> Result<&Statement, Failure> {
    let context = "the connection has none of the statements of this library's own table";
    let missing = || Error::new(ErrorKind::Unsupported, "ask", context);
    statement.ok_or_else(missing).map_err(Failure::from)
}

/// Whether to ask again.
fn ask_again<T>(tries: &mut Tries, answer: &Result<T, Failure>) -> bool {
    answer
        .as_ref()
        .is_err_and(|failure| tries.ask_again(failure.is_conflict(), failure.is_disconnection()))
}
