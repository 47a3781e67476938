//! Sessions where Flask-Session 0.5 to 0.8 keeps them, as it keeps them: applications in Python and in
//! Rust share one and the same.
//!
//! Capabilities: shared · legible (values lie in the open, as Flask-Session has them, so nothing is sealed and
//! no farewell is left) · durable and evicting as the engine is · walk, but for memcached · no scan and no subjects.
//!
//! - **A session** is the map that Flask-Session would have written: see [`abiding::store::flask_session`] for what is
//!   in it, and `docs/flask-formats.md` for what each version reads.
//! - **A write** reads the map, merges the change into it, and replaces it where it is still the one that was
//!   read; otherwise it begins anew. So the changes of concurrent requests all stay, and what has ended is
//!   not revived. Flask-Session itself writes whole maps blindly: what *it* overwrites, nobody can save.
//! - **A touch** moves the expiry in the store. The map is not written.
//! - **A session that moved** leaves a map with a note for the grace of the rotation; Flask-Session shows it
//!   as a session without values.
//!
//! | engine | made by | where |
//! |---|---|---|
//! | files | [`FlaskStore::files`] | cachelib's files, as `SESSION_TYPE = "filesystem"` |
//! | MariaDB, MySQL | [`FlaskStore::mysql`] | a row of the table `sessions`, as `SESSION_TYPE = "sqlalchemy"` |
//! | memcached | [`FlaskStore::memcached`] | `set prefix+sid 0 …`, as `SESSION_TYPE = "memcached"` |
//! | PostgreSQL | [`FlaskStore::postgres`] | a row of the table `sessions`, as `SESSION_TYPE = "sqlalchemy"` |
//! | Redis, Valkey | [`FlaskStore::redis`] | `SET prefix+sid … EX`, as `SESSION_TYPE = "redis"` |
//! | SQLite | [`FlaskStore::sqlite`] | a row of the table `sessions`, as `SESSION_TYPE = "sqlalchemy"` |

mod seen;

use std::{fmt, future::Future, time::Duration};

use abiding::{
    Error, ErrorKind, FlaskSession, Found, Record, Result, Store, StoreKey, Timestamp,
    compat::Dict,
    store::{
        Capabilities, Change, Committed, Created, Cursor, Deleted, Expect, Farewell, Leave, Page,
        Sweep, Swept, Touched, Walk,
        flask_session::{Row, Written},
    },
};

use self::seen::Seen;
#[cfg(feature = "file")]
pub use crate::file::{Cachelib, FileShelf};
#[cfg(feature = "memcached")]
pub use crate::memcached::MemcachedShelf;
#[cfg(feature = "mysql")]
pub use crate::mysql::MysqlShelf;
#[cfg(feature = "postgres")]
pub use crate::postgres::PostgresShelf;
#[cfg(feature = "redis")]
pub use crate::redis::RedisShelf;
#[cfg(feature = "sqlite")]
pub use crate::sqlite::SqliteShelf;

/// Keeps sessions as Flask-Session does, on the engine that `S` stands for.
pub struct FlaskStore<S> {
    settings: FlaskSession,
    shelf: S,
    seen: Seen,
}

/// One engine: bytes under names, compared and swapped. Those of this crate are all there are.
#[doc(hidden)]
pub trait Shelf: sealed::Sealed + Send + Sync + 'static {
    /// How much longer than it says a map is kept that tells its own end, where the engine itself
    /// forgets it.
    const SLACK: Duration;

    /// What the engine is and is not.
    fn capabilities(&self) -> Capabilities;

    /// What the engine's back end of Flask-Session stores for a map.
    fn encode(&self, settings: &FlaskSession, dict: &Dict) -> Result<Vec<u8>> {
        settings.encode(dict)
    }

    /// The map in what any version stored.
    fn decode(&self, settings: &FlaskSession, bytes: &[u8]) -> Result<Dict> {
        settings.decode(bytes)
    }

    /// What lies under a name, over or not.
    fn read(
        &self,
        operation: &'static str,
        name: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Item>>> + Send;

    /// Adds it, if nothing lies there.
    fn add(
        &self,
        name: &str,
        new: &Item,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Replaces the very bytes that were read.
    fn swap(
        &self,
        name: &str,
        old: &Item,
        new: &Item,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Moves the expiry of what lies there, never back. `false` if nothing does.
    fn prolong(
        &self,
        name: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Removes the very bytes that were read.
    fn take(&self, name: &str, old: &Item) -> impl Future<Output = Result<bool>> + Send;

    /// Replaces the very bytes that were read by `left`, and adds `moved` under another name, in one step.
    fn rename(
        &self,
        from: (&str, &Item, &Item),
        to: (&str, &Item),
        now: Timestamp,
    ) -> impl Future<Output = Result<Moved>> + Send;
}

/// An engine that keeps what is over until somebody sweeps it away.
#[doc(hidden)]
pub trait Broom: Shelf {
    /// Removes up to `limit` of what is over.
    fn sweep(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<Swept>> + Send;
}

/// An engine that can be walked over.
#[doc(hidden)]
pub trait Aisle: Shelf {
    /// About `limit` of the names that begin with `prefix`, from `from` on, with what lies there, over or not; and
    /// where the next ones are.
    fn page(
        &self,
        prefix: &str,
        from: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Shown>> + Send;
}

/// Bytes, and when the engine says that they are over; `None` for never.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Item {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Option<Timestamp>,
    #[cfg_attr(not(feature = "memcached"), expect(dead_code, reason = "memcached's"))]
    pub(crate) stamp: Stamp,
}

impl Item {
    /// For engines that compare the bytes themselves.
    pub(crate) fn new(bytes: Vec<u8>, ends: Option<Timestamp>) -> Self {
        let stamp = Stamp::default();
        Self { bytes, ends, stamp }
    }
}

/// By what an engine knows a state again, where that is not its bytes.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Stamp {
    /// The number of the state,
    #[cfg_attr(not(feature = "memcached"), expect(dead_code, reason = "memcached's"))]
    pub(crate) state: u64,
    /// and of the connection over which it came.
    #[cfg_attr(not(feature = "memcached"), expect(dead_code, reason = "memcached's"))]
    pub(crate) connection: u64,
}

/// What lies there, and where the next of it is.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Shown {
    pub(crate) items: Vec<(Named, Item)>,
    /// How many more there were that cannot be read.
    pub(crate) unreadable: usize,
    pub(crate) next: Option<String>,
}

/// What is known of the name of a session that a walk came by.
#[derive(Debug)]
#[doc(hidden)]
#[expect(clippy::exhaustive_enums, reason = "nobody outside this crate sees it")]
pub enum Named {
    /// A hash of it.
    Hash([u8; StoreKey::LEN]),
    /// All of it, without the prefix.
    Sid(String),
}

/// What came of a renaming.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
#[expect(clippy::exhaustive_enums, reason = "nobody outside this crate sees it")]
pub enum Moved {
    /// It moved.
    Done,
    /// What was read is not there any more.
    Other,
    /// The new name is taken.
    Taken,
}

pub(crate) mod sealed {
    #[expect(unnameable_types, reason = "that is what keeps others from it")]
    pub trait Sealed {}
}

/// A session where it lies.
struct Place {
    key: StoreKey,
    name: String,
    item: Item,
    dict: Dict,
    row: Row,
}

impl<S: Shelf> FlaskStore<S> {
    #[cfg(any(
        feature = "file",
        feature = "memcached",
        feature = "mysql",
        feature = "postgres",
        feature = "redis",
        feature = "sqlite"
    ))]
    pub(crate) fn new(settings: FlaskSession, shelf: S) -> Self {
        Self {
            settings,
            shelf,
            seen: Seen::default(),
        }
    }

    #[cfg(feature = "file")]
    pub(crate) fn shelf(&self) -> &S {
        &self.shelf
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn into_shelf(self) -> S {
        self.shelf
    }

    /// What lies under `key`, over or not.
    async fn look(
        &self,
        operation: &'static str,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<Option<Place>> {
        let name = self.settings.name(key);
        let Some(item) = self.shelf.read(operation, &name, now).await? else {
            return Ok(None);
        };
        let dict = self.shelf.decode(&self.settings, &item.bytes)?;
        let row = self.settings.read(key, &dict, item.ends, now)?;
        Ok(Some(Place {
            key: *key,
            name,
            item,
            dict,
            row,
        }))
    }

    /// The record or snapshot that `key` leads to.
    async fn living(
        &self,
        operation: &'static str,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<Option<Place>> {
        let mut key = *key;
        for _ in 0..HOPS {
            match self.look(operation, &key, now).await? {
                Some(place) if place.row.ends() <= now => return Ok(None),
                Some(Place {
                    row: Row::Alias { to, .. },
                    ..
                }) => key = to,
                place => return Ok(place),
            }
        }
        Ok(None)
    }

    /// What was read under this very key a moment ago, in the same request most likely.
    fn guess(&self, key: &StoreKey, now: Timestamp) -> Option<Place> {
        let place = self.seen.take(key)?;
        (matches!(place.row, Row::Record(_)) && place.row.ends() > now).then_some(place)
    }

    /// The map that says `row`, and what the next reader makes of it.
    fn written(&self, row: &Row, base: Option<&Dict>) -> Result<Written> {
        self.settings.write(row, base, |dict| {
            let bytes = self.shelf.encode(&self.settings, dict)?;
            self.shelf.decode(&self.settings, &bytes)
        })
    }

    fn item(&self, written: &Written) -> Result<Item> {
        let ends = match written.ends {
            Timestamp::MAX => None,
            ends if written.tells_its_end => Some(ends.after(S::SLACK)),
            ends => Some(ends),
        };
        let bytes = self.shelf.encode(&self.settings, &written.dict)?;
        Ok(Item::new(bytes, ends))
    }

    /// Replaces what was read at `place`; nothing if it is another by now.
    async fn commit_to(
        &self,
        place: &Place,
        record: Record,
        now: Timestamp,
    ) -> Result<Option<Written>> {
        let written = self.written(&Row::Record(record), Some(&place.dict))?;
        let item = self.item(&written)?;
        let swapped = self
            .shelf
            .swap(&place.name, &place.item, &item, now)
            .await?;
        Ok(swapped.then_some(written))
    }
}

impl<S: Shelf> Store for FlaskStore<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.shelf.capabilities();
        capabilities.legible = true;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let written = self.written(&Row::Record(record.clone()), None)?;
        let item = self.item(&written)?;
        let added = self.shelf.add(&self.settings.name(key), &item, now).await?;
        Ok(if added {
            Created::Yes
        } else {
            Created::KeyTaken
        })
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let Some(place) = self.living("load", key, now).await? else {
            return Ok(None);
        };
        let found = place.row.clone().into_found(place.key);
        if place.key == *key {
            self.seen.note(place);
        }
        Ok(found)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut guess = self.guess(key, now);
        for _ in 0..ROUNDS {
            let is_guess = guess.is_some();
            let place = match guess.take() {
                None => self.living("commit", key, now).await?,
                guess => guess,
            };
            let Some(place) = place else {
                return Ok(Committed::Gone);
            };
            let Row::Record(record) = &place.row else {
                return Ok(Committed::Gone);
            };
            let found = Found::new(place.key, record.clone());
            if !expect.admits(found.record.version) {
                if is_guess {
                    continue;
                }
                return Ok(Committed::Stale(found));
            }
            let new = match change.apply(&found) {
                Err(_) if is_guess => continue,
                new => new?,
            };
            if let Some(written) = self.commit_to(&place, new, now).await? {
                return Ok(Committed::Yes(written.version));
            }
        }
        Err(contended("commit"))
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let mut guess = self.guess(key, now);
        for _ in 0..ROUNDS {
            let place = match guess.take() {
                None => self.living("touch", key, now).await?,
                guess => guess,
            };
            let Some(place) = place else {
                return Ok(Touched::Gone);
            };
            let Row::Record(record) = &place.row else {
                return Ok(Touched::Gone);
            };
            if self.settings.is_touched_outside(record) {
                let there = self.shelf.prolong(&place.name, idle_deadline, now).await?;
                return Ok(if there { Touched::Yes } else { Touched::Gone });
            }
            let mut record = record.clone();
            record.idle_deadline = record.idle_deadline.max(idle_deadline);
            record.seen = record.seen.max(now);
            if self.commit_to(&place, record, now).await?.is_some() {
                return Ok(Touched::Yes);
            }
        }
        Err(contended("touch"))
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
        let new_name = self.settings.name(to);
        for _ in 0..ROUNDS {
            let Some(place) = self.living("rotate", from, now).await? else {
                return Ok(Committed::Gone);
            };
            let Row::Record(record) = &place.row else {
                return Ok(Committed::Gone);
            };
            let found = Found::new(place.key, record.clone());
            if !expect.admits(found.record.version) {
                return Ok(Committed::Stale(found));
            }
            if place.name == new_name {
                return Ok(Committed::KeyTaken);
            }
            let moved = Row::Record(change.apply_moving(&found, to)?);
            let moved = self.written(&moved, Some(&place.dict))?;
            let left = match leave {
                Leave::Alias(until) => self.written(&Row::Alias { to: *to, until }, None),
                Leave::Snapshot(until) => {
                    let record = found.record;
                    let row = Row::Snapshot { record, until };
                    self.written(&row, Some(&place.dict))
                }
            };
            let (left, item) = (self.item(&left?)?, self.item(&moved)?);
            let from = (&*place.name, &place.item, &left);
            match self.shelf.rename(from, (&new_name, &item), now).await? {
                Moved::Done => return Ok(Committed::Yes(moved.version)),
                Moved::Other => {}
                Moved::Taken => return Ok(Committed::KeyTaken),
            }
        }
        Err(contended("rotate"))
    }

    async fn delete(
        &self,
        key: &StoreKey,
        _: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let mut key = *key;
        for _ in 0..ROUNDS {
            let name = self.settings.name(&key);
            let Some(item) = self.shelf.read("delete", &name, now).await? else {
                return Ok(Deleted::Absent);
            };
            // What cannot be read is ended all the same.
            let dict = self.shelf.decode(&self.settings, &item.bytes);
            let row = dict.and_then(|dict| self.settings.read(&key, &dict, item.ends, now));
            if !self.shelf.take(&name, &item).await? {
                continue;
            }
            match row {
                Ok(row) if row.ends() <= now => return Ok(Deleted::Absent),
                Ok(Row::Alias { to, .. }) => key = to,
                _ => return Ok(Deleted::Yes),
            }
        }
        Err(contended("delete"))
    }
}

/// In the order of the engine. Files are named by a hash of the name of their session: the key of what was found in
/// one leads to nothing but [`end_file`](FlaskStore::end_file).
impl<S: Aisle> Walk for FlaskStore<S> {
    async fn walk(&self, from: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Page> {
        let prefix = self.settings.name_prefix();
        let shown = self
            .shelf
            .page(prefix, from.map(Cursor::as_str), limit, now)
            .await?;
        let mut page = Page::new(vec![], shown.next.map(Cursor::new));
        page.unreadable = shown.unreadable;
        for (named, item) in shown.items {
            let key = match named {
                Named::Hash(hash) => Some(StoreKey::from_bytes(hash)),
                Named::Sid(sid) => StoreKey::of_sid(&sid),
            };
            let dict = self.shelf.decode(&self.settings, &item.bytes);
            let row = key.zip(dict.ok()).and_then(|(key, dict)| {
                let row = self.settings.read(&key, &dict, item.ends, now).ok()?;
                Some((key, row))
            });
            let Some((key, row)) = row else {
                page.unreadable += 1;
                continue;
            };
            if row.ends() > now {
                let found = row.into_found(key).filter(|found| !found.frozen);
                page.found.extend(found);
            }
        }
        Ok(page)
    }
}

/// Flask-Session has no index by expiry: a sweep looks through the table.
impl<S: Broom> Sweep for FlaskStore<S> {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        self.shelf.sweep(now, limit).await
    }
}

impl<S> fmt::Debug for FlaskStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlaskStore")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a walk was to go on from is no place here.
#[cfg(any(
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
pub(crate) fn strange_place() -> Error {
    let context = "the place to go on from is none of this store";
    Error::new(ErrorKind::Decode, "walk", context)
}

fn contended(operation: &'static str) -> Error {
    let context = "too many changed the session at once";
    Error::new(ErrorKind::Contended, operation, context)
}

/// How many aliases are followed: each rotation within the grace of the one before adds one.
const HOPS: usize = 8;
/// How often a write begins anew. Every round somebody gets through.
const ROUNDS: usize = 1_000;
