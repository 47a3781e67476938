//! The way in: from a cookie's value to a session that can be read.

use super::{Place, Shared};
use crate::{
    base64url,
    clock::Timestamp,
    codec,
    ending::Ending,
    engine::{Credential, Known, Live, Unopened},
    error::{Error, ErrorKind, Result},
    keyring::{Opened, Purpose},
    record::{Found, Version},
    rejection::Rejection,
    session::Desk,
    store::Capabilities,
};

/// First byte of a sealed cookie, before the seal. A token begins with 0x01.
pub(crate) const SEALED_COOKIE: u8 = 0x02;

impl Shared {
    /// Looks at the cookie's value, once, when the handler first looks at the session. No I/O.
    pub(crate) fn present(&self, desk: &mut Desk) {
        desk.state.accessed = true;
        if desk.across.is_some() {
            return self.present_all(desk);
        }
        let state = &mut desk.state;
        let Known::Unopened(Unopened(value)) = &state.known else {
            return;
        };
        let opened = match self.open_value(value) {
            Ok(Some(known)) => Ok(known),
            Ok(None) => {
                state.unreadable = true;
                return;
            }
            Err(reason) => Err(reason),
        };
        state.known = opened.unwrap_or_else(|reason| {
            self.rejected.count(reason);
            if reason == Rejection::RevokedKey {
                return self.over(Ending::KeyRevoked);
            }
            state.refused = Some(reason);
            Known::Nobody
        });
    }

    pub(super) fn open_token(&self, value: &[u8]) -> Result<Known, Rejection> {
        if let Some(opened) = self.dialect.open_sid(value) {
            return opened.map(Known::Unread);
        }
        let now = self.clock.now();
        let token = self.ring.open_token(&self.token_binding, value, now)?;
        Ok(Known::Unread(Credential {
            key: self.naming.store_key(&token.id),
            id: token.id,
            until: token.until,
            old_key: token.old_key,
        }))
    }

    /// A sealed cookie is `0x02 seal(seen:i64 idle_deadline:i64 payload)` in base64url. `None` if it is genuine and cannot be read.
    pub(super) fn open_sealed(&self, value: &[u8]) -> Result<Option<Known>, Rejection> {
        if let Some(opened) = self.dialect.open_cookie(value, self.clock.now()) {
            return Ok(opened?.map(|live| self.vouched(live)));
        }
        let bytes = base64url::decode(value).ok_or(Rejection::Malformed)?;
        let Some((&SEALED_COOKIE, sealed)) = bytes.split_first() else {
            return Err(Rejection::Malformed);
        };
        let opened = self.ring.open(Purpose::Cookie, &self.seal_context, sealed);
        let (text, key) = match opened.map_err(|_| Rejection::Malformed)? {
            Opened::Text(text, key) => (text, key),
            Opened::Forged => return Err(Rejection::BadTag),
            Opened::Malformed => return Err(Rejection::Malformed),
            Opened::RevokedKey => return Err(Rejection::RevokedKey),
            Opened::UnknownKey => return Err(Rejection::UnknownKey),
        };
        let instant = |at: usize| -> Option<Timestamp> {
            let bytes = text.get(at..at + 8)?.try_into().ok()?;
            Some(Timestamp::from_millis(i64::from_le_bytes(bytes)))
        };
        let (Some(seen), Some(idle_deadline)) = (instant(0), instant(8)) else {
            return Ok(None);
        };
        let Ok((meta, entries)) = codec::parse(text, 16) else {
            return Ok(None);
        };
        let now = self.clock.now();
        if let Some(ending) = expired(meta.absolute_deadline, idle_deadline, now) {
            self.rejected.count(Rejection::Expired);
            return Ok(Some(self.over(ending)));
        }
        self.ring.note_use(key, now);
        let live = Live {
            meta,
            entries,
            version: Version::FIRST,
            seen,
            idle_deadline,
            moved: false,
            frozen: false,
            old_key: key != self.ring.signer_at(now),
        };
        Ok(Some(self.vouched(live)))
    }

    fn vouched(&self, live: Live) -> Known {
        match &self.place {
            Place::Cookie(Some(_)) if live.meta.subject.is_some() => {
                Known::Unvouched(Box::new(live))
            }
            _ => Known::Live(None, Box::new(live)),
        }
    }

    /// Why the sign-in of a sealed cookie is over, if it is.
    pub(crate) async fn ending_of(&self, subject: &str, handle: &[u8]) -> Result<Option<Ending>> {
        match &self.place {
            Place::Cookie(Some(register)) => {
                register.ending(subject, handle, self.clock.now()).await
            }
            _ => Ok(None),
        }
    }

    /// Reads the record that `credential` leads to.
    pub(crate) async fn load(&self, credential: Credential) -> Result<Known> {
        let Place::Store(store) = &self.place else {
            return Ok(Known::Nobody);
        };
        let now = self.clock.now();
        let ending = match store.load(&credential.key, now).await? {
            Some(found) => match self.look(&credential, &found, now)? {
                Look::Live(live) => return Ok(Known::Live(Some(credential), live)),
                Look::Over(ending) => ending,
            },
            None => self.why_absent(store.capabilities(), &credential, now),
        };
        self.rejected.count(Rejection::UnknownId);
        Ok(self.over(ending))
    }

    /// Why the store had no living session for `credential` a moment ago.
    pub(crate) async fn why(&self, credential: &Credential) -> Result<Ending> {
        Ok(match self.load(credential.clone()).await? {
            Known::Ended(ending) => ending,
            _ => Ending::Unknown,
        })
    }

    /// What a record holds, or why its session is over.
    pub(crate) fn look(
        &self,
        credential: &Credential,
        found: &Found,
        now: Timestamp,
    ) -> Result<Look> {
        let record = &found.record;
        // A store that hands out what is over is not believed (ST-9).
        if let Some(ending) = expired(record.absolute_deadline, record.idle_deadline, now) {
            return Ok(Look::Over(ending));
        }
        let Some((mut meta, entries)) = self.sealer.open(&found.key, record, now)? else {
            return Ok(Look::Over(Ending::Unknown));
        };
        if let Some(ending) = meta.ended {
            return Ok(Look::Over(ending));
        }
        if found.frozen {
            // A logout ends the session, and knows nothing of the snapshot: what stays of it for its
            // grace is data for a page that was under way, and signs nobody in.
            (meta.subject, meta.authenticated, meta.elevated_until) = (None, None, None);
        }
        Ok(Look::Live(Box::new(Live {
            meta,
            entries,
            version: record.version,
            seen: record.seen,
            idle_deadline: record.idle_deadline,
            moved: found.key != credential.key,
            frozen: found.frozen,
            old_key: credential.old_key,
        })))
    }

    /// Why there is nothing where a genuine token leads to. What was ended on purpose left a farewell.
    pub(super) fn why_absent(
        &self,
        store: Capabilities,
        credential: &Credential,
        now: Timestamp,
    ) -> Ending {
        let remembers = store.durable && !store.evicts && !store.legible;
        if credential.until <= now {
            Ending::Absolute
        } else if remembers && self.policy.expiry.idle_timeout().is_some() {
            Ending::Idle
        } else {
            Ending::Unknown
        }
    }

    pub(crate) fn over(&self, ending: Ending) -> Known {
        tracing::info!(%ending, "a session that is over was presented");
        Known::Ended(ending)
    }
}

/// What is told of a cookie that is genuine and cannot be read (invariant 7: an error, never "no session").
pub(crate) fn unreadable() -> Error {
    let context = "the cookie is genuine, and of a format that this release does not know; \
                   let every process run the newest release that writes cookies";
    Error::new(ErrorKind::Corrupt, "open a cookie", context)
}

/// What a record turned out to be.
pub(crate) enum Look {
    Live(Box<Live>),
    Over(Ending),
}

fn expired(absolute: Timestamp, idle: Timestamp, now: Timestamp) -> Option<Ending> {
    match now {
        _ if absolute <= now => Some(Ending::Absolute),
        _ if idle <= now => Some(Ending::Idle),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::{
        codec::{Entries, Meta},
        delta::Delta,
        keyring::{KeyRing, SEAL_HEAD},
        manager::Manager,
    };

    /// Without a store nothing waits.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// A later release has written it, and this one runs during a rollback: the visitor keeps it.
    #[test]
    fn a_genuine_cookie_of_a_format_to_come_is_an_error_and_is_not_replaced() {
        let manager = Manager::client_side(KeyRing::generate().unwrap())
            .irrevocable()
            .build()
            .unwrap();
        let (shared, now) = (&manager.0, manager.0.clock.now());
        let later = now.after(std::time::Duration::from_secs(60));
        let prefix = [
            &[SEALED_COOKIE][..],
            &[0; SEAL_HEAD],
            &now.as_millis().to_le_bytes(),
            &later.as_millis().to_le_bytes(),
        ]
        .concat();
        let meta = Meta::new(now, later);
        let mut sealed = codec::encode(&prefix, &meta, &Entries::default(), &Delta::default());
        sealed[prefix.len()] = 0x7f;
        shared
            .ring
            .seal(Purpose::Cookie, &shared.seal_context, &mut sealed, 1, now)
            .unwrap();
        let header = format!("{}={}", shared.cookie.name(), base64url::encode(&sealed));

        let session = manager.open([header.as_bytes()]);
        let error = at_once(session.get::<String>("name")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("newest release"), "{error}");
        session.insert("name", "Ada").unwrap();
        assert!(at_once(manager.close(&session, false)).is_err());
        assert!(manager.parting_cookie(&session).is_none());
    }
}
