//! Why there are no keys: the source, the reason, the remedy, and never the key.

use std::{error::Error as StdError, fmt, io};

use abiding::ConfigError;

use super::KeySource;

/// Why keys could not be had or changed. Every message names the source and the remedy, and none
/// holds a key.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// Others than its owner may read it.
    Exposed {
        /// Where the keys should come from.
        origin: KeySource,
        /// Its permission bits.
        mode: u32,
    },
    /// There is nothing of that name.
    Missing {
        /// Where the keys should come from.
        origin: KeySource,
    },
    /// A text that names no source. It may be a key itself, so it is not repeated.
    Source {
        /// What is wrong with it.
        problem: &'static str,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The system would not let it be read or written.
    Unreadable {
        /// Where the keys should come from.
        origin: KeySource,
        /// What was tried.
        attempt: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// It holds no key, one that cannot keep a secret, or none that can be changed so.
    Unusable {
        /// Where the keys come from.
        origin: KeySource,
        /// What is wrong with the key.
        problem: ConfigError,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { origin, mode } => {
                write!(f, "others may read {origin} (mode {mode:04o}): ")?;
                if let KeySource::File(path) = origin {
                    write!(f, "run `chmod 600 {}`, ", path.display())?;
                } else {
                    f.write_str("give it to the user of this process alone, ")?;
                }
                f.write_str("and make a fresh key if somebody may have read this one")
            }
            Self::Missing { origin } => {
                write!(f, "there is no {}: ", origin.bare())?;
                match origin {
                    KeySource::Credential(name) => write!(
                        f,
                        "pass it with `LoadCredential={name}:PATH` in the unit of the service"
                    ),
                    KeySource::Descriptor(number) => {
                        write!(f, "open it for this process, as in `{number}< FILE`")
                    }
                    KeySource::Environment(_) => f.write_str(
                        "set it to a key from `openssl rand -base64 32`, or name a file instead",
                    ),
                    KeySource::File(path) => write!(
                        f,
                        "run `(umask 077; openssl rand -base64 32 > {})`, or copy the one of the other nodes",
                        path.display()
                    ),
                }
            }
            Self::Source { problem, remedy } => {
                write!(f, "the source of the key {problem}: {remedy}")
            }
            Self::Unreadable {
                origin,
                attempt,
                cause,
            } => {
                write!(
                    f,
                    "the system does not let this process {attempt} {origin}: {cause}; "
                )?;
                f.write_str(match origin {
                    KeySource::File(_) => {
                        "see that its directory exists and that both belong to the user of this process"
                    }
                    KeySource::Descriptor(_) => {
                        "see that it can be read; what another user has opened is passed as `fd:0`"
                    }
                    _ => "see that it holds text, and that this process may read it",
                })
            }
            Self::Unusable { origin, problem } => write!(f, "in {origin}, {problem}"),
        }
    }
}

impl StdError for KeyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::Unusable { problem, .. } => Some(problem),
            Self::Exposed { .. } | Self::Missing { .. } | Self::Source { .. } => None,
        }
    }
}
