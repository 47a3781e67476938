//! `abiding sessions stats`: how long sessions lie unused, and how large they are.

use std::time::Duration;

use abiding::{
    Timestamp,
    store::{Census, Outline, Question, Survey},
};
use serde_json::json;

use super::{
    row,
    select::{Meant, There, Walk, note_unreadable},
};
use crate::{
    exit::{Exit, Failure},
    moment::length,
    output::{Output, Table, Tone},
    place::run,
};

/// Show how long sessions lie unused, and how large they are
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions stats sqlite:sessions.db
  abiding sessions stats redis://127.0.0.1/ --layout flask-session --json")]
pub(crate) struct Args {
    #[command(flatten)]
    meant: Meant,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        run(async {
            let there = self.meant.open().await?;
            let census = census(&there).await?;
            print(&census, output, there.now)?;
            note_unreadable(output, census.unreadable);
            Ok(Exit::Fine)
        })
    }
}

async fn census(there: &There<'_>) -> Result<Census, Failure> {
    let sorted = |question: Question| {
        let idle = IDLE.map(|(seconds, _)| Duration::from_secs(seconds));
        question.sorted(idle.into(), SIZE.map(|(bytes, _)| bytes).into())
    };
    if let Some(question) = there.question() {
        return Ok(there
            .place
            .store
            .survey(&sorted(question), there.now)
            .await?);
    }
    // The walk meets none that are not meant.
    let question = sorted(Question::all());
    let mut walk = Walk::over(there)?;
    // Flask-Session's records say it themselves.
    walk.opens = there.place.is_flask();
    let mut census = Census::begin(&question);
    walk.each(|met| {
        let mut outline = Outline::of(&met.found.record);
        outline.has_subject = row::subject(&met).is_some();
        census.meet(&question, &outline, there.now);
    })
    .await?;
    census.unreadable = walk.unreadable;
    Ok(census)
}

fn print(census: &Census, output: &mut Output, now: Timestamp) -> Result<(), Failure> {
    let age = census
        .oldest
        .map_or(Duration::ZERO, |oldest| now.since(oldest));
    let mean = census.bytes.checked_div(census.sessions).unwrap_or(0);
    if output.is_json() {
        let told = |names: Vec<&str>, counts: &[u64]| -> Vec<_> {
            names
                .into_iter()
                .zip(counts)
                .map(|(name, count)| json!({"up_to": name, "sessions": count}))
                .collect()
        };
        return output.object(&json!({
            "sessions": census.sessions,
            "signed_in": census.with_subject,
            "bytes": census.bytes,
            "mean_bytes": mean,
            "largest_bytes": census.largest,
            "oldest_seconds": age.as_secs(),
            "idle": told(names(&IDLE), &census.idle),
            "size": told(names(&SIZE), &census.size),
        }));
    }
    let mut table = Table::new(&["SESSIONS", &census.sessions.to_string()]);
    for (name, value) in [
        ("signed in", census.with_subject.to_string()),
        (
            "in all",
            row::bytes(usize::try_from(census.bytes).unwrap_or(usize::MAX)),
        ),
        (
            "on average",
            row::bytes(usize::try_from(mean).unwrap_or(usize::MAX)),
        ),
        (
            "the largest",
            row::bytes(usize::try_from(census.largest).unwrap_or(usize::MAX)),
        ),
        ("the oldest", length(age)),
    ] {
        table.row([(Tone::Quiet, name.to_owned()), (Tone::Plain, value)]);
    }
    table.print(output)?;
    histogram(output, "NOT USED FOR", &names(&IDLE), &census.idle)?;
    histogram(output, "SIZE", &names(&SIZE), &census.size)
}

fn histogram(
    output: &mut Output,
    title: &str,
    names: &[&str],
    counts: &[u64],
) -> Result<(), Failure> {
    output.line("")?;
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut table = Table::new(&[title, "SESSIONS", ""]);
    for (name, count) in names.iter().zip(counts) {
        // A bar is there wherever there is a session.
        let bar = usize::try_from((count * BAR).div_ceil(most)).unwrap_or(0);
        table.row([
            (Tone::Plain, (*name).to_owned()),
            (Tone::Plain, format!("{count:>8}")),
            (Tone::Good, "█".repeat(bar)),
        ]);
    }
    table.print(output)
}

fn names(steps: &[(u64, &'static str)]) -> Vec<&'static str> {
    let steps = steps.iter().map(|(_, name)| *name);
    steps.chain(["more"]).collect()
}

/// How many letters the longest bar has.
const BAR: u64 = 40;
/// Seconds.
const IDLE: [(u64, &str); 7] = [
    (60, "1 min"),
    (300, "5 min"),
    (900, "15 min"),
    (3_600, "1 h"),
    (21_600, "6 h"),
    (86_400, "1 day"),
    (604_800, "7 days"),
];
/// Bytes.
const SIZE: [(u64, &str); 6] = [
    (256, "256 B"),
    (1_024, "1 KiB"),
    (4_096, "4 KiB"),
    (16_384, "16 KiB"),
    (65_536, "64 KiB"),
    (1_048_576, "1 MiB"),
];
