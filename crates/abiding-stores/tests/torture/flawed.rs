//! Stores with a flaw that shows among processes alone: the torture must notice each of them.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use abiding::{
    Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Subjects,
        Sweep, Swept, Touched,
    },
};
use abiding_stores::sqlite::{Durability, SqliteOptions, SqliteStore};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// What this process has seen of a session is good for ever.
    Caches,
    /// Now and then a write is acknowledged and not made.
    Forgets,
    /// A write to what is gone brings it back, as this process knew it.
    Revives,
}

impl Flaw {
    pub(crate) const ALL: [Self; 3] = [Self::Caches, Self::Forgets, Self::Revives];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|flaw| format!("{flaw:?}") == name)
    }
}

pub(crate) struct Flawed {
    flaw: Flaw,
    store: SqliteStore,
    seen: Mutex<HashMap<StoreKey, Found>>,
    commits: AtomicUsize,
}

impl Flawed {
    pub(crate) fn open(flaw: Flaw, path: &str) -> Self {
        let options = SqliteOptions::new(path).durability(Durability::Process);
        Self {
            flaw,
            store: options.open().unwrap(),
            seen: Mutex::default(),
            commits: AtomicUsize::new(0),
        }
    }
}

impl Store for Flawed {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        self.store.create(key, record, now).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let known = self.seen.lock().unwrap().get(key).cloned();
        if self.flaw == Flaw::Caches && known.is_some() {
            return Ok(known);
        }
        let found = self.store.load(key, now).await?;
        if let Some(found) = &found {
            self.seen.lock().unwrap().insert(*key, found.clone());
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
        let count = self.commits.fetch_add(1, Ordering::Relaxed);
        if self.flaw == Flaw::Forgets && count % 10 == 9 {
            let found = self.store.load(key, now).await?;
            return Ok(found.map_or(Committed::Gone, |found| {
                Committed::Yes(found.record.version.next())
            }));
        }
        let committed = self.store.commit(key, change, expect, now).await?;
        let known = self.seen.lock().unwrap().get(key).cloned();
        if let (Flaw::Revives, Committed::Gone, Some(known)) = (self.flaw, &committed, known) {
            let record = change.apply(&known)?;
            let version = record.version;
            self.store.delete(&known.key, None, now).await?;
            self.store.create(&known.key, &record, now).await?;
            return Ok(Committed::Yes(version));
        }
        if self.flaw == Flaw::Caches {
            self.seen.lock().unwrap().remove(key);
        }
        Ok(committed)
    }

    async fn touch(&self, key: &StoreKey, idle: Timestamp, now: Timestamp) -> Result<Touched> {
        self.store.touch(key, idle, now).await
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
        self.store
            .rotate(from, to, change, expect, leave, now)
            .await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.store.delete(key, farewell, now).await
    }
}

impl Sweep for Flawed {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        self.store.sweep(now, limit).await
    }
}

impl Subjects for Flawed {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        self.store.of_subject(subject, now).await
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        self.store.end_subject(subject, except, now).await
    }
}
