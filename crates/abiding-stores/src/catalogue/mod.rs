//! What stores there are: by which URLs each is opened, with which options, and what it promises.
//!
//! One row for each store, whether its feature is compiled in or not: [`STORES`]. [`StoreUrl`]
//! goes by it, the tables in the README and in `docs/stores.md` are made of it (`cargo xtask tables`), and
//! tests hold every row against the store itself on its real server.
//!
//! To add a store, write a file with its [`Kind`] beside these, name it in [`STORES`], and give the store's
//! module a function `open_url`.

mod facts;
mod file;
mod memcached;
mod memory;
pub(crate) mod mysql;
mod option;
pub(crate) mod postgres;
mod redis;
pub(crate) mod sqlite;
pub mod tables;

use std::{fmt, future::Future, pin::Pin};

use abiding::{Result, store::AnyStore};

pub use facts::{Claim, Facts, Processes};
pub use option::{UrlOption, Value};

use crate::StoreUrl;

/// Every store, in the order of its name.
pub static STORES: &[Kind] = &[
    file::KIND,
    memcached::KIND,
    memory::KIND,
    mysql::KIND,
    postgres::KIND,
    redis::KIND,
    sqlite::KIND,
];

/// A kind of store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// What its capabilities call it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The feature of this crate that it needs; the memory store needs none.
    pub feature: Option<Feature>,
    /// How a URL of it may begin.
    pub schemes: &'static [Scheme],
    /// What may be chosen in its URL, whatever the scheme.
    pub options: &'static [UrlOption],
    /// The schema, or layout of files, that this release reads and writes; `None` where there is nothing to be
    /// made or brought up to date.
    pub schema: Option<u32>,
    /// What it is and is not.
    pub facts: Facts,
    pub(crate) open: Option<Opener>,
}

/// A way in which the URL of a store may begin.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scheme {
    /// What comes before the colon.
    pub name: &'static str,
    /// A whole URL, as an example.
    pub example: &'static str,
    /// What such a URL leads to, in a few words.
    pub leads_to: &'static str,
    /// The feature that it needs beyond that of its store.
    pub feature: Option<Feature>,
    /// Whether it names hosts.
    pub hosts: Hosts,
    /// What may be chosen beyond what its kind lets choose.
    pub options: &'static [UrlOption],
}

/// What comes behind the two slashes of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hosts {
    /// Nothing: the place is on this machine.
    None,
    /// A host, with user, password and port as need be.
    One,
    /// One or more of them, divided by commas.
    Several,
}

/// A feature of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Whether this build has it.
    pub enabled: bool,
}

/// Opens the store that a URL of its kind describes.
pub(crate) type Opener =
    for<'a> fn(&'a StoreUrl) -> Pin<Box<dyn Future<Output = Result<AnyStore>> + Send + 'a>>;

/// A feature, by its name.
macro_rules! needs {
    ($name:literal) => {
        crate::catalogue::Feature {
            name: $name,
            enabled: cfg!(feature = $name),
        }
    };
}

/// What opens a store, if its feature is compiled in.
macro_rules! opener {
    ($feature:literal, $open:path) => {{
        #[cfg(feature = $feature)]
        {
            let open: crate::catalogue::Opener = |url| Box::pin($open(url));
            Some(open)
        }
        #[cfg(not(feature = $feature))]
        None
    }};
}

use {needs, opener};

impl Kind {
    /// Every option that may stand in a URL of this scheme.
    pub fn options_of(&self, scheme: &Scheme) -> impl Iterator<Item = &'static UrlOption> {
        self.options.iter().chain(scheme.options)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
