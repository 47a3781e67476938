//! What a thief must not find in a store.

use std::{error::Error, fmt};

use abiding::{KeyRing, Manager, Result, Store, store::Subjects};
use memchr::memmem;

const KEY: &str = "canary-key";
const VALUE: &str = "canary-value";
const SUBJECT: &str = "canary-subject";

/// A session that was written twice and signed in, of which a dump of the store must tell no value, no name and no
/// way in.
///
/// ```
/// use abiding::MemoryStore;
/// use abiding_testkit::{Canary, block_on};
///
/// let canary = block_on(Canary::plant(MemoryStore::new())).unwrap();
/// assert_eq!(canary.found_in(b"a file of the database"), None);
/// assert_eq!(canary.found_in(b"... canary-value ..."), Some("a value"));
/// assert!(block_on(canary.lives()).unwrap());
/// ```
pub struct Canary {
    manager: Manager,
    header: String,
    /// Each with what it is.
    secrets: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Signs somebody in and writes again, so that what a store keeps of the past holds a session as well.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn plant<S: Store + Subjects>(store: S) -> std::result::Result<Self, Box<dyn Error>> {
        let keys = KeyRing::generate()?;
        let manager = Manager::builder(store).keys(keys).subjects().build()?;
        let session = manager.open([]);
        session.insert(KEY, VALUE)?;
        session.login(SUBJECT)?;
        let closing = manager.close(&session, false).await?;
        let cookie = closing.set_cookie.as_deref().cloned().unwrap_or_default();
        let header = cookie.split(';').next().unwrap_or_default().to_owned();

        let session = manager.open([header.as_bytes()]);
        session.insert(KEY, &format!("{VALUE} 2"))?;
        manager.close(&session, false).await?;

        let token = header.split('=').nth(1).unwrap_or_default();
        // docs/format.md: a byte of the version, eight that name the key, the id.
        let id = &decoded(token)[9..41];
        let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let secrets = vec![
            ("a name", KEY.into()),
            ("a value", VALUE.into()),
            ("a subject", SUBJECT.into()),
            ("the beginning of a cookie", token[..40].into()),
            ("the end of a cookie", token[30..].into()),
            ("an id", id.into()),
            ("an id in digits", digits.into()),
        ];
        Ok(Self {
            manager,
            header,
            secrets,
        })
    }

    /// What of the session stands in so many bytes of a dump.
    pub fn found_in(&self, dump: &[u8]) -> Option<&'static str> {
        let mut secrets = self.secrets.iter();
        let found = secrets.find(|(_, secret)| memmem::find(dump, secret).is_some());
        found.map(|(what, _)| *what)
    }

    /// Whether the session is still there, as it was written: else nothing is proved.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn lives(&self) -> Result<bool> {
        let session = self.manager.open([self.header.as_bytes()]);
        let value = session.get::<String>(KEY).await?;
        Ok(value == Some(format!("{VALUE} 2")))
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canary")
    }
}

/// The bytes of a token: base64url without padding, as far as whole groups of four go.
fn decoded(token: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let group = |four: &[u8]| {
        let bits = four
            .iter()
            .fold(0, |bits, c| bits << 6 | u32::from(digit(*c)));
        bits.to_be_bytes()[1..].to_vec()
    };
    token.as_bytes().chunks_exact(4).flat_map(group).collect()
}
