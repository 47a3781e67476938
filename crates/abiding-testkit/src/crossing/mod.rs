//! Random walks over two places: visitors go on while their sessions move there and back.
//!
//! In a history a few browsers send requests to two nodes in neighbouring phases, as during a rolling
//! deploy, forward from the old place to the new one and back. Several tabs write at once, requests are cut off,
//! people sign in and out. What must hold in every phase: nobody is signed out, nothing written is
//! lost, counters are exact, nobody becomes somebody else, and what was signed out answers nowhere.
//!
//! ```
//! use std::sync::Arc;
//! use abiding::{KeyRing, Manager, MemoryStore, Phase};
//! use abiding_testkit::crossing::{self, End};
//!
//! let keys = KeyRing::generate().unwrap();
//! let tally = crossing::run(4, 1, 3, |clock, _| {
//!     let (keys, clock) = (keys.clone(), clock.clone());
//!     let stores = [(); 2].map(|()| Arc::new(MemoryStore::new()));
//!     let builder = move |end: End| {
//!         Manager::builder(Arc::clone(&stores[end as usize])).keys(keys.clone()).clock(clock.clone())
//!     };
//!     move |end, phase: Option<Phase>| match phase {
//!         None => builder(end).build().unwrap(),
//!         Some(phase) => {
//!             let other = builder(end.other()).build().unwrap();
//!             builder(end).elsewhere(other, phase).build().unwrap()
//!         }
//!     }
//! });
//! assert!(tally.unwrap_or_else(|broken| panic!("{broken}")).requests > 0);
//! ```

mod circle;
mod visitor;

use std::cell::RefCell;

use abiding::{Crossings, Manager, Phase};

pub use self::circle::circle;
use self::{circle::Route, visitor::Visitor};
use crate::{
    clock::ManualClock,
    faults::{Fault, Operation, Plan},
    jar::Jar,
    random::Random,
};

/// One of two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a move has two ends")]
pub enum End {
    /// Where the sessions are at first.
    Old,
    /// Where they go.
    New,
}

impl End {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::New => Self::Old,
            Self::Old => Self::New,
        }
    }
}

/// How much happened: a walk in which nothing does proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Requests in all.
    pub requests: usize,
    /// Requests that were cut off.
    pub cut_off: usize,
    /// Sign-ins.
    pub sign_ins: usize,
    /// Sign-outs.
    pub sign_outs: usize,
    /// What the nodes counted.
    pub moved: u64,
    /// Uses in the place where a session was found.
    pub used_elsewhere: u64,
    /// Changes that were repeated in the old place.
    pub mirrored: u64,
    /// Times that somebody brought what lay in another place, or was stopped while he did.
    pub brought: usize,
}

/// What the nodes are, from phase to phase: which place is primary, and how the other one is known.
pub const PHASES: [(End, Option<Phase>); 10] = [
    (End::Old, None),
    (End::Old, Some(Phase::Probe)),
    (End::New, Some(Phase::Move)),
    (End::New, Some(Phase::Mirror)),
    (End::New, None),
    (End::New, Some(Phase::Mirror)),
    (End::New, Some(Phase::Probe)),
    (End::Old, Some(Phase::Move)),
    (End::Old, Some(Phase::Mirror)),
    (End::Old, None),
];

/// Delays everywhere, so that requests meet in the middle.
pub fn delays(seed: u64) -> Plan {
    let random = std::sync::Mutex::new(Random::new(seed));
    Plan::decided_by(move |operation, _| {
        if operation == Operation::Any {
            return vec![];
        }
        let mut random = random
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        vec![
            Fault::Delay(random.below(4)),
            Fault::DelayReply(random.below(3)),
        ]
    })
}

/// What all visitors of a history share.
struct World {
    clock: ManualClock,
    nodes: RefCell<Vec<Manager>>,
    /// The ways on which sessions are brought beside the requests.
    routes: RefCell<Vec<Route>>,
    /// The cookies of sessions that were signed out.
    graves: RefCell<Vec<Jar>>,
    random: RefCell<Random>,
    tally: RefCell<Tally>,
    log: RefCell<Vec<String>>,
}

impl World {
    fn new(clock: &ManualClock, seed: u64, nodes: Vec<Manager>, tally: Tally) -> Self {
        Self {
            clock: clock.clone(),
            nodes: RefCell::new(nodes),
            routes: RefCell::default(),
            graves: RefCell::default(),
            random: RefCell::new(Random::new(seed)),
            tally: RefCell::new(tally),
            log: RefCell::default(),
        }
    }

    /// Adds what the nodes counted since they were built.
    fn count(&self) {
        let nodes = self.nodes.borrow();
        let mut tally = self.tally.borrow_mut();
        for Crossings {
            moved,
            used_elsewhere,
            mirrored,
            ..
        } in nodes.iter().map(Manager::crossings)
        {
            tally.moved += moved;
            tally.used_elsewhere += used_elsewhere;
            tally.mirrored += mirrored;
        }
    }

    /// What was broken, and what led to it.
    fn told(&self, broken: &str) -> String {
        let log = self.log.borrow();
        let last = log.len().saturating_sub(40);
        format!("{broken}\n  {}", log[last..].join("\n  "))
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.log.borrow_mut().push(line());
    }

    fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    /// Whether no node knows a cookie alone: what is in it is good until it expires, whoever kept a copy.
    fn knows_what_ended(&self) -> bool {
        self.nodes.borrow().iter().all(|node| {
            let places = node.places();
            let mut all = places.iter().map(|(place, _)| place).chain([node]);
            all.any(|place| place.store().is_some())
        })
    }

    /// Whether an operation that was dropped can no longer come into effect.
    fn drops_at_once(&self) -> bool {
        self.nodes.borrow().iter().all(|node| {
            let places = node.places();
            let mut all = places.iter().map(|(place, _)| place).chain([node]);
            all.all(|place| place.store().is_none_or(|store| store.in_process))
        })
    }

    fn node(&self) -> Manager {
        let node = self.below(self.nodes.borrow().len());
        self.nodes.borrow()[node].clone()
    }
}

/// Walks through so many histories, each of all phases there and back, with so many tabs to a browser at
/// once. `places` makes two fresh places, of a history that has this seed; what it answers makes a node of which one end is primary.
///
/// # Errors
/// What was broken, in which history, and what led to it.
pub fn run<P: Fn(End, Option<Phase>) -> Manager>(
    histories: u64,
    seed: u64,
    tabs: usize,
    places: impl Fn(&ManualClock, u64) -> P,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for seed in seed..seed + histories {
        let clock = ManualClock::new();
        let node = places(&clock, seed);
        history(&node, seed, tabs, &clock, &mut tally)
            .map_err(|broken| format!("history {seed}: {broken}"))?;
    }
    Ok(tally)
}

fn history(
    node: &impl Fn(End, Option<Phase>) -> Manager,
    seed: u64,
    tabs: usize,
    clock: &ManualClock,
    tally: &mut Tally,
) -> Result<(), String> {
    let make = |(end, phase): (End, Option<Phase>)| node(end, phase);
    let nodes = vec![make(PHASES[0]), make(PHASES[0])];
    let world = World::new(clock, seed, nodes, *tally);
    let mut visitors: Vec<_> = (0..3).map(|number| Visitor::new(number, tabs)).collect();
    let mut walk = || {
        for phases in PHASES.windows(2) {
            world.note(|| format!("nodes in {:?} and {:?}", phases[0], phases[1]));
            let nodes = vec![make(phases[0]), make(phases[1])];
            if phases.iter().any(|(_, phase)| phase.is_none()) {
                // Before one place is forgotten, everybody was seen in the other.
                for visitor in &visitors {
                    visitor.rest(&world)?;
                }
            }
            *world.nodes.borrow_mut() = nodes;
            for _ in 0..3 {
                for visitor in &mut visitors {
                    visitor.step(&world)?;
                }
                clock.advance(std::time::Duration::from_secs(20));
            }
            world.count();
        }
        Ok(())
    };
    let walked: Result<(), String> = walk();
    *tally = *world.tally.borrow();
    walked.map_err(|broken| world.told(&broken))
}
