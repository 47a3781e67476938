//! What proxies add to a request: the two families of headers, as lists of hops.
//!
//! Pure: headers in, values out. A header that is not what its family prescribes is an error, and the
//! caller goes on as if there had been none.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName,
    header::FORWARDED,
    uri::{Authority, Scheme},
};

/// The headers that are read. A deployment has one family; the other one is anybody's to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Family {
    /// RFC 7239.
    Forwarded,
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
}

/// Everything the headers of one family say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// Who sent the request to each proxy, the nearest first; `None` for one that is not told.
    pub(super) addresses: Vec<Option<IpAddr>>,
    schemes: Vec<Option<Scheme>>,
    hosts: Vec<Option<String>>,
}

/// A header that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl Route {
    /// What the proxy said to which the request came that `addresses[position]` had sent.
    pub(super) fn seen_at(
        &self,
        position: usize,
    ) -> Result<(Option<Scheme>, Option<String>), Malformed> {
        let count = self.addresses.len();
        Ok((
            pick(&self.schemes, position, count)?.flatten(),
            pick(&self.hosts, position, count)?.flatten(),
        ))
    }
}

/// A proxy replaces the list by one value, or adds to it as it does to the addresses.
fn pick<T: Clone>(values: &[T], position: usize, count: usize) -> Result<Option<T>, Malformed> {
    match values {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several if several.len() == count => Ok(several.get(position).cloned()),
        _ => Err(Malformed("the lists differ in length")),
    }
}

impl Family {
    pub(super) fn read(self, headers: &HeaderMap) -> Result<Route, Malformed> {
        match self {
            Self::Forwarded => forwarded(headers),
            Self::XForwarded => Ok(Route {
                addresses: list(headers, &X_FORWARDED_FOR, node)?,
                schemes: list(headers, &X_FORWARDED_PROTO, |text| scheme(text).map(Some))?,
                hosts: list(headers, &X_FORWARDED_HOST, |text| host(text).map(Some))?,
            }),
        }
    }
}

/// The elements of a list header, the last first (RFC 9110, 5.6.1: empty ones do not count).
fn list<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: impl Fn(&str) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut elements = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| Malformed("not ASCII"))?;
        for element in text.split(',').map(str::trim) {
            if !element.is_empty() {
                elements.push(parse(element)?);
            }
        }
    }
    elements.reverse();
    Ok(elements)
}

/// `for=192.0.2.43;proto=https;host=example.com, for="[2001:db8::17]:4711"` (RFC 7239, 4).
fn forwarded(headers: &HeaderMap) -> Result<Route, Malformed> {
    let mut route = Route::default();
    for value in headers.get_all(FORWARDED) {
        let text = value.to_str().map_err(|_| Malformed("not ASCII"))?;
        for element in outside_quotes(text, b',')? {
            if element.is_empty() {
                continue;
            }
            let mut said: [Option<String>; 3] = Default::default();
            for pair in outside_quotes(element, b';')? {
                if pair.is_empty() {
                    continue;
                }
                let (name, value) = pair.split_once('=').ok_or(Malformed("a pair without ="))?;
                let known = ["for", "proto", "host"];
                let at = known
                    .iter()
                    .position(|known| name.eq_ignore_ascii_case(known));
                let Some(at) = at else { continue };
                if said[at].replace(unquoted(value)?).is_some() {
                    return Err(Malformed("a parameter twice in one element"));
                }
            }
            let [sender, proto, asked] = &said;
            route
                .addresses
                .push(sender.as_deref().map_or(Ok(None), node)?);
            route
                .schemes
                .push(proto.as_deref().map(scheme).transpose()?);
            route.hosts.push(asked.as_deref().map(host).transpose()?);
        }
    }
    route.addresses.reverse();
    route.schemes.reverse();
    route.hosts.reverse();
    Ok(route)
}

/// The parts between the separators that do not stand in quotes.
fn outside_quotes(text: &str, separator: u8) -> Result<Vec<&str>, Malformed> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Malformed("a quote without an end"));
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

/// A token as it is, or what a quoted string stands for (RFC 9110, 5.6.4).
fn unquoted(value: &str) -> Result<String, Malformed> {
    let Some(inner) = value.strip_prefix('"') else {
        return match value.contains(['"', ' ', '\t']) {
            true => Err(Malformed("a quote in the middle")),
            false => Ok(value.to_owned()),
        };
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '"' if chars.as_str().is_empty() => return Ok(text),
            '"' => break,
            c => text.push(c),
        }
    }
    Err(Malformed("a quote in the middle"))
}

/// An address with or without a port, in brackets or not; `unknown` and `_hidden` are nobody's.
fn node(text: &str) -> Result<Option<IpAddr>, Malformed> {
    if text.eq_ignore_ascii_case("unknown") || text.starts_with('_') {
        return Ok(None);
    }
    let address = if let Ok(address) = text.parse::<IpAddr>() {
        Ok(address)
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        Ok(address.ip())
    } else {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        inner
            .and_then(|inner| inner.parse().ok())
            .ok_or(Malformed("no address"))
    };
    address.map(|address| Some(address.to_canonical()))
}

/// `http` or `https`. Some proxies tell a WebSocket by its own scheme.
fn scheme(text: &str) -> Result<Scheme, Malformed> {
    match text.to_ascii_lowercase().as_str() {
        "http" | "ws" => Ok(Scheme::HTTP),
        "https" | "wss" => Ok(Scheme::HTTPS),
        _ => Err(Malformed("a scheme that is neither http nor https")),
    }
}

/// A host with or without a port, in lower case.
pub(super) fn host(text: &str) -> Result<String, Malformed> {
    let authority: Authority = text.parse().map_err(|_| Malformed("no host"))?;
    if text.contains('@') || authority.host().is_empty() {
        return Err(Malformed("no host"));
    }
    Ok(text.to_ascii_lowercase())
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, spell};

    fn read(family: Family, lines: &[(&'static str, &str)]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let route = family.read(&headers).map_err(|malformed| malformed.0)?;
        let mut told = Vec::new();
        for (position, address) in route.addresses.iter().enumerate() {
            let (scheme, host) = route.seen_at(position).map_err(|malformed| malformed.0)?;
            let address = *address;
            told.push(spell(&Client {
                address,
                scheme,
                host,
            }));
        }
        Ok(told.join(" < "))
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (text, expected) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                Ok("192.0.2.60 http ?"),
            ),
            (
                "for=192.0.2.43, for=198.51.100.17",
                Ok("198.51.100.17 ? ? < 192.0.2.43 ? ?"),
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                Ok("2001:db8:cafe::17 ? ?"),
            ),
            (
                "for=\"192.0.2.1:80\";HOST=\"a.example:81\"",
                Ok("192.0.2.1 ? a.example:81"),
            ),
            ("for=_SEVKISEK, for=unknown", Ok("? ? ? < ? ? ?")),
            (
                "for=192.0.2.1;x=\"a,b;c\\\"d\";proto=HTTPS",
                Ok("192.0.2.1 https ?"),
            ),
            ("for=192.0.2.1; proto=https ,, ", Ok("192.0.2.1 https ?")),
            ("proto=https", Ok("? https ?")),
            ("", Ok("")),
            (
                "for=192.0.2.1;for=192.0.2.2",
                Err("a parameter twice in one element"),
            ),
            ("for=\"192.0.2.1", Err("a quote without an end")),
            ("for=1\"9\"2.0.2.1", Err("a quote in the middle")),
            ("for=\"192.0.2.1\"x", Err("a quote in the middle")),
            ("192.0.2.1", Err("a pair without =")),
            ("for=here", Err("no address")),
            (
                "for=192.0.2.1;proto=ftp",
                Err("a scheme that is neither http nor https"),
            ),
            ("for=192.0.2.1;host=\"a b\"", Err("no host")),
            ("for=192.0.2.1;host=\"me@a.example\"", Err("no host")),
        ] {
            let read = read(Family::Forwarded, &[("forwarded", text)]);
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn x_forwarded_headers_are_lists_that_belong_together() {
        let (address, proto, host) = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host");
        for (lines, expected) in [
            (vec![(address, "192.0.2.1")], Ok("192.0.2.1 ? ?")),
            (
                vec![
                    (address, "192.0.2.1:4711, [2001:db8::1]:80"),
                    (address, "2001:db8::2,"),
                ],
                Ok("2001:db8::2 ? ? < 2001:db8::1 ? ? < 192.0.2.1 ? ?"),
            ),
            (
                vec![
                    (address, "::ffff:192.0.2.1, 192.0.2.2"),
                    (proto, "https"),
                    (host, "A.example"),
                ],
                Ok("192.0.2.2 https a.example < 192.0.2.1 https a.example"),
            ),
            (
                vec![(address, "192.0.2.1, 192.0.2.2"), (proto, "http, wss")],
                Ok("192.0.2.2 https ? < 192.0.2.1 http ?"),
            ),
            (
                vec![(address, "192.0.2.1"), (proto, "http"), (proto, "https")],
                Err("the lists differ in length"),
            ),
            (vec![(address, "192.0.2.1, evil")], Err("no address")),
            (vec![(address, "192.0.2.1"), (host, "a/b")], Err("no host")),
            (vec![(address, "192.0.2.\u{e9}")], Err("not ASCII")),
        ] {
            let read = read(Family::XForwarded, &lines);
            assert_eq!(read, expected.map(str::to_owned), "{lines:?}");
        }
    }
}
