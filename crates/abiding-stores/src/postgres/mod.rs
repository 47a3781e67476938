//! Sessions in a table of PostgreSQL, which any number of machines share.
//!
//! Capabilities: durable (unless the table is `UNLOGGED`) · shared · sweep · scan · subjects · survey · bulk · watch, where
//! [`PostgresOptions::announce`] says so · records are sealed · nothing is evicted.
//!
//! - **A write** is one statement, which is a transaction of its own and is acknowledged once it is
//!   committed. No transaction is ever open between two round trips.
//! - **Round trips**: `load`, `create`, `touch` and `delete` take one. `commit`, `rotate` and a `delete` that
//!   leaves a farewell merge into the sealed record on this side, on the condition that the server still has
//!   it as it was read; they take one where this process has seen the record last, as after a `load` in the
//!   same request, and two where it has not. A writer that was overtaken pays two more. An alias costs one.
//! - **Connections** are shared: requests are sent at once and answered in their order, and nobody waits for
//!   a connection to be free. One that is lost is opened anew by whoever comes next.
//! - **A dropped future** leaves no effect or the whole effect, and its answer reaches nobody else.
//! - **A crash** of the server leaves every acknowledged write; [`Durability`] says what else to choose.
//! - **A lost reply**: when the connection breaks, what was on its way may have come into effect, as a whole,
//!   or not; reads, touches and deletes are sent once more, anything else ends in an error.
//! - **A server that is down, hangs, only reads, or denies a right** gives an error of kind
//!   [`Unavailable`](abiding::ErrorKind::Unavailable) with the remedy, within [`PostgresOptions::patience`].
//! - **The way there** is encrypted and the server known by its certificate with
//!   [`tls`](PostgresOptions::tls), feature `postgres-tls`; in clear unless told so.
//! - **After a fork** the child must open a store of its own: on the parent's it gets an error.
//!
//! Sliding an expiry writes no index (`docs/adr/0008-postgres-store.md`, with numbers). Tables, rights and
//! bytes: `docs/format.md`, and `grants.sql` beside this file for a role that may do no more than it must.
//!
//! ```no_run
//! use std::time::Duration;
//! use abiding::{Clock, Store, SystemClock, store::sample};
//! use abiding_stores::postgres::PostgresStore;
//!
//! # async fn example() -> abiding::Result<()> {
//! let store = PostgresStore::open("postgres://shop@db.internal/shop").await?;
//!
//! let (key, now) = (sample::key(), SystemClock.now());
//! let record = sample::record(now, now.after(Duration::from_secs(3_600)), &[("step", "2")]);
//! store.create(&key, &record, now).await?;
//! assert_eq!(store.load(&key, now).await?.unwrap().record, record);
//! # Ok(())
//! # }
//! ```

mod bulk;
mod checkup;
mod connection;
mod errand;
mod failure;
#[cfg(feature = "flask")]
mod flask;
mod listen;
mod options;
mod pool;
mod questions;
mod rows;
mod schema;
mod statements;
mod survey;
mod sweep;
mod tls;
mod url;

#[cfg(test)]
mod tests;

use std::{fmt, process};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Scan, Subjects,
        Sweep, Swept, Touched, Watch, Watching,
    },
};

#[cfg(feature = "flask")]
pub use flask::PostgresShelf;
pub use options::{Durability, PostgresOptions};

pub(crate) use checkup::checkup;
pub(crate) use url::open_url;
pub(crate) use url::url_options;

use errand::Errand;
use failure::Failure;
use listen::Ear;
use pool::Pool;

use crate::table::{Again, Lanes, TableName, changes};

/// Keeps sessions in a PostgreSQL table.
///
/// Dropping it closes its connections; what is on its way comes into effect or does not, as a whole.
pub struct PostgresStore {
    pool: Pool,
    lanes: Lanes,
    table: TableName,
    /// Whether a crash of the server leaves the table as it was.
    is_logged: bool,
    /// Whether it tells others what it ends.
    announces: bool,
    ear: Ear,
    /// The process that opened it, and the only one that may use it.
    owner: u32,
}

impl PostgresStore {
    /// Opens the database at `url` with the default options; see [`PostgresOptions::open`].
    pub async fn open(url: &str) -> Result<Self> {
        PostgresOptions::new(url)?.open().await
    }

    fn new(pool: Pool, table: TableName, is_logged: bool) -> Self {
        Self {
            pool,
            lanes: Lanes::new(),
            table,
            is_logged,
            announces: false,
            ear: Ear::default(),
            owner: process::id(),
        }
    }

    /// An operation, which must be over before long.
    fn errand(&self, operation: &'static str) -> Result<Errand<'_>> {
        // The sockets of a parent are its own: two who speak on one get each other's answers.
        if process::id() != self.owner {
            let context = format!(
                "{} was opened before this process was forked: open it in each process, after the fork",
                self.pool.place
            );
            return Err(Error::new(ErrorKind::Unavailable, operation, context));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            let context = "a PostgreSQL store needs a tokio runtime: call it inside one";
            return Err(Error::new(ErrorKind::Unavailable, operation, context));
        }
        Ok(Errand::new(&self.pool, &self.lanes))
    }

    fn told<T>(&self, operation: &'static str, answer: Result<T, Failure>) -> Result<T> {
        answer.map_err(|failure| failure.into_error(operation, &self.pool.place))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.pool.place)
            .field("table", &format_args!("{}", self.table))
            .finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("postgres");
        capabilities.durable = self.is_logged;
        capabilities.shared = true;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, _: Timestamp) -> Result<Created> {
        let errand = self.errand("create")?;
        self.told("create", changes::create(&errand, key, record).await)
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let errand = self.errand("load")?;
        self.told("load", changes::load(&errand, key, now).await)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let errand = self.errand("commit")?;
        let answer = changes::commit(&errand, key, change, expect, now).await;
        self.told("commit", answer)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let errand = self.errand("touch")?;
        let answer = changes::touch(&errand, key, idle_deadline, now).await;
        self.told("touch", answer)
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        let errand = self.errand("rotate")?;
        let answer = changes::rotate(&errand, from, to, change, expect, leave, now).await;
        self.told("rotate", answer)
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let errand = self.errand("delete")?;
        let answer = changes::delete(&errand, key, farewell, now).await;
        self.told("delete", answer)
    }
}

impl Sweep for PostgresStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        loop {
            // A statement each, so that what it holds is given free in between.
            let errand = self.errand("sweep")?;
            let slice = sweep::slice(&errand, now, limit - removed).await;
            let slice = self.told("sweep", slice)?;
            removed += slice.removed;
            if !slice.more || removed == limit {
                return Ok(Swept::new(removed, slice.more));
            }
        }
    }
}

impl Scan for PostgresStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let operation = "scan";
        let errand = self.errand(operation)?;
        let after: &[u8] = after.map_or(&[], |key| key.as_bytes());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = errand
            .rows(
                Again::Once,
                |all| &all.scan,
                &[&after, &now.as_millis(), &limit],
            )
            .await;
        self.told(operation, rows.and_then(|rows| rows::sessions(&rows)))
    }
}

impl Subjects for PostgresStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let operation = "find the sessions of a subject";
        let errand = self.errand(operation)?;
        let subject: &[u8] = subject.as_bytes();
        let rows = errand
            .rows(
                Again::Once,
                |all| &all.of_subject,
                &[&subject, &now.as_millis()],
            )
            .await;
        self.told(operation, rows.and_then(|rows| rows::sessions(&rows)))
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let operation = "end the sessions of a subject";
        let errand = self.errand(operation)?;
        let answer = questions::end_subject(&errand, subject, except, now).await;
        self.told(operation, answer)
    }
}

impl Watch for PostgresStore {
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the store was opened with [`announce`](PostgresOptions::announce);
    /// otherwise the server cannot be reached.
    async fn watch(&self, key: &StoreKey) -> Result<Watching> {
        let operation = "watch";
        if !self.announces {
            let context =
                "open the store with `announce=true`, in every process that uses the table";
            return Err(Error::new(ErrorKind::Unsupported, operation, context));
        }
        let errand = self.errand(operation)?;
        let table = self.table.quoted('"');
        self.told(operation, self.ear.watch(errand.pool, &table, key).await)
    }
}
