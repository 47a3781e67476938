//! What can go wrong with a server, told with its place and the remedy.

use std::{io, time::Duration};

use abiding::{Error, ErrorKind};

use super::link::Place;

/// Why a command has no reply, or not one to go on with.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no connection, and none was to be had.
    Connect(io::Error),
    /// The connection broke before the answer, so what became of the command is not known.
    Lost,
    /// The server refused the command, which had no effect.
    Refused(String),
    /// The connection is another one by now, so a number to compare with is worth nothing. Nothing was sent.
    Restarted,
    /// No reply came in time, so what became of the command is not known.
    Slow(Duration),
}

impl Failure {
    /// The words for it.
    pub(super) fn into_error(self, operation: &'static str, place: &Place) -> Error {
        let (kind, what, source) = match self {
            Self::Connect(cause) => {
                let what = "cannot be reached: is it started, and is this its address?".to_owned();
                (ErrorKind::Unavailable, what, Some(cause))
            }
            Self::Lost | Self::Restarted => {
                let what = "closed the connection before it answered: what was asked for may have been done or not";
                (ErrorKind::Unavailable, what.to_owned(), None)
            }
            Self::Refused(words) if words.contains("too large") => {
                let what = "takes no item of this size: keep less in the session, or start it with a larger limit (`-I 2m`)";
                (ErrorKind::TooLarge, what.to_owned(), None)
            }
            Self::Refused(words) if words.to_lowercase().contains("out of memory") => {
                let what = "has no memory left: give it more (`-m`), or let it evict by starting it without `-M`";
                (ErrorKind::Unavailable, what.to_owned(), None)
            }
            Self::Refused(words) => {
                let what =
                    format!("refused the operation ({words}): version 1.6 or later is needed");
                (ErrorKind::Unavailable, what, None)
            }
            Self::Slow(patience) => (
                ErrorKind::Unavailable,
                format!(
                    "did not answer within {patience:?}: what was asked for may have been done or not"
                ),
                None,
            ),
        };
        let context = format!("the memcached at {place} {what}");
        let error = Error::new(kind, operation, context);
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}
