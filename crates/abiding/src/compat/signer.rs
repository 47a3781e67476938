//! Signatures as itsdangerous makes them: keys derived from the application's secret, a dot, base64.
//!
//! The cookie and the session id are signed by it, each under its own salt. Every key of the ring is
//! tried in constant time; nothing here looks inside what was signed. The base64 is read as leniently
//! as Python reads it, so that both sides agree on what is signed and what is not.

use std::{fmt, time::Duration};

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize, Zeroizing};

use crate::{clock::Timestamp, error::ConfigError};

/// `SECRET_KEY` and `SECRET_KEY_FALLBACKS`. Wiped when dropped; `Debug` shows how many there are.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// The application's `SECRET_KEY`; text and its UTF-8 bytes are the same key.
    ///
    /// An empty one is refused, as Flask refuses to sign without one. A weak one is not: it is not
    /// ours to choose, and refusing it would sign everybody out.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self(Vec::new()).with_fallback(secret)
    }

    /// Every key, the one that signs first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// The same ring with one more key that verifies and never signs.
    pub fn with_fallback(mut self, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        if secret.as_ref().is_empty() {
            return Err(ConfigError::Key {
                problem: "is empty",
                remedy: "give SECRET_KEY the value that the Flask application uses",
            });
        }
        self.0.push(secret.as_ref().to_vec());
        Ok(self)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// How the key that signs is made from the secret and the salt (`key_derivation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Derivation {
    /// `concat`: the digest of salt and secret
    Concat,
    /// `django-concat`: the digest of salt, `signer` and secret
    DjangoConcat,
    /// `hmac`: the HMAC of the salt under the secret; what Flask uses
    #[default]
    Hmac,
    /// `none`: the secret itself
    None,
}

/// The hash underneath (`digest_method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-1; what Flask uses. HMAC does not rest on what is broken about it.
    #[default]
    Sha1,
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
}

impl Digest {
    fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// Why a signed text was not accepted. To the application each of them is *no session*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It was signed longer ago than the maximum age, or in the future.
    Expired,
    /// It is not made of the parts that a signed text has, or its time is no time.
    Malformed,
    /// No key of the ring made this signature.
    Signature,
}

/// The keys of a ring under one salt.
pub struct Signer {
    /// The first one signs.
    keys: Vec<hmac::Key>,
}

impl Signer {
    /// The signer for one purpose, which the salt names.
    pub fn new(secrets: &Secrets, salt: &[u8], derivation: Derivation, digest: Digest) -> Self {
        let key = |secret: &Vec<u8>| {
            let derived = derive(secret, salt, derivation, digest);
            hmac::Key::new(digest.hmac(), &derived)
        };
        Self {
            keys: secrets.0.iter().map(key).collect(),
        }
    }

    /// The text with its signature.
    pub fn sign(&self, text: &str) -> String {
        // A ring is never empty: `Secrets::new` puts the first key in.
        let tag = self
            .keys
            .first()
            .map(|key| hmac::sign(key, text.as_bytes()));
        let tag = tag.as_ref().map_or(&[][..], AsRef::as_ref);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The text that was signed.
    pub fn unsign<'a>(&self, signed: &'a str) -> Result<&'a str, Refusal> {
        self.open(signed).map(|(text, _)| text)
    }

    /// The same, and whether another key than the one that signs had signed it.
    pub(crate) fn open<'a>(&self, signed: &'a str) -> Result<(&'a str, bool), Refusal> {
        let (text, signature) = signed.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let tag = decode_base64(signature.as_bytes()).ok_or(Refusal::Signature)?;
        let mut keys = self.keys.iter();
        let made_by = keys.position(|key| hmac::verify(key, text.as_bytes(), &tag).is_ok());
        let number = made_by.ok_or(Refusal::Signature)?;
        Ok((text, number > 0))
    }

    /// The text with the time and its signature.
    pub fn sign_at(&self, text: &str, now: Timestamp) -> String {
        let seconds = u64::try_from(now.as_millis().div_euclid(1_000)).unwrap_or(0);
        let bytes = seconds.to_be_bytes();
        let shown = &bytes[seconds.leading_zeros() as usize / 8..];
        self.sign(&format!("{text}.{}", URL_SAFE_NO_PAD.encode(shown)))
    }

    /// The text that was signed at most `max_age` ago, to the second, and not in the future.
    pub fn unsign_at<'a>(
        &self,
        signed: &'a str,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<&'a str, Refusal> {
        self.open_at(signed, now, max_age).map(|(text, ..)| text)
    }

    /// The same, when it was signed, and whether another key than the one that signs had done so.
    pub(crate) fn open_at<'a>(
        &self,
        signed: &'a str,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<(&'a str, Timestamp, bool), Refusal> {
        let (timed, old_key) = self.open(signed)?;
        let (text, time) = timed.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let signed = read_time(time).ok_or(Refusal::Malformed)?;
        let seconds = |instant: Timestamp| instant.as_millis().div_euclid(1_000);
        let age = i128::from(seconds(now)) - i128::from(seconds(signed));
        if !(0..=i128::from(max_age.as_secs())).contains(&age) {
            return Err(Refusal::Expired);
        }
        Ok((text, signed, old_key))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} keys)", self.keys.len())
    }
}

/// When a text was signed, as it says: seconds since 1970. What lies too far ahead is [`Timestamp::MAX`].
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let time = decode_base64(text.as_bytes())?;
    let mut bytes = [0; 8];
    bytes[8_usize.checked_sub(time.len())?..].copy_from_slice(&time);
    let seconds = i64::try_from(u64::from_be_bytes(bytes)).unwrap_or(i64::MAX);
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

fn derive(
    secret: &[u8],
    salt: &[u8],
    derivation: Derivation,
    digest: Digest,
) -> Zeroizing<Vec<u8>> {
    let hash = |parts: &[&[u8]]| {
        let mut context = digest::Context::new(digest.hash());
        parts.iter().for_each(|part| context.update(part));
        context.finish().as_ref().to_vec()
    };
    Zeroizing::new(match derivation {
        Derivation::Concat => hash(&[salt, secret]),
        Derivation::DjangoConcat => hash(&[salt, b"signer", secret]),
        Derivation::Hmac => {
            let key = hmac::Key::new(digest.hmac(), secret);
            hmac::sign(&key, salt).as_ref().to_vec()
        }
        Derivation::None => secret.to_vec(),
    })
}

/// Reads URL-safe base64 without its padding, as itsdangerous does: the missing padding is added by
/// the length of the text, then [`decode_python_base64`] reads it.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    // Nearly always it is what Python writes.
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
        return Some(bytes);
    }
    // Characters outside ASCII are dropped before the length is looked at.
    let mut ascii: Vec<u8> = text.iter().copied().filter(u8::is_ascii).collect();
    for byte in &mut ascii {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    let padding = (4 - ascii.len() % 4) % 4;
    ascii.resize(ascii.len() + padding, b'=');
    decode_python_base64(&ascii)
}

/// Reads base64 as CPython's `binascii.a2b_base64` does: strangers are skipped, padding ends the text,
/// and bits that do not fill a byte are dropped.
pub(super) fn decode_python_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut pads) = (0_u32, 0_u32, 0_u32);
    for &byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                if count >= 2 {
                    pads += 1;
                    if count + pads >= 4 {
                        return Some(bytes);
                    }
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        bits = bits << 6 | u32::from(six);
        if count > 0 {
            // The second, third and fourth character of a group complete a byte each.
            bytes.push((bits >> (6 - 2 * count)) as u8);
        }
        count = (count + 1) % 4;
    }
    (count == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn signer(secrets: &Secrets) -> Signer {
        Signer::new(secrets, b"salt", Derivation::Hmac, Digest::Sha1)
    }

    #[test]
    fn a_signed_text_is_valid_until_its_age_is_over() {
        let signer = signer(&Secrets::new("secret").unwrap());
        let signed = signer.sign_at("a.b", at(1_000));
        for (seconds, expected) in [
            (999, Err(Refusal::Expired)),
            (1_000, Ok("a.b")),
            (87_400, Ok("a.b")),
            (87_401, Err(Refusal::Expired)),
        ] {
            assert_eq!(
                signer.unsign_at(&signed, at(seconds), DAY),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_fallback_verifies_and_never_signs() {
        let old = signer(&Secrets::new("old").unwrap());
        let both = Secrets::new("new").unwrap().with_fallback("old").unwrap();
        let both = signer(&both);
        assert_eq!(both.unsign(&old.sign("text")), Ok("text"));
        assert_eq!(old.unsign(&both.sign("text")), Err(Refusal::Signature));
    }

    #[test]
    fn every_change_of_one_character_is_refused() {
        let signer = signer(&Secrets::new("secret").unwrap());
        let signed = signer.sign_at("payload", at(1_770_000_000));
        // The last character carries two bits that Python ignores.
        for index in 0..signed.len() - 1 {
            let mut bytes = signed.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let verdict = signer.unsign_at(&changed, at(1_770_000_000), DAY);
            assert!(verdict.is_err(), "{changed}");
        }
    }

    #[test]
    fn debug_does_not_leak_the_secret() {
        let secrets = Secrets::new("hunter2").unwrap();
        let shown = format!("{secrets:?} {:?}", signer(&secrets));
        assert_eq!(shown, "Secrets(1) Signer(1 keys)");
        assert!(Secrets::new("").is_err());
    }

    #[test]
    fn base64_is_read_as_python_reads_it() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("YQ", Some(b"a")),
            ("YWI", Some(b"ab")),
            ("YWJj", Some(b"abc")),
            ("YW!Jj", Some(b"abc")),
            ("Y!W!J!j!", Some(b"abc")),
            ("YWI!", None),
            ("YQ==YQ==", Some(b"a")),
            ("Y", None),
            ("-_", Some(b"\xfb")),
            ("+/", Some(b"\xfb")),
            ("!", Some(b"")),
        ] {
            assert_eq!(
                decode_base64(text.as_bytes()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
