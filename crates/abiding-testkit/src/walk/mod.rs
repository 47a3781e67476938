//! Random walks: thousands of short histories of an application, each held against a model.
//!
//! In a history a few browsers, with several tabs each, send requests at the same time through a real
//! manager to a real store, while time passes, the store fails now and then, replies are lost,
//! requests are cut off, ids are forged, and somebody ends sessions from outside. The model knows what
//! must be true whatever the order: no acknowledged write is lost, counters are exact, what was
//! refused is nowhere, half a write is nowhere, nothing that ended answers again, no id is adopted
//! that the manager did not issue, an id from before a sign-in reaches none of what comes after, and
//! nobody is logged out for no reason.
//!
//! ```
//! use abiding::MemoryStore;
//! use abiding_testkit::walk;
//!
//! let tally = walk::run(20, 1, MemoryStore::new).unwrap_or_else(|failure| panic!("{failure}"));
//! assert!(tally.acknowledged > 0, "{tally:?}");
//! ```
//!
//! The walk sweeps, so it wants a store, or a namespace of one, to itself.
//!
//! A failure names the seed of its history and tells the shortest form of it that still fails;
//! `walk::run(1, seed, ..)` replays it. A store outside the process decides part of the order itself, so
//! there the history is told as it was, and a replay may need many tries.

mod browser;
mod model;
mod observer;
pub(crate) mod schedule;
mod world;

use std::{fmt, sync::Arc};

use abiding::{
    KeyRing, Manager, MemoryStore, Store,
    store::{Subjects, Sweep, sample},
};

use self::{
    model::{GRACE, IDLE},
    schedule::Actor,
    world::World,
};
use crate::{
    faults::{Faulty, Plan},
    random::Random,
    run::block_on,
};

/// How much of everything there was in the histories: a walk in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Requests that were answered, so that all they did must be stored.
    pub acknowledged: usize,
    /// Ids that were issued.
    pub cookies: usize,
    /// Requests that were cut off at an await.
    pub cut_off: usize,
    /// Operations that the store failed, or whose reply was lost.
    pub failed: usize,
    /// Operations that found the session gone.
    pub gone: usize,
    /// Requests in all.
    pub requests: usize,
    /// Sign-ins.
    pub sign_ins: usize,
    /// Sign-outs.
    pub sign_outs: usize,
    /// Ends of all sessions of a subject.
    pub subjects_ended: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.cookies += other.cookies;
        self.cut_off += other.cut_off;
        self.failed += other.failed;
        self.gone += other.gone;
        self.requests += other.requests;
        self.sign_ins += other.sign_ins;
        self.sign_outs += other.sign_outs;
        self.subjects_ended += other.subjects_ended;
    }
}

/// A history in which a promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Replays the history.
    pub seed: u64,
    /// Which promise was broken.
    pub broken: String,
    /// What happened until then, in the shortest form that was found.
    pub transcript: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} (replay: walk::run(1, {}, ..))",
            self.broken, self.seed
        )?;
        self.transcript
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Failure {}

/// What all histories of a walk have in common.
pub(crate) struct Setting {
    ring: KeyRing,
    /// A genuine token of somebody else's.
    foreign: String,
    /// So that no two walks over one store share a subject.
    mark: String,
}

impl Setting {
    fn new() -> Self {
        let ring = || KeyRing::generate().expect("a test machine has randomness");
        let stranger = Manager::builder(MemoryStore::new()).keys(ring()).build();
        let stranger = stranger.expect("the settings of the walk are sound");
        let session = stranger.open([]);
        session
            .insert("key", "value")
            .expect("a string can be stored");
        let closing =
            block_on(stranger.close(&session, false)).expect("the memory store does not fail");
        let header = closing.set_cookie.as_deref().cloned().unwrap_or_default();
        let token = header.split(['=', ';']).nth(1).unwrap_or_default();
        let mark = format!("{:02x?}", &sample::key().as_bytes()[..8]);
        Self {
            ring: ring(),
            foreign: token.into(),
            mark,
        }
    }

    fn unique(&self, seed: u64) -> String {
        format!("{seed} {}", self.mark)
    }
}

/// Walks through so many histories, each with a store from `store` and a seed of its own.
///
/// # Errors
/// The first history in which a promise was broken.
pub fn run<S: Store + Subjects + Sweep>(
    histories: u64,
    seed: u64,
    store: impl Fn() -> S,
) -> Result<Tally, Failure> {
    let setting = Setting::new();
    let mut tally = Tally::default();
    for seed in (0..histories).map(|history| seed.wrapping_add(history)) {
        let store_now = store();
        // Outside the process the order may never come again, so it is written down at once.
        let logged = !store_now.capabilities().in_process;
        match history(&setting, seed, usize::MAX, logged, store_now) {
            Ok(one) => tally.add(one),
            Err((broken, transcript)) if logged => {
                return Err(Failure {
                    seed,
                    broken,
                    transcript,
                });
            }
            Err((broken, _)) => return Err(shortest(&setting, seed, broken, store)),
        }
    }
    Ok(tally)
}

/// The same history with as few requests as it takes to fail.
fn shortest<S: Store + Subjects + Sweep>(
    setting: &Setting,
    seed: u64,
    broken: String,
    store: impl Fn() -> S,
) -> Failure {
    const MOST: usize = 64;
    for requests in 1..MOST {
        if let Err((broken, transcript)) = history(setting, seed, requests, true, store()) {
            return Failure {
                seed,
                broken,
                transcript,
            };
        }
    }
    Failure {
        seed,
        broken,
        transcript: vec!["and did not happen again in the same order".into()],
    }
}

fn history<S: Store + Subjects + Sweep>(
    setting: &Setting,
    seed: u64,
    requests: usize,
    logged: bool,
    store: S,
) -> Result<Tally, (String, Vec<String>)> {
    let mut random = Random::new(seed);
    let store = Faulty::new(Arc::new(store), world::faults(random.fork()));
    let world = World::new(&store, setting, seed, requests, logged);
    let mut actors: Vec<Actor<'_>> = vec![];
    for browser in 0..1 + random.below(3) {
        world.course().jars.push(None);
        // Whoever opens several tabs at once has usually been there before.
        block_on(browser::tab(&world, browser, random.below(3)));
        for _ in 0..1 + random.below(4) {
            actors.push(Box::pin(browser::tab(&world, browser, 1 + random.below(4))));
        }
    }
    actors.push(Box::pin(browser::operator(&world, random.below(6))));
    schedule::run(actors, &mut random);
    store.follow(Plan::new());
    wind_up(&world);
    world.finish()
}

/// When all is quiet: what is there, what is left after the grace, after a sweep, and after idling.
fn wind_up(world: &World) {
    world.look_around();
    list(world);
    world.clock.advance(GRACE);
    world.note(|| "the grace is over".into());
    world.look_on();
    for _ in 0..64 {
        match block_on(world.manager.sweep(8)) {
            Ok(swept) if swept.more => {}
            Ok(_) => break,
            Err(error) => return world.judge(Err(format!("the sweep failed: {error}"))),
        }
    }
    world.note(|| "all is swept".into());
    world.look_on();
    world.clock.advance(IDLE);
    world.note(|| "everybody idled too long".into());
    world.look_on();
}

/// The index of subjects lists who must be there, and nobody who must not.
fn list(world: &World) {
    for subject in &world.subjects {
        let sessions = match block_on(world.manager.sessions_of(subject)) {
            Ok(sessions) => sessions,
            Err(error) => return world.judge(Err(format!("the index failed: {error}"))),
        };
        let verdict = {
            let course = world.course();
            let (must, over) = course.model.listed(subject, world.now());
            let is_listed = |handle: &str| sessions.iter().any(|session| session.handle == handle);
            match (
                must.iter().find(|handle| !is_listed(handle)),
                over.iter().find(|handle| is_listed(handle)),
            ) {
                (Some(_), _) => Err("a session of a subject is not listed".into()),
                (_, Some(_)) => Err("a session is listed that ended, or is somebody else's".into()),
                (None, None) => Ok(()),
            }
        };
        world.judge(verdict);
    }
}
