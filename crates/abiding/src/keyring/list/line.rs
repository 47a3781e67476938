//! One line of a list of keys: a key, a mark, or what was said between them.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::instant;
use crate::{
    clock::Timestamp,
    error::ConfigError,
    keyring::{Key, KeyId},
};

pub(super) enum Line {
    Key {
        key: Key,
        from: Option<Timestamp>,
    },
    Retired(KeyId),
    Revoked(KeyId),
    /// A comment, or nothing: kept as it was, and wiped, since it may hold a key that was put aside.
    Said(Zeroizing<String>),
}

impl Line {
    pub(super) fn parse(line: &str) -> Result<Self, ConfigError> {
        let mut words = line.split_whitespace();
        let first = match words.next() {
            Some(first) if !first.starts_with('#') => first,
            _ => return Ok(Self::Said(Zeroizing::new(line.to_owned()))),
        };
        let (second, more) = (words.next(), words.next());
        match (first, second, more) {
            ("retired", Some(id), None) => id.parse().map(Self::Retired),
            ("revoked", Some(id), None) => id.parse().map(Self::Revoked),
            (key, None, None) => Ok(Self::Key {
                key: Key::parse(key)?,
                from: None,
            }),
            (key, Some(from), None) => {
                let from = from.strip_prefix("from=").and_then(instant::parse);
                Ok(Self::Key {
                    key: Key::parse(key)?,
                    from: Some(from.ok_or(STRANGE)?),
                })
            }
            _ => Err(STRANGE),
        }
    }

    pub(super) fn write(&self, text: &mut String) {
        match self {
            Self::Key { key, from } => {
                text.push_str(&key.reveal());
                if let Some(from) = from.and_then(instant::spelled) {
                    text.push_str(" from=");
                    text.push_str(&from);
                }
            }
            // Writing to a string cannot fail.
            Self::Retired(id) => drop(write!(text, "retired {id}")),
            Self::Revoked(id) => drop(write!(text, "revoked {id}")),
            Self::Said(said) => text.push_str(said),
        }
    }

    pub(super) fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::Key { key, .. } => Some(key.id()),
            _ => None,
        }
    }

    pub(super) fn names(&self, id: KeyId) -> bool {
        match self {
            Self::Key { key, .. } => key.id() == id,
            Self::Retired(named) | Self::Revoked(named) => *named == id,
            Self::Said(_) => false,
        }
    }
}

const STRANGE: ConfigError = ConfigError::Key {
    problem: "is followed by something that is not understood",
    remedy: "write the key alone, or the key, a space and `from=2026-11-21T12:00:00Z`",
};
