//! `abiding sessions`: the sessions that are there, looked at and ended.
//!
//! Handles are shown, never ids. Memory stays bounded however many sessions there are: they are looked at
//! page by page, and what a command keeps of a page is counts.

mod count;
mod list;
mod revoke;
mod row;
mod select;
mod show;
mod stats;
mod sweep;

use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// What can be done with sessions.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = "\
Every command takes the URL of any store (docs/stores.md), and with `--layout flask-session` the sessions
that Flask-Session keeps on files, MySQL, PostgreSQL, Redis and SQLite. A memcached server tells nobody which
sessions it has; there `--subject NAME --keys SOURCE` finds those of one person.")]
pub(crate) enum Command {
    Count(count::Args),
    List(list::Args),
    Revoke(revoke::Args),
    Show(show::Args),
    Stats(stats::Args),
    Sweep(sweep::Args),
}

impl Command {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Count(args) => args.run(output),
            Self::List(args) => args.run(output),
            Self::Revoke(args) => args.run(output),
            Self::Show(args) => args.run(output),
            Self::Stats(args) => args.run(output),
            Self::Sweep(args) => args.run(output),
        }
    }
}
