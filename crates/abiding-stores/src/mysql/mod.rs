//! Sessions in a table of MariaDB or MySQL, which any number of machines share.
//!
//! Capabilities: durable, as far as the server is · shared · sweep · scan · subjects · survey · bulk · records are sealed
//! · nothing is evicted.
//!
//! - **Servers**: MariaDB 10.6 or later, MySQL 8.0 or later, with InnoDB. Every release is tested against MariaDB
//!   10.11; Oracle's MySQL is written for by its documentation, and not tested.
//! - **A write** of one row is one statement; where two rows change, as in a rotation, it is one message that
//!   begins and ends a transaction. It is acknowledged once it is committed; what it survives then is the server's
//!   `innodb_flush_log_at_trx_commit`, which is power loss unless somebody changed it.
//! - **Round trips**: `load`, `create`, `touch` and `delete` take one. `commit`, `rotate` and a `delete` that
//!   leaves a farewell merge into the sealed record on this side, on the condition that the server still has
//!   it as it was read; they take one where this process has seen the record last, as after a `load` in the
//!   same request, and two where it has not. A writer that was overtaken pays two more. An alias costs one, and so
//!   does the first use of a statement on a connection, or of a connection after five seconds of idleness.
//! - **Locks** are those of `READ COMMITTED`: rows, and no gaps between them, but in the transaction that ends all
//!   sessions of a subject, which no rotation may slip out of. The victim of a deadlock is sent again.
//! - **A dropped future** leaves no effect or the whole effect, and its answer reaches nobody else: what has begun
//!   goes on without it.
//! - **A lost reply**: when the connection breaks, what was on its way may have come into effect, as a whole,
//!   or not; reads, touches and deletes are sent once more, anything else ends in an error.
//! - **A server that is down, hangs, only reads, or denies a right** gives an error of kind
//!   [`Unavailable`](abiding::ErrorKind::Unavailable) with the remedy, within [`MysqlOptions::patience`].
//! - **The settings of the server** do not matter: each connection chooses strict mode and `utf8mb4` for itself, and
//!   one that may not is refused. Instants are numbers, so its time zone does not matter either.
//! - **What the server logs** for its replicas: with `binlog_row_image = FULL` a touch logs the whole session twice,
//!   with `MINIMAL` or `NOBLOB` a few numbers; with `binlog_format = STATEMENT` it is refused.
//! - **The way there** is encrypted and the server known by its certificate with
//!   [`tls`](MysqlOptions::tls), feature `mysql-tls`; in clear unless told so.
//! - **After a fork** the child must open a store of its own: on the parent's it gets an error.
//!
//! Sliding an expiry writes no index (`docs/adr/0012-mysql-store.md`, with numbers). Tables, rights and
//! bytes: `docs/format.md`, and `grants.sql` beside this file for a user who may do no more than he must.
//!
//! ```no_run
//! use std::time::Duration;
//! use abiding::{Clock, Store, SystemClock, store::sample};
//! use abiding_stores::mysql::MysqlStore;
//!
//! # async fn example() -> abiding::Result<()> {
//! let store = MysqlStore::open("mysql://shop@db.internal/shop").await?;
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
mod errand;
mod failure;
#[cfg(feature = "flask")]
mod flask;
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

use std::{fmt, process, sync::Arc};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Scan, Subjects,
        Sweep, Swept, Touched,
    },
};

use mysql_async::Value;

#[cfg(feature = "flask")]
pub use flask::MysqlShelf;
pub use options::MysqlOptions;

pub(crate) use checkup::checkup;
pub(crate) use url::open_url;
pub(crate) use url::url_options;

use errand::Errand;
use failure::Failure;
use pool::Pool;

use crate::table::{Again, Lanes, TableName, changes};

/// Keeps sessions in a table of MariaDB or MySQL.
///
/// Dropping it closes its connections; what is on its way comes to its end first.
pub struct MysqlStore {
    pool: Arc<Pool>,
    lanes: Lanes,
    table: TableName,
    /// The process that opened it, and the only one that may use it.
    owner: u32,
}

impl MysqlStore {
    /// Opens the database at `url` with the default options; see [`MysqlOptions::open`].
    pub async fn open(url: &str) -> Result<Self> {
        MysqlOptions::new(url)?.open().await
    }

    fn new(pool: Arc<Pool>, table: TableName) -> Self {
        Self {
            pool,
            lanes: Lanes::new(),
            table,
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
            let context = "a MySQL store needs a tokio runtime: call it inside one";
            return Err(Error::new(ErrorKind::Unavailable, operation, context));
        }
        Ok(Errand::new(&self.pool, &self.lanes))
    }

    fn told<T>(&self, operation: &'static str, answer: Result<T, Failure>) -> Result<T> {
        answer.map_err(|failure| failure.into_error(operation, &self.pool.place))
    }
}

impl fmt::Debug for MysqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore")
            .field("place", &self.pool.place)
            .field("table", &format_args!("{}", self.table))
            .finish_non_exhaustive()
    }
}

impl Store for MysqlStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("mysql");
        capabilities.durable = true;
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

impl Sweep for MysqlStore {
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

impl Scan for MysqlStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let operation = "scan";
        let errand = self.errand(operation)?;
        let after = after.map_or_else(|| Value::Bytes(Vec::new()), rows::key_value);
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let values = [after, rows::stamp(now), limit];
        let answer = errand.ask(Again::Once, &self.pool.texts.scan, values).await;
        let sessions = answer.and_then(|answer| rows::sessions(&answer.rows));
        self.told(operation, sessions)
    }
}

impl Subjects for MysqlStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let operation = "find the sessions of a subject";
        let errand = self.errand(operation)?;
        let subject = Value::Bytes(subject.as_bytes().to_vec());
        let values = [subject, rows::stamp(now)];
        let answer = errand.ask(Again::Once, &self.pool.texts.of_subject, values);
        let answer = answer.await;
        let sessions = answer.and_then(|answer| rows::sessions(&answer.rows));
        self.told(operation, sessions)
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
