//! The session id, a visitor's secret, and the store key, the name it has in a store.
//! The only place besides the key ring that asks for randomness.

#[cfg_attr(not(feature = "flask"), path = "no_sid.rs")]
mod sid;

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use zeroize::{Zeroize, Zeroizing};

pub(crate) use sid::SidLength;

use crate::error::{Error, ErrorKind, Result};
use sid::Sid;

/// 256 bits from the operating system, known to one browser and to nobody else.
///
/// Never stored, logged or shown: a store sees its [`StoreKey`], a person a handle.
#[derive(Clone)]
pub struct SessionId([u8; Self::LEN]);

impl SessionId {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// A fresh id. An error if the operating system has no randomness; never a weak id.
    pub fn generate() -> Result<Self> {
        random_bytes("generate an id").map(Self)
    }

    /// The public handle of a session that begins under this id: a hash of it, since to ask the
    /// operating system for more than 32 bytes costs more than that.
    pub(crate) fn handle(&self) -> [u8; 12] {
        const LABEL: &[u8; 17] = b"abiding handle v1";
        let mut text = Zeroizing::new([0; LABEL.len() + Self::LEN]);
        text[..LABEL.len()].copy_from_slice(LABEL);
        text[LABEL.len()..].copy_from_slice(&self.0);
        let mut handle = [0; 12];
        handle.copy_from_slice(&sha256(&text[..])[..12]);
        handle
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for SessionId {}

impl Drop for SessionId {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// The name under which a store keeps a session: a hash of the id, useless to whoever reads it.
///
/// `SHA-256("abiding store key v1" ‖ SHA-256(realm) ‖ id)`. The id has 256 random bits, so no secret
/// is needed to keep it unreadable, and none is mixed in: replacing a key moves no record.
/// (`docs/adr/0001-store-keys.md`) Where sessions are shared with Flask-Session the name is its session
/// id as it is (`docs/adr/0014-flask-layouts.md`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    hash: [u8; Self::LEN],
    name: Sid,
}

impl StoreKey {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// The key with these bytes, as a store kept them.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self {
            hash: bytes,
            name: Sid::NONE,
        }
    }

    /// The bytes to store; compare them as bytes, never as text.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.hash
    }

    /// 64 lower-case hexadecimal digits, for stores that name things in text.
    pub fn to_hex(&self) -> String {
        hex(&self.hash)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({}..)", hex(&self.hash[..4]))
    }
}

/// Names sessions for one application, so that several may share a store.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    realm: [u8; 32],
    sids: SidLength,
}

impl Naming {
    pub(crate) fn new(realm: &str, sids: SidLength) -> Self {
        Self {
            realm: sha256(realm.as_bytes()),
            sids,
        }
    }

    pub(crate) fn store_key(&self, id: &SessionId) -> StoreKey {
        const LABEL: &[u8; 20] = b"abiding store key v1";
        if let Some(key) = self.sids.store_key(id) {
            return key;
        }
        // One stretch of bytes costs half of what three updates of a digest do.
        let mut text = Zeroizing::new([0; LABEL.len() + 32 + SessionId::LEN]);
        let (label, rest) = text.split_at_mut(LABEL.len());
        label.copy_from_slice(LABEL);
        rest[..32].copy_from_slice(&self.realm);
        rest[32..].copy_from_slice(&id.0);
        StoreKey::from_bytes(sha256(&text[..]))
    }

    /// Where a note lies: what the server remembers under a name, of which only a keyed hash is known here.
    pub(crate) fn note_key(&self, kind: &str, name: &[u8]) -> StoreKey {
        let mut text = b"abiding note key v1".to_vec();
        text.extend_from_slice(&self.realm);
        text.extend_from_slice(&sha256(kind.as_bytes()));
        text.extend_from_slice(name);
        StoreKey::from_bytes(sha256(&text))
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random_bytes<const N: usize>(operation: &'static str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(cause) => Err(Error::new(
            ErrorKind::Randomness,
            operation,
            "the operating system gave no randomness",
        )
        .with_source(cause)),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

fn sha256(text: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn debug_does_not_leak_the_id() {
        let id = SessionId::generate().unwrap();
        assert_eq!(format!("{id:?}"), "SessionId(..)");
    }

    #[test]
    fn realms_give_one_id_different_store_keys() {
        let id = SessionId::from_bytes([7; 32]);
        assert_ne!(
            Naming::new("shop", SidLength::default()).store_key(&id),
            Naming::new("admin", SidLength::default()).store_key(&id)
        );
        assert_eq!(
            Naming::new("shop", SidLength::default()).store_key(&id),
            Naming::new("shop", SidLength::default()).store_key(&id)
        );
    }

    /// ID-2: no bit of an id is biased and no two are alike.
    #[test]
    fn ids_are_uniform_and_distinct() {
        const IDS: usize = 100_000;
        let mut ones = [0_u32; 256];
        let mut seen = HashSet::with_capacity(IDS);
        for _ in 0..IDS {
            let id = SessionId::generate().unwrap();
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(id.0[bit / 8] >> (bit % 8) & 1);
            }
            assert!(seen.insert(id.0));
        }
        // Six standard deviations of a fair coin: one false alarm in two million runs of 256 bits.
        let half = IDS as f64 / 2.0;
        let bound = 6.0 * (IDS as f64 / 4.0).sqrt();
        assert!(
            ones.iter()
                .all(|&count| (f64::from(count) - half).abs() < bound),
            "{ones:?}"
        );
    }
}
