//! Flask-Session's session id as a cookie carries it: plain, or signed under `SESSION_USE_SIGNER`.
//!
//! The signature has no time. Flask-Session itself never looks at `SECRET_KEY_FALLBACKS`; ours does,
//! so that a rotated key signs nobody out.

use super::signer::{Derivation, Digest, Refusal, Secrets, Signer};

/// Signs and verifies session ids with salt `flask-session`.
#[derive(Debug)]
pub struct SidSigner(Signer);

impl SidSigner {
    /// The signer that Flask-Session builds from the application's secret.
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::new(
            secrets,
            b"flask-session",
            Derivation::Hmac,
            Digest::Sha1,
        ))
    }

    /// The cookie for this session id.
    pub fn sign(&self, sid: &str) -> String {
        self.0.sign(sid)
    }

    /// The session id in this cookie.
    pub fn unsign<'a>(&self, cookie: &'a str) -> Result<&'a str, Refusal> {
        self.0.unsign(cookie)
    }

    /// The same, and whether another key than the one that signs had signed it.
    pub(crate) fn open<'a>(&self, cookie: &'a str) -> Result<(&'a str, bool), Refusal> {
        self.0.open(cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_key_signs_nobody_out() {
        let old = SidSigner::new(&Secrets::new("old").unwrap());
        let rotated = Secrets::new("new").unwrap().with_fallback("old").unwrap();
        let rotated = SidSigner::new(&rotated);
        assert_eq!(rotated.unsign(&old.sign("sid")), Ok("sid"));
        assert_eq!(rotated.unsign("sid"), Err(Refusal::Malformed));
    }
}
