//! How a database is opened, and everything that can be chosen about it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use abiding::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};

use super::{
    SqliteStore, checkpoint::Checkpointer, failure::Failure, patience::patient, readers::Readers,
    schema, writer::Writer,
};
use crate::private_file;

/// What can be chosen about an SQLite store. The defaults are right for most.
///
/// ```
/// use std::time::Duration;
/// use abiding_stores::sqlite::{Durability, SqliteOptions};
///
/// let path = std::env::temp_dir().join(format!("abiding-options-{}.db", std::process::id()));
/// let store = SqliteOptions::new(&path)
///     .durability(Durability::Process)
///     .patience(Duration::from_secs(2))
///     .open()?;
/// store.close()?;
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `open` is called"]
pub struct SqliteOptions {
    path: PathBuf,
    durability: Durability,
    patience: Duration,
    readers: usize,
    inline: bool,
    pub(super) page_limit: Option<u32>,
}

/// What an acknowledged write survives.
///
/// Neither setting ever leaves a damaged file behind, and under both a write is seen by every later
/// read in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Power loss and the crash of the operating system, as far as the disk keeps what it said it
    /// wrote (`synchronous = FULL`: one flush of the log for each batch of writes). The default.
    #[default]
    Power,
    /// The end of the process, `kill -9` included, but not power loss: that may undo the last seconds
    /// of writes, whole ones and in order (`synchronous = NORMAL`: no flush but when the log is copied).
    /// A log-out that a power loss undoes is a session that lives on; choose it knowingly.
    Process,
}

impl SqliteOptions {
    /// The defaults, for the database at `path`. Its directory must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            patience: Duration::from_secs(5),
            readers: thread::available_parallelism().map_or(4, |cores| cores.get().clamp(2, 8)),
            inline: false,
            page_limit: None,
        }
    }

    /// What an acknowledged write survives; [`Durability::Power`] unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a write may wait for its turn before it is refused; 5 seconds unless told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many reads may run at the same moment; the number of cores, from 2 to 8, unless told otherwise.
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Writes on the thread that asks, which waits for the disk meanwhile, and not on one of the store's own. Writes that wait
    /// for their turn still share a transaction and its flush. For programs whose threads may wait, as those of
    /// Python do: a write by itself costs them no change of threads. A future that is dropped there has done its
    /// work or has not begun.
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Opens the database, and makes it if there is none: readable and writable for its owner alone.
    /// Brings an older schema up to date. Blocks for some milliseconds: call it while starting up.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the file cannot be opened or made, is read-only, belongs to another
    /// program, or has a newer schema; [`ErrorKind::Corrupt`] if it is no database or a damaged one. The
    /// message names the file and the remedy, and nothing is changed.
    pub fn open(self) -> Result<SqliteStore> {
        // Absolute, so that a later change of directory does not matter, and no path means something
        // else to SQLite, as `:memory:` does.
        let path = std::path::absolute(&self.path)
            .map_err(|cause| unusable(&self.path, "has no usable name", cause))?;
        // One at a time: on Unix, to close the new file drops the locks that another one has on it.
        let _turn = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        make(&path)?;
        self.connect(&path)
            .map_err(|failure| failure.into_error("open", &path))
    }

    /// Whether there is a table of that name. Makes nothing.
    #[cfg(feature = "flask")]
    pub(crate) fn has_table(&self, name: &str) -> Result<bool> {
        let look = || -> Result<bool, Failure> {
            let conn = self.reading(&self.path)?;
            let find = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
            Ok(conn.prepare(find)?.exists([name])?)
        };
        look().map_err(|failure| failure.into_error("open", &self.path))
    }

    /// Opens a database of somebody else's, as it is: neither its journal nor its schema is ours to choose.
    #[cfg(feature = "flask")]
    pub(super) fn open_as_it_is(self, prepare: &str) -> Result<SqliteStore> {
        let path = std::path::absolute(&self.path)
            .map_err(|cause| unusable(&self.path, "has no usable name", cause))?;
        let _turn = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        make(&path)?;
        let connect = || {
            let mut writing = self.log_copying(&path)?;
            writing.execute_batch(prepare)?;
            let readers = (0..self.readers).map(|_| self.reading(&path));
            let readers = readers.collect::<Result<_, Failure>>()?;
            let no_thread = |cause| unusable(&path, "is fine, but there is no thread", cause);
            // Without a log there is nothing for it to do.
            let copying = self.log_copying(&path)?;
            let checkpointer = Checkpointer::start(&path, copying, &mut writing);
            let checkpointer = checkpointer.map_err(no_thread)?;
            let (patience, inline) = (self.patience, self.inline);
            let writer = Writer::start(&path, writing, checkpointer, patience, inline);
            let readers = Readers::new(&path, readers);
            let writer = writer.map_err(no_thread)?;
            Ok(SqliteStore::new(&path, self.durability, readers, writer))
        };
        connect().map_err(|failure: Failure| failure.into_error("open", &path))
    }

    fn connect(&self, path: &Path) -> Result<SqliteStore, Failure> {
        let mut writing = self.writing(path)?;
        schema::migrate(&mut writing, path)?;
        let readers = (0..self.readers)
            .map(|_| self.reading(path))
            .collect::<Result<_, _>>()?;
        let no_thread = |cause| {
            unusable(
                path,
                "is fine, but the system gives this process no thread",
                cause,
            )
        };
        let copying = self.log_copying(path)?;
        let checkpointer = Checkpointer::start(path, copying, &mut writing).map_err(no_thread)?;
        // From here on the writer waits by itself, and tells those who waited too long.
        writing.busy_timeout(Duration::ZERO)?;
        let writer = Writer::start(path, writing, checkpointer, self.patience, self.inline);
        let writer = writer.map_err(no_thread)?;
        Ok(SqliteStore::new(
            path,
            self.durability,
            Readers::new(path, readers),
            writer,
        ))
    }

    fn writing(&self, path: &Path) -> Result<Connection, Failure> {
        let conn = self.log_copying(path)?;
        if conn.is_readonly("main")? {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
                None,
            )
            .into());
        }
        let mode = into_log_mode(&conn, self.patience)?;
        if mode != "wal" {
            let cause = io::Error::other(format!("journal_mode is {mode}"));
            return Err(unusable(
                path,
                "lies where no shared memory can be had: put it on a local disk",
                cause,
            )
            .into());
        }
        if let Some(pages) = self.page_limit {
            conn.pragma_update(None, "max_page_count", pages)?;
        }
        // What a burst of writes made of the log is given back once it was copied.
        conn.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
        // KiB, hence negative: the upper levels of the trees of a million sessions.
        conn.pragma_update(None, "cache_size", -16_384)?;
        Ok(conn)
    }

    /// A connection that may write, with the durability that was chosen.
    fn log_copying(&self, path: &Path) -> Result<Connection, Failure> {
        let mut conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | FLAGS)?;
        conn.busy_handler(Some(patient(self.patience)))?;
        let synchronous = match self.durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        // macOS alone: there a flush does not reach the platter unless it is asked to.
        conn.pragma_update(None, "fullfsync", self.durability == Durability::Power)?;
        conn.pragma_update(None, "checkpoint_fullfsync", true)?;
        // A file that somebody else may have written is not to call functions.
        conn.pragma_update(None, "trusted_schema", false)?;
        Ok(conn)
    }

    /// A connection that changes no row. Not one that is open for reading alone: whoever reads first after
    /// another process was killed takes back what that one left half done, and must be able to.
    fn reading(&self, path: &Path) -> Result<Connection, Failure> {
        let mut conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | FLAGS)?;
        // Only while another process recovers the log after a crash, or closes it.
        conn.busy_handler(Some(patient(self.patience)))?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    }
}

/// Makes an empty file that nobody else may read, if there is none: SQLite gives its log the same rights.
fn make(path: &Path) -> Result<()> {
    match private_file::create_new(path) {
        Ok(file) => {
            drop(file);
            private_file::sync_directory_of(path).map_err(|cause| {
                unusable(path, "was made, but its directory cannot be flushed", cause)
            })
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(path) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(unusable(path, "is no file: choose another path", cause)),
            Err(cause) => Err(unusable(path, "cannot be looked at", cause)),
        },
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(unusable(
            path,
            "lies in a directory that does not exist: make it first",
            cause,
        )),
        Err(cause) => Err(unusable(
            path,
            "cannot be made: the user of this process must be able to write the directory",
            cause,
        )),
    }
}

/// Turns the log on. Two processes that do so at once are in each other's way for a moment, and SQLite
/// does not ask the busy handler about that.
fn into_log_mode(conn: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let mut again = patient(patience);
    let mut tries = 0;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Err(cause)
                if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && again(tries) =>
            {
                tries += 1;
            }
            mode => return mode,
        }
    }
}

fn unusable(path: &Path, what: &str, cause: io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "open",
        format!("the database {} {what}", path.display()),
    )
    .with_source(cause)
}

static OPENING: Mutex<()> = Mutex::new(());

/// One connection is used by one thread at a time, so SQLite need not lock it as well.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
