//! `abiding sessions count`: how many there are.

use serde_json::json;

use super::select::{Select, Walk, inspector};
use crate::{
    exit::{Exit, Failure},
    moment::Now,
    output::Output,
    place::{PlaceArgs, run},
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
            let mut walk = Walk::new(&place, &self.select, inspector.as_ref(), now)?;
            let mut count = 0_u64;
            walk.each(|_| count += 1).await?;
            if output.is_json() {
                output.object(&json!({"sessions": count, "unreadable": walk.unreadable}))?;
            } else {
                output.line(count.to_string())?;
            }
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
