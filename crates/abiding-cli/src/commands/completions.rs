//! `abiding completions` and `abiding man`: what a shell and a reader of manuals need, made of the same table.

use std::{fs, io, path::PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    Cli,
    exit::{Exit, Failure},
    output::Output,
};

/// Print what a shell needs to complete this command
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding completions bash > ~/.local/share/bash-completion/completions/abiding
  abiding completions zsh > ~/.zfunc/_abiding
  abiding completions fish > ~/.config/fish/completions/abiding.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "abiding", &mut text);
        output.raw(&text)?;
        Ok(Exit::Fine)
    }
}

/// Write the manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding man ~/.local/share/man/man1 && man abiding-cookie-decode")]
pub(crate) struct Man {
    /// The directory for them, made if it is not there
    directory: PathBuf,
}

impl Man {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let failed = |cause: io::Error| {
            let message = format!(
                "the pages cannot be written to {}: {cause}",
                self.directory.display()
            );
            Failure::new(Exit::Failed, message)
        };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), &self.directory).map_err(failed)?;
        let pages = fs::read_dir(&self.directory).map_err(failed)?.count();
        output.line(format!("{pages} pages in {}", self.directory.display()))?;
        Ok(Exit::Fine)
    }
}
