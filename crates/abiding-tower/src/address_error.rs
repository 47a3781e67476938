//! A setting that is no network or no origin, with the value and the remedy.

use std::fmt;

/// An address that was given as a setting and cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a network of IP addresses.
    Network {
        /// The value as it was given.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Not an origin as browsers spell them.
    Origin {
        /// The value as it was given.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, value, remedy) = match self {
            Self::Network { value, remedy } => ("network", value, remedy),
            Self::Origin { value, remedy } => ("origin", value, remedy),
        };
        write!(f, "the {what} {value:?} cannot work: {remedy}")
    }
}

impl std::error::Error for AddressError {}
