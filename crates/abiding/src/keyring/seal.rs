//! Sealing: authenticated encryption of records and cookies, bound to where they lie.
//!
//! ```text
//! seal = key_id:4B salt:24B commitment:16B ciphertext tag:16B      60 bytes more than the text
//! ```
//!
//! AES-256-GCM under a key of its own for every message, so the nonce is fixed and 192 random bits
//! stand against reuse (KR-8): `HMAC-SHA256(purpose sub-key, salt)`. The commitment, the first half of
//! `SHA-256(label ‖ message key)`, pins one key to one ciphertext (KR-13): a seal that opens under two
//! keys would be two keys with one hash, and to find them takes 2^64 trials. It tells nothing of the
//! key, which is 256 bits that nobody can guess. The associated data is the key's id and the [`Context`]: format, realm, purpose and the record's key or cookie's name.

use std::{iter::repeat_n, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    constant_time,
    digest::{Digest, SHA256, digest},
    hmac,
};
use zeroize::Zeroizing;

use super::{Context, KeyId, KeyRing, Standing, crypto, key::RingKey};
use crate::{clock::Timestamp, error::Result, id::random_bytes};

const SALT: usize = 24;
const COMMITMENT: usize = 16;
const TAG: usize = 16;
const COMMITMENT_LABEL: &[u8; 21] = b"abiding commitment v1";
/// How many bytes of a seal come before the ciphertext.
pub(crate) const HEAD: usize = KeyId::LEN + SALT + COMMITMENT;

/// How many bytes a seal adds.
const OVERHEAD: usize = HEAD + TAG;

/// What is sealed: each purpose has a sub-key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Cookie,
    Record,
}

/// What became of a seal that was presented.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is genuine: the text, and the key that made it.
    Text(Arc<[u8]>, KeyId),
    /// A key of the ring is named, but the seal is not its work, or not for this place.
    Forged,
    /// It is too short to be a seal.
    Malformed,
    /// Its key was revoked.
    RevokedKey,
    /// Its key is not in the ring.
    UnknownKey,
}

impl KeyRing {
    /// Makes a seal in place. Its [`HEAD`] bytes at `start` are overwritten, what follows them is
    /// encrypted, and what comes before stays as it is.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        context: &Context,
        message: &mut Vec<u8>,
        start: usize,
        now: Timestamp,
    ) -> Result<()> {
        let key = self.signer(now);
        let salt: [u8; SALT] = random_bytes("seal")?;
        let (cipher, commitment) = derive(&key, purpose, &salt)?;
        let (head, text) = message[start..].split_at_mut(HEAD);
        let (id, rest) = head.split_at_mut(KeyId::LEN);
        id.copy_from_slice(&key.id.0);
        rest[..SALT].copy_from_slice(&salt);
        rest[SALT..].copy_from_slice(&commitment.as_ref()[..COMMITMENT]);
        let tag = cipher
            .seal_in_place_separate_tag(nonce(), aad(context, key.id), text)
            .map_err(|_| crypto("seal"))?;
        message.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a seal that was made for the same purpose and context.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        context: &Context,
        sealed: &[u8],
    ) -> Result<Opened> {
        if sealed.len() < OVERHEAD {
            return Ok(Opened::Malformed);
        }
        let (head, rest) = sealed.split_at(HEAD);
        let (key_id, head) = head.split_at(KeyId::LEN);
        let (salt, commitment) = head.split_at(SALT);
        let mut id = KeyId([0; KeyId::LEN]);
        id.0.copy_from_slice(key_id);
        let key = match self.standing(id) {
            Standing::Known(key) => key,
            Standing::Revoked => return Ok(Opened::RevokedKey),
            Standing::Unknown => return Ok(Opened::UnknownKey),
        };
        let (cipher, expected) = derive(&key, purpose, salt)?;
        if constant_time::verify_slices_are_equal(&expected.as_ref()[..COMMITMENT], commitment)
            .is_err()
        {
            return Ok(Opened::Forged);
        }
        let (hidden, tag) = rest.split_at(rest.len() - TAG);
        let mut text: Arc<[u8]> = repeat_n(0, hidden.len()).collect();
        // Nobody else has it yet.
        let room = Arc::get_mut(&mut text).ok_or_else(|| crypto("open a seal"))?;
        let opened = cipher.open_separate_gather(nonce(), aad(context, id), hidden, tag, room);
        Ok(opened.map_or(Opened::Forged, |()| Opened::Text(text, id)))
    }
}

/// The cipher of one message, and what commits to its key.
fn derive(key: &RingKey, purpose: Purpose, salt: &[u8]) -> Result<(LessSafeKey, Digest)> {
    let sub_key = match purpose {
        Purpose::Cookie => &key.cookie,
        Purpose::Record => &key.record,
    };
    let message_key = hmac::sign(sub_key, salt);
    let cipher = UnboundKey::new(&AES_256_GCM, message_key.as_ref()).map_err(|_| crypto("seal"))?;
    // One block of SHA-256: label, key and padding have 64 bytes.
    let mut labelled = Zeroizing::new([0; COMMITMENT_LABEL.len() + 32]);
    let (label, room) = labelled.split_at_mut(COMMITMENT_LABEL.len());
    label.copy_from_slice(COMMITMENT_LABEL);
    room.copy_from_slice(message_key.as_ref());
    let commitment = digest(&SHA256, &labelled[..]);
    Ok((LessSafeKey::new(cipher), commitment))
}

/// Every message has a key of its own, so the nonce need not differ.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn aad(context: &Context, key: KeyId) -> Aad<Vec<u8>> {
    Aad::from([context.as_bytes(), &key.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Key;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn context(key: &[u8]) -> Context {
        Context::new(&[b"record", b"realm", key])
    }

    fn seal(ring: &KeyRing, purpose: Purpose, prefix: &[u8], text: &[u8]) -> Vec<u8> {
        let mut message = [prefix, &[0; HEAD], text].concat();
        ring.seal(purpose, &context(b"a"), &mut message, prefix.len(), NOW)
            .unwrap();
        message
    }

    fn text(opened: Opened) -> Option<Arc<[u8]>> {
        match opened {
            Opened::Text(text, _) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn a_seal_opens_where_it_was_made_and_hides_what_it_holds() {
        let ring = KeyRing::generate().unwrap();
        let sealed = seal(&ring, Purpose::Record, b"\x01", b"canary");
        assert_eq!((sealed[0], sealed.len()), (1, 1 + OVERHEAD + 6));
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        let open = |purpose, key| text(ring.open(purpose, &context(key), &sealed[1..]).unwrap());
        assert_eq!(open(Purpose::Record, b"a").as_deref(), Some(&b"canary"[..]));
        assert_eq!(open(Purpose::Record, b"b"), None);
        assert_eq!(open(Purpose::Cookie, b"a"), None);
    }

    /// KR-4: every bit of a seal is covered, and every truncation is refused.
    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let ring = KeyRing::generate().unwrap();
        let sealed = seal(&ring, Purpose::Cookie, b"", b"canary");
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[position] ^= 1 << bit;
                assert!(text(ring.open(Purpose::Cookie, &context(b"a"), &bad).unwrap()).is_none());
            }
            let cut = &sealed[..position];
            assert!(text(ring.open(Purpose::Cookie, &context(b"a"), cut).unwrap()).is_none());
        }
    }

    #[test]
    fn an_older_key_opens_and_a_revoked_one_does_not() {
        let ring = KeyRing::generate().unwrap();
        let sealed = seal(&ring, Purpose::Record, b"", b"text");
        let old = ring.signer_at(NOW);
        ring.rotate(Key::generate().unwrap(), NOW).unwrap();
        assert!(text(ring.open(Purpose::Record, &context(b"a"), &sealed).unwrap()).is_some());
        ring.revoke(old).unwrap();
        let opened = ring.open(Purpose::Record, &context(b"a"), &sealed).unwrap();
        assert!(matches!(opened, Opened::RevokedKey));
    }
}
