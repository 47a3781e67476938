//! One person with one browser, who writes, signs in and out, and is cut off now and then.

use std::{cell::RefCell, collections::BTreeSet, time::Duration};

use abiding::{ErrorKind, Manager, Session, Standing};

use super::World;
use crate::{
    cancel::polled_at_most,
    jar::Jar,
    run::{block_on, yield_now},
    walk::schedule::{self, Actor},
};

/// How long an id from before a renewal is good for something.
const GRACE: Duration = Duration::from_secs(30);

pub(super) struct Visitor {
    number: usize,
    tabs: usize,
    jar: RefCell<Jar>,
    /// The keys that were written and acknowledged.
    written: RefCell<BTreeSet<String>>,
    /// The keys that were written by a request that was cut off: there or not.
    doubtful: RefCell<BTreeSet<String>>,
    counted: RefCell<u64>,
    doubtful_counts: RefCell<u64>,
    subject: Option<String>,
    /// The cookie of a renewal that is under way.
    renewed: RefCell<Option<String>>,
    next: RefCell<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Count,
    Insert,
    Look,
    ReadAndInsert,
    Renew,
}

const ACTS: [(usize, Act); 4] = [
    (3, Act::Count),
    (4, Act::Insert),
    (3, Act::Look),
    (3, Act::ReadAndInsert),
];

impl Visitor {
    pub(super) fn new(number: usize, tabs: usize) -> Self {
        Self {
            number,
            tabs,
            jar: RefCell::default(),
            written: RefCell::default(),
            doubtful: RefCell::default(),
            counted: RefCell::default(),
            doubtful_counts: RefCell::default(),
            subject: None,
            renewed: RefCell::default(),
            next: RefCell::default(),
        }
    }

    /// What the person does next, and whether all is as it must be afterwards.
    pub(super) fn step(&mut self, world: &World) -> Result<(), String> {
        match world.below(12) {
            0 => self.sign_in(world)?,
            1 if self.subject.is_some() || world.below(3) == 0 => return self.sign_out(world),
            2 => {
                self.crowd(world, Some(Act::Renew))?;
                // An answer with the cookie as it was and one that renews the id may cross on their way to
                // one browser, which no server can help: here they do not.
                let renewed = self.renewed.take();
                self.take(renewed.as_deref());
            }
            3 | 4 => self.cut_off(world),
            _ => self.crowd(world, None)?,
        }
        self.check(world)
    }

    /// A request in each node.
    pub(super) fn rest(&self, world: &World) -> Result<(), String> {
        let nodes = world.nodes.borrow().clone();
        for node in nodes {
            self.look(world, &node)?;
        }
        Ok(())
    }

    /// Several tabs at once; one of them may do something else.
    fn crowd(&self, world: &World, special: Option<Act>) -> Result<(), String> {
        if self.jar.borrow().is_empty() {
            // Of several first requests each would begin a session.
            block_on(self.request(world, Act::Insert))?;
        }
        let broken = RefCell::new(Ok(()));
        let mut actors: Vec<Actor<'_>> = Vec::new();
        let tabs = 1 + world.below(self.tabs);
        for tab in 0..tabs {
            let act = match special {
                Some(act) if tab == 0 => act,
                _ => world.random.borrow_mut().weighted(&ACTS),
            };
            let broken = &broken;
            actors.push(Box::pin(async move {
                if let Err(error) = self.request(world, act).await {
                    *broken.borrow_mut() = Err(error);
                }
            }));
        }
        actors.extend(world.carrier());
        let mut random = world.random.borrow_mut().fork();
        schedule::run(actors, &mut random);
        broken.into_inner()
    }

    async fn request(&self, world: &World, act: Act) -> Result<(), String> {
        let node = world.node();
        let session = self.open(world, &node);
        let key = self.key();
        world.note(|| format!("visitor {}: {act:?} {key} at {}", self.number, name(&node)));
        let done = async {
            match act {
                Act::Count => {
                    session
                        .update("n", |count: Option<u64>| count.unwrap_or(0) + 1)
                        .await?;
                }
                Act::Insert => session.insert(&key, &1)?,
                Act::Look => drop(session.keys().await?),
                Act::ReadAndInsert => {
                    session.keys().await?;
                    yield_now().await;
                    session.insert(&key, &1)?;
                }
                Act::Renew => session.renew(),
            }
            yield_now().await;
            node.close(&session, false).await
        };
        let closing = done
            .await
            .map_err(|error| format!("a request failed: {error}"))?;
        world.note(|| {
            format!(
                "visitor {}: {key} is answered: {}",
                self.number, closing.summary
            )
        });
        let header = closing.set_cookie.as_deref().map(String::as_str);
        if let (Act::Renew, Some(header)) = (act, header) {
            self.renewed.replace(Some(header.to_owned()));
        } else {
            self.take(header);
        }
        match act {
            Act::Count => *self.counted.borrow_mut() += 1,
            Act::Insert | Act::ReadAndInsert => {
                self.written.borrow_mut().insert(key);
            }
            Act::Look | Act::Renew => {}
        }
        Ok(())
    }

    /// A request whose answer never comes.
    fn cut_off(&self, world: &World) {
        if self.jar.borrow().is_empty() {
            return;
        }
        let node = world.node();
        let session = self.open(world, &node);
        let key = self.key();
        let counts = world.below(2) == 0;
        let polls = world.below(40);
        world.note(|| format!("visitor {}: {key} is cut off after {polls}", self.number));
        let request = async {
            if counts {
                let count = |count: Option<u64>| count.unwrap_or(0) + 1;
                session.update("n", count).await?;
            }
            session.insert(&key, &1)?;
            node.close(&session, false).await
        };
        drop(block_on(polled_at_most(polls, request)));
        world.tally.borrow_mut().cut_off += 1;
        self.doubtful.borrow_mut().insert(key);
        *self.doubtful_counts.borrow_mut() += u64::from(counts);
    }

    fn sign_in(&mut self, world: &World) -> Result<(), String> {
        let node = world.node();
        let session = self.open(world, &node);
        let subject = format!("person {}", self.number);
        world.note(|| format!("visitor {}: signs in at {}", self.number, name(&node)));
        world.tally.borrow_mut().sign_ins += 1;
        let key = self.key();
        let closing = block_on(async {
            session.login(&subject)?;
            session.insert(&key, &1)?;
            node.close(&session, false).await
        });
        let closing = closing.map_err(|error| format!("a sign-in failed: {error}"))?;
        self.take(closing.set_cookie.as_deref().map(String::as_str));
        self.subject = Some(subject);
        self.written.borrow_mut().insert(key);
        Ok(())
    }

    /// Signs out while other tabs are under way, and comes back with every cookie there was.
    fn sign_out(&mut self, world: &World) -> Result<(), String> {
        let kept = self.jar.borrow().clone();
        let issued = RefCell::new(vec![kept.clone()]);
        let node = world.node();
        let session = self.open(world, &node);
        world.note(|| format!("visitor {}: signs out at {}", self.number, name(&node)));
        world.tally.borrow_mut().sign_outs += 1;
        let failed = RefCell::new(None);
        let mut actors: Vec<Actor<'_>> = Vec::new();
        let (failed_by, out) = (&failed, &node);
        let elsewhere = self.subject.clone().filter(|_| world.has_carriers());
        let elsewhere = elsewhere.filter(|_| world.below(3) == 0);
        actors.push(Box::pin(async move {
            let closing = async {
                session.keys().await?;
                yield_now().await;
                match elsewhere {
                    Some(subject) => out.end_subject(&subject).await.map(|_| ()),
                    None => {
                        session.logout();
                        out.close(&session, false).await.map(|_| ())
                    }
                }
            };
            if let Err(error) = closing.await {
                *failed_by.borrow_mut() = Some(error);
            }
        }));
        for _ in 1..self.tabs.min(3) {
            let late = world.node();
            let session = self.open(world, &late);
            let (kept, issued, failed) = (&kept, &issued, &failed);
            actors.push(Box::pin(async move {
                let done = async {
                    // A session that began afterwards may hold this and nothing else.
                    session.keys().await?;
                    session.insert("late", &1)?;
                    late.close(&session, false).await
                };
                match done.await {
                    Ok(closing) => {
                        if let Some(set) = closing.set_cookie.as_deref() {
                            let mut jar = kept.clone();
                            jar.take(set);
                            issued.borrow_mut().push(jar);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Gone => {}
                    Err(error) => *failed.borrow_mut() = Some(error),
                }
            }));
        }
        actors.extend(world.carrier());
        let mut random = world.random.borrow_mut().fork();
        schedule::run(actors, &mut random);
        if let Some(error) = failed.into_inner() {
            return Err(format!("a sign-out failed: {error}"));
        }
        let jars = if world.knows_what_ended() {
            issued.into_inner()
        } else {
            vec![]
        };
        for jar in &jars {
            gone(world, jar, false)?;
        }
        // An id from before a sign-in shows what the session held, to a page that is under way.
        world.clock.advance(GRACE);
        for jar in &jars {
            gone(world, jar, true)?;
        }
        world.graves.borrow_mut().extend(jars);
        let next = self.next.take();
        *self = Self::new(self.number, self.tabs);
        self.next.replace(next);
        Ok(())
    }

    /// Everything that was acknowledged is there, in a node and from there on in the other.
    fn check(&self, world: &World) -> Result<(), String> {
        let mut nodes = world.nodes.borrow().clone();
        let first = world.below(nodes.len());
        nodes.rotate_left(first);
        nodes.iter().try_for_each(|node| self.look(world, node))
    }

    fn look(&self, world: &World, node: &Manager) -> Result<(), String> {
        if self.jar.borrow().is_empty() {
            return Ok(());
        }
        let session = self.open(world, node);
        let seen: abiding::Result<_> = block_on(async {
            let standing = session.standing().await?;
            let keys = session.keys().await?.into_iter();
            let keys: BTreeSet<_> = keys.filter(|key| !is_of_flask(key)).collect();
            let count: u64 = session.get("n").await?.unwrap_or(0);
            let subject = session.subject().await?;
            let closing = node.close(&session, false).await?;
            Ok((standing, keys, count, subject, closing))
        });
        let (standing, keys, count, subject, closing) =
            seen.map_err(|error| format!("a look failed: {error}: {error:?}"))?;
        let who = || format!("visitor {} at {}", self.number, name(node));
        self.take(closing.set_cookie.as_deref().map(String::as_str));
        if standing != Standing::Live {
            return Err(format!("{} is logged out: {standing:?}", who()));
        }
        let written = self.written.borrow();
        if let Some(lost) = written.iter().find(|key| !keys.contains(*key)) {
            return Err(format!("{}: {lost} is lost", who()));
        }
        let mut doubtful = self.doubtful.borrow_mut();
        let known = |key: &&String| !written.contains(*key) && !doubtful.contains(*key);
        if let Some(strange) = keys.iter().filter(|key| *key != "n").find(known) {
            return Err(format!("{}: {strange} was never written", who()));
        }
        drop(written);
        // What is there once stays there. What was cut off outside this process may still come.
        let (came, never): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut *doubtful)
            .into_iter()
            .partition(|key| keys.contains(key));
        self.written.borrow_mut().extend(came);
        let at_once = world.drops_at_once();
        if !at_once {
            *doubtful = never;
        }
        let (least, doubt) = (*self.counted.borrow(), *self.doubtful_counts.borrow());
        if !(least..=least + doubt).contains(&count) {
            let most = least + doubt;
            return Err(format!(
                "{}: counted to {count}, not {least}..={most}",
                who()
            ));
        }
        *self.counted.borrow_mut() = count;
        *self.doubtful_counts.borrow_mut() = if at_once { 0 } else { least + doubt - count };
        if subject != self.subject {
            return Err(format!("{} is {subject:?}, not {:?}", who(), self.subject));
        }
        Ok(())
    }

    fn open(&self, world: &World, node: &Manager) -> Session {
        world.tally.borrow_mut().requests += 1;
        open(node, &self.jar.borrow())
    }

    fn key(&self) -> String {
        let mut next = self.next.borrow_mut();
        *next += 1;
        // Nobody has the very cookie of somebody else.
        format!("k{}.{next}", self.number)
    }

    fn take(&self, set_cookie: Option<&str>) {
        if let Some(header) = set_cookie {
            self.jar.borrow_mut().take(header);
        }
    }
}

/// Whether these cookies lead to nobody, and to nothing but what was begun afterwards.
pub(super) fn gone(world: &World, jar: &Jar, empty: bool) -> Result<(), String> {
    for node in world.nodes.borrow().iter() {
        let session = open(node, jar);
        let keys = block_on(session.keys()).map_err(|error| error.to_string())?;
        if empty && keys.iter().any(|key| key != "late" && !is_of_flask(key)) {
            return Err(format!(
                "signed out, and {keys:?} is back at {}",
                name(node)
            ));
        }
        let subject = block_on(session.subject()).map_err(|error| error.to_string())?;
        if let Some(subject) = subject {
            return Err(format!(
                "signed out, and {subject} is back at {}",
                name(node)
            ));
        }
    }
    Ok(())
}

fn open(node: &Manager, jar: &Jar) -> Session {
    node.open([jar.header().as_bytes()])
}

/// What Flask adds to its sessions.
fn is_of_flask(key: &str) -> bool {
    key.starts_with('_')
}

/// The node in few words.
fn name(node: &Manager) -> String {
    let places: Vec<_> = node.places().into_iter().map(|(_, phase)| phase).collect();
    let store = node.store().map(|store| store.name);
    format!("{store:?} {} {places:?}", node.cookie().name())
}
