//! The race lab: fifty requests at once lose nothing, and a session that was ended stays ended.

use abiding_demo_e2e::Browser;

use crate::stage::Stage;

#[test]
fn the_race_lab_loses_nothing_on_sqlite() {
    loses_nothing_on("sqlite");
}

#[test]
fn the_race_lab_loses_nothing_on_the_memory_store() {
    loses_nothing_on("memory");
}

fn loses_nothing_on(store: &'static str) {
    let Some(stage) = Stage::set_with(Browser::open, store) else {
        return;
    };
    stage.go("/");
    stage.browser.test_id("nav-lab").follow();
    for _ in 0..3 {
        stage.browser.test_id("lab-run").follow();
        for (what, shown) in [
            ("keys", "50/50"),
            ("counter", "50"),
            ("resurrected", "0/20"),
        ] {
            let found = stage.browser.test_id(&format!("lab-{what}-abiding")).text();
            assert_eq!(found, shown, "{what} on {store}");
            // The whole-record upsert beside it does worse, or the lab would show nothing.
            let simulated = stage
                .browser
                .test_id(&format!("lab-{what}-simulated"))
                .text();
            assert_ne!(simulated, shown, "{what}, simulated");
        }
    }
    stage.browser.screenshot(&format!("lab-results-{store}"));
}
