//! Why there is no report: a source that cannot be read, or a list of silences that cannot be followed.

use std::{error, fmt};

/// What went wrong, in words for whoever asked for the report. Holds no secret.
#[derive(Debug)]
pub struct Error {
    what: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl error::Error for Error {}
