//! The `abiding` command: one program for whoever operates an application that keeps its sessions with abiding.
//!
//! The text of a command line becomes arguments in `commands`, one module for each command; what it has to
//! say goes through `output`, and how it ends through `exit`. What is data goes to stdout, all else to stderr.

mod commands;
mod exit;
mod handle;
mod input;
mod moment;
mod output;
mod place;
mod secrets;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use exit::Exit;
use output::{Colour, Output};

/// See, verify and repair live sessions, their cookies and their keys.
#[derive(Debug, Parser)]
#[command(
    name = "abiding",
    version,
    after_long_help = exit::HELP,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
)]
struct Cli {
    #[command(flatten)]
    speech: Speech,
    #[command(subcommand)]
    command: Command,
}

/// How it speaks.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Speech {
    /// Answer in JSON: one object a line
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    color: Colour,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // The help and the version are answers, all else is a mistake.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
            let printed = error.print();
            return printed.map_or(Exit::Fine, |()| exit).into();
        }
    };
    let mut output = Output::new(cli.speech.json, cli.speech.color);
    let ended = cli.command.run(&mut output);
    let ended = ended.and_then(|exit| output.finish().map(|()| exit));
    match ended {
        Ok(exit) => exit,
        Err(failure) => output.fail(&failure),
    }
    .into()
}
