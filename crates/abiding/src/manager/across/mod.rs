//! Sessions that change their place under traffic: what a manager does with those that live elsewhere.
//!
//! A place is a whole manager: its store or client-side format, its cookie, its keys. One is primary,
//! the others are known by a [`Phase`] each. Called by open, resolve and perform where other places are
//! configured; without them nothing here runs. The rules (`docs/adr/0015-places.md`):
//!
//! 1. A session in a store is where its record carries no mark, or says that it settled there. A *copy* is
//!    none before its original is marked *moved*, for this very copy: the mark of both bears its number. A record that moved is none
//!    where the other place is known.
//! 2. The mark is set under the key and the version that were copied, so whoever wrote or took another id meanwhile
//!    is copied again, and whoever writes afterwards learns of it: where other places are known, nothing is written blindly.
//! 3. The copy lies under a key that follows from the old one, so that two who move find each other.
//! 4. A session that comes out of a cookie is claimed in the store under a hash of that cookie. The claim
//!    outlives the session, so a cookie that is shown again finds what became of it.
//! 5. An end reaches every place: the primary one, the others, and all of them again until nothing is found.
//! 6. What cannot be kept in the primary place stays where it is, usable, and is counted.
//! 7. A mark whose session is nowhere any more is a session to who knows that place alone, so it is ended where it is
//!    met: by a request, and by a pass over the place.

mod behind;
mod bring;
mod bulk;
mod census;
mod claim;
mod end;
mod leave;
mod mirror;
mod present;
mod resolve;
mod standing;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use self::standing::Standing;
use super::{Manager, Place, Shared};
use crate::{
    engine::{Known, Live, Unopened},
    id::StoreKey,
    record::Found,
    store::DynStore,
};

/// What a manager does with a session that lives in another place than its primary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// As [`Move`](Self::Move); and what changes, begins, renews or ends in the primary place does so in
    /// the other one too, as far as the same cookie leads to both: a return without the primary place
    /// signs nobody out. A place that is no store cannot be mirrored to, and is moved out of.
    Mirror,
    /// It is moved to the primary place when it is first read.
    Move,
    /// It is used where it is.
    Probe,
}

/// How many sessions crossed from one place to another since the manager was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crossings {
    /// Moved to the primary place.
    pub moved: u64,
    /// Found in another place and used there.
    pub used_elsewhere: u64,
    /// Times that a change was repeated in the other place.
    pub mirrored: u64,
    /// Times that it could not be, which is logged.
    pub mirror_failed: u64,
    /// Times that a session was too large for the primary place and stayed.
    pub too_large: u64,
    /// Times that a value could not be kept in the primary place, so that its session stayed. The log names the value.
    pub refused: u64,
}

/// What became of a session that [`Manager::bring`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Brought {
    /// It had ended, by itself or on purpose.
    Ended,
    /// It lives in the primary place now.
    Moved,
    /// A value of it cannot be kept there; it stayed. The log names the value.
    Refused,
    /// It is too large for the primary place; it stayed.
    TooLarge,
    /// It was not found under this key any more, or only on its way to another id.
    Vanished,
    /// It had moved before.
    WasMoved,
}

/// What a record is that [`Manager::end_left_behind`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftBehind {
    /// It is marked as one that moved, and its session lives in another place.
    Lives,
    /// Nothing that a session has left behind: a session of this place, or what has changed or ended since it was found.
    Nothing,
    /// Its session has ended in another place, or taken another id there.
    Over,
    /// Its session may have gone into a cookie, and of that nobody knows.
    Unknown,
}

/// A place besides the primary one.
pub(crate) struct Other {
    pub(crate) shared: Arc<Shared>,
    pub(super) phase: Phase,
    /// The first place to which the same cookie leads, under the same key.
    pub(super) first: usize,
}

#[derive(Default)]
pub(crate) struct Counts([AtomicU64; 6]);

#[derive(Clone, Copy)]
enum Count {
    Moved,
    UsedElsewhere,
    Mirrored,
    MirrorFailed,
    TooLarge,
    Refused,
}

impl Counts {
    fn add(&self, count: Count) {
        self.0[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

/// What a request presents to a manager that knows other places.
#[derive(Debug, Default)]
pub(crate) struct Across {
    /// Where the session lives: 0 is the manager's own place.
    pub(crate) home: usize,
    /// The cookies of the other places.
    values: Vec<(usize, Unopened)>,
    /// What the cookies vouch for, the one that is asked next in front.
    candidates: Vec<Candidate>,
    /// Which cookie the session is in question by.
    current: Option<Origin>,
    /// What an id that was given up leads to, if nothing else does.
    set_aside: Option<resolve::Whereabouts>,
    /// All that was presented, so that an end reaches all of it.
    presented: Vec<Origin>,
    /// Whether the session is to be sealed into the primary cookie, out of the store where it is.
    leaving: bool,
    /// What is to be ended everywhere.
    ends: Vec<Parting>,
    /// Whether something was stored before the answer.
    pub(crate) wrote: bool,
}

impl Across {
    /// Whether there is anything to be done when the answer is made that the session does not tell of.
    pub(super) fn is_busy(&self) -> bool {
        self.leaving || self.wrote || !self.ends.is_empty()
    }
}

#[derive(Debug)]
struct Candidate {
    known: Known,
    origin: Origin,
}

/// Where a cookie leads to.
#[derive(Clone, Copy, Debug)]
struct Origin {
    place: usize,
    /// In a store: the key. In a cookie: the hash that names the cookie.
    lead: Lead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    Cookie([u8; 32]),
    Key(StoreKey),
}

/// A session that a request has ended.
#[derive(Debug)]
struct Parting {
    place: usize,
    key: Option<StoreKey>,
    live: Option<Box<Live>>,
}

impl Manager {
    /// How many sessions crossed from one place to another since the manager was built.
    pub fn crossings(&self) -> Crossings {
        let of = |count| self.0.counts.of(count);
        Crossings {
            moved: of(Count::Moved),
            used_elsewhere: of(Count::UsedElsewhere),
            mirrored: of(Count::Mirrored),
            mirror_failed: of(Count::MirrorFailed),
            too_large: of(Count::TooLarge),
            refused: of(Count::Refused),
        }
    }

    /// Moves one session from the place number `other` (in the order in which they were told to the
    /// builder) to the primary one, as the first request that reads it would. `found` is what a
    /// [`Scan`](crate::store::Scan) of that place answered. Safe under live traffic, and to be repeated.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) unless both places are stores and the other one is in
    /// the phase [`Move`](Phase::Move) or [`Mirror`](Phase::Mirror); otherwise a store failed.
    pub async fn bring(&self, other: usize, found: &Found) -> crate::Result<Brought> {
        self.0.bring_found(other, found).await
    }

    /// Moves many sessions, as [`bring`](Self::bring) moves each; answers in their order. Where both managers were
    /// built with [`bulk`](crate::ManagerBuilder::bulk) it takes four round trips for all of them, otherwise it
    /// takes as long as one after the other. No key may come twice.
    ///
    /// # Errors
    /// A store failed, so that nobody knows how far it came; to bring them again is safe. What is wrong with one of them is told in its
    /// place.
    pub async fn bring_all(
        &self,
        other: usize,
        found: &[Found],
    ) -> crate::Result<Vec<crate::Result<Brought>>> {
        self.0.bring_many(other, found).await
    }

    /// Ends a record of the primary place that is marked as one that moved to another, if its session has ended there
    /// meanwhile, on a node that knew that place alone. Where its session took another id, it is good for the
    /// grace of an id that was given up, and no longer. `found` is what a [`Scan`](crate::store::Scan) or
    /// [`Walk`](crate::store::Walk) of the primary place answered. Only what is still as it was found is ended, so it is safe under live traffic, and to be repeated.
    ///
    /// To be done with every record of a place before nodes know that one alone again (`docs/migration.md`, the way back): they
    /// would take it for the session that it was. An unmarked one costs nothing.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) unless the primary place is a store; otherwise a store failed.
    pub async fn end_left_behind(&self, found: &Found) -> crate::Result<LeftBehind> {
        self.0.left_behind(found, true).await
    }

    /// What [`end_left_behind`](Self::end_left_behind) would find. Nothing is ended.
    ///
    /// # Errors
    /// As there.
    pub async fn left_behind(&self, found: &Found) -> crate::Result<LeftBehind> {
        self.0.left_behind(found, false).await
    }

    /// Whether [`bring_all`](Self::bring_all) writes many sessions at once out of this place.
    pub fn brings_in_bulk(&self, other: usize) -> bool {
        self.0.bulks(other + 1).is_some()
    }

    /// Under which key the session lies here, once it moved, that lies under `key` in the place number `other`;
    /// `None` where one of them is no store.
    pub fn counterpart(&self, other: usize, key: &StoreKey) -> Option<StoreKey> {
        let at = other + 1;
        self.0.store_of()?;
        self.0.others.get(other)?.shared.store_of()?;
        if self.0.is_same(at) {
            return Some(*key);
        }
        let derived = self.0.derived(key, self.0.clock.now());
        Some(derived.first()?.key)
    }

    /// The other places and their phases, in the order in which they were told to the builder.
    pub fn places(&self) -> Vec<(Self, Phase)> {
        let others = self.0.others.iter();
        others
            .map(|other| (Self(Arc::clone(&other.shared)), other.phase))
            .collect()
    }
}

impl Shared {
    /// Whether other places are known.
    pub(crate) fn is_one_of_many(&self) -> bool {
        !self.others.is_empty()
    }

    /// The place number `at`, 0 being this one.
    pub(crate) fn place(&self, at: usize) -> &Self {
        self.place_at(at).unwrap_or(self)
    }

    /// The same, if there is one.
    pub(crate) fn place_at(&self, at: usize) -> Option<&Self> {
        match at.checked_sub(1) {
            None => Some(self),
            Some(at) => self.others.get(at).map(|other| &*other.shared),
        }
    }

    fn store_of(&self) -> Option<&dyn DynStore> {
        match &self.place {
            Place::Store(store) => Some(&**store),
            Place::Cookie(_) => None,
        }
    }

    /// The places that are stores, with their numbers.
    fn stores(&self) -> impl Iterator<Item = (usize, &Self, &dyn DynStore)> {
        (0..=self.others.len()).filter_map(|at| {
            let place = self.place(at);
            Some((at, place, place.store_of()?))
        })
    }

    /// Whether a session in place number `at` is to be moved here.
    fn moves(&self, at: usize) -> bool {
        let other = at.checked_sub(1).and_then(|at| self.others.get(at));
        other.is_some_and(|other| other.phase != Phase::Probe)
    }

    /// Whether one cookie leads to place number `at` and to this one.
    fn is_same(&self, at: usize) -> bool {
        let other = at.checked_sub(1).and_then(|at| self.others.get(at));
        other.is_some_and(|other| other.first == 0)
    }

    /// Whether one cookie leads to both places.
    pub(in crate::manager) fn are_same(&self, one: usize, other: usize) -> bool {
        let first = |at: usize| at.checked_sub(1).map_or(0, |at| self.others[at].first);
        first(one) == first(other)
    }
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.phase, self.shared)
    }
}
