//! `abiding migrate`: all sessions from one place to another, while people use them.
//!
//! The move of each is that of the manager (`Manager::bring`), which never overwrites a newer record and
//! revives nothing; here is what makes it many: pages, a journal to resume by, a pace, a report.

mod behind;
mod ends;
mod journal;
mod movers;
mod plan;
mod run;
mod status;
mod tally;
mod verify;

use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// What can be done with a migration.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = "\
Everybody stays signed in while the application's processes know both places: docs/migration.md
tells in which order to deploy. Then, with the keys of the application:

  abiding migrate plan   --from file:sessions --to env:DATABASE_URL --keys file:session.key
  abiding migrate run    --from file:sessions --to env:DATABASE_URL --keys file:session.key
  abiding migrate verify --from file:sessions --to env:DATABASE_URL --keys file:session.key

What was interrupted goes on where it stopped: run it again. `rollback` is `run` the other way round. Both
also end, in the place where sessions go, what was left there by those that have been signed out since they
had gone from it: before the last deploy of a return, or those would come back.")]
pub(crate) enum Command {
    Plan(plan::Args),
    Rollback(run::Back),
    Run(run::Args),
    Status(status::Args),
    Verify(verify::Args),
}

impl Command {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Plan(args) => args.run(output),
            Self::Rollback(args) => args.run(output),
            Self::Run(args) => args.run(output),
            Self::Status(args) => args.run(output),
            Self::Verify(args) => args.run(output),
        }
    }
}
