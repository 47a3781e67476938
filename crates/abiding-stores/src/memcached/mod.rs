//! Sessions on a memcached server, shared by any number of processes and machines, for as long as it keeps them.
//!
//! Capabilities: shared · native expiry · subjects · records are sealed · **not durable** · **evicts**, unless the server
//! is started with `-M` · no scan and no sweep, since the server walks over no keys and forgets by itself.
//!
//! **What it is for**: sessions that may be lost. memcached keeps them in memory alone: its restart ends every session, and
//! when its memory is full it drops those that were not used for longest, living or not. A visitor then
//! signs in again. Where that is too much, take another store.
//!
//! - **A session** is one item: a head with its deadlines and version, and the sealed payload. `docs/adr/0011-memcached-layout.md` says why, `docs/format.md` byte for byte.
//! - **A write** compares (`cas`) with what was read and replaces it; if another writer was first, the change is merged into
//!   what that one wrote. Nothing is ever put where nothing is, but by `add` under a fresh key; so nothing ended returns.
//! - **A rotation** has one moment at which it happens, though it is two items: the new one does not count before the old one says so.
//! - **The sessions of a subject** are named by one item, and one that is signed in counts only while that names it: to end them is
//!   one write, at once and for all of them. If the server drops that item, they are over too.
//! - **Round trips**: reading 1; reading and then writing, touching or ending 2 in all; creating 1. Of somebody signed in the list is
//!   read along, which costs a second trip the first time that a process meets the session; the ADR has the table.
//! - **One connection** carries all requests, many of them in one packet. It is made anew when it is
//!   lost, and every wait ends with the patience of the options. Reads are sent again; a write whose reply was lost is an
//!   error that says so: it may have been done or not, as a whole. What was read over one connection is compared with over no other: a server that was
//!   started anew counts from the beginning.
//! - **A dropped future** leaves no effect or the whole effect, and disturbs nobody.
//! - **An item has a size**, 1 MiB unless the server is started with `-I`: a session beyond it is an error of kind
//!   [`TooLarge`](ErrorKind::TooLarge), and stays as it was.
//! - **Expiry** is native, a minute late, so that a clock that is behind by less cuts none short. Readers go by the session's own deadline.
//!
//! The way to the server is neither encrypted nor does it ask for a password: keep it in a network of its own. What it keeps is sealed.
//!
//! It needs a Tokio runtime, and memcached 1.6 or later.
//!
//! ```no_run
//! use abiding::{KeyRing, Manager};
//! use abiding_stores::memcached::MemcachedStore;
//!
//! # async {
//! let store = MemcachedStore::open("memcached://127.0.0.1").await?;
//! let sessions = Manager::builder(store).keys(KeyRing::generate()?).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # };
//! ```

mod beginnings;
mod changes;
mod checkup;
mod failure;
#[cfg(feature = "flask")]
mod flask;
mod guesses;
mod link;
mod lists;
mod options;
mod rotation;
mod rows;
mod subjects;
mod turns;
mod url;
mod wire;

use std::{fmt, sync::Arc};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Subjects,
        Touched,
    },
};
use tokio::time::Instant;

pub(crate) use checkup::checkup;
#[cfg(feature = "flask")]
pub use flask::MemcachedShelf;
pub use options::MemcachedOptions;
pub(crate) use url::open_url;
#[cfg(feature = "flask")]
pub(crate) use url::url_options;

use failure::Failure;
use guesses::Guesses;
use link::{Effect, Link};
use lists::List;
use rows::{Names, Row, Stored};
use turns::Turns;
use wire::{Batch, Cas, Reply};

/// Keeps sessions on a memcached server.
pub struct MemcachedStore(Arc<Desk>);

/// What the store holds, and what is still under way when it is gone.
struct Desk {
    link: Link,
    names: Names,
    nature: Nature,
    guesses: Guesses,
    turns: Turns,
}

/// What the server said of itself when it was connected to.
#[derive(Clone, Copy, Debug)]
struct Nature {
    evicts: bool,
    /// Its clock, in seconds since 1970, and when it showed that.
    clock: (i64, Instant),
}

/// A row as it was read, and what to compare with.
#[derive(Clone, Debug)]
struct Seen {
    stored: Stored,
    cas: Cas,
    /// The number of the connection that it came over; [`NOWHERE`] if there is nothing to compare with.
    on: u64,
}

/// How much a command stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// So little that its size is never the reason for a refusal.
    Small,
    /// A session.
    Session,
}

impl MemcachedStore {
    /// Connects to the server at `url` with the default options; see [`MemcachedOptions::new`] for URLs and
    /// [`MemcachedOptions::open`] for errors.
    pub async fn open(url: &str) -> Result<Self> {
        MemcachedOptions::new(url)?.open().await
    }

    fn new(link: Link, names: Names, nature: Nature, turns: Turns) -> Self {
        Self(Arc::new(Desk {
            link,
            names,
            nature,
            guesses: Guesses::new(),
            turns,
        }))
    }
}

impl Desk {
    /// What to send as the lifetime of what ends at `ends`.
    fn expiry(&self, ends: Timestamp, now: Timestamp) -> i64 {
        rows::expiry(ends, now, self.clock())
    }

    /// What the server's clock shows by now.
    fn clock(&self) -> i64 {
        let (seconds, since) = self.nature.clock;
        seconds.saturating_add(since.elapsed().as_secs().cast_signed())
    }

    async fn send(
        &self,
        operation: &'static str,
        batch: &Batch,
        effect: Effect,
    ) -> Result<(Vec<Reply>, u64)> {
        let sent = self.link.send(batch, effect).await;
        sent.map_err(|failure| failure.into_error(operation, self.link.place()))
    }

    /// The same; nothing if what is to be compared with came over another connection, and is to be read again.
    async fn try_send(
        &self,
        operation: &'static str,
        batch: &Batch,
        effect: Effect,
    ) -> Result<Option<(Vec<Reply>, u64)>> {
        match self.link.send(batch, effect).await {
            Err(Failure::Restarted) => Ok(None),
            sent => sent
                .map(Some)
                .map_err(|failure| failure.into_error(operation, self.link.place())),
        }
    }

    /// As many replies as there were commands.
    fn expect<const N: usize>(
        &self,
        operation: &'static str,
        replies: Vec<Reply>,
    ) -> Result<[Reply; N]> {
        replies.try_into().map_err(|_| self.unexpected(operation))
    }

    /// Whether a command that compares, or adds, was done.
    fn outcome(&self, operation: &'static str, reply: Reply, cost: Cost) -> Result<bool> {
        match reply {
            Reply::Done => Ok(true),
            Reply::Exists | Reply::Missing | Reply::NotStored => Ok(false),
            Reply::Refused(words) if cost == Cost::Small && words.contains("too large") => {
                let what = "a subject has more sessions than one item can name: end some of them";
                Err(Error::new(ErrorKind::TooLarge, operation, what))
            }
            Reply::Refused(words) => {
                Err(Failure::Refused(words).into_error(operation, self.link.place()))
            }
            Reply::Stats(_) | Reply::Value(..) => Err(self.unexpected(operation)),
        }
    }

    /// What a reply to a read says of a row.
    fn seen(&self, operation: &'static str, reply: Reply, on: u64) -> Result<Option<Seen>> {
        match reply {
            Reply::Missing => Ok(None),
            Reply::Value(bytes, cas, _) => Ok(Some(Seen {
                stored: Stored::parse(&bytes)?,
                cas,
                on,
            })),
            Reply::Refused(words) => {
                Err(Failure::Refused(words).into_error(operation, self.link.place()))
            }
            Reply::Done | Reply::Exists | Reply::NotStored | Reply::Stats(_) => {
                Err(self.unexpected(operation))
            }
        }
    }

    /// What lies under each of `keys`, pending rows as what they are.
    async fn rows(&self, operation: &'static str, keys: &[StoreKey]) -> Result<Vec<Option<Seen>>> {
        let mut rows = Vec::with_capacity(keys.len());
        for some in keys.chunks(AT_ONCE) {
            let get = |batch: Batch, key| batch.get(&self.names.row(key));
            let batch = some.iter().fold(Batch::new(), get);
            let (replies, on) = self.send(operation, &batch, Effect::None).await?;
            for reply in replies {
                rows.push(self.seen(operation, reply, on)?);
            }
        }
        Ok(rows)
    }

    /// What lies under `key`, and in the same trip the list of a subject.
    async fn row(
        &self,
        operation: &'static str,
        key: &StoreKey,
        subject: Option<&SubjectKey>,
    ) -> Result<(Option<Seen>, Option<List>)> {
        let mut batch = Batch::new().get(&self.names.row(key));
        if let Some(subject) = subject {
            batch = batch.get(&self.names.list(subject));
        }
        let (replies, on) = self.send(operation, &batch, Effect::None).await?;
        let mut replies = replies.into_iter();
        let row = replies.next().ok_or_else(|| self.unexpected(operation))?;
        let list = replies
            .next()
            .map(|reply| List::read(reply, on))
            .transpose()?;
        Ok((self.seen(operation, row, on)?, list))
    }

    /// A row that is pending as what it has become, if it has arrived.
    async fn arrived(
        &self,
        operation: &'static str,
        key: &StoreKey,
        seen: Option<Seen>,
    ) -> Result<Option<Seen>> {
        let Some(mut seen) = seen else {
            return Ok(None);
        };
        // Twice: it may be confirmed, and what lay under the old key removed, between two looks.
        for _ in 0..2 {
            let Row::Session {
                from: Some(from),
                is_pending: is_pending @ true,
                ..
            } = &mut seen.stored.row
            else {
                return Ok(Some(seen));
            };
            let [from] = &self.rows(operation, &[*from]).await?[..] else {
                return Err(self.unexpected(operation));
            };
            let leads_to = from.as_ref().and_then(|from| from.stored.leads_to());
            if leads_to == Some(key) {
                // As whoever writes it next will write it.
                *is_pending = false;
                return Ok(Some(seen));
            }
            match self.row(operation, key, None).await?.0 {
                Some(again) => seen = again,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The row that `key` leads to, if it is not over and its subject's list names it; never an alias. With the
    /// list, where it was read.
    async fn follow(
        &self,
        operation: &'static str,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<Option<(StoreKey, Seen, Option<List>)>> {
        let mut key = *key;
        let mut first = None;
        for hop in 0..HOPS {
            let guess = self.guesses.of(&key);
            let guessed = guess.as_ref().and_then(|guess| guess.stored.subject());
            let (seen, list) = self.row(operation, &key, guessed).await?;
            let Some(seen) = self.arrived(operation, &key, seen).await? else {
                self.guesses.forget(&key);
                return Ok(None);
            };
            if seen.stored.is_over(now) {
                return Ok(None);
            }
            if let Row::Alias(to) = seen.stored.row {
                first.get_or_insert((key, seen));
                key = to;
                continue;
            }
            if let Some(first) = first.take().filter(|_| hop > 1) {
                self.shorten(first, &key, &seen.stored, now).await;
            }
            let Some(subject) = seen.stored.subject() else {
                self.guesses.note(&key, &seen);
                return Ok(Some((key, seen, None)));
            };
            let list = match list.filter(|_| guessed == Some(subject)) {
                Some(list) => list,
                None => self.list(operation, subject).await?,
            };
            if !list.names(&key) {
                if self.is_still(operation, &key, &seen).await? {
                    return Ok(None);
                }
                continue;
            }
            self.guesses.note(&key, &seen);
            return Ok(Some((key, seen, Some(list))));
        }
        Ok(None)
    }

    /// Whether `seen` still lies under `key`. A list that does not name what was seen before it tells of its end, or of a rotation
    /// that happened between the two looks.
    async fn is_still(&self, operation: &'static str, key: &StoreKey, seen: &Seen) -> Result<bool> {
        let (again, _) = self.row(operation, key, None).await?;
        Ok(again.is_none_or(|again| again.cas == seen.cas && again.on == seen.on))
    }

    /// Lets the first alias of a chain lead to its end. Every hop is a trip, and a visitor whose requests
    /// are cut off again and again while their id is renewed makes the chain longer each time.
    async fn shorten(
        &self,
        (key, seen): (StoreKey, Seen),
        to: &StoreKey,
        end: &Stored,
        now: Timestamp,
    ) {
        let alias = Stored {
            row: Row::Alias(*to),
            ends: seen.stored.ends,
        };
        let (name, expiry) = (
            self.names.row(&key),
            self.expiry(alias.ends.max(end.ends), now),
        );
        let batch = Batch::new().replace(&name, &alias.to_bytes(), expiry, seen.cas);
        // Somebody else may have been first, or have ended it; nothing depends on it.
        if let Err(error) = self.link.send(&batch, Effect::OnceOn(seen.on)).await {
            tracing::debug!(?error, "a chain of aliases stays as long as it is");
        }
    }

    fn unexpected(&self, operation: &'static str) -> Error {
        let place = self.link.place();
        let what = format!(
            "the memcached at {place} gave an answer of an unknown shape: is it version 1.6 or later?"
        );
        Error::new(ErrorKind::Unavailable, operation, what)
    }

    fn contended(&self, operation: &'static str) -> Error {
        let place = self.link.place();
        let what = format!("too many changed the session on the memcached at {place} at once");
        Error::new(ErrorKind::Contended, operation, what)
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("place", &format_args!("{}", self.0.link.place()))
            .field("names", &self.0.names)
            .field("nature", &self.0.nature)
            .finish_non_exhaustive()
    }
}

impl Store for MemcachedStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("memcached");
        capabilities.shared = true;
        capabilities.evicts = self.0.nature.evicts;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        self.0.create(key, record, now).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let found = self.0.follow("load", key, now).await?;
        Ok(found.and_then(|(key, seen, _)| seen.stored.into_found(key)))
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        self.0.commit(key, change, expect, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        self.0.touch(key, idle_deadline, now).await
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
        self.0.rotate(from, to, change, expect, leave, now).await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.0.delete(key, farewell, now).await
    }
}

impl Subjects for MemcachedStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        self.0.of_subject(subject, now).await
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        self.0.end_subject(subject, except, now).await
    }
}

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
const HOPS: usize = 8;
/// The number of no connection.
const NOWHERE: u64 = 0;
/// How often a write is tried again because another one came first: every round somebody gets through.
const ROUNDS: usize = 64;
/// How many rows are asked for in one packet.
const AT_ONCE: usize = 64;
