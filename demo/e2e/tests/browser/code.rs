//! Signing in with a code by e-mail: the story, and what must not shorten it.

use abiding_demo_e2e::{Browser, Demo};
use rusqlite::{Connection, OpenFlags};

use crate::stage::Stage;

const ADDRESS: &str = "sipho@example.org";

/// Where sessions live across restarts and processes.
const STORES: [&str; 2] = ["cookie", "sqlite"];

#[test]
fn a_code_from_the_mailbox_signs_in_and_the_cart_stays() {
    for store in STORES {
        let Some(stage) = Stage::set_with(Browser::open, store) else {
            return;
        };
        let browser = &stage.browser;
        stage.ask_for_a_code(ADDRESS);
        assert_eq!(browser.path(), "/code/verify");
        assert_eq!(browser.test_id("sent-to").text(), ADDRESS);
        let before = browser.cookies();

        browser.test_id("to-mailbox").follow();
        let letter = browser.test_id("letter-text").text();
        assert!(letter.contains(&latest_code(&stage.demo)), "{letter}");
        browser.test_id("to-verify").follow();
        type_in(&stage, &latest_code(&stage.demo));

        signed_in_with_the_cart(&stage);
        assert_ne!(browser.cookies(), before, "the id is another one");
        assert_eq!(browser.console(), [""; 0]);
        browser.test_id("sign-out").follow();
        stage.go("/shop");
        assert!(browser.has("sign-in-by-mail") && browser.has("cart-empty"));
    }
}

#[test]
fn an_account_without_a_password_is_found_from_the_sign_in_page() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.go("/organizer");
    browser.test_id("to-code").follow();
    browser.test_id("field-address").fill(ADDRESS);
    browser.test_id("send-code").follow();
    type_in(&stage, &latest_code(&stage.demo));
    stage.go("/organizer");
    assert_eq!(browser.path(), "/organizer");
    assert_eq!(browser.test_id("account-name").text(), "sipho");
}

#[test]
fn the_story_works_without_scripts() {
    let Some(stage) = Stage::set_with(Browser::open_without_scripts, "sqlite") else {
        return;
    };
    stage.ask_for_a_code(ADDRESS);
    type_in(&stage, &latest_code(&stage.demo));
    signed_in_with_the_cart(&stage);
}

#[test]
fn every_request_may_reach_another_process() {
    for store in STORES {
        let Some(stage) = Stage::set_with(Browser::open, store) else {
            return;
        };
        let browser = &stage.browser;
        let other = stage.demo.beside();
        stage.ask_for_a_code(ADDRESS);
        let code = latest_code(&stage.demo);
        // Both processes count the same guesses.
        for (demo, left) in [
            (&other, "4 more times"),
            (&stage.demo, "3 more times"),
            (&other, "2 more times"),
        ] {
            browser.go(&demo.url("/code/verify"));
            type_in(&stage, &wrong(&code));
            let told = browser.test_id("error-link-code").text();
            assert!(told.ends_with(left), "{store}: {told}");
        }
        browser.go(&other.url("/code/verify"));
        type_in(&stage, &code);
        signed_in_with_the_cart(&stage);
        stage.go("/shop");
        signed_in_with_the_cart(&stage);
    }
}

#[test]
fn five_wrong_codes_end_a_code_and_a_new_one_works() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.ask_for_a_code(ADDRESS);
    let code = latest_code(&stage.demo);
    for _ in 0..4 {
        type_in(&stage, &wrong(&code));
        assert!(browser.has("error-summary"));
        browser.test_id("error-link-code").click();
        assert_eq!(browser.run("return document.activeElement.name"), "code");
    }
    type_in(&stage, &wrong(&code));
    assert_eq!(browser.test_id("page-title").text(), "Too many wrong codes");
    assert!(!browser.has("field-code"));

    stage.demo.at_second(31);
    browser.test_id("resend").follow();
    type_in(&stage, &latest_code(&stage.demo));
    signed_in_with_the_cart(&stage);
}

#[test]
fn an_older_cookie_gives_no_more_guesses() {
    for store in STORES {
        let Some(stage) = Stage::set_with(Browser::open, store) else {
            return;
        };
        let browser = &stage.browser;
        stage.ask_for_a_code(ADDRESS);
        let code = latest_code(&stage.demo);
        let [older] = &browser.cookies()[..] else {
            panic!("there is one cookie")
        };
        for _ in 0..5 {
            browser.set_cookie(older);
            stage.go("/code/verify");
            type_in(&stage, &wrong(&code));
        }
        assert_eq!(browser.test_id("page-title").text(), "Too many wrong codes");
        browser.set_cookie(older);
        stage.go("/code/verify");
        assert_eq!(browser.test_id("page-title").text(), "Too many wrong codes");
    }
}

#[test]
fn a_used_code_is_refused_whichever_cookie_comes_with_it() {
    for store in STORES {
        let Some(stage) = Stage::set_with(Browser::open, store) else {
            return;
        };
        let browser = &stage.browser;
        stage.ask_for_a_code(ADDRESS);
        let code = latest_code(&stage.demo);
        let [older] = &browser.cookies()[..] else {
            panic!("there is one cookie")
        };
        // A page that was opened before the code was used still has its form.
        let story = browser.tab();
        let late = browser.new_tab();
        stage.go("/code/verify");
        browser.switch(&story);
        type_in(&stage, &code);
        signed_in_with_the_cart(&stage);

        browser.set_cookie(older);
        browser.switch(&late);
        type_in(&stage, &code);
        assert_eq!(
            browser.test_id("page-title").text(),
            "This code was used already"
        );
        stage.go("/shop");
        assert!(
            !browser.has("visitor"),
            "{store}: the older cookie is signed in"
        );

        stage.go("/code/verify");
        stage.demo.at_second(31);
        browser.test_id("resend").follow();
        if store == "sqlite" {
            // By now nobody in the store knows the older session: the address is still in the form.
            browser.test_id("send-code").follow();
        }
        type_in(&stage, &latest_code(&stage.demo));
        assert_eq!(browser.test_id("visitor").text(), "sipho");
    }
}

#[test]
fn a_code_ends_after_ten_minutes() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.ask_for_a_code(ADDRESS);
    let code = latest_code(&stage.demo);
    stage.demo.at_second(601);
    type_in(&stage, &code);
    assert_eq!(
        browser.test_id("page-title").text(),
        "This code has expired"
    );
    browser.test_id("resend").follow();
    type_in(&stage, &latest_code(&stage.demo));
    signed_in_with_the_cart(&stage);
}

#[test]
fn a_new_code_takes_longer_every_time() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.ask_for_a_code(ADDRESS);
    let mut second = 0;
    for pause in [30, 60] {
        stage.demo.at_second(second + pause - 5);
        browser.test_id("resend").follow();
        assert_eq!(browser.test_id("page-title").text(), "A code is on its way");
        assert!(browser.has("pause"));
        browser.test_id("to-verify").follow();
        second += pause + 1;
        stage.demo.at_second(second);
        browser.test_id("resend").follow();
        assert!(browser.has("field-code"));
    }
    type_in(&stage, &latest_code(&stage.demo));
    signed_in_with_the_cart(&stage);
}

#[test]
fn the_server_may_die_between_any_two_steps_of_a_sign_in() {
    for store in STORES {
        let Some(mut stage) = Stage::set_with(Browser::open, store) else {
            return;
        };
        stage.ask_for_a_code(ADDRESS);
        let code = latest_code(&stage.demo);
        stage.demo.kill_and_restart();
        type_in(&stage, &wrong(&code));
        let told = stage.browser.test_id("error-link-code").text();
        assert!(told.ends_with("4 more times"), "{told}");
        stage.demo.kill_and_restart();
        type_in(&stage, &code);
        stage.demo.kill_and_restart();
        stage.browser.reload();
        signed_in_with_the_cart(&stage);
    }
}

#[test]
fn a_mail_server_that_is_down_is_told_and_nothing_is_lost() {
    if !abiding_demo_e2e::available() {
        return;
    }
    // Nobody listens on the port of the discard service.
    let stage = Stage {
        browser: Browser::open(),
        demo: Demo::start_with("sqlite", &[("ABIDING_SMTP", "smtp://127.0.0.1:9")]),
    };
    let browser = &stage.browser;
    stage.ask_for_a_code(ADDRESS);
    assert_eq!(
        browser.test_id("page-title").text(),
        "The code could not be sent"
    );
    assert_eq!(browser.test_id("field-address").value(), ADDRESS);
    // At once again: a letter that did not leave makes nobody wait.
    browser.test_id("send-code").follow();
    assert_eq!(
        browser.test_id("page-title").text(),
        "The code could not be sent"
    );
    stage.go("/shop");
    assert_eq!(browser.test_id("count-tea").text(), "2");
}

#[test]
fn hostile_addresses_are_shown_as_they_were_typed_and_get_no_mail() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    for address in [
        "\"><script>window.caught = 1</script>@example.org",
        "' autofocus onfocus='window.caught = 2@example.org",
        "<img src=x onerror=window.caught=3>@example.org",
        "sipho@example.org, thandi@example.org",
        "sipho@example.org%0d%0aBcc: thandi@example.org",
        "{{7*7}} @example.org",
    ] {
        stage.go("/code");
        browser.test_id("field-address").fill(address);
        browser.test_id("send-code").follow();
        assert!(browser.has("error-address"), "{address}");
        assert_eq!(browser.test_id("field-address").value(), address);
        assert!(
            browser.run("return window.caught ?? null").is_null(),
            "{address} ran"
        );
        assert_eq!(
            browser.count("img[src=x], [onerror], [onfocus], main script"),
            0,
            "{address}"
        );
    }
    stage.go("/mailbox");
    assert!(browser.has("mailbox-empty"));

    // Strange, and an address all the same.
    let address = "o'neil&lt{{7*7}}`${7*7}`@example.org";
    stage.ask_for_a_code(address);
    assert_eq!(browser.test_id("sent-to").text(), address);
}

#[test]
fn no_code_is_in_a_page_the_log_or_the_session_as_it_is_shown() {
    let Some(stage) = Stage::set() else { return };
    stage.ask_for_a_code(ADDRESS);
    let code = latest_code(&stage.demo);
    for path in ["/code/verify", "/session", "/debug/session.json", "/shop"] {
        stage.go(path);
        let source = stage
            .browser
            .run("return document.documentElement.outerHTML");
        let source = source.as_str().expect("source is text");
        assert!(!source.contains(&code), "{path} shows the code");
    }
    assert!(!stage.demo.said().contains(&code), "the log shows the code");
}

fn type_in(stage: &Stage, code: &str) {
    stage.browser.test_id("field-code").fill(code);
    stage.browser.test_id("submit-code").follow();
}

/// Fails unless the shop shows somebody signed in, with what was put into the cart before.
fn signed_in_with_the_cart(stage: &Stage) {
    let browser = &stage.browser;
    assert_eq!(browser.path(), "/shop");
    assert_eq!(browser.test_id("visitor").text(), "sipho");
    assert_eq!(browser.test_id("count-tea").text(), "2");
}

/// The code in the latest letter, read as any other program would read the file.
fn latest_code(demo: &Demo) -> String {
    let file = demo.data().join("applications.db");
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the database opens");
    let select = "SELECT text FROM mail ORDER BY id DESC LIMIT 1";
    let letter: String = connection
        .query_row(select, [], |row| row.get(0))
        .expect("a letter was sent");
    let (_, rest) = letter
        .split_once("Your code is")
        .expect("the letter has a code");
    rest.trim_start().chars().take(6).collect()
}

/// Six digits that are another code.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("a code is a number");
    format!("{:06}", (number + 1) % 1_000_000)
}
