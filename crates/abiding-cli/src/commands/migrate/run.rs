//! `abiding migrate run` and `rollback`: moves all sessions, page by page, and ends what others have left behind.

use std::{
    num::NonZero,
    time::{Duration, Instant},
};

use abiding::store::{Cursor, Store as _};

use super::{
    behind::{Act, left_behind},
    ends::{Ends, EndsArgs},
    journal::{Journal, JournalArgs},
    movers::Movers,
};
use crate::{
    exit::{Exit, Failure},
    output::{Output, Tone},
    place,
};

/// Move all sessions; what was interrupted goes on where it stopped
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ends: EndsArgs,
    #[command(flatten)]
    journal: JournalArgs,
    /// How many sessions a second are looked at, at most
    #[arg(long, value_name = "NUMBER")]
    rate: Option<NonZero<u32>>,
    /// How many move at once; times 128 where both stores write many at once
    #[arg(long, value_name = "NUMBER", default_value = "16")]
    parallel: NonZero<usize>,
    /// Move nothing: end what sessions that have ended since they went had left in the place where they go. Also where
    /// the place that they went to lists nothing, a memcached server say
    #[arg(long)]
    only_ended: bool,
    /// The place that sessions come from holds nothing since all of them ended, and not since it was lost: end what
    /// they had left in the place where they go
    #[arg(long)]
    none_was_lost: bool,
}

/// Move all sessions back, from where `--to` says to where `--from` says
#[derive(Debug, clap::Args)]
pub(crate) struct Back {
    #[command(flatten)]
    args: Args,
}

impl Back {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let ends = self.args.ends.reversed();
        Args { ends, ..self.args }.run(output)
    }
}

impl Args {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        place::run(async {
            let ends = self.ends.open().await?;
            let mut journal = self.journal.open(&ends.route)?;
            let (from, to) = (&ends.route.from, &ends.route.to);
            let how = if journal.tally.seen > 0 {
                "goes on"
            } else {
                "begins"
            };
            output.note(format!(
                "from {from} to {to}: {how}; the journal is {}",
                self.journal.path().display()
            ));
            if self.only_ended && !journal.is_brought {
                (journal.is_brought, journal.next) = (true, None);
            }
            let pace = Pace::begin(self.rate, journal.seconds);
            let mut done = self.bring(&ends, &mut journal, &pace, output).await;
            if let Ok(seen) = done {
                done = self.clear(&ends, &mut journal, &pace, seen, output).await;
            }
            // Also of what came to no end.
            self.report(&journal, output)?;
            done?;
            Ok(match journal.tally.left() + journal.tally.ended_or_lost {
                0 => Exit::Fine,
                _ => Exit::Findings,
            })
        })
    }

    /// Answers how many were looked at.
    async fn bring(
        &self,
        ends: &Ends,
        journal: &mut Journal,
        pace: &Pace,
        output: &mut Output,
    ) -> Result<u64, Failure> {
        let mut movers = Movers::of(ends, self.parallel.get());
        let (mut seen, mut read, mut kept) = (0, journal.next.clone(), pace.seconds());
        let mut is_read = journal.is_brought;
        while !journal.is_brought {
            while !is_read && movers.has_room() {
                let from = read.as_deref().map(Cursor::new);
                let now = ends.now.instant();
                let page = ends.from.page(from.as_ref(), movers.page, now).await?;
                read = page.next.as_ref().map(|next| next.as_str().to_owned());
                is_read = read.is_none();
                movers.take(page);
            }
            let moved = movers.first().await?;
            seen += moved.tally.seen;
            journal.tally.add(&moved.tally);
            journal.next = moved.next;
            journal.is_brought = journal.next.is_none();
            journal.seconds = pace.seconds();
            if journal.is_brought || journal.seconds - kept >= KEEPING {
                self.journal.keep(journal)?;
                kept = journal.seconds;
            }
            output.progress(&progress(journal, seen, pace));
            pace.rest(seen).await;
        }
        output.end_progress(&progress(journal, seen, pace));
        Ok(seen)
    }

    /// Goes over the new place, after so many were looked at in the old one.
    async fn clear(
        &self,
        ends: &Ends,
        journal: &mut Journal,
        pace: &Pace,
        mut seen: u64,
        output: &mut Output,
    ) -> Result<u64, Failure> {
        if !ends.can_clear() {
            let name = ends.to.store.capabilities().name;
            output.note(format!(
                "{name} does not tell which sessions it has: what others have left behind there ends when it is shown, or by itself"
            ));
            journal.is_done = true;
        }
        let is_sure = self.none_was_lost || journal.tally.seen > 0;
        let act = if is_sure || !ends.comes_from_nothing().await? {
            Act::End
        } else {
            Act::Look
        };
        let mut kept = pace.seconds();
        while !journal.is_done {
            let from = journal.next.as_deref().map(Cursor::new);
            let now = ends.now.instant();
            let page = ends.to.page(from.as_ref(), place::PAGE, now).await?;
            seen += page.found.len() as u64;
            let over = left_behind(&ends.manager, &page.found, self.parallel.get(), act).await?;
            match act {
                Act::End => journal.tally.ended_meanwhile += over,
                Act::Look => journal.tally.ended_or_lost += over,
            }
            journal.next = page.next.map(|cursor| cursor.as_str().to_owned());
            journal.is_done = journal.next.is_none();
            journal.seconds = pace.seconds();
            if journal.seconds - kept >= KEEPING {
                self.journal.keep(journal)?;
                kept = journal.seconds;
            }
            pace.rest(seen).await;
        }
        self.journal.keep(journal)?;
        Ok(seen)
    }

    fn report(&self, journal: &Journal, output: &mut Output) -> Result<(), Failure> {
        if output.is_json() {
            return output.object(journal);
        }
        for (count, what) in journal.tally.rows() {
            output.line(format!("{count:>12}  {what}"))?;
        }
        let (seen, seconds) = (journal.tally.seen, journal.seconds);
        let end = match journal.is_done {
            true if journal.tally.ended_or_lost > 0 => output.paint(
                Tone::Bad,
                "if the old place was lost, deploy the new one alone; if all have ended there, run it again with `--none-was-lost`",
            ),
            true if journal.tally.left() == 0 => {
                output.paint(Tone::Good, "all are where they should be")
            }
            true => output.paint(Tone::Bad, "not all could move"),
            false => output.paint(
                Tone::Bad,
                "it was interrupted: run it again, and it goes on",
            ),
        };
        output.line(format!("{seen:>12}  looked at in {seconds:.1} s: {end}"))
    }
}

/// How many seconds what was done goes without being in the journal.
const KEEPING: f64 = 1.0;

/// How fast it goes.
struct Pace {
    rate: Option<NonZero<u32>>,
    begin: Instant,
    /// Seconds of the runs before.
    before: f64,
}

impl Pace {
    #[expect(
        clippy::disallowed_methods,
        reason = "a program that tells how long it took"
    )]
    fn begin(rate: Option<NonZero<u32>>, before: f64) -> Self {
        Self {
            rate,
            begin: Instant::now(),
            before,
        }
    }

    fn seconds(&self) -> f64 {
        self.before + self.begin.elapsed().as_secs_f64()
    }

    /// Waits until so many may have been looked at.
    async fn rest(&self, seen: u64) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(seen as f64 / f64::from(rate.get()));
            tokio::time::sleep(due.saturating_sub(self.begin.elapsed())).await;
        }
    }
}

/// How far it came, how fast, and how long it may take yet where `plan` has counted.
fn progress(journal: &Journal, seen: u64, pace: &Pace) -> String {
    let a_second = seen as f64 / pace.begin.elapsed().as_secs_f64().max(0.001);
    let all = journal.tally.seen;
    let mut text = format!(
        "{all} looked at, {} moved, {a_second:.0} a second",
        journal.tally.moved
    );
    if let Some(total) = journal.total.filter(|total| *total > all) {
        let share = all * 100 / total;
        let left = (total - all) as f64 / a_second.max(0.001);
        text += &format!(", {share} %, {left:.0} s left");
    }
    text
}
