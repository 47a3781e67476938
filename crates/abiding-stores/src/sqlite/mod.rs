//! Sessions in one SQLite file, which several processes on one machine may share.
//!
//! Capabilities: durable · shared · sweep · scan · subjects · survey · bulk · records are sealed · nothing is evicted.
//!
//! - **A write** is a job for the one thread that writes, or [for whoever asks](SqliteOptions::inline). It runs inside
//!   `BEGIN IMMEDIATE … COMMIT` together with whatever else is waiting, and is acknowledged once that is committed: many
//!   concurrent writes share one flush of the disk (`docs/adr/0005-sqlite-driver.md`, with numbers).
//! - **A read** runs on the caller's thread, for some microseconds: it blocks an async thread for less
//!   time than it takes to wake another one. It is a point read, or a page of a bounded length.
//! - **A crash** at any moment leaves every acknowledged write and nothing of a half one. What was not
//!   acknowledged may be there or not, as a whole. [`Durability`] says what counts as a crash.
//! - **A dropped future** leaves no effect if its job had not begun, and the whole effect if it had.
//! - **A full disk, a file that became read-only, a lock that another program holds** give an error of
//!   kind [`Unavailable`](abiding::ErrorKind::Unavailable) and change nothing.
//! - **After a fork** the child must open a store of its own: on the parent's it gets an error. SQLite's
//!   locks belong to a process, and a connection that was carried into another one can damage the file.
//!
//! The file is never made smaller: what the sweep frees is used again.
//!
//! ```
//! use std::time::Duration;
//! use abiding::{Clock, Store, SystemClock, store::sample};
//! use abiding_stores::sqlite::SqliteStore;
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! # rt.block_on(async {
//! let path = std::env::temp_dir().join(format!("abiding-sqlite-{}.db", std::process::id()));
//! let store = SqliteStore::open(&path)?;
//!
//! let (key, now) = (sample::key(), SystemClock.now());
//! let record = sample::record(now, now.after(Duration::from_secs(3_600)), &[("step", "2")]);
//! store.create(&key, &record, now).await?;
//! store.close()?;
//!
//! let again = SqliteStore::open(&path)?;
//! assert_eq!(again.load(&key, now).await?.unwrap().record, record);
//! # again.close()?;
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), abiding::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bulk;
mod changes;
mod checkpoint;
mod failure;
#[cfg(feature = "flask")]
mod flask;
mod options;
mod patience;
mod readers;
mod rows;
mod schema;
mod sweep;
mod url;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    process,
};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Census, Change, Committed, Created, Deleted, Expect, Farewell, Leave,
        Outline, Question, Scan, Subjects, Survey, Sweep, Swept, Touched,
    },
};
use rusqlite::Connection;

#[cfg(feature = "flask")]
pub use flask::SqliteShelf;
pub use options::{Durability, SqliteOptions};

pub(crate) use url::open_url;
#[cfg(feature = "flask")]
pub(crate) use url::url_options;

use failure::Failure;
use readers::Readers;
use rows::Row;
use writer::Writer;

/// Keeps sessions in an SQLite file.
///
/// Dropping it closes the file, which may take some milliseconds: [`close`](Self::close) says how that went.
pub struct SqliteStore {
    path: PathBuf,
    durability: Durability,
    /// The process that opened it, and the only one that may use it.
    owner: u32,
    /// Closed before the writer, whose connection is the last to go and tidies up.
    readers: Option<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database at `path` with the default options; see [`SqliteOptions::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        SqliteOptions::new(path).open()
    }

    fn new(path: &Path, durability: Durability, readers: Readers, writer: Writer) -> Self {
        Self {
            path: path.to_path_buf(),
            durability,
            owner: process::id(),
            readers: Some(readers),
            writer,
        }
    }

    /// Finishes the writes that are queued, copies the log into the file, and closes it.
    ///
    /// # Errors
    /// If the last step does not succeed. Nothing acknowledged is lost by that: the next one who opens
    /// the file finds it in the log.
    pub fn close(mut self) -> Result<()> {
        self.shut()
    }

    fn shut(&mut self) -> Result<()> {
        if process::id() == self.owner {
            drop(self.readers.take());
            return self.writer.close();
        }
        // In a forked child even closing would be wrong: the last connection to close tidies the log
        // away, and these believe that they are. The thread of the writer is not here to be waited for.
        #[expect(
            clippy::mem_forget,
            reason = "leaks some memory of a child, and never the parent's sessions"
        )]
        std::mem::forget(self.readers.take());
        self.writer.forget();
        Ok(())
    }

    /// A read, on this thread.
    fn read<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T> {
        let readers = self
            .readers
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, operation, "the store is closed"))?;
        self.check_owner(operation)?;
        readers.read(operation, act)
    }

    /// A write, by whoever writes.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.check_owner(operation)?;
        self.writer.run(operation, act).await
    }

    fn check_owner(&self, operation: &'static str) -> Result<()> {
        if process::id() == self.owner {
            return Ok(());
        }
        let context = format!(
            "the database {} was opened before this process was forked: open it in each process, after the fork",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Unavailable, operation, context))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(cause) = self.shut() {
            tracing::error!(path = %self.path.display(), %cause, "the database was not closed in order");
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("sqlite");
        capabilities.durable = true;
        capabilities.shared = true;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, _: Timestamp) -> Result<Created> {
        let (key, record) = (*key, record.clone());
        self.write("create", move |conn| changes::create(conn, &key, &record))
            .await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let stored = self.read("load", |conn| rows::follow(conn, key, now))?;
        Ok(stored.and_then(|stored| match stored.row {
            Row::Alias(_) => None,
            Row::Record(record) => Some(Found::new(stored.key, record)),
            Row::Snapshot(record) => Some(Found::snapshot(stored.key, record)),
        }))
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let (key, change) = (*key, change.clone());
        self.write("commit", move |conn| {
            changes::commit(conn, &key, &change, expect, now)
        })
        .await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let key = *key;
        self.write("touch", move |conn| {
            changes::touch(conn, &key, idle_deadline, now)
        })
        .await
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
        let (from, to, change) = (*from, *to, change.clone());
        self.write("rotate", move |conn| {
            changes::rotate(conn, &from, &to, &change, expect, leave, now)
        })
        .await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let (key, farewell) = (*key, farewell.cloned());
        self.write("delete", move |conn| {
            changes::delete(conn, &key, farewell.as_ref(), now)
        })
        .await
    }
}

impl Sweep for SqliteStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        loop {
            // A job each, so that writes that came meanwhile have their turn in between.
            self.writer.quiet().await;
            let left = limit - removed;
            let slice = self
                .write("sweep", move |conn| sweep::slice(conn, now, left))
                .await?;
            removed += slice.removed;
            if !slice.more || removed == limit {
                return Ok(Swept::new(removed, slice.more));
            }
        }
    }
}

impl Scan for SqliteStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut after = after.copied();
        while found.len() < limit {
            let page = self.read("scan", |conn| rows::page(conn, after.as_ref(), PAGE))?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|stored| stored.key);
            let living = page.into_iter().filter(|stored| !stored.is_over(now));
            found.extend(
                living
                    .filter_map(rows::Stored::into_session)
                    .take(limit - found.len()),
            );
            if is_last {
                break;
            }
            patience::give_way().await;
        }
        Ok(found)
    }
}

impl Subjects for SqliteStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let stored = self.read("find the sessions of a subject", |conn| {
            rows::of_subject(conn, subject, now)
        })?;
        Ok(stored
            .into_iter()
            .filter_map(rows::Stored::into_session)
            .collect())
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let (subject, except) = (*subject, except.copied());
        let end =
            move |conn: &Connection| changes::end_subject(conn, &subject, except.as_ref(), now);
        self.write("end the sessions of a subject", end).await
    }
}

impl Survey for SqliteStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let mut census = Census::begin(question);
        let mut from = Some(i64::MIN);
        while let Some(id) = from {
            let meet = |outline: &Outline| census.meet(question, outline, now);
            from = self.read("survey", |conn| rows::outlines(conn, id, OUTLINES, meet))?;
            patience::give_way().await;
        }
        Ok(census)
    }
}

/// How many rows a survey looks at at a stretch, of which it reads but the beginning.
const OUTLINES: usize = 512;

/// How many rows a walk reads at a stretch.
const PAGE: usize = 128;
