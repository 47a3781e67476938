//! The token in a form: a key's id, a salt, and a tag over whom the form was shown to.
//!
//! ```text
//! token = base64url( 0x01 key_id:4B salt:16B tag:16B )      37 bytes, 50 characters
//! tag   = HMAC-SHA256(form sub-key, context ‖ the bytes before the tag), the first 16 bytes
//! ```
//!
//! Nothing in it is the same twice: what a page repeats from answer to answer can be guessed from the
//! length of the compressed answer (BREACH, Gluck, Harris and Prado, 2013). No instant is in it: a form
//! may lie open as long as its session and its key live.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Context, KeyId, KeyRing, Standing, key::RingKey};
use crate::{clock::Timestamp, error::Result, id::random_bytes};

const VERSION: u8 = 0x01;
const SALT: usize = 16;
const BODY: usize = 1 + KeyId::LEN + SALT;
const TAG: usize = 16;
const RAW: usize = BODY + TAG;
/// The length of a token in characters.
const TEXT: usize = (RAW * 4).div_ceil(3);

impl KeyRing {
    /// A token for a form that is shown to whom `context` tells, made by the key that is active at `now`.
    pub(crate) fn form_token(&self, context: &Context, now: Timestamp) -> Result<String> {
        let key = self.signer(now);
        let salt: [u8; SALT] = random_bytes("make a form token")?;
        let mut raw = [0; RAW];
        raw[0] = VERSION;
        raw[1..1 + KeyId::LEN].copy_from_slice(&key.id.0);
        raw[1 + KeyId::LEN..BODY].copy_from_slice(&salt);
        let tag = tag(&key, context, &raw[..BODY]);
        raw[BODY..].copy_from_slice(&tag.as_ref()[..TAG]);
        Ok(URL_SAFE_NO_PAD.encode(raw))
    }

    /// Whether `text` is a token that a key of the ring made for the same `context`.
    pub(crate) fn admits_form_token(&self, context: &Context, text: &str) -> bool {
        let mut raw = [0; RAW];
        if text.len() != TEXT
            || URL_SAFE_NO_PAD.decode_slice(text, &mut raw) != Ok(RAW)
            || raw[0] != VERSION
        {
            return false;
        }
        let mut id = KeyId([0; KeyId::LEN]);
        id.0.copy_from_slice(&raw[1..1 + KeyId::LEN]);
        let Standing::Known(key) = self.standing(id) else {
            return false;
        };
        let expected = tag(&key, context, &raw[..BODY]);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], &raw[BODY..]).is_ok()
    }
}

fn tag(key: &RingKey, context: &Context, body: &[u8]) -> hmac::Tag {
    let mut hmac = hmac::Context::with_key(&key.form);
    hmac.update(context.as_bytes());
    hmac.update(body);
    hmac.sign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::SessionId,
        keyring::{Binding, Key},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn context(who: &str) -> Context {
        Context::new(&[b"form", b"realm", b"sid", who.as_bytes()])
    }

    #[test]
    fn a_form_token_is_admitted_for_whom_it_was_made_and_never_the_same_twice() {
        let ring = KeyRing::generate().unwrap();
        let tokens = [(); 2].map(|()| ring.form_token(&context("ada"), NOW).unwrap());
        assert_ne!(tokens[0][8..], tokens[1][8..]);
        for token in tokens {
            assert_eq!(token.len(), TEXT);
            assert!(ring.admits_form_token(&context("ada"), &token));
            assert!(!ring.admits_form_token(&context("eve"), &token));
        }
    }

    /// KR-4: every bit of a form token is covered, and no other length is taken.
    #[test]
    fn every_flipped_bit_and_every_other_length_of_a_form_token_is_refused() {
        let ring = KeyRing::generate().unwrap();
        let token = ring.form_token(&context("ada"), NOW).unwrap();
        let admits = |text: &str| ring.admits_form_token(&context("ada"), text);
        for position in 0..token.len() {
            for bit in 0..7 {
                let mut bad = token.clone().into_bytes();
                bad[position] ^= 1 << bit;
                let bad = String::from_utf8(bad).unwrap();
                assert!(!admits(&bad), "byte {position}, bit {bit}");
            }
            assert!(!admits(&token[..position]));
        }
        assert!(!admits(&format!("{token}A")) && !admits(&format!("{token}=")));
    }

    /// KR-7: what was made for another purpose opens no form, and a form's token is no session.
    #[test]
    fn a_form_token_has_a_key_of_its_own() {
        let (ring, id) = (KeyRing::generate().unwrap(), SessionId::generate().unwrap());
        let form = ring.form_token(&context("ada"), NOW).unwrap();
        let binding = Binding::new(&context("ada"));
        let session = ring.token(&binding, &id, NOW, NOW);
        assert!(!ring.admits_form_token(&context("ada"), &session));
        assert!(!ring.admits_form_token(&context("ada"), &session[..TEXT]));
        assert!(ring.open_token(&binding, form.as_bytes(), NOW).is_err());
    }

    /// KR-9, KR-10: a rotation breaks no open form; a revocation does.
    #[test]
    fn rotation_keeps_open_forms_and_revocation_ends_them() {
        let ring = KeyRing::generate().unwrap();
        let token = ring.form_token(&context("ada"), NOW).unwrap();
        let first = ring.signer_at(NOW);
        ring.rotate(Key::generate().unwrap(), NOW).unwrap();
        assert!(ring.admits_form_token(&context("ada"), &token));
        ring.revoke(first).unwrap();
        assert!(!ring.admits_form_token(&context("ada"), &token));
        let other = KeyRing::generate().unwrap();
        let token = ring.form_token(&context("ada"), NOW).unwrap();
        assert!(!other.admits_form_token(&context("ada"), &token));
    }
}
