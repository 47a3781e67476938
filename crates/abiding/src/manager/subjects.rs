//! The sessions of one subject: listed, and ended from elsewhere.
//!
//! Called by the manager and by a session of the subject. Every key of the ring has a name of its own
//! for a subject, so each is asked: a rotation hides nobody's session.

use super::{Place, Shared};
use crate::{
    clock::Timestamp,
    ending::Ending,
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    record::Found,
    session::Info,
    store::{Deleted, DynStore, DynSubjects, Farewell},
};

/// The session that asks for the end of the others.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) key: Option<StoreKey>,
    pub(crate) handle: Option<[u8; 12]>,
}

impl Shared {
    /// The living sessions of a subject, the most recently seen first.
    pub(crate) async fn sessions_of(&self, subject: &str) -> Result<Vec<Info>> {
        if let Place::Cookie(Some(register)) = &self.place {
            return register.list(subject, self.clock.now()).await;
        }
        let (index, now) = (self.subjects("sessions_of")?.1, self.clock.now());
        let mut sessions = Vec::new();
        for key in self.ring.subject_keys(&self.realm, subject, now) {
            let found = index.of_subject(&key, now).await?;
            sessions.extend(found.iter().filter_map(|found| self.info(found, now)));
        }
        sessions.sort_by_key(|info| std::cmp::Reverse(info.seen));
        Ok(sessions)
    }

    /// Ends the sessions of a subject, its own one aside, and answers how many there were.
    pub(crate) async fn end_subject(
        &self,
        operation: &'static str,
        subject: &str,
        own: &Own,
    ) -> Result<usize> {
        if let Place::Cookie(Some(register)) = &self.place {
            let except = own.handle.as_ref().map(<[u8; 12]>::as_slice);
            return register.revoke_all(subject, except, self.clock.now()).await;
        }
        let except = own.key.as_ref();
        let ((store, index), now) = (self.subjects(operation)?, self.clock.now());
        let farewell = self.farewell(Ending::Revoked, now);
        let mut ended = 0;
        for key in self.ring.subject_keys(&self.realm, subject, now) {
            for found in index.of_subject(&key, now).await? {
                if Some(&found.key) != except {
                    let deleted = store.delete(&found.key, Some(&farewell), now).await?;
                    ended += usize::from(deleted == Deleted::Yes);
                }
            }
            // What was not listed: snapshots, and what began or moved since.
            ended += index.end_subject(&key, except, now).await?;
        }
        Ok(ended)
    }

    /// Ends one session of a subject.
    pub(crate) async fn revoke(&self, subject: &str, handle: &str) -> Result<bool> {
        if let Place::Cookie(Some(register)) = &self.place {
            let revoked = register.revoke(subject, handle, self.clock.now()).await?;
            return Ok(revoked > 0);
        }
        let ((store, index), now) = (self.subjects("revoke")?, self.clock.now());
        let farewell = self.farewell(Ending::Revoked, now);
        let mut ended = false;
        for key in self.ring.subject_keys(&self.realm, subject, now) {
            for found in index.of_subject(&key, now).await? {
                if self
                    .info(&found, now)
                    .is_some_and(|info| info.handle == handle)
                {
                    let deleted = store.delete(&found.key, Some(&farewell), now).await?;
                    ended |= deleted == Deleted::Yes;
                }
            }
        }
        Ok(ended)
    }

    /// What is left in the place of a session that ends on purpose.
    pub(crate) fn farewell(&self, ending: Ending, now: Timestamp) -> Farewell {
        Farewell {
            now,
            ending,
            sealer: self.sealer.clone(),
        }
    }

    /// One that cannot be opened is logged and left out, so that it does not hide the others.
    fn info(&self, found: &Found, now: Timestamp) -> Option<Info> {
        match self.sealer.open(&found.key, &found.record, now) {
            Ok(opened) => {
                let (meta, entries) = opened?;
                Some(Info::of_record(&meta, &entries, &found.record, now))
            }
            Err(error) => {
                tracing::error!(%error, key = ?found.key, "session left out");
                None
            }
        }
    }

    fn subjects(&self, operation: &'static str) -> Result<(&dyn DynStore, &dyn DynSubjects)> {
        match (&self.place, &self.subjects) {
            (Place::Store(store), Some(index)) => Ok((&**store, &**index)),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                operation,
                "build the manager with `subjects()`, or with `revocable()` if sessions live in cookies",
            )),
        }
    }
}
