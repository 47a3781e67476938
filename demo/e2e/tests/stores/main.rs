//! Two processes of the demo on one store of each kind serve one visitor in turn, through all five stories.
//!
//! `ABIDING_STORE` is all that differs. The stories are told over plain HTTP, by the forms that the pages have; what a
//! browser adds is tried in `tests/browser`.

#[path = "../browser/form.rs"]
mod form;
mod visitor;

use abiding_demo_e2e::Demo;
use abiding_testkit::servers::places::{PLACES, Standing};

use form::{DERIVED, FORM, PERSONAL};
use visitor::Visitor;

#[test]
fn two_processes_on_one_store_serve_one_visitor_through_all_five_stories() {
    for place in PLACES {
        let Some(standing) = place.begin() else {
            continue;
        };
        println!("{}", place.name);
        tell_all(&*standing, place.store());
    }
}

fn tell_all(standing: &dyn Standing, name: &str) {
    let demo = Demo::start(&standing.url());
    let other = demo.beside();
    let mut visitor = Visitor::new([&demo, &other]);
    visitor.go("/");
    assert_eq!(visitor.text("run-store"), name);
    form_of_five_steps(&mut visitor);
    code_by_mail(&mut visitor);
    sign_in_that_stays(&mut visitor);
    choice_that_is_never_stale(&mut visitor, [&demo, &other]);
    keys_that_are_rotated(&mut visitor, &demo);
    end_of_the_sign_in(&mut visitor, [&demo, &other]);
    for demo in [demo, other] {
        let said = demo.said();
        assert!(
            !said.contains("ERROR") && !said.contains("panicked"),
            "{said}"
        );
    }
}

fn form_of_five_steps(visitor: &mut Visitor<'_>) {
    visitor.go("/membership");
    for (slug, answers) in FORM {
        assert!(
            visitor.has(&format!("step-{slug}")),
            "{slug}: {}",
            visitor.path
        );
        visitor.press("continue", answers);
    }
    assert_eq!(visitor.text("derived-birth_date"), DERIVED[0].1);
    // Back to the first step: what was typed is there, whichever process shows it.
    for _ in 0..3 {
        visitor.go("/membership/personal");
        for (name, value) in PERSONAL.iter().filter(|(name, _)| *name != "qualification") {
            assert_eq!(visitor.held(name), *value, "{name}");
        }
    }
    visitor.go("/membership/review");
    visitor.press("submit-application", &[]);
    let number = visitor.text("application-number");
    assert!(number.starts_with("ABD-"), "{number}");
    visitor.go("/membership/done");
    assert_eq!(visitor.text("application-number"), number);
}

fn code_by_mail(visitor: &mut Visitor<'_>) {
    visitor.go("/shop");
    visitor.press("add-tea", &[]);
    visitor.press("add-tea", &[]);
    assert_eq!(visitor.text("count-tea"), "2");
    visitor.press("sign-in-by-mail", &[]);
    visitor.press("send-code", &[("address", "sipho@example.org")]);
    visitor.go("/mailbox");
    let letter = visitor.text("letter-text");
    let (_, rest) = letter
        .split_once("Your code is")
        .expect("the letter has a code");
    let code: String = rest.trim_start().chars().take(6).collect();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    visitor.go("/code/verify");
    // Both processes count the same guesses.
    for left in ["4 more times", "3 more times"] {
        visitor.press("submit-code", &[("code", wrong)]);
        let told = visitor.text("error-link-code");
        assert!(told.ends_with(left), "{told}");
    }
    let before = visitor.cookies();
    visitor.press("submit-code", &[("code", &code)]);
    assert_ne!(visitor.cookies(), before, "the id is another one");
    for _ in 0..2 {
        visitor.go("/shop");
        assert_eq!(visitor.text("account-name"), "sipho");
        assert_eq!(visitor.text("count-tea"), "2");
    }
    visitor.press("sign-out", &[]);
    for _ in 0..2 {
        visitor.go("/shop");
        assert!(visitor.has("sign-in-by-mail") && visitor.has("cart-empty"));
    }
}

fn sign_in(visitor: &mut Visitor<'_>) {
    visitor.go("/sign-in");
    let thandi = [
        ("email", "thandi@example.org"),
        ("password", "party-at-eight"),
    ];
    visitor.press("submit-sign-in", &thandi);
    assert_eq!(visitor.text("account-name"), "Thandi Demo");
}

fn sign_in_that_stays(visitor: &mut Visitor<'_>) {
    sign_in(visitor);
    visitor.go("/organizer");
    visitor.press("plan", &[("title", "Dinner"), ("day", "2099-12-24")]);
    assert_eq!(visitor.text("flash"), "“Dinner” is planned.");
    for name in ["Zanele", "Sipho"] {
        visitor.press("invite", &[("name", name)]);
    }
    visitor.press("guest-1-yes", &[]);
    visitor.press("guest-2-no", &[]);
    assert_eq!(
        visitor.text("counts"),
        "1 coming, 1 not coming, 0 without an answer"
    );
    assert!(!visitor.has("sign-in-form"));
}

fn choice_that_is_never_stale(visitor: &mut Visitor<'_>, processes: [&Demo; 2]) {
    for (name, kind, account) in [
        ("Shop", "shop", "@party-shop"),
        ("News", "newsletter", "news@example.org"),
    ] {
        visitor.go("/platforms/new");
        let answers = [("name", name), ("kind", kind), ("account", account)];
        visitor.press("connect", &answers);
    }
    visitor.go("/platforms");
    visitor.press("switch-1", &[]);
    for _ in 0..2 {
        visitor.go("/platforms/desk");
        assert_eq!(visitor.text("page-title"), "Shop");
    }
    visitor.press("publish", &[("text", "Balloons")]);
    assert_eq!(visitor.text("announcement-text"), "Balloons");
    // Another device of the same person changes it under these hands.
    let mut device = Visitor::new(processes);
    sign_in(&mut device);
    device.go("/platforms/1");
    device.press("change", &[("account", "@other-shop")]);
    visitor.press("publish", &[("text", "For @party-shop")]);
    assert_eq!(visitor.text("page-title"), "Nothing was published");
    assert_eq!(visitor.held("text"), "For @party-shop");
    visitor.press("publish-on-2", &[]);
    assert_eq!(visitor.text("page-title"), "News");
    assert_eq!(visitor.text("announcement-text"), "For @party-shop");
}

fn keys_that_are_rotated(visitor: &mut Visitor<'_>, demo: &Demo) {
    visitor.go("/operator");
    let old = visitor.text("id-signing");
    visitor.press("rotate-key", &[]);
    // The process that did not do it learns of it by itself.
    let mut known = 0;
    let learned = (0..20_000).any(|_| {
        visitor.go("/operator");
        known = if visitor.has("id-waiting") {
            known + 1
        } else {
            0
        };
        known == 2
    });
    assert!(learned, "{}", demo.said());
    visitor.go("/operator");
    let new = visitor.text("id-waiting");
    let before = visitor.cookies();
    demo.at_second(STAGED);
    for _ in 0..2 {
        visitor.go("/organizer");
        assert_eq!(visitor.text("account-name"), "Thandi Demo");
    }
    assert_ne!(visitor.cookies(), before, "signed anew");
    for _ in 0..2 {
        visitor.go("/operator");
        assert_eq!(visitor.text("id-signing"), new);
        assert_eq!(visitor.text("id-verifying"), old);
    }
}

/// Signed out from elsewhere: the next request knows it, whichever process it reaches.
fn end_of_the_sign_in(visitor: &mut Visitor<'_>, processes: [&Demo; 2]) {
    let mut device = Visitor::new(processes);
    sign_in(&mut device);
    device.go("/account/devices");
    device.press("end-others", &[]);
    for _ in 0..2 {
        visitor.go("/organizer");
        assert_eq!(visitor.path.split('?').next(), Some("/sign-in"));
    }
    sign_in(visitor);
    let copy = visitor.cookies();
    visitor.press("sign-out", &[]);
    let mut thief = Visitor::new(processes);
    thief.take(copy);
    for _ in 0..2 {
        thief.go("/organizer");
        assert!(thief.has("sign-in-form"), "a session came back");
        let reason = thief.attribute("sign-in-reason", "data-reason");
        assert_eq!(reason.as_deref(), Some("signed-out"));
    }
}

/// Longer than a new key waits to sign.
const STAGED: u64 = 11;
