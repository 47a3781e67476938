//! `abiding sessions count`: how many there are.

use abiding::store::Survey;
use serde_json::json;

use super::select::{Meant, There, Walk, note_unreadable};
use crate::{
    exit::{Exit, Failure},
    output::Output,
    place::run,
};

/// Count the sessions
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions count sqlite:sessions.db
  abiding sessions count env:DATABASE --idle-for 15m")]
pub(crate) struct Args {
    #[command(flatten)]
    meant: Meant,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        run(async {
            let (count, unreadable) = count(&self.meant.open().await?).await?;
            if output.is_json() {
                output.object(&json!({"sessions": count, "unreadable": unreadable}))?;
            } else {
                output.line(count.to_string())?;
            }
            note_unreadable(output, unreadable);
            Ok(Exit::Fine)
        })
    }
}

/// How many there are, and how many more cannot be read.
async fn count(there: &There<'_>) -> Result<(u64, u64), Failure> {
    if let Some(question) = there.question() {
        let census = there.place.store.survey(&question, there.now).await?;
        return Ok((census.sessions, census.unreadable));
    }
    let (mut walk, mut count) = (Walk::over(there)?, 0);
    walk.each(|_| count += 1).await?;
    Ok((count, walk.unreadable))
}
