//! What leaves the server, and what does not: one cookie that no script reads, and nothing to other hosts.

use crate::{form::PERSONAL, stage::Stage};

#[test]
fn pages_ask_nothing_of_other_hosts_and_forbid_it() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    for path in [
        "/",
        "/session",
        "/shop",
        "/mailbox",
        "/lab",
        "/no-such-page",
    ] {
        stage.go(path);
    }
    let home = stage.demo.url("/");
    let requests = stage.browser.requests();
    assert!(requests.len() > 8, "{requests:?}");
    for request in requests {
        // The browser's own pages and pictures within a page go over no wire.
        let own = ["about:", "chrome:", "data:", &home]
            .iter()
            .any(|own| request.starts_with(own));
        assert!(own, "{request}");
    }
    let policy = header(&stage, "/", "content-security-policy");
    for word in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(word), "{word} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn the_session_cookie_is_kept_from_scripts_and_ends_with_the_browser() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/");
    assert_eq!(
        stage.browser.cookies(),
        [],
        "nobody asked for a session yet"
    );
    stage.go("/membership");
    stage.take("personal", PERSONAL);

    let cookies = stage.browser.cookies();
    let [cookie] = cookies.as_slice() else {
        panic!("{cookies:?}")
    };
    assert!(cookie.http_only);
    assert_eq!(cookie.same_site, "Lax");
    assert_eq!(stage.browser.run("return document.cookie"), "");
}

#[test]
fn no_page_and_no_log_shows_the_id_or_what_was_typed_where_it_is_masked() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    let token = stage.browser.cookies()[0].value.clone();
    for path in [
        "/",
        "/session",
        "/debug/session.json",
        "/lab",
        "/membership/review",
    ] {
        stage.go(path);
        let source = stage
            .browser
            .run("return document.documentElement.outerHTML");
        let source = source.as_str().expect("source is text");
        for piece in pieces(&token) {
            assert!(!source.contains(piece), "{path} shows {piece} of {token}");
        }
        // The form shows its own answers; what looks into the session masks them.
        if path == "/session" || path.starts_with("/debug") {
            for (name, value) in PERSONAL.iter().filter(|(_, value)| value.len() > 3) {
                assert!(!source.contains(value), "{path} shows {name}");
            }
        }
    }
    let said = stage.demo.said();
    assert!(
        !pieces(&token).any(|piece| said.contains(piece)),
        "the log shows a part of the token"
    );
    assert!(
        !said.contains("8001015009087") && !said.contains("Dlamini"),
        "the log shows answers"
    );
}

#[test]
fn the_debug_endpoint_names_the_keys_of_the_session_and_masks_their_values() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let debug = stage
        .browser
        .run("return await (await fetch('/debug/session.json')).text()");
    let debug = debug.as_str().expect("json is text");
    assert!(debug.contains("membership.surname"), "{debug}");
    assert!(
        !debug.contains("Dlamini") && !debug.contains("8001015009087"),
        "{debug}"
    );

    stage.go("/session");
    let row = stage
        .browser
        .test_id("session-key-membership.surname")
        .text();
    assert!(!row.contains("Dlamini"), "{row}");
    assert_eq!(stage.browser.test_id("session-state").text(), "open");
    assert_eq!(stage.browser.test_id("session-store").text(), "sqlite");
}

/// Scar 27.
#[test]
fn pages_with_somebody_s_answers_are_kept_by_no_cache() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    for path in ["/membership/personal", "/session", "/debug/session.json"] {
        let (cache, vary) = (
            header(&stage, path, "cache-control"),
            header(&stage, path, "vary"),
        );
        assert!(
            cache.contains("private") || cache.contains("no-store"),
            "{path}: {cache}"
        );
        assert!(vary.to_lowercase().contains("cookie"), "{path}: {vary}");
    }
}

/// A header of the answer to a request that the present page makes.
fn header(stage: &Stage, path: &str, name: &str) -> String {
    let script = format!("return (await fetch('{path}')).headers.get('{name}') ?? ''");
    let value = stage.browser.run(&script);
    value.as_str().unwrap_or_default().to_owned()
}

/// The parts of a token that would tell it: long runs, wherever it is cut.
fn pieces(token: &str) -> impl Iterator<Item = &str> {
    token
        .split('.')
        .filter(|piece| piece.len() >= 16)
        .chain([token])
}
