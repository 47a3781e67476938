//! The mail server that the settings name: `smtp://user@host:587`, `smtps://user@host`.
//!
//! What is written in the clear stays on this machine: elsewhere STARTTLS is insisted on, unless the
//! address says `?tls=none`, and even then no password is sent. The password is never part of it.

use std::{net::IpAddr, path::PathBuf};

use url::Url;
use zeroize::Zeroizing;

/// Where mail is handed over, and how.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) user: Option<String>,
}

/// How a conversation with the server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Not at all.
    Nothing,
    /// From the command STARTTLS on; a server that does not know it gets no mail.
    StartTls,
    /// From the first byte.
    Tls,
}

/// Where the password of the relay is.
pub(crate) enum Password {
    /// In this file, up to the end of its first line.
    File(PathBuf),
    /// Here.
    Given(Zeroizing<String>),
}

impl Relay {
    /// Reads the address of a server.
    ///
    /// # Errors
    /// What would do instead.
    pub(crate) fn parse(address: &str) -> Result<Self, &'static str> {
        let url = Url::parse(address).map_err(|_| FORM)?;
        if url.password().is_some() {
            return Err(
                "put the password into ABIDING_SMTP_PASSWORD or ABIDING_SMTP_PASSWORD_FILE",
            );
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORM)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let user = (!url.username().is_empty()).then(|| decoded(url.username()));
        let asked: Vec<_> = url.query_pairs().collect();
        let asked: Vec<_> = asked
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let encryption = match (url.scheme(), &asked[..]) {
            ("smtps", []) => Encryption::Tls,
            ("smtp", []) if is_loopback(&host) => Encryption::Nothing,
            ("smtp", [] | [("tls", "starttls")]) => Encryption::StartTls,
            ("smtp", [("tls", "none")]) if user.is_none() || is_loopback(&host) => {
                Encryption::Nothing
            }
            ("smtp", [("tls", "none")]) => {
                return Err("leave out `tls=none`, or the user: no password goes out in the clear");
            }
            _ => return Err(FORM),
        };
        let usual = match encryption {
            Encryption::Nothing => 25,
            Encryption::StartTls => 587,
            Encryption::Tls => 465,
        };
        Ok(Self {
            port: url.port().unwrap_or(usual),
            host,
            encryption,
            user,
        })
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(..)"),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// What stands percent-encoded in the place of the user: `post%40example.org`.
fn decoded(user: &str) -> String {
    // A query is decoded as a user is, but for the `+`.
    let query = format!("u={}", user.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .next()
        .map(|(_, user)| user.into_owned())
        .unwrap_or_default()
}

const FORM: &str =
    "write smtp://user@host:587 or smtps://user@host, with ?tls=starttls or ?tls=none behind smtp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_told_otherwise() {
        use Encryption::{Nothing, StartTls, Tls};
        for (address, host, port, encryption, user) in [
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Nothing, None),
            ("smtp://localhost", "localhost", 25, Nothing, None),
            ("smtp://[::1]:25", "::1", 25, Nothing, None),
            (
                "smtp://localhost?tls=starttls",
                "localhost",
                587,
                StartTls,
                None,
            ),
            (
                "smtp://mail.example.org",
                "mail.example.org",
                587,
                StartTls,
                None,
            ),
            (
                "smtp://mail.example.org?tls=none",
                "mail.example.org",
                25,
                Nothing,
                None,
            ),
            (
                "smtps://shop@mail.example.org",
                "mail.example.org",
                465,
                Tls,
                Some("shop"),
            ),
            (
                "smtp://shop%40example.org@mail.example.org:26",
                "mail.example.org",
                26,
                StartTls,
                Some("shop@example.org"),
            ),
        ] {
            let relay = Relay::parse(address).unwrap();
            assert_eq!((&*relay.host, relay.port), (host, port), "{address}");
            assert_eq!(relay.encryption, encryption, "{address}");
            assert_eq!(relay.user.as_deref(), user, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_remedy() {
        for (address, remedy) in [
            ("mail.example.org", "write smtp://"),
            ("http://mail.example.org", "write smtp://"),
            ("smtp://", "write smtp://"),
            ("smtp://mail.example.org?tls=maybe", "write smtp://"),
            ("smtps://mail.example.org?tls=none", "write smtp://"),
            (
                "smtp://shop:secret@mail.example.org",
                "put the password into",
            ),
            (
                "smtp://shop@mail.example.org?tls=none",
                "leave out `tls=none`",
            ),
        ] {
            let refusal = Relay::parse(address).unwrap_err();
            assert!(refusal.starts_with(remedy), "{address}: {refusal}");
        }
    }

    #[test]
    fn debug_does_not_leak_a_password() {
        let password = Password::Given(Zeroizing::new(String::from("open sesame")));
        assert_eq!(format!("{password:?}"), "Given(..)");
    }
}
