//! Why a session is over: kept in its place for a while, told to whoever presents it, and logged.

use std::fmt;

/// Why a session is over, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It reached its absolute lifetime.
    Absolute,
    /// It was not used for longer than its idle timeout.
    Idle,
    /// The key that vouched for it was revoked.
    KeyRevoked,
    /// It was ended from another session of its subject, or by the application.
    Revoked,
    /// It was signed out by whoever held it.
    SignedOut,
    /// The store does not know it and cannot say why: it forgot, or another id took its place and the
    /// browser never learned of that one.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "its lifetime was over",
            Self::Idle => "it was idle for too long",
            Self::KeyRevoked => "its key was revoked",
            Self::Revoked => "it was revoked",
            Self::SignedOut => "it was signed out",
            Self::Unknown => "the store does not know it",
        })
    }
}
