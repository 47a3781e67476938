//! Several processes on one store, and kills: what was lost, what came back, what got mixed up.
//!
//! The processes are real ones: the test program, started anew with one test alone, which takes [`Orders`] from
//! its parent and sends visitors through a manager to the store. The parent ([`Torture::run`]) tells them what to
//! do at which moment, kills the server of the store or the processes, and counts. It opens no store itself.
//!
//! A store author needs two tests: one that is the process, and one that counts.
//!
//! ```
//! # use abiding::MemoryStore as MyStore;
//! # use abiding::store::AnyStore;
//! use abiding_testkit::{block_on, torture::{Orders, Plan, Torture}};
//!
//! // #[test]
//! fn process_of_the_torture() {
//!     let Some(orders) = Orders::of_environment() else { return };
//!     # let open = |_: &str| MyStore::new();
//!     let store = AnyStore::of(open(orders.place())).subjects().sweep().build();
//!     block_on(orders.carry_out(store));
//! }
//!
//! // #[test]
//! fn nothing_is_lost_comes_back_or_gets_mixed_up() {
//!     let torture = Torture::new("process_of_the_torture", "/tmp/place-of-my-store");
//!     let found = torture.run(&Plan::short());
//!     assert!(found.is_clean(), "{found:?}");
//! }
//! # process_of_the_torture();
//! ```
//!
//! Where `place` has a password in it, it is safe: it is handed over in the environment, not in the arguments.

mod browser;
mod kills;
mod orders;
mod rounds;
mod walk;

use std::{fmt, sync::LazyLock};

use abiding::Key;

pub use orders::Orders;

use crate::process::Process;

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Processes at once.
    pub processes: usize,
    /// Updates of keys of one session.
    pub updates: usize,
    /// Increments of one number.
    pub increments: usize,
    /// Sessions that end while others write to them.
    pub ends: usize,
    /// Kills of the server, or of a process where there is none.
    pub kills: usize,
    /// Sessions that are revoked before everybody reads them.
    pub revocations: usize,
    /// Requests of visitors who must get their own values alone, some of them cut off.
    pub reads: usize,
    /// Requests of the random walk.
    pub requests: usize,
}

impl Plan {
    /// What takes some seconds: for every run of the tests.
    pub const fn short() -> Self {
        Self {
            processes: 3,
            updates: 150,
            increments: 150,
            ends: 30,
            kills: 2,
            revocations: 15,
            reads: 300,
            requests: 300,
        }
    }

    /// What takes a minute or more: for a table.
    pub const fn long() -> Self {
        Self {
            processes: 4,
            updates: 500,
            increments: 500,
            ends: 200,
            kills: 20,
            revocations: 100,
            reads: 4_000,
            requests: 4_000,
        }
    }
}

/// What was found: how many, of how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Keys that were acknowledged and are not there.
    pub lost_updates: Count,
    /// Increments that were acknowledged and are not in the number.
    pub lost_increments: Count,
    /// Sessions that answered after their end was acknowledged.
    pub resurrections: Count,
    /// Acknowledged writes that a kill undid; of so many acknowledged ones.
    pub undone_writes: Count,
    /// How often the server, or a process, was killed meanwhile.
    pub kills: usize,
    /// Reads that began after a revocation was acknowledged and found the session.
    pub reads_after_revocation: Count,
    /// Answers that were somebody else's.
    pub cross_talk: Count,
    /// Promises broken in the random walk; of so many requests.
    pub broken_promises: Count,
    /// What was broken there, in words.
    pub broken: Vec<String>,
}

/// How many, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// How many.
    pub found: usize,
    /// Of how many.
    pub of: usize,
}

impl Count {
    fn new(found: usize, of: usize) -> Self {
        Self { found, of }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.found, self.of)
    }
}

impl Found {
    /// Whether everything holds.
    pub fn is_clean(&self) -> bool {
        self.is_clean_but_for_kills() && self.undone_writes.found == 0
    }

    /// Whether everything holds that does not depend on what a kill leaves behind.
    pub fn is_clean_but_for_kills(&self) -> bool {
        let counts = [
            self.lost_updates,
            self.lost_increments,
            self.resurrections,
            self.reads_after_revocation,
            self.cross_talk,
            self.broken_promises,
        ];
        counts.iter().all(|count| count.found == 0)
    }
}

/// A store under torture.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until `run` is called"]
pub struct Torture {
    child: String,
    place: String,
}

/// Kills the server of a store, and starts it again.
type Fell<'a> = Option<&'a mut dyn FnMut()>;

impl Torture {
    /// For the store at `place`, by processes whose only test is `child`, named as the test runner names it.
    pub fn new(child: &str, place: &str) -> Self {
        Self {
            child: child.into(),
            place: place.into(),
        }
    }

    /// Counts, while the processes themselves are killed now and then.
    ///
    /// # Panics
    /// If a process says nothing for two minutes, or ends without having been told to.
    pub fn run(&self, plan: &Plan) -> Found {
        self.carry_out(plan, None)
    }

    /// Counts, while the server is killed by `fell`, which starts it again.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_killing(&self, plan: &Plan, fell: &mut dyn FnMut()) -> Found {
        self.carry_out(plan, Some(fell))
    }

    fn carry_out(&self, plan: &Plan, fell: Fell<'_>) -> Found {
        let mut processes: Vec<_> = (0..plan.processes.max(2)).map(|_| self.start()).collect();
        let (broken_promises, broken) = walk::lead(&mut processes, plan);
        Found {
            lost_updates: rounds::updates(&mut processes, plan),
            lost_increments: rounds::increments(&mut processes, plan),
            resurrections: rounds::ends(&mut processes, plan),
            reads_after_revocation: rounds::revocations(&mut processes, plan),
            cross_talk: rounds::reads(&mut processes, plan),
            broken_promises,
            broken,
            kills: plan.kills,
            undone_writes: kills::lead(self, processes, plan, fell),
        }
    }

    fn start(&self) -> Process {
        let key = SHARED.reveal();
        let process = Process::start(&self.child, &[(PLACE, &self.place), (KEY, &key)]);
        assert_eq!(process.answer(), "ready");
        process
    }
}

const PLACE: &str = "ABIDING_TORTURE_PLACE";
const KEY: &str = "ABIDING_TORTURE_KEY";

/// One key for all processes: they are one application.
static SHARED: LazyLock<Key> =
    LazyLock::new(|| Key::generate().expect("a test machine has randomness"));
