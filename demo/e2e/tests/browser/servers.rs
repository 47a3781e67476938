//! All five stories in a browser, with sessions on a server that two processes behind nginx share.
//! `tests/stores` tells them on every other store, without a browser.

use abiding_demo_e2e::{Browser, Demo, Proxy, available};
use abiding_testkit::servers::postgres::PostgresServer;

use crate::{
    form::{FORM, PERSONAL},
    stage::Stage,
};

#[test]
fn a_browser_goes_through_all_five_stories_on_two_processes_before_postgres() {
    if !available() || !Proxy::available() {
        return;
    }
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let trusted = [("ABIDING_TRUSTED_PROXIES", Proxy::ADDRESS)];
    let demo = Demo::start_with(&server.url("postgres"), &trusted);
    let other = demo.beside();
    let proxy = Proxy::start(&[&demo, &other]);
    let browser = Browser::open();
    let stage = Stage { browser, demo };
    let tour = Tour {
        stage: &stage,
        proxy: &proxy,
    };
    tour.go("/");
    assert_eq!(tour.seen("run-store"), "postgres");

    tour.form_of_five_steps();
    tour.code_by_mail();
    tour.sign_in_that_stays();
    tour.choice_that_is_never_stale();
    tour.keys_that_are_rotated();
    stage.press("sign-out");
    tour.go("/organizer");
    assert!(stage.browser.has("sign-in-form"));
    // The refusal of what was written for another platform, and nothing else.
    let console = stage.browser.console();
    assert!(
        console.iter().all(|line| line.contains("status of 409")),
        "{console:?}"
    );

    let served = proxy.served();
    for demo in [&stage.demo, &other] {
        let address = demo.url("").replace("http://", "");
        let count = served.iter().filter(|by| **by == address).count();
        assert!(
            count >= served.len() / 3,
            "{address} served {count} of {}",
            served.len()
        );
    }
}

struct Tour<'a> {
    stage: &'a Stage,
    proxy: &'a Proxy,
}

impl Tour<'_> {
    fn go(&self, path: &str) {
        self.stage.browser.go(&self.proxy.url(path));
    }

    fn seen(&self, testid: &str) -> String {
        self.stage.browser.test_id(testid).text()
    }

    fn form_of_five_steps(&self) {
        self.go("/membership");
        for (slug, answers) in FORM {
            self.stage.take(slug, answers);
        }
        for _ in 0..2 {
            self.go("/membership/personal");
            self.stage.holds("personal", PERSONAL);
        }
        self.go("/membership/review");
        self.stage.press("submit-application");
        assert!(self.seen("application-number").starts_with("ABD-"));
    }

    fn code_by_mail(&self) {
        self.go("/shop");
        self.stage.press("add-tea");
        self.stage.press("sign-in-by-mail");
        let address = self.stage.browser.test_id("field-address");
        address.fill("sipho@example.org");
        self.stage.press("send-code");
        self.stage.press("to-mailbox");
        let letter = self.seen("letter-text");
        let (_, rest) = letter
            .split_once("Your code is")
            .expect("the letter has a code");
        let code: String = rest.trim_start().chars().take(6).collect();
        self.stage.press("to-verify");
        self.stage.browser.test_id("field-code").fill(&code);
        self.stage.press("submit-code");
        for _ in 0..2 {
            self.go("/shop");
            assert_eq!(self.seen("account-name"), "sipho");
            assert_eq!(self.seen("count-tea"), "1");
        }
        self.stage.press("sign-out");
    }

    fn sign_in_that_stays(&self) {
        self.go("/sign-in");
        self.stage.answer("email", "thandi@example.org");
        self.stage.answer("password", "party-at-eight");
        self.stage.press("submit-sign-in");
        for _ in 0..2 {
            self.go("/organizer");
            assert_eq!(self.seen("account-name"), "Thandi Demo");
        }
    }

    fn choice_that_is_never_stale(&self) {
        for (name, kind) in [("Shop", "shop"), ("News", "newsletter")] {
            self.go("/platforms/new");
            for (field, value) in [("name", name), ("kind", kind), ("account", "@party")] {
                self.stage.answer(field, value);
            }
            self.stage.press("connect");
        }
        self.go("/platforms");
        self.stage.press("switch-1");
        self.stage.answer("text", "For the shop");
        // In another tab, and so perhaps in the other process.
        let first = self.stage.browser.tab();
        let _ = self.stage.browser.new_tab();
        self.go("/platforms");
        self.stage.press("switch-2");
        self.stage.browser.switch(&first);
        self.stage.press("publish");
        assert_eq!(self.seen("page-title"), "Nothing was published");
        self.stage.press("publish-on-1");
        assert_eq!(self.seen("page-title"), "Shop");
        assert_eq!(self.seen("announcement-text"), "For the shop");
    }

    fn keys_that_are_rotated(&self) {
        self.go("/operator");
        let old = self.seen("id-signing");
        self.stage.press("rotate-key");
        // Until both processes know it, whichever answers.
        let _ = self.stage.browser.run(
            "const knows = async () => (await (await fetch(location.href)).text()).includes('data-testid=\"id-waiting\"');
             while (!(await knows() && await knows())) await new Promise(requestAnimationFrame)",
        );
        self.go("/operator");
        let new = self.seen("id-waiting");
        self.stage.demo.at_second(STAGED);
        for _ in 0..2 {
            self.go("/organizer");
            assert_eq!(self.seen("account-name"), "Thandi Demo");
        }
        for _ in 0..2 {
            self.go("/operator");
            assert_eq!(
                (self.seen("id-signing"), self.seen("id-verifying")),
                (new.clone(), old.clone())
            );
        }
    }
}

/// Longer than a new key waits to sign.
const STAGED: u64 = 11;
