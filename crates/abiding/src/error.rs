//! The one error type: what the system could not do, never what a visitor did wrong.
//!
//! Absent, expired, tampered or malformed is *no session* (`None`), not an error. An [`Error`] means
//! that a store, the codec or the operating system failed, and the adapter answers it by failing
//! closed. A [`ConfigError`] is raised while a manager is built and names the remedy.

use std::{borrow::Cow, error::Error as StdError, fmt};

/// A `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, during which operation, with which cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    context: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of failure a caller can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Too many other writers changed the same value; the bounded retries of an update ran out.
    Contended,
    /// A stored record is not what was written: damaged, forged, or of an unknown format.
    Corrupt,
    /// A stored value is not of the type that was asked for.
    Decode,
    /// A value or a key cannot be stored: its type refuses to be encoded, or the key is too long.
    Encode,
    /// The session ended while the request was running; what it wrote was not stored.
    Gone,
    /// The operating system gave no randomness.
    Randomness,
    /// The session, or its sealed cookie, is larger than its limit.
    TooLarge,
    /// The store is down, full, read-only, too slow, or refused the operation.
    Unavailable,
    /// The store or the mode lacks this power.
    Unsupported,
}

impl Error {
    /// An error of `kind` during `operation`, with a few words that hold no secret.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        context: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            context: context.into(),
            source: None,
        }))
    }

    /// The same error with the cause underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed: a method of the store or the session.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Whether the same request may well succeed if it is sent again.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Contended | ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.context)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A setting that cannot work, with the value and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A cookie name, path or domain that no browser accepts, or that contradicts another attribute.
    Cookie {
        /// The value as it was given.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A key that cannot keep a secret. The key itself is never part of the message.
    Key {
        /// What is wrong with it.
        problem: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A line in a list of keys that cannot be used. Nothing of the line is part of the message.
    KeyLine {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with its key.
        problem: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Lifetimes that contradict each other.
    Lifetime {
        /// The setting as it was given.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie { value, remedy } => {
                write!(f, "the cookie setting {value:?} cannot work: {remedy}")
            }
            Self::Key { problem, remedy } => write!(f, "the key {problem}: {remedy}"),
            Self::KeyLine {
                line,
                problem,
                remedy,
            } => write!(f, "the key in line {line} {problem}: {remedy}"),
            Self::Lifetime { value, remedy } => {
                write!(f, "the lifetime {value} cannot work: {remedy}")
            }
        }
    }
}

impl StdError for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_one_level_and_keeps_its_cause() {
        let error = Error::new(ErrorKind::Unavailable, "load", "the database is locked")
            .with_source(std::io::Error::other("busy"));
        assert_eq!(error.to_string(), "load: the database is locked");
        assert_eq!(error.source().unwrap().to_string(), "busy");
        assert!(error.is_transient());
    }
}
