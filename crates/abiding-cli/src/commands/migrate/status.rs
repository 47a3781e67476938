//! `abiding migrate status`: how far a migration came.

use super::journal::JournalArgs;
use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// Say how far a migration came, by its journal
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    journal: JournalArgs,
}

impl Args {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let Some(journal) = self.journal.read()? else {
            let path = self.journal.path().display();
            return Err(Failure::new(
                Exit::Failed,
                format!("there is no journal {path}: nothing was begun here"),
            ));
        };
        if output.is_json() {
            output.object(&journal)?;
        } else {
            output.line(format!("from  {}", journal.route.from))?;
            output.line(format!("to    {}", journal.route.to))?;
            for (count, what) in journal.tally.rows() {
                output.line(format!("{count:>12}  {what}"))?;
            }
            let state = match (journal.is_done, journal.tally.seen) {
                (true, _) => "it is through",
                (false, 0) => "it was not begun",
                (false, _) => "it is under way, or was interrupted",
            };
            let (seen, seconds) = (journal.tally.seen, journal.seconds);
            output.line(format!("{seen:>12}  looked at in {seconds:.1} s: {state}"))?;
        }
        Ok(if journal.is_done {
            Exit::Fine
        } else {
            Exit::Findings
        })
    }
}
