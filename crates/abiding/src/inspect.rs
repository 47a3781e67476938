//! Cookies and records seen from beside the application: for tools that show, verify and repair them.
//!
//! Used by the `abiding` command. No store and no clock: the caller brings records and the time. What is
//! shown of a cookie without keys is what it says of itself, and nobody vouches for it; a session id is
//! never shown, with keys or without.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    base64url,
    clock::Timestamp,
    codec::{self, Entries, Meta, Side},
    delta::Delta,
    ending::Ending,
    error::{ConfigError, Error, ErrorKind, Result},
    expiry::Expiry,
    id::{Naming, SidLength, StoreKey, random_bytes},
    keyring::{Binding, Context, KeyId, KeyRing, Opened, Purpose, SEAL_HEAD},
    manager::SEALED_COOKIE,
    record::{Record, SubjectKey},
    rejection::Rejection,
    session::Info,
    store::{Farewell, PLAIN, SIZE_LIMIT, Sealer},
};

/// What a cookie of ours says of itself, whoever made it.
///
/// ```
/// use abiding::inspect::Envelope;
///
/// assert!(Envelope::of(b"e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw").is_none(), "one of Flask's");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// Whether it leads to a session or holds one.
    pub kind: CookieKind,
    /// The key that it names.
    pub key: KeyId,
    /// When the session of a token ends at the latest, as it was when the token was made.
    pub until: Option<Timestamp>,
}

/// What a cookie of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieKind {
    /// A session, sealed.
    Sealed,
    /// The token of a session in a store.
    Token,
}

impl Envelope {
    /// What the value of a cookie says of itself; `None` if it is no cookie of ours.
    pub fn of(value: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(base64url::decode(value)?);
        let named = || Some(KeyId::from_bytes(bytes.get(1..5)?.try_into().ok()?));
        match *bytes.first()? {
            TOKEN if bytes.len() == TOKEN_LEN => {
                let seconds = u32::from_le_bytes(bytes.get(5..9)?.try_into().ok()?);
                Some(Self {
                    kind: CookieKind::Token,
                    key: named()?,
                    until: Some(Timestamp::from_millis(i64::from(seconds) * 1_000)),
                })
            }
            SEALED_COOKIE if bytes.len() > SEAL_HEAD => Some(Self {
                kind: CookieKind::Sealed,
                key: named()?,
                until: None,
            }),
            _ => None,
        }
    }
}

/// A cookie that a key of the ring vouches for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Genuine {
    /// The session that it leads to or holds.
    pub holds: Holds,
    /// Whether another key than the one that signs at the moment had made it.
    pub old_key: bool,
    /// Why what it leads to or holds is over by what the cookie says, if it is.
    pub over: Option<Ending>,
}

/// What a genuine cookie leads to or holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Holds {
    /// A session.
    Session(Content),
    /// The name of a session in a store.
    StoreKey(StoreKey),
}

/// What a session holds. `Debug` shows the keys of its values alone.
#[derive(Clone)]
#[non_exhaustive]
pub struct Content {
    /// What the library knows of it.
    pub info: Info,
    /// The application's values, each under its key as JSON.
    pub values: Vec<(String, String)>,
    /// Whether it went to another place, and is kept here for a return without that.
    pub moved: bool,
}

impl Content {
    fn of(info: Info, meta: &Meta, entries: &Entries) -> Self {
        let side = meta.mark.as_ref().map(|mark| mark.side);
        let value = |entry: codec::Entry<'_>| {
            let json = String::from_utf8_lossy(entry.value).into_owned();
            (entry.key.to_owned(), json)
        };
        Self {
            info,
            values: entries.iter().map(value).collect(),
            moved: matches!(side, Some(Side::Moved(_))),
        }
    }

    /// What lies in the open in the record of a store that is
    /// [`legible`](crate::store::Capabilities::legible). `None` if it is no such record.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a record that is damaged.
    pub fn in_the_open(record: &Record, now: Timestamp) -> Result<Option<Self>> {
        if record.payload.first() != Some(&PLAIN) {
            return Ok(None);
        }
        let (meta, entries) = codec::parse(record.payload.clone(), 1)?;
        let info = Info::of_record(&meta, &entries, record, now);
        Ok(Some(Self::of(info, &meta, &entries)))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.values.iter().map(|(key, _)| key).collect();
        f.debug_struct("Content")
            .field("info", &self.info)
            .field("values", &keys)
            .finish()
    }
}

/// Opens, verifies and makes what the application with these keys, this realm and this cookie name does.
pub struct Inspector {
    ring: KeyRing,
    realm: Box<str>,
    naming: Naming,
    sealer: Sealer,
    token: Binding,
    seal: Context,
}

impl Inspector {
    /// For the application whose manager was built with the same three.
    pub fn new(ring: KeyRing, realm: &str, cookie_name: &str) -> Self {
        let context =
            |purpose: &[u8]| Context::new(&[purpose, realm.as_bytes(), cookie_name.as_bytes()]);
        Self {
            naming: Naming::new(realm, SidLength::default()),
            sealer: Sealer::new(realm, ring.clone(), true, SIZE_LIMIT),
            token: Binding::new(&context(b"token")),
            seal: context(b"cookie"),
            realm: realm.into(),
            ring,
        }
    }

    /// Opens the value of a cookie.
    ///
    /// # Errors
    /// Why the application would refuse it. One that is over is none of them: see [`Genuine::over`].
    pub fn open(&self, value: &[u8], now: Timestamp) -> Result<Genuine, Rejection> {
        match Envelope::of(value).map(|envelope| envelope.kind) {
            Some(CookieKind::Token) => {
                let token = self.ring.open_token(&self.token, value, now)?;
                Ok(Genuine {
                    holds: Holds::StoreKey(self.naming.store_key(&token.id)),
                    old_key: token.old_key,
                    over: (token.until <= now).then_some(Ending::Absolute),
                })
            }
            Some(CookieKind::Sealed) => self.open_sealed(value, now),
            None => Err(Rejection::Malformed),
        }
    }

    fn open_sealed(&self, value: &[u8], now: Timestamp) -> Result<Genuine, Rejection> {
        let bytes = base64url::decode(value).ok_or(Rejection::Malformed)?;
        let sealed = bytes.get(1..).ok_or(Rejection::Malformed)?;
        let opened = self.ring.open(Purpose::Cookie, &self.seal, sealed);
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
        let (seen, idle_deadline) = instant(0).zip(instant(8)).ok_or(Rejection::Malformed)?;
        let (meta, entries) = codec::parse(text, 16).map_err(|_| Rejection::Malformed)?;
        let info = Info {
            seen,
            idle_deadline,
            ..Info::of_meta(&meta, &entries)
        };
        Ok(Genuine {
            over: match now {
                _ if meta.absolute_deadline <= now => Some(Ending::Absolute),
                _ if idle_deadline <= now => Some(Ending::Idle),
                _ => None,
            },
            old_key: key != self.ring.signer_at(now),
            holds: Holds::Session(Content::of(info, &meta, &entries)),
        })
    }

    /// The same token, made by the key that signs at `now`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Rejection::Expired`] for one that is over.
    pub fn renew_token(
        &self,
        value: &[u8],
        now: Timestamp,
    ) -> Result<Zeroizing<String>, Rejection> {
        let token = self.ring.open_token(&self.token, value, now)?;
        if token.until <= now {
            return Err(Rejection::Expired);
        }
        Ok(self.ring.token(&self.token, &token.id, token.until, now))
    }

    /// The value of a cookie that holds a new session with these values (each JSON, under its key), signed
    /// in as `subject` if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] for a value that is no JSON, and for a key or subject that is too long;
    /// [`ErrorKind::Randomness`].
    pub fn seal(
        &self,
        values: &[(String, String)],
        subject: Option<&str>,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<Zeroizing<String>> {
        let refuse = |context: String| Error::new(ErrorKind::Encode, "seal", context);
        expiry
            .check()
            .map_err(|error: ConfigError| refuse(error.to_string()))?;
        if subject.is_some_and(|name| name.is_empty() || name.len() > codec::MAX_SUBJECT_LEN) {
            return Err(refuse("a subject has 1 to 255 bytes".to_owned()));
        }
        let mut delta = Delta::default();
        for (key, json) in values {
            serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|cause| {
                refuse(format!("the value at {key:?} is no JSON")).with_source(cause)
            })?;
            delta.set(key, json.as_bytes())?;
        }
        let meta = Meta {
            idle: expiry.idle_timeout(),
            handle: random_bytes("seal")?,
            subject: subject.map(Into::into),
            authenticated: subject.map(|_| now),
            ..Meta::new(now, expiry.absolute_deadline(now))
        };
        let prefix = [
            &[SEALED_COOKIE][..],
            &[0; SEAL_HEAD],
            &now.as_millis().to_le_bytes(),
            &meta.idle_deadline(now).as_millis().to_le_bytes(),
        ]
        .concat();
        let mut sealed = codec::encode(&prefix, &meta, &Entries::default(), &delta);
        self.ring
            .seal(Purpose::Cookie, &self.seal, &mut sealed, 1, now)?;
        Ok(Zeroizing::new(base64url::encode(&sealed)))
    }

    /// What the record under `key` holds; `None` if its seal says that the session is over.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a record that is damaged, forged, or sealed with another key.
    pub fn record(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Option<Content>> {
        let opened = self.sealer.open(key, record, now)?;
        Ok(opened.map(|(meta, entries)| {
            let info = Info::of_record(&meta, &entries, record, now);
            Content::of(info, &meta, &entries)
        }))
    }

    /// What to leave in the place of a session that is revoked from beside the application, so that its visitor is
    /// told. For sessions that [`record`](Self::record) opens: the application could not read one of other keys.
    pub fn farewell(&self, now: Timestamp) -> Farewell {
        Farewell {
            now,
            ending: Ending::Revoked,
            sealer: self.sealer.clone(),
        }
    }

    /// The names under which a store may know the sessions of `subject`: one for each key of the ring, the
    /// one that signs first.
    pub fn subject_keys(&self, subject: &str, now: Timestamp) -> Vec<SubjectKey> {
        self.ring.subject_keys(&self.realm, subject, now)
    }

    /// The keys.
    pub fn keys(&self) -> &KeyRing {
        &self.ring
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector")
            .field("ring", &self.ring)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// First byte of a token, and how many there are.
const TOKEN: u8 = 0x01;
const TOKEN_LEN: usize = 57;

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use super::*;
    use crate::{Clock, CookieSpec, Manager, MemoryStore, Session, store::Store};

    #[derive(Debug)]
    struct At(Timestamp);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// Nothing waits here.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn value(cookie: &str) -> &str {
        let pair = cookie.split(';').next().unwrap();
        pair.split_once('=').unwrap().1
    }

    fn closed(manager: &Manager, session: &Session) -> Zeroizing<String> {
        session.insert("step", &2).unwrap();
        at_once(manager.close(session, false))
            .unwrap()
            .set_cookie
            .unwrap()
    }

    #[test]
    fn the_token_of_a_manager_leads_to_its_record_and_no_key_but_its_own_vouches_for_it() {
        let (ring, store) = (
            KeyRing::generate().unwrap(),
            std::sync::Arc::new(MemoryStore::new()),
        );
        let manager = Manager::builder(store.clone())
            .keys(ring.clone())
            .clock(At(NOW))
            .build()
            .unwrap();
        let cookie = closed(&manager, &manager.open([]));
        let name = manager.cookie().name();

        let envelope = Envelope::of(value(&cookie).as_bytes()).unwrap();
        assert_eq!(
            (envelope.kind, envelope.key),
            (CookieKind::Token, ring.signer_at(NOW))
        );
        assert!(envelope.until > Some(NOW));

        let inspector = Inspector::new(ring, "default", name);
        let genuine = inspector.open(value(&cookie).as_bytes(), NOW).unwrap();
        let Holds::StoreKey(key) = genuine.holds else {
            panic!("{genuine:?}")
        };
        assert!(at_once(store.load(&key, NOW)).unwrap().is_some());
        let over = inspector
            .open(value(&cookie).as_bytes(), NOW.after(DAY))
            .unwrap()
            .over;
        assert_eq!(over, Some(Ending::Absolute));

        for (ring, realm, name, why) in [
            (
                KeyRing::generate().unwrap(),
                "default",
                name,
                Rejection::UnknownKey,
            ),
            (inspector.keys().clone(), "shop", name, Rejection::BadTag),
            (
                inspector.keys().clone(),
                "default",
                "other",
                Rejection::BadTag,
            ),
        ] {
            let stranger = Inspector::new(ring, realm, name);
            assert_eq!(
                stranger.open(value(&cookie).as_bytes(), NOW).unwrap_err(),
                why
            );
        }
    }

    #[test]
    fn a_renewed_token_leads_to_the_same_session_by_the_newest_key() {
        let (ring, store) = (KeyRing::generate().unwrap(), MemoryStore::new());
        let manager = Manager::builder(store)
            .keys(ring.clone())
            .clock(At(NOW))
            .build()
            .unwrap();
        let cookie = closed(&manager, &manager.open([]));
        ring.rotate(crate::Key::generate().unwrap(), NOW).unwrap();
        let inspector = Inspector::new(ring, "default", manager.cookie().name());
        assert!(
            inspector
                .open(value(&cookie).as_bytes(), NOW)
                .unwrap()
                .old_key
        );
        let renewed = inspector
            .renew_token(value(&cookie).as_bytes(), NOW)
            .unwrap();
        assert!(!inspector.open(renewed.as_bytes(), NOW).unwrap().old_key);
        let header = format!("{}={}", manager.cookie().name(), *renewed);
        let session = manager.open([header.as_bytes()]);
        assert_eq!(at_once(session.get::<u32>("step")).unwrap(), Some(2));
        let late = inspector.renew_token(renewed.as_bytes(), NOW.after(DAY));
        assert_eq!(late.unwrap_err(), Rejection::Expired);
    }

    #[test]
    fn a_manager_and_an_inspector_open_each_others_sealed_cookies() {
        let ring = KeyRing::generate().unwrap();
        let manager = Manager::client_side(ring.clone())
            .irrevocable()
            .clock(At(NOW));
        let manager = manager
            .cookie(CookieSpec::host("sid").unwrap())
            .build()
            .unwrap();
        let inspector = Inspector::new(ring, "default", manager.cookie().name());

        let cookie = closed(&manager, &manager.open([]));
        let genuine = inspector.open(value(&cookie).as_bytes(), NOW).unwrap();
        let Holds::Session(content) = &genuine.holds else {
            panic!("{genuine:?}")
        };
        assert_eq!(content.values, [("step".to_owned(), "2".to_owned())]);
        assert!(!format!("{content:?}").contains("\"2\""));

        let values = [("name".to_owned(), "\"Ada\"".to_owned())];
        let idle = Duration::from_secs(30 * 60);
        let expiry = Expiry::new().idle(idle);
        let sealed = inspector.seal(&values, Some("ada"), expiry, NOW).unwrap();
        let header = format!("{}={}", manager.cookie().name(), *sealed);
        let session = manager.open([header.as_bytes()]);
        assert_eq!(
            at_once(session.get::<String>("name")).unwrap().as_deref(),
            Some("Ada")
        );
        let late = inspector.open(sealed.as_bytes(), NOW.after(idle)).unwrap();
        assert_eq!(late.over, Some(Ending::Idle));

        let wrong = [("name".to_owned(), "Ada".to_owned())];
        assert!(inspector.seal(&wrong, None, expiry, NOW).is_err());
    }

    #[test]
    fn what_is_no_cookie_of_ours_has_no_envelope() {
        for value in [
            "",
            "AQ",
            "e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw",
            "%%%",
            &"A".repeat(76),
        ] {
            assert_eq!(Envelope::of(value.as_bytes()), None, "{value:?}");
        }
    }
}
