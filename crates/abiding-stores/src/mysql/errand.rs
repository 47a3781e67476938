//! One operation on its way: the questions it asks, all of them answered before one deadline.

use std::{future::Future, sync::Arc};

use mysql_async::{Conn, Row as Columns, Value, prelude::Queryable};
use tokio::time::{Instant, timeout_at};

use super::{failure::Failure, pool::Pool};
use crate::table::{Again, Lane, Lanes, Tries};

/// An operation, and when it must be over.
pub(super) struct Errand<'a> {
    pub(super) pool: &'a Arc<Pool>,
    pub(super) lanes: &'a Lanes,
    deadline: Instant,
}

/// What is to be done with a connection. It runs to its end once it has begun, whoever waits for it.
pub(super) trait Job: Clone + Send + 'static {
    type Answer: Send + 'static;

    fn run(
        self,
        connection: &mut Conn,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// What a server answers.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Columns>,
    /// How many rows each of the statements found or wrote.
    pub(super) written: Vec<u64>,
}

impl Answer {
    /// How many rows the statement at this place found or wrote.
    pub(super) fn written_by(&self, statement: usize) -> u64 {
        self.written.get(statement).copied().unwrap_or(0)
    }
}

/// One statement, prepared.
#[derive(Clone)]
struct Ask {
    text: Arc<str>,
    values: Vec<Value>,
}

impl Job for Ask {
    type Answer = Answer;

    async fn run(self, connection: &mut Conn) -> Result<Answer, Failure> {
        let mut result = connection.exec_iter(&*self.text, self.values).await?;
        let written = vec![result.affected_rows()];
        let rows = result.collect().await?;
        Ok(Answer { rows, written })
    }
}

/// Several statements in one message.
#[derive(Clone)]
struct Script(String);

impl Job for Script {
    type Answer = Answer;

    async fn run(self, connection: &mut Conn) -> Result<Answer, Failure> {
        query(connection, &self.0).await
    }
}

/// Runs statements as text.
pub(super) async fn query(connection: &mut Conn, text: &str) -> Result<Answer, Failure> {
    let mut result = connection.query_iter(text).await?;
    let mut answer = Answer::default();
    loop {
        answer.written.push(result.affected_rows());
        answer.rows.extend(result.collect::<Columns>().await?);
        if result.is_empty() {
            // A statement that failed is an end as well, which the driver tells only now.
            result.drop_result().await?;
            return Ok(answer);
        }
    }
}

impl<'a> Errand<'a> {
    pub(super) fn new(pool: &'a Arc<Pool>, lanes: &'a Lanes) -> Self {
        Self {
            pool,
            lanes,
            deadline: Instant::now() + pool.patience,
        }
    }

    /// Asks one question, in one statement.
    pub(super) async fn ask(
        &self,
        again: Again,
        text: &Arc<str>,
        values: impl Into<Vec<Value>>,
    ) -> Result<Answer, Failure> {
        let (text, values) = (Arc::clone(text), values.into());
        self.run(again, Ask { text, values }).await
    }

    /// Asks one question, in several statements.
    pub(super) async fn script(&self, again: Again, text: String) -> Result<Answer, Failure> {
        self.run(again, Script(text)).await
    }

    /// Has something done.
    pub(super) async fn run<J: Job>(&self, again: Again, job: J) -> Result<J::Answer, Failure> {
        let mut tries = Tries::new(again);
        loop {
            let answer = self.pool.run(self.deadline, job.clone()).await;
            let Err(failure) = &answer else { return answer };
            if !tries.ask_again(failure.is_conflict(), failure.is_disconnection()) {
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
