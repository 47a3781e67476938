//! `abiding cookie verify`: whether a key vouches for a cookie.

use std::io::Write as _;

use super::reading::{ReaderArgs, Verdict};
use crate::{
    exit::{Exit, Failure},
    input::{Count, InputArgs},
    output::Output,
};

/// Say of cookies, one a line, whether a key vouches for them
///
/// Says nothing of what is in them. Whether the session still lives a store alone knows: see
/// `abiding sessions show`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Would the application take this cookie?
    abiding cookie verify --keys file:/etc/shop/session.key < cookie.txt

  Would it have taken it last Sunday, with the secret of then?
    abiding cookie verify --secret file:old-secret --now 2026-11-15T12:00:00Z < cookie.txt

Ends with 1 unless every line is genuine.")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    reader: ReaderArgs,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        if !self.reader.has_keys() {
            return Err(Failure::usage(
                "there is nothing to verify with: give `--keys file:PATH`, or `--secret file:PATH` for Flask's cookies",
            ));
        }
        let reader = self.reader.reader(self.input.is_stdin())?;
        let json = output.is_json();
        let count = self.input.each(output, |line, text, answer| {
            let seen = reader.read(text, false);
            let (kind, verdict) = (seen.kind, seen.verdict);
            // Memory takes what is written.
            let _ = if json {
                writeln!(
                    answer,
                    r#"{{"line":{line},"kind":"{}","verdict":"{}","old_key":{}}}"#,
                    kind.name(),
                    verdict.name(),
                    seen.old_key,
                )
            } else {
                let old_key = if seen.old_key {
                    ", by an older key"
                } else {
                    ""
                };
                writeln!(
                    answer,
                    "line {line}: {} ({}){old_key}",
                    verdict.in_words(),
                    kind.name()
                )
            };
            if verdict == Verdict::Genuine {
                Count::GOOD
            } else {
                Count::BAD
            }
        })?;
        Ok(count.exit(output))
    }
}
