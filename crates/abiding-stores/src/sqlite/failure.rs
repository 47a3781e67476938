//! What can go wrong with a database file, told with the file and the remedy.

use std::{path::Path, sync::Arc};

use abiding::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Why an operation did not run to its end.
pub(super) enum Failure {
    /// The database failed; what the transaction wrote so far is worth nothing.
    Database(rusqlite::Error),
    /// The operation was refused before it wrote anything.
    Refused(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Database(cause)
    }
}

impl From<Error> for Failure {
    fn from(refusal: Error) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    pub(super) fn into_error(self, operation: &'static str, path: &Path) -> Error {
        match self {
            Self::Database(cause) => explain(operation, path, &Arc::new(cause)),
            Self::Refused(refusal) => refusal,
        }
    }
}

/// A row that this library did not write.
pub(super) fn damaged_row(what: &'static str) -> Failure {
    Failure::Refused(Error::new(ErrorKind::Corrupt, "read a row", what))
}

/// The error for `cause`, which may be the fate of many jobs at once.
pub(super) fn explain(operation: &'static str, path: &Path, cause: &Arc<rusqlite::Error>) -> Error {
    let (kind, what) = match (cause.sqlite_error_code(), &**cause) {
        (Some(ErrorCode::CannotOpen), _) => (
            ErrorKind::Unavailable,
            "cannot be opened: its directory must exist, and the user of this process must be able to write both",
        ),
        (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => (
            ErrorKind::Unavailable,
            "is locked for too long: some other program holds a write transaction open",
        ),
        (Some(ErrorCode::DatabaseCorrupt), _) => (
            ErrorKind::Corrupt,
            "is damaged: keep a copy of it, then restore a backup or salvage it with the `.recover` of `sqlite3`",
        ),
        (Some(ErrorCode::DiskFull), _) => (
            ErrorKind::Unavailable,
            "cannot grow: the disk, or the quota, is full; free some space",
        ),
        (Some(ErrorCode::NotADatabase), _) => (
            ErrorKind::Corrupt,
            "is no SQLite database, or a damaged one: move it away, or choose another path",
        ),
        (Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly), _) => (
            ErrorKind::Unavailable,
            "is read-only: the user of this process must be able to write the file and its directory",
        ),
        (Some(ErrorCode::SystemIoFailure), _) => (
            ErrorKind::Unavailable,
            "could not be read or written: look into the system's log for the disk",
        ),
        (
            None,
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..),
        ) => (
            ErrorKind::Corrupt,
            "holds a row that this library did not write",
        ),
        _ => (ErrorKind::Unavailable, "refused the operation"),
    };
    Error::new(
        kind,
        operation,
        format!("the database {} {what}", path.display()),
    )
    .with_source(Arc::clone(cause))
}
