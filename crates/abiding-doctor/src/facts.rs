//! What is known of how an application keeps its sessions: the one value that all rules look at.
//!
//! Made by the sources (`tree`, `application`, `live`, `store`), which decide nothing; asked through
//! [`Picture`](crate::picture::Picture). May hold secrets, so nothing of it prints.

use std::{fmt, sync::Arc};

use crate::{requirement::Requirement, value::Value};

/// What the sources found. Facts of several sources are put together by [`Facts::merge`].
#[derive(Default)]
pub struct Facts {
    /// Which sources were read, as people name them.
    pub(crate) sources: Vec<String>,
    pub(crate) settings: Vec<Setting>,
    /// What was set in the history of the repository, the newest commit first.
    pub(crate) history: Vec<Past>,
    pub(crate) packages: Vec<Package>,
    pub(crate) sights: Vec<Sight>,
    /// The class of a running application's session interface, with its module.
    pub(crate) interface: Option<String>,
    pub(crate) answer: Option<Answer>,
    pub(crate) store: Option<StoreSays>,
    /// Whether the tree is a repository: what is not ignored there gets committed.
    pub(crate) is_repository: bool,
    /// Unix seconds, for the age of keys.
    pub(crate) now: Option<i64>,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// A path relative to the tree, a URL without its secrets, or `the application`.
    pub place: Arc<str>,
    /// From 1; nothing for places that have no lines.
    pub line: Option<usize>,
}

/// A setting by its name in Flask's configuration, or in the environment.
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    pub(crate) layer: Layer,
    pub(crate) scope: Scope,
}

/// A setting of a file that was committed.
pub(crate) struct Past {
    pub(crate) setting: Setting,
    /// The first commit that has it in this version of the file, shortened.
    pub(crate) commit: String,
}

/// In what kind of place a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A running application.
    Application,
    Code,
    Compose,
    /// `.env`, and whether the repository ignores it.
    Environment {
        ignored: bool,
    },
    /// `.env.example` and its like, which are there to be committed.
    Example,
}

/// For whom a setting is meant, by the name of its class or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Any,
    Development,
    Testing,
}

/// A Python package, as it is required or installed.
pub(crate) struct Package {
    /// Normalised: lower case, dashes.
    pub(crate) name: String,
    pub(crate) requirement: Requirement,
    pub(crate) origin: Origin,
}

/// Something seen in code or text.
pub(crate) struct Sight {
    pub(crate) what: What,
    pub(crate) origin: Origin,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// `Session(app)`, or `init_app` of one, of Flask-Session.
    Extension,
    /// A module that Python code imports.
    Import(String),
    /// A key of `abiding`'s list of keys that has signed since this Unix second, and none newer.
    KeySigns(i64),
    /// The session is cleared or somebody is signed out.
    Logout,
    /// `session.modified = True` around every request.
    ModifiedEverywhere,
    /// Something inside a value of the session is changed, and nothing tells the session.
    NestedMutation,
    /// A comment, a docstring, or a line of prose.
    Remark(String),
    /// A call in Rust code outside its tests, by its path, and whether its argument is a literal.
    RustCall {
        path: String,
        literal: Option<String>,
    },
    /// A fresh secret is written to this file, if it is told.
    SecretFile(Option<String>),
    /// A line of a shell, of a document or of a Dockerfile.
    Shell(String),
    /// A view answers with what is in the session.
    SessionShown,
    /// A statement of SQL, in one line.
    Sql(String),
    /// `session[key] = value`.
    Stores { key: String, value: Value },
    /// An option of a server in a compose file: `maxmemory-policy`, `TZ`.
    ServerOption { name: String, value: String },
}

/// What a URL answered.
#[derive(Default)]
pub(crate) struct Answer {
    /// Without its secrets.
    pub(crate) url: String,
    pub(crate) https: bool,
    /// Whether the host is this machine.
    pub(crate) loopback: bool,
    /// Lower-case names; several of one name are several entries.
    pub(crate) headers: Vec<(String, String)>,
}

/// What a store says of itself. A question that was not put or not answered is `None`.
#[derive(Default)]
pub(crate) struct StoreSays {
    /// Without its secrets.
    pub(crate) url: String,
    /// Why it could not be reached or used.
    pub(crate) refusal: Option<String>,
    pub(crate) encrypted: Option<bool>,
    /// Whether it is reached without leaving this machine.
    pub(crate) local: bool,
    /// Powers beyond what sessions need, in the server's own words.
    pub(crate) excessive: Vec<String>,
    pub(crate) expiry_indexed: Option<bool>,
    pub(crate) eviction: Option<String>,
    /// The server's clock minus ours, in seconds.
    pub(crate) skew: Option<f64>,
    pub(crate) time_zone: Option<String>,
    pub(crate) sql_mode: Option<String>,
    /// The mode of a file or folder that others than its owner may read.
    pub(crate) loose_mode: Option<u32>,
}

impl Facts {
    /// These facts and those of another source.
    #[must_use = "it returns all of them"]
    pub fn merge(mut self, other: Self) -> Self {
        self.sources.extend(other.sources);
        self.settings.extend(other.settings);
        self.history.extend(other.history);
        self.packages.extend(other.packages);
        self.sights.extend(other.sights);
        self.interface = self.interface.or(other.interface);
        self.answer = self.answer.or(other.answer);
        self.store = self.store.or(other.store);
        self.is_repository |= other.is_repository;
        self.now = self.now.or(other.now);
        self
    }

    /// With the time, in Unix seconds, by which the age of keys is told.
    #[must_use = "it returns the facts"]
    pub fn at(mut self, now: i64) -> Self {
        self.now = Some(now);
        self
    }
}

/// Says how much was found and nothing of it.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("sources", &self.sources)
            .field("settings", &self.settings.len())
            .field("history", &self.history.len())
            .field("packages", &self.packages.len())
            .field("sights", &self.sights.len())
            .finish_non_exhaustive()
    }
}

impl Origin {
    pub(crate) fn line(place: &Arc<str>, line: usize) -> Self {
        Self {
            place: Arc::clone(place),
            line: Some(line),
        }
    }

    pub(crate) fn place(place: &str) -> Self {
        Self {
            place: place.into(),
            line: None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.place),
            None => f.write_str(&self.place),
        }
    }
}
