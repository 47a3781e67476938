//! `Set-Cookie` as an answer has it: which one is the session's, its attributes, and whether a known secret signed it.

use abiding::compat::signer::{Derivation, Digest, Secrets, Signer};

use crate::{facts::Answer, secret};

/// A cookie that an answer sets.
pub(crate) struct SetCookie<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// Lower-case names.
    attributes: Vec<(String, &'a str)>,
}

impl<'a> SetCookie<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim())
        });
        Some(Self {
            name: name.trim(),
            value: value.trim().trim_matches('"'),
            attributes: attributes.collect(),
        })
    }

    pub(crate) fn get(&self, attribute: &str) -> Option<&'a str> {
        let named = self.attributes.iter().find(|(name, _)| name == attribute);
        named.map(|(_, value)| *value)
    }

    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.get(attribute).is_some()
    }

    /// Whether it looks like a session: by its name, as frameworks call it. One that is being deleted does not.
    pub(crate) fn is_session(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let name = ["__host-http-", "__host-", "__secure-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(&name);
        let called = ["sess", "sid", "auth", "remember_token", "login"]
            .iter()
            .any(|part| name.contains(part));
        called && !self.value.is_empty() && self.get("max-age") != Some("0")
    }

    /// Whether a browser would keep both in one place.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let place = |cookie: &Self| {
            (
                cookie.get("domain").map(str::to_ascii_lowercase),
                cookie.get("path").map(str::to_owned),
            )
        };
        self.name == other.name && place(self) == place(other)
    }
}

/// Every cookie that the answer sets.
pub(crate) fn all(answer: &Answer) -> Vec<SetCookie<'_>> {
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    headers
        .filter_map(|(_, value)| SetCookie::parse(value))
        .collect()
}

/// The first header of this name.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let named = answer.headers.iter().find(|(header, _)| header == name);
    named.map(|(_, value)| value.as_str())
}

/// The shape of the known secret that signed this value, as Flask, Flask-Session or Starlette sign.
pub(crate) fn known_secret(value: &str) -> Option<String> {
    // A signature of HMAC-SHA1 in base64 has 27 characters.
    let (_, signature) = value.rsplit_once('.')?;
    if signature.len() != 27 {
        return None;
    }
    let kinds: [(&[u8], Derivation); 3] = [
        (b"cookie-session", Derivation::Hmac),
        (b"flask-session", Derivation::Hmac),
        (b"itsdangerous.Signer", Derivation::DjangoConcat),
    ];
    let found = secret::CANDIDATES.iter().find(|candidate| {
        let secrets = Secrets::new(candidate);
        secrets.is_ok_and(|secrets| {
            kinds.iter().any(|(salt, derivation)| {
                Signer::new(&secrets, salt, *derivation, Digest::Sha1)
                    .unsign(value)
                    .is_ok()
            })
        })
    });
    found.map(|secret| secret::shape(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_of_the_session_is_known_by_its_name() {
        for (header, is_session) in [
            ("session=eyJhIjoxfQ.x.y; HttpOnly; Path=/", true),
            ("__Host-http-sid=abc; Secure", true),
            ("connect.sid=s%3Aabc", true),
            ("theme=dark", false),
            (
                "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
                false,
            ),
        ] {
            assert_eq!(
                SetCookie::parse(header).unwrap().is_session(),
                is_session,
                "{header}"
            );
        }
    }

    /// DR-3.
    #[test]
    fn a_cookie_that_a_known_secret_signed_is_found_without_telling_the_secret() {
        // The cookie of the example in `abiding::compat::cookie`.
        let weak = "e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw";
        let shape = known_secret(weak).unwrap();
        assert_eq!(shape, "35 characters: small letters, signs");
        let strong = Secrets::new("4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b").unwrap();
        let strong = Signer::new(&strong, b"cookie-session", Derivation::Hmac, Digest::Sha1)
            .sign("e30.aYAOgA");
        assert_eq!(known_secret(&strong), None);
        assert_eq!(known_secret("no-signature"), None);
    }
}
