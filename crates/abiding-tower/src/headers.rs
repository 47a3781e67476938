//! The headers that a session adds to a response.

use abiding::Closing;
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, SET_COOKIE, VARY},
};

/// One `Set-Cookie` at most; and whatever depended on the session varies by cookie and is nobody else's
/// to cache (RFC 9111, 5.2.2).
pub(crate) fn apply(headers: &mut HeaderMap, closing: &Closing) {
    let cookie = closing.set_cookie.as_ref();
    let sends_cookie = cookie.is_some_and(|cookie| set_cookie(headers, cookie));
    if closing.accessed || sends_cookie {
        vary_by_cookie(headers);
        keep_out_of_shared_caches(headers, sends_cookie);
    }
}

/// Sets the session's cookie, in place of any of its name, and answers whether it could be spelled.
pub(crate) fn set_cookie(headers: &mut HeaderMap, cookie: &str) -> bool {
    let Ok(mut value) = HeaderValue::from_str(cookie) else {
        return false;
    };
    drop_same_name(headers, cookie);
    value.set_sensitive(true);
    headers.append(SET_COOKIE, value);
    true
}

fn drop_same_name(headers: &mut HeaderMap, cookie: &str) {
    let name = &cookie.as_bytes()[..=cookie.find('=').unwrap_or(0)];
    let all: Vec<_> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    if all.iter().any(|other| other.as_bytes().starts_with(name)) {
        headers.remove(SET_COOKIE);
        for other in all
            .into_iter()
            .filter(|other| !other.as_bytes().starts_with(name))
        {
            headers.append(SET_COOKIE, other);
        }
    }
}

fn vary_by_cookie(headers: &mut HeaderMap) {
    let covers = |value: &HeaderValue| {
        value.as_bytes().split(|&byte| byte == b',').any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"cookie")
        })
    };
    if !headers.get_all(VARY).iter().any(covers) {
        headers.append(VARY, HeaderValue::from_static("Cookie"));
    }
}

fn keep_out_of_shared_caches(headers: &mut HeaderMap, sends_cookie: bool) {
    let has = |headers: &HeaderMap, directive: &[u8]| {
        headers.get_all(CACHE_CONTROL).iter().any(|value| {
            let mut directives = value.as_bytes().split(|&byte| byte == b',');
            directives.any(|one| one.trim_ascii().eq_ignore_ascii_case(directive))
        })
    };
    let safe = has(headers, b"no-store") || (!sends_cookie && has(headers, b"private"));
    if !safe {
        let value = if sends_cookie { "no-store" } else { "private" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        before: &[(&'static str, &'static str)],
        sends_cookie: bool,
        cache_control: &str,
        vary: &[&str],
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.append(*name, HeaderValue::from_static(value));
        }
        vary_by_cookie(&mut headers);
        keep_out_of_shared_caches(&mut headers, sends_cookie);
        assert_eq!(headers[CACHE_CONTROL], cache_control, "{before:?}");
        assert_eq!(
            headers.get_all(VARY).iter().collect::<Vec<_>>(),
            vary,
            "{before:?}"
        );
    }

    /// CK-11, scar 27: whatever the handler says of caching, a shared cache never keeps the page.
    #[test]
    fn a_page_that_depends_on_the_session_is_nobody_else_s_to_cache() {
        check(&[], false, "private", &["Cookie"]);
        check(&[], true, "no-store", &["Cookie"]);
        check(
            &[("cache-control", "public, max-age=60")],
            false,
            "private",
            &["Cookie"],
        );
        check(
            &[("cache-control", "private, max-age=60")],
            false,
            "private, max-age=60",
            &["Cookie"],
        );
        check(
            &[("cache-control", "private")],
            true,
            "no-store",
            &["Cookie"],
        );
        check(
            &[("cache-control", "No-Store")],
            true,
            "No-Store",
            &["Cookie"],
        );
        check(
            &[("vary", "Accept")],
            false,
            "private",
            &["Accept", "Cookie"],
        );
        check(
            &[("vary", "accept, COOKIE")],
            false,
            "private",
            &["accept, COOKIE"],
        );
        check(&[("vary", "*")], false, "private", &["*"]);
        // Private as to one field: the rest may be kept by anybody.
        let partly = "private=\"x-name\", max-age=60";
        check(&[("cache-control", partly)], false, "private", &["Cookie"]);
        check(
            &[("cache-control", "no-store-maybe")],
            true,
            "no-store",
            &["Cookie"],
        );
    }
}
