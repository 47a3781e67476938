//! A browser that runs no scripts: everything works, only plainer.

use abiding_demo_e2e::Browser;

use crate::{
    applications::{holds_every_field, submitted},
    stage::Stage,
};

#[test]
fn the_whole_form_works_without_scripts() {
    let Some(stage) = Stage::set_with(Browser::open_without_scripts, "sqlite") else {
        return;
    };
    stage.fill_all();
    stage.browser.screenshot("without-scripts-review");
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(&submitted(&stage.demo)[0], &[]);
}

#[test]
fn the_inspector_and_the_lab_work_without_scripts() {
    let Some(stage) = Stage::set_with(Browser::open_without_scripts, "sqlite") else {
        return;
    };
    stage.go("/lab");
    stage.browser.test_id("lab-run").follow();
    assert_eq!(stage.browser.test_id("lab-keys-abiding").text(), "50/50");
    stage.go("/session");
    let _ = stage.browser.test_id("session-state");
}
