//! The token in a session cookie: a key's id, the session's id, and a tag that vouches for both.
//!
//! ```text
//! token = base64url( 0x01 key_id:4B until:u32 session_id:32B tag:16B )      57 bytes, 76 characters
//! tag   = HMAC-SHA256(token sub-key, binding ‖ until ‖ session_id), the first 16 bytes
//! ```
//!
//! The binding is a hash of realm and cookie name. The key's id need not be covered, since another key
//! gives another tag, nor the version, since it is compared with the only one there is.
//!
//! `until` is the absolute deadline of the session when the token was made, in seconds since 1970,
//! little-endian: not a limit, since a session may be given another lifetime, but enough to say why it
//! is not there any more.
//!
//! The tag is checked before a store is asked, so guesses cost no I/O (ID-5). The algorithm follows
//! from the key and the version byte, never from the token's word (KR-6).

use aws_lc_rs::{
    constant_time,
    digest::{SHA256, digest},
    hmac,
};
use zeroize::Zeroizing;

use super::{KeyId, KeyRing, key::RingKey};
use crate::{base64url, clock::Timestamp, id::SessionId};

const VERSION: u8 = 0x01;
const UNTIL: usize = 1 + KeyId::LEN;
const ID: usize = UNTIL + 4;
const BODY: usize = ID + SessionId::LEN;
const TAG: usize = 16;
const RAW: usize = BODY + TAG;
/// The length of a token in characters.
const TEXT: usize = base64url::encoded_len(RAW);

/// What a token, a sealed cookie or a record is bound to besides its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context(Box<[u8]>);

impl Context {
    /// Each part with its length, so that no two lists of parts give the same bytes.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A context in a few bytes, for what is made and checked at every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding([u8; Self::LEN]);

impl Binding {
    const LEN: usize = 16;

    pub(crate) fn new(context: &Context) -> Self {
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(&digest(&SHA256, context.as_bytes()).as_ref()[..Self::LEN]);
        Self(bytes)
    }
}

/// A token that a key of the ring vouches for.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) id: SessionId,
    /// Whether an older key than the signing one vouches for it.
    pub(crate) old_key: bool,
    pub(crate) until: Timestamp,
}

/// Why a cookie's value is no session. Counted and traced; the visitor is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRejection {
    BadTag,
    Malformed,
    RevokedKey,
    UnknownKey,
}

impl KeyRing {
    /// The token for `id` of a session that lives `until` then, signed by the key that is active at `now`.
    pub(crate) fn token(
        &self,
        binding: &Binding,
        id: &SessionId,
        until: Timestamp,
        now: Timestamp,
    ) -> Zeroizing<String> {
        let key = self.signer(now);
        let mut raw = Zeroizing::new([0; RAW]);
        raw[0] = VERSION;
        raw[1..UNTIL].copy_from_slice(&key.id.0);
        raw[UNTIL..ID].copy_from_slice(&seconds(until).to_le_bytes());
        raw[ID..BODY].copy_from_slice(id.as_bytes());
        let tag = tag(&key, binding, &raw);
        raw[BODY..].copy_from_slice(&tag.as_ref()[..TAG]);
        Zeroizing::new(base64url::encode(&raw[..]))
    }

    /// The session id in `text`, if a key of the ring vouches for it, which counts as a use of that key.
    pub(crate) fn open_token(
        &self,
        binding: &Binding,
        text: &[u8],
        now: Timestamp,
    ) -> Result<Token, TokenRejection> {
        if text.len() != TEXT {
            return Err(TokenRejection::Malformed);
        }
        let mut raw = Zeroizing::new([0; RAW]);
        if !base64url::decode_exactly(text, &mut raw[..]) || raw[0] != VERSION {
            return Err(TokenRejection::Malformed);
        }
        let mut key_id = KeyId([0; KeyId::LEN]);
        key_id.0.copy_from_slice(&raw[1..UNTIL]);
        let keys = self.keys();
        let key = match keys.find(key_id) {
            Some(key) => key,
            None if keys.revoked.contains(&key_id) => return Err(TokenRejection::RevokedKey),
            None => return Err(TokenRejection::UnknownKey),
        };
        let expected = tag(key, binding, &raw);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], &raw[BODY..])
            .map_err(|_| TokenRejection::BadTag)?;
        key.usage.note(now);
        let mut id = [0; SessionId::LEN];
        id.copy_from_slice(&raw[ID..BODY]);
        let mut until = [0; 4];
        until.copy_from_slice(&raw[UNTIL..ID]);
        Ok(Token {
            id: SessionId::from_bytes(id),
            old_key: keys.signer(now).id != key_id,
            until: Timestamp::from_millis(i64::from(u32::from_le_bytes(until)) * 1_000),
        })
    }
}

fn seconds(instant: Timestamp) -> u32 {
    u32::try_from(instant.as_millis().max(0) / 1_000).unwrap_or(u32::MAX)
}

/// Over what is not implied by the key and by its use: with the padding that is one block of SHA-256.
fn tag(key: &RingKey, binding: &Binding, raw: &[u8; RAW]) -> hmac::Tag {
    let mut text = Zeroizing::new([0; Binding::LEN + BODY - UNTIL]);
    let (context, rest) = text.split_at_mut(Binding::LEN);
    context.copy_from_slice(&binding.0);
    rest.copy_from_slice(&raw[UNTIL..BODY]);
    hmac::sign(&key.token, &text[..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Key;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn context(name: &str) -> Binding {
        binding(&[b"token", b"realm", name.as_bytes()])
    }

    fn binding(parts: &[&[u8]]) -> Binding {
        Binding::new(&Context::new(parts))
    }

    #[test]
    fn a_token_opens_to_the_id_it_was_made_for() {
        let (ring, id) = (KeyRing::generate().unwrap(), SessionId::generate().unwrap());
        let token = ring.token(&context("sid"), &id, NOW, NOW);
        assert_eq!(token.len(), TEXT);
        assert_eq!(
            ring.open_token(&context("sid"), token.as_bytes(), NOW)
                .unwrap()
                .id,
            id
        );
    }

    /// KR-4: every bit of a token is covered, and no other length is taken.
    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let (ring, id) = (KeyRing::generate().unwrap(), SessionId::generate().unwrap());
        let token = ring.token(&context("sid"), &id, NOW, NOW);
        for position in 0..token.len() {
            for bit in 0..8 {
                let mut bad = token.as_bytes().to_vec();
                bad[position] ^= 1 << bit;
                assert!(
                    ring.open_token(&context("sid"), &bad, NOW).is_err(),
                    "byte {position}, bit {bit}"
                );
            }
            assert!(
                ring.open_token(&context("sid"), &token.as_bytes()[..position], NOW)
                    .is_err()
            );
        }
        assert!(
            ring.open_token(
                &context("sid"),
                format!("{}A", token.as_str()).as_bytes(),
                NOW
            )
            .is_err()
        );
    }

    /// KR-7: a token is good for one realm, one cookie name and one purpose.
    #[test]
    fn a_token_is_bound_to_its_context() {
        let (ring, id) = (KeyRing::generate().unwrap(), SessionId::generate().unwrap());
        let token = ring.token(&context("sid"), &id, NOW, NOW);
        let open = |context| {
            ring.open_token(&context, token.as_bytes(), NOW)
                .map(|token| token.old_key)
        };
        assert_eq!(open(context("other")), Err(TokenRejection::BadTag));
        assert_eq!(
            open(binding(&[b"token", b"realms", b"id"])),
            Err(TokenRejection::BadTag)
        );
    }

    /// KR-10, KR-11: one key is asked; a stranger's and a revoked one's tokens are told apart.
    #[test]
    fn rotation_keeps_old_tokens_and_revocation_ends_them() {
        let (ring, id) = (KeyRing::generate().unwrap(), SessionId::generate().unwrap());
        let token = ring.token(&context("sid"), &id, NOW, NOW);
        let first = ring.signer_at(NOW);
        ring.rotate(Key::generate().unwrap(), NOW).unwrap();
        let opened = ring
            .open_token(&context("sid"), token.as_bytes(), NOW)
            .unwrap();
        assert!(opened.old_key && ring.signer_at(NOW) != first);
        ring.revoke(first).unwrap();
        let open = |ring: &KeyRing| {
            ring.open_token(&context("sid"), token.as_bytes(), NOW)
                .map(|token| token.old_key)
        };
        assert_eq!(open(&ring), Err(TokenRejection::RevokedKey));
        assert_eq!(
            open(&KeyRing::generate().unwrap()),
            Err(TokenRejection::UnknownKey)
        );
    }
}
