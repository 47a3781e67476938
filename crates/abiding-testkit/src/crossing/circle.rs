//! Random walks in circles among three stores, with nodes of any order and phases side by side.
//!
//! In turn all three stores are in use, where each node knows all of them, and two, where each knows these. Before
//! one falls out of use everybody is seen elsewhere; what movers left there stays behind. Beside the requests others bring whole pages,
//! and are stopped at any await.

use std::{sync::Arc, time::Duration};

use abiding::{KeyRing, Manager, MemoryStore, Phase, store::Scan};

use super::{Tally, World, delays, visitor::Visitor};
use crate::{
    cancel::polled_at_most, clock::ManualClock, faults::Faulty, jar::Jar, random::Random,
    walk::schedule::Actor,
};

type Place = Faulty<Arc<MemoryStore>>;

/// A way on which sessions are brought: by whom, from the other place of which number, and its store.
#[derive(Clone)]
pub(super) struct Route {
    by: Manager,
    other: usize,
    from: Place,
}

/// What the places of a history have in common.
struct Places {
    stores: [Place; 3],
    keys: KeyRing,
    clock: ManualClock,
}

const PHASES: [Phase; 3] = [Phase::Probe, Phase::Move, Phase::Mirror];

/// Walks through so many histories, with so many tabs to a browser at once. One cookie leads to all stores.
///
/// ```
/// abiding_testkit::crossing::circle(2, 1, 2).unwrap_or_else(|broken| panic!("{broken}"));
/// ```
///
/// # Errors
/// What was broken, in which history, and what led to it.
pub fn circle(histories: u64, seed: u64, tabs: usize) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for seed in seed..seed + histories {
        history(seed, tabs, &mut tally).map_err(|broken| format!("history {seed}: {broken}"))?;
    }
    Ok(tally)
}

fn history(seed: u64, tabs: usize, tally: &mut Tally) -> Result<(), String> {
    let store = |at| Faulty::new(Arc::new(MemoryStore::new()), delays(seed * 3 + at));
    let places = Places {
        stores: [0, 1, 2].map(store),
        keys: KeyRing::generate().map_err(|error| error.to_string())?,
        clock: ManualClock::new(),
    };
    let world = World::new(&places.clock, seed, vec![], *tally);
    let walked = walk(&places, &world, tabs);
    *tally = *world.tally.borrow();
    walked.map_err(|broken| world.told(&broken))
}

fn walk(places: &Places, world: &World, tabs: usize) -> Result<(), String> {
    let mut visitors: Vec<_> = (0..2).map(|number| Visitor::new(number, tabs)).collect();
    for epoch in 0..8 {
        let mut used = vec![0, 1, 2];
        if epoch % 2 == 1 {
            shuffle(&mut used, world);
            let all = [Phase::Move; 2];
            *world.nodes.borrow_mut() = vec![places.node(&used, &all)];
            for visitor in &visitors {
                visitor.rest(world)?;
            }
            world.count();
            used.pop();
        }
        deploy(places, world, &used);
        let graves = world.graves.borrow().clone();
        graves.iter().try_for_each(|jar| still_gone(world, jar))?;
        for _ in 0..2 {
            for visitor in &mut visitors {
                visitor.step(world)?;
            }
            places.clock.advance(Duration::from_secs(20));
        }
        world.count();
    }
    Ok(())
}

/// Two or three nodes that know the places in use, each in its own way.
fn deploy(places: &Places, world: &World, used: &[usize]) {
    let (mut nodes, mut routes) = (vec![], vec![]);
    for _ in 0..2 + world.below(2) {
        let mut order = used.to_vec();
        shuffle(&mut order, world);
        let phases: Vec<_> = order[1..].iter().map(|_| PHASES[world.below(3)]).collect();
        world.note(|| format!("a node of {order:?} {phases:?}"));
        let node = places.node(&order, &phases);
        for (other, phase) in phases.iter().enumerate() {
            if *phase != Phase::Probe {
                routes.push(Route {
                    by: node.clone(),
                    other,
                    from: places.stores[order[other + 1]].clone(),
                });
            }
        }
        nodes.push(node);
    }
    *world.nodes.borrow_mut() = nodes;
    *world.routes.borrow_mut() = routes;
}

fn shuffle(order: &mut [usize], world: &World) {
    for at in (1..order.len()).rev() {
        order.swap(at, world.below(at + 1));
    }
}

/// Whether nobody has come back that was signed out while other places were known, or other nodes served.
fn still_gone(world: &World, jar: &Jar) -> Result<(), String> {
    super::visitor::gone(world, jar, true).map_err(|broken| format!("after a deploy: {broken}"))
}

impl Places {
    fn node(&self, order: &[usize], phases: &[Phase]) -> Manager {
        let place = |at: usize| {
            Manager::builder(self.stores[at].clone())
                .keys(self.keys.clone())
                .clock(self.clock.clone())
                .bulk()
                .subjects()
        };
        let others = order[1..].iter().zip(phases);
        let node = others.fold(place(order[0]), |node, (at, phase)| {
            let other = place(*at).build();
            node.elsewhere(other.expect("the same settings"), *phase)
        });
        node.build().expect("the same settings")
    }
}

impl World {
    /// Whether sessions are brought beside the requests, between places that list them.
    pub(super) fn has_carriers(&self) -> bool {
        !self.routes.borrow().is_empty()
    }

    /// Now and then somebody who brings what lies elsewhere, and may be stopped at any moment.
    pub(super) fn carrier<'a>(&self) -> Option<Actor<'a>> {
        let mut random: Random = self.random.borrow_mut().fork();
        let route = random.pick(&self.routes.borrow())?.clone();
        if random.chance(40) {
            return None;
        }
        let (polls, together) = (random.below(120), random.chance(50));
        self.note(|| format!("somebody brings {} for {polls}", route.other));
        self.tally.borrow_mut().brought += 1;
        let now = self.clock.now();
        Some(Box::pin(async move {
            let bring = async {
                let page = route.from.store().scan(None, 99, now).await?;
                if together {
                    route.by.bring_all(route.other, &page).await?;
                } else {
                    for found in &page {
                        route.by.bring(route.other, found).await?;
                    }
                }
                abiding::Result::Ok(())
            };
            // What it says of a session that is overtaken again and again is for whoever runs it.
            let _: Option<abiding::Result<()>> = polled_at_most(polls, bring).await;
        }))
    }
}
