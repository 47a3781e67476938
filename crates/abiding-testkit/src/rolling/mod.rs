//! Visitors over HTTP while two server processes are deployed anew, one after the other, from phase to phase.
//!
//! The nodes are real ones: the test program, started anew with one test alone, which is a [`Node`]: it builds the
//! manager of its phase and serves [`answer`] over HTTP with whatever adapter it likes. The parent ([`Rolling::run`])
//! sends visitors with cookie jars, many at once, who fill in a form, count, flash, sign in and out, while it deploys
//! the next phase to one node and then to the other, and kills a node (`kill -9`) now and then.
//!
//! What must hold, forward through all [`PHASES`] and back:
//!
//! 1. Nobody is signed out, and nobody becomes somebody else.
//! 2. What was acknowledged is there, in the type that it was written in; counters are exact.
//! 3. What was signed out stays so, on every node, then and later: what a node that knows one place alone could not
//!    end in the other is ended there by a pass before the last deploy, or where it is shown to a node that knows both.
//! 4. A request whose answer never came, because its node was killed, is in doubt: it was done or it was not. Who was
//!    about to get a new cookie then begins anew; who signed out does so again.
//!
//! [`crossing`](crate::crossing) walks through the same phases in one process, where it can cut requests off at every await.

mod fleet;
mod line;
mod node;
mod page;
mod visitor;

use std::{
    net::SocketAddr,
    ops::AddAssign,
    sync::{
        RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use abiding::{Crossings, Phase};

pub use self::{
    node::{Ahead, Node},
    page::answer,
};

use self::{fleet::Fleet, line::Wire, visitor::Visitor};
use crate::{
    crossing::{End, PHASES},
    random::Random,
};

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Visitors, each with a cookie jar.
    pub visitors: usize,
    /// What all visitors do together, at least, from one phase to the next: steps of a few requests each.
    pub steps: usize,
    /// Kills of a node, from one phase to the next.
    pub kills: usize,
    /// Requests of one browser at once. Of two concurrent writes to a cookie the last one wins, so there it must be 1.
    pub tabs: usize,
    /// Whether the old place and the new one are stores, which know what ended. A cookie alone does not.
    pub stores: [bool; 2],
    /// Whether the old place can be walked over, so that what sessions have left behind there is ended by a pass. Where
    /// not, it is when it is shown to a node that knows both places.
    pub is_walked: bool,
    /// Whether the clocks of the nodes are moved on after each phase, past the grace of old ids.
    pub moves_clocks: bool,
    /// Where chance begins.
    pub seed: u64,
}

impl Plan {
    /// What takes a few seconds, between two stores.
    pub const fn short() -> Self {
        Self {
            visitors: 24,
            steps: 24,
            kills: 1,
            tabs: 3,
            stores: [true; 2],
            is_walked: true,
            moves_clocks: true,
            seed: 1,
        }
    }

    /// Two hundred visitors: for a table.
    pub const fn long() -> Self {
        Self {
            visitors: 200,
            steps: 150,
            kills: 2,
            ..Self::short()
        }
    }

    /// Whether a node of this phase knows a store: what is in a cookie alone is good until it expires, whoever kept
    /// a copy.
    fn knows(&self, (primary, phase): (End, Option<Phase>)) -> bool {
        self.stores[primary as usize] || (phase.is_some() && self.stores[primary.other() as usize])
    }
}

/// How much happened: a deploy in which nothing does proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Requests in all.
    pub requests: usize,
    /// Requests whose answer never came.
    pub in_doubt: usize,
    /// Sign-ins that were acknowledged.
    pub sign_ins: usize,
    /// Sign-outs that were acknowledged.
    pub sign_outs: usize,
    /// Times that cookies of a session that was signed out were shown to a node again.
    pub shown_again: usize,
    /// Kills of a node.
    pub kills: usize,
    /// Deploys of a node.
    pub deploys: usize,
    /// What the nodes counted, but for those that were killed.
    pub crossings: Crossings,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.in_doubt += other.in_doubt;
        self.sign_ins += other.sign_ins;
        self.sign_outs += other.sign_outs;
        self.shown_again += other.shown_again;
        self.kills += other.kills;
        self.deploys += other.deploys;
        self.crossings.moved += other.crossings.moved;
        self.crossings.used_elsewhere += other.crossings.used_elsewhere;
        self.crossings.mirrored += other.crossings.mirrored;
        self.crossings.mirror_failed += other.crossings.mirror_failed;
        self.crossings.too_large += other.crossings.too_large;
        self.crossings.refused += other.crossings.refused;
    }
}

/// Two nodes, and two places between which sessions move.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until `run` is called"]
pub struct Rolling {
    child: String,
    places: [String; 2],
}

impl Rolling {
    /// By processes whose only test is `child`, named as the test runner names it, from `old` to `new`: what these
    /// say is the child's own business. They may have passwords in them: they are handed over in the environment.
    pub fn new(child: &str, old: &str, new: &str) -> Self {
        Self {
            child: child.into(),
            places: [old.into(), new.into()],
        }
    }

    /// Deploys all phases, there and back.
    ///
    /// # Errors
    /// What was broken, and in which phase.
    ///
    /// # Panics
    /// If a node says nothing for two minutes, or ends without having been told to.
    pub fn run(&self, plan: &Plan) -> Result<Tally, String> {
        self.run_while(plan, &mut |_, _| {})
    }

    /// The same, and `meanwhile` is called in the middle of each period with what the nodes are then, in the order of
    /// [`PHASES`], and with what kills one of them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_while(&self, plan: &Plan, meanwhile: &mut Meanwhile<'_>) -> Result<Tally, String> {
        let mut random = Random::new(plan.seed);
        let mut visitors: Vec<_> = (0..plan.visitors)
            .map(|number| Visitor::new(number, plan.tabs, random.fork()))
            .collect();
        let addresses = RwLock::default();
        let mut fleet = Fleet::begin(self, &addresses);
        let mut tally = Tally::default();
        for (number, pair) in PHASES.windows(2).enumerate() {
            let mut period = Period {
                plan,
                addresses: &addresses,
                number,
                random: random.fork(),
                tally: &mut tally,
            };
            let passed = period.pass(&mut visitors, &mut fleet, meanwhile);
            let passed = passed.and_then(|()| period.rest(&mut visitors, &mut fleet));
            passed
                .map_err(|broken| format!("between {:?} and {:?}: {broken}", pair[0], pair[1]))?;
        }
        let Fleet { seen, .. } = fleet.end();
        tally += seen;
        Ok(tally)
    }
}

/// What is done while everybody is under way: see [`Rolling::run_while`].
pub type Meanwhile<'a> = dyn FnMut([(End, Option<Phase>); 2], &mut dyn FnMut(usize)) + 'a;

/// From one phase to the next.
struct Period<'a> {
    plan: &'a Plan,
    addresses: &'a Addresses,
    /// Of the phase that it begins in.
    number: usize,
    random: Random,
    tally: &'a mut Tally,
}

/// Where the nodes are, and in which phase.
type Addresses = RwLock<[Option<(SocketAddr, usize)>; 2]>;

impl Period<'_> {
    /// Everybody is under way while one node is deployed anew, and then the other.
    fn pass(
        &mut self,
        visitors: &mut [Visitor],
        fleet: &mut Fleet<'_>,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<(), String> {
        let is_over = AtomicBool::new(false);
        let (done, steps) = mpsc::channel();
        let share = visitors.len().div_ceil(WORKERS).max(1);
        thread::scope(|scope| {
            let _over = Over(&is_over);
            let workers: Vec<_> = visitors
                .chunks_mut(share)
                .map(|visitors| {
                    let phases = &PHASES[self.number..self.number + 2];
                    let mut wire = Wire::new(self.addresses, self.plan, phases);
                    let (done, is_over) = (done.clone(), &is_over);
                    scope.spawn(move || {
                        let walked = walk(visitors, &mut wire, &done, is_over);
                        walked.map(|()| wire.tally)
                    })
                })
                .collect();
            drop(done);
            // Without end where nobody is left who does anything.
            let wait = |count: usize| steps.iter().take(count).for_each(drop);
            let third = self.plan.steps / 3;
            wait(third / 2);
            fleet.deploy(0, self.number + 1);
            for kill in 0..self.plan.kills {
                wait(self.random.below(third / self.plan.kills));
                fleet.kill((self.number + kill) % 2);
            }
            let phases = [PHASES[self.number + 1], PHASES[self.number]];
            meanwhile(phases, &mut |node| fleet.kill(node));
            wait(third);
            fleet.deploy(1, self.number + 1);
            wait(third);
            is_over.store(true, Ordering::Relaxed);
            let walked = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err("a visitor fell".into()))
            });
            for tally in walked.collect::<Vec<_>>() {
                *self.tally += tally?;
            }
            Ok(())
        })
    }

    /// Nobody is under way: what is in doubt is settled, and before a place is forgotten everybody was seen in the other.
    fn rest(&mut self, visitors: &mut [Visitor], fleet: &mut Fleet<'_>) -> Result<(), String> {
        if self.plan.moves_clocks {
            fleet.advance(PAST_THE_GRACE);
        }
        let upcoming = PHASES.get(self.number + 2);
        // At the end, and where one place is about to be left.
        let is_everybody_seen = upcoming.is_none_or(|(_, phase)| phase.is_none());
        if is_everybody_seen && upcoming.is_some_and(|(end, _)| *end == End::Old) {
            fleet.clear();
        }
        let phase = &PHASES[self.number + 1..self.number + 2];
        let mut wire = Wire::new(self.addresses, self.plan, phase);
        for visitor in visitors {
            visitor.rest(&mut wire, is_everybody_seen, self.plan.moves_clocks)?;
        }
        *self.tally += wire.tally;
        Ok(())
    }
}

/// Ends what everybody does, also where a node fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One after the other, until it is over.
fn walk(
    visitors: &mut [Visitor],
    wire: &mut Wire<'_>,
    done: &mpsc::Sender<()>,
    is_over: &AtomicBool,
) -> Result<(), String> {
    loop {
        for visitor in &mut *visitors {
            if is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            visitor.step(wire)?;
            let _ = done.send(());
        }
    }
}

/// So many send requests at once, each with as many tabs as the plan says.
const WORKERS: usize = 12;
/// Longer than an old id is good for something.
const PAST_THE_GRACE: Duration = Duration::from_secs(40);
