//! The cookies that tell a browser of its session: a token, or the session itself, sealed.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{Shared, open::SEALED_COOKIE};
use crate::{
    base64url,
    clock::Timestamp,
    codec::{self, Entries, Meta},
    cookie::MAX_COOKIE,
    engine::{self, Asked, Credential},
    error::{Error, ErrorKind, Result},
    id::random_bytes,
    keyring::{Purpose, SEAL_HEAD},
};

impl Shared {
    /// The cookie of a session in a store.
    pub(super) fn token_cookie(
        &self,
        credential: &Credential,
        meta: &Meta,
        now: Timestamp,
    ) -> Zeroizing<String> {
        let max_age = engine::max_age(meta, now);
        let token = match self.dialect.sid_cookie(&credential.key) {
            Some(sid) => Zeroizing::new(sid),
            None => self.ring.token(
                &self.token_binding,
                &credential.id,
                meta.absolute_deadline,
                now,
            ),
        };
        Zeroizing::new(self.dialect.set_cookie(&self.cookie, &token, max_age, now))
    }

    /// The cookie that takes the session's one away.
    pub(super) fn removal(&self) -> Zeroizing<String> {
        Zeroizing::new(self.dialect.remove_cookie(&self.cookie))
    }

    /// The cookie of a client-side session: `base` as it was read, with what was asked for.
    pub(super) fn sealed_cookie(
        &self,
        base: Option<&(Meta, Entries)>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(Meta, Zeroizing<String>)> {
        let (meta, entries) = match base {
            Some((meta, entries)) => {
                let mut meta = meta.clone();
                asked.edit.apply(&mut meta);
                (meta, entries.clone())
            }
            None => {
                let handle = random_bytes("create")?;
                (
                    engine::first_meta(&self.policy, &asked.edit, handle, now),
                    Entries::default(),
                )
            }
        };
        if let Some(sealed) = self
            .dialect
            .seal_cookie(&meta, &entries.merged(&asked.delta), now)
        {
            let cookie = self.fitting(&sealed?, engine::max_age(&meta, now), now)?;
            return Ok((meta, cookie));
        }
        let prefix = [
            &[SEALED_COOKIE][..],
            &[0; SEAL_HEAD],
            &now.as_millis().to_le_bytes(),
            &meta.idle_deadline(now).as_millis().to_le_bytes(),
        ];
        // Not wiped, unlike keys and tokens: what the session holds lies about in buffers anyway, and
        // a seal is on its way to the client.
        let mut sealed = codec::encode(&prefix.concat(), &meta, &entries, &asked.delta);
        self.ring
            .seal(Purpose::Cookie, &self.seal_context, &mut sealed, 1, now)?;
        let value = base64url::encode(&sealed);
        let cookie = self.fitting(&value, engine::max_age(&meta, now), now)?;
        Ok((meta, cookie))
    }

    /// A cookie that holds a session, unless browsers would drop it.
    fn fitting(
        &self,
        value: &str,
        max_age: Option<Duration>,
        now: Timestamp,
    ) -> Result<Zeroizing<String>> {
        let bytes = self.cookie.name().len() + value.len();
        if bytes > MAX_COOKIE {
            let context =
                format!("the cookie would have {bytes} bytes; browsers keep {MAX_COOKIE}");
            return Err(Error::new(ErrorKind::TooLarge, "seal", context));
        }
        let cookie = self.dialect.set_cookie(&self.cookie, value, max_age, now);
        Ok(Zeroizing::new(cookie))
    }
}
