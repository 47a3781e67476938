//! Copies the log back into the file, beside the writes instead of among them.
//!
//! Left to itself, SQLite does this inside the commit that happens to fill the log, and that one write
//! waits for a thousand pages and two flushes. Here a thread with a connection of its own copies while
//! the writer goes on. What is written meanwhile is left over, and only a log that was copied to its
//! end starts anew; so the writer copies that rest, between two transactions, once it is small. The
//! sweep holds still meanwhile ([`Log::quiet`]). Whoever still writes faster than the thread copies
//! waits for a longer rest to be copied, and the log stays bounded.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU8, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;

use crate::reply::{Promise, promise};

/// The writer's side.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    log: Arc<Log>,
    /// How many pages the log had when it was copied last.
    copied_at: i64,
    /// How many it had after the commit before.
    before: i64,
}

/// What both sides know.
pub(super) struct Log {
    /// How many pages it had after the last commit.
    pages: AtomicI64,
    /// Whose turn it is: [`NOBODY`]'s, the [`THREAD`]'s or the [`WRITER`]'s.
    turn: AtomicU8,
    /// Who waits for the thread to be done.
    waiting: Mutex<Vec<Promise<()>>>,
}

impl Log {
    /// Waits until the thread is done, if it is at work: the disk has enough to do.
    pub(super) async fn quiet(&self) {
        let answer = {
            let mut waiting = self.waiting();
            if self.turn.load(Ordering::Acquire) != THREAD {
                return;
            }
            let (promise, answer) = promise();
            waiting.push(promise);
            answer
        };
        answer.await;
    }

    /// The end of the thread's turn.
    fn pass_on(&self) {
        self.turn.store(WRITER, Ordering::Release);
        // Dropped promises are answers enough.
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Promise<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpointer {
    /// Starts the thread, which owns `conn` from then on, and listens to the commits of `writer`.
    pub(super) fn start(
        path: &Path,
        conn: Connection,
        writer: &mut Connection,
    ) -> io::Result<Self> {
        let log = Arc::new(Log {
            pages: AtomicI64::new(0),
            turn: AtomicU8::new(NOBODY),
            waiting: Mutex::default(),
        });
        let seen = Arc::clone(&log);
        // Takes the place of SQLite's own hook, the one that copies at once.
        let hook = move |_: &mut _, pages| {
            seen.pages.store(i64::from(pages), Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(io::Error::other)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let copier = Copier {
            path: path.to_path_buf(),
            conn,
            log: Arc::clone(&log),
        };
        let thread = thread::Builder::new()
            .name("abiding-sqlite-log".into())
            .spawn(move || copier.work(&woken))?;
        Ok(Self {
            wake,
            thread,
            log,
            copied_at: 0,
            before: 0,
        })
    }

    /// To be called on the writer's thread when no transaction is open.
    pub(super) fn after_commit(&mut self, path: &Path, writer: &Connection) {
        let pages = self.log.pages.load(Ordering::Relaxed);
        if pages < self.copied_at {
            // The log started anew.
            self.copied_at = 0;
        }
        let written = if pages < self.before {
            pages
        } else {
            pages - self.before
        };
        self.before = pages;
        match self.log.turn.load(Ordering::Acquire) {
            WRITER => {
                copy(path, writer, COPY_ALL);
                self.copied_at = pages;
                self.log.turn.store(NOBODY, Ordering::Release);
            }
            NOBODY if pages - self.copied_at >= PAGES.max(COMMITS * written) => {
                self.log.turn.store(THREAD, Ordering::Release);
                // Empty, since it is nobody's turn; and the thread is there until `stop`.
                let _ = self.wake.try_send(());
            }
            _ => {}
        }
    }

    pub(super) fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }

    /// Waits for the thread to end and to close its connection.
    pub(super) fn stop(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that copies the log had panicked");
        }
    }
}

struct Copier {
    path: PathBuf,
    conn: Connection,
    log: Arc<Log>,
}

impl Copier {
    fn work(self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            let mut before = -1;
            loop {
                let copied = copy(&self.path, &self.conn, COPY_BESIDE);
                let pages = self.log.pages.load(Ordering::Relaxed);
                // No further while somebody reads an older state.
                if pages - copied <= SMALL || pages >= BOUND || copied == before {
                    break;
                }
                before = copied;
            }
            self.log.pass_on();
        }
    }
}

/// Copies the log. Answers how many of its pages are in the file now; all of them if there is no use in
/// trying again at once.
fn copy(path: &Path, conn: &Connection, how: &str) -> i64 {
    let copied = conn
        .prepare_cached(how)
        .and_then(|mut statement| statement.query_row((), |row| row.get(2)));
    // -1 while another process copies.
    let copied = copied.map(|copied: i64| if copied < 0 { i64::MAX } else { copied });
    copied.unwrap_or_else(|cause| {
        tracing::warn!(path = %path.display(), %cause, "the log was not copied; it grows until it is");
        i64::MAX
    })
}

const NOBODY: u8 = 0;
const THREAD: u8 = 1;
const WRITER: u8 = 2;

/// Makes nobody wait.
const COPY_BESIDE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Keeps other processes from writing meanwhile, if it can have the lock at once.
const COPY_ALL: &str = "PRAGMA wal_checkpoint(RESTART)";

/// How many new pages make a copy worth its two flushes. While others write, SQLite leaves the flush of
/// the file to the copy that comes last, which is the writer's: it takes as long as there are pages.
const PAGES: i64 = 500;
/// How many commits, where one writes much: what many rows are written in one go for, as in a migration, is mostly
/// written once more soon after, and then copied once.
const COMMITS: i64 = 4;
/// How few pages may be left to the writer.
const SMALL: i64 = 100;
/// How many pages make the writer copy whatever is left: 64 MiB.
const BOUND: i64 = 16_384;
