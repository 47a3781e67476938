//! What a token leads to at this moment, seen past all faults and without touching anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use abiding::{
    Error, ErrorKind, Found, KeyRing, Manager, Record, Result, Session, Store, StoreKey, Timestamp,
    store::{Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};

use crate::{clock::ManualClock, run::block_on};

/// The key of the counter in every session.
pub(super) const COUNTER: &str = "n";

/// Looks through tokens.
pub(super) struct Observer {
    manager: Manager,
    was_frozen: Arc<AtomicBool>,
}

/// What was seen through a token.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) handle: String,
    pub(super) frozen: bool,
    pub(super) elevated: bool,
    pub(super) subject: Option<String>,
    pub(super) absolute_deadline: Timestamp,
    pub(super) writes: BTreeSet<usize>,
    pub(super) count: u64,
}

impl Observer {
    pub(super) fn new<S: Store>(store: &Arc<S>, ring: &KeyRing, clock: &ManualClock) -> Self {
        let was_frozen = Arc::default();
        let lens = Lens {
            store: Arc::clone(store),
            was_frozen: Arc::clone(&was_frozen),
        };
        let builder = Manager::builder(lens)
            .keys(ring.clone())
            .clock(clock.clone());
        Self {
            manager: builder.build().expect("the settings of the walk are sound"),
            was_frozen,
        }
    }

    /// What this token leads to. Nothing is written, since the session is never closed.
    pub(super) fn look(&self, token: &str) -> Result<Option<Seen>, String> {
        let cookie = format!("{}={token}", self.manager.cookie().name());
        let session = self.manager.open([cookie.as_bytes()]);
        let seen = block_on(self.describe(&session));
        seen.map_err(|error| format!("a session cannot be read: {error}: {error:?}"))?
            .transpose()
    }

    async fn describe(&self, session: &Session) -> Result<Option<Result<Seen, String>>> {
        let Some(info) = session.info().await? else {
            return Ok(None);
        };
        let frozen = self.was_frozen.load(Ordering::SeqCst);
        let count = session.get(COUNTER).await?.unwrap_or(0);
        let writes = whole_writes(&session.keys().await?);
        Ok(Some(writes.map(|writes| Seen {
            handle: info.handle,
            frozen,
            elevated: info.elevated,
            subject: info.subject,
            absolute_deadline: info.absolute_deadline,
            writes,
            count,
        })))
    }
}

/// The two keys that one write sets.
pub(super) fn halves(write: usize) -> [String; 2] {
    [format!("w{write}.a"), format!("w{write}.b")]
}

/// The writes that are there, each with both halves.
pub(super) fn whole_writes(keys: &[String]) -> Result<BTreeSet<usize>, String> {
    let mut halves = BTreeMap::<usize, usize>::new();
    for key in keys {
        let write = key
            .strip_prefix('w')
            .and_then(|rest| rest.split('.').next()?.parse().ok());
        if let Some(write) = write {
            *halves.entry(write).or_default() += 1;
        }
    }
    match halves.iter().find(|(_, halves)| **halves != 2) {
        Some((write, _)) => Err(format!("half of write {write} is there")),
        None => Ok(halves.into_keys().collect()),
    }
}

/// A store that can only be looked at.
struct Lens<S> {
    store: Arc<S>,
    was_frozen: Arc<AtomicBool>,
}

fn only_looking<T>(operation: &'static str) -> Result<T> {
    Err(Error::new(
        ErrorKind::Unsupported,
        operation,
        "the observer only looks",
    ))
}

impl<S: Store> Store for Lens<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn create(&self, _: &StoreKey, _: &Record, _: Timestamp) -> Result<Created> {
        only_looking("create")
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let found = self.store.load(key, now).await?;
        self.was_frozen.store(
            found.as_ref().is_some_and(|found| found.frozen),
            Ordering::SeqCst,
        );
        Ok(found)
    }

    async fn commit(&self, _: &StoreKey, _: &Change, _: Expect, _: Timestamp) -> Result<Committed> {
        only_looking("commit")
    }

    async fn touch(&self, _: &StoreKey, _: Timestamp, _: Timestamp) -> Result<Touched> {
        only_looking("touch")
    }

    async fn rotate(
        &self,
        _: &StoreKey,
        _: &StoreKey,
        _: &Change,
        _: Expect,
        _: Leave,
        _: Timestamp,
    ) -> Result<Committed> {
        only_looking("rotate")
    }

    async fn delete(&self, _: &StoreKey, _: Option<&Farewell>, _: Timestamp) -> Result<Deleted> {
        only_looking("delete")
    }
}
