//! The contract between the engine and whatever keeps sessions.
//!
//! A store keeps [`Record`]s under [`StoreKey`]s and merges [`Change`]s into them. It never sees a
//! cookie, an id or a value, and it never decides: what to do with an answer is the engine's business.
//! Every sentence in the documentation of [`Store`] is a promise with a conformance test of the same
//! name in `abiding-testkit`; run that suite over a store of your own.
//!
//! There is no upsert. A record comes into being by [`create`](Store::create) under a fresh random
//! key, or by [`rotate`](Store::rotate) out of a living one; nothing else can, so nothing that ended
//! returns. Optional powers are traits of their own: [`Bulk`], [`Scan`], [`Subjects`], [`Survey`], [`Sweep`],
//! [`Walk`], [`Watch`].

mod any;
mod bulk;
mod change;
mod erased;
mod farewell;
#[cfg(feature = "flask")]
pub mod flask_session;
mod memory;
pub mod sample;
mod survey;
mod walk;
mod watch;

use std::{future::Future, sync::Arc};

pub use any::{AnyStore, AnyStoreBuilder, Powers};
pub use bulk::Bulk;
pub use change::Change;
pub(crate) use change::{MetaEdit, PLAIN, SIZE_LIMIT, Sealer};
pub(crate) use erased::{DynBulk, DynStore, DynSubjects, DynSweep, DynWatch};
pub use farewell::Farewell;
pub use memory::MemoryStore;
pub use survey::{Census, Outline, Question, Steps, Survey};
pub use walk::{Cursor, Page, Walk};
pub use watch::{Announcer, Watch, Watching};

use crate::{
    clock::Timestamp,
    error::Result,
    id::StoreKey,
    record::{Found, Record, SubjectKey, Version},
};

/// Keeps records. `now` is the instant of the request; a record whose deadline is not after it has ended.
///
/// Dropping a returned future at any await leaves either no effect or the whole effect, and never
/// disturbs another operation.
pub trait Store: Send + Sync + 'static {
    /// What this store is and is not; constant over its life.
    fn capabilities(&self) -> Capabilities;

    /// Adds a record. Refuses a key that is already present, so that two sessions never share one.
    fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> impl Future<Output = Result<Created>> + Send;

    /// The living record under `key`. Follows an alias that is not over. Answers a snapshot that is not
    /// over, marked as frozen. Never answers an ended record.
    fn load(
        &self,
        key: &StoreKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Found>>> + Send;

    /// Merges `change` into the living record under `key`: `change.apply` on the record as it is at
    /// that moment, atomically. Follows an alias. Creates nothing: an ended, absent or frozen record is
    /// `Gone`.
    /// Under [`Expect::Version`] a record of another version is left alone and handed back as `Stale`.
    fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> impl Future<Output = Result<Committed>> + Send;

    /// Moves the idle deadline of the living record under `key`, and notes it was seen now; the payload
    /// and the version stay. Follows an alias. Never moves a deadline back, and revives nothing; a frozen
    /// record is `Gone`.
    fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Touched>> + Send;

    /// Commits `change` and moves the record to the key `to`, in one step; `leave` says what the old
    /// key is good for afterwards. Follows an alias: whoever comes second moves the record that the
    /// first one moved. Refuses a taken `to`. An ended, absent or frozen record is `Gone`.
    fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> impl Future<Output = Result<Committed>> + Send;

    /// Ends the record or snapshot under `key` and every alias on the way to it. Absent is fine: it is
    /// over either way, and its key is free again. Where a living record was, what `farewell` makes of it is left as a snapshot until its own
    /// deadline, unless the store is [`legible`](Capabilities::legible).
    fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Deleted>> + Send;
}

/// Removes records that ended by themselves.
pub trait Sweep: Store {
    /// Removes up to `limit` ended records, aliases and snapshots, without holding up anybody else for longer
    /// than a few milliseconds. Never removes a living one. A failed sweep may simply be repeated.
    fn sweep(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<Swept>> + Send;
}

/// Walks over all living records.
pub trait Scan: Store {
    /// Up to `limit` living records whose keys come after `after`, in the order of the keys; no aliases
    /// and no snapshots. A record that lives during the whole walk is seen exactly once.
    fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Found>>> + Send;
}

/// Finds and ends the sessions of a subject.
pub trait Subjects: Store {
    /// The living records of a subject, the most recently seen first; no snapshots.
    fn of_subject(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Found>>> + Send;

    /// Ends all records and snapshots of a subject but the record that `except` leads to, in one step.
    /// Answers how many living ones.
    fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> impl Future<Output = Result<usize>> + Send;
}

/// What a store is and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What to call it in messages and tables.
    pub name: &'static str,
    /// Records never leave this process, so they are not sealed.
    pub in_process: bool,
    /// An acknowledged write survives the end of the process.
    pub durable: bool,
    /// Several processes may share it.
    pub shared: bool,
    /// It may drop living records on its own, to make room.
    pub evicts: bool,
    /// It keeps the values in a layout that another program reads and writes: records are not sealed, and
    /// nothing is left in the place of a session that somebody ended.
    pub legible: bool,
}

impl Capabilities {
    /// A store with this name and none of the powers.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            in_process: false,
            durable: false,
            shared: false,
            evicts: false,
            legible: false,
        }
    }
}

/// Which state of the record a change was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must handle both, and there is no third"
)]
pub enum Expect {
    /// Whatever it is now: the change concerns only the keys that it names.
    Any,
    /// This one: the change was computed from what it read.
    Version(Version),
}

impl Expect {
    /// Whether a change that expects this may be merged into a record of `version`.
    pub fn admits(self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Version(expected) => expected == version,
        }
    }
}

/// What an old key is good for after a rotation, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle both")]
pub enum Leave {
    /// It leads to the record until then: parallel tabs go on as if nothing had happened. For a new id
    /// with the same privileges.
    Alias(Timestamp),
    /// It answers the record as it was before the change, frozen, until then: nobody reaches the new
    /// privileges through the old id, yet a page that was under way still finds its data, and so does
    /// whoever signs in again because the answer to the first time was lost.
    Snapshot(Timestamp),
}

impl Leave {
    /// When the old key is dead.
    pub fn until(self) -> Timestamp {
        match self {
            Self::Alias(until) | Self::Snapshot(until) => until,
        }
    }
}

/// What became of a record that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract of `create` has two outcomes"
)]
pub enum Created {
    /// There is one already; nothing was changed.
    KeyTaken,
    /// It was added.
    Yes,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract of `commit` and `rotate` has these outcomes"
)]
pub enum Committed {
    /// There is no living record; nothing was changed, and nothing may be created in its place.
    Gone,
    /// Only from `rotate`: the new key is taken; nothing was changed.
    KeyTaken,
    /// The record is of another version than the change expects: here it is; nothing was changed.
    Stale(Found),
    /// The change is in, and the record has this version now.
    Yes(Version),
}

/// What became of a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract of `touch` has two outcomes"
)]
pub enum Touched {
    /// There is no living record.
    Gone,
    /// The deadline is at least the one asked for.
    Yes,
}

/// What became of a record that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract of `delete` has two outcomes"
)]
pub enum Deleted {
    /// There was no living record.
    Absent,
    /// It was ended.
    Yes,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// How many ended records and aliases were removed.
    pub removed: usize,
    /// Whether more of them may be left.
    pub more: bool,
}

impl Swept {
    /// A sweep that removed so many, and may have left more.
    pub const fn new(removed: usize, more: bool) -> Self {
        Self { removed, more }
    }
}

/// A shared store is a store.
impl<S: Store> Store for Arc<S> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> impl Future<Output = Result<Created>> + Send {
        (**self).create(key, record, now)
    }

    fn load(
        &self,
        key: &StoreKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Found>>> + Send {
        (**self).load(key, now)
    }

    fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> impl Future<Output = Result<Committed>> + Send {
        (**self).commit(key, change, expect, now)
    }

    fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Touched>> + Send {
        (**self).touch(key, idle_deadline, now)
    }

    fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> impl Future<Output = Result<Committed>> + Send {
        (**self).rotate(from, to, change, expect, leave, now)
    }

    fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Deleted>> + Send {
        (**self).delete(key, farewell, now)
    }
}

impl<S: Sweep> Sweep for Arc<S> {
    fn sweep(&self, now: Timestamp, limit: usize) -> impl Future<Output = Result<Swept>> + Send {
        (**self).sweep(now, limit)
    }
}

impl<S: Bulk> Bulk for Arc<S> {
    fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Created>>> + Send {
        (**self).create_all(records, now)
    }

    fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<bool>>> + Send {
        (**self).replace_all(records, now)
    }
}

impl<S: Survey> Survey for Arc<S> {
    fn survey(
        &self,
        question: &Question,
        now: Timestamp,
    ) -> impl Future<Output = Result<Census>> + Send {
        (**self).survey(question, now)
    }
}

impl<S: Walk> Walk for Arc<S> {
    fn walk(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Page>> + Send {
        (**self).walk(from, limit, now)
    }
}

impl<S: Scan> Scan for Arc<S> {
    fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Found>>> + Send {
        (**self).scan(after, limit, now)
    }
}

impl<S: Subjects> Subjects for Arc<S> {
    fn of_subject(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Found>>> + Send {
        (**self).of_subject(subject, now)
    }

    fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> impl Future<Output = Result<usize>> + Send {
        (**self).end_subject(subject, except, now)
    }
}

impl<S: Watch> Watch for Arc<S> {
    fn watch(&self, key: &StoreKey) -> impl Future<Output = Result<Watching>> + Send {
        (**self).watch(key)
    }
}
