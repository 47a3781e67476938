//! The form on a good day: five steps, one application.

use crate::{
    applications::{holds_every_field, submitted},
    form::{CONTACT, FORM, PERSONAL},
    stage::Stage,
};

#[test]
fn the_whole_form_becomes_one_application() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.go("/");
    browser.test_id("nav-membership").follow();
    for (slug, answers) in FORM {
        assert_eq!(browser.path(), format!("/membership/{slug}"));
        let current = browser.test_id(&format!("progress-{slug}"));
        assert_eq!(current.attribute("aria-current").as_deref(), Some("step"));
        stage.take(slug, answers);
    }

    for (name, shown) in [
        ("id_number", "8001015009087"),
        ("language", "isiZulu"),
        ("qualification", "Diploma"),
        ("municipality", "City of Johannesburg"),
        ("agree_rules", "Yes"),
        ("method", "Bank transfer (EFT)"),
    ] {
        assert_eq!(
            browser.test_id(&format!("review-{name}")).text(),
            shown,
            "{name}"
        );
    }
    browser.test_id("submit-application").follow();

    assert!(
        browser
            .test_id("application-number")
            .text()
            .starts_with("ABD-")
    );
    assert_eq!(browser.path(), "/membership/done");
    let applications = submitted(&stage.demo);
    assert_eq!(applications.len(), 1);
    holds_every_field(&applications[0], &[]);
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn optional_questions_may_stay_unanswered() {
    let Some(stage) = Stage::set() else { return };
    const OPTIONAL: [&str; 6] = [
        "language",
        "occupation",
        "qualification",
        "ward",
        "reason",
        "reference",
    ];
    stage.go("/membership");
    for (slug, answers) in FORM {
        let _ = stage.browser.test_id(&format!("step-{slug}"));
        for (name, value) in answers.iter().filter(|(name, _)| !OPTIONAL.contains(name)) {
            // A transfer asks for a reference, cash does not.
            stage.answer(name, if *name == "method" { "cash" } else { value });
        }
        stage.send();
    }
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(
        &submitted(&stage.demo)[0],
        &[
            ("language", ""),
            ("occupation", ""),
            ("qualification", ""),
            ("ward", ""),
            ("reason", ""),
            ("method", "cash"),
            ("reference", ""),
        ],
    );
}

#[test]
fn any_step_can_be_revisited_and_keeps_what_the_others_hold() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    stage.browser.test_id("edit-contact").follow();
    stage.holds("contact", CONTACT);
    stage.answer("email", "new@example.org");
    stage.send();
    stage.go("/membership/review");
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(&submitted(&stage.demo)[0], &[("email", "new@example.org")]);
}

#[test]
fn a_drawn_signature_does_as_well_as_a_typed_one() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.take("contact", CONTACT);
    let (declaration, answers) = FORM[2];
    stage.fill(declaration, answers);
    stage.answer("signature_typed", "");
    let canvas = stage.browser.test_id("signature-canvas");
    canvas.draw(&[(-60, 0), (-20, -20), (20, 20)]);
    stage.browser.test_id("signature-clear").click();
    assert_eq!(stage.held("signature_drawn"), "");
    canvas.draw(&[(-60, 0), (-20, -20), (20, 20), (60, 0)]);
    let drawn = stage.held("signature_drawn");
    assert_eq!(drawn.split('_').count(), 4, "{drawn}");
    stage.send();

    let (payment, answers) = FORM[3];
    stage.take(payment, answers);
    stage.browser.screenshot("review-drawn");
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    let applications = submitted(&stage.demo);
    assert_eq!(applications[0]["signature_drawn"], drawn);
    assert_eq!(applications[0]["signature_typed"], "");
}

#[test]
fn a_step_sends_its_visitor_to_the_first_one_that_is_not_done() {
    let Some(stage) = Stage::set() else { return };
    for (wanted, shown) in [
        ("payment", "personal"),
        ("review", "personal"),
        ("contact", "personal"),
    ] {
        stage.go(&format!("/membership/{wanted}"));
        assert_eq!(
            stage.browser.path(),
            format!("/membership/{shown}?for={wanted}")
        );
        assert!(stage.browser.has("notice"));
    }
    stage.take("personal", PERSONAL);
    stage.go("/membership/payment");
    assert_eq!(stage.browser.path(), "/membership/contact?for=payment");
}

#[test]
fn an_answer_that_does_not_do_is_kept_and_its_error_leads_to_the_field() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    // The last digit should be 7.
    stage.take(
        "personal",
        &[("id_number", "8001015009088"), ("first_names", "Sipho")],
    );
    let browser = &stage.browser;
    assert_eq!(
        browser
            .test_id("error-summary")
            .attribute("role")
            .as_deref(),
        Some("alert")
    );
    assert!(browser.has("error-id_number") && browser.has("error-surname"));
    stage.holds(
        "personal",
        &[("id_number", "8001015009088"), ("first_names", "Sipho")],
    );

    browser.test_id("error-link-surname").click();
    assert_eq!(browser.run("return document.activeElement.name"), "surname");
    browser.reload();
    stage.go("/membership/personal");
    stage.holds(
        "personal",
        &[("id_number", "8001015009088"), ("first_names", "Sipho")],
    );
}

#[test]
fn the_back_button_shows_what_was_answered_and_loses_nothing() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    for (slug, answers) in FORM.into_iter().rev() {
        stage.browser.back();
        assert_eq!(stage.browser.path(), format!("/membership/{slug}"));
        stage.holds(slug, answers);
    }
    // The first page again: a change made there is a change of the application.
    stage.answer("surname", "Dlamini-Khumalo");
    stage.send();
    stage.holds("contact", CONTACT);
    stage.go("/membership/review");
    assert_eq!(
        stage.browser.test_id("review-surname").text(),
        "Dlamini-Khumalo"
    );
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(
        &submitted(&stage.demo)[0],
        &[("surname", "Dlamini-Khumalo")],
    );
}

#[test]
fn a_double_click_on_submit_makes_one_application() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    stage.browser.test_id("submit-application").double_click();
    let number = stage.browser.test_id("application-number").text();
    assert_eq!(submitted(&stage.demo).len(), 1);

    stage.browser.reload();
    assert_eq!(stage.browser.test_id("application-number").text(), number);
}

#[test]
fn ten_submits_at_once_make_one_application() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    let statuses = stage.browser.run(
        "const form = document.querySelector('[data-testid=step-review]');
         const send = () => fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
         return await Promise.all(Array.from({ length: 10 }, async () => (await send()).url))",
    );
    let done = stage.demo.url("/membership/done");
    let ends: Vec<&str> = statuses
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|url| url.as_str())
        .collect();
    assert_eq!(ends, [done.as_str(); 10]);
    let applications = submitted(&stage.demo);
    assert_eq!(applications.len(), 1);
    holds_every_field(&applications[0], &[]);
}

#[test]
fn a_second_application_is_a_second_one() {
    let Some(stage) = Stage::set() else { return };
    for count in 1..=2 {
        stage.fill_all();
        stage.browser.test_id("submit-application").follow();
        let _ = stage.browser.test_id("application-number");
        assert_eq!(submitted(&stage.demo).len(), count);
        stage.browser.test_id("start-another").follow();
        assert_eq!(stage.held("surname"), "");
    }
}
