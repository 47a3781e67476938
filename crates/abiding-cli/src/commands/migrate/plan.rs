//! `abiding migrate plan`: opens both places, counts, and says what is to be done. Nothing moves.

use abiding::{
    Timestamp,
    store::{Question, Survey},
};
use serde::Serialize;

use super::{
    ends::{EndsArgs, Route},
    journal::JournalArgs,
};
use crate::{
    exit::{Exit, Failure},
    output::Output,
    place::{self, PAGE, Place},
};

/// Count what is there, and say what would be done; nothing moves, but a new place of ours is made ready
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ends: EndsArgs,
    #[command(flatten)]
    journal: JournalArgs,
}

#[derive(Serialize)]
struct Plan<'a> {
    route: &'a Route,
    sessions: u64,
    bytes: u64,
    unreadable: u64,
}

impl Args {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        place::run(async {
            let ends = self.ends.open().await?;
            let mut journal = self.journal.open(&ends.route)?;
            let now = ends.now.instant();
            let Sum {
                sessions,
                bytes,
                unreadable,
            } = Sum::of(&ends.from, now).await?;
            journal.total = Some(sessions + unreadable);
            self.journal.keep(&journal)?;
            let route = &ends.route;
            if output.is_json() {
                output.object(&Plan {
                    route,
                    sessions,
                    bytes,
                    unreadable,
                })?;
            } else {
                output.line(format!("from  {}", route.from))?;
                output.line(format!("to    {}", route.to))?;
                output.line(format!("      {sessions} sessions of {bytes} bytes in all"))?;
                if unreadable > 0 {
                    output.line(format!(
                        "      {unreadable} more cannot be read, and would stay"
                    ))?;
                }
                output.line(STEPS)?;
            }
            Ok(if unreadable > 0 {
                Exit::Findings
            } else {
                Exit::Fine
            })
        })
    }
}

/// How much is there.
#[derive(Default)]
struct Sum {
    sessions: u64,
    bytes: u64,
    unreadable: u64,
}

impl Sum {
    async fn of(place: &Place, now: Timestamp) -> Result<Self, Failure> {
        if place.counts() {
            let question = Question::all().sorted(vec![], vec![]);
            let census = place.store.survey(&question, now).await?;
            return Ok(Self {
                sessions: census.sessions,
                bytes: census.bytes,
                unreadable: census.unreadable,
            });
        }
        let (mut sum, mut next) = (Self::default(), None);
        loop {
            let page = place.page(next.as_ref(), PAGE, now).await?;
            sum.sessions += page.found.len() as u64;
            sum.unreadable += page.unreadable as u64;
            let lengths = page.found.iter().map(|found| found.record.payload.len());
            sum.bytes += lengths.sum::<usize>() as u64;
            next = page.next;
            if next.is_none() {
                return Ok(sum);
            }
        }
    }
}

const STEPS: &str = "\
Before `run`, let every process of the application know the new place (docs/migration.md): the old one
primary, the new one in the phase `Probe`; then the new one primary, the old one in the phase `Move`, or `Mirror`
to be able to go back without the new one.";
