//! The four shorter stories in a browser.

use abiding_testkit::servers::redis::RedisServer;

use crate::Stage;

fn sign_in(stage: &Stage) {
    stage.go("/");
    stage.fill(&[("name", "Thandi")]);
    stage.press("sign-in");
    assert_eq!(stage.seen("account"), "Thandi");
}

/// An event is planned in two tabs, through the end of the server and that of the browser.
fn plan_an_event(stage: &mut Stage, picture: &str) {
    sign_in(stage);
    stage.fill(&[("title", "Party"), ("place", "The old mill")]);
    stage.press("keep");
    for guest in ["Ama", "Ben"] {
        stage.fill(&[("guest", guest)]);
        stage.press("invite");
    }
    let first = stage.browser.tab();
    let _ = stage.browser.new_tab();
    stage.go("/");
    stage.fill(&[("guest", "Cleo")]);
    stage.press("invite");
    stage.browser.switch(&first);
    stage.example.kill_and_restart();
    stage.browser.reload();
    assert_eq!(stage.seen("guest-3"), "Cleo");
    assert_eq!(stage.held("place"), "The old mill");
    stage.all_went_well(picture);

    // The cookie outlives the browser.
    stage.browser.close_and_reopen();
    stage.go("/");
    assert_eq!(stage.seen("account"), "Thandi");
    assert_eq!(stage.seen("guest-1"), "Ama");
    stage.press("sign-out");
    stage.go("/");
    assert_eq!(stage.browser.path(), "/sign-in?next=%2F");
}

#[test]
fn an_event_is_planned_with_sessions_in_files() {
    if let Some(mut stage) = Stage::set(&["organizer", "development"], &[]) {
        plan_an_event(&mut stage, "flask-organizer-files");
    }
}

#[test]
fn an_event_is_planned_with_sessions_on_redis() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let variables = [("REDIS_URL", server.url())];
    if let Some(mut stage) = Stage::set(&["organizer", "production"], &variables) {
        plan_an_event(&mut stage, "flask-organizer-redis");
    }
}

#[test]
fn an_event_is_planned_with_sessions_in_the_cookie() {
    if let Some(mut stage) = Stage::set(&["organizer-cookie"], &[]) {
        plan_an_event(&mut stage, "flask-organizer-cookie");
    }
}

#[test]
fn the_choice_of_a_platform_is_never_stale_in_a_table_nor_in_the_cookie() {
    let Some(mut stage) = Stage::set(&["platforms", "table"], &[]) else {
        return;
    };
    sign_in(&stage);
    for mode in ["table", "cookie", "table"] {
        // The session comes along, from the table to the cookie and back.
        stage.example.restart_as(&["platforms", mode]);
        stage.go("/");
        assert_eq!(stage.seen("account"), "Thandi");
        assert_eq!(stage.seen("chosen"), "The shop");
        stage.fill(&[("text", "We are open")]);
        let first = stage.browser.tab();
        let _ = stage.browser.new_tab();
        stage.go("/");
        stage.press("switch-news");
        stage.browser.switch(&first);
        stage.press("publish");
        assert!(stage.seen("message").starts_with("Nothing was published"));
        assert_eq!(stage.seen("chosen"), "The newsletter");
        stage.fill(&[("text", "We are open")]);
        stage.press("publish");
        assert_eq!(stage.seen("published-1"), "We are open on The newsletter");
        stage.all_went_well(&format!("flask-platforms-{mode}"));
        stage.press("switch-shop");
    }
}

#[test]
fn a_code_that_was_sent_signs_in_though_the_server_was_killed_meanwhile() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let Some(mut stage) = Stage::set(&["code"], &[("REDIS_URL", server.url())]) else {
        return;
    };
    stage.go("/");
    stage.fill(&[("address", "zoe@example.org")]);
    stage.press("ask");
    stage.all_went_well("flask-code");
    stage.example.kill_and_restart();
    let first = stage.browser.tab();
    let _ = stage.browser.new_tab();
    stage.go("/mailbox");
    let letter = stage.seen("letter");
    let (_, code) = letter
        .rsplit_once(' ')
        .expect("the letter ends with the code");
    stage.browser.switch(&first);
    stage.fill(&[("code", "1234567")]);
    stage.press("verify");
    assert!(stage.seen("message").contains("4 guesses are left"));
    stage.fill(&[("code", code)]);
    stage.press("verify");
    assert_eq!(stage.seen("account"), "zoe@example.org");
    stage.all_went_well("flask-code-welcome");
}
