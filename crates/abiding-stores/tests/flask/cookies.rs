//! Sessions in Flask's own signed cookie, through a manager.

use std::time::Duration;

use abiding::{
    FlaskSession, Manager, Standing, Timestamp,
    compat::{cookie::CookieCodec, signer::Secrets},
};
use abiding_testkit::ManualClock;
use serde_json::Value as Json;

use crate::{
    browser::Browser,
    folder::{File, Verdict, number, text, unhex},
    notation, run,
};

const DAY: Duration = Duration::from_secs(86_400);
const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);

fn key(json: &Json) -> Vec<u8> {
    match json["str"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => unhex(text(json, "hex")),
    }
}

fn manager(secrets: Secrets, lifetime: Duration, clock: &ManualClock) -> Manager {
    let sessions = FlaskSession::new().lifetime(lifetime).permanent(false);
    Manager::flask_cookie(secrets, sessions)
        .irrevocable()
        .clock(clock.clone())
        .build()
        .unwrap()
}

/// What Flask signed is read, and what is written of it says the same to Flask's reader.
#[test]
fn cookies_of_flask_are_sessions() {
    File::open("flask_cookies.json").each("sign", |case| {
        let loads_to = [&case["loads_to"], &case["value"]];
        let value = loads_to.into_iter().find(|value| !value.is_null());
        let Some(value) = value.and_then(notation::dict) else {
            return Verdict::Foreign;
        };
        let Some(cookie) = case["cookie"].as_str() else {
            return Verdict::Refused;
        };
        let clock = ManualClock::new();
        clock.set(Timestamp::from_millis(number(case, "now") * 1_000));
        let secrets = Secrets::new(key(&case["secret_key"])).unwrap();
        let codec = CookieCodec::new(secrets.clone());
        let manager = manager(secrets, DAY, &clock);
        let mut browser = Browser::with(&manager, cookie);
        let read = run(browser.request(async |session| session.dict().await.unwrap()));
        assert_eq!(read, value, "{}", case["id"]);
        assert!(
            browser.summary.ends_with("cookie: nothing"),
            "{}",
            browser.summary
        );
        run(browser.request(async |session| session.insert("more", &1).unwrap()));
        run(browser.request(async |session| session.remove("more")));
        let back = codec.read(browser.cookie.as_deref().unwrap(), clock.now(), DAY);
        // What Flask would have written: keys sorted.
        let flask = codec.write(&value, clock.now()).unwrap();
        let flask = codec.read(&flask, clock.now(), DAY).unwrap();
        assert_eq!(back.unwrap(), flask, "{}", case["id"]);
        Verdict::Passed
    });
}

#[test]
fn a_use_of_a_permanent_session_prolongs_its_cookie() {
    let clock = ManualClock::new();
    clock.set(NOW);
    let manager = manager(Secrets::new("secret").unwrap(), DAY, &clock);
    let mut browser = Browser::new(&manager);
    let begin = async |session: &abiding::Session| {
        session.set_persistent(true);
        session.insert("user", "ada").unwrap();
        session.flash("info", "welcome").await.unwrap();
    };
    run(browser.request(begin));
    let header = browser.set_cookie.clone().unwrap();
    assert!(
        header.contains("; Expires=Tue, 03 Feb 2026 02:40:00 GMT; HttpOnly; Path=/"),
        "{header}"
    );
    let read = CookieCodec::new(Secrets::new("secret").unwrap()).read(
        browser.cookie.as_deref().unwrap(),
        clock.now(),
        DAY,
    );
    let flashes = read.unwrap().unwrap().get("_flashes").unwrap().clone();
    assert_eq!(
        format!("{flashes:?}").matches("Tuple").count(),
        1,
        "{flashes:?}"
    );

    clock.advance(DAY / 2);
    let look = async |session: &abiding::Session| session.get::<String>("user").await.unwrap();
    assert_eq!(run(browser.request(look)).as_deref(), Some("ada"));
    assert!(
        browser
            .set_cookie
            .clone()
            .unwrap()
            .contains("Expires=Tue, 03 Feb 2026 14:40:00 GMT")
    );
    assert_eq!(run(browser.request(look)).as_deref(), Some("ada"));
    assert_eq!(
        browser.set_cookie, None,
        "once in a tenth of the lifetime is enough"
    );
    clock.advance(DAY + Duration::from_secs(2));
    let standing = run(browser.request(async |session| session.standing().await.unwrap()));
    assert!(matches!(standing, Standing::Refused(_)), "{standing:?}");
}

#[test]
fn a_rotated_key_signs_nobody_out_and_signs_anew() {
    let clock = ManualClock::new();
    clock.set(NOW);
    let old = manager(Secrets::new("old").unwrap(), DAY, &clock);
    let mut browser = Browser::new(&old);
    run(browser.request(async |session| session.insert("user", "ada").unwrap()));
    let cookie = browser.cookie.unwrap();
    let secrets = Secrets::new("new").unwrap().with_fallback("old").unwrap();
    let mut browser = Browser::with(&manager(secrets, DAY, &clock), &cookie);
    let look = async |session: &abiding::Session| session.get::<String>("user").await.unwrap();
    assert_eq!(run(browser.request(look)).as_deref(), Some("ada"));
    assert!(browser.set_cookie.is_some());
    let alone = manager(Secrets::new("new").unwrap(), DAY, &clock);
    let mut browser = Browser::with(&alone, &browser.cookie.unwrap());
    assert_eq!(run(browser.request(look)).as_deref(), Some("ada"));
}
