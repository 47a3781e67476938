//! Flask-Session's session ids: the text under which a store of its layout keeps a session.
//!
//! There the id itself is the name, unhashed, as in every version of Flask-Session. What Debug shows
//! of such a key is a hash all the same.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{SessionId, StoreKey, sha256};

/// The text of a session id, in a key of fixed size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sid {
    len: u8,
    /// Whether the bytes are what the text spells in base64url, which takes less room.
    packed: bool,
    bytes: [u8; Self::MOST],
}

impl Sid {
    /// The longest text, and the most bytes that a longer one may spell: every store copies keys about.
    const MOST: usize = 66;

    /// That of a key which is a hash.
    pub(super) const NONE: Self = Self {
        len: 0,
        packed: false,
        bytes: [0; Self::MOST],
    };

    fn of(text: &str) -> Option<Self> {
        if text.len() <= Self::MOST {
            return Self::filled(text.as_bytes(), false);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let same = URL_SAFE_NO_PAD.encode(&bytes) == text;
        Self::filled(&bytes, true).filter(|_| same)
    }

    fn filled(bytes: &[u8], packed: bool) -> Option<Self> {
        let mut sid = Self::NONE;
        sid.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        sid.len = u8::try_from(bytes.len()).ok()?;
        sid.packed = packed;
        Some(sid)
    }

    /// The text, if there is one.
    fn text(&self) -> Option<String> {
        let bytes = &self.bytes[..usize::from(self.len)];
        match (self.len, self.packed) {
            (0, _) => None,
            (_, true) => Some(URL_SAFE_NO_PAD.encode(bytes)),
            // It was ASCII when it was put in.
            (_, false) => Some(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

impl StoreKey {
    /// The key of the session that Flask-Session knows by this id; `None` for what is no id: empty, with
    /// anything but visible ASCII, or longer than 66 characters and not one of `secrets.token_urlsafe`, of
    /// which there may be 88.
    pub fn of_sid(sid: &str) -> Option<Self> {
        if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let name = Sid::of(sid)?;
        let text = [b"abiding sid v1", sid.as_bytes()].concat();
        Some(Self {
            hash: sha256(&text),
            name,
        })
    }

    /// The id by which Flask-Session knows the session. A key that was not made of one has the id that
    /// its bytes spell.
    pub fn sid(&self) -> String {
        self.named()
            .unwrap_or_else(|| URL_SAFE_NO_PAD.encode(self.hash))
    }

    /// The bytes of the key, or the session id that it was made of, as a mark keeps them.
    pub(crate) fn spelled(&self) -> Vec<u8> {
        match self.named() {
            Some(sid) => [&[1], sid.as_bytes()].concat(),
            None => [&[0][..], &self.hash].concat(),
        }
    }

    /// The key that was spelled like this.
    pub(crate) fn from_spelled(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, hash) => Some(Self::from_bytes(hash.try_into().ok()?)),
            (1, sid) => Self::of_sid(std::str::from_utf8(sid).ok()?),
            _ => None,
        }
    }

    /// The session id that the key was made of, if it was.
    pub(crate) fn named(&self) -> Option<String> {
        self.name.text()
    }
}

/// How many random bytes a session id spells (`SESSION_ID_LENGTH`), if ids are Flask-Session's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SidLength(Option<u8>);

impl SidLength {
    pub(crate) fn of(bytes: u8) -> Self {
        Self(Some(bytes))
    }

    /// The key of a session that begins under `id`, as `secrets.token_urlsafe` would name it.
    pub(super) fn store_key(self, id: &SessionId) -> Option<StoreKey> {
        let len = usize::from(self.0?);
        let mut bytes = id.0.to_vec();
        if len > bytes.len() {
            let text = [b"abiding sid bytes v1", &id.0[..]].concat();
            bytes.extend_from_slice(digest::digest(&digest::SHA512, &text).as_ref());
        }
        bytes.truncate(len);
        StoreKey::of_sid(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_every_era_comes_back_as_it_was() {
        for sid in [
            "f9a3b1de-3f0c-4a37-9f0e-4d0a7a4c1b2e",
            "JpLHpBn8ZdqXyKc1CcX0hDqZ0xJc2mXkqk2L3o9pE7w",
            "a",
            &"x".repeat(66),
            &"A".repeat(86),
            &"A".repeat(88),
        ] {
            assert_eq!(StoreKey::of_sid(sid).unwrap().sid(), sid);
        }
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(67), &"A".repeat(90)] {
            assert_eq!(StoreKey::of_sid(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn debug_does_not_leak_the_session_id() {
        let key = StoreKey::of_sid("0123456789").unwrap();
        let shown = format!("{key:?}");
        assert!(
            !shown.contains("3031") && !shown.contains("0123"),
            "{shown}"
        );
    }

    #[test]
    fn new_ids_are_as_long_as_python_makes_them() {
        let id = SessionId::from_bytes([7; 32]);
        for (bytes, letters) in [(16, 22), (32, 43), (48, 64), (64, 86)] {
            let key = SidLength::of(bytes).store_key(&id).unwrap();
            assert_eq!(key.sid().len(), letters);
        }
        assert!(SidLength::default().store_key(&id).is_none());
    }
}
