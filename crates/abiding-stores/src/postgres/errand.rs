//! One operation on its way: the questions it asks, all of them answered before one deadline.

use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Row as Columns, SimpleQueryMessage, Statement, types::ToSql};

use super::{
    failure::Failure,
    lanes::{Lane, Lanes},
    pool::Pool,
    statements::Statements,
};

/// An operation, and when it must be over.
pub(super) struct Errand<'a> {
    pub(super) pool: &'a Pool,
    pub(super) lanes: &'a Lanes,
    deadline: Instant,
}

/// Whether a question may be asked once more when the connection was lost before the answer came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// To ask twice could do twice.
    Never,
    /// To ask twice is as good as once.
    Once,
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
            let statement = statement(&connection.statements);
            let ask = connection.client.query(statement, parameters);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !tries.ask_again(&answer) {
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
            let statement = statement(&connection.statements);
            let ask = connection.client.execute(statement, parameters);
            let answer = connection
                .answer(self.deadline, self.pool.patience, ask)
                .await;
            if !tries.ask_again(&answer) {
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
            if !tries.ask_again(&answer) {
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

/// Counts how often a question was asked.
struct Tries {
    again: Again,
    conflicts: u32,
}

impl Tries {
    fn new(again: Again) -> Self {
        Self {
            again,
            conflicts: 0,
        }
    }

    fn ask_again<T>(&mut self, answer: &Result<T, Failure>) -> bool {
        let Err(failure) = answer else { return false };
        if failure.is_conflict() && self.conflicts < CONFLICTS {
            self.conflicts += 1;
            return true;
        }
        let lost = self.again == Again::Once && failure.is_disconnection();
        if lost {
            self.again = Again::Never;
        }
        lost
    }
}

/// How often a statement that was rolled back for the sake of others is sent again.
const CONFLICTS: u32 = 10;
