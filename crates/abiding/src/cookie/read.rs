//! Finding the session cookie among whatever a client sends.
//!
//! 1. A name matches byte for byte: nothing is decoded, folded or unquoted (RFC 6265bis, 5.6).
//! 2. A pair is trimmed of spaces and tabs only; a pair without `=` has no name and is passed over.
//! 3. Two cookies of the name cannot be told apart, so neither is believed (RFC 6265bis, 4.2.2).
//! 4. Several `Cookie` headers are read as one (RFC 9113, 8.2.3), up to [`MAX_BYTES`] in all.

use memchr::memchr;

/// What is read of a request's cookies, in bytes; whatever sends more is not a browser.
const MAX_BYTES: usize = 64 * 1024;

/// What a request presents under the session's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presented<'a> {
    /// Two or more, of which this is the first: none is believed.
    Duplicate(&'a [u8]),
    Nothing,
    /// More bytes than a browser would send: none is believed.
    TooLarge,
    Value(&'a [u8]),
}

/// The cookie called `name` in these `Cookie` headers.
pub(crate) fn find<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Presented<'a> {
    let mut found = Presented::Nothing;
    let mut bytes = 0;
    for header in headers {
        bytes += header.len();
        if bytes > MAX_BYTES {
            return Presented::TooLarge;
        }
        let mut rest = Some(header);
        while let Some(pairs) = rest {
            // A sealed cookie is long: looking at its bytes one by one would show in the numbers.
            let (pair, more) = match memchr(b';', pairs) {
                Some(end) => (&pairs[..end], Some(&pairs[end + 1..])),
                None => (pairs, None),
            };
            rest = more;
            match (value_of(pair, name.as_bytes()), &found) {
                (None, _) => {}
                (Some(value), Presented::Nothing) => found = Presented::Value(value),
                (Some(_), Presented::Value(first)) => return Presented::Duplicate(first),
                (Some(_), _) => {}
            }
        }
    }
    found
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = pair.iter().position(|&byte| byte == b'=')?;
    (trim(&pair[..at]) == name).then(|| trim(&pair[at + 1..]))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[&str], expected: &Presented<'_>) {
        let bytes = headers.iter().map(|header| header.as_bytes());
        assert_eq!(find(bytes, "__Host-Http-sid"), *expected, "{headers:?}");
    }

    #[test]
    fn the_cookie_is_found_wherever_it_stands() {
        for header in [
            "__Host-Http-sid=v",
            "a=1; __Host-Http-sid=v; b=2",
            "a=1;__Host-Http-sid=v",
            " \t__Host-Http-sid \t= v\t ;",
            "nameless; =empty name; __Host-Http-sid=v",
        ] {
            check(&[header], &Presented::Value(b"v"));
        }
        check(&["a=1", "__Host-Http-sid=v"], &Presented::Value(b"v"));
        check(&["__Host-Http-sid=v=w"], &Presented::Value(b"v=w"));
        check(&["__Host-Http-sid=\"v\""], &Presented::Value(b"\"v\""));
        check(&["__Host-Http-sid="], &Presented::Value(b""));
    }

    /// CK-7: names that other parsers have taken for another.
    #[test]
    fn a_name_that_only_looks_alike_is_not_the_cookie() {
        for header in [
            "",
            ";;;",
            "=",
            "__Host-Http-sid",
            "__host-http-sid=v",
            "__Host-Http-sid2=v",
            "x__Host-Http-sid=v",
            "__Host-Http-sid%3d=v",
            "%5f%5fHost-Http-sid=v",
            "\"__Host-Http-sid\"=v",
            "$Version=1, __Host-Http-sid=v",
            "__Host-Http-sid\u{a0}=v",
            "\u{2000}__Host-Http-sid=v",
            "\x0b__Host-Http-sid=v",
            "\r\n__Host-Http-sid=v",
            "__Host-\0Http-sid=v",
            "sid=v",
            "__Host-sid=v",
            "=__Host-Http-sid=v",
            "a=__Host-Http-sid=v",
            "a, __Host-Http-sid=v",
        ] {
            check(&[header], &Presented::Nothing);
        }
    }

    #[test]
    fn two_of_the_name_are_both_refused() {
        check(
            &["__Host-Http-sid=a; __Host-Http-sid=b"],
            &Presented::Duplicate(b"a"),
        );
        check(
            &["__Host-Http-sid=a", "x=1; __Host-Http-sid=a"],
            &Presented::Duplicate(b"a"),
        );
    }

    /// CK-14: bounded work, whatever is sent.
    #[test]
    fn an_absurd_amount_of_cookies_is_not_read() {
        let many = "a=1; ".repeat(20_000);
        check(&[&many, "__Host-Http-sid=v"], &Presented::TooLarge);
    }
}
