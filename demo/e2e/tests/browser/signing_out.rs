//! The end of a session at the visitor's wish: gone from the browser, and gone from the server.

use crate::{
    form::{CONTACT, PERSONAL},
    stage::Stage,
};

#[test]
fn an_ended_session_is_gone_from_browser_and_server() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let replayed = stage.browser.cookies()[0].clone();

    stage.go("/session");
    stage.browser.test_id("end-session").follow();
    assert_eq!(stage.browser.cookies(), []);
    stage.go("/session");
    assert_eq!(stage.browser.test_id("session-state").text(), "no session");

    // Whoever kept the cookie has nothing with it.
    stage.browser.set_cookie(&replayed);
    stage.go("/session");
    assert_eq!(stage.browser.test_id("session-state").text(), "no session");
    stage.go("/membership/personal");
    assert_eq!(stage.held("surname"), "");
}

#[test]
fn a_tab_that_was_open_when_the_session_ended_begins_a_new_one_with_what_it_shows() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.take("contact", CONTACT);
    stage.go("/membership/personal");
    let slow = stage.browser.tab();
    let _ = stage.browser.new_tab();
    stage.go("/session");
    stage.browser.test_id("end-session").follow();

    stage.browser.switch(&slow);
    stage.answer("surname", "Late");
    stage.send();
    // Of the session that ended, only what this tab showed is there.
    stage.holds("contact", &[("email", ""), ("municipality", "")]);
    stage.go("/membership/personal");
    stage.holds(
        "personal",
        &[("first_names", "Sipho Themba"), ("surname", "Late")],
    );
}

#[test]
fn a_renewed_session_has_a_new_cookie_and_keeps_its_answers() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let before = stage.browser.cookies();
    stage.go("/session");
    stage.browser.test_id("renew-session").follow();
    assert_ne!(stage.browser.cookies(), before);
    assert_eq!(stage.browser.cookies().len(), 1);
    stage.go("/membership/personal");
    stage.holds("personal", PERSONAL);
}

/// Scar 21.
#[test]
fn a_browser_keeps_the_cookie_of_production_and_lets_it_go() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.demo.restart_in_production();
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.holds("contact", &[("email", "")]);
    let cookies = stage.browser.cookies();
    let [cookie] = cookies.as_slice() else {
        panic!("{cookies:?}")
    };
    assert!(cookie.name.starts_with("__Host-"), "{}", cookie.name);
    assert!(cookie.secure && cookie.http_only);

    stage.go("/debug/session.json");
    assert_eq!(stage.browser.test_id("problem-status").text(), "Error 404");

    // A removal that lacks what the name demands would leave it where it is.
    stage.go("/session");
    stage.browser.test_id("end-session").follow();
    assert_eq!(stage.browser.cookies(), []);
}
