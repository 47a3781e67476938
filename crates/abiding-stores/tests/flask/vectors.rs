//! What every version of Flask-Session put into a store is read, and what ours puts there is the same.

use std::time::Duration;

use abiding::{
    FlaskSession, Manager, Timestamp,
    compat::{Value, payload::Format},
};
use abiding_testkit::ManualClock;
use serde_json::Value as Json;

use crate::{
    browser::Browser,
    engines::Engine,
    folder::{File, Verdict, hex, number, text},
    notation, run,
};

/// When the vectors were recorded.
const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);

async fn manager<E: Engine>(engine: &E, settings: &FlaskSession) -> Manager {
    let clock = ManualClock::new();
    clock.set(NOW);
    Manager::builder(engine.store(settings).await)
        .flask_session(settings.clone())
        .clock(clock)
        .build()
        .unwrap()
}

fn settings(case: &Json) -> FlaskSession {
    let lifetime = Duration::from_secs(number(case, "lifetime_s") as u64);
    let settings = FlaskSession::new().lifetime(lifetime).permanent(false);
    match text(case, "format") {
        "json" => settings.format(Format::Json),
        "msgpack" => settings.format(Format::Msgpack),
        "pickle" => settings.pickled(),
        other => panic!("{other}"),
    }
}

/// One stored session: read through a manager, written back untouched, written anew, and changed.
async fn check<E: Engine>(engine: &E, case: &Json, stored: &[u8]) {
    let settings = settings(case);
    let lifetime = settings.idle_timeout();
    let (name, sid) = (text(case, "key"), text(case, "sid"));
    let value = notation::dict(&case["value"]).unwrap();
    engine.poke(name, stored, lifetime, NOW);
    let manager = manager(engine, &settings).await;

    let mut browser = Browser::with(&manager, sid);
    let read = browser.request(async |session| session.dict().await).await;
    assert_eq!(read.unwrap(), value);
    assert_eq!(browser.summary, "read 1, store: nothing, cookie: nothing");

    // A key more and a key less: the bytes are what they were, to the order of the keys.
    let mark = |session: &abiding::Session| session.insert("more", &[1]).unwrap();
    browser.request(async |session| mark(session)).await;
    let (marked, _) = engine.peek(name, NOW).unwrap();
    assert_ne!(marked, stored);
    browser
        .request(async |session| session.remove("more"))
        .await;
    let (back, left) = engine.peek(name, NOW).unwrap();
    let pickled = text(case, "format") == "pickle";
    if pickled {
        // Other bytes than CPython's say the same.
        assert_eq!(settings.decode(&back).unwrap(), value);
    } else {
        assert_eq!(back, stored);
    }
    assert!(
        lifetime - left < Duration::from_secs(60),
        "{left:?} of {lifetime:?}"
    );

    // The same session begun by us, under an id of ours.
    let mut visitor = Browser::new(&manager);
    let begin = async |session: &abiding::Session| {
        for (key, value) in &value {
            session.insert_value(key, value).unwrap();
        }
        session.set_persistent(value.get("_permanent") == Some(&Value::Bool(true)));
    };
    visitor.request(begin).await;
    if value.is_empty() {
        assert_eq!(visitor.cookie, None);
        return;
    }
    let ours = visitor.cookie.unwrap();
    let (written, left) = engine.peek(&format!("session:{ours}"), NOW).unwrap();
    match pickled {
        true => assert_eq!(settings.decode(&written).unwrap(), value),
        false => assert_eq!(written, stored),
    }
    assert!(
        lifetime - left < Duration::from_secs(60),
        "{left:?} of {lifetime:?}"
    );
    assert_eq!(ours.len(), 43, "as long as `secrets.token_urlsafe(32)`");
    if let Some(expected) = case["set_cookie"].as_array() {
        let expected = expected[0].as_str().unwrap().replace(sid, &ours);
        assert_eq!(visitor.set_cookie.unwrap(), expected);
    }
}

#[cfg(all(unix, feature = "redis"))]
#[test]
fn redis_is_read_and_written_as_every_version_does() {
    let Some(engine) = crate::engines::redis::engine() else {
        return;
    };
    for name in [
        "redis_flask_session_050.json",
        "redis_flask_session_060.json",
        "redis_flask_session_070.json",
        "redis_flask_session_080.json",
    ] {
        File::open(name).each("redis", |case| {
            run(check(&engine, case, &hex(case, "value_hex")));
            Verdict::Passed
        });
    }
}
