//! What can go wrong with a server, told with its place and the remedy, and never with a password.

use std::time::Duration;

use abiding::{Error, ErrorKind};
use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

/// Why a command has no reply.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no connection, and none was to be had.
    Connect(RedisError),
    /// The connection broke after the command was sent, so what became of it is not known.
    Lost(RedisError),
    /// The server refused the command, which had no effect.
    Refused(RedisError),
    /// It was done, but too few replicas have it.
    Unconfirmed { confirmed: u32, replicas: u32 },
    /// No reply came in time, so what became of the command is not known.
    Slow(Duration),
}

impl Failure {
    /// The words for it. `place` is what to call the server, without a password.
    pub(super) fn into_error(self, operation: &'static str, place: &str) -> Error {
        let (kind, what, source) = match self {
            Self::Connect(cause) => {
                let otherwise = match cause.code() {
                    Some(_) => "refused the connection: look at the number of the database",
                    None => "cannot be reached",
                };
                let (kind, what) = explain(&cause, otherwise);
                // A refusal of the greeting may repeat what it was greeted with: the password.
                (kind, what, cause.is_io_error().then_some(cause))
            }
            Self::Lost(cause) => (
                ErrorKind::Unavailable,
                "closed the connection before it answered: what was asked for may have been done or not".into(),
                Some(cause),
            ),
            Self::Refused(cause) => {
                let (kind, what) = explain(&cause, "refused the operation");
                (kind, what, Some(cause))
            }
            Self::Unconfirmed {
                confirmed,
                replicas,
            } => (
                ErrorKind::Unavailable,
                format!(
                    "did it, but {confirmed} of {replicas} replicas confirmed it in time: it may be lost with the primary"
                ),
                None,
            ),
            Self::Slow(patience) => (
                ErrorKind::Unavailable,
                format!("did not answer within {patience:?}: what was asked for may have been done or not"),
                None,
            ),
        };
        let error = Error::new(
            kind,
            operation,
            format!("the Redis server at {place} {what}"),
        );
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

/// A reply of a shape that no server of this kind sends.
pub(super) fn unexpected(operation: &'static str, place: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        operation,
        format!(
            "the Redis server at {place} gave an answer of an unknown shape: is it a Redis or Valkey server?"
        ),
    )
}

/// Whether another try may go better soon, without anybody doing anything. None of these had an effect.
pub(super) fn passes(refusal: &RedisError) -> bool {
    matches!(
        refusal.code(),
        Some("BUSY" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "READONLY" | "TRYAGAIN")
    )
}

/// Whether it is no use to try again to connect before somebody has changed a setting.
pub(super) fn is_final(cause: &RedisError) -> bool {
    is_untrusted(cause)
        || matches!(
            cause.kind(),
            Kind::AuthenticationFailed | Kind::InvalidClientConfig | Kind::RESP3NotSupported
        )
        || matches!(cause.code(), Some("NOAUTH" | "NOPERM" | "WRONGPASS"))
}

/// Whether the server could not prove who it is. The driver has no kind for it.
fn is_untrusted(cause: &RedisError) -> bool {
    cause.is_io_error() && cause.to_string().contains("certificate")
}

fn explain(cause: &RedisError, otherwise: &str) -> (ErrorKind, String) {
    if is_untrusted(cause) {
        let what = "has a certificate that is not trusted: look at the name in the URL, and at `root_certificates`";
        return (ErrorKind::Unavailable, what.into());
    }
    if let Some(code) = cause.code()
        && let Some((_, kind, what)) = REFUSALS.iter().find(|(known, ..)| *known == code)
    {
        return (*kind, (*what).into());
    }
    let what = match cause.kind() {
        Kind::AuthenticationFailed => WRONG_PASSWORD,
        Kind::InvalidClientConfig => {
            "is not reached by these settings: look at the URL, and at the features that this program was built with"
        }
        Kind::MasterNameNotFoundBySentinel => {
            "is not known to any Sentinel: look at the name of the service in the URL"
        }
        Kind::Server(ServerErrorKind::ResponseError)
            if cause
                .detail()
                .is_some_and(|detail| detail.contains("cluster support disabled")) =>
        {
            "is no cluster: write `redis://` in its URL"
        }
        Kind::RESP3NotSupported => "is too old: Redis 6.2 or newer, or Valkey, is needed",
        _ => {
            return (
                ErrorKind::Unavailable,
                format!(
                    "{otherwise}{}",
                    cause
                        .code()
                        .map(|code| format!(" ({code})"))
                        .unwrap_or_default()
                ),
            );
        }
    };
    (ErrorKind::Unavailable, what.into())
}

const WRONG_PASSWORD: &str = "refused the user name or the password";

/// By the first word of the server's answer.
const REFUSALS: &[(&str, ErrorKind, &str)] = &[
    (
        "BUSY",
        ErrorKind::Unavailable,
        "is held up by a script that does not end",
    ),
    (
        "CLUSTERDOWN",
        ErrorKind::Unavailable,
        "belongs to a cluster that is down: a part of the keys has no primary",
    ),
    (
        "CROSSSLOT",
        ErrorKind::Unavailable,
        "belongs to a cluster: write `redis+cluster://` in its URL",
    ),
    (
        "LOADING",
        ErrorKind::Unavailable,
        "is still loading its data",
    ),
    (
        "MASTERDOWN",
        ErrorKind::Unavailable,
        "is a replica that has lost its primary",
    ),
    (
        "MISCONF",
        ErrorKind::Unavailable,
        "refuses to write because it cannot save its data: look at its disk",
    ),
    (
        "MOVED",
        ErrorKind::Unavailable,
        "belongs to a cluster: write `redis+cluster://` in its URL",
    ),
    (
        "NOAUTH",
        ErrorKind::Unavailable,
        "wants a password, and none was given",
    ),
    (
        "NOPERM",
        ErrorKind::Unavailable,
        "does not permit this to the user: the documentation of the store lists what it needs",
    ),
    (
        "OOM",
        ErrorKind::Unavailable,
        "has no memory left: raise `maxmemory`, or look who fills it",
    ),
    (
        "READONLY",
        ErrorKind::Unavailable,
        "is a read-only replica: connect to the primary, or through Sentinel",
    ),
    ("WRONGPASS", ErrorKind::Unavailable, WRONG_PASSWORD),
    (
        "WRONGTYPE",
        ErrorKind::Corrupt,
        "holds something else under a key of a session: give the sessions a prefix of their own",
    ),
];
