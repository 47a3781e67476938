//! Several platforms, one of them active: switched in tabs, and changed from other browsers, under somebody's hands.

use abiding_demo_e2e::Browser;

use crate::stage::Stage;

#[test]
fn platforms_are_connected_and_switched() {
    for stage in stages() {
        stage.go("/platforms");
        assert!(stage.browser.has("none-active"));
        stage.press("switch-1");
        assert_eq!(stage.seen("page-title"), "Shop");
        stage.publish("Balloons");
        assert_eq!(stage.seen("announcement-text"), "Balloons");
        stage.go("/platforms");
        stage.press("switch-2");
        assert_eq!(stage.seen("page-title"), "News");
        assert!(stage.browser.has("no-announcements"));
        stage.go("/platforms");
        assert_eq!(stage.seen("active-name"), "News");
        stage.press("clear");
        assert_eq!(stage.seen("flash"), "You have left “News”.");
        assert!(stage.browser.has("none-active"));
    }
}

#[test]
fn two_tabs_on_different_platforms_never_mix() {
    for stage in stages() {
        stage.go("/platforms");
        stage.press("switch-1");
        stage.answer("text", "For the shop");
        let first = stage.browser.tab();
        let _ = stage.browser.new_tab();
        stage.go("/platforms");
        stage.press("switch-2");
        stage.publish("For the newsletter");

        stage.browser.switch(&first);
        stage.press("publish");
        assert_eq!(stage.seen("page-title"), "Nothing was published");
        assert!(stage.seen("refused").contains("“Shop”"));
        assert_eq!(stage.held("text"), "For the shop");
        stage.press("publish-on-1");
        assert_eq!(stage.seen("page-title"), "Shop");
        assert_eq!(stage.texts(), ["For the shop"]);
        stage.go("/platforms");
        stage.press("switch-2");
        assert_eq!(stage.texts(), ["For the newsletter"]);
    }
}

#[test]
fn a_change_on_another_device_is_noticed() {
    for stage in stages() {
        stage.go("/platforms");
        stage.press("switch-1");
        stage.answer("text", "For @party-shop");
        let device = Device::of(&stage);
        device.go("/platforms/1");
        device.browser.test_id("field-account").fill("@other-shop");
        device.browser.test_id("change").follow();

        stage.press("publish");
        assert!(
            stage
                .seen("flash")
                .contains("its account is “@other-shop” now")
        );
        assert!(stage.seen("refused").contains("“@other-shop”"));
        assert_eq!(stage.held("text"), "For @party-shop");
        stage.go("/platforms/desk");
        assert_eq!(stage.seen("desk-account"), "@other-shop");
        assert!(!stage.browser.has("flash") && stage.texts().is_empty());
    }
}

#[test]
fn a_removal_on_another_device_is_noticed() {
    for stage in stages() {
        stage.go("/platforms");
        stage.press("switch-1");
        let device = Device::of(&stage);
        device.go("/platforms/1");
        device.browser.test_id("remove").follow();
        stage.answer("text", "For the shop");
        stage.press("publish");
        assert!(
            stage
                .seen("flash")
                .starts_with("“Shop” was removed elsewhere.")
        );
        assert_eq!(stage.held("text"), "For the shop");
        assert!(!stage.browser.has("publish-on-1"));
        stage.press("publish-on-2");
        assert_eq!(stage.seen("page-title"), "News");
        assert_eq!(stage.texts(), ["For the shop"]);
    }
}

#[test]
fn the_server_may_die_between_any_two_steps() {
    for mut stage in stages() {
        stage.go("/platforms");
        stage.demo.kill_and_restart();
        stage.press("switch-1");
        stage.demo.kill_and_restart();
        stage.publish("Balloons");
        stage.demo.kill_and_restart();
        stage.go("/platforms");
        assert_eq!(stage.seen("active-name"), "Shop");
        stage.demo.kill_and_restart();
        stage.press("clear");
        stage.demo.kill_and_restart();
        stage.go("/platforms/desk");
        assert_eq!(stage.browser.path(), "/platforms");
    }
}

#[test]
fn what_was_done_is_in_the_log_by_the_handle_of_the_session() {
    for stage in stages() {
        stage.go("/platforms");
        stage.press("switch-1");
        stage.go("/platforms");
        stage.press("clear");
        stage.go("/session");
        let handle = stage.seen("session-handle");
        let said = stage.demo.said();
        for what in ["connected", "switched to", "left"] {
            let told = format!("{what} a platform session=\"{handle}\" platform=1");
            assert!(said.contains(&told), "{told}");
        }
        assert!(!said.contains(&stage.browser.cookies()[0].value));
    }
}

#[test]
fn hostile_names_are_shown_as_they_were_typed_and_never_run() {
    for stage in stages() {
        let name = "\"><script>window.caught = 1</script><b>'";
        stage.connect(name, "other", name);
        stage.press("switch-3");
        assert_eq!(stage.seen("page-title"), name);
        stage.publish(name);
        assert_eq!(stage.seen("announcement-text"), name);
        for path in ["/platforms", "/platforms/desk", "/platforms/3"] {
            stage.go(path);
            assert!(stage.browser.run("return window.caught ?? null").is_null());
            assert_eq!(stage.browser.count("main script, main b"), 0, "{path}");
        }
    }
}

#[test]
fn what_does_not_do_is_told_on_top_and_kept() {
    for stage in stages() {
        stage.go("/platforms/new");
        stage.answer("name", "News");
        stage.press("connect");
        assert!(stage.browser.has("error-kind") && stage.browser.has("error-account"));
        stage.answer("kind", "social");
        stage.answer("account", "@me");
        stage.press("connect");
        assert_eq!(
            stage.seen("error-link-name"),
            "You have a platform of that name already"
        );
        assert_eq!(
            (stage.held("kind"), stage.held("account")),
            ("social".into(), "@me".into())
        );
    }
}

#[test]
fn the_story_works_without_scripts() {
    let stage = Stage::set_with(Browser::open_without_scripts, "sqlite");
    let Some(stage) = stage else { return };
    stage.sign_in();
    stage.connect("Shop", "shop", "@party-shop");
    stage.press("switch-1");
    stage.publish("Balloons");
    assert_eq!(stage.texts(), ["Balloons"]);
}

/// Thandi with two platforms, once with sessions in a store and once sealed in cookies.
fn stages() -> impl Iterator<Item = Stage> {
    let stores = ["sqlite", "cookie"].into_iter();
    stores.filter_map(|store| {
        let stage = Stage::set_with(Browser::open, store)?;
        stage.sign_in();
        stage.connect("Shop", "shop", "@party-shop");
        stage.connect("News", "newsletter", "news@example.org");
        Some(stage)
    })
}

/// Another browser of the same person.
struct Device<'a> {
    browser: Browser,
    stage: &'a Stage,
}

impl<'a> Device<'a> {
    fn of(stage: &'a Stage) -> Self {
        let browser = Browser::open();
        let device = Self { browser, stage };
        device.go("/sign-in");
        device
            .browser
            .test_id("field-email")
            .fill("thandi@example.org");
        device
            .browser
            .test_id("field-password")
            .fill("party-at-eight");
        device.browser.test_id("submit-sign-in").follow();
        device
    }

    fn go(&self, path: &str) {
        self.browser.go(&self.stage.demo.url(path));
    }
}

impl Stage {
    fn seen(&self, testid: &str) -> String {
        self.browser.test_id(testid).text()
    }

    fn publish(&self, text: &str) {
        self.answer("text", text);
        self.press("publish");
        assert_eq!(self.seen("flash"), "Your announcement is published.");
    }

    /// What the desk says was published there.
    fn texts(&self) -> Vec<String> {
        let texts = self.browser.run(
            "return [...document.querySelectorAll('[data-testid=announcement-text]')].map(text => text.textContent)",
        );
        let texts = texts.as_array().into_iter().flatten();
        texts
            .map(|text| text.as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
