//! The journal of a migration: where it goes on, and what it has done so far, in one small file.
//!
//! The file is written beside and renamed after a page, about once a second, so that it is whole whenever the process is killed.
//! What it says may be as old as that: pages since then are walked again, and each session in them is found moved.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{ends::Route, tally::Tally};
use crate::exit::{Exit, Failure};

/// Where the journal is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// The file that says how far it came
    #[arg(long, value_name = "PATH", default_value = "abiding-migration.json")]
    journal: PathBuf,
}

/// How far a migration came.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) route: Route,
    pub(super) tally: Tally,
    /// Where the walk goes on; nothing at the beginning and at the end.
    pub(super) next: Option<String>,
    /// Whether all was brought: then it is the new place that is walked over, for what sessions have left behind there.
    #[serde(default)]
    pub(super) is_brought: bool,
    /// Whether all was walked over.
    pub(super) is_done: bool,
    /// Seconds that it ran, all runs together.
    pub(super) seconds: f64,
    /// How many there were when `plan` counted.
    pub(super) total: Option<u64>,
}

impl Journal {
    fn new(route: Route) -> Self {
        Self {
            version: VERSION,
            route,
            tally: Tally::default(),
            next: None,
            is_brought: false,
            is_done: false,
            seconds: 0.0,
            total: None,
        }
    }
}

impl JournalArgs {
    pub(super) fn path(&self) -> &Path {
        &self.journal
    }

    /// The journal of this migration: a new one, or that of a run that was interrupted.
    pub(super) fn open(&self, route: &Route) -> Result<Journal, Failure> {
        let Some(journal) = self.read()? else {
            return Ok(Journal::new(route.clone()));
        };
        if journal.route != *route {
            return Err(self.unusable(&format!(
                "is of the migration from {} to {}: name another one with `--journal`, or remove it",
                journal.route.from, journal.route.to
            )));
        }
        if journal.is_done {
            // What came since is looked at from the beginning.
            return Ok(Journal::new(route.clone()));
        }
        Ok(journal)
    }

    /// The journal that is there, if any.
    pub(super) fn read(&self) -> Result<Option<Journal>, Failure> {
        let text = match fs::read(&self.journal) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unusable(&format!("cannot be read: {error}"))),
        };
        let journal: Journal = serde_json::from_slice(&text)
            .map_err(|error| self.unusable(&format!("is no journal of a migration: {error}")))?;
        if journal.version != VERSION {
            return Err(self.unusable("was written by another release: end it with that one"));
        }
        Ok(Some(journal))
    }

    /// Keeps the journal. It may hold the id of a session, so only its owner can read it.
    pub(super) fn keep(&self, journal: &Journal) -> Result<(), Failure> {
        let beside = self.journal.with_extension("new");
        let write = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&beside)?;
            serde_json::to_writer(&file, journal)?;
            file.sync_all()?;
            fs::rename(&beside, &self.journal)
        };
        write().map_err(|error| self.unusable(&format!("cannot be written: {error}")))
    }

    fn unusable(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Failed,
            format!("the journal {} {why}", self.journal.display()),
        )
    }
}

const VERSION: u32 = 1;
