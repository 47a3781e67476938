//! Moving a session from one store to another: copy, mark, confirm.

use super::{Brought, Count, Standing, resolve::Whereabouts};
use crate::{
    clock::Timestamp,
    codec::{Entries, Mark, Meta, Passage, Side},
    delta::{Delta, Intent},
    engine::{Credential, Live},
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    manager::{Shared, close::gone_is_an_answer},
    record::{Found, Record, Version},
    store::{Committed, Created, Expect, MetaEdit},
};

impl Shared {
    /// Copies the session that `live` shows to `own`, where `there` lies, and marks the original. Answers whether to look
    /// again; otherwise it cannot be kept here, which was counted.
    pub(super) async fn carry(
        &self,
        at: usize,
        own: &Credential,
        there: Option<(Version, Option<Side>)>,
        theirs: &Credential,
        live: &Live,
        taken: &mut usize,
    ) -> Result<bool> {
        let now = self.clock.now();
        let passage = match there {
            // Another mover may be about to mark the original for it.
            Some((_, Some(Side::Copy(passage)))) => passage,
            _ => Passage::draw()?,
        };
        let version = there.map(|(version, _)| version);
        let mark = Mark::new(Side::Copy(passage), self.twin(at, theirs.key));
        match self.write_copy(&own.key, live, mark, version, now).await {
            Ok(true) => {}
            Ok(false) => {
                *taken += usize::from(version.is_none());
                return Ok(true);
            }
            Err(error) => return self.kept(error).map(|_| false),
        }
        let mark = Mark::new(Side::Moved(passage), self.twin(at, own.key));
        match self
            .place(at)
            .mark(&theirs.key, mark, live.version, now)
            .await
        {
            Ok(true) => {
                self.counts.add(Count::Moved);
                Ok(true)
            }
            // Somebody wrote to the original, or ended it.
            Ok(false) => Ok(true),
            Err(error) => self.kept(error).map(|_| false),
        }
    }

    /// Makes a record of what `live` shows, or brings the one of this version up to date. Answers whether
    /// nobody was faster.
    pub(super) async fn write_copy(
        &self,
        key: &StoreKey,
        live: &Live,
        mark: Mark,
        version: Option<Version>,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(store) = self.store_of() else {
            return Ok(false);
        };
        let meta = Meta {
            mark: Some(mark),
            ..live.meta.clone()
        };
        let Some(version) = version else {
            let record = self.record_of(key, &meta, live, now)?;
            return Ok(store.create(key, &record, now).await? == Created::Yes);
        };
        let mut delta = Delta::default();
        delta.clear();
        for entry in live.entries.iter() {
            delta.put(entry.key, Intent::Set(entry.value))?;
        }
        let edit = MetaEdit {
            absolute_deadline: Some(meta.absolute_deadline),
            idle: Some(meta.idle),
            persistent: Some(meta.persistent),
            subject: Some(meta.subject),
            authenticated: Some(meta.authenticated),
            elevated_until: Some(meta.elevated_until),
            device: Some(meta.device),
            handle: Some(meta.handle),
            mark: Some(meta.mark),
            at_rest: false,
        };
        let change = self.change(delta, edit, now);
        let committed = store
            .commit(key, &change, Expect::Version(version), now)
            .await;
        Ok(matches!(gone_is_an_answer(committed)?, Committed::Yes(_)))
    }

    /// The record of what `live` shows, with its deadlines.
    pub(super) fn record_of(
        &self,
        key: &StoreKey,
        meta: &Meta,
        live: &Live,
        now: Timestamp,
    ) -> Result<Record> {
        let nothing = Delta::default();
        let entries: &Entries = &live.entries;
        let mut record = self.sealer.record(key, meta, entries, &nothing, now)?;
        record.seen = live.seen;
        record.idle_deadline = live.idle_deadline;
        Ok(record)
    }

    /// Marks the record of this version. Answers whether nobody was faster.
    pub(super) async fn mark(
        &self,
        key: &StoreKey,
        mark: Mark,
        version: Version,
        now: Timestamp,
    ) -> Result<bool> {
        self.set_mark(key, Some(mark), version, now).await
    }

    async fn set_mark(
        &self,
        key: &StoreKey,
        mark: Option<Mark>,
        version: Version,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(store) = self.store_of() else {
            return Ok(false);
        };
        let edit = MetaEdit {
            mark: Some(mark),
            at_rest: true,
            ..MetaEdit::default()
        };
        let mut change = self.change(Delta::default(), edit, now);
        // Not what a renewal has moved on, whose cookie knows nothing of the other side.
        change.under = Some(*key);
        let committed = store
            .commit(key, &change, Expect::Version(version), now)
            .await;
        Ok(matches!(gone_is_an_answer(committed)?, Committed::Yes(_)))
    }

    /// Says of a copy that it is the session now. Whoever is faster has said so too, or has written to it.
    pub(super) async fn confirm(
        &self,
        own: &Credential,
        live: &Live,
        at: usize,
        theirs: &Credential,
        now: Timestamp,
    ) -> Result<()> {
        self.confirm_as(own, live, self.twin(at, theirs.key), now)
            .await
    }

    pub(super) async fn confirm_as(
        &self,
        own: &Credential,
        live: &Live,
        twin: Option<StoreKey>,
        now: Timestamp,
    ) -> Result<()> {
        let mark = twin.map(|twin| Mark::new(Side::Settled, Some(twin)));
        self.set_mark(&own.key, mark, live.version, now).await?;
        Ok(())
    }

    /// Removes a copy whose original is gone, unless it has become the session meanwhile. Once the original
    /// is gone nobody marks it any more, so a copy that still is one will never be more.
    pub(super) async fn drop_copy(&self, own: &Credential) -> Result<()> {
        let now = self.clock.now();
        if let ((Standing::Copy(_), key), Some(store)) =
            (self.standing(own, now).await?, self.store_of())
            && key == own.key
        {
            store.delete(&key, None, now).await?;
        }
        Ok(())
    }

    /// Counts a session that cannot be kept here; any other error is one.
    pub(super) fn kept(&self, error: Error) -> Result<Brought> {
        let (count, brought) = match error.kind() {
            ErrorKind::TooLarge => (Count::TooLarge, Brought::TooLarge),
            ErrorKind::Encode => (Count::Refused, Brought::Refused),
            _ => return Err(error),
        };
        tracing::warn!(%error, cause = ?std::error::Error::source(&error), "a session stays where it is");
        self.counts.add(count);
        Ok(brought)
    }

    /// Moves one session that was found in place number `other`, counted from 0.
    pub(super) async fn bring_found(&self, other: usize, found: &Found) -> Result<Brought> {
        let at = other + 1;
        let (Some(_), Some(_), true) = (self.store_of(), self.place(at).store_of(), self.moves(at))
        else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "bring",
                "both places have to be stores, and the other one in the phase `Move` or `Mirror`",
            ));
        };
        let (place, now) = (self.place(at), self.clock.now());
        let theirs = Self::keyed(found.key);
        let (standing, key) = place.standing(&theirs, now).await?;
        match standing {
            Standing::Absent => return Ok(Brought::Vanished),
            Standing::Over(_) => return Ok(Brought::Ended),
            Standing::Aside(_) => return Ok(Brought::Vanished),
            Standing::Moved(_) => return Ok(Brought::WasMoved),
            Standing::Copy(_) | Standing::Plain(_) if key != found.key => {
                return Ok(Brought::Vanished);
            }
            Standing::Copy(_) | Standing::Plain(_) => {}
        }
        let own = if self.is_same(at) {
            Some(theirs.clone())
        } else {
            self.derived(&found.key, now).into_iter().next()
        };
        let Some(own) = own else {
            return Ok(Brought::Vanished);
        };
        let before = (
            self.counts.of(Count::TooLarge),
            self.counts.of(Count::Refused),
        );
        let mut home = self.pair(at, own, theirs.clone(), false).await?;
        if home.is_none() {
            home = self.follow_among(at, &theirs).await?;
        }
        Ok(match home {
            Some(Whereabouts::Here { place, .. }) if place != 0 && place != at => Brought::Vanished,
            Some(Whereabouts::Here { place: 0, .. }) => Brought::Moved,
            // Other requests count as well, so this is the likelier of the two.
            Some(Whereabouts::Here { .. }) if self.counts.of(Count::Refused) > before.1 => {
                Brought::Refused
            }
            Some(Whereabouts::Here { .. }) => Brought::TooLarge,
            Some(Whereabouts::InCookie { .. }) => Brought::WasMoved,
            Some(Whereabouts::Over(_)) | None => Brought::Ended,
        })
    }
}
