//! A walk over all sessions of a store, in whatever order it has them.
//!
//! For tools that look at every session once in a while. Stores that keep an order of keys promise more:
//! see [`Scan`](super::Scan).

use std::{fmt, future::Future};

use super::Store;
use crate::{clock::Timestamp, error::Result, record::Found};

/// Walks over all living records, page by page, in no order that means anything.
///
/// Whoever has [`Scan`](super::Scan) need not have this: [`AnyStore`](super::AnyStore) walks by that.
pub trait Walk: Store {
    /// About `limit` records from `from` on, or from the beginning; no aliases and no snapshots. A page may have
    /// fewer, or none, and not be the last one. A record that lives during the whole walk is seen at
    /// least once, and perhaps more often.
    fn walk(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page>> + Send;
}

/// Where a walk goes on. Its text says so to the same store, today or tomorrow, and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Box<str>);

impl Cursor {
    /// The place that a store calls so.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// What the store calls it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It may be a name that is a login.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

/// One page of a walk.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The records.
    pub found: Vec<Found>,
    /// How many more there were that cannot be read.
    pub unreadable: usize,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}

impl Page {
    /// A page of these records.
    pub fn new(found: Vec<Found>, next: Option<Cursor>) -> Self {
        Self {
            found,
            unreadable: 0,
            next,
        }
    }
}
