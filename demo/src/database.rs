//! The database of the application: one SQLite file, brought up to date when it is opened.
//!
//! Sessions live in a file of their own, which the session store looks after. The journal is a
//! write-ahead log and every commit is synced: what was acknowledged survives a `kill -9` and a loss
//! of power.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::task::spawn_blocking;

/// A handle on the one connection; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Mutex<Connection>>);

/// Why the database could not be opened or asked.
#[derive(Debug)]
pub(crate) enum DatabaseError {
    /// The file cannot be made or written.
    File(std::io::Error),
    /// The file was written by a newer release, which had made more migrations than this one knows.
    Newer(u32),
    Sqlite(rusqlite::Error),
    /// The runtime is going down and took the query with it.
    Stopped,
}

impl Database {
    /// Opens the file, making it if absent, and runs the migrations it has not seen.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        make_private(path).map_err(DatabaseError::File)?;
        Self::with(Connection::open(path)?)
    }

    fn with(mut connection: Connection) -> Result<Self, DatabaseError> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` on a thread that may wait.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let database = self.clone();
        let done = spawn_blocking(move || database.run_at_start(work)).await;
        done.map_err(|_| DatabaseError::Stopped)?
    }

    /// Runs `work` on this thread: for the start, when nobody else needs it.
    pub(crate) fn run_at_start<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        // A panic in `work` rolled its transaction back, so a poisoned lock is as good as any.
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(work(&mut connection)?)
    }
}

/// Makes the file if absent, for its owner alone: people's ID numbers are in it. The files that SQLite
/// puts beside it get the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).append(true).open(path).map(drop)
}

/// Each migration in a transaction of its own that also counts it, so that it happens once or not.
fn migrate(connection: &mut Connection) -> Result<(), DatabaseError> {
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done: u32 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match MIGRATIONS.get(done as usize) {
            Some(migration) => step.execute_batch(migration)?,
            None if done as usize == MIGRATIONS.len() => return Ok(()),
            None => return Err(DatabaseError::Newer(done)),
        }
        step.pragma_update(None, "user_version", done + 1)?;
        step.commit()?;
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(cause) => write!(f, "{cause}"),
            Self::Newer(found) => {
                let known = MIGRATIONS.len();
                write!(
                    f,
                    "it was written by a newer release (schema {found}, this one knows {known})"
                )
            }
            Self::Sqlite(error) => write!(f, "{error}"),
            Self::Stopped => f.write_str("the server is going down"),
        }
    }
}

impl std::error::Error for DatabaseError {}

/// How long one process waits for another that writes.
const BUSY: Duration = Duration::from_secs(5);

/// In order, append only: the number of those that were run is the file's `user_version`.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_membership_application.sql"),
    include_str!("../migrations/0002_accounts.sql"),
    include_str!("../migrations/0003_organizer.sql"),
    include_str!("../migrations/0004_mail.sql"),
    include_str!("../migrations/0005_proven_address.sql"),
    include_str!("../migrations/0006_platforms.sql"),
];

#[cfg(test)]
impl Database {
    /// A database that nobody else sees.
    pub(crate) fn in_memory() -> Self {
        Self::with(Connection::open_in_memory().unwrap()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn migrations_run_once_however_often_the_file_is_opened() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let version: u32 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version as usize, MIGRATIONS.len());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("abiding-demo-db-{}", std::process::id()));
        let _database = Database::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::remove_file(path).unwrap();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_a_newer_release_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let refusal = migrate(&mut connection).unwrap_err();
        let known = MIGRATIONS.len();
        assert_eq!(
            refusal.to_string(),
            format!("it was written by a newer release (schema 99, this one knows {known})")
        );
    }
}
