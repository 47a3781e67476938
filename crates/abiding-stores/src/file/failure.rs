//! What can go wrong with a folder, told with the file and the remedy.

use std::{
    io,
    path::{Path, PathBuf},
};

use abiding::{Error, ErrorKind};

/// Why an operation did not run to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another process, or too many of this one, hold a lock for too long.
    Busy(PathBuf),
    /// The system refused something about this file.
    Io(PathBuf, io::Error),
    /// The store refused the operation before it wrote anything.
    Refused(Error),
    /// A file that this library did not write, or not to its end. It was left alone.
    Unreadable(PathBuf),
    /// Others changed one session all the time.
    Unsettled,
}

impl From<Error> for Failure {
    fn from(refusal: Error) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    /// What becomes of a failure of the system about `path`.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        |cause| Self::Io(path.to_path_buf(), cause)
    }

    /// Whether it is the disk that is full, or the quota, or the largest size of a file.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io(_, cause) if is_full(cause.kind()))
    }

    pub(super) fn into_error(self, operation: &'static str) -> Error {
        let (kind, path, what, source) = match self {
            Self::Refused(refusal) => return refusal,
            Self::Unsettled => {
                let context = "too many changed the session at once";
                return Error::new(ErrorKind::Contended, operation, context);
            }
            Self::Busy(path) => (
                ErrorKind::Unavailable,
                path,
                "is locked for too long: some process that holds it was stopped, or the disk is too slow",
                None,
            ),
            Self::Unreadable(path) => (
                ErrorKind::Corrupt,
                path,
                "is damaged, or was not written by this library, or by a newer release: move it away",
                None,
            ),
            Self::Io(path, cause) => {
                let what = match cause.kind() {
                    kind if is_full(kind) => {
                        "cannot be written: the disk, or the quota, is full; free some space"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "cannot be used: the user of this process must be able to read and write the folder and all in it"
                    }
                    io::ErrorKind::ReadOnlyFilesystem => {
                        "lies on a read-only file system: the folder must be writable"
                    }
                    io::ErrorKind::NotFound => {
                        "is missing: the folder of the store was moved or removed"
                    }
                    _ => "could not be read or written: look into the system's log for the disk",
                };
                (ErrorKind::Unavailable, path, what, Some(cause))
            }
        };
        let error = Error::new(
            kind,
            operation,
            format!("the file {} {what}", path.display()),
        );
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

fn is_full(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, WriteZero};
    matches!(kind, FileTooLarge | QuotaExceeded | StorageFull | WriteZero)
}
