//! The operator moves all sessions from place to place while two people are at work, and they notice nothing.

use abiding_demo_e2e::{Browser, Demo, available};
use abiding_testkit::servers::{postgres::PostgresServer, redis::RedisServer};

use crate::{
    applications::{holds_every_field, submitted},
    form::{Answers, FORM, Slug},
    stage::Stage,
};

#[test]
fn people_fill_in_the_form_while_their_sessions_go_from_place_to_place() {
    if !available() {
        return;
    }
    // Those that are installed.
    let redis = RedisServer::appending("always");
    let postgres = PostgresServer::new();
    let servers = [
        redis.as_ref().map(RedisServer::url),
        postgres.as_ref().map(|server| server.url("postgres")),
    ];
    let urls: Vec<_> = servers.iter().flatten().map(String::as_str).collect();
    let urls = urls.join(" ");
    let mut tour = Tour {
        operator: Browser::open(),
        user: Browser::open(),
        stage: Stage {
            browser: Browser::open(),
            demo: Demo::start_with("sqlite", &[("ABIDING_PLACES", &urls)]),
        },
    };
    tour.begin();
    let [personal, contact, declaration, payment] = FORM;
    tour.move_to("file");
    tour.go_on(personal, "file");
    tour.move_to("cookie");
    tour.go_on(contact, "cookie");
    if redis.is_some() {
        tour.move_to("redis");
        tour.all_at_home("redis");
    }
    tour.move_to("sqlite");
    tour.go_on(declaration, "sqlite");
    if postgres.is_some() {
        tour.set_out("postgres");
        // In the middle of the move, or a moment after.
        tour.stage.demo.kill_and_restart();
        tour.arrives("postgres");
        tour.all_at_home("postgres");
    }
    tour.set_out("file");
    tour.stage.demo.kill_and_restart();
    tour.arrives("file");
    tour.go_on(payment, "file");

    // Those who are away are brought.
    tour.move_to("sqlite");
    let violations = tour.operator.violations().unwrap_or_default();
    assert_eq!(violations, [""; 0]);
    tour.operator.test_id("bring").follow();
    tour.shows("count-sqlite", "3");
    tour.shows("number-lost", "0");
    tour.operator.screenshot("places-moved");

    tour.stage.browser.test_id("submit-application").follow();
    let _ = tour.stage.browser.test_id("application-number");
    holds_every_field(&submitted(&tour.stage.demo)[0], &[]);
    let said = tour.stage.demo.said();
    assert!(
        !said.contains("ERROR") && !said.contains("panicked"),
        "{said}"
    );
}

#[test]
fn sessions_move_without_scripts_as_well() {
    let Some(stage) = Stage::set_with(Browser::open_without_scripts, "sqlite") else {
        return;
    };
    let browser = &stage.browser;
    stage.go("/membership");
    let [(slug, answers), ..] = FORM;
    stage.take(slug, answers);
    stage.go("/operator");
    browser.test_id("to-places").follow();
    browser.test_id("to-file").click();
    browser.test_id("move").follow();
    let arrived = (0..200).any(|_| {
        browser.test_id("look-again").follow();
        browser.test_id("count-file").text() == "1"
    });
    assert!(arrived);
    stage.go("/membership/personal");
    stage.holds(slug, answers);
}

/// One fills in the form, one is signed in, one watches.
struct Tour {
    // First, so that browsers are closed before the demo ends.
    operator: Browser,
    user: Browser,
    stage: Stage,
}

impl Tour {
    fn begin(&self) {
        self.stage.go("/membership");
        let _ = self.stage.browser.test_id("step-personal");
        self.user.go(&self.stage.demo.url("/sign-in"));
        self.user.test_id("field-email").fill("thandi@example.org");
        self.user.test_id("field-password").fill("party-at-eight");
        self.user.test_id("submit-sign-in").follow();
        self.operator.go(&self.stage.demo.url("/operator/places"));
        self.shows("count-sqlite", "1");
    }

    fn move_to(&self, place: &str) {
        self.set_out(place);
        self.arrives(place);
    }

    /// Presses the button, and waits for no more than the answer.
    fn set_out(&self, place: &str) {
        self.operator.test_id(&format!("to-{place}")).click();
        self.operator.test_id("move").follow();
        if place == "cookie" {
            self.operator.test_id("confirm-move").follow();
        }
    }

    /// The page says so by itself.
    fn arrives(&self, place: &str) {
        let _ = self.operator.run(&format!(
            "const seen = id => document.querySelector(`[data-testid=${{id}}]`);
             const there = () => seen('place-{place}').dataset.primary === 'true'
                 && seen('move-state').textContent === 'at rest';
             while (!there()) await new Promise(requestAnimationFrame)"
        ));
    }

    /// The next step of the form, and a look around by who is signed in.
    fn go_on(&self, (slug, answers): (Slug, Answers), place: &str) {
        self.stage.take(slug, answers);
        self.all_at_home(place);
    }

    /// Everybody comes, and is counted in that place.
    fn all_at_home(&self, place: &str) {
        for (browser, path) in [(&self.user, "/organizer"), (&self.user, "/account/devices")] {
            browser.go(&self.stage.demo.url(path));
            assert_eq!(
                browser.test_id("account-name").text(),
                "Thandi Demo",
                "{place}"
            );
        }
        self.stage.browser.reload();
        self.operator.reload();
        self.shows(&format!("count-{place}"), "3");
        self.shows("number-lost", "0");
    }

    /// Waits until the page shows this, which it comes to by itself.
    fn shows(&self, testid: &str, text: &str) {
        let _ = self.operator.run(&format!(
            "const seen = () => document.querySelector('[data-testid={testid}]').textContent;
             while (seen() !== '{text}') await new Promise(requestAnimationFrame)"
        ));
    }
}
