//! The cookies that tell a browser of its session: a token, or the session itself, sealed.

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
        let token = self.ring.token(
            &self.token_binding,
            &credential.id,
            meta.absolute_deadline,
            now,
        );
        Zeroizing::new(self.cookie.set(&token, engine::max_age(meta, now)))
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
        let bytes = self.cookie.name().len() + value.len();
        if bytes > MAX_COOKIE {
            let context =
                format!("the cookie would have {bytes} bytes; browsers keep {MAX_COOKIE}");
            return Err(Error::new(ErrorKind::TooLarge, "seal", context));
        }
        let cookie = self.cookie.set(&value, engine::max_age(&meta, now));
        Ok((meta, Zeroizing::new(cookie)))
    }
}
