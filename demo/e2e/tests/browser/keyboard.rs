//! A visitor without a mouse: every field and button is reached by the keyboard, and every field says what it is.

use abiding_demo_e2e::Key;

use crate::{
    form::{FORM, PERSONAL},
    stage::Stage,
};

#[test]
fn the_first_step_is_filled_and_sent_by_keyboard_alone() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    let browser = &stage.browser;
    let focused = || browser.find(":focus");
    browser.find("body").press(Key::Tab);
    assert_eq!(
        focused().attribute("data-testid").as_deref(),
        Some("skip-link")
    );
    focused().press(Key::Enter);

    for (name, value) in PERSONAL
        .iter()
        .filter(|(name, _)| !["language", "qualification"].contains(name))
    {
        let mut steps = 0;
        while browser.run("return document.activeElement.name ?? ''") != *name {
            browser.find(":focus, body").press(Key::Tab);
            steps += 1;
            assert!(steps < 30, "{name} is not reached");
        }
        focused().type_text(value);
    }
    focused().press(Key::Enter);
    let _ = browser.test_id("step-contact");
}

#[test]
fn every_field_has_a_label_and_every_page_one_heading_and_a_language() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    stage.ask_for_a_code("sipho@example.org");
    let steps = FORM.iter().map(|(slug, _)| format!("/membership/{slug}"));
    let others = [
        "/",
        "/membership/review",
        "/shop",
        "/code",
        "/code/verify",
        "/mailbox",
        "/session",
        "/lab",
        "/operator",
        "/sign-in?reason=idle",
        "/register",
        "/no-such-page",
    ]
    .map(str::to_owned);
    for path in steps.chain(others) {
        is_named_and_ordered(&stage, &path);
    }
    stage.sign_in();
    stage.plan("Dinner");
    stage.browser.test_id("field-name").fill("Zanele");
    stage.press("invite");
    let party = stage.browser.path();
    for path in [
        "/organizer",
        &*party,
        "/account/devices",
        "/account/password",
    ] {
        is_named_and_ordered(&stage, path);
    }
}

/// Fails unless a screen reader finds its way about the page.
fn is_named_and_ordered(stage: &Stage, path: &str) {
    stage.go(path);
    let faults = stage.browser.run(
            "const faults = [];
             const named = e => e.labels?.length || e.ariaLabel || e.getAttribute('aria-labelledby') || e.innerText?.trim();
             for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a'))
                 if (!named(e)) faults.push('no name: ' + e.outerHTML);
             if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
             if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
             if (!document.documentElement.lang) faults.push('no language');
             if (!document.title) faults.push('no title');
             const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
             for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) faults.push('two of id ' + id);
             return faults",
        );
    assert_eq!(
        faults.as_array().map(Vec::as_slice),
        Some(&[][..]),
        "{path}"
    );
}
