//! One session of Flask and Rust, on Redis: whichever of them made the page, it knows the same visitor.

use abiding_testkit::servers::redis::RedisServer;

use crate::Stage;

#[test]
fn a_visitor_goes_to_and_fro_between_flask_and_rust() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let variables = [("SESSIONS", server.url())];
    let Some(mut stage) = Stage::set(&["shared", "redis"], &variables) else {
        return;
    };
    let made_by = |stage: &Stage, who: &str| {
        assert_eq!(
            stage.seen("made-by"),
            format!("This page was made by {who}.")
        );
    };
    stage.go("/");
    made_by(&stage, "Flask");
    stage.fill(&[("name", "Zoë")]);
    stage.press("sign-in");

    stage.go("/basket");
    made_by(&stage, "Rust");
    assert_eq!(stage.seen("user"), "Zoë");
    stage.fill(&[("item", "tea")]);
    stage.press("add");
    made_by(&stage, "Flask");
    assert_eq!(stage.seen("message"), "tea is in your basket");
    assert_eq!(stage.seen("item-tea"), "1 × tea");
    stage.all_went_well("shared-flask");

    stage.example.kill_and_restart();
    stage.fill(&[("note", "After five, please")]);
    stage.press("save-note");
    made_by(&stage, "Rust");
    assert_eq!(stage.seen("message"), "We have your note");
    assert_eq!(stage.seen("note"), "After five, please");
    stage.all_went_well("shared-rust");

    // Signed out by Rust, while another tab shows a page of Flask.
    let first = stage.browser.tab();
    let _ = stage.browser.new_tab();
    stage.go("/");
    assert_eq!(stage.seen("user"), "Zoë");
    stage.browser.switch(&first);
    stage.press("sign-out");
    made_by(&stage, "Flask");
    assert!(!stage.browser.has("user") && stage.browser.has("nothing"));

    // Signed in by Rust, and out by Flask.
    stage.go("/account");
    stage.fill(&[("name", "Thabo")]);
    stage.press("sign-in");
    made_by(&stage, "Flask");
    assert_eq!(stage.seen("user"), "Thabo");
    stage.press("sign-out");
    assert_eq!(stage.seen("message"), "Goodbye");
    stage.go("/basket");
    made_by(&stage, "Rust");
    assert!(!stage.browser.has("user"));
}
