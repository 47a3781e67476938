//! A code that was sent, as the session of whoever asked for it keeps it: everything but the code.
//!
//! The proof is a hash of code and address under a random salt that no other session has, so it fits
//! one code, for one address, in one session. Six digits are soon tried, so the salt alone would not
//! do: it is the seal of the session, in the store as in the cookie, that keeps the proof from being
//! tried at all.

use std::{fmt, time::Duration};

use abiding::Timestamp;
use abiding_tower::Session;
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mail::Address;

/// What is known of a code that was sent.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Challenge {
    /// Salts the proof and names the challenge in the ledger.
    salt: String,
    pub(super) address: Address,
    proof: Vec<u8>,
    expires: i64,
    again: i64,
}

/// Six digits on their way into a letter.
pub(super) struct Code(Zeroizing<String>);

impl Challenge {
    /// A fresh code for this address; another can be asked for after the pause.
    pub(super) fn new(
        address: Address,
        pause: Duration,
        now: Timestamp,
    ) -> abiding::Result<(Self, Code)> {
        let salt = u128::from_ne_bytes(random()?);
        let mut challenge = Self {
            salt: format!("{salt:032x}"),
            address,
            proof: Vec::new(),
            expires: now.after(LIFETIME).as_millis(),
            again: now.after(pause).as_millis(),
        };
        // Of 2^64 numbers none of the million remainders has a share that anybody could notice.
        let number = u64::from_ne_bytes(random()?) % 1_000_000;
        let code = Code(Zeroizing::new(format!("{number:06}")));
        challenge.proof = hmac::sign(&challenge.key(), &challenge.message(&code.0))
            .as_ref()
            .into();
        Ok((challenge, code))
    }

    /// Whether this is the code that was sent; takes the same time either way.
    pub(super) fn fits(&self, typed: &SixDigits) -> bool {
        hmac::verify(&self.key(), &self.message(&typed.0), &self.proof).is_ok()
    }

    /// The one that this session waits for.
    pub(super) async fn load(session: &Session) -> abiding::Result<Option<Self>> {
        session.get(KEY).await
    }

    /// Takes the place of the one before.
    pub(super) fn keep(&self, session: &Session) -> abiding::Result<()> {
        session.insert(KEY, self)
    }

    pub(super) fn forget(session: &Session) {
        session.remove(KEY);
    }

    /// What the ledger calls it.
    pub(super) fn name(&self) -> &str {
        &self.salt
    }

    /// When the code ends.
    pub(super) fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.expires)
    }

    /// From when on another code can be asked for.
    pub(super) fn again(&self) -> Timestamp {
        Timestamp::from_millis(self.again)
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.salt.as_bytes())
    }

    /// An address holds no blank, so no other pair reads the same.
    fn message(&self, code: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(format!("{} {code}", self.address).into_bytes())
    }
}

/// A code as it was typed, without the blanks and hyphens that people put in between.
pub(super) struct SixDigits(Zeroizing<String>);

impl SixDigits {
    pub(super) fn parse(typed: &str) -> Option<Self> {
        let digits: String = typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let six = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        six.then(|| Self(Zeroizing::new(digits)))
    }
}

/// As it is written in the letter.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

fn random<const N: usize>() -> abiding::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| {
        let context = "the system gave no randomness";
        abiding::Error::new(abiding::ErrorKind::Randomness, "challenge", context).with_source(cause)
    })?;
    Ok(bytes)
}

/// How long a code works.
pub(super) const LIFETIME: Duration = Duration::from_secs(10 * 60);

const KEY: &str = "code.challenge";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn challenge(address: &str) -> (Challenge, SixDigits) {
        let pause = Duration::from_secs(30);
        let (challenge, code) = Challenge::new(address.parse().unwrap(), pause, NOW).unwrap();
        let typed = SixDigits::parse(&code.to_string()).unwrap();
        (challenge, typed)
    }

    #[test]
    fn a_code_fits_its_own_session_and_address_alone() {
        let (mut challenge, code) = challenge("zola@example.org");
        assert!(challenge.fits(&code));
        let (other, _) = self::challenge("zola@example.org");
        let proof = std::mem::replace(&mut challenge.proof, other.proof);
        assert!(!challenge.fits(&code), "another session's proof");
        challenge.proof = proof;
        challenge.address = "thandi@example.org".parse().unwrap();
        assert!(!challenge.fits(&code), "another address");
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        for (typed, reads) in [
            ("123456", true),
            (" 123 456\n", true),
            ("123-456", true),
            ("12345", false),
            ("1234567", false),
            ("12345a", false),
            ("١٢٣٤٥٦", false),
            ("", false),
        ] {
            assert_eq!(SixDigits::parse(typed).is_some(), reads, "{typed:?}");
        }
    }

    #[test]
    fn debug_does_not_leak_a_code() {
        let pause = Duration::from_secs(30);
        let address = "zola@example.org".parse().unwrap();
        let (challenge, code) = Challenge::new(address, pause, NOW).unwrap();
        assert_eq!(format!("{code:?}"), "Code(..)");
        assert!(!format!("{challenge:?}").contains(&*code.0));
    }
}
