//! The numbers that the operator watches: who is where, how many moved, how fast, and whether any is lost.

use std::{collections::VecDeque, time::Duration};

use abiding::{Manager, Rejection};
use serde::Serialize;
use tokio::time::Instant;

use super::{Ground, Place, roll::Roll};

/// The numbers of one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Picture {
    pub(crate) bars: Vec<Bar>,
    /// Sessions that live, in all places.
    pub(crate) sessions: usize,
    /// Sessions that have changed their place since the process began.
    pub(crate) moved: u64,
    /// The same within the last seconds, for one of them.
    pub(crate) per_second: u64,
    pub(crate) lost: usize,
    /// Times that a session stayed where it was, since the new place cannot hold it.
    pub(crate) stayed: u64,
    /// How many are in stores that they could be brought out of.
    pub(crate) to_bring: usize,
    pub(crate) is_moving: bool,
    pub(crate) is_bringing: bool,
    /// There are more than these.
    pub(crate) is_capped: bool,
    /// Whether the stores list their sessions at all.
    pub(crate) is_listed: bool,
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) title: String,
    #[serde(skip)]
    pub(crate) whereabouts: String,
    #[serde(skip)]
    pub(crate) is_cookie: bool,
    pub(crate) is_primary: bool,
    pub(crate) sessions: usize,
    /// Of a hundred, as long as the longest bar.
    pub(crate) percent: usize,
}

/// What adds up over the managers that have served.
#[derive(Debug, Default)]
pub(super) struct Watch {
    past: Tally,
    /// One that begins no request any more and still has some.
    leaving: Option<Manager>,
    samples: VecDeque<(Instant, u64)>,
    counted: Option<Instant>,
    pub(super) is_bringing: bool,
    pub(super) is_capped: bool,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    moved: u64,
    stayed: u64,
    rejections: Vec<(Rejection, u64)>,
}

impl Tally {
    fn of(manager: &Manager) -> Self {
        let crossings = manager.crossings();
        Self {
            moved: crossings.moved,
            stayed: crossings.too_large + crossings.refused,
            rejections: manager.rejections(),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.moved += other.moved;
        self.stayed += other.stayed;
        for (reason, count) in other.rejections {
            match self
                .rejections
                .iter_mut()
                .find(|(known, _)| *known == reason)
            {
                Some((_, sum)) => *sum += count,
                None => self.rejections.push((reason, count)),
            }
        }
        self
    }
}

impl Watch {
    /// Another manager has taken over from this one.
    pub(super) fn follow(&mut self, former: &Manager) {
        self.leaving = Some(former.clone());
    }

    /// The last request of this manager is done.
    pub(super) fn add_up(&mut self, former: &Manager) {
        self.leaving = None;
        self.past = std::mem::take(&mut self.past).and(Tally::of(former));
    }

    fn tally(&self, serving: &Manager) -> Tally {
        let leaving = self.leaving.as_ref().map(Tally::of).unwrap_or_default();
        self.past.clone().and(leaving).and(Tally::of(serving))
    }

    pub(super) fn rejections(&self, serving: &Manager) -> Vec<(Rejection, u64)> {
        self.tally(serving).rejections
    }

    pub(super) fn sample(&mut self, serving: &Manager, now: Instant) {
        let moved = self.tally(serving).moved;
        self.samples.push_back((now, moved));
        let is_old = |(at, _): &(Instant, u64)| now.duration_since(*at) > WINDOW;
        while self.samples.len() > 2 && self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
    }

    /// Whether it is time to count again; then it is not, for a while.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .counted
            .is_none_or(|last| now.duration_since(last) >= FRESH);
        if is_due {
            self.counted = Some(now);
        }
        is_due
    }

    /// How many moved in a second of the last few.
    fn per_second(&self) -> u64 {
        let ends = self.samples.front().zip(self.samples.back());
        ends.map_or(0, |((since, before), (until, after))| {
            let millis = until.duration_since(*since).as_millis().max(1000) as u64;
            ((after - before) * 1000).div_ceil(millis)
        })
    }

    pub(super) fn picture(
        &self,
        serving: &Manager,
        places: &[Place],
        ground: &Ground,
        roll: &Roll,
    ) -> Picture {
        let tally = self.tally(serving);
        let lots = |place: &Place| {
            let name = place.name().to_owned();
            let lots = ground.lots.iter();
            lots.filter(move |(_, lot)| lot.place.name() == name)
                .map(|(number, _)| *number)
        };
        let in_place = |place: &Place| match place.is_cookie() {
            true => roll.in_cookies(),
            false => lots(place).map(|number| roll.in_store(number)).sum(),
        };
        let counts: Vec<_> = places.iter().map(in_place).collect();
        let longest = counts.iter().copied().max().unwrap_or_default().max(1);
        let primary = &ground.plan.primary;
        let bars = places.iter().zip(&counts).map(|(place, sessions)| Bar {
            name: place.name().to_owned(),
            title: place.title(),
            whereabouts: place.whereabouts(),
            is_cookie: place.is_cookie(),
            is_primary: primary.place == place.name(),
            sessions: *sessions,
            percent: (sessions * 100).div_ceil(longest),
        });
        let from_cookie = |number| {
            ground
                .lots
                .get(&number)
                .is_none_or(|lot| lot.place.is_cookie())
        };
        let others = ground.plan.others.iter();
        let stored: usize = others.map(|lot| roll.in_store(lot.number)).sum();
        Picture {
            bars: bars.collect(),
            sessions: roll.len(),
            moved: tally.moved,
            per_second: self.per_second(),
            lost: roll.lost(),
            stayed: tally.stayed,
            to_bring: if from_cookie(primary.number) {
                0
            } else {
                stored
            },
            is_moving: !ground.plan.is_at_rest(),
            is_bringing: self.is_bringing,
            is_capped: self.is_capped,
            is_listed: ground.lots.values().all(|lot| lot.store.powers().walk),
        }
    }
}

/// How long a rate looks back.
const WINDOW: Duration = Duration::from_secs(3);
/// How old a count may be that is shown.
const FRESH: Duration = Duration::from_millis(900);
