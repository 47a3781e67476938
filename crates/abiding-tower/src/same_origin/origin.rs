//! An origin as browsers spell it: `scheme://host[:port]` (RFC 6454, 6.2).

use http::uri::Authority;

use crate::{address_error::AddressError, client::Client};

/// The parts of an origin that was sent or allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin<'a> {
    scheme: &'a str,
    /// With its port, unless that is the scheme's own.
    authority: &'a str,
}

impl<'a> Origin<'a> {
    /// `None` for what no browser sends, and for `null`, which is the origin of nobody.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
        let parsed: Authority = authority.parse().ok()?;
        let well_formed = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(letter)
            && !parsed.host().is_empty()
            && !authority.contains(['*', '@'])
            && !authority.bytes().any(|byte| byte.is_ascii_uppercase())
            && without_own_port(scheme, authority) == authority;
        well_formed.then_some(Self { scheme, authority })
    }

    /// Whether it is the origin that the client asked: its host with the port, and its scheme where a
    /// trusted proxy told which one the browser used.
    pub(super) fn was_asked_by(&self, client: &Client) -> bool {
        let scheme = client.scheme.as_ref();
        let host = client.host.as_deref();
        scheme.is_none_or(|scheme| scheme.as_str() == self.scheme)
            && host.is_some_and(|host| without_own_port(self.scheme, host) == self.authority)
    }
}

/// Checks an origin that is to be allowed: it is compared byte by byte with what browsers send.
pub(super) fn checked(text: &str) -> Result<Box<str>, AddressError> {
    match Origin::parse(text) {
        Some(_) => Ok(text.into()),
        None => Err(AddressError::Origin {
            value: text.to_owned(),
            remedy: "write it as browsers send it, such as https://pay.example: scheme, host in lower \
                     case (punycode) and a port unless it is the scheme's own; no path, no slash at the end",
        }),
    }
}

fn without_own_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_origin_is_written_as_browsers_send_it() {
        for good in [
            "https://pay.example",
            "http://127.0.0.1:3000",
            "https://[::1]:8443",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
        ] {
            assert_eq!(&*checked(good).unwrap(), good);
        }
        for bad in [
            "",
            "null",
            "*",
            "pay.example",
            "https://",
            "https://pay.example/",
            "https://pay.example/path",
            "https://pay.example?x",
            "https://Pay.example",
            "HTTPS://pay.example",
            "https://pay.example:443",
            "http://pay.example:80",
            "https://me@pay.example",
            "https://b\u{fc}cher.example",
            "https://*.example",
            "https://a.example https://b.example",
            " https://pay.example",
        ] {
            let error = checked(bad).unwrap_err().to_string();
            assert!(error.contains(bad) || bad.contains('\u{fc}'), "{error}");
        }
    }
}
