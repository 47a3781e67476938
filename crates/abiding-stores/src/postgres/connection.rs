//! A connection with its statements: many operations share it, each answered in its turn.
//!
//! The driver sends what it is given at once and hands every answer to the one who asked, so requests
//! of many tasks are on their way at the same time. Who drops a future has his answer thrown away, and
//! nobody else's.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tokio_postgres::Client;

use super::{
    failure::Failure,
    statements::{Statements, Texts},
    tls::{Ending, Tls},
};

/// A connection that is open, as far as is known.
pub(super) struct Connection {
    pub(super) client: Client,
    /// None where the pool has no texts.
    pub(super) statements: Option<Statements>,
    /// Moves the bytes, until the last who used the connection has gone.
    _task: Ending,
    /// Set once it is of no more use.
    spoilt: AtomicBool,
    opened: Instant,
    /// Since when somebody has gone away unanswered, and nobody else was answered: milliseconds after
    /// `opened`, 0 if that is not so.
    silent_since: AtomicU64,
}

impl Connection {
    /// Opens one on the runtime of the caller.
    pub(super) async fn open(
        tls: &Tls,
        config: &tokio_postgres::Config,
        setup: &str,
        texts: Option<&Texts>,
    ) -> Result<Self, Failure> {
        let (client, task) = tls.connect(config).await?;
        let (_, statements) =
            tokio::try_join!(client.batch_execute(setup), prepare(texts, &client))?;
        Ok(Self {
            client,
            statements,
            _task: task,
            spoilt: AtomicBool::new(false),
            opened: Instant::now(),
            silent_since: AtomicU64::new(0),
        })
    }

    /// Waits for an answer until `deadline`; `patience` is how long that is, for the message.
    pub(super) async fn answer<T>(
        &self,
        deadline: Instant,
        patience: Duration,
        ask: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        let asked = Asked {
            connection: self,
            is_answered: false,
        };
        let answer = match timeout_at(deadline, ask).await {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_) => Err(Failure::Late(patience)),
        };
        asked.has_answer();
        if answer.as_ref().is_err_and(Failure::spoils_connection) {
            self.spoilt.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Whether it is worth asking: not closed, and not silent for so long towards people who went away.
    pub(super) fn is_usable(&self, patience: Duration) -> bool {
        let since = self.silent_since.load(Ordering::Relaxed);
        let silent = since != 0
            && self.opened.elapsed() > Duration::from_millis(since).saturating_add(patience);
        !(silent || self.spoilt.load(Ordering::Relaxed) || self.client.is_closed())
    }
}

async fn prepare(
    texts: Option<&Texts>,
    client: &Client,
) -> Result<Option<Statements>, tokio_postgres::Error> {
    match texts {
        Some(texts) => texts.prepare(client).await.map(Some),
        None => Ok(None),
    }
}

/// A question on its way.
struct Asked<'a> {
    connection: &'a Connection,
    is_answered: bool,
}

impl Asked<'_> {
    /// Answers come in order, so one is proof that those before it came too.
    fn has_answer(mut self) {
        self.is_answered = true;
        self.connection.silent_since.store(0, Ordering::Relaxed);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            let Connection {
                silent_since,
                opened,
                ..
            } = self.connection;
            let now = u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            let _ =
                silent_since.compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
