//! Small records under names instead of ids: what the server itself has to remember.
//!
//! Used by the [`Ledger`](crate::Ledger) and by sealed cookies that can be revoked. A note lies in any
//! store, sealed like a session, under a keyed hash of its name; every change is a compare-and-swap, so
//! that of two nobody is lost. The name is looked for under each key of the ring, so that a rotation
//! forgets nothing.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    codec::{Entries, Meta},
    delta::Delta,
    error::{Error, ErrorKind, Result},
    id::{Naming, SidLength, StoreKey},
    keyring::KeyRing,
    record::{Found, Version},
    store::{
        Capabilities, Change, Committed, Created, DynStore, DynSweep, Expect, MetaEdit, SIZE_LIMIT,
        Sealer, Swept,
    },
};

/// How often a change is computed anew because another one came first: every round somebody gets through.
const ROUNDS: usize = 1_000;

/// How much longer a note is kept than anything in it counts. When a store drops it, it has long been
/// without a meaning, and a note that begins anew in its place takes nothing away from anybody.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes of one kind.
pub(crate) struct Notes {
    store: Arc<dyn DynStore>,
    sweep: Arc<dyn DynSweep>,
    ring: KeyRing,
    realm: Box<str>,
    kind: &'static str,
    naming: Naming,
    sealer: Sealer,
}

/// A note as it was read.
pub(crate) struct Note {
    key: StoreKey,
    version: Version,
    deadline: Timestamp,
    pub(crate) entries: Entries,
}

impl Notes {
    pub(crate) fn new(
        store: Arc<dyn DynStore>,
        sweep: Arc<dyn DynSweep>,
        ring: KeyRing,
        realm: &str,
        kind: &'static str,
    ) -> Self {
        let seals = !store.capabilities().in_process;
        Self {
            store,
            sweep,
            sealer: Sealer::new(realm, ring.clone(), seals, SIZE_LIMIT),
            ring,
            realm: realm.into(),
            kind,
            naming: Naming::new(realm, SidLength::default()),
        }
    }

    /// Where the notes lie, and what seals them.
    pub(crate) fn shelf(&self) -> (&dyn DynStore, &Sealer) {
        (&*self.store, &self.sealer)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    /// The note of this name, if there is one.
    pub(crate) async fn read(&self, name: &str, now: Timestamp) -> Result<Option<Note>> {
        for key in self.keys(name, now) {
            if let Some(found) = self.store.load(&key, now).await?
                && let Some(note) = self.note(&found, now)?
            {
                return Ok(Some(note));
            }
        }
        Ok(None)
    }

    /// Changes the note of this name as `edit` says from what it finds, beginning it if there is none;
    /// `None` leaves it as it is. What is written counts until the instant beside it.
    pub(crate) async fn change(
        &self,
        name: &str,
        now: Timestamp,
        mut edit: impl FnMut(Option<&Note>) -> Result<Option<(Delta, Timestamp)>>,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            let note = self.read(name, now).await?;
            let Some((delta, until)) = edit(note.as_ref())? else {
                return Ok(());
            };
            let done = match note {
                Some(note) => self.commit(&note, delta, until, now).await?,
                None => self.begin(name, &delta, until, now).await?,
            };
            if done {
                return Ok(());
            }
        }
        let context = "too many requests change one note at once";
        Err(Error::new(ErrorKind::Contended, "note", context))
    }

    /// Removes up to `limit` notes that count no more.
    pub(crate) async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        self.sweep.sweep(now, limit).await
    }

    async fn commit(
        &self,
        note: &Note,
        delta: Delta,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let change = Change {
            now,
            delta,
            edit: MetaEdit {
                absolute_deadline: Some(until.after(MARGIN).max(note.deadline)),
                ..MetaEdit::default()
            },
            sealer: self.sealer.clone(),
            under: None,
        };
        let expect = Expect::Version(note.version);
        match self.store.commit(&note.key, &change, expect, now).await? {
            Committed::Yes(_) => Ok(true),
            Committed::Gone | Committed::KeyTaken | Committed::Stale(_) => Ok(false),
        }
    }

    async fn begin(
        &self,
        name: &str,
        delta: &Delta,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(key) = self.keys(name, now).next() else {
            return Ok(false);
        };
        let meta = Meta::new(now, until.after(MARGIN));
        let nothing = Entries::default();
        let record = self.sealer.record(&key, &meta, &nothing, delta, now)?;
        if self.store.create(&key, &record, now).await? == Created::Yes {
            return Ok(true);
        }
        if self.store.load(&key, now).await?.is_none() {
            // What is over and was not swept yet still holds the key.
            self.store.delete(&key, None, now).await?;
        }
        Ok(false)
    }

    fn note(&self, found: &Found, now: Timestamp) -> Result<Option<Note>> {
        let opened = self.sealer.open(&found.key, &found.record, now)?;
        Ok(opened.map(|(meta, entries)| Note {
            key: found.key,
            version: found.record.version,
            deadline: meta.absolute_deadline,
            entries,
        }))
    }

    /// Where a note may lie, the place where it would begin first.
    fn keys(&self, name: &str, now: Timestamp) -> impl Iterator<Item = StoreKey> {
        let names = self.ring.subject_keys(&self.realm, name, now).into_iter();
        names.map(|name| self.naming.note_key(self.kind, name.as_bytes()))
    }
}
