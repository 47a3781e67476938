//! How a manager speaks to browsers and to values: natively, or as Flask and Flask-Session do.
//!
//! Asked by the manager and the session wherever the two differ; the rules of a session's life are the
//! same for both.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use serde::{Serialize, de::DeserializeOwned};

use super::Profile;
use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    compat::{Datetime, Dict, Value, cookie::CookieCodec, frame, http_date, sid::SidSigner},
    cookie::CookieSpec,
    engine::{Credential, Live, Policy},
    error::{ConfigError, Error, ErrorKind, Result},
    expiry::Expiry,
    id::{SessionId, SidLength, StoreKey},
    keyring::{Key, KeyRing},
    record::{Record, Version},
    rejection::Rejection,
    store::{
        PLAIN,
        flask_session::{FlaskSession, Row},
    },
};

/// Native unless it says something else.
#[derive(Clone, Default)]
pub(crate) struct Dialect(Option<Arc<Flask>>);

struct Flask {
    session: FlaskSession,
    /// What signs the ids in cookies, if they are signed.
    signer: Option<SidSigner>,
    /// What signs whole sessions, if they live in their cookies.
    codec: Option<CookieCodec>,
}

impl Dialect {
    /// That of Flask-Session, whose sessions live in a store.
    pub(super) fn of_store(session: FlaskSession) -> Self {
        let signer = session.secrets().map(SidSigner::new);
        Self(Some(Arc::new(Flask {
            session,
            signer,
            codec: None,
        })))
    }

    /// That of Flask, whose sessions live in their cookies.
    pub(super) fn of_cookie(session: FlaskSession, codec: CookieCodec) -> Self {
        Self(Some(Arc::new(Flask {
            session,
            signer: None,
            codec: Some(codec),
        })))
    }

    /// Whether sessions lie in a store as Flask-Session would have put them there.
    pub(super) fn names_by_sid(&self) -> bool {
        self.0.as_ref().is_some_and(|flask| flask.codec.is_none())
    }

    pub(super) fn sids(&self) -> SidLength {
        match &self.0 {
            Some(flask) if flask.codec.is_none() => SidLength::of(flask.session.id_bytes()),
            _ => SidLength::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.0
            .as_ref()
            .map_or(Ok(()), |flask| flask.session.check())
    }

    /// A ring for what Flask knows nothing of, out of the secret that every process has.
    pub(super) fn ring(&self) -> Option<KeyRing> {
        let secrets = self.0.as_ref()?.session.secrets()?;
        let key = |secret: &[u8]| {
            let tag = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, secret),
                b"abiding ring of a Flask secret v1",
            );
            let bytes = tag.as_ref().try_into().ok()?;
            Key::from_bytes(bytes).ok()
        };
        let mut keys = secrets.iter().filter_map(key);
        let ring = KeyRing::new(keys.next()?);
        for older in keys {
            // Only a key that is there twice is refused.
            let _ = ring.accept(older);
        }
        Some(ring)
    }

    /// What Flask's own policy adds: each use prolongs the cookie.
    pub(super) fn adapt(&self, policy: &mut Policy) {
        if let Some(flask) = &self.0 {
            policy.cookie_slides = true;
            policy.persistent = flask.session.is_permanent();
        }
    }

    /// Whether the first of several cookies of the name is the one, as Flask takes it.
    pub(super) fn takes_the_first(&self) -> bool {
        self.0.is_some()
    }

    /// What the session id in a cookie leads to; nothing to say of native tokens.
    pub(super) fn open_sid(&self, value: &[u8]) -> Option<Result<Credential, Rejection>> {
        let flask = self.0.as_ref().filter(|flask| flask.codec.is_none())?;
        Some(flask.open_sid(value))
    }

    /// The value of the cookie for a session in a store; nothing to say of native tokens.
    pub(super) fn sid_cookie(&self, key: &StoreKey) -> Option<String> {
        let flask = self.0.as_ref().filter(|flask| flask.codec.is_none())?;
        let sid = key.sid();
        Some(match &flask.signer {
            Some(signer) => signer.sign(&sid),
            None => sid,
        })
    }

    /// The session in a cookie, none if it is genuine and cannot be read; nothing to say of sealed ones.
    pub(super) fn open_cookie(
        &self,
        value: &[u8],
        now: Timestamp,
    ) -> Option<Result<Option<Live>, Rejection>> {
        let flask = self.0.as_ref()?;
        let codec = flask.codec.as_ref()?;
        Some(flask.open_cookie(codec, value, now))
    }

    /// The value of the cookie that holds a session; nothing to say of sealed ones.
    pub(super) fn seal_cookie(
        &self,
        meta: &Meta,
        entries: &Entries,
        now: Timestamp,
    ) -> Option<Result<String>> {
        let flask = self.0.as_ref()?;
        let codec = flask.codec.as_ref()?;
        Some(flask.seal_cookie(codec, meta, entries, now))
    }

    /// A `Set-Cookie` value.
    pub(super) fn set_cookie(
        &self,
        spec: &CookieSpec,
        value: &str,
        max_age: Option<Duration>,
        now: Timestamp,
    ) -> String {
        if !spec.is_flask() {
            return spec.set(value, max_age);
        }
        let expires = max_age.and_then(|age| {
            let micros = now.after(age).as_millis().checked_mul(1_000)?;
            Datetime::from_unix_micros(micros).and_then(http_date)
        });
        spec.set_as_flask(value, expires.as_deref(), false)
    }

    /// The `Set-Cookie` value that takes the cookie away.
    pub(super) fn remove_cookie(&self, spec: &CookieSpec) -> String {
        if spec.is_flask() {
            spec.remove_as_flask()
        } else {
            spec.remove()
        }
    }

    /// Encodes a value of the application.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Vec<u8>> {
        let json = codec::encode_value(key, value)?;
        if self.0.is_none() || !frame::looks_tagged(&json) {
            return Ok(json);
        }
        // A map of the application's that looks like a tag is not one.
        frame::write(&Value::of(
            &serde_json::from_slice::<&serde_json::value::RawValue>(&json).map_err(|cause| {
                Error::new(ErrorKind::Encode, "insert", "the value is no JSON").with_source(cause)
            })?,
        )?)
    }

    /// Decodes a value of the application.
    pub(crate) fn decode<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T> {
        if self.0.is_none() {
            let plain = codec::decode_value(key, value);
            if plain.is_ok() || !frame::looks_tagged(value) {
                return plain;
            }
            // A Python application put it there, with a type that JSON lacks.
        }
        frame::read(value)?.read().map_err(|cause| {
            let context = format!(
                "the value at {key:?} is not a {}",
                std::any::type_name::<T>()
            );
            Error::new(ErrorKind::Decode, "get", context).with_source(cause)
        })
    }

    /// `messages` with one more, as Flask keeps it: a pair, whatever else is in the list; nothing to say
    /// of native ones.
    pub(crate) fn flashed(
        &self,
        messages: Option<&[u8]>,
        category: &str,
        message: &str,
    ) -> Option<Result<Vec<u8>>> {
        self.0.as_ref()?;
        let list = messages.map(frame::read).transpose();
        Some(list.and_then(|list| {
            let mut list = match list {
                Some(Value::List(list)) => list,
                _ => Vec::new(),
            };
            list.push(Value::Tuple(vec![category.into(), message.into()]));
            frame::write(&Value::List(list))
        }))
    }
}

impl Flask {
    fn open_sid(&self, value: &[u8]) -> Result<Credential, Rejection> {
        let text = std::str::from_utf8(value).map_err(|_| Rejection::Malformed)?;
        let (sid, old_key) = match &self.signer {
            Some(signer) => signer.open(text).map_err(rejection)?,
            None => (text, false),
        };
        let key = StoreKey::of_sid(sid).ok_or(Rejection::Malformed)?;
        Ok(Credential {
            id: SessionId::from_bytes(*key.as_bytes()),
            key,
            until: Timestamp::MAX,
            old_key,
        })
    }

    fn open_cookie(
        &self,
        codec: &CookieCodec,
        value: &[u8],
        now: Timestamp,
    ) -> Result<Option<Live>, Rejection> {
        let text = std::str::from_utf8(value).map_err(|_| Rejection::Malformed)?;
        let lifetime = self.session.idle_timeout();
        let opened = codec.open(text, now, lifetime).map_err(rejection)?;
        let Ok((dict, signed, old_key)) = opened else {
            return Ok(None);
        };
        // A cookie is good for the second in which it ends.
        let ends = signed.after(lifetime).after(Duration::from_secs(1));
        let row = self
            .session
            .read(&Self::in_cookie(), &dict, Some(ends), now);
        let Ok(Row::Record(record)) = row else {
            return Ok(None);
        };
        if record.is_expired_at(now) {
            return Err(Rejection::Expired);
        }
        let (meta, entries) = codec::parse(record.payload, 1).map_err(|_| Rejection::Malformed)?;
        Ok(Some(Live {
            meta,
            entries,
            version: Version::FIRST,
            seen: record.seen,
            idle_deadline: record.idle_deadline,
            moved: false,
            frozen: false,
            old_key,
        }))
    }

    fn seal_cookie(
        &self,
        codec: &CookieCodec,
        meta: &Meta,
        entries: &Entries,
        now: Timestamp,
    ) -> Result<String> {
        let payload = codec::encode(&[PLAIN], meta, entries, &crate::delta::Delta::default());
        let mut record = Record::new(payload, now, meta.absolute_deadline);
        record.created = meta.created;
        record.idle_deadline = meta.idle_deadline(now);
        let written = self
            .session
            .write(&Row::Record(record), None, |dict| Ok(dict.clone()))?;
        codec.write(&written.dict, now)
    }

    /// The name of every session that lies in no store.
    fn in_cookie() -> StoreKey {
        StoreKey::from_bytes([0; StoreKey::LEN])
    }
}

fn rejection(refusal: crate::compat::signer::Refusal) -> Rejection {
    use crate::compat::signer::Refusal;
    match refusal {
        Refusal::Expired => Rejection::Expired,
        Refusal::Malformed => Rejection::Malformed,
        Refusal::Signature => Rejection::BadTag,
    }
}

impl Profile {
    /// As Flask and Flask-Session have it: the cookie `session` with Flask's attributes, and a lifetime
    /// that begins anew with each use, or each write, and has no other end.
    pub(super) fn flask(session: &FlaskSession) -> Result<Self, ConfigError> {
        let idle = session.idle_timeout();
        let expiry = match session.refreshes() {
            true => Expiry::sliding(idle),
            // The longest threshold there can be: no use is written down, only what is written anyway.
            false => {
                Expiry::sliding(idle).touch_after(idle.saturating_sub(Duration::from_millis(1)))
            }
        };
        Ok(Self {
            cookie: CookieSpec::flask("session")?,
            expiry,
            ..Self::native()?
        })
    }
}

/// The pairs of a session, as Python has them.
pub(crate) fn dict_of<'a>(entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Dict> {
    let mut pairs = Vec::new();
    for (key, value) in entries {
        crate::store::flask_session::unfold(key, value, &mut pairs)?;
    }
    Ok(Dict::from_pairs(pairs).unwrap_or_default())
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("native"),
            Some(flask) => flask.session.fmt(f),
        }
    }
}
