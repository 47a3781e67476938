//! The work of a migration: pages on their way, a few at a time, whose ends are told in their order.
//!
//! Where both stores write many records at once a page moves in four round trips; otherwise its sessions move
//! side by side. The next page is read while those before it move.

use std::collections::VecDeque;

use abiding::{Brought, ErrorKind, Found, Manager, store::Page};
use tokio::task::{JoinHandle, JoinSet};

use super::{ends::Ends, tally::Tally};
use crate::{
    exit::{Exit, Failure},
    place::PAGE,
};

/// See the module.
pub(super) struct Movers {
    manager: Manager,
    /// How many sessions the next page has, about.
    pub(super) page: usize,
    /// How many a page has at most.
    most: usize,
    parallel: usize,
    is_bulk: bool,
    under_way: VecDeque<Mover>,
}

type Mover = AbortOnDrop<Result<Moved, Failure>>;

/// A page that has come to its end.
pub(super) struct Moved {
    pub(super) tally: Tally,
    /// Where the next one begins.
    pub(super) next: Option<String>,
}

impl Movers {
    pub(super) fn of(ends: &Ends, parallel: usize) -> Self {
        let is_bulk = ends.manager.brings_in_bulk(0);
        let most = if is_bulk {
            parallel.saturating_mul(TOGETHER).min(MOST)
        } else {
            PAGE
        };
        Self {
            manager: ends.manager.clone(),
            page: most.min(TOGETHER),
            most,
            parallel,
            is_bulk,
            under_way: VecDeque::new(),
        }
    }

    /// Whether another page may set out.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < if self.is_bulk { PAGES } else { 1 }
    }

    pub(super) fn take(&mut self, page: Page) {
        self.page = next_page(&page.found).min(self.most);
        let (manager, parallel, is_bulk) = (self.manager.clone(), self.parallel, self.is_bulk);
        let work = async move {
            let mut tally = Tally::default();
            tally.unreadable(page.unreadable as u64);
            if is_bulk {
                together(&manager, page.found, &mut tally).await?;
            } else {
                side_by_side(&manager, page.found, parallel, &mut tally).await?;
            }
            let next = page.next.map(|cursor| cursor.as_str().to_owned());
            Ok(Moved { tally, next })
        };
        self.under_way.push_back(AbortOnDrop(tokio::spawn(work)));
    }

    /// Waits for the page that set out first.
    pub(super) async fn first(&mut self) -> Result<Moved, Failure> {
        let Some(mut first) = self.under_way.pop_front() else {
            return Err(broken());
        };
        (&mut first.0).await.unwrap_or_else(|_| Err(broken()))
    }
}

/// As many as fit in [`BYTES`], if they are like these.
fn next_page(found: &[Found]) -> usize {
    let lengths = found.iter().map(|found| found.record.payload.len());
    let bytes: usize = lengths.sum();
    let average = bytes / found.len().max(1);
    (BYTES / average.max(1)).max(LEAST)
}

/// Moves all of them at once.
async fn together(
    manager: &Manager,
    mut found: Vec<Found>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    // A walk may come by one session twice; most of the time that is within a page.
    found.sort_unstable_by_key(|found| found.key);
    found.dedup_by_key(|found| found.key);
    for brought in manager.bring_all(0, &found).await? {
        count(brought, tally)?;
    }
    Ok(())
}

/// Moves so many at a time, each by itself.
async fn side_by_side(
    manager: &Manager,
    found: Vec<Found>,
    parallel: usize,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut found = found.into_iter();
    loop {
        let mut tasks = JoinSet::new();
        for found in found.by_ref().take(parallel) {
            let manager = manager.clone();
            tasks.spawn(async move { manager.bring(0, &found).await });
        }
        if tasks.is_empty() {
            return Ok(());
        }
        while let Some(brought) = tasks.join_next().await {
            count(brought.map_err(|_| broken())?, tally)?;
        }
    }
}

fn count(brought: abiding::Result<Brought>, tally: &mut Tally) -> Result<(), Failure> {
    match brought {
        Ok(brought) => tally.count(brought),
        // It is one record that is damaged, or was sealed with another key.
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Decode) => {
            tally.unreadable(1);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

pub(super) fn broken() -> Failure {
    Failure::new(
        Exit::Failed,
        "a session could not be moved: this is a mistake in this program",
    )
}

/// Work that nobody waits for any more is not gone on with.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How many move together for each that would move by itself.
const TOGETHER: usize = 128;
/// The most sessions of a page.
const MOST: usize = 4_096;
/// The least.
const LEAST: usize = 32;
/// About how many bytes the sessions of a page have, which lie in memory several times while they move.
const BYTES: usize = 4 * 1024 * 1024;
/// How many pages are under way: one for each step, so that neither store waits for the disk of the other.
const PAGES: usize = 4;

#[cfg(test)]
mod tests {
    use abiding::{Record, Timestamp, store::sample::key};

    use super::*;

    #[test]
    fn the_next_page_takes_as_much_memory_as_a_page_may() {
        let of = |length: usize| {
            let record = Record::new(vec![0; length], Timestamp::default(), Timestamp::MAX);
            vec![Found::new(key(), record); 3]
        };
        assert_eq!(next_page(&of(1_024)), 4_096);
        assert_eq!(next_page(&of(64 * 1_024)), 64);
        assert_eq!(next_page(&of(10 * BYTES)), LEAST);
        assert!(next_page(&[]) > MOST);
    }
}
