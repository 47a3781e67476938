//! Sessions on a Redis or Valkey server, shared by any number of processes and machines.
//!
//! Capabilities: shared · native expiry · sweep · subjects · records are sealed · no scan, since the
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
//! - **One connection** carries all requests, many of them in one packet. It is made anew when it is
//!   lost, and every wait ends with the patience of the options. Reads are sent again; a write whose reply was lost is an
//!   error that says so: it may have been done or not, as a whole.
//! - **A dropped future** leaves no effect or the whole effect, and disturbs nobody.
//! - **Expiry** is native: the server forgets a session a minute after its end, so that a clock that is behind by less
//!   than that cuts none short. Readers go by the session's own deadline. The sweep is there for keys
//!   whose expiry was taken away; an index mends itself when it is read.
//! - **A crash of the server** loses what the server loses: with `appendonly yes` and `appendfsync always` nothing that was
//!   acknowledged, and then [`durable`](Capabilities::durable) is true; otherwise up to some seconds of writes, a log-out among them.
//! - **A failover** by Sentinel is followed: requests wait for the new primary as long as their patience. What the old one
//!   acknowledged and no replica had is lost with it, unless [`RedisOptions::replicas`] asks for more.
//! - **Eviction**: a server with a memory limit and another policy than `noeviction` drops living sessions; see
//!   [`RedisOptions::refuse_eviction`].
//!
//! A user of an ACL needs `+ping +info +config|get +get +mget +scan +zrange +zrem +del +eval +evalsha`, what scripts call (`+exists +set
//! +setrange +pexpire +persist +zadd +zremrangebyscore`), and `~abiding:*`. `+wait` with replicas. Without `+info` and `+config|get` the store
//! takes the worse for granted.
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

mod failure;
#[cfg(feature = "flask")]
mod flask;
mod guesses;
mod link;
mod nature;
mod options;
mod pursuit;
mod route;
mod rows;
mod scripts;
mod subjects;
mod sweep;
#[cfg_attr(not(feature = "redis-tls"), path = "no_tls.rs")]
mod tls;
mod url;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};
use redis::{Cmd, Value, cmd};

#[cfg(feature = "flask")]
pub use flask::RedisShelf;
pub use options::RedisOptions;

pub(crate) use url::open_url;

use failure::Failure;
use guesses::Guesses;
use link::{Effect, Link};
use nature::Nature;
use pursuit::{Pursuit, Turns};
use rows::{Names, Row, Stored, expiry, mark};
use scripts::{Call, Lua};

/// Keeps sessions on a Redis or Valkey server.
pub struct RedisStore {
    place: String,
    link: Link,
    /// For writes that wait for replicas: reads need not stand in the queue behind them.
    slow_link: Option<Link>,
    names: Names,
    guesses: Guesses,
    turns: Turns,
    nature: Nature,
    /// Where the next sweep goes on.
    cursor: AtomicU64,
}

impl RedisStore {
    /// Connects to the server at `url` with the default options; see [`RedisOptions::new`] for URLs and
    /// [`RedisOptions::open`] for errors.
    pub async fn open(url: impl Into<Box<str>>) -> Result<Self> {
        RedisOptions::new(url).open().await
    }

    fn new(
        place: String,
        link: Link,
        slow_link: Option<Link>,
        prefix: &str,
        patience: Duration,
        nature: Nature,
    ) -> Self {
        Self {
            place,
            link,
            slow_link,
            names: Names::new(prefix),
            guesses: Guesses::new(),
            turns: Turns::new(patience),
            nature,
            cursor: AtomicU64::new(0),
        }
    }

    async fn send(&self, operation: &'static str, command: &Cmd, effect: Effect) -> Result<Value> {
        let reply = self.exchange(command, effect).await;
        reply.map_err(|failure| failure.into_error(operation, &self.place))
    }

    async fn exchange(&self, command: &Cmd, effect: Effect) -> Result<Value, Failure> {
        let link = match (effect, &self.slow_link) {
            (Effect::Once, Some(link)) => link,
            (Effect::Once, None) | (Effect::None, _) => &self.link,
        };
        link.send(command, effect).await
    }

    /// Runs a script, which the server may have to be told again.
    async fn run(&self, operation: &'static str, script: &Lua, call: &Call) -> Result<Value> {
        let reply = match self.exchange(&script.call(call), Effect::Once).await {
            Err(Failure::Refused(cause)) if cause.code() == Some("NOSCRIPT") => {
                self.exchange(&script.send(call), Effect::Once).await
            }
            reply => reply,
        };
        reply.map_err(|failure| failure.into_error(operation, &self.place))
    }

    /// What lies under `key`, over or not.
    async fn row(&self, operation: &'static str, key: &StoreKey) -> Result<Option<Stored>> {
        let mut get = cmd("GET");
        let reply = self.send(operation, get.arg(self.names.row(key)), Effect::None);
        self.parse(operation, reply.await?)
    }

    fn parse(&self, operation: &'static str, reply: Value) -> Result<Option<Stored>> {
        match reply {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Stored::parse(&bytes).map(Some),
            _ => Err(self.unexpected(operation)),
        }
    }

    /// What came of a script that compares first.
    fn outcome(&self, operation: &'static str, reply: Value) -> Result<Outcome> {
        match reply {
            Value::Int(1) => Ok(Outcome::Done),
            Value::Int(0) => Ok(Outcome::Taken),
            reply => Ok(Outcome::Other(self.parse(operation, reply)?)),
        }
    }

    fn unexpected(&self, operation: &'static str) -> Error {
        failure::unexpected(operation, &self.place)
    }

    fn contended(&self, operation: &'static str) -> Error {
        let context = format!(
            "too many changed the session on the Redis server at {} at once",
            self.place
        );
        Error::new(ErrorKind::Contended, operation, context)
    }

    /// A call on the row of `key`, if it is still `old`.
    fn call_on(&self, key: &StoreKey, old: &[u8]) -> Call {
        let (head, end) = mark(old);
        Call::on(self.names.row(key)).bytes(head).bytes(end)
    }

    /// Adds to a call what becomes of the lists.
    fn listing(&self, call: Call, now: Timestamp, moves: &[Listing<'_>]) -> Call {
        let call = call.number(now.as_millis());
        moves.iter().fold(call, |call, (subject, key, until)| {
            let call = call
                .key(self.names.subject(subject))
                .bytes(rows::member(key));
            match until {
                Some(until) => call.number(until.as_millis().min(LAST_SCORE)),
                None => call.bytes([]),
            }
        })
    }
}

/// A session to be put on the list of a subject until its absolute deadline, or to be taken off.
type Listing<'a> = (&'a SubjectKey, &'a StoreKey, Option<Timestamp>);

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

impl Store for RedisStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("redis");
        capabilities.durable = self.nature.is_durable;
        capabilities.shared = true;
        capabilities.evicts = self.nature.evicts;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let stored = Stored::record(record.clone());
        let expiry = expiry(stored.ends, now);
        let reply = match &record.subject {
            None => {
                let mut set = cmd("SET");
                set.arg(self.names.row(key))
                    .arg(stored.to_bytes())
                    .arg("NX");
                if let Some(millis) = expiry {
                    set.arg("PX").arg(millis);
                }
                self.send("create", &set, Effect::Once).await?
            }
            Some(subject) => {
                let call = Call::on(self.names.row(key))
                    .bytes(stored.to_bytes())
                    .expiry(expiry);
                let listed = [(subject, key, Some(record.absolute_deadline))];
                let call = self.listing(call, now, &listed);
                self.run("create", &scripts::CREATE, &call).await?
            }
        };
        match reply {
            Value::Okay | Value::Int(1) => {
                self.guesses.note(key, record);
                Ok(Created::Yes)
            }
            Value::Nil | Value::Int(0) => Ok(Created::KeyTaken),
            _ => Err(self.unexpected("create")),
        }
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let mut key = *key;
        for _ in 0..HOPS {
            match self.row("load", &key).await? {
                Some(stored) if stored.is_over(now) => return Ok(None),
                Some(Stored {
                    row: Row::Alias(to),
                    ..
                }) => key = to,
                Some(stored) => {
                    if let Row::Record(record) = &stored.row {
                        self.guesses.note(&key, record);
                    }
                    return Ok(stored.into_found(key));
                }
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut pursuit = Pursuit::begin(self, "commit", key, now).await?;
        while let Some(found) = pursuit.living().await? {
            if !expect.admits(found.record.version) {
                if pursuit.doubt() {
                    continue;
                }
                return Ok(Committed::Stale(found));
            }
            let new = match change.apply(&found) {
                Err(_) if pursuit.doubt() => continue,
                new => new?,
            };
            let (old, stored) = (
                Stored::record(found.record.clone()).to_bytes(),
                Stored::record(new.clone()),
            );
            let call = self
                .call_on(&found.key, &old)
                .bytes(stored.to_bytes())
                .expiry(expiry(stored.ends, now));
            let call = self.listing(call, now, &relisted(&found, &new));
            if let Outcome::Done = pursuit.run(&scripts::REPLACE, &call).await? {
                self.guesses.note(&found.key, &new);
                return Ok(Committed::Yes(new.version));
            }
        }
        Ok(Committed::Gone)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let mut pursuit = Pursuit::begin(self, "touch", key, now).await?;
        while let Some(found) = pursuit.living().await? {
            let mut new = found.record.clone();
            new.idle_deadline = new.idle_deadline.max(idle_deadline);
            new.seen = new.seen.max(now);
            let old = Stored::record(found.record).to_bytes();
            let stored = Stored::record(new.clone());
            let call = self
                .call_on(&found.key, &old)
                .bytes(rows::touched(&stored.to_bytes()))
                .expiry(expiry(stored.ends, now));
            if let Outcome::Done = pursuit.run(&scripts::TOUCH, &call).await? {
                self.guesses.note(&found.key, &new);
                return Ok(Touched::Yes);
            }
        }
        Ok(Touched::Gone)
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut pursuit = Pursuit::begin(self, "rotate", from, now).await?;
        while let Some(found) = pursuit.living().await? {
            if !expect.admits(found.record.version) {
                if pursuit.doubt() {
                    continue;
                }
                return Ok(Committed::Stale(found));
            }
            let moved = match change.apply_moving(&found, to) {
                Err(_) if pursuit.doubt() => continue,
                moved => moved?,
            };
            let old = Stored::record(found.record.clone()).to_bytes();
            let left = match leave {
                Leave::Alias(until) => Stored::alias(*to, until),
                Leave::Snapshot(until) => Stored::snapshot(found.record.clone(), until),
            };
            let stored = Stored::record(moved.clone());
            let call = self
                .call_on(&found.key, &old)
                .key(self.names.row(to))
                .bytes(left.to_bytes())
                .expiry(expiry(left.ends, now))
                .bytes(stored.to_bytes())
                .expiry(expiry(stored.ends, now));
            let mut listings: Vec<Listing<'_>> = vec![];
            if let (Some(subject), None) = (&found.record.subject, left.subject()) {
                listings.push((subject, &found.key, None));
            }
            if let Some(subject) = &moved.subject {
                listings.push((subject, to, Some(moved.absolute_deadline)));
            }
            let call = self.listing(call, now, &listings);
            match pursuit.run(&scripts::ROTATE, &call).await? {
                Outcome::Done => {
                    self.guesses.forget(&found.key);
                    self.guesses.note(to, &moved);
                    return Ok(Committed::Yes(moved.version));
                }
                Outcome::Taken => return Ok(Committed::KeyTaken),
                Outcome::Other(_) => {}
            }
        }
        Ok(Committed::Gone)
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let mut pursuit = Pursuit::begin(self, "delete", key, now).await?;
        let mut deleted = Deleted::Absent;
        while let Some((key, stored)) = pursuit.row().await? {
            let old = stored.to_bytes();
            let is_over = stored.is_over(now);
            let left = match &stored.row {
                Row::Record(record) if !is_over => {
                    farewell.and_then(|farewell| farewell.to(&Found::new(key, record.clone())))
                }
                _ => None,
            };
            let call = self.call_on(&key, &old);
            let taken_off = stored.subject().map(|subject| (subject, &key, None));
            let taken_off = taken_off.as_slice();
            let outcome = match left {
                Some(record) => {
                    let left = Stored::snapshot(record, Timestamp::MAX);
                    let call = call.bytes(left.to_bytes()).expiry(expiry(left.ends, now));
                    let call = self.listing(call, now, taken_off);
                    pursuit.run(&scripts::REPLACE, &call).await?
                }
                None => {
                    let call = self.listing(call, now, taken_off);
                    pursuit.run(&scripts::REMOVE, &call).await?
                }
            };
            if let Outcome::Done = outcome {
                self.guesses.forget(&key);
                if !is_over {
                    deleted = Deleted::Yes;
                }
                break;
            }
        }
        let aliases = pursuit.passed();
        if !aliases.is_empty() {
            let names: Vec<_> = aliases.iter().map(|key| self.names.row(key)).collect();
            // An alias never becomes anything else, so nothing living is removed here.
            self.send("delete", cmd("DEL").arg(names), Effect::Once)
                .await?;
        }
        Ok(deleted)
    }
}

/// What a change makes of the lists: nothing, unless it says something of the subject or of the deadline.
fn relisted<'a>(found: &'a Found, new: &'a Record) -> Vec<Listing<'a>> {
    let old = &found.record;
    let mut listings: Vec<Listing<'_>> = vec![];
    let has_moved = old.subject != new.subject;
    if let (Some(subject), true) = (&old.subject, has_moved) {
        listings.push((subject, &found.key, None));
    }
    if let Some(subject) = &new.subject
        && (has_moved || old.absolute_deadline != new.absolute_deadline)
    {
        listings.push((subject, &found.key, Some(new.absolute_deadline)));
    }
    listings
}

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
const HOPS: usize = 8;
/// The score of what has no deadline: the largest number that is exact as a double, or nearly.
const LAST_SCORE: i64 = 9_000_000_000_000_000;
