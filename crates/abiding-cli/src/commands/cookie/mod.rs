//! `abiding cookie`: cookies shown, verified and made, those of abiding and those of Flask.
//!
//! A cookie is a login, so it is read from the standard input or a file, and never an argument.

mod decode;
mod reading;
mod sign;
mod verify;

use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// What can be done with cookies.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Decode(decode::Args),
    Sign(sign::Args),
    Verify(verify::Args),
}

impl Command {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Decode(args) => args.run(output),
            Self::Sign(args) => args.run(output),
            Self::Verify(args) => args.run(output),
        }
    }
}
