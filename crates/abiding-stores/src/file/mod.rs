//! Sessions as files in one folder, which several processes on one machine may share.
//!
//! Capabilities: durable · shared · sweep · scan · subjects · survey · records are sealed · nothing is evicted.
//!
//! - **A session** is one file, named by its store key, in one of 4,096 sub-folders; all of it is for the owner
//!   alone, and a folder that others can look into is refused. `docs/adr/0010-file-layout.md` says why, `docs/format.md` byte for byte.
//! - **A read** opens one file, on the caller's thread, and takes no lock: it sees a session as it was before
//!   a write or after it.
//! - **A write** is a job for one of a few threads. It takes an advisory lock that all processes respect, reads, merges, writes
//!   another file, flushes it, and renames it. It is acknowledged once the folder is flushed too. 64 locks divide the keys
//!   among them, and a lock ends with the process that holds it.
//! - **A rotation** has one moment at which it happens, though it is two files: the new one does not count before the
//!   old one says so.
//! - **A crash** at any moment leaves every acknowledged write and nothing of a half one. What was not
//!   acknowledged may be there or not, as a whole; of the sessions of a subject that were being ended, some may
//!   have ended. [`Durability`] says what counts as a crash.
//! - **A dropped future** leaves no effect if its job had not begun, and the whole effect if it had.
//! - **A full disk, a folder that became read-only, a lock that is held for too long** give an error of kind
//!   [`Unavailable`](abiding::ErrorKind::Unavailable) that names the file, and change nothing. Ending a session needs no room.
//! - **A damaged file**, or one that this library did not write, is an error that names it, and is left alone.
//! - **The sweep** goes by lists of keys by their end, so it opens what is due and nothing else; a session in use is met
//!   about once in an idle timeout. A power loss may take entries from the lists: each call that finds nothing else to do looks
//!   through one sub-folder for what they lost.
//! - **After a fork** the child must open a store of its own: on the parent's it gets an error, for the two would share their locks.
//!
//! Each session takes a block of the file system (mostly 4 KiB) and an entry among its files; one that is signed in takes two
//! entries. On a network file system locks and flushes are not what they seem: use a local disk, or a store on a server.
//!
//! ```
//! use std::time::Duration;
//! use abiding::{Clock, Store, SystemClock, store::sample};
//! use abiding_stores::file::FileStore;
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().build()?;
//! # rt.block_on(async {
//! let path = std::env::temp_dir().join(format!("abiding-files-{}", std::process::id()));
//! let store = FileStore::open(&path)?;
//!
//! let (key, now) = (sample::key(), SystemClock.now());
//! let record = sample::record(now, now.after(Duration::from_secs(3_600)), &[("step", "2")]);
//! store.create(&key, &record, now).await?;
//! drop(store);
//!
//! let again = FileStore::open(&path)?;
//! assert_eq!(again.load(&key, now).await?.unwrap().record, record);
//! # drop(again);
//! # std::fs::remove_dir_all(path).unwrap();
//! # Ok::<(), abiding::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agenda;
mod changes;
mod disk;
mod failure;
#[cfg(feature = "flask")]
mod flask;
mod folder;
mod locks;
mod options;
mod rows;
mod subjects;
mod sweep;
mod url;
mod workers;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, process, sync::Arc};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Census, Change, Committed, Created, Deleted, Expect, Farewell, Leave,
        Outline, Question, Scan, Subjects, Survey, Sweep, Swept, Touched,
    },
};

#[cfg(feature = "flask")]
pub use flask::{Cachelib, FileShelf};
pub use options::{Durability, FileOptions};
pub(crate) use url::open_url;

use failure::Failure;
use folder::Folder;
use locks::STRIPES;
use sweep::Cursor;
use workers::Workers;

/// Keeps sessions as files in a folder.
///
/// Dropping it waits for the writes that are queued.
pub struct FileStore {
    folder: Arc<Folder>,
    workers: Workers,
    cursor: Arc<Cursor>,
    /// The process that opened it, and the only one that may use it.
    owner: u32,
}

impl FileStore {
    /// Opens the folder at `path` with the default options; see [`FileOptions::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        FileOptions::new(path).open()
    }

    fn new(folder: Folder, workers: Workers) -> Self {
        Self {
            folder: Arc::new(folder),
            workers,
            cursor: Arc::default(),
            owner: process::id(),
        }
    }

    /// Runs `act` on a thread that may wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&Folder) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.check_owner(operation)?;
        let folder = Arc::clone(&self.folder);
        let act = move || act(&folder).map_err(|failure| failure.into_error(operation));
        self.workers.run(operation, act).await
    }

    fn check_owner(&self, operation: &'static str) -> Result<()> {
        if process::id() == self.owner {
            return Ok(());
        }
        let context = format!(
            "the folder {} was opened before this process was forked: open it in each process, after the fork",
            self.folder.root().display()
        );
        Err(Error::new(ErrorKind::Unavailable, operation, context))
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if process::id() != self.owner {
            self.workers.forget();
        }
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.folder.root())
            .field("durability", &self.folder.durability())
            .finish_non_exhaustive()
    }
}

impl Store for FileStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("file");
        capabilities.durable = true;
        capabilities.shared = true;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let (key, record) = (*key, record.clone());
        self.run("create", move |folder| folder.create(&key, &record, now))
            .await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        self.check_owner("load")?;
        let found = self.folder.follow(key, now);
        let found = found.map_err(|failure| failure.into_error("load"))?;
        Ok(found.and_then(|(key, stored)| stored.into_found(key)))
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let (key, change) = (*key, change.clone());
        self.run("commit", move |folder| {
            folder.commit(&key, &change, expect, now)
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
        self.run("touch", move |folder| {
            folder.touch(&key, idle_deadline, now)
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
        self.run("rotate", move |folder| {
            folder.rotate(&from, &to, &change, expect, leave, now)
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
        self.run("delete", move |folder| {
            folder.delete(&key, farewell.as_ref(), now)
        })
        .await
    }
}

impl Sweep for FileStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let (mut removed, mut passed) = (0, 0);
        while passed < STRIPES {
            // A job each, so that writes that came meanwhile have their turn in between.
            let (cursor, left) = (Arc::clone(&self.cursor), limit - removed);
            let leg = self
                .run("sweep", move |folder| folder.sweep(&cursor, now, left))
                .await?;
            removed += leg.removed;
            if removed == limit {
                return Ok(Swept::new(removed, true));
            }
            passed += leg.passed;
        }
        let (cursor, left) = (Arc::clone(&self.cursor), limit - removed);
        let stray = self
            .run("sweep", move |folder| folder.stray(&cursor, now, left))
            .await?;
        Ok(Swept::new(removed + stray, false))
    }
}

impl Scan for FileStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut after = after.copied();
        while found.len() < limit {
            let left = limit - found.len();
            let page = self.run("scan", move |folder| {
                folder.page(after.as_ref(), left.min(PAGE), now)
            });
            let (page, last) = page.await?;
            found.extend(page);
            let Some(last) = last else { break };
            after = Some(last);
        }
        Ok(found)
    }
}

impl Survey for FileStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let mut census = Census::begin(question);
        for shard in self.run("survey", Folder::shards).await? {
            let outlines = self.run("survey", move |folder| folder.outlines(&shard));
            for outline in outlines.await? {
                census.meet(question, &outline, now);
            }
        }
        Ok(census)
    }
}

impl Folder {
    /// What counts of the sessions in a sub-folder.
    fn outlines(&self, shard: &str) -> Result<Vec<Outline>, Failure> {
        let mut outlines = Vec::new();
        for key in self.shard_keys(shard)? {
            let session = self.read(&key)?.and_then(|stored| stored.into_found(key));
            let session = session.filter(|session| !session.frozen);
            outlines.extend(session.map(|session| Outline::of(&session.record)));
        }
        Ok(outlines)
    }

    /// Living sessions after `after`, and how far that goes if there may be more.
    fn page(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Found>, Option<StoreKey>), Failure> {
        let mut found = Vec::new();
        let begin = after.map(StoreKey::to_hex).unwrap_or_default();
        let mut looked_at = 0;
        for shard in self.shards()? {
            if !begin.is_empty() && *shard < begin[..shard.len().min(begin.len())] {
                continue;
            }
            for key in self.shard_keys(&shard)? {
                if after.is_some_and(|after| key <= *after) {
                    continue;
                }
                looked_at += 1;
                let stored = self.read(&key)?.filter(|stored| !stored.is_over(now));
                let session = stored.and_then(|stored| stored.into_found(key));
                found.extend(session.filter(|session| !session.frozen));
                if found.len() == limit || looked_at == PAGE {
                    return Ok((found, Some(key)));
                }
            }
        }
        Ok((found, None))
    }
}

impl Subjects for FileStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let subject = *subject;
        self.run("find the sessions of a subject", move |folder| {
            folder.of_subject(&subject, now)
        })
        .await
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let (subject, except) = (*subject, except.copied());
        self.run("end the sessions of a subject", move |folder| {
            folder.end_subject(&subject, except.as_ref(), now)
        })
        .await
    }
}

/// How many rows a walk looks at in one job.
const PAGE: usize = 128;
