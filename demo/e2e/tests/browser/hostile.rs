//! Answers that want to be something else than text.

use crate::{
    form::{FORM, PERSONAL},
    stage::Stage,
};

/// Each would set `window.caught`, break out of an attribute, turn the page around, or vanish.
const VALUES: [&str; 10] = [
    "<script>window.caught = 1</script>",
    "\"><img src=x onerror=\"window.caught = 2\">",
    "' autofocus onfocus='window.caught = 3",
    "</textarea><svg onload=window.caught=4>",
    "&lt;b&gt; &amp; &#x27; &quot;",
    "{{7*7}} ${7*7} %00 %3Cb%3E \\u003c",
    "\u{202e}desrever\u{202c} مرحبا שלום",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈 e\u{301}\u{301}\u{301}",
    "'; DROP TABLE membership_application; --",
    "Ṱhohoyanḓou, Ŝpecial çhars ǃXóõ, 漢字かな交じり文, ไทย",
];

#[test]
fn hostile_answers_are_shown_as_they_were_typed_and_never_run() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    for value in VALUES {
        for (slug, name) in [
            ("personal", "occupation"),
            ("contact", "address"),
            ("declaration", "reason"),
        ] {
            stage.go(&format!("/membership/{slug}"));
            stage.answer(name, value);
            stage.send();
            stage.go(&format!("/membership/{slug}"));
            assert_eq!(stage.held(name), value, "{name}");
            nothing_ran(&stage, value);
        }
        stage.go("/membership/review");
        for name in ["occupation", "address", "reason"] {
            let shown = stage.browser.run(&format!(
                "return document.querySelector('[data-testid=review-{name}]').textContent.trim()"
            ));
            assert_eq!(shown, value, "{name}");
        }
        nothing_ran(&stage, value);
        stage.go("/session");
        nothing_ran(&stage, value);
    }
    stage.go("/membership/review");
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
}

#[test]
fn a_hostile_answer_that_does_not_do_is_escaped_beside_its_error() {
    let Some(stage) = Stage::set() else { return };
    for value in VALUES {
        stage.go("/membership/personal");
        stage.answer("id_number", value);
        stage.send();
        assert!(stage.browser.has("error-id_number"));
        nothing_ran(&stage, value);
    }
}

#[test]
fn a_nul_or_a_missing_field_is_refused_or_kept_and_breaks_nothing() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    for body in [
        "occupation=a%00b",
        "",
        "&&==&",
        "occupation=%FF%FE",
        "unknown=1",
        "surname=Dlamini&surname=Other",
    ] {
        let status = stage.browser.run(&format!(
            "return (await fetch('/membership/personal', {{
                method: 'POST', body: '{body}', redirect: 'manual',
                headers: {{
                    'content-type': 'application/x-www-form-urlencoded',
                    'x-form-token': document.querySelector('main [name=form_token]').value,
                }},
            }})).status"
        ));
        let status = status.as_u64().expect("a status is a number");
        // A redirect that is not followed has status 0 for a script.
        assert!(
            status == 0 || (400..500).contains(&status),
            "{body:?} is answered {status}"
        );
    }
    // Fill again what those requests took away, and go on.
    for (slug, answers) in FORM {
        stage.go(&format!("/membership/{slug}"));
        stage.take(slug, answers);
    }
    let _ = stage.browser.test_id("step-review");
}

#[test]
fn an_answer_longer_than_its_field_is_refused_and_one_of_full_length_kept() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    let full = "\u{1f30d}".repeat(100);
    stage.fill("personal", PERSONAL);
    // Scripts can set what a `maxlength` would not let anybody type.
    let put = |value: &str| {
        let _ = stage.browser.run(&format!(
            "document.querySelector('[name=surname]').value = '{value}'"
        ));
        stage.send();
    };
    put(&format!("{full}x"));
    assert!(stage.browser.has("error-surname"));
    put(&full);
    let _ = stage.browser.test_id("step-contact");
    stage.browser.back();
    assert_eq!(stage.held("surname"), full);
}

#[test]
fn a_form_without_its_token_is_shown_again_with_what_was_typed() {
    let Some(stage) = Stage::set() else { return };
    for forged in ["remove()", "value = 'x'.repeat(50)"] {
        stage.go("/membership/personal");
        // Before anything is typed: no draft is saved either.
        let _ = stage.browser.run(&format!(
            "document.querySelector('main [name=form_token]').{forged}"
        ));
        stage.fill("personal", PERSONAL);
        stage.send();
        assert!(stage.browser.has("error-summary"));
        stage.holds("personal", PERSONAL);
    }
    // The page that says so has a token that does.
    stage.send();
    let _ = stage.browser.test_id("step-contact");
}

#[test]
fn a_page_of_another_site_sends_nothing_that_is_carried_out() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let target = stage.demo.url("/session/end");
    let page =
        format!("<form method=post action={target}><button data-testid=send>Win</button></form>");
    stage.browser.go(&format!("data:text/html,{page}"));
    stage.browser.test_id("send").follow();
    assert_eq!(stage.browser.test_id("page-title").text(), "Not from here");
    stage.go("/membership/personal");
    stage.holds("personal", PERSONAL);
}

fn nothing_ran(stage: &Stage, value: &str) {
    let browser = &stage.browser;
    assert!(
        browser.run("return window.caught ?? null").is_null(),
        "{value} ran on {}",
        browser.url()
    );
    let planted = "img[src=x], svg[onload], [onerror], [onfocus], main script";
    assert_eq!(
        browser.count(planted),
        0,
        "{value} became an element on {}",
        browser.url()
    );
}
