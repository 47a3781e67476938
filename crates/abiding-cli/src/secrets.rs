//! Where a command takes keys from: named by arguments, and never arguments themselves.
//!
//! Two kinds: the application's own list of keys, and the `SECRET_KEY` of a Flask application, from which
//! the wheel makes keys too. What is read is wiped when it is dropped, and never printed.

use std::{
    convert::Infallible,
    io::{self, Read},
};

use abiding::{Key, KeyRing, compat::signer::Secrets};
use abiding_stores::keys::{KeyError, KeySource};
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};

/// Where the keys are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// The application's list of keys: `file:PATH`, `env:NAME`, `fd:NUMBER`, `credential:NAME`, or `-`
    /// for the standard input
    #[arg(long, value_name = "SOURCE", env = "ABIDING_KEYS", hide_env_values = true, value_parser = Source::parse, help_heading = "Keys")]
    keys: Option<Source>,
    /// Flask's SECRET_KEY, and its fallbacks on further lines: `file:PATH`, `env:NAME`, or `-`
    #[arg(long, value_name = "SOURCE", value_parser = Source::parse, help_heading = "Keys")]
    secret: Option<Source>,
    /// The realm that the application's manager was built with
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        help_heading = "Keys"
    )]
    pub(crate) realm: String,
}

/// Where one of them is. One that is refused is told when it is wanted, by us: the parser of arguments would
/// repeat it, and it may be the key itself.
#[derive(Clone, Debug)]
pub(crate) struct Source(Result<KeySource, String>);

impl Source {
    pub(crate) fn parse(text: &str) -> Result<Self, Infallible> {
        Ok(Self(match text {
            "-" => Ok(KeySource::Descriptor(0)),
            _ => KeySource::parse(text).map_err(|error| error.to_string()),
        }))
    }

    pub(crate) fn known(&self) -> Result<&KeySource, Failure> {
        self.0.as_ref().map_err(Failure::usage)
    }

    fn is_stdin(&self) -> bool {
        self.0 == Ok(KeySource::Descriptor(0))
    }
}

/// What was given of keys.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Those of abiding's own cookies and records.
    pub(crate) ring: Option<KeyRing>,
    /// Those of Flask's cookies.
    pub(crate) secrets: Option<Secrets>,
}

impl KeyArgs {
    /// Whether any were named.
    pub(crate) fn are_given(&self) -> bool {
        self.keys.is_some() || self.secret.is_some()
    }

    /// Reads them. `stdin_is_taken` where the command reads something else from the standard input.
    pub(crate) fn read(&self, stdin_is_taken: bool) -> Result<Keys, Failure> {
        let given = || [&self.keys, &self.secret].into_iter().flatten();
        let from_stdin = given().filter(|source| source.is_stdin()).count();
        if from_stdin + usize::from(stdin_is_taken) > 1 {
            return Err(Failure::usage(
                "the standard input cannot be two things at once: name a file for one of them",
            ));
        }
        let mut keys = Keys::default();
        if let Some(source) = &self.keys {
            let source = source.known()?;
            keys.ring = Some(source.load()?);
        }
        if let Some(source) = &self.secret {
            let source = source.known()?;
            let secrets = lines(source)?;
            let mut lines = secrets
                .lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty());
            let first = lines.next().ok_or_else(|| {
                Failure::new(
                    Exit::Keys,
                    format!(
                        "{source} is empty: it should hold the SECRET_KEY of the Flask application"
                    ),
                )
            })?;
            let mut all = Secrets::new(first)?;
            // What the wheel makes of it, where the application keeps its sessions with abiding.
            let ring = KeyRing::new(Key::danger_from_secret(first));
            for older in lines {
                all = all.with_fallback(older)?;
                // Only a key that is there twice is refused.
                let _ = ring.accept(Key::danger_from_secret(older));
            }
            keys.secrets = Some(all);
            keys.ring.get_or_insert(ring);
        }
        Ok(keys)
    }
}

/// The text at a source, which may be any text.
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the variable that its user names"
)]
fn lines(source: &KeySource) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(LIMIT));
    let missing = |cause: &dyn std::fmt::Display| {
        Failure::new(Exit::Keys, format!("{source} cannot be read: {cause}"))
    };
    match source {
        KeySource::Environment(name) => {
            text.push_str(&Zeroizing::new(
                std::env::var(name).map_err(|cause| missing(&cause))?,
            ));
        }
        KeySource::File(path) => {
            let file = std::fs::File::open(path).map_err(|cause| missing(&cause))?;
            file.take(LIMIT as u64)
                .read_to_string(&mut text)
                .map_err(|cause| missing(&cause))?;
        }
        KeySource::Descriptor(0) => {
            let stdin = io::stdin().lock().take(LIMIT as u64);
            { stdin }
                .read_to_string(&mut text)
                .map_err(|cause| missing(&cause))?;
        }
        other => {
            let problem = KeyError::Source {
                problem: "of Flask's secret is not understood",
                remedy: "write `file:PATH`, `env:NAME`, or `-` for the standard input",
            };
            return Err(Failure::usage(format!("{other}: {problem}")));
        }
    }
    Ok(text)
}

/// More than any list of secrets has.
const LIMIT: usize = 64 * 1024;
