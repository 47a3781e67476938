//! The sweep: what its lists say is due, in slices so small that nobody waits; and a walk after what they lost.
//!
//! A session that is used moves its end and not its place on a list; so a slice also meets sessions that
//! live on, once in an idle timeout each, and lists them by their end.

use std::{
    fs,
    io::ErrorKind,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use abiding::{StoreKey, Timestamp};

use super::{
    agenda::{Entry, Stretch},
    failure::Failure,
    folder::{Folder, key},
    locks::{STRIPES, Turn},
};
use crate::patience::Stopwatch;

/// Where the next call goes on.
#[derive(Default)]
pub(super) struct Cursor {
    stripe: AtomicUsize,
    shard: AtomicUsize,
}

/// What one job of a sweep did.
pub(super) struct Leg {
    pub(super) removed: usize,
    /// How many stripes it has left behind.
    pub(super) passed: usize,
}

impl Folder {
    /// Looks at rows of the next stripe in which some are due, and removes up to `limit` that are over.
    pub(super) fn sweep(
        &self,
        cursor: &Cursor,
        now: Timestamp,
        limit: usize,
    ) -> Result<Leg, Failure> {
        for passed in 0..STRIPES {
            let stripe = cursor.stripe.load(Ordering::Relaxed) % STRIPES;
            let mut slice = Slice::new(limit);
            let more =
                !self.due(stripe, now)?.is_empty() && self.sweep_stripe(stripe, now, &mut slice)?;
            let removed = slice.removed;
            if more {
                return Ok(Leg { removed, passed });
            }
            cursor.stripe.fetch_add(1, Ordering::Relaxed);
            if slice.looked_at > 0 {
                let passed = passed + 1;
                return Ok(Leg { removed, passed });
            }
        }
        Ok(Leg {
            removed: 0,
            passed: STRIPES,
        })
    }

    /// Answers whether something is still to be looked at.
    fn sweep_stripe(
        &self,
        stripe: usize,
        now: Timestamp,
        slice: &mut Slice,
    ) -> Result<bool, Failure> {
        let turn = self.locks.take(stripe)?;
        // Waiting for it does not count.
        slice.watch = Stopwatch::start();
        for stretch in self.due(stripe, now)? {
            if self.sweep_list(&turn, stretch, now, slice)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answers whether something on the list is still to be looked at.
    fn sweep_list(
        &self,
        turn: &Turn<'_>,
        stretch: Stretch,
        now: Timestamp,
        slice: &mut Slice,
    ) -> Result<bool, Failure> {
        let entries = self.entries(turn.stripe(), stretch)?;
        let (mut kept, mut moved, mut live_on) = (Vec::new(), Vec::new(), Vec::new());
        let mut more = false;
        let mut place = |entry: Entry, kept: &mut Vec<_>| {
            if entry.at < Timestamp::MAX && Stretch::of(entry.at, now) == stretch {
                kept.push(entry);
            } else {
                moved.push(entry);
            }
        };
        for entry in &entries {
            if entry.at > now {
                place(*entry, &mut kept);
            } else if slice.is_full() {
                more = true;
                kept.push(*entry);
            } else {
                slice.looked_at += 1;
                if let Some(at) = self.look(entry, now, slice)? {
                    place(Entry { at, ..*entry }, &mut kept);
                    live_on.push(Entry { at, ..*entry });
                }
            }
        }
        // New places first: a crash leaves an entry too many.
        self.schedule_all(turn, &moved, now)?;
        for entry in live_on {
            self.look_at(&entry.key, entry.at)?;
        }
        if kept != entries {
            self.keep(turn, stretch, &kept)?;
        }
        Ok(more)
    }

    /// Removes the row of an entry that is due if it is over; otherwise answers when to look again.
    fn look(
        &self,
        entry: &Entry,
        now: Timestamp,
        slice: &mut Slice,
    ) -> Result<Option<Timestamp>, Failure> {
        let stored = match self.read_as_is(&entry.key) {
            Err(failure @ Failure::Unreadable(_)) => {
                // One damaged file does not hold up the sweep, and is not ours to remove.
                let error = failure.into_error("sweep");
                tracing::warn!(%error, "the sweep leaves a file as it is");
                return Ok(None);
            }
            stored => stored?,
        };
        let Some(stored) = stored.filter(|stored| stored.look_at == entry.at) else {
            return Ok(None);
        };
        if !stored.is_over(now) {
            return Ok(Some(stored.ends));
        }
        self.remove(&entry.key, &stored)?;
        slice.removed += 1;
        Ok(None)
    }

    /// Looks through one shard for rows that should have been looked at long ago, which their list has lost in a
    /// power loss, and removes or lists them.
    pub(super) fn stray(
        &self,
        cursor: &Cursor,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, Failure> {
        let shards = self.shards()?;
        let at = cursor.shard.fetch_add(1, Ordering::Relaxed);
        let Some(shard) = shards.get(at % shards.len().max(1)) else {
            return Ok(0);
        };
        let mut slice = Slice::new(limit);
        for key in self.shard_keys(shard)? {
            let is_stray = |at: Timestamp| at.after(LONG_AGO) <= now;
            let stored = self.read_as_is(&key);
            if !stored.is_ok_and(|stored| stored.is_some_and(|stored| is_stray(stored.look_at))) {
                continue;
            }
            if slice.is_full() {
                break;
            }
            let turn = self.locks.of(&key)?;
            let Some(stored) = self.read_as_is(&key)? else {
                continue;
            };
            let entry = Entry {
                key,
                at: stored.look_at,
            };
            slice.looked_at += 1;
            if let Some(at) = self.look(&entry, now, &mut slice)? {
                self.schedule(&turn, &key, at, now)?;
                self.look_at(&key, at)?;
            }
        }
        Ok(slice.removed)
    }

    /// The names of the shards that there are, in their order.
    pub(super) fn shards(&self) -> Result<Vec<String>, Failure> {
        self.names(&self.rows())
    }

    /// The keys of the rows in a shard, in their order.
    pub(super) fn shard_keys(&self, shard: &str) -> Result<Vec<StoreKey>, Failure> {
        let names = self.names(&self.rows().join(shard))?;
        Ok(names.iter().filter_map(|name| key(name)).collect())
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, Failure> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                self.check_presence()?;
                return Ok(Vec::new());
            }
            Err(cause) => return Err(Failure::at(path)(cause)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(Failure::at(path))?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// How far a call has come.
struct Slice {
    watch: Stopwatch,
    limit: usize,
    looked_at: usize,
    removed: usize,
}

impl Slice {
    fn new(limit: usize) -> Self {
        Self {
            watch: Stopwatch::start(),
            limit,
            looked_at: 0,
            removed: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.removed >= self.limit || self.looked_at >= ROWS || self.watch.exceeds(TIME)
    }
}

/// The most rows of a slice, and the longest it may take before the turn is given back.
const ROWS: usize = 64;
const TIME: Duration = Duration::from_millis(4);
/// After this a list would have told of a row.
const LONG_AGO: Duration = Duration::from_secs(24 * 60 * 60);
