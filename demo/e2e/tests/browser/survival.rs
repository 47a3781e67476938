//! The server dies while somebody fills the form: `kill -9`, then the same program on the same data.

use crate::{
    applications::{holds_every_field, submitted},
    form::FORM,
    stage::Stage,
};

/// Scar 31: the key outlives the process.
#[test]
fn the_server_may_die_between_any_two_steps() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/membership");
    for (slug, answers) in FORM {
        stage.take(slug, answers);
        stage.demo.kill_and_restart();
        // The visitor notices nothing and goes on with the page that was shown.
    }
    stage.browser.test_id("submit-application").follow();
    let number = stage.browser.test_id("application-number").text();
    stage.demo.kill_and_restart();
    stage.browser.reload();
    assert_eq!(stage.browser.test_id("application-number").text(), number);

    let applications = submitted(&stage.demo);
    assert_eq!(applications.len(), 1);
    holds_every_field(&applications[0], &[]);
}

#[test]
fn the_server_may_die_in_the_middle_of_step_four() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    let [earlier @ .., (payment, _)] = FORM;
    stage.go("/membership");
    for (slug, answers) in earlier {
        stage.take(slug, answers);
    }
    // Half of the step: a reference and no method. It does not do, and it is kept.
    stage.take(payment, &[("reference", "DLAMINI-58")]);
    assert!(stage.browser.has("error-method"));
    stage.demo.kill_and_restart();

    stage.go("/membership");
    assert_eq!(stage.browser.path(), "/membership/payment");
    stage.holds(payment, &[("reference", "DLAMINI-58"), ("method", "")]);
    stage.take(payment, &[("method", "eft")]);
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(&submitted(&stage.demo)[0], &[]);
}

#[test]
fn what_is_typed_and_not_sent_survives_as_well() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/membership");
    // Typed, and the field left: the page keeps a draft.
    stage.answer("first_names", "Sipho");
    stage.answer("surname", "Dlamini");
    stage.drafts_are_answered(2);
    assert_eq!(stage.browser.test_id("draft-status").text(), "Saved.");
    stage.demo.kill_and_restart();
    stage.go("/membership");
    stage.holds(
        "personal",
        &[("first_names", "Sipho"), ("surname", "Dlamini")],
    );
}

#[test]
fn what_is_typed_survives_before_its_field_is_left() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/membership");
    stage.answer("first_names", "Sipho");
    stage.a_draft_holds("Sipho");
    stage.demo.kill_and_restart();
    stage.go("/membership");
    stage.holds("personal", &[("first_names", "Sipho")]);
}

#[test]
fn a_page_that_was_open_while_the_server_died_can_be_sent() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/membership");
    let (slug, answers) = FORM[0];
    stage.fill(slug, answers);
    stage.demo.kill_and_restart();
    stage.send();
    let _ = stage.browser.test_id("step-contact");
    stage.browser.back();
    stage.holds(slug, answers);
}

#[test]
fn a_draft_that_was_acknowledged_survives_a_server_that_dies_while_others_arrive() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/membership");
    for _ in 0..5 {
        let _ = stage.browser.run(
            "window.acknowledged = 0;
             window.running = true;
             const headers = { 'x-form-token': document.querySelector('main [name=form_token]').value };
             const draft = n => fetch('/membership/personal/draft', { method: 'POST', headers, body: new URLSearchParams({ occupation: n }) });
             (async () => {
                 for (let n = 1; window.running && (await draft(n)).ok; n++) window.acknowledged = n;
             })().catch(() => {}).finally(() => window.running = false);
             while (window.acknowledged < 20) await new Promise(requestAnimationFrame)",
        );
        stage.demo.kill_and_restart();
        let acknowledged = stage.browser.run(
            "window.running = false;
             return window.acknowledged",
        );
        stage.go("/membership/personal");
        let kept: u64 = stage
            .held("occupation")
            .parse()
            .expect("a draft is a number");
        let acknowledged = acknowledged.as_u64().expect("a count is a number");
        assert!(
            kept >= acknowledged,
            "{acknowledged} was acknowledged, {kept} was kept"
        );
    }
}
