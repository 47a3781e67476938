//! Ways in which sessions are known to fail, tried from a browser. What is not here is shown where it
//! belongs, by the number of the scar: lifetimes in `organizer`, removal in `signing_out`, caches in `secrecy`, keys in `survival`.

use abiding_demo_e2e::{Browser, Cookie};

use crate::{
    form::{CONTACT, PERSONAL},
    stage::Stage,
};

/// The session cookie of the browser, if it has one.
fn session_cookie(browser: &Browser) -> Option<Cookie> {
    let mut cookies = browser.cookies().into_iter();
    cookies.find(|cookie| cookie.name == "sid")
}

fn state(stage: &Stage) -> String {
    stage.go("/session");
    stage.browser.test_id("session-state").text()
}

/// Scar 14: what ends a session that lives in its cookie is inside, where no browser changes it.
#[test]
fn a_sealed_cookie_that_somebody_kept_ends_when_its_session_does() {
    let Some(stage) = Stage::set_with(Browser::open, "cookie") else {
        return;
    };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let mut kept = session_cookie(&stage.browser).expect("the form began a session");
    stage.demo.at_second(2 * 60 * 60);
    // As long as the browser may like.
    kept.expiry = Some(4_000_000_000);
    stage.browser.set_cookie(&kept);
    assert_eq!(state(&stage), "no session");
    let why = stage.browser.test_id("session-why").text();
    assert!(why.contains("lifetime"), "{why}");
    stage.go("/membership/personal");
    assert_eq!(stage.held("surname"), "");
}

/// Scar 26: what does not fit into a cookie is refused with a word, and the session stays as it was.
#[test]
fn a_session_that_outgrows_its_cookie_is_told_and_stays() {
    let Some(stage) = Stage::set_with(Browser::open, "cookie") else {
        return;
    };
    stage.fill_all();
    let before = session_cookie(&stage.browser).expect("the form began a session");
    stage.go("/membership/declaration");
    let token = stage.browser.find("[name=form_token]").value();
    let status = stage.browser.run(&format!(
        "const points = Array.from({{ length: 800 }}, (_, i) => `${{i + 1000}}-${{i + 1000}}`);
         const drawing = points.join('_').slice(0, 3990);
         const body = new URLSearchParams({{ form_token: '{token}', signature_drawn: drawing }});
         return (await fetch('/membership/declaration/draft', {{ method: 'POST', body }})).status"
    ));
    assert_eq!(status, 413);
    let after = session_cookie(&stage.browser).expect("the session stays");
    assert_eq!(after.value, before.value);
    stage.go("/membership/personal");
    stage.holds("personal", PERSONAL);
}

/// Scar 19: whoever plants a cookie in somebody's browser does not share what begins there.
#[test]
fn an_id_that_somebody_planted_is_never_adopted() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let genuine = session_cookie(&stage.browser).expect("the form began a session");
    stage.go("/session");
    stage.browser.test_id("end-session").follow();
    // One that was never given out, and one whose session is over.
    let mut guessed = genuine.clone();
    guessed.value = "A".repeat(genuine.value.len());
    for planted in [&guessed, &genuine] {
        stage.browser.set_cookie(planted);
        assert_eq!(state(&stage), "no session");
        stage.go("/membership/personal");
        assert_eq!(stage.held("surname"), "");
        stage.take("personal", PERSONAL);
        let begun = session_cookie(&stage.browser).expect("the form began a session");
        assert_ne!(begun.value, planted.value);
        stage.go("/session");
        stage.browser.test_id("end-session").follow();
    }
}

/// Scar 20: visitors who come at the same moment have nothing of each other.
#[test]
fn every_browser_has_a_session_of_its_own() {
    let Some(stage) = Stage::set() else { return };
    let other = Browser::open();
    let mut seen = Vec::new();
    for (browser, surname) in [(&stage.browser, "Dlamini"), (&other, "Nkosi")] {
        browser.go(&stage.demo.url("/membership/personal"));
        browser.find("[name=surname]").fill(surname);
        browser.test_id("continue").follow();
        seen.push(session_cookie(browser).expect("a session").value);
    }
    assert_ne!(seen[0], seen[1]);
    for (browser, surname) in [(&stage.browser, "Dlamini"), (&other, "Nkosi")] {
        browser.go(&stage.demo.url("/membership/personal"));
        assert_eq!(browser.find("[name=surname]").value(), surname);
    }
}

/// Scar 22: in production a cookie without the prefix, which any page of the site can set, is not read.
#[test]
fn the_plain_name_is_not_read_where_the_prefixed_one_is_written() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.demo.restart_in_production();
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let mut cookie = stage.browser.cookies().remove(0);
    assert!(cookie.name.starts_with("__Host-"));
    assert_eq!(state(&stage), "open");
    stage.browser.test_id("end-session").follow();
    assert_eq!(stage.browser.cookies(), []);

    stage.go("/membership");
    stage.take("personal", PERSONAL);
    cookie.value = stage.browser.cookies().remove(0).value;
    cookie.name = cookie.name.trim_start_matches("__Host-Http-").to_owned();
    let elsewhere = Browser::open();
    elsewhere.go(&stage.demo.url("/"));
    elsewhere.set_cookie(&cookie);
    elsewhere.go(&stage.demo.url("/session"));
    assert_eq!(elsewhere.test_id("session-state").text(), "no session");
}

/// Scar 23: looking around sets no cookie, and there is never more than one.
#[test]
fn visitors_get_no_cookie_and_everybody_else_gets_one() {
    let Some(stage) = Stage::set() else { return };
    for path in ["/", "/session", "/lab", "/membership", "/no-such-page"] {
        stage.go(path);
        assert_eq!(stage.browser.cookies(), [], "{path}");
    }
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.take("contact", CONTACT);
    assert_eq!(stage.browser.cookies().len(), 1);
}

/// Scar 24: a second cookie of the name, from wherever it came, is not somebody else's session.
#[test]
fn a_cookie_that_shadows_the_session_is_not_taken_for_it() {
    let Some(stage) = Stage::set() else { return };
    let attacker = Browser::open();
    attacker.go(&stage.demo.url("/membership/personal"));
    attacker.find("[name=surname]").fill("Attacker");
    attacker.test_id("continue").follow();
    let theirs = session_cookie(&attacker).expect("a session").value;

    stage.go("/membership");
    stage.take("personal", PERSONAL);
    // The browser sends the longer path first, so whoever takes the first one takes this.
    let _ = stage.browser.run(&format!(
        "document.cookie = 'sid={theirs}; path=/membership/personal'"
    ));
    stage.go("/membership/personal");
    assert_ne!(stage.held("surname"), "Attacker");
}

/// Scar 25: whatever lies in the cookie, the page is shown, and a session begins in its place.
#[test]
fn no_cookie_breaks_a_page() {
    let Some(stage) = Stage::set() else { return };
    let long = "x".repeat(4_000);
    for bad in ["", "é", "\u{1F600}", "%00", "\"quoted\"", "a b", &long] {
        stage.go("/lab");
        let _ = stage
            .browser
            .run(&format!("document.cookie = 'sid={bad}; path=/'"));
        stage.go("/membership/personal");
        assert!(!stage.browser.has("problem"), "{bad}");
        assert_eq!(stage.held("surname"), "", "{bad}");
    }
    stage.take("personal", PERSONAL);
    stage.go("/membership/personal");
    stage.holds("personal", PERSONAL);
}

/// Scar 28: a link from another site finds its visitor signed in.
#[test]
fn whoever_comes_over_a_link_from_another_site_has_the_session() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    // A page of nobody's origin: whatever it links to is another site.
    let form = stage.demo.url("/membership/personal");
    let page = format!("data:text/html,<a data-testid=inbound href={form}>inbound</a>");
    stage.browser.go(&page);
    stage.browser.test_id("inbound").follow();
    stage.holds("personal", PERSONAL);
}
