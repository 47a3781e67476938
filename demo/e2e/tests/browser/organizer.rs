//! The organizer as a person uses it: over closed browsers, dead servers, two tabs and two devices; with
//! sessions in a store, and sealed in cookies.

use abiding_demo_e2e::{Browser, Tab};

use crate::{
    form::{Answers, PERSONAL},
    stage::Stage,
};

const THANDI: Answers = &[
    ("email", "thandi@example.org"),
    ("password", "party-at-eight"),
];
const DAY: &str = "2099-12-24";
const MINUTE: u64 = 60;
const DAYS_7: u64 = 7 * 24 * 60 * MINUTE;

/// Scar 13: no later write, and no restart, puts the default lifetime back.
#[test]
fn whoever_stays_signed_in_comes_back_within_seven_days() {
    for mut stage in stages() {
        stage.sign_in_for(true);
        stage.plan("Dinner");
        stage.browser.close_and_reopen();
        stage.demo.at_second(DAYS_7 - MINUTE);
        stage.go("/organizer");
        assert_eq!(stage.browser.test_id("party").text(), "Dinner");
        stage.browser.close_and_reopen();
        stage.demo.at_second(DAYS_7 + MINUTE);
        stage.go("/organizer");
        stage.is_asked_to_sign_in("lifetime");
    }
}

#[test]
fn whoever_does_not_stay_is_gone_with_the_browser() {
    for mut stage in stages() {
        stage.sign_in();
        stage.browser.close_and_reopen();
        stage.go("/organizer");
        stage.is_asked_to_sign_in("no-cookie");
        assert_eq!(stage.browser.cookies(), []);
    }
}

#[test]
fn the_server_may_die_at_every_step() {
    for mut stage in stages() {
        stage.go("/organizer");
        stage.demo.kill_and_restart();
        stage.fill_in(THANDI);
        stage.press("submit-sign-in");
        stage.demo.kill_and_restart();
        stage.plan("Dinner");
        for (name, button) in [("Zanele", "guest-1-yes"), ("Sipho", "guest-2-no")] {
            stage.demo.kill_and_restart();
            // What was said before the server died is on the page that it shows now.
            stage.browser.test_id("field-name").fill(name);
            stage.press("invite");
            stage.demo.kill_and_restart();
            stage.press(button);
        }
        let counts = stage.browser.test_id("counts").text();
        assert_eq!(counts, "1 coming, 1 not coming, 0 without an answer");
        stage.demo.kill_and_restart();
        stage.press("sign-out");
        stage.demo.kill_and_restart();
        stage.go("/organizer");
        stage.is_asked_to_sign_in("no-cookie");
    }
}

#[test]
fn two_tabs_with_different_actions_at_once_both_count() {
    for stage in stages() {
        stage.sign_in();
        stage.plan("Dinner");
        for round in 1..=5 {
            let done = stage.browser.run(&format!(
                "const form = document.querySelector('[data-testid=invite-form]');
                 const send = name => {{
                     const body = new URLSearchParams(new FormData(form));
                     body.set('name', name);
                     return fetch(form.action, {{ method: 'POST', body }});
                 }};
                 const sent = await Promise.all([send('left {round}'), send('right {round}')]);
                 return sent.every(reply => reply.ok)"
            ));
            assert_eq!(done, true, "round {round}");
        }
        stage.browser.reload();
        assert_eq!(stage.browser.count("[data-testid=guest-name]"), 10);
    }
}

#[test]
fn what_is_typed_while_another_tab_signs_out_is_there_after_the_next_sign_in() {
    for stage in stages() {
        stage.sign_in();
        stage.plan("Dinner");
        let typing = stage.browser.tab();
        stage.browser.test_id("field-name").fill("Zanele <b>");
        let other = stage.open_tab("/organizer");
        stage.press("sign-out");
        assert_eq!(stage.reason(), "signed-out");

        stage.browser.switch(&typing);
        stage.press("invite");
        stage.is_asked_to_sign_in("no-cookie");
        stage.fill_in(THANDI);
        stage.press("submit-sign-in");
        assert_eq!(stage.held("name"), "Zanele <b>");
        stage.press("invite");
        assert_eq!(stage.browser.test_id("guest-name").text(), "Zanele <b>");
        // The other tab is signed in as well: it is the same browser.
        stage.browser.switch(&other);
        stage.go("/organizer");
        let _ = stage.browser.test_id("parties");
    }
}

#[test]
fn one_device_signs_another_out() {
    for stage in stages() {
        stage.sign_in();
        let other = Browser::open();
        let there = stage.with(&other);
        there.sign_in();
        stage.go("/account/devices");
        assert_eq!(stage.browser.count("[data-testid=device-name]"), 2);
        assert_eq!(
            stage.browser.test_id("device-name").text(),
            "Headless Chrome on Linux"
        );
        stage.browser.find("[data-here=false] button").follow();
        assert_eq!(stage.flash(), "That device is signed out.");
        assert_eq!(stage.browser.count("[data-testid=device-name]"), 1);

        there.go("/organizer");
        there.is_asked_to_sign_in("revoked");
        stage.go("/organizer");
        let _ = stage.browser.test_id("plan-form");
    }
}

#[test]
fn a_new_password_signs_every_other_device_out() {
    for stage in stages() {
        stage.sign_in();
        let other = Browser::open();
        let there = stage.with(&other);
        there.sign_in();
        let before = stage.browser.cookies();
        stage.go("/account/password");
        stage.fill_in(&[("present", "party-at-eight"), ("password", "another horse")]);
        stage.press("change-password");
        assert!(stage.flash().starts_with("Your password is changed."));
        assert_ne!(stage.browser.cookies(), before);

        there.go("/account/devices");
        there.is_asked_to_sign_in("revoked");
        there.fill_in(THANDI);
        there.press("submit-sign-in");
        let _ = other.test_id("error-summary");
        there.fill_in(&[("password", "another horse")]);
        there.press("submit-sign-in");
        let _ = other.test_id("devices");
    }
}

#[test]
fn whoever_was_away_for_too_long_reads_why_and_goes_on_where_they_were() {
    for stage in stages() {
        stage.sign_in();
        stage.plan("Dinner");
        let party = stage.browser.path();
        stage.demo.at_second(31 * MINUTE);
        stage.browser.reload();
        stage.is_asked_to_sign_in("idle");
        assert!(
            stage.demo.said().contains("reason=\"idle\""),
            "the log does not tell"
        );
        stage.fill_in(THANDI);
        stage.press("submit-sign-in");
        assert_eq!(stage.browser.path(), party);
    }
}

#[test]
fn the_form_in_progress_survives_the_sign_in() {
    for stage in stages() {
        stage.go("/membership");
        stage.take("personal", PERSONAL);
        let before = stage.browser.cookies();
        stage.sign_in();
        assert_ne!(stage.browser.cookies(), before);
        stage.go("/membership/personal");
        stage.holds("personal", PERSONAL);
    }
}

#[test]
fn what_does_not_do_is_told_on_top_and_kept() {
    for stage in stages() {
        stage.go("/sign-in");
        stage.fill_in(&[
            ("email", "thandi@example.org"),
            ("password", "not this one"),
        ]);
        stage.press("submit-sign-in");
        assert_eq!(stage.focused(), "error-summary");
        assert_eq!(
            (stage.held("email"), stage.held("password")),
            ("thandi@example.org".to_owned(), String::new())
        );
        stage.press("to-register");
        stage.fill_in(&[("name", "Zola"), ("email", "zola"), ("password", "short")]);
        stage.press("submit-register");
        assert_eq!(stage.browser.count("[data-testid=error-summary] li"), 2);
        assert_eq!(
            (stage.held("name"), stage.held("email")),
            ("Zola".to_owned(), "zola".to_owned())
        );
        stage.fill_in(&[("email", "zola@example.org"), ("password", "correct horse")]);
        stage.press("submit-register");
        assert!(stage.flash().contains("Zola"));
        stage.press("plan");
        assert_eq!(stage.browser.count("[data-testid=error-summary] li"), 2);
        stage.browser.test_id("error-link-title").click();
        assert_eq!(stage.focused(), "field-title");
    }
}

#[test]
fn hostile_names_are_text_on_every_page() {
    let Some(stage) = Stage::set() else { return };
    let hostile = "\"><img src=x onerror=window.caught=1></title><script>window.caught=1</script>";
    stage.go("/register");
    stage.fill_in(&[
        ("name", hostile),
        ("email", "z@example.org"),
        ("password", "correct horse"),
    ]);
    stage.press("submit-register");
    stage.plan(hostile);
    stage.browser.test_id("field-name").fill(hostile);
    stage.press("invite");
    let party = stage.browser.path();
    for path in [&*party, "/organizer", "/account/devices", "/", "/session"] {
        stage.go(path);
        let caught = stage.browser.run("return window.caught ?? null");
        assert!(caught.is_null(), "{path}");
        assert_eq!(
            stage.browser.count("img, main script, [onerror]"),
            0,
            "{path}"
        );
        assert_eq!(
            stage.browser.test_id("account-name").text(),
            hostile,
            "{path}"
        );
    }
    assert_eq!(stage.browser.console(), [] as [String; 0]);
}

#[test]
fn whoever_guesses_is_told_when_to_try_again() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.go("/sign-in");
    for _ in 0..6 {
        stage.fill_in(&[
            ("email", "thandi@example.org"),
            ("password", "not this one"),
        ]);
        stage.press("submit-sign-in");
    }
    assert_eq!(stage.browser.test_id("problem-status").text(), "Error 429");
    stage.demo.kill_and_restart();
    stage.go("/sign-in");
    stage.fill_in(THANDI);
    stage.press("submit-sign-in");
    assert_eq!(stage.browser.test_id("problem-status").text(), "Error 429");
    stage.demo.at_second(MINUTE);
    stage.sign_in();
}

#[test]
fn everything_works_without_scripts() {
    let Some(stage) = Stage::set_with(Browser::open_without_scripts, "cookie") else {
        return;
    };
    stage.go("/sign-in");
    stage.browser.test_id("field-email").fill(THANDI[0].1);
    stage.browser.test_id("field-password").fill(THANDI[1].1);
    stage.press("submit-sign-in");
    stage.browser.test_id("field-title").fill("Dinner");
    stage.set_day();
    stage.press("plan");
    assert_eq!(stage.flash(), "“Dinner” is planned.");
    stage.press("sign-out");
    assert_eq!(stage.reason(), "signed-out");
}

/// The story in both of its modes; nothing where there is no browser.
fn stages() -> impl Iterator<Item = Stage> {
    let stages = ["sqlite", "cookie"].into_iter();
    stages.filter_map(|store| Stage::set_with(Browser::open, store))
}

/// Somebody before a browser of their own.
struct Person<'a> {
    stage: &'a Stage,
    browser: &'a Browser,
}

impl Stage {
    pub(crate) fn sign_in(&self) {
        self.sign_in_for(false);
    }

    fn sign_in_for(&self, week: bool) {
        self.me().sign_in_for(week);
    }

    fn me(&self) -> Person<'_> {
        self.with(&self.browser)
    }

    fn with<'a>(&'a self, browser: &'a Browser) -> Person<'a> {
        Person {
            stage: self,
            browser,
        }
    }

    fn fill_in(&self, answers: &[(&str, &str)]) {
        self.me().fill_in(answers);
    }

    pub(crate) fn press(&self, testid: &str) {
        self.me().press(testid);
    }

    fn is_asked_to_sign_in(&self, reason: &str) {
        self.me().is_asked_to_sign_in(reason);
    }

    /// Plans a party on the page that shows the form.
    pub(crate) fn plan(&self, title: &str) {
        self.go("/organizer");
        self.browser.test_id("field-title").fill(title);
        self.set_day();
        self.press("plan");
        assert_eq!(self.flash(), format!("“{title}” is planned."));
    }

    /// A date is picked, not typed.
    fn set_day(&self) {
        let _ = self.browser.run(&format!(
            "document.querySelector('[name=day]').value = '{DAY}'"
        ));
    }

    fn flash(&self) -> String {
        self.browser.test_id("flash").text()
    }

    fn reason(&self) -> String {
        let reason = self.browser.test_id("sign-in-reason");
        reason.attribute("data-reason").unwrap_or_default()
    }

    fn open_tab(&self, path: &str) -> Tab {
        let tab = self.browser.new_tab();
        self.go(path);
        tab
    }

    /// The `data-testid` of what has the focus.
    fn focused(&self) -> String {
        let focused = self
            .browser
            .run("return document.activeElement.dataset.testid ?? ''");
        focused.as_str().unwrap_or_default().to_owned()
    }
}

impl Person<'_> {
    fn go(&self, path: &str) {
        self.browser.go(&self.stage.demo.url(path));
    }

    fn sign_in(&self) {
        self.sign_in_for(false);
    }

    fn sign_in_for(&self, week: bool) {
        self.go("/sign-in");
        self.fill_in(THANDI);
        if week {
            self.browser.test_id("field-stay").click();
        }
        self.press("submit-sign-in");
        assert_eq!(self.browser.test_id("account-name").text(), "Thandi Demo");
    }

    fn fill_in(&self, answers: &[(&str, &str)]) {
        for (name, value) in answers {
            self.browser.test_id(&format!("field-{name}")).fill(value);
        }
    }

    fn press(&self, testid: &str) {
        self.browser.test_id(testid).follow();
    }

    fn is_asked_to_sign_in(&self, reason: &str) {
        let told = self
            .browser
            .test_id("sign-in-reason")
            .attribute("data-reason");
        assert_eq!(told.as_deref(), Some(reason), "on {}", self.browser.url());
    }
}
