//! The connections that read: a few, each behind a lock, used on the caller's own thread.
//!
//! A point read takes a few microseconds, less than it takes to wake another thread; so it is done
//! where it is asked for. The lock is held for the length of one statement, and never across an await.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use abiding::Result;
use rusqlite::Connection;

use super::failure::Failure;

pub(super) struct Readers {
    path: PathBuf,
    connections: Box<[Mutex<Connection>]>,
    /// Where the next search for a free one begins.
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn new(path: &Path, connections: Vec<Connection>) -> Self {
        let connections = connections.into_iter().map(Mutex::new).collect();
        Self {
            path: path.to_path_buf(),
            connections,
            next: AtomicUsize::new(0),
        }
    }

    /// Runs `act` on a free connection; if there is none, on the first one to become free of one.
    pub(super) fn read<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T> {
        let (before, after) = self
            .connections
            .split_at(self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len());
        let mut candidates = after.iter().chain(before);
        let free = candidates.find_map(|connection| match connection.try_lock() {
            Ok(connection) => Some(connection),
            // A read that panicked left nothing behind: its statement was reset on the way out.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let connection =
            free.unwrap_or_else(|| after[0].lock().unwrap_or_else(PoisonError::into_inner));
        act(&connection).map_err(|failure| failure.into_error(operation, &self.path))
    }
}
