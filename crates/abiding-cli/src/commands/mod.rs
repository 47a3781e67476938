//! The table of commands: one module and one line here for each.

mod completions;
mod cookie;
mod doctor;
mod keys;
mod migrate;
mod sessions;
mod store;
mod verify_store;

use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// What `abiding` can do. To add a command: a module with its arguments and `run`, a variant, an arm.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Completions(completions::Completions),
    /// Show, verify and make the cookies of sessions
    #[command(subcommand)]
    Cookie(cookie::Command),
    Doctor(doctor::Doctor),
    /// Make, look at, rotate and revoke the keys of an application
    #[command(subcommand)]
    Keys(keys::Command),
    Man(completions::Man),
    /// Move all sessions from one place to another, while people use them
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// See, count and end the sessions that are there
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// Make a store, bring it up to date, look at it
    #[command(subcommand)]
    Store(store::Command),
    VerifyStore(verify_store::Args),
}

impl Command {
    pub(crate) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Completions(command) => command.run(output),
            Self::Cookie(command) => command.run(output),
            Self::Doctor(command) => command.run(output),
            Self::Keys(command) => command.run(output),
            Self::Man(command) => command.run(output),
            Self::Migrate(command) => command.run(output),
            Self::Sessions(command) => command.run(output),
            Self::Store(command) => command.run(output),
            Self::VerifyStore(command) => command.run(output),
        }
    }
}
