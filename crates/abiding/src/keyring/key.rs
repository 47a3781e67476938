//! A master key, its id, and the sub-keys derived from it.

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

use super::{known, usage::Usage};
use crate::{
    base64url,
    clock::Timestamp,
    error::{ConfigError, Result},
    id::{SessionId, hex, random_bytes},
    record::SubjectKey,
};

/// 256 secret bits. Zeroised when dropped; `Debug` shows its id alone.
pub struct Key([u8; Self::LEN]);

impl Key {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// A fresh key from the operating system's generator.
    pub fn generate() -> Result<Self> {
        random_bytes("generate a key").map(Self)
    }

    /// The key with these bytes, which must look random: a key that was typed, padded or counted by
    /// hand, and one that stands in a published document, is refused.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Result<Self, ConfigError> {
        let problem = if known::is_pattern(&bytes) {
            "is not random: it repeats itself or is plain text"
        } else if known::is_published(&bytes) {
            "is known to everybody: it was published, or is the digest of a common phrase"
        } else {
            return Ok(Self(bytes));
        };
        Err(ConfigError::Key {
            problem,
            remedy: FRESH,
        })
    }

    /// A key that everybody knows, for samples that protect nothing.
    pub(crate) const fn of_samples(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The key written in base64 or base64url, with or without padding.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let url_safe = |c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        };
        let text: Zeroizing<String> = Zeroizing::new(
            text.trim()
                .trim_end_matches('=')
                .chars()
                .map(url_safe)
                .collect(),
        );
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let decoded = base64url::decode_exactly(text.as_bytes(), &mut bytes[..]);
        let bytes = decoded.then_some(*bytes).ok_or(ConfigError::Key {
            problem: "is not 32 bytes in base64",
            remedy: "make one with `openssl rand -base64 32`; a password or a phrase is no key",
        })?;
        if known::is_phrase(&text) {
            return Err(ConfigError::Key {
                problem: "is made of words, which can be guessed",
                remedy: FRESH,
            });
        }
        Self::from_bytes(bytes)
    }

    /// The key that belongs to the secret of another framework, Flask's `SECRET_KEY` say, so that
    /// every host of an application has the same one: HKDF-SHA256 (RFC 5869) of its bytes. Nothing is
    /// added to its strength.
    ///
    /// ```
    /// use abiding::Key;
    ///
    /// let key = Key::from_secret("4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b")?;
    /// assert!(Key::from_secret("dev").is_err());
    /// # Ok::<(), abiding::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::Key`] for a secret of fewer than 16 bytes, of few distinct ones, and one with the
    /// words of a placeholder in it.
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let problem = if secret.as_ref().len() < 16 {
            "is made from a secret of fewer than 16 bytes, which can be guessed"
        } else if known::is_guessable(secret.as_ref()) {
            "is made from a secret that is known or can be guessed"
        } else {
            return Ok(Self::danger_from_secret(secret));
        };
        Err(ConfigError::Key {
            problem,
            remedy: "make a secret with `python -c 'import secrets; print(secrets.token_hex(32))'`",
        })
    }

    /// The same without a look at the secret: for development on this machine.
    pub fn danger_from_secret(secret: impl AsRef<[u8]>) -> Self {
        Self(expand(secret.as_ref(), b"application secret"))
    }

    /// The key as text, to be written into a key file and nowhere else.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(&self.0))
    }

    /// The public name of this key: it is part of every token and tells nothing of the key.
    pub fn id(&self) -> KeyId {
        KeyId(expand(&self.0, b"key id"))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id()).finish()
    }
}

/// The public name of a key: four bytes derived from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; Self::LEN]);

impl KeyId {
    pub(super) const LEN: usize = 4;

    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

/// From eight hexadecimal digits, as it prints.
impl FromStr for KeyId {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let digits = text.len() == 2 * Self::LEN && text.bytes().all(|c| c.is_ascii_hexdigit());
        let number = digits.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or(ConfigError::Key {
                problem: "has another id: one of eight hexadecimal digits",
                remedy: "copy it from the list of keys",
            })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A key as the ring holds it: one sub-key for each purpose (HKDF-SHA256, RFC 5869).
pub(super) struct RingKey {
    pub(super) id: KeyId,
    pub(super) active_from: Timestamp,
    pub(super) token: hmac::Key,
    pub(super) record: hmac::Key,
    pub(super) cookie: hmac::Key,
    pub(super) form: hmac::Key,
    subject: hmac::Key,
    moved: hmac::Key,
    /// Handed on when a ring takes over a changed list.
    pub(super) usage: Arc<Usage>,
}

impl RingKey {
    pub(super) fn derive(key: &Key, active_from: Timestamp) -> Self {
        let sub_key = |label: &[u8]| {
            let bytes = Zeroizing::new(expand::<32>(&key.0, label));
            hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice())
        };
        Self {
            id: key.id(),
            active_from,
            token: sub_key(b"token tag"),
            record: sub_key(b"record seal"),
            cookie: sub_key(b"cookie seal"),
            form: sub_key(b"form token"),
            subject: sub_key(b"subject index"),
            moved: sub_key(b"moved id"),
            usage: Arc::default(),
        }
    }

    /// From when on it signs, if that was said.
    pub(super) fn begins(&self) -> Option<Timestamp> {
        let said = self.active_from != Timestamp::default() && self.active_from != Timestamp::MAX;
        said.then_some(self.active_from)
    }

    pub(super) fn subject_key(&self, realm: &str, subject: &str) -> SubjectKey {
        let mut context = hmac::Context::with_key(&self.subject);
        context.update(&(realm.len() as u64).to_le_bytes());
        context.update(realm.as_bytes());
        context.update(subject.as_bytes());
        let mut bytes = [0; SubjectKey::LEN];
        bytes.copy_from_slice(&context.sign().as_ref()[..SubjectKey::LEN]);
        SubjectKey::from_bytes(bytes)
    }
}

impl RingKey {
    /// The id, in another place, of the session that lies under `key`.
    pub(super) fn moved_id(&self, realm: &str, key: &[u8]) -> SessionId {
        let mut context = hmac::Context::with_key(&self.moved);
        context.update(&(realm.len() as u64).to_le_bytes());
        context.update(realm.as_bytes());
        context.update(key);
        let mut bytes = [0; SessionId::LEN];
        bytes.copy_from_slice(context.sign().as_ref());
        SessionId::from_bytes(bytes)
    }
}

fn expand<const N: usize>(key: &[u8], label: &[u8]) -> [u8; N] {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let info = [label];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"abiding v1").extract(key);
    let mut out = [0; N];
    prk.expand(&info, Len(N))
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and no label asks for more than 32");
    out
}

const FRESH: &str = "make a fresh one, for example with `openssl rand -base64 32`";

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn weak_known_and_short_keys_are_refused_with_a_remedy() {
        for weak in [
            "",
            "secret",
            "change-me-change-me-change-me-32",
            &"A".repeat(43),
            &"QUJD".repeat(11)[..43],
        ] {
            let error = Key::parse(weak).unwrap_err();
            assert!(error.to_string().contains("openssl"), "{error}");
        }
        assert!(Key::from_bytes([0; 32]).is_err());
        assert!(Key::from_bytes(*b"correct-horse-battery-staple-012").is_err());
    }

    #[test]
    fn a_key_id_is_read_as_it_prints() {
        let id = Key::generate().unwrap().id();
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
        for strange in [
            "",
            "d42f4cf",
            "d42f4cf90",
            "+42f4cf9",
            "d42f4cfg",
            "d42f4c\u{e9}",
        ] {
            assert!(strange.parse::<KeyId>().is_err(), "{strange:?}");
        }
    }

    /// DR-1: no fresh key is taken for a weak one.
    #[test]
    fn fresh_keys_are_never_refused() {
        for _ in 0..100_000 {
            let key = Key::generate().unwrap();
            assert_eq!(Key::parse(&key.reveal()).unwrap().id(), key.id());
        }
    }

    #[test]
    fn keys_parse_in_either_alphabet_with_or_without_padding() {
        let bytes: [u8; 32] = std::array::from_fn(|i| ((i + 3) * (i + 3) * (i + 91) % 251) as u8);
        let plain = Key::from_bytes(bytes).unwrap();
        let standard = STANDARD.encode(bytes);
        assert_eq!(Key::parse(&standard).unwrap().id(), plain.id());
        assert_eq!(
            Key::parse(&format!("  {}\n", plain.reveal().as_str()))
                .unwrap()
                .id(),
            plain.id()
        );
    }

    #[test]
    fn secrets_that_can_be_guessed_make_no_key() {
        for weak in [
            "",
            "dev",
            "0123456789abcde",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "dev-secret-key-change-in-production",
            "please CHANGE-ME, whoever you are",
        ] {
            let error = Key::from_secret(weak).unwrap_err().to_string();
            assert!(error.contains("token_hex"), "{error}");
        }
    }

    /// KR-1: a secret leads to the same key in every release, text and bytes alike.
    #[test]
    fn the_key_of_a_secret_is_stable() {
        let secret = "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf";
        let key = Key::from_secret(secret).unwrap();
        assert_eq!(key.id().to_string(), "4cd8f49e");
        let same = Key::danger_from_secret(secret.as_bytes());
        assert_eq!(key.reveal(), same.reveal());
    }

    /// KR-1: the derivation is part of the format, so its bytes are pinned.
    #[test]
    fn key_ids_are_stable() {
        let bytes: [u8; 32] = std::array::from_fn(|i| i as u8 ^ 0xa5);
        assert_eq!(Key(bytes).id().to_string(), KEY_ID_OF_A5);
        assert!(Key::from_bytes(bytes).is_err(), "it stands here");
    }

    const KEY_ID_OF_A5: &str = "d42f4cf9";
}
