//! Passwords: what may be one, and argon2id around it.
//!
//! Hashing takes 19 MiB and some 20 ms by design, so a few run at a time, on threads that may wait;
//! the others queue for a while. An account that is not there costs what a wrong password costs.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use serde::Deserialize;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

/// What a person typed as a password. Never shown again, wiped when dropped.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(Zeroizing<String>);

/// The one place where passwords are hashed.
#[derive(Clone, Debug)]
pub(crate) struct Hasher(Arc<Semaphore>);

/// Why no password was hashed.
#[derive(Debug)]
pub(crate) enum HashError {
    /// Too many are waiting.
    Busy,
    /// No randomness, no memory, or the runtime is going down.
    Failed,
}

impl Password {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with it as a new password, by the rules of NIST SP 800-63B-4, 3.1.1.2: a least
    /// length, a list of those that are guessed first, and nothing about kinds of characters.
    pub(crate) fn complaint(&self, about: &[&str]) -> Option<&'static str> {
        let plain = self.0.to_lowercase();
        let is_known = COMMON.contains(&plain.as_str())
            || about.iter().any(|word| plain == word.trim().to_lowercase());
        match self.0.chars().count() {
            0 => Some("Choose a password"),
            1..SHORTEST => Some("The password needs at least 8 characters"),
            _ if self.0.len() > LONGEST => Some("The password can have at most 128 bytes"),
            _ if is_known => {
                Some("This password is among the first that are guessed: choose another")
            }
            _ => None,
        }
    }
}

impl Hasher {
    pub(crate) fn new() -> Self {
        // Made now: the first stranger must not wait for it and tell by that.
        LazyLock::force(&NOBODY);
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// The PHC string to keep.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, HashError> {
        let password = password.clone();
        let hash = move || Argon2::default().hash_password(password.0.as_bytes());
        let hash = self.run(hash).await?.map_err(|_| HashError::Failed)?;
        Ok(hash.to_string())
    }

    /// Whether the password is the one of this hash; against none it never is, and takes as long.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        let password = password.clone();
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&NOBODY);
            let right = Argon2::default().verify_password(password.0.as_bytes(), hash);
            right.is_ok() & known
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let permit = permit.map_err(|_| HashError::Busy)?;
        let work = move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _permit = permit;
            work()
        };
        spawn_blocking(work).await.map_err(|_| HashError::Failed)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// How many are hashed at a time: their memory is 76 MiB.
const AT_ONCE: usize = 4;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// In characters.
const SHORTEST: usize = 8;
/// In bytes.
const LONGEST: usize = 128;
/// The hash of no password, with the parameters of all others.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password_with_salt(b"", b"nobody has this salt");
    hash.map(|hash| hash.to_string()).unwrap_or_default()
});
/// Those of eight characters and more that lead every list of leaked passwords, and this demo's name.
const COMMON: &[&str] = &[
    "00000000",
    "11111111",
    "12341234",
    "12345678",
    "123456789",
    "1234567890",
    "123123123",
    "1q2w3e4r",
    "1qaz2wsx",
    "87654321",
    "88888888",
    "987654321",
    "aa123456",
    "abc12345",
    "abcd1234",
    "abiding1",
    "admin123",
    "baseball",
    "changeme",
    "computer",
    "football",
    "iloveyou",
    "letmein1",
    "michelle",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "princess",
    "qwer1234",
    "qwerty12",
    "qwerty123",
    "qwertyuiop",
    "starwars",
    "sunshine",
    "superman",
    "trustno1",
    "welcome1",
    "whatever",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_alone() {
        let hasher = Hasher::new();
        let (right, wrong) = (
            Password::from("correct horse"),
            Password::from("correct hors"),
        );
        let hash = hasher.hash(&right).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(hasher.hash(&right).await.unwrap(), hash, "no salt");
        for (password, hash, expected) in [
            (&right, Some(hash.clone()), true),
            (&wrong, Some(hash), false),
            (&right, None, false),
            (&Password::default(), None, false),
            (&right, Some(String::from("no hash")), false),
        ] {
            assert_eq!(hasher.verify(password, hash).await.unwrap(), expected);
        }
    }

    /// A hash with other parameters would tell by its time that there is no such account.
    #[test]
    fn nobody_s_hash_costs_what_everybody_s_does() {
        assert!(NOBODY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn a_new_password_is_long_enough_and_not_the_first_guess() {
        let about = ["Zola Mokoena", "zola@example.org"];
        for (password, complains) in [
            ("", true),
            ("seven77", true),
            ("eight888", false),
            ("žžžžžžžž", false),
            ("Password", true),
            ("ZOLA@example.org", true),
            (&"x".repeat(128), false),
            (&"x".repeat(129), true),
            (&"ž".repeat(65), true),
            ("        ", false),
        ] {
            let complaint = Password::from(password).complaint(&about);
            assert_eq!(
                complaint.is_some(),
                complains,
                "{password:?}: {complaint:?}"
            );
        }
    }

    #[test]
    fn debug_does_not_leak_a_password() {
        assert_eq!(
            format!("{:?}", Password::from("correct horse")),
            "Password(..)"
        );
    }
}
