//! Which store is the primary one, which others still hold sessions, and how far a move has come.
//!
//! A value without I/O but for its file; `docs/migration.md` has the phases. One process takes the steps of
//! a rolling deploy one after the other, and the next one only when no request of the step before the
//! present one is under way:
//!
//! | step | primary | the other end of the move | further stores |
//! |---|---|---|---|
//! | at rest | old | – | move |
//! | announced | old | probe | probe |
//! | turned | new | move | probe |
//! | at rest | new | move | move |
//!
//! 1. Of the stores that hold something of a session, the newest has the session and the others know
//!    that it moved. So they are asked from the newest to the oldest.
//! 2. Further stores rest while two are exchanged: nothing moves in two directions at once.
//! 3. A store is used again only if none was in between. Otherwise a new one is made: a mark in a store
//!    says that a session moved, and not to which of several.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use abiding::{Phase, Timestamp};
use serde::{Deserialize, Serialize};

use super::Place;

/// Where sessions are and go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Plan {
    /// The place where sessions were before the first move, as `ABIDING_STORE` had it.
    pub(super) began_in: String,
    /// Tells the stores of this demo from those of others on the same server.
    pub(super) tag: String,
    /// The number of the latest store.
    latest: u32,
    pub(super) primary: Lot,
    /// Where sessions may still be, the newest first.
    pub(super) others: Vec<Lot>,
    turn: Option<Turn>,
}

/// One store that was made, or the cookies of all visitors.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Lot {
    /// The name of its place.
    pub(super) place: String,
    pub(super) number: u32,
    /// When another became primary, in milliseconds since 1970.
    #[serde(default)]
    left: i64,
}

/// How far a move has come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
enum Turn {
    Announced(Lot),
    Turned,
}

impl Plan {
    /// All in one place, where nothing has moved yet.
    pub(super) fn all_in(place: &Place, tag: String) -> Self {
        Self {
            began_in: place.name().to_owned(),
            tag,
            latest: 0,
            primary: Lot {
                place: place.name().to_owned(),
                number: 0,
                left: 0,
            },
            others: Vec::new(),
            turn: None,
        }
    }

    /// Every lot, the primary one first, and what becomes of sessions in the others.
    pub(super) fn arrangement(&self) -> (&Lot, Vec<(&Lot, Phase)>) {
        let (moving, announced) = match &self.turn {
            None => (self.others.len(), None),
            Some(Turn::Announced(to)) => (0, Some((to, Phase::Probe))),
            Some(Turn::Turned) => (1, None),
        };
        let phase = |at| {
            if at < moving {
                Phase::Move
            } else {
                Phase::Probe
            }
        };
        let others = self.others.iter().enumerate();
        let others = others.map(|(at, lot)| (lot, phase(at)));
        (&self.primary, announced.into_iter().chain(others).collect())
    }

    /// Whether no move is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.turn.is_none()
    }

    /// Whether a move has been announced, and sessions are still where they were.
    pub(super) fn is_announced(&self) -> bool {
        matches!(self.turn, Some(Turn::Announced(_)))
    }

    /// Begins a move. `is_cookie` tells which of the places are no stores.
    pub(super) fn announce(&self, to: &Place, is_cookie: impl Fn(&str) -> bool) -> (Self, Lot) {
        let mut plan = self.clone();
        let is_there = |lot: &Lot| lot.place == to.name();
        let newest = |lot: &&Lot| !is_cookie(&lot.place);
        let again = if to.is_cookie() {
            plan.others.iter().find(|lot| is_there(lot))
        } else {
            let between = is_cookie(&plan.primary.place);
            let newest = plan.others.iter().find(newest);
            newest.filter(|lot| between && is_there(lot))
        };
        let lot = match again.cloned() {
            Some(lot) => lot,
            None => {
                plan.latest += 1;
                Lot {
                    place: to.name().to_owned(),
                    number: plan.latest,
                    left: 0,
                }
            }
        };
        plan.others.retain(|other| *other != lot);
        plan.turn = Some(Turn::Announced(lot.clone()));
        (plan, lot)
    }

    /// The next step of a move that is under way.
    pub(super) fn next(&self, now: Timestamp) -> Option<Self> {
        let mut plan = self.clone();
        plan.turn = match plan.turn? {
            Turn::Announced(to) => {
                let mut former = std::mem::replace(&mut plan.primary, to);
                former.left = now.as_millis();
                plan.others.insert(0, former);
                Some(Turn::Turned)
            }
            Turn::Turned => None,
        };
        Some(plan)
    }

    /// The same without a lot in which nothing is left.
    pub(super) fn without(&self, number: u32) -> Self {
        let mut plan = self.clone();
        plan.others.retain(|lot| lot.number != number);
        plan
    }

    /// What was kept at `path`, if anything.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Keeps it at `path`: all of it or, if the process dies on the way, what was there before.
    pub(super) fn keep(&self, path: &Path) -> io::Result<()> {
        let draft = PathBuf::from(format!("{}.next", path.display()));
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Lot {
    /// Whether cookies that were made there have all ended by now.
    pub(super) fn has_run_out(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.left)) > LONGEST_COOKIE
    }
}

/// "Keep me signed in" lasts seven days, and nothing lasts longer.
const LONGEST_COOKIE: Duration = Duration::from_secs(8 * 24 * 60 * 60);
