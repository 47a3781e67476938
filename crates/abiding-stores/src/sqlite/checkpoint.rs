//! Copies the log back into the file, beside the writes instead of among them.
//!
//! Left to itself, SQLite does this inside the commit that happens to fill the log, and that one write
//! waits for a thousand pages and two flushes. Here a thread with a connection of its own copies while
//! the writer goes on. What is written meanwhile is left over, and only a log that was copied to its
//! end starts anew; so the writer copies that small rest, between two transactions.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;

/// The writer's side.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    /// How many pages the log had after the last commit.
    pages: Arc<AtomicI32>,
    /// How many it had when the thread was woken last.
    woken_at: i32,
    /// Whether the thread left a rest.
    rest: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Starts the thread, which owns `conn` from then on, and listens to the commits of `writer`.
    pub(super) fn start(
        path: &Path,
        conn: Connection,
        writer: &mut Connection,
    ) -> io::Result<Self> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        // Takes the place of SQLite's own hook, the one that copies at once.
        let hook = move |_: &mut _, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(io::Error::other)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let rest = Arc::new(AtomicBool::new(false));
        let copier = Copier {
            path: path.to_path_buf(),
            conn,
            rest: Arc::clone(&rest),
        };
        let thread = thread::Builder::new()
            .name("abiding-sqlite-log".into())
            .spawn(move || copier.work(&woken))?;
        Ok(Self {
            wake,
            thread,
            pages,
            woken_at: 0,
            rest,
        })
    }

    /// To be called on the writer's thread when no transaction is open.
    pub(super) fn after_commit(&mut self, path: &Path, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.woken_at {
            // The log started anew.
            self.woken_at = 0;
        }
        if self.rest.swap(false, Ordering::Relaxed) {
            copy(path, writer);
        } else if pages - self.woken_at >= PAGES {
            self.woken_at = pages;
            // It is awake already if the channel is full.
            let _ = self.wake.try_send(());
        }
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
    rest: Arc<AtomicBool>,
}

impl Copier {
    fn work(self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            let left = (0..PASSES)
                .map(|_| copy(&self.path, &self.conn))
                .find(|left| *left <= SMALL);
            self.rest.store(left != Some(0), Ordering::Relaxed);
        }
    }
}

/// Copies what can be copied without making anybody wait. Answers how many pages are left.
fn copy(path: &Path, conn: &Connection) -> i64 {
    let mut copied = conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)");
    let counts = copied
        .as_mut()
        .map_err(|cause| cause.to_string())
        .and_then(|statement| {
            statement
                .query_row((), |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
                .map_err(|cause| cause.to_string())
        });
    match counts {
        // Both are -1 while another process copies.
        Ok((pages, copied)) => pages - copied,
        Err(cause) => {
            tracing::warn!(path = %path.display(), cause, "the log was not copied; it grows until it is");
            0
        }
    }
}

/// How many new pages make a copy worth its two flushes.
const PAGES: i32 = 2_000;
/// How few pages may be left to the writer.
const SMALL: i64 = 200;
/// How often the thread tries to come that far.
const PASSES: usize = 4;
