//! `abiding doctor`: what is wrong with how an application keeps its sessions. The judgement is `abiding-doctor`'s.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use abiding_doctor::{Facts, Report, Severity, Silences, examine};

use crate::{
    exit::{Exit, Failure},
    moment::Now,
    output::Output,
};

/// Find what is wrong with how an application keeps its sessions
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  What the settings of an application really do:
    abiding doctor .

  For a code host, which shows it beside the lines:
    abiding doctor --sarif . > doctor.sarif

Nothing of what is read is executed, and no secret that is found is printed. What the project has decided
to live with stands in `abiding-doctor.toml`, each with its reason. Ends with 0 if there is nothing worse than
a note, with 1 for warnings and with 7 for errors.")]
pub(crate) struct Doctor {
    /// The source tree of the application, or one file of it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Answer as a SARIF 2.1.0 log
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// The list of silences, in place of `abiding-doctor.toml` in the tree
    #[arg(long, value_name = "FILE")]
    silences: Option<PathBuf>,
    #[command(flatten)]
    now: Now,
}

impl Doctor {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let silences = self.silences()?;
        let now = self.now.instant().as_millis().div_euclid(1_000);
        let facts = Facts::of_tree(&self.path)?.at(now);
        let report = examine(&facts, &silences);
        let text = match (self.sarif, output.is_json()) {
            (true, _) => report.to_sarif(),
            (false, true) => report.to_json(),
            (false, false) => report.to_string(),
        };
        output.raw(text.as_bytes())?;
        Ok(exit(&report))
    }

    fn silences(&self) -> Result<Silences, Failure> {
        let named = self.silences.clone();
        let path = named.unwrap_or_else(|| self.path.join(Silences::FILE));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Silences::parse(&text)?),
            Err(error) if self.silences.is_none() && is_absent(&error, &self.path) => {
                Ok(Silences::default())
            }
            Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
        }
    }
}

fn exit(report: &Report) -> Exit {
    match report.worst() {
        None | Some(Severity::Note) => Exit::Fine,
        Some(Severity::Warning) => Exit::Findings,
        Some(_) => Exit::Errors,
    }
}

/// Whether there is no list: not in the folder, or because the path is a file.
fn is_absent(error: &io::Error, path: &Path) -> bool {
    error.kind() == io::ErrorKind::NotFound || path.is_file()
}

impl From<abiding_doctor::Error> for Failure {
    fn from(error: abiding_doctor::Error) -> Self {
        Self::usage(error.to_string())
    }
}
