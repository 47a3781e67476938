//! What can go wrong with a database server, told with its place and the remedy, never with a password.

use std::{borrow::Cow, io, time::Duration};

use abiding::{Error, ErrorKind};
use mysql_async::{DriverError, IoError};

/// Why an operation did not run to its end.
pub(super) enum Failure {
    /// The server, or the way to it, failed.
    Database(mysql_async::Error),
    /// There was no answer in time.
    Late(Duration),
    /// The runtime of the connection ended.
    Lost,
    /// The operation was refused, and nothing was changed.
    Refused(Error),
    /// The server is none to keep sessions on, for this reason.
    Unfit(&'static str),
}

impl From<mysql_async::Error> for Failure {
    fn from(cause: mysql_async::Error) -> Self {
        Self::Database(cause)
    }
}

impl From<Error> for Failure {
    fn from(refusal: Error) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    /// Whether the statement had no effect because of what others did at the same moment.
    pub(super) fn is_conflict(&self) -> bool {
        self.code().is_some_and(|code| CONFLICTS.contains(&code))
    }

    /// Whether a key was there already.
    pub(super) fn is_taken(&self) -> bool {
        self.code() == Some(DUPLICATE)
    }

    /// Whether the connection was lost, and with it the answer.
    pub(super) fn is_disconnection(&self) -> bool {
        match self {
            Self::Database(mysql_async::Error::Server(told)) => LEAVING.contains(&told.code),
            Self::Database(mysql_async::Error::Io(IoError::Io(_))) | Self::Lost => true,
            Self::Database(mysql_async::Error::Driver(cause)) => {
                matches!(cause, DriverError::ConnectionClosed)
            }
            Self::Database(_) | Self::Late(_) | Self::Refused(_) | Self::Unfit(_) => false,
        }
    }

    /// Whether the connection is of no more use: what it says is not understood, or the server is not the one
    /// to write to any more.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Database(mysql_async::Error::Server(told)) => {
                self.is_disconnection() || DEMOTED.contains(&told.code)
            }
            Self::Database(_) | Self::Late(_) | Self::Lost | Self::Unfit(_) => true,
            Self::Refused(_) => false,
        }
    }

    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Database(mysql_async::Error::Server(told)) => Some(told.code),
            Self::Database(_) | Self::Late(_) | Self::Lost | Self::Refused(_) | Self::Unfit(_) => {
                None
            }
        }
    }

    /// The error for callers; `place` says which database, as in `the database x at y`.
    pub(super) fn into_error(self, operation: &'static str, place: &str) -> Error {
        let (kind, words) = self.words();
        let context = format!("{place} {words}");
        match self {
            Self::Database(cause) => Error::new(kind, operation, context).with_source(cause),
            Self::Late(_) | Self::Lost | Self::Unfit(_) => Error::new(kind, operation, context),
            Self::Refused(refusal) => refusal,
        }
    }

    /// What kind of failure it is, and what to say of the database.
    pub(super) fn words(&self) -> (ErrorKind, Cow<'static, str>) {
        match self {
            Self::Database(cause) => {
                let (kind, words) = explain(cause);
                (kind, words.into())
            }
            Self::Late(patience) => {
                let words = format!(
                    "did not answer within {} ms: it is too busy, hangs, or cannot be reached",
                    patience.as_millis()
                );
                (ErrorKind::Unavailable, words.into())
            }
            Self::Lost => (ErrorKind::Unavailable, LOST.into()),
            Self::Refused(refusal) => (refusal.kind(), refusal.to_string().into()),
            Self::Unfit(why) => (ErrorKind::Unavailable, (*why).into()),
        }
    }
}

/// A row that this library did not write.
pub(super) fn damaged_row(what: &'static str) -> Failure {
    Failure::Refused(Error::new(ErrorKind::Corrupt, "read a row", what))
}

fn explain(cause: &mysql_async::Error) -> (ErrorKind, &'static str) {
    use mysql_async::Error as Cause;
    let what = match cause {
        Cause::Server(told) => {
            let known = REMEDIES.iter().find(|(code, _)| *code == told.code);
            let what = known.map_or("refused the operation", |(_, what)| *what);
            let is_damage = DAMAGED.contains(&told.code);
            let kind = if is_damage {
                ErrorKind::Corrupt
            } else {
                ErrorKind::Unavailable
            };
            return (kind, what);
        }
        Cause::Io(IoError::Io(io)) => match io.kind() {
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => CLOSED,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => UNREACHABLE,
            // The driver's kind for bytes that are none of its protocol, and for a certificate.
            io::ErrorKind::InvalidData => NO_TLS_OR_OTHER,
            // It has no other way to tell a message that cannot be one.
            _ if io.to_string().contains("max_allowed_packet") => OTHER,
            _ => UNREACHABLE,
        },
        // Of TLS, where that is built in.
        #[cfg(feature = "mysql-tls")]
        Cause::Io(_) => NO_TLS,
        Cause::Driver(cause) => match cause {
            DriverError::ConnectionClosed => CLOSED,
            DriverError::NoClientSslFlagFromServer => NO_TLS,
            DriverError::CleartextPluginDisabled
            | DriverError::MysqlOldPasswordDisabled
            | DriverError::UnknownAuthPlugin { .. } => {
                "wants the password in a way that this library refuses: let the user have `caching_sha2_password`, \
                 `ed25519` or `mysql_native_password`"
            }
            _ => OTHER,
        },
        _ => OTHER,
    };
    (ErrorKind::Unavailable, what)
}

const NO_TLS: &str = "offers no TLS that can be trusted: it must be turned on there, and the certificate be valid for the host \
     of the URL and signed by a root that this system or `ssl-ca` names";
const NO_TLS_OR_OTHER: &str = "did not answer as MySQL does, or with a certificate that cannot be trusted: it must be valid for the host \
     of the URL and signed by a root that this system or `ssl-ca` names";
const OTHER: &str = "did not answer as MySQL does";
const UNREACHABLE: &str =
    "cannot be reached: it must be running, and the host and the port must be right";
const CLOSED: &str = "closed the connection: it may be restarting, or be no MySQL";
const LOST: &str = "was being asked when the runtime ended that its connection belongs to";
const BUSY: &str = "took too long: it is too busy, or some other program holds a transaction open";
const DENIED: &str = "denies this user the right: let an administrator run `grants.sql` for it";

/// Of a server that only reads.
pub(super) const READ_ONLY: &str = "is a replica that only reads: give the URL of the primary";

/// A key that is there already.
const DUPLICATE: u16 = 1062;

/// A changed row under a snapshot (MariaDB), a deadlock, a deadlock of branches, a statement to be prepared anew, and
/// a transaction that another member of the group overtook (MySQL).
const CONFLICTS: [u16; 5] = [1020, 1213, 1614, 1615, 3101];

/// What the server says when it goes away, or ends the connection: shutdown, killed, killed (MariaDB), aborted,
/// idle for too long (MySQL).
const LEAVING: [u16; 5] = [1053, 1152, 1317, 1927, 4031];

/// A server that only reads, and one whose engine does.
const DEMOTED: [u16; 3] = [1290, 1792, 1836];

/// A table that is crashed, an index that is damaged, a page that is.
const DAMAGED: [u16; 5] = [1034, 1194, 1195, 1712, 1877];

/// Codes of the server: those below 1900 are of both, then come MariaDB's, and from 3000 MySQL's.
const REMEDIES: &[(u16, &str)] = &[
    (1021, "cannot grow: its disk is full; free some space"),
    (
        1034,
        "holds a table that is damaged: repair it, or restore a backup",
    ),
    (
        1040,
        "has no connection left: ask for fewer, or raise its `max_connections`",
    ),
    (
        1044,
        "does not admit this user to the database: let an administrator run `grants.sql`, or look at the name in the URL",
    ),
    (
        1045,
        "refuses the password: look at the user and the password in the URL",
    ),
    (
        1047,
        "is not ready: it may be a member of a cluster that has not joined it",
    ),
    (
        1049,
        "does not exist: make it with `CREATE DATABASE`, or look at the name in the URL",
    ),
    (1053, "is shutting down"),
    (
        1054,
        "has a table of another shape: it was not made by this library",
    ),
    (1114, "cannot grow: the table is full; free some space"),
    (
        1129,
        "has blocked this host after many failed connections: run `FLUSH HOSTS` there",
    ),
    (
        1130,
        "does not admit this host: let an administrator make the user for it",
    ),
    (1142, DENIED),
    (1143, DENIED),
    (
        1146,
        "has lost the table of the sessions: restore it, or open the store anew to make it",
    ),
    (
        1153,
        "takes no message of this length: raise its `max_allowed_packet`",
    ),
    (
        1194,
        "holds a table that is damaged: repair it, or restore a backup",
    ),
    (
        1195,
        "holds a table that is damaged: repair it, or restore a backup",
    ),
    (
        1203,
        "has no connection left for this user: ask for fewer, or raise `max_user_connections`",
    ),
    (
        1205,
        "has the session locked for too long: some other program holds a transaction open",
    ),
    (1213, "was too busy with other changes of the same sessions"),
    (
        1226,
        "has no connection left for this user: ask for fewer, or raise its limits",
    ),
    (1227, DENIED),
    (1286, "has no InnoDB, which this library needs"),
    (1290, READ_ONLY),
    (1317, BUSY),
    (
        1461,
        "has no room for prepared statements: raise its `max_prepared_stmt_count`",
    ),
    (
        1665,
        "writes its binary log by statement: set its `binlog_format` to `ROW` or `MIXED`",
    ),
    (
        1698,
        "refuses the user: look at the user and the password in the URL",
    ),
    (1792, READ_ONLY),
    (
        1820,
        "wants a new password for this user before anything else",
    ),
    (1836, READ_ONLY),
    (
        1862,
        "wants a new password for this user before anything else",
    ),
    (
        1877,
        "holds a table that is damaged: repair it, or restore a backup",
    ),
    (1927, "ended the connection: somebody has killed it"),
    (1969, BUSY),
    (3024, BUSY),
    (3118, "has locked the account of this user"),
    (4031, "closed a connection that was idle"),
    (4151, "has locked the account of this user"),
];
