//! Why a text is no URL of a store, with what would do. None of it holds a password.

use std::{error::Error as StdError, fmt};

use crate::catalogue::Value;

/// Why a text is no URL of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// This build lacks what the store needs.
    Feature {
        /// How the URL begins.
        scheme: &'static str,
        /// The feature to enable.
        feature: &'static str,
    },
    /// It is not written as a URL of its kind is.
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
        /// What to write instead.
        remedy: &'static str,
    },
    /// There is no such option.
    Option {
        /// The name as it was given, unless it is none: it may be a piece of a password then.
        given: Option<String>,
        /// How the URL begins.
        scheme: &'static str,
        /// The option that is written most like it.
        nearest: Option<&'static str>,
    },
    /// No store has this scheme.
    Scheme {
        /// The scheme as it was given.
        given: String,
        /// The scheme that is written most like it.
        nearest: Option<&'static str>,
    },
    /// An option is given twice.
    Twice {
        /// Its name.
        option: &'static str,
    },
    /// The value of an option is none.
    Value {
        /// Its name.
        option: &'static str,
        /// What it may be.
        expected: Value,
    },
}

impl fmt::Display for StoreUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature { scheme, feature } => write!(
                f,
                "`{scheme}:` needs the feature `{feature}` of abiding-stores, which this build lacks: enable it"
            ),
            Self::Malformed { problem, remedy } => {
                write!(f, "the URL of the store {problem}: {remedy}")
            }
            Self::Option {
                given,
                scheme,
                nearest,
            } => {
                match given {
                    Some(given) => write!(f, "`{scheme}:` has no option `{given}`: ")?,
                    None => write!(f, "an option behind `{scheme}:` has no name: ")?,
                }
                match nearest {
                    Some(nearest) if given.is_some() => write!(f, "did you mean `{nearest}`?"),
                    _ => f.write_str("they are `name=value`, as docs/stores.md lists them"),
                }
            }
            Self::Scheme { given, nearest } => {
                write!(f, "`{given}:` begins no URL of a store: ")?;
                match nearest {
                    Some(nearest) => write!(f, "did you mean `{nearest}:`?"),
                    None => f.write_str("docs/stores.md lists those that do"),
                }
            }
            Self::Twice { option } => write!(f, "the option `{option}` is given twice: keep one"),
            Self::Value { option, expected } => {
                write!(f, "the option `{option}` takes {expected}")
            }
        }
    }
}

impl StdError for StoreUrlError {}
