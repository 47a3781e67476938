//! How the command ends: one number for each kind of end, and one error that knows its number.

use std::{error::Error as StdError, fmt, io, process::ExitCode};

use abiding::{ConfigError, Error, ErrorKind};
use abiding_stores::{StoreUrlError, keys::KeyError};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is as it should be, and what was asked for is done.
    Fine = 0,
    /// Something was found, or not all was done: the output says what.
    Findings = 1,
    /// The command line cannot be followed.
    Usage = 2,
    /// A store cannot be reached, opened or used.
    Store = 3,
    /// The keys cannot be had or used.
    Keys = 4,
    /// The store lacks the power that this takes.
    Unsupported = 5,
    /// What lies in a store or came in is not what it should be, or the system refused something.
    Failed = 6,
    /// The doctor found an error, and not only warnings.
    Errors = 7,
}

/// The table of exit codes, as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0  all is as it should be, and what was asked for is done
  1  something was found, or not all was done: the output says what
  2  the command line cannot be followed
  3  a store cannot be reached, opened or used
  4  the keys cannot be had or used
  5  the store lacks the power that this takes
  6  what was read is damaged, or the system refused something
  7  the doctor found an error, and not only warnings

Secrets are never arguments, which every user of a machine can read: keys come from a file, a
variable or the standard input, and so does the URL of a store that holds a password.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command cannot go on: the value, the reason and the remedy in one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    source: Option<Box<dyn StdError + Send>>,
    /// Nobody reads any more: nothing is to be said.
    pub(crate) unheard: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            source: None,
            unheard: false,
        }
    }

    /// The command line cannot be followed.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn because(mut self, source: impl StdError + Send + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Contended | ErrorKind::Unavailable => Exit::Store,
            ErrorKind::Unsupported => Exit::Unsupported,
            _ => Exit::Failed,
        };
        // Which operation of a store it was, tells its user nothing.
        let told = error.to_string();
        let operation = format!("{}: ", error.operation());
        let message = told.strip_prefix(&operation).unwrap_or(&told);
        Self::new(exit, message).because(Cause::of(&error))
    }
}

impl From<StoreUrlError> for Failure {
    fn from(error: StoreUrlError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let exit = match error {
            KeyError::Source { .. } => Exit::Usage,
            _ => Exit::Keys,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Keys, error.to_string())
    }
}

/// The standard output is gone, or the standard input cannot be read.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let unheard = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            unheard,
            ..Self::new(Exit::Failed, format!("the system refused: {error}"))
        }
    }
}

/// What lies below an error, in words: the chain of its sources.
#[derive(Debug)]
struct Cause(String);

impl Cause {
    fn of(error: &dyn StdError) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some errors print what lies below them.
            if !words.iter().any(|word| word.contains(&text)) {
                words.push(text);
            }
            next = cause.source();
        }
        Self(words.join(": "))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        for (kind, exit) in [
            (ErrorKind::Unavailable, Exit::Store),
            (ErrorKind::Contended, Exit::Store),
            (ErrorKind::Unsupported, Exit::Unsupported),
            (ErrorKind::Corrupt, Exit::Failed),
        ] {
            assert_eq!(Failure::from(Error::new(kind, "scan", "x")).exit, exit);
        }
        for code in 0..=6 {
            assert!(
                HELP.contains(&format!("\n  {code}  ")),
                "{code} is not in the help"
            );
        }
    }

    #[test]
    fn a_failure_prints_what_lies_below_it_once() {
        let below = io::Error::other("connection refused");
        let error = Error::new(ErrorKind::Unavailable, "open", "nobody answers").with_source(below);
        let failure = Failure::from(error);
        assert_eq!(failure.to_string(), "nobody answers");
        assert_eq!(failure.source().unwrap().to_string(), "connection refused");
    }
}
