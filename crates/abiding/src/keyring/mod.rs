//! The ring of keys that vouch for cookies and records: the newest active key signs, every key verifies.
//!
//! Called by the manager; knows nothing of sessions or stores. A token names its key, so one key is
//! tried, never the ring. Each purpose has a sub-key of its own, and what is sealed for one purpose,
//! realm or name opens for no other.

mod key;
mod known;
mod seal;
mod token;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

pub use key::{Key, KeyId};
pub(crate) use seal::{Opened, Purpose};
pub(crate) use token::{Context, TokenRejection};

use crate::{
    clock::Timestamp,
    error::{ConfigError, Error, ErrorKind, Result},
    record::SubjectKey,
};
use key::RingKey;

/// The keys of an application. Clones share one ring: what is rotated in one is rotated in all.
///
/// Keep an older key at least as long as the absolute lifetime of a session: the cookies and records
/// it made open until then, and nobody is logged out by a rotation.
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Arc<Keys>>>);

#[derive(Clone)]
struct Keys {
    /// Newest first; never empty.
    keys: Vec<Arc<RingKey>>,
    revoked: Vec<KeyId>,
}

/// How the ring stands to a key id.
enum Standing {
    Known(Arc<RingKey>),
    Revoked,
    Unknown,
}

impl KeyRing {
    /// A ring of one key, active at once.
    pub fn new(key: Key) -> Self {
        let keys = vec![Arc::new(RingKey::derive(key, Timestamp::default()))];
        Self(Arc::new(RwLock::new(Arc::new(Keys {
            keys,
            revoked: Vec::new(),
        }))))
    }

    /// A ring of one fresh key that nobody else knows: for tests and for development, since a restart
    /// or a second process makes another one and logs everybody out.
    pub fn generate() -> Result<Self> {
        Key::generate().map(Self::new)
    }

    /// A ring from the text of a key file: one key a line in base64url, the newest first; empty lines
    /// and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`ConfigError::Key`] for a key that is malformed, known or weak, and for a file without a key.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let newest = lines.next().ok_or(ConfigError::Key {
            problem: "file holds no key",
            remedy: "write one line of 43 base64url characters, for example from `openssl rand -base64 32`",
        })?;
        let ring = Self::new(Key::parse(newest)?);
        lines.try_for_each(|line| ring.accept(Key::parse(line)?))?;
        Ok(ring)
    }

    /// Adds an older key that verifies but never signs.
    pub fn accept(&self, older: Key) -> Result<(), ConfigError> {
        // Never active: it sorts behind every other key.
        self.add(older, Timestamp::MAX)
    }

    /// Adds a key that signs from `active_from` on, and verifies at once: give it to every node first,
    /// with an instant far enough ahead, and no node meets a token that it cannot read.
    pub fn rotate(&self, key: Key, active_from: Timestamp) -> Result<(), ConfigError> {
        self.add(key, active_from)
    }

    fn add(&self, key: Key, active_from: Timestamp) -> Result<(), ConfigError> {
        let key = Arc::new(RingKey::derive(key, active_from));
        self.change(|keys| {
            if keys.keys.iter().any(|known| known.id == key.id) {
                return Err(ConfigError::Key {
                    problem: "is in the ring already",
                    remedy: "remove the second copy, or make a fresh key",
                });
            }
            keys.revoked.retain(|id| *id != key.id);
            match active_from {
                Timestamp::MAX => keys.keys.push(key),
                _ => keys.keys.insert(0, key),
            }
            Ok(())
        })
    }

    /// Refuses at once whatever `id` made. Its sessions end; the last key of a ring cannot be revoked.
    pub fn revoke(&self, id: KeyId) -> Result<(), ConfigError> {
        self.change(|keys| {
            if keys
                .keys
                .iter()
                .all(|key| key.id == id || key.active_from == Timestamp::MAX)
            {
                return Err(ConfigError::Key {
                    problem: "is the only one that signs",
                    remedy: "rotate to a fresh key first, then revoke this one",
                });
            }
            keys.keys.retain(|key| key.id != id);
            keys.revoked.push(id);
            Ok(())
        })
    }

    /// The ids of the keys, the newest first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys().keys.iter().map(|key| key.id).collect()
    }

    /// The id of the key that signs at `now`.
    pub fn signer_at(&self, now: Timestamp) -> KeyId {
        self.signer(now).id
    }

    /// The name of a subject in the index, under each key of the ring, the signing one first.
    pub(crate) fn subject_keys(
        &self,
        realm: &str,
        subject: &str,
        now: Timestamp,
    ) -> Vec<SubjectKey> {
        let signer = self.signer(now);
        let keys = self.keys();
        let others = keys.keys.iter().filter(|key| key.id != signer.id);
        std::iter::once(&signer)
            .chain(others)
            .map(|key| key.subject_key(realm, subject))
            .collect()
    }

    fn signer(&self, now: Timestamp) -> Arc<RingKey> {
        let keys = self.keys();
        let active = keys.keys.iter().find(|key| key.active_from <= now);
        // A ring whose keys all lie ahead (a clock that lags) signs with the one that begins first.
        let earliest = || keys.keys.iter().min_by_key(|key| key.active_from);
        Arc::clone(active.or_else(earliest).unwrap_or(&keys.keys[0]))
    }

    fn standing(&self, id: KeyId) -> Standing {
        let keys = self.keys();
        match keys.keys.iter().find(|key| key.id == id) {
            Some(key) => Standing::Known(Arc::clone(key)),
            None if keys.revoked.contains(&id) => Standing::Revoked,
            None => Standing::Unknown,
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(
        &self,
        edit: impl FnOnce(&mut Keys) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = (**guard).clone();
        edit(&mut keys)?;
        *guard = Arc::new(keys);
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.ids()).finish()
    }
}

fn crypto(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Randomness,
        operation,
        "the cryptographic library refused the operation",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn the_newest_active_key_signs_and_a_staged_one_waits() {
        let ring = KeyRing::generate().unwrap();
        let first = ring.signer_at(NOW);
        ring.rotate(Key::generate().unwrap(), Timestamp::from_millis(2_000_000))
            .unwrap();
        assert_eq!(ring.signer_at(NOW), first);
        assert_eq!(
            ring.signer_at(Timestamp::from_millis(2_000_000)),
            ring.ids()[0]
        );
        assert_ne!(ring.ids()[0], first);
    }

    #[test]
    fn an_accepted_key_verifies_and_never_signs() {
        let ring = KeyRing::generate().unwrap();
        let signer = ring.signer_at(NOW);
        ring.accept(Key::generate().unwrap()).unwrap();
        assert_eq!((ring.signer_at(NOW), ring.ids().len()), (signer, 2));
    }

    #[test]
    fn the_last_signing_key_cannot_be_revoked() {
        let ring = KeyRing::generate().unwrap();
        ring.accept(Key::generate().unwrap()).unwrap();
        assert!(ring.revoke(ring.signer_at(NOW)).is_err());
        ring.rotate(Key::generate().unwrap(), NOW).unwrap();
        let old = ring.ids()[1];
        ring.revoke(old).unwrap();
        assert!(!ring.ids().contains(&old));
    }

    #[test]
    fn a_key_file_lists_the_newest_key_first() {
        let keys = [Key::generate().unwrap(), Key::generate().unwrap()];
        let text = format!(
            "# made for a test\n{}\n\n{}\n",
            *keys[0].reveal(),
            *keys[1].reveal()
        );
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.ids(), keys.map(|key| key.id()));
        assert!(KeyRing::parse("# nothing\n").is_err());
    }

    #[test]
    fn debug_does_not_leak_the_keys() {
        let key = Key::generate().unwrap();
        let text = key.reveal();
        let shown = format!("{key:?}") + &format!("{:?}", KeyRing::new(key));
        assert!(
            !shown.contains(text.as_str()) && shown.contains("KeyId("),
            "{shown}"
        );
    }
}
