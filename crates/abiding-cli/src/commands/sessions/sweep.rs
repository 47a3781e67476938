//! `abiding sessions sweep`: what ended by itself, removed.

use abiding::store::Sweep as _;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    moment::Now,
    output::Output,
    place::{PlaceArgs, run},
};

/// Remove what ended by itself
///
/// Applications do that as they go. It is for stores whose application is gone, or sweeps too seldom.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding sessions sweep sqlite:sessions.db")]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    now: Now,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let now = self.now.instant();
        let (forgets, removed) = run(async {
            let place = self.place.open().await?;
            let (mut removed, mut more) = (0, place.store.powers().sweep);
            let forgets = !more;
            while more {
                let swept = place.store.sweep(now, BATCH).await?;
                removed += swept.removed;
                more = swept.more;
            }
            Ok((forgets, removed))
        })?;
        if output.is_json() {
            output.object(&json!({"removed": removed}))?;
        } else if forgets {
            output
                .line("there is nothing to remove: this store forgets by itself what has ended")?;
        } else {
            output.line(format!("removed {removed}"))?;
        }
        Ok(Exit::Fine)
    }
}

/// How many at a time: others get their turn in between.
const BATCH: usize = 200;
