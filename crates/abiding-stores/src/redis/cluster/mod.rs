//! The servers of a Redis Cluster, and the way of a command to the one that has its key.
//!
//! Who has which slot is asked of any server, and asked again when one is gone or says that it has moved.
//! Each server has a [`Server`] of its own, with one connection for all.
//!
//! 1. A command goes to the server that has the slot of its key. `MOVED` and `ASK` are followed, a slot
//!    that is being moved loses nothing: every command of this store names one key.
//! 2. A command is sent again where that does no harm: it was not sent, or it had no effect, or it reads.
//! 3. A server that is gone is replaced by the others, not by us: until they have agreed on another, its keys
//!    wait, as long as the patience.
//! 4. One caller at a time asks for the map; who waited for that uses what came of it.

mod slots;
mod subjects;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value, cmd};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    failure::{Failure, is_final, passes},
    link::{AGAIN, Effect, Link},
    route::{Route, Seeds},
    server::Server,
};

pub(super) use slots::Address;
use slots::{SLOTS, Share, shares, slot};

/// See the module.
pub(super) struct Cluster {
    seeds: Seeds,
    patience: Duration,
    replicas: u32,
    map: Mutex<Map>,
    /// Held by whoever asks for the map.
    looking: tokio::sync::Mutex<()>,
}

/// Who has what, as far as is known.
#[derive(Default)]
struct Map {
    nodes: BTreeMap<Address, Arc<Node>>,
    owners: Vec<Option<Arc<Node>>>,
    /// How often somebody has asked for it.
    looks: usize,
    looked: Option<Instant>,
}

/// One of the servers.
pub(super) struct Node {
    pub(super) address: Address,
    server: Server,
}

impl Node {
    /// The connection for reading.
    pub(super) fn link(&self) -> &Link {
        self.server.link(Effect::None)
    }
}

impl Cluster {
    /// One that is known by some of its servers.
    pub(super) fn new(seeds: Seeds, patience: Duration, replicas: u32) -> Self {
        Self {
            seeds,
            patience,
            replicas,
            map: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Asks for the map for the first time.
    pub(super) async fn begin(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            let looks = self.map().looks;
            let failure = match self.look(looks, None, deadline).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let is_over = match &failure {
                Failure::Connect(cause) => is_final(cause),
                Failure::Refused(cause) => !passes(cause),
                Failure::Lost(_) | Failure::Slow(_) | Failure::Unconfirmed { .. } => false,
            };
            if is_over || Instant::now() + AGAIN >= deadline {
                return Err(failure);
            }
            sleep(AGAIN).await;
        }
    }

    /// Sends one command about `key`, wherever that lies, and waits for its reply.
    pub(super) async fn send(
        &self,
        key: &str,
        command: &Cmd,
        effect: Effect,
    ) -> Result<Value, Failure> {
        let slot = slot(key.as_bytes());
        let deadline = Instant::now() + self.patience;
        let mut asked = None;
        loop {
            let (looks, owner) = self.owner(slot);
            let is_asking = asked.is_some();
            let failure = match asked.take().or(owner) {
                Some(node) => {
                    let link = node.server.link(effect);
                    match link.once(command, effect, is_asking, deadline).await {
                        Err(Failure::Refused(cause)) => match self.redirected(&cause, &node) {
                            Some(Redirection::Ask(node)) => {
                                asked = Some(node);
                                continue;
                            }
                            Some(Redirection::Moved(node)) => {
                                self.moved(slot, &node);
                                if self.is_old() {
                                    let looked = self.look(looks, Some(&node), deadline).await;
                                    tell(looked);
                                }
                                continue;
                            }
                            None => Failure::Refused(cause),
                        },
                        Err(failure) => failure,
                        reply => return reply,
                    }
                }
                None => Failure::Refused(RedisError::from((
                    ErrorKind::Server(ServerErrorKind::ClusterDown),
                    "no server has the slot",
                ))),
            };
            let is_harmless = match &failure {
                Failure::Connect(cause) => !is_final(cause),
                Failure::Refused(cause) => passes(cause),
                Failure::Lost(_) => effect == Effect::None,
                Failure::Slow(_) | Failure::Unconfirmed { .. } => false,
            };
            if !is_harmless || Instant::now() + AGAIN >= deadline {
                return Err(failure);
            }
            sleep(AGAIN).await;
            tell(self.look(looks, None, deadline).await);
        }
    }

    /// All primaries, in an order that stays.
    pub(super) fn primaries(&self) -> Vec<Arc<Node>> {
        let map = self.map();
        let mut primaries: Vec<_> = map.owners.iter().flatten().cloned().collect();
        drop(map);
        primaries.sort_by(|one, other| one.address.cmp(&other.address));
        primaries.dedup_by(|one, other| one.address == other.address);
        primaries
    }

    /// Asks for the map, unless somebody did since it had been asked for `seen` times.
    async fn look(
        &self,
        seen: usize,
        first: Option<&Arc<Node>>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let turn = timeout_at(deadline, self.looking.lock()).await;
        let _turn = turn.map_err(|_| Failure::Slow(self.patience))?;
        let witnesses = {
            let mut map = self.map();
            if map.looks != seen {
                return Ok(());
            }
            map.looks += 1;
            map.looked = Some(Instant::now());
            self.witnesses(&mut map, first)
        };
        let mut last = Failure::Slow(self.patience);
        let mut ask = cmd("CLUSTER");
        ask.arg("SLOTS");
        for node in witnesses {
            let until = deadline.min(Instant::now() + LOOK);
            match node.link().once(&ask, Effect::None, false, until).await {
                Ok(reply) => match shares(reply, &node.address) {
                    Some(shares) => {
                        self.learn(&shares);
                        return Ok(());
                    }
                    None => {
                        let what = "not the map of a cluster";
                        let cause = RedisError::from((ErrorKind::UnexpectedReturnType, what));
                        last = Failure::Refused(cause);
                    }
                },
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// Whom to ask for the map, one after the other: another one first each time, so that one that was
    /// left alone with an old map misleads nobody for long.
    fn witnesses(&self, map: &mut Map, first: Option<&Arc<Node>>) -> Vec<Arc<Node>> {
        for address in self.seeds.addresses() {
            self.node(map, address);
        }
        let mut all: Vec<_> = map.nodes.values().cloned().collect();
        if !all.is_empty() {
            let turn = map.looks % all.len();
            all.rotate_left(turn);
        }
        first.cloned().into_iter().chain(all).collect()
    }

    fn learn(&self, shares: &[Share]) {
        let mut map = self.map();
        map.owners = vec![None; usize::from(SLOTS)];
        for share in shares {
            let node = self.node(&mut map, &share.owner);
            for owner in &mut map.owners[usize::from(share.first)..=usize::from(share.last)] {
                *owner = Some(Arc::clone(&node));
            }
        }
        let is_owner = |address: &Address| shares.iter().any(|share| share.owner == *address);
        map.nodes.retain(|address, _| is_owner(address));
    }

    /// The server at an address, the same one each time.
    fn node(&self, map: &mut Map, address: &Address) -> Arc<Node> {
        if let Some(node) = map.nodes.get(address) {
            return Arc::clone(node);
        }
        let route = Route::Member(self.seeds.clone(), address.clone());
        let node = Arc::new(Node {
            address: address.clone(),
            server: Server::new(&route, self.patience, self.replicas),
        });
        map.nodes.insert(address.clone(), Arc::clone(&node));
        node
    }

    fn owner(&self, slot: u16) -> (usize, Option<Arc<Node>>) {
        let map = self.map();
        let owner = map.owners.get(usize::from(slot)).cloned().flatten();
        (map.looks, owner)
    }

    fn moved(&self, slot: u16, to: &Arc<Node>) {
        if let Some(owner) = self.map().owners.get_mut(usize::from(slot)) {
            *owner = Some(Arc::clone(to));
        }
    }

    /// Where a refusal of `node` sends us.
    fn redirected(&self, refusal: &RedisError, node: &Node) -> Option<Redirection> {
        let (address, _) = refusal.redirect_node()?;
        let address = Address::parse(address, &node.address)?;
        let node = self.node(&mut self.map(), &address);
        Some(match refusal.kind() {
            ErrorKind::Server(ServerErrorKind::Ask) => Redirection::Ask(node),
            _ => Redirection::Moved(node),
        })
    }

    /// Whether the map was not asked for lately: one slot that has moved is seldom the only one.
    fn is_old(&self) -> bool {
        let looked = self.map().looked;
        looked.is_none_or(|looked| looked.elapsed() > LOOK)
    }

    /// Nothing is half done while the lock is held.
    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server says that has not, or no longer, what it is asked for.
enum Redirection {
    /// Only this time: the key has been moved already, its slot not yet.
    Ask(Arc<Node>),
    Moved(Arc<Node>),
}

/// An old map is still a map: what comes of it decides.
fn tell(looked: Result<(), Failure>) {
    if let Err(failure) = looked {
        tracing::debug!(
            ?failure,
            "no server of the Redis Cluster told who has which slot"
        );
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("primaries", &self.primaries().len())
            .finish_non_exhaustive()
    }
}

/// How long one server may take to tell the map.
const LOOK: Duration = Duration::from_secs(1);
