//! The sessions of one subject: listed, and ended from elsewhere.
//!
//! Called by the manager and by a session of the subject. Every key of the ring has a name of its own
//! for a subject, so each is asked: a rotation hides nobody's session.

use super::{Place, Shared};
use crate::{
    clock::Timestamp,
    codec::{Meta, Side},
    ending::Ending,
    error::{Error, ErrorKind, Result},
    id::{StoreKey, hex},
    record::Found,
    session::Info,
    store::{Deleted, DynStore, DynSubjects, Farewell},
};

/// The session that asks for the end of the others.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) key: Option<StoreKey>,
    pub(crate) handle: Option<[u8; 12]>,
    /// The number of the place where it lives.
    pub(crate) home: usize,
}

impl Shared {
    /// The living sessions of a subject, the most recently seen first.
    pub(crate) async fn sessions_of(&self, subject: &str) -> Result<Vec<Info>> {
        if !self.is_one_of_many() {
            return self.own_sessions_of(subject, |_| true).await;
        }
        let is_here = |meta: &Meta| {
            let side = meta.mark.as_ref().map(|mark| mark.side);
            !matches!(side, Some(Side::Copy(_) | Side::Moved(_)))
        };
        let mut sessions = self.own_sessions_of(subject, is_here).await?;
        for other in &self.others {
            let more = unless_unsupported(other.shared.own_sessions_of(subject, is_here).await)?;
            for info in more.unwrap_or_default() {
                if sessions.iter().all(|known| known.handle != info.handle) {
                    sessions.push(info);
                }
            }
        }
        sessions.sort_by_key(|info| std::cmp::Reverse(info.seen));
        Ok(sessions)
    }

    async fn own_sessions_of(&self, subject: &str, which: fn(&Meta) -> bool) -> Result<Vec<Info>> {
        if let Place::Cookie(Some(register)) = &self.place {
            return register.list(subject, self.clock.now()).await;
        }
        let (index, now) = (self.subjects("sessions_of")?.1, self.clock.now());
        let mut sessions = Vec::new();
        for key in self.ring.subject_keys(&self.realm, subject, now) {
            let found = index.of_subject(&key, now).await?;
            sessions.extend(
                found
                    .iter()
                    .filter_map(|found| self.info(found, which, now)),
            );
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
        if !self.is_one_of_many() {
            return self.end_own_subject(operation, subject, own).await;
        }
        let listed = self.sessions_of(subject).await?;
        let own_handle = own.handle.as_ref().map(|handle| hex(handle));
        let others = listed
            .iter()
            .filter(|info| Some(&info.handle) != own_handle.as_ref());
        let ended = others.count();
        // All but the last again, for what was brought there meanwhile.
        for at in (0..=self.others.len()).chain(0..self.others.len()) {
            let spared = at == own.home || self.are_same(at, own.home);
            let own = Own {
                key: own.key.filter(|_| spared),
                ..*own
            };
            let place = self.place(at);
            let done = place.end_own_subject(operation, subject, &own).await;
            if at == 0 {
                done?;
            } else {
                unless_unsupported(done)?;
            }
        }
        Ok(ended)
    }

    async fn end_own_subject(
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
        let mut ended = false;
        // All but the last again, for what was brought there meanwhile.
        for at in (0..=self.others.len()).chain(0..self.others.len()) {
            let done = self.place(at).revoke_own(subject, handle).await;
            ended |= if at == 0 {
                done?
            } else {
                unless_unsupported(done)?.unwrap_or(false)
            };
        }
        Ok(ended)
    }

    async fn revoke_own(&self, subject: &str, handle: &str) -> Result<bool> {
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
                    .info(&found, |_| true, now)
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
    fn info(&self, found: &Found, which: fn(&Meta) -> bool, now: Timestamp) -> Option<Info> {
        match self.sealer.open(&found.key, &found.record, now) {
            Ok(opened) => {
                let (meta, entries) = opened.filter(|(meta, _)| which(meta))?;
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

/// Another place need not know whose its sessions are.
fn unless_unsupported<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        answer => answer.map(Some),
    }
}
