//! `abiding cookie decode`: what is in a cookie.

use std::io::Write as _;

use serde::Serialize;

use super::reading::{Kind, Reader, ReaderArgs, Seen, Verdict};
use crate::{
    exit::{Exit, Failure},
    input::{Count, InputArgs},
    moment::{distance, spelled},
    output::Output,
};

/// Show what is in cookies, one a line
///
/// Reads Flask's signed cookies, ids of Flask-Session, and abiding's tokens and sealed cookies. A line is a
/// value, `name=value`, or a `Cookie:` or `Set-Cookie:` header. Without keys what Flask's cookies say is
/// shown all the same, and marked as not verified.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  Paste a cookie from the browser's tools:
    abiding cookie decode

  The same with the key, so that it is verified too:
    SECRET_KEY=… abiding cookie decode --secret env:SECRET_KEY

  Every session cookie of a log, as JSON:
    grep -o 'session=[^;]*' access.log | abiding cookie decode --json | jq .session

Ends with 1 if a line is no cookie, or if keys were given and do not vouch for it.")]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    reader: ReaderArgs,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let reader = self.reader.reader(self.input.is_stdin())?;
        let json = output.is_json();
        let count = self.input.each(output, |line, text, answer| {
            let seen = reader.read(text, true);
            if json {
                write_json(answer, line, &seen);
            } else {
                write_text(answer, line, &seen, &reader);
            }
            if is_fine(&seen) {
                Count::GOOD
            } else {
                Count::BAD
            }
        })?;
        Ok(count.exit(output))
    }
}

fn is_fine(seen: &Seen) -> bool {
    seen.kind != Kind::Unknown
        && matches!(
            seen.verdict,
            Verdict::Genuine | Verdict::Unsigned | Verdict::Unverified
        )
        && seen.problem.is_none()
}

/// A line of JSON.
#[derive(Serialize)]
struct Row<'a> {
    line: usize,
    kind: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    old_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

fn write_json(answer: &mut Vec<u8>, line: usize, seen: &Seen) {
    let row = Row {
        line,
        kind: seen.kind.name(),
        verdict: seen.verdict.name(),
        key: seen.key.as_deref(),
        old_key: seen.old_key,
        signed: seen.signed.map(spelled),
        ends: seen.ends.map(spelled),
        handle: seen.handle.as_deref(),
        subject: seen.subject.as_deref(),
        problem: seen.problem.as_deref(),
    };
    // Texts and numbers alone: there is nothing that JSON could refuse, and memory takes what is written.
    let _ = serde_json::to_writer(&mut *answer, &row);
    if let Some(session) = &seen.session {
        // It is JSON already: to read it again would be half of the work.
        answer.pop();
        answer.extend_from_slice(br#","session":"#);
        answer.extend_from_slice(session.as_bytes());
        answer.push(b'}');
    }
    answer.push(b'\n');
}

fn write_text(answer: &mut Vec<u8>, line: usize, seen: &Seen, reader: &Reader) {
    let instant = |instant| format!("{} ({})", spelled(instant), distance(instant, reader.now));
    let old_key = if seen.old_key {
        ", by an older key"
    } else {
        ""
    };
    let rows = [
        (
            "cookie",
            Some(format!("{} (line {line})", seen.kind.in_words())),
        ),
        (
            "verdict",
            Some(format!("{}{old_key}", seen.verdict.in_words())),
        ),
        ("key", seen.key.clone()),
        ("signed", seen.signed.map(instant)),
        ("ends", seen.ends.map(instant)),
        ("handle", seen.handle.clone()),
        ("subject", seen.subject.clone()),
        ("problem", seen.problem.clone()),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            // Memory takes what is written.
            let _ = writeln!(answer, "{name:<8} {}", plain(&value));
        }
    }
    if let Some(session) = &seen.session {
        let pretty = serde_json::from_str::<serde_json::Value>(session)
            .and_then(|value| serde_json::to_string_pretty(&value));
        let text = pretty.unwrap_or_else(|_| session.clone());
        let _ = writeln!(answer, "session  {}", text.replace('\n', "\n         "));
    }
    answer.push(b'\n');
}

/// Text of somebody else's without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}
