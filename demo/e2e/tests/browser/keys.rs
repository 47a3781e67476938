//! Keys change under visitors who are at work: two processes follow one file, and nobody is signed out.

use std::{fs, os::unix::fs::PermissionsExt};

use abiding_demo_e2e::Demo;

use crate::{form::PERSONAL, stage::Stage};

/// Longer than a new key waits to sign.
const STAGED: u64 = 11;

#[test]
fn a_key_is_rotated_under_somebody_signed_in_who_goes_between_two_processes() {
    let Some(stage) = Stage::set() else { return };
    let (browser, other) = (&stage.browser, stage.demo.beside());
    stage.sign_in();
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let cookies = browser.cookies();

    stage.go("/operator");
    let old = browser.test_id("id-signing").text();
    browser.test_id("rotate-key").follow();
    assert!(browser.test_id("flash").text().contains("is new"));
    let new = browser.test_id("id-waiting").text();
    assert_eq!(browser.test_id("id-signing").text(), old);
    // The other process learns of the new key by itself, and before anybody signs with it.
    browser.go(&other.url("/operator"));
    let _ = browser.run(
        "const page = async () => (await fetch(location.href)).text();
         while (!(await page()).includes('data-testid=\"id-waiting\"'))
             await new Promise(requestAnimationFrame)",
    );
    assert_eq!(browser.cookies(), cookies, "nothing is signed anew yet");

    stage.demo.at_second(STAGED);
    for demo in [&stage.demo, &other] {
        browser.go(&demo.url("/membership/personal"));
        stage.holds("personal", PERSONAL);
        assert_eq!(browser.test_id("account-name").text(), "Thandi Demo");
    }
    assert_ne!(browser.cookies(), cookies, "signed anew");
    for demo in [&stage.demo, &other] {
        browser.go(&demo.url("/operator"));
        assert_eq!(browser.test_id("id-signing").text(), new);
        assert_eq!(browser.test_id("id-verifying").text(), old);
    }
}

#[test]
fn a_key_file_that_goes_wrong_changes_nothing_and_is_told_in_the_log() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let file = stage.demo.data().join("session.key");
    let good = fs::read(&file).expect("there is a key file");
    let restore = || {
        fs::write(&file, &good).expect("the file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    };
    let garbage = || fs::write(&file, "garbage").expect("the file can be written");
    let open = || {
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    };
    let remove = || fs::remove_file(&file).expect("the file can be removed");
    let wrongs: [(&dyn Fn(), &str); 3] = [
        (&garbage, "is not 32 bytes in base64"),
        (&open, "others may read the key file"),
        (&remove, "there is no key file"),
    ];
    for (count, (harm, told)) in (1..).zip(wrongs) {
        harm();
        comes_to_say(&stage, told, 1);
        stage.go("/membership/personal");
        stage.holds("personal", PERSONAL);
        restore();
        comes_to_say(&stage, "can be read again", count);
    }
    let said = stage.demo.said();
    let keys = String::from_utf8_lossy(&good).into_owned();
    let key = keys.lines().find(|line| line.len() == 43);
    assert!(
        !said.contains(key.expect("there is a key")),
        "a key is in the log"
    );
}

#[test]
fn a_key_is_revoked_after_a_word_on_who_is_signed_out() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.go("/operator");
    let old = browser.test_id("id-signing").text();
    browser.test_id("revoke-signing").follow();
    assert!(
        browser
            .test_id("signed-out")
            .text()
            .starts_with("Everybody")
    );
    browser.test_id("keep-key").follow();
    browser.test_id("revoke-signing").follow();
    browser.test_id("confirm-revoke").follow();
    assert_eq!(browser.test_id("id-revoked").text(), old);
    assert!(browser.test_id("notice").text().contains("is revoked"));
    stage.go("/membership/personal");
    assert_eq!(stage.held("surname"), "");
}

/// Waits until the log of the demo holds this text so many times.
fn comes_to_say(stage: &Stage, text: &str, times: usize) {
    let said = |demo: &Demo| demo.said().matches(text).count() >= times;
    // A page takes longer than a look at the file costs; the demo looks every two seconds.
    let told = (0..2000).any(|_| {
        stage.go("/healthz");
        said(&stage.demo)
    });
    assert!(told, "{text:?} is not in the log:\n{}", stage.demo.said());
}
