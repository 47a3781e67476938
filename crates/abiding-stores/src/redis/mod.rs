//! Sessions on a Redis or Valkey server, or on a cluster of them, shared by any number of processes and machines.
//!
//! Capabilities: shared · native expiry · sweep · subjects · survey · bulk · records are sealed · walk · no scan, since the
//! server knows no order of keys · durable and evicting as the server is, which is asked when connecting.
//!
//! - **A session** is one string: a head with its deadlines and version, and the sealed payload. The
//!   sessions of a subject are listed in a sorted set. `docs/adr/0009-redis-layout.md` says why, `docs/format.md` byte for byte.
//! - **A write** is one script, which compares the row with the one the caller knows and replaces it, the
//!   lists of subjects included. If another writer was first, the refusal brings the present row, and the
//!   change is merged into that. Writers of this process take turns, so only processes contend.
//! - **Round trips**: reading 1; reading and then writing, touching, renewing or ending 2 in all; creating 1; signing in 1 after a
//!   read. A write that did not read before is 2, unless this process wrote the session last: records
//!   are sealed whole, so somebody must open one to merge a change into it.
//! - **One connection**, to each server of a cluster, carries all requests, many of them in one packet. It is made anew when it is
//!   lost, and every wait ends with the patience of the options. Reads are sent again; a write whose reply was lost is an
//!   error that says so: it may have been done or not, as a whole.
//! - **A dropped future** leaves no effect or the whole effect, and disturbs nobody.
//! - **Expiry** is native: the server forgets a session a minute after its end, so that a clock that is behind by less
//!   than that cuts none short. Readers go by the session's own deadline. The sweep is there for keys
//!   whose expiry was taken away; an index mends itself when it is read.
//! - **A crash of the server** loses what the server loses: with `appendonly yes` and `appendfsync always` nothing that was
//!   acknowledged, and then [`durable`](abiding::store::Capabilities::durable) is true; otherwise up to some seconds of writes, a log-out among them.
//! - **A failover** by Sentinel is followed: requests wait for the new primary as long as their patience. What the old one
//!   acknowledged and no replica had is lost with it, unless [`RedisOptions::replicas`] asks for more. Let servers behind Sentinels keep
//!   their data on disk: a primary that comes back empty, and is named by a Sentinel that has not heard of its fall, has no sessions.
//! - **A Redis Cluster** puts sessions and lists in slots of their own. Slots that move are followed, also while they move, and
//!   so are failovers. A write stays one script, and a rotation takes place in steps of which one decides: a process
//!   that dies in between leaves the session where it was or where it goes, and whoever comes next finishes that.
//!   Signing in and renewing are 3 round trips there. The end of all sessions of a subject is not one step but
//!   one for each: all that were there when it was asked for are over when it is answered, and where it is an error, some.
//! - **Eviction**: a server with a memory limit and another policy than `noeviction` drops living sessions; see
//!   [`RedisOptions::refuse_eviction`].
//!
//! A user of an ACL needs `+ping +info +config|get +get +mget +scan +zrange +zrem +del +eval +evalsha`, what scripts call (`+exists +set
//! +setrange +pexpire +persist +zadd +zremrangebyscore`), and `~abiding:*`. `+wait` with replicas, and `+cluster|slots +asking +time +zscore` on
//! a cluster. Without `+info` and `+config|get` the store takes the worse for granted; with `+getrange` it counts faster.
//!
//! It needs a Tokio runtime.
//!
//! ```no_run
//! use abiding::{KeyRing, Manager};
//! use abiding_stores::redis::RedisStore;
//!
//! # async {
//! let store = RedisStore::open("redis://127.0.0.1/").await?;
//! let sessions = Manager::builder(store).keys(KeyRing::generate()?).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! ```

mod bulk;
mod changes;
mod checkup;
mod cluster;
mod failure;
#[cfg(feature = "flask")]
mod flask;
mod gather;
mod guesses;
mod link;
mod nature;
mod nodes;
mod options;
mod pursuit;
mod route;
mod rows;
mod scripts;
mod server;
mod subjects;
mod survey;
mod sweep;
#[cfg_attr(not(feature = "redis-tls"), path = "no_tls.rs")]
mod tls;
mod together;
mod url;
mod writes;

use std::{fmt, sync::Mutex, time::Duration};

use abiding::{Error, Result, StoreKey};
use redis::{Cmd, Value, cmd};

#[cfg(feature = "flask")]
pub use flask::RedisShelf;
pub use options::RedisOptions;

pub(crate) use checkup::checkup;
pub(crate) use url::open_url;
pub(crate) use url::url_options;

use failure::Failure;
use guesses::Guesses;
use link::Effect;
use nature::Nature;
use nodes::Nodes;
use pursuit::Turns;
use rows::{Names, Stored};
use scripts::{Call, Lua};

/// Keeps sessions on a Redis or Valkey server.
pub struct RedisStore {
    place: String,
    nodes: Nodes,
    names: Names,
    guesses: Guesses,
    turns: Turns,
    nature: Nature,
    /// Where the next sweep goes on.
    cursor: Mutex<sweep::Cursor>,
}

impl RedisStore {
    /// Connects to the server at `url` with the default options; see [`RedisOptions::new`] for URLs and
    /// [`RedisOptions::open`] for errors.
    pub async fn open(url: impl Into<Box<str>>) -> Result<Self> {
        RedisOptions::new(url).open().await
    }

    fn new(place: String, nodes: Nodes, prefix: &str, patience: Duration, nature: Nature) -> Self {
        Self {
            place,
            nodes,
            names: Names::new(prefix),
            guesses: Guesses::new(),
            turns: Turns::new(patience),
            nature,
            cursor: Mutex::default(),
        }
    }

    /// Whether keys lie on several servers, so that one script can write one of them at most.
    fn is_spread(&self) -> bool {
        matches!(self.nodes, Nodes::Many(_))
    }

    /// Sends a command about the key `name`.
    async fn send(
        &self,
        operation: &'static str,
        name: &str,
        command: &Cmd,
        effect: Effect,
    ) -> Result<Value> {
        let reply = self.nodes.send(name, command, effect).await;
        reply.map_err(|failure| failure.into_error(operation, &self.place))
    }

    /// Runs a script, which the server may have to be told again.
    async fn run(&self, operation: &'static str, script: &Lua, call: &Call) -> Result<Value> {
        let name = call.place();
        let reply = match self
            .nodes
            .send(name, &script.call(call), Effect::Once)
            .await
        {
            Err(Failure::Refused(cause)) if cause.code() == Some("NOSCRIPT") => {
                self.nodes
                    .send(name, &script.send(call), Effect::Once)
                    .await
            }
            reply => reply,
        };
        reply.map_err(|failure| failure.into_error(operation, &self.place))
    }

    /// What lies under `key`, over or not.
    async fn row(&self, operation: &'static str, key: &StoreKey) -> Result<Option<Stored>> {
        let name = self.names.row(key);
        let mut get = cmd("GET");
        let reply = self.send(operation, &name, get.arg(&name), Effect::None);
        self.parse(operation, reply.await?)
    }

    fn parse(&self, operation: &'static str, reply: Value) -> Result<Option<Stored>> {
        match reply {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Stored::parse(&bytes).map(Some),
            _ => Err(self.unexpected(operation)),
        }
    }

    fn unexpected(&self, operation: &'static str) -> Error {
        failure::unexpected(operation, &self.place)
    }
}

/// What came of a script.
enum Outcome {
    Done,
    /// The row is another one by now, or gone.
    Other(Option<Stored>),
    /// The key that was to be new is not.
    Taken,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("place", &self.place)
            .field("names", &self.names)
            .field("nature", &self.nature)
            .finish_non_exhaustive()
    }
}

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
const HOPS: usize = 8;
