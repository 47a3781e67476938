//! How a folder is opened, and everything that can be chosen about it.

use std::{borrow::Cow, path::PathBuf, time::Duration};

use abiding::{Error, ErrorKind, Result};

use super::{FileStore, folder::Folder, workers::Workers};

/// What can be chosen about a file store. The defaults are right for most.
///
/// ```
/// use std::time::Duration;
/// use abiding_stores::file::{Durability, FileOptions};
///
/// let path = std::env::temp_dir().join(format!("abiding-options-{}", std::process::id()));
/// let store = FileOptions::new(&path)
///     .durability(Durability::Process)
///     .patience(Duration::from_secs(2))
///     .open()?;
/// drop(store);
/// # std::fs::remove_dir_all(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `open` is called"]
pub struct FileOptions {
    path: PathBuf,
    durability: Durability,
    patience: Duration,
    threads: usize,
}

/// What an acknowledged write survives.
///
/// Under both a write is seen by every later read in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Power loss and the crash of the operating system, as far as the disk keeps what it said it
    /// wrote: the file and its folder are flushed before a write is acknowledged. The default.
    #[default]
    Power,
    /// The end of the process, `kill -9` included, but not power loss: that may undo the last seconds of
    /// writes, a log-out among them, and leave files that are cut short, which are then errors. Choose it
    /// knowingly.
    Process,
}

impl FileOptions {
    /// The defaults, for the folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            patience: Duration::from_secs(5),
            threads: 8,
        }
    }

    #[cfg(feature = "flask")]
    pub(super) fn into_parts(self) -> (PathBuf, Durability, Duration, usize) {
        (self.path, self.durability, self.patience, self.threads)
    }

    /// What an acknowledged write survives; [`Durability::Power`] unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long an operation may wait for its turn before it is refused; 5 seconds unless told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many threads write; 8 unless told otherwise. Most of the time they wait for the disk. With 0 each
    /// write waits for the disk on the thread that asks for it: for programs whose threads may wait, as those of
    /// Python do. A future that is dropped there has done its work or has not begun.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Opens the folder, and makes it if there is none: for its owner alone. Blocks for some milliseconds:
    /// call it while starting up.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the folder cannot be made or used, can be read by others, holds
    /// something else or the files of a newer release, or lies where files cannot be locked. The message
    /// names it and the remedy, and nothing is changed.
    pub fn open(self) -> Result<FileStore> {
        let path = std::path::absolute(&self.path).map_err(|cause| {
            let what = format!("the folder {} has no usable name", self.path.display());
            unusable(what).with_source(cause)
        })?;
        let folder = Folder::open(path, self.durability, self.patience)
            .map_err(|failure| failure.into_error("open"))?;
        let workers = Workers::start(self.threads, self.patience).map_err(|cause| {
            unusable("the system gives this process no thread").with_source(cause)
        })?;
        Ok(FileStore::new(folder, workers))
    }
}

fn unusable(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, "open", what)
}
