//! Connections, each of them given to one operation at a time, which speaks to its end.
//!
//! The protocol admits one question at a time, so whoever comes when all connections are at work waits for
//! his turn. What is to be asked is done by a task of its own: whoever goes away before the answer comes leaves
//! a connection behind that is as good as new. One that failed, or that was silent for too long, is closed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mysql_async::{Conn, Opts, prelude::Queryable};
use tokio::{
    runtime::{Handle, Id},
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use super::{
    errand::{Job, query},
    failure::{Failure, READ_ONLY},
    rows::text,
    statements::Texts,
};
use crate::table::Outages;

/// The connections of a store, and how to make one.
pub(super) struct Pool {
    opts: Opts,
    pub(super) texts: Texts,
    pub(super) patience: Duration,
    /// Which database this is, in words.
    pub(super) place: String,
    /// One for each connection that may be at work.
    turns: Arc<Semaphore>,
    connections: usize,
    /// Those that are not at work, the one that was used last at the end.
    idle: Mutex<Vec<Idle>>,
    outages: Outages,
}

struct Idle {
    connection: Conn,
    since: Instant,
    /// What moves its bytes.
    runtime: Id,
}

impl Pool {
    pub(super) fn new(
        opts: Opts,
        texts: Texts,
        patience: Duration,
        place: String,
        connections: usize,
    ) -> Self {
        Self {
            opts,
            texts,
            patience,
            place,
            turns: Arc::new(Semaphore::new(connections)),
            connections,
            idle: Mutex::default(),
            outages: Outages::default(),
        }
    }

    /// Has a connection do a job, to its end or until `deadline`, whether or not anybody waits for it.
    pub(super) async fn run<J: Job>(
        self: &Arc<Self>,
        deadline: Instant,
        job: J,
    ) -> Result<J::Answer, Failure> {
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Failure::Late(self.patience))?;
        let pool = Arc::clone(self);
        let work = tokio::spawn(async move {
            let _turn = turn;
            let answer = timeout_at(deadline, pool.work(job)).await;
            answer.unwrap_or(Err(Failure::Late(pool.patience)))
        });
        // A task that came to no end had its runtime ended.
        work.await.unwrap_or(Err(Failure::Lost))
    }

    /// What fails, or is left before it is over, costs the connection: it is closed, and not put back.
    async fn work<J: Job>(&self, job: J) -> Result<J::Answer, Failure> {
        let mut connection = self.connection().await?;
        let answer = job.run(&mut connection).await;
        match &answer {
            Ok(_) => self.put_back(connection),
            Err(failure) if failure.spoils_connection() => {
                // They have lost the server as well.
                self.idle().clear();
            }
            // In the midst of a transaction, perhaps.
            Err(_) => {
                if connection.query_drop("ROLLBACK").await.is_ok() {
                    self.put_back(connection);
                }
            }
        }
        answer
    }

    /// One that nobody uses, or a new one.
    async fn connection(&self) -> Result<Conn, Failure> {
        while let Some(Idle {
            mut connection,
            since,
            ..
        }) = self.take()
        {
            let is_alive = since.elapsed() < UNTRIED
                || timeout(TRIAL, connection.ping())
                    .await
                    .is_ok_and(|answer| answer.is_ok());
            if is_alive {
                return Ok(connection);
            }
            self.idle().clear();
        }
        self.outages.check()?;
        match open(&self.opts, self.patience).await {
            Ok(connection) => {
                self.outages.end();
                Ok(connection)
            }
            Err(failure) => {
                let reason = format!("{} {}", self.place, failure.words().1);
                self.outages.note(reason);
                Err(failure)
            }
        }
    }

    /// A connection beside the others, on which a statement may take this long.
    pub(super) async fn apart(&self, longest: Duration) -> Result<Conn, Failure> {
        let opened = timeout(self.patience, open(&self.opts, longest)).await;
        opened.unwrap_or(Err(Failure::Late(self.patience)))
    }

    /// The one of this runtime that was used last. Those that nobody needed for long are closed.
    fn take(&self) -> Option<Idle> {
        let runtime = Handle::current().id();
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < UNUSED);
        let at = idle.iter().rposition(|idle| idle.runtime == runtime)?;
        Some(idle.remove(at))
    }

    pub(super) fn put_back(&self, connection: Conn) {
        let mut idle = self.idle();
        if idle.len() >= self.connections {
            // Of another runtime, since this one has no more than that.
            idle.remove(0);
        }
        idle.push(Idle {
            connection,
            since: Instant::now(),
            runtime: Handle::current().id(),
        });
    }

    /// What the server calls the connections that nobody uses.
    #[cfg(test)]
    pub(super) fn idle_ids(&self) -> Vec<u32> {
        self.idle()
            .iter()
            .map(|idle| idle.connection.id())
            .collect()
    }

    /// What lies behind this lock is whole at any moment.
    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is set up as every statement here expects it, whatever the server has as its defaults.
pub(super) async fn open(opts: &Opts, patience: Duration) -> Result<Conn, Failure> {
    let mut connection = Conn::new(opts.clone()).await?;
    let state = query(&mut connection, &setup(patience)).await?.rows;
    let state = state.first().ok_or_else(|| refused(NOT_STRICT))?;
    if !text(state, 0).contains("STRICT_ALL_TABLES") || !text(state, 1).starts_with("utf8mb4") {
        return Err(refused(NOT_STRICT));
    }
    let is_off = |at| matches!(&*text(state, at), "" | "0" | "OFF");
    if !(is_off(2) && is_off(3)) {
        return Err(refused(READ_ONLY));
    }
    Ok(connection)
}

/// One message. What only one of the two servers knows stands in a comment that the other one skips.
fn setup(patience: Duration) -> String {
    let millis = patience.as_millis().max(1);
    let seconds = millis.div_ceil(1_000);
    format!(
        "SET NAMES utf8mb4; \
         SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION autocommit = 1, \
         SESSION completion_type = 'NO_CHAIN', SESSION wait_timeout = {}, SESSION lock_wait_timeout = {seconds}, \
         SESSION innodb_lock_wait_timeout = {seconds} \
         /*M!100600 , SESSION max_statement_time = {seconds} */ /*!80000 , SESSION max_execution_time = {millis} */; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; \
         SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, @@GLOBAL.read_only, @@GLOBAL.innodb_read_only",
        2 * UNUSED.as_secs()
    )
}

/// A refusal that says of the server what follows its name.
fn refused(what: &'static str) -> Failure {
    Failure::Unfit(what)
}

const NOT_STRICT: &str = "does not let a session choose `sql_mode` and `utf8mb4`, without which values may be cut off \
     silently: connect past the proxy that keeps them";

/// How long a connection may lie idle and be used without being tried first.
const UNTRIED: Duration = Duration::from_secs(5);
/// How long the trial may take.
const TRIAL: Duration = Duration::from_millis(500);
/// How long a connection may lie idle; the server closes it after twice as long, and with it a transaction
/// whose client has vanished from the network.
const UNUSED: Duration = Duration::from_secs(30);
