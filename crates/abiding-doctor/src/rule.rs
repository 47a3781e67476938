//! A row of the table of rules.

use std::fmt;

use crate::{facts::Origin, picture::Picture};

/// A rule: when it is broken, why that matters, and what to do.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, which never changes: silences, SARIF and documents go by it.
    pub id: &'static str,
    /// How bad it is when it is broken.
    pub severity: Severity,
    /// What is wrong then, in a few words.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Which requirements of published standards it serves.
    pub standards: &'static [&'static str],
    /// Which sources can break it.
    pub sources: &'static [Source],
    pub(crate) check: fn(&Picture<'_>) -> Vec<Broken>,
}

/// How bad a broken rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Something is other than its author believes.
    Warning,
    /// Something fails, loses data, or can be exploited.
    Error,
}

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A running Flask application.
    Application,
    /// A store.
    Store,
    /// The files of a source tree.
    Tree,
    /// What a URL answers.
    Url,
}

/// That a rule is broken, and where.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What was found, without secrets.
    pub(crate) what: String,
    pub(crate) origin: Origin,
}

impl Broken {
    pub(crate) fn at(origin: &Origin, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            origin: origin.clone(),
        }
    }
}

impl Severity {
    /// The exit code of a report whose worst finding is this bad: 0, 1 or 7. Those between are for reports that could
    /// not be made.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Note => 0,
            Self::Warning => 1,
            Self::Error => 7,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Store => "store",
            Self::Tree => "tree",
            Self::Url => "URL",
        })
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.id).finish()
    }
}
