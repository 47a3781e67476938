//! What every version of Flask-Session put into a store is read, and what ours puts there is the same.

use std::time::Duration;

use abiding::{
    FlaskSession, Manager, Timestamp,
    compat::{Dict, Value, payload::Format},
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
    let value = notation::dict(&case["value"]).unwrap();
    check_map(engine, case, stored, &value).await;
}

async fn check_map<E: Engine>(engine: &E, case: &Json, stored: &[u8], value: &Dict) {
    let settings = settings(case);
    let lifetime = settings.idle_timeout();
    let (name, sid) = (text(case, "key"), text(case, "sid"));
    let manager = manager(engine, &settings).await;
    engine.poke(name, stored, lifetime, NOW);

    let mut browser = Browser::with(&manager, sid);
    let read = browser.request(async |session| session.dict().await).await;
    assert_eq!(read.unwrap(), *value);
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
        assert_eq!(settings.decode(&back).unwrap(), *value);
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
        for (key, value) in value {
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
        true => assert_eq!(settings.decode(&written).unwrap(), *value),
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

/// The rows of one engine, as cases.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn rows<E: Engine>(engine: &E, name: &str) {
    for (file, format) in [
        ("sql_flask_session_050.json", "pickle"),
        ("sql_flask_session_060.json", "pickle"),
        ("sql_flask_session_070.json", "msgpack"),
        ("sql_flask_session_080.json", "msgpack"),
    ] {
        let mut checked = 0;
        for list in File::open(file).cases("sql") {
            if text(list, "engine") != name {
                continue;
            }
            for row in list["rows"].as_array().into_iter().flatten() {
                let mut case = row.clone();
                case["key"] = row["session_id"].clone();
                case["format"] = format.into();
                run(check(engine, &case, &hex(row, "data_hex")));
                checked += 1;
            }
        }
        println!("{file}: {checked} rows of {name}");
        assert!(checked >= 3, "{file}: {checked} rows of {name}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_read_and_written_as_every_version_does() {
    rows(&crate::engines::sqlite::engine().unwrap(), "sqlite");
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_is_read_and_written_as_every_version_does() {
    if let Some(engine) = crate::engines::postgres::engine() {
        rows(&engine, "postgresql");
    }
}

#[cfg(all(unix, feature = "mysql"))]
#[test]
fn mysql_is_read_and_written_as_every_version_does() {
    if let Some(engine) = crate::engines::mysql::engine() {
        rows(&engine, "mysql");
    }
}

/// What each version sent over the wire: the map is not told beside it, so it is what we read there.
#[cfg(all(unix, feature = "memcached"))]
#[test]
fn memcached_is_read_and_written_as_every_version_does() {
    let Some(engine) = crate::engines::memcached::engine() else {
        return;
    };
    for (name, format) in [
        ("memcached_flask_session_050.json", "pickle"),
        ("memcached_flask_session_060.json", "pickle"),
        ("memcached_flask_session_070.json", "msgpack"),
        ("memcached_flask_session_080.json", "msgpack"),
    ] {
        File::open(name).each("memcached", |case| {
            let (wire, mut case) = (&case["wire"], case.clone());
            assert_eq!(number(wire, "flags"), 0);
            case["key"] = wire["key"].clone();
            case["format"] = format.into();
            let stored = hex(wire, "hex");
            let map = FlaskSession::new().decode(&stored).unwrap();
            run(check_map(&engine, &case, &stored, &map));
            Verdict::Passed
        });
    }
}

#[cfg(feature = "file")]
#[test]
fn files_are_read_and_written_as_every_cachelib_does() {
    use abiding::compat::cachelib::{Header, NameHash, file_name, split};
    use abiding_stores::flask_session::Cachelib;

    for (file, cachelib, hash, header) in [
        (
            "cachelib_0060.json",
            Cachelib::V0_6,
            NameHash::Md5,
            Header::Pickled,
        ),
        (
            "cachelib_0102.json",
            Cachelib::V0_15,
            NameHash::Md5,
            Header::Binary,
        ),
        (
            "cachelib_0170.json",
            Cachelib::V0_16,
            NameHash::Sha256,
            Header::Binary,
        ),
    ] {
        let engine = crate::engines::files::of(cachelib, hash, header);
        File::open(file).each("cases", |case| {
            let key = text(case, "key");
            let Some(sid) = key.strip_prefix("session:") else {
                panic!("{key} is no session's");
            };
            assert_eq!(file_name(key, hash), text(case, "file_name"));
            let stored = crate::folder::bytes(text(case, "file"));
            let mut case = case.clone();
            case["sid"] = sid.into();
            case["format"] = "pickle".into();
            case["lifetime_s"] = 3_600.into();
            run(check(&engine, &case, split(&stored).unwrap().1));
            Verdict::Passed
        });
    }
}
