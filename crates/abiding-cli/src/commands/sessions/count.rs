//! `abiding sessions count`: how many there are.

use abiding::{Timestamp, inspect::Inspector, store::Survey};
use serde_json::json;

use super::select::{Select, Walk, inspector};
use crate::{
    exit::{Exit, Failure},
    moment::Now,
    output::Output,
    place::{Place, PlaceArgs, run},
    secrets::KeyArgs,
};

/// Count the sessions
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions count sqlite:sessions.db
  abiding sessions count env:DATABASE --idle-for 15m")]
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
            let (count, unreadable) = self.count(&place, inspector.as_ref(), now).await?;
            if output.is_json() {
                output.object(&json!({"sessions": count, "unreadable": unreadable}))?;
            } else {
                output.line(count.to_string())?;
            }
            if unreadable > 0 {
                output.note(format!("left out, since they cannot be read: {unreadable}"));
            }
            Ok(Exit::Fine)
        })
    }

    /// How many there are, and how many more cannot be read.
    async fn count(
        &self,
        place: &Place,
        inspector: Option<&Inspector>,
        now: Timestamp,
    ) -> Result<(u64, u64), Failure> {
        if let (true, Some(question)) = (place.counts(), self.select.question(now)) {
            let census = place.store.survey(&question, now).await?;
            return Ok((census.sessions, census.unreadable));
        }
        let mut walk = Walk::new(place, &self.select, inspector, now)?;
        let mut count = 0;
        walk.each(|_| count += 1).await?;
        Ok((count, walk.unreadable as u64))
    }
}
