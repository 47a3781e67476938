//! What can go wrong with a database server, told with its place and the remedy, never with a password.

use std::{borrow::Cow, io, time::Duration};

use abiding::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// Why an operation did not run to its end.
pub(super) enum Failure {
    /// The server, or the way to it, failed.
    Database(tokio_postgres::Error),
    /// There was no answer in time.
    Late(Duration),
    /// The operation was refused, and nothing was changed.
    Refused(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(cause: tokio_postgres::Error) -> Self {
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
        self.code().is_some_and(|code| {
            [
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::T_R_SERIALIZATION_FAILURE,
            ]
            .contains(code)
        })
    }

    /// Whether the connection was lost, and with it the answer.
    pub(super) fn is_disconnection(&self) -> bool {
        match self {
            Self::Database(cause) => {
                cause.is_closed() || self.code().is_some_and(|code| LEAVING.contains(code)) || {
                    let source = std::error::Error::source(cause);
                    source.is_some_and(<dyn std::error::Error>::is::<io::Error>)
                }
            }
            Self::Late(_) | Self::Refused(_) => false,
        }
    }

    /// Whether the connection is of no more use: the server is not the one to write to any more.
    pub(super) fn spoils_connection(&self) -> bool {
        let demoted = SqlState::READ_ONLY_SQL_TRANSACTION;
        matches!(self, Self::Late(_)) || self.is_disconnection() || self.code() == Some(&demoted)
    }

    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Database(cause) => cause.code(),
            Self::Late(_) | Self::Refused(_) => None,
        }
    }

    /// The error for callers; `place` says which database, as in `the database x at y`.
    pub(super) fn into_error(self, operation: &'static str, place: &str) -> Error {
        let (kind, words) = self.words();
        let context = format!("{place} {words}");
        match self {
            Self::Database(cause) => Error::new(kind, operation, context).with_source(cause),
            Self::Late(_) => Error::new(kind, operation, context),
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
            Self::Refused(refusal) => (refusal.kind(), refusal.to_string().into()),
        }
    }
}

/// A row that this library did not write.
pub(super) fn damaged_row(what: &'static str) -> Failure {
    Failure::Refused(Error::new(ErrorKind::Corrupt, "read a row", what))
}

fn explain(cause: &tokio_postgres::Error) -> (ErrorKind, &'static str) {
    let Some(code) = cause.code() else {
        return explain_way(cause);
    };
    let known = REMEDIES.iter().find(|(known, _)| known == code);
    let class = || {
        CLASSES
            .iter()
            .find(|(class, _)| code.code().starts_with(class))
    };
    let kind = if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
        ErrorKind::Corrupt
    } else {
        ErrorKind::Unavailable
    };
    let what = known.map(|(_, what)| *what);
    (
        kind,
        what.or_else(|| class().map(|(_, what)| *what))
            .unwrap_or("refused the operation"),
    )
}

/// What went wrong before or beside the server's own answer.
fn explain_way(cause: &tokio_postgres::Error) -> (ErrorKind, &'static str) {
    let source = std::error::Error::source(cause);
    // The driver has no other way to tell some of these apart than its words.
    let said = [Some(cause.to_string()), source.map(ToString::to_string)];
    let told = |words| said.iter().flatten().any(|said| said.contains(words));
    if told("TLS") {
        return (ErrorKind::Unavailable, NO_TLS);
    }
    if let Some(io) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        let what = match io.kind() {
            // The driver's word for a server that only reads, when one that writes was asked for.
            io::ErrorKind::PermissionDenied => READ_ONLY,
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => CLOSED,
            // The driver's words for an answer that it cannot parse, and for one that breaks off.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                FOREIGN
            }
            _ => "cannot be reached: it must be running, and the host and the port must be right",
        };
        return (ErrorKind::Unavailable, what);
    }
    if told("deserializing") {
        return (
            ErrorKind::Corrupt,
            "holds a row that this library did not write",
        );
    }
    let what = match () {
        () if cause.is_closed() => CLOSED,
        () if told("password missing") => "asks for a password, and the URL has none",
        () => FOREIGN,
    };
    (ErrorKind::Unavailable, what)
}

const NO_TLS: &str = "offers no TLS that can be trusted: it must be turned on there, and the certificate be valid for the host \
     of the URL and signed by a root that this system or `sslrootcert` names";

const FOREIGN: &str = "did not answer as PostgreSQL does";

const CLOSED: &str = "closed the connection: it may be restarting, or be no PostgreSQL";

/// Of a server that only reads.
pub(super) const READ_ONLY: &str = "is a replica that only reads: give the URL of the primary, or of all servers, divided by commas";

/// What the server says when it is about to go away.
const LEAVING: [SqlState; 3] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
];

const REMEDIES: &[(SqlState, &str)] = &[
    (SqlState::ADMIN_SHUTDOWN, "is shutting down"),
    (
        SqlState::CANNOT_CONNECT_NOW,
        "is starting up, or shutting down",
    ),
    (SqlState::CRASH_SHUTDOWN, "is recovering from a crash"),
    (
        SqlState::DISK_FULL,
        "cannot grow: its disk is full; free some space",
    ),
    (
        SqlState::INSUFFICIENT_PRIVILEGE,
        "denies this role the right: let the owner of the tables run `grants.sql` for it",
    ),
    (
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "does not admit this user from here: look at the user in the URL and at `pg_hba.conf`",
    ),
    (
        SqlState::INVALID_CATALOG_NAME,
        "does not exist: make it with `createdb`, or look at the name in the URL",
    ),
    (
        SqlState::INVALID_PASSWORD,
        "refuses the password: look at the user and the password in the URL",
    ),
    (
        SqlState::INVALID_SCHEMA_NAME,
        "has no such schema: make it with `CREATE SCHEMA`, or look at the name of the table",
    ),
    (
        SqlState::LOCK_NOT_AVAILABLE,
        "has the session locked for too long: some other program holds a transaction open",
    ),
    (
        SqlState::QUERY_CANCELED,
        "took too long: it is too busy, or some other program holds a transaction open",
    ),
    (SqlState::READ_ONLY_SQL_TRANSACTION, READ_ONLY),
    (
        SqlState::TOO_MANY_CONNECTIONS,
        "has no connection left: ask for fewer, or raise its `max_connections`",
    ),
    (
        SqlState::UNDEFINED_COLUMN,
        "has a table of another shape: it was not made by this library",
    ),
    (
        SqlState::UNDEFINED_TABLE,
        "has lost the table of the sessions: restore it, or open the store anew to make it",
    ),
];

/// Whole classes of codes, for what has no line of its own.
const CLASSES: [(&str, &str); 4] = [
    ("08", CLOSED),
    (
        "28",
        "does not admit this user: look at the user and the password in the URL",
    ),
    ("40", "was too busy with other changes of the same sessions"),
    ("53", "is out of resources: look into its log"),
];
