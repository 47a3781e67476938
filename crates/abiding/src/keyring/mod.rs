//! The ring of keys that vouch for cookies and records: the newest active key signs, every key verifies.
//!
//! Called by the manager; knows nothing of sessions or stores. A token names its key, so one key is
//! tried, never the ring. Each purpose has a sub-key of its own, and what is sealed for one purpose,
//! realm or name opens for no other.

mod form;
mod key;
mod known;
mod list;
mod seal;
mod token;
mod usage;

use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

pub use key::{Key, KeyId};
pub use list::KeyList;
pub(crate) use seal::{HEAD as SEAL_HEAD, Opened, Purpose};
pub(crate) use token::{Binding, Context, TokenRejection};
pub use usage::{KeyStanding, KeyUsage};

use crate::{
    clock::Timestamp,
    error::{ConfigError, Error, ErrorKind, Result},
    id::SessionId,
    record::SubjectKey,
};
use key::RingKey;

/// The keys of an application. Clones share one ring: what is rotated in one is rotated in all.
///
/// Keep an older key at least as long as the absolute lifetime of a session: the cookies and records
/// it made open until then, and nobody is logged out by a rotation.
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Arc<Keys>>>);

#[derive(Clone, Default)]
struct Keys {
    /// The one that began to sign last comes first, those that never sign come last. A ring has one
    /// at least.
    keys: Vec<Arc<RingKey>>,
    retired: Vec<KeyId>,
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
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the key wipes it at the end"
    )]
    pub fn new(key: Key) -> Self {
        let mut keys = Keys::default();
        keys.add(RingKey::derive(&key, Timestamp::default()));
        Self::of(keys)
    }

    fn of(keys: Keys) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(keys))))
    }

    /// A ring of one fresh key that nobody else knows: for tests and for development, since a restart
    /// or a second process makes another one and logs everybody out.
    pub fn generate() -> Result<Self> {
        Key::generate().map(Self::new)
    }

    /// A ring from the text of a list of keys: see [`KeyList`] for what a line may say.
    ///
    /// # Errors
    /// As [`KeyList::parse`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Ok(KeyList::parse(text)?.ring())
    }

    /// Makes this ring, and with it every clone, what `list` says, at once and as a whole; answers
    /// whether anything changed. Keys that stay keep their counts. What was added to or revoked in
    /// the ring alone is undone: a ring that follows a list is edited there.
    pub fn replace(&self, list: &KeyList) -> bool {
        let mut keys = list.keys();
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.is_as(&guard) {
            return false;
        }
        for key in &mut keys.keys {
            if let (Some(known), Some(key)) = (guard.find(key.id), Arc::get_mut(key)) {
                key.usage = Arc::clone(&known.usage);
            }
        }
        *guard = Arc::new(keys);
        true
    }

    /// Adds an older key that verifies but never signs.
    pub fn accept(&self, older: Key) -> Result<(), ConfigError> {
        self.add(older, NEVER_SIGNS)
    }

    /// Adds a key that signs from `active_from` on, and verifies at once: give it to every node first,
    /// with an instant far enough ahead, and no node meets a token that it cannot read.
    pub fn rotate(&self, key: Key, active_from: Timestamp) -> Result<(), ConfigError> {
        self.add(key, active_from)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the key wipes it at the end"
    )]
    fn add(&self, key: Key, active_from: Timestamp) -> Result<(), ConfigError> {
        let key = RingKey::derive(&key, active_from);
        self.change(|keys| {
            if keys.find(key.id).is_some() {
                return Err(ConfigError::Key {
                    problem: "is in the ring already",
                    remedy: "remove the second copy, or make a fresh key",
                });
            }
            keys.revoked.retain(|id| *id != key.id);
            keys.add(key);
            Ok(())
        })
    }

    /// Refuses at once whatever `id` made. Its sessions end; the last key of a ring cannot be revoked.
    pub fn revoke(&self, id: KeyId) -> Result<(), ConfigError> {
        self.change(|keys| {
            if keys
                .keys
                .iter()
                .all(|key| key.id == id || key.active_from == NEVER_SIGNS)
            {
                return Err(ONLY_SIGNER);
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

    /// The keys and what each of them is good for at `now`, the newest first, those that were revoked
    /// or retired last: an old key that opens nothing any more can be retired.
    pub fn usage_at(&self, now: Timestamp) -> Vec<KeyUsage> {
        let (keys, signer) = (self.keys(), self.signer_at(now));
        let living = keys.keys.iter().map(|key| KeyUsage {
            id: key.id,
            standing: match key.begins() {
                _ if key.id == signer => KeyStanding::Signing,
                Some(from) if from > now => KeyStanding::Waiting,
                _ => KeyStanding::Verifying,
            },
            from: key.begins(),
            opened: key.usage.opened(),
            last_opened: key.usage.last(),
        });
        let marked = |ids: &[KeyId], standing| {
            let usage = |id: &KeyId| KeyUsage {
                id: *id,
                standing,
                from: None,
                opened: 0,
                last_opened: None,
            };
            ids.iter().map(usage).collect::<Vec<_>>()
        };
        living
            .chain(marked(&keys.revoked, KeyStanding::Revoked))
            .chain(marked(&keys.retired, KeyStanding::Retired))
            .collect()
    }

    /// Counts that the key `id` has opened something genuine.
    pub(crate) fn note_use(&self, id: KeyId, now: Timestamp) {
        let guard = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = guard.find(id) {
            key.usage.note(now);
        }
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

    /// The id that a session takes in another place than the one where it lies under `key`, by each key of
    /// the ring, the signing one first.
    pub(crate) fn moved_ids(&self, realm: &str, key: &[u8], now: Timestamp) -> Vec<SessionId> {
        let signer = self.signer(now);
        let keys = self.keys();
        let others = keys.keys.iter().filter(|key| key.id != signer.id);
        std::iter::once(&signer)
            .chain(others)
            .map(|ring_key| ring_key.moved_id(realm, key))
            .collect()
    }

    fn signer(&self, now: Timestamp) -> Arc<RingKey> {
        Arc::clone(self.keys().signer(now))
    }

    fn standing(&self, id: KeyId) -> Standing {
        let keys = self.keys();
        match keys.find(id) {
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

impl Keys {
    fn signer(&self, now: Timestamp) -> &Arc<RingKey> {
        let active = self.keys.iter().find(|key| key.active_from <= now);
        // A ring whose keys all lie ahead (a clock that lags) signs with the one that begins first.
        let earliest = || self.keys.iter().min_by_key(|key| key.active_from);
        active.or_else(earliest).unwrap_or(&self.keys[0])
    }

    fn find(&self, id: KeyId) -> Option<&Arc<RingKey>> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn new(keys: Vec<Arc<RingKey>>, retired: Vec<KeyId>, revoked: Vec<KeyId>) -> Self {
        let mut new = Self {
            keys,
            retired,
            revoked,
        };
        new.sort();
        new
    }

    /// Of two that begin at once the later added one comes first; of those that never sign, last.
    fn add(&mut self, key: RingKey) {
        let never = key.active_from == NEVER_SIGNS;
        let at = if never { self.keys.len() } else { 0 };
        self.keys.insert(at, Arc::new(key));
        self.sort();
    }

    fn sort(&mut self) {
        let begins = |from| (from != NEVER_SIGNS).then_some(from);
        self.keys
            .sort_by_key(|key| Reverse(begins(key.active_from)));
    }

    fn is_as(&self, other: &Self) -> bool {
        let told = |keys: &Self| -> Vec<_> {
            let key = |key: &Arc<RingKey>| (key.id, key.active_from);
            keys.keys.iter().map(key).collect()
        };
        told(self) == told(other) && self.retired == other.retired && self.revoked == other.revoked
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.ids()).finish()
    }
}

/// When a key begins to sign that only verifies.
const NEVER_SIGNS: Timestamp = Timestamp::MAX;
const ONLY_SIGNER: ConfigError = ConfigError::Key {
    problem: "is the only one that signs",
    remedy: "rotate to a fresh key first, then revoke this one",
};

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
    fn a_ring_takes_over_a_changed_list_and_keeps_its_counts() {
        let mut list = KeyList::from(Key::generate().unwrap());
        let (ring, old) = (list.ring(), list.ring().ids()[0]);
        let clone = ring.clone();
        ring.note_use(old, NOW);
        assert!(!ring.replace(&list), "nothing changed");
        let new = list
            .rotate(Key::generate().unwrap(), Timestamp::from_millis(2_000_000))
            .unwrap();
        assert!(ring.replace(&list));
        assert_eq!(clone.ids(), [new, old]);
        assert_eq!(clone.signer_at(NOW), old);
        let usage = clone.usage_at(NOW);
        let standings = usage.iter().map(|key| (key.standing, key.opened));
        assert_eq!(
            standings.collect::<Vec<_>>(),
            [(KeyStanding::Waiting, 0), (KeyStanding::Signing, 1)]
        );
        assert_eq!(
            (usage[0].last_opened, usage[1].last_opened),
            (None, Some(NOW))
        );
        assert_eq!(usage[0].from, Some(Timestamp::from_millis(2_000_000)));
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
