//! `abiding sessions stats`: how long sessions lie unused, and how large they are.

use std::time::Duration;

use abiding::Timestamp;
use serde_json::json;

use super::{
    row,
    select::{Met, Select, Walk, inspector},
};
use crate::{
    exit::{Exit, Failure},
    moment::{Now, length},
    output::{Output, Table, Tone},
    place::{PlaceArgs, run},
    secrets::KeyArgs,
};

/// Show how long sessions lie unused, and how large they are
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions stats sqlite:sessions.db
  abiding sessions stats redis://127.0.0.1/ --layout flask-session --json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    now: Now,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let (now, inspector) = (self.now.instant(), inspector(&self.keys)?);
        run(async {
            let place = self.place.open().await?;
            let mut walk = Walk::new(&place, &self.select, inspector.as_ref(), now)?;
            // Flask-Session's records say it themselves.
            walk.opens = place.is_flask();
            let mut stats = Stats::default();
            walk.each(|met| stats.add(&met, now)).await?;
            stats.print(output, now)?;
            if walk.unreadable > 0 {
                output.note(format!(
                    "left out, since they cannot be read: {}",
                    walk.unreadable
                ));
            }
            Ok(Exit::Fine)
        })
    }
}

#[derive(Debug, Default)]
struct Stats {
    sessions: u64,
    signed_in: u64,
    bytes: u64,
    largest: usize,
    oldest: Option<Timestamp>,
    idle: [u64; IDLE.len() + 1],
    size: [u64; SIZE.len() + 1],
}

impl Stats {
    fn add(&mut self, met: &Met, now: Timestamp) {
        let record = &met.found.record;
        self.sessions += 1;
        self.signed_in += u64::from(row::subject(met).is_some());
        self.bytes += record.payload.len() as u64;
        self.largest = self.largest.max(record.payload.len());
        self.oldest = Some(
            self.oldest
                .map_or(record.created, |oldest| oldest.min(record.created)),
        );
        let idle = now.since(record.seen).as_secs();
        self.idle[IDLE.partition_point(|(most, _)| *most <= idle)] += 1;
        let size = record.payload.len() as u64;
        self.size[SIZE.partition_point(|(most, _)| *most <= size)] += 1;
    }

    fn print(&self, output: &mut Output, now: Timestamp) -> Result<(), Failure> {
        let age = self
            .oldest
            .map_or(Duration::ZERO, |oldest| now.since(oldest));
        let mean = self.bytes.checked_div(self.sessions).unwrap_or(0);
        if output.is_json() {
            let told = |names: Vec<&str>, counts: &[u64]| -> Vec<_> {
                names
                    .into_iter()
                    .zip(counts)
                    .map(|(name, count)| json!({"up_to": name, "sessions": count}))
                    .collect()
            };
            return output.object(&json!({
                "sessions": self.sessions,
                "signed_in": self.signed_in,
                "bytes": self.bytes,
                "mean_bytes": mean,
                "largest_bytes": self.largest,
                "oldest_seconds": age.as_secs(),
                "idle": told(names(&IDLE), &self.idle),
                "size": told(names(&SIZE), &self.size),
            }));
        }
        let mut table = Table::new(&["SESSIONS", &self.sessions.to_string()]);
        for (name, value) in [
            ("signed in", self.signed_in.to_string()),
            (
                "in all",
                row::bytes(usize::try_from(self.bytes).unwrap_or(usize::MAX)),
            ),
            (
                "on average",
                row::bytes(usize::try_from(mean).unwrap_or(usize::MAX)),
            ),
            ("the largest", row::bytes(self.largest)),
            ("the oldest", length(age)),
        ] {
            table.row([(Tone::Quiet, name.to_owned()), (Tone::Plain, value)]);
        }
        table.print(output)?;
        histogram(output, "NOT USED FOR", &names(&IDLE), &self.idle)?;
        histogram(output, "SIZE", &names(&SIZE), &self.size)
    }
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
