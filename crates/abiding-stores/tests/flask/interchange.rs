//! A real Flask-Session and ours take turns on one session: none is lost, and no value changes its type.

use std::time::Duration;

use abiding::{
    FlaskSession, Manager,
    compat::{Date, Datetime, Dict, Value, pickle, signer::Secrets},
};
use serde_json::{Value as Json, json};

use crate::{
    browser::Browser,
    engines::Engine,
    folder::unhex,
    python::{Python, Version},
    random::Random,
    run,
};

const TURNS: u32 = 1_000;
const SECRET: &str = "the same in both";

impl Random {
    /// A value of any type that both sides of a format keep.
    fn value(&mut self, pickled: bool, depth: u32) -> Value {
        let kinds = if pickled { 15 } else { 9 };
        match self.below(if depth > 2 { 6 } else { kinds }) {
            0 => Value::None,
            1 => Value::Bool(self.below(2) == 1),
            2 => (self.below(1 << 30) as i64 - (1 << 29)).into(),
            3 => (self.below(1_000_000) as f64 / 7.0).into(),
            4 => format!("text é {}", self.below(99)).into(),
            5 => Value::Bytes(self.below(1 << 30).to_le_bytes().to_vec()),
            6 => Value::List(
                (0..self.below(4))
                    .map(|_| self.value(pickled, depth + 1))
                    .collect(),
            ),
            7 => {
                let mut dict = Dict::new();
                for key in 0..self.below(4) {
                    dict.insert(&format!("k{key}"), self.value(pickled, depth + 1));
                }
                Value::Dict(dict)
            }
            8 => Value::Datetime(
                Datetime::from_unix_micros(1_700_000_000_000_000 + self.below(1 << 40) as i64)
                    .unwrap(),
            ),
            9 => Value::Tuple(
                (0..self.below(4))
                    .map(|_| self.value(pickled, depth + 1))
                    .collect(),
            ),
            10 => Value::Set(vec![(self.below(99) as i64).into()]),
            11 => Value::Uuid(u128::from(self.below(u64::MAX)) << 7),
            12 => Value::Decimal(format!("{}.50", self.below(999))),
            13 => Value::Date(Date::new(2026, 1 + self.below(12) as u8, 3).unwrap()),
            _ => Value::FrozenSet(vec!["x".into()]),
        }
    }
}

fn one(key: &str, value: &Value) -> Dict {
    let mut dict = Dict::new();
    dict.insert(key, value.clone());
    dict
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One request to Flask: what its view finds, and the cookie that the browser holds afterwards.
fn flask(python: &mut Python, cookie: Option<&str>, acts: &Json) -> (Dict, Option<String>) {
    let asked = json!({"cookie": cookie, "acts": acts}).to_string();
    let told: Json = serde_json::from_str(&python.ask(&asked)).unwrap();
    assert_eq!(told["status"], 200, "{told}");
    let found = pickle::read(&unhex(told["found"].as_str().unwrap())).unwrap();
    let mut held = cookie.map(str::to_owned);
    for header in told["set_cookie"].as_array().unwrap() {
        let value = header.as_str().unwrap().split(['=', ';']).nth(1).unwrap();
        held = (!value.is_empty()).then(|| value.to_owned());
    }
    (found, held)
}

async fn alternate<E: Engine>(engine: E, version: Version, mut config: Json, signed: bool) {
    let pickled = version == Version::V050 || config["engine"] == "filesystem";
    let lifetime = Duration::from_secs(3_600);
    let mut settings = FlaskSession::new().lifetime(lifetime);
    if version == Version::V050 {
        settings = settings.pickled();
    }
    if signed {
        settings = settings.signed(Secrets::new(SECRET).unwrap());
    }
    config["settings"] = json!({
        "SECRET_KEY": SECRET,
        "PERMANENT_SESSION_LIFETIME": 3_600,
        "SESSION_USE_SIGNER": signed,
    });
    // Ours makes the table; Flask-Session 0.5 does not.
    let store = engine.store(&settings).await;
    let manager = Manager::builder(store)
        .flask_session(settings)
        .build()
        .unwrap();
    let Some(mut python) = Python::start(version, "app.py", &config.to_string()) else {
        return;
    };
    let mut random = Random::new(u64::from(signed) + 7);
    let mut browser = Browser::new(&manager);
    let mut expected = Dict::new();
    let (mut written, mut cookies) = (0, 0);
    for turn in 0..TURNS {
        let key = format!("key {}", random.below(12));
        let value = random.value(pickled, 0);
        // The first one begins the session.
        let act = if turn == 0 { 2 } else { random.below(5) };
        let before = browser.cookie.clone();
        let found = if turn % 2 == 0 {
            let acts = match act {
                0 => json!([]),
                1 => json!([["pop", key]]),
                _ => json!([["set", hex(&pickle::write(&one(&key, &value)).unwrap())]]),
            };
            let (found, cookie) = flask(&mut python, before.as_deref(), &acts);
            browser.cookie = cookie;
            found
        } else {
            let name = Value::from(&*key);
            let act = async |session: &abiding::Session| {
                let found = session.dict().await.unwrap();
                match act {
                    0 => {}
                    1 => session.remove_value(&name).unwrap(),
                    _ => session.insert_value(&name, &value).unwrap(),
                }
                found
            };
            browser.request(act).await
        };
        if turn == 0 {
            expected = found;
            assert!(expected.len() <= 1, "{expected:?}");
            expected.insert("_permanent", true);
        } else {
            assert_eq!(found, expected, "{version:?} {config} turn {turn}");
        }
        match act {
            0 => {}
            1 => drop(expected.remove(&key)),
            _ => drop(expected.insert(&key, value)),
        }
        written += u32::from(act > 0);
        cookies += u32::from(before != browser.cookie);
    }
    assert_eq!(cookies, 1, "the browser keeps the id that it got first");
    assert!(
        written > TURNS / 2 && expected.len() > 5,
        "{written} {expected:?}"
    );

    // Signed out by us, gone for Flask; and the other way round.
    browser.request(async |session| session.logout()).await;
    assert_eq!(browser.cookie, None);
    let (found, cookie) = flask(
        &mut python,
        None,
        &json!([["set", hex(&pickle::write(&one("a", &Value::None)).unwrap())]]),
    );
    assert!(found.get("a").is_none());
    let mut browser = Browser::with(&manager, &cookie.unwrap());
    let read = browser
        .request(async |session| session.dict().await.unwrap())
        .await;
    assert_eq!(read.get("a"), Some(&Value::None));
    println!(
        "{version:?} {}: {TURNS} turns, {written} writes",
        config["engine"]
    );
}

const VERSIONS: [(Version, bool); 2] = [(Version::V050, true), (Version::V080, false)];

#[cfg(all(unix, feature = "redis"))]
#[test]
fn on_redis() {
    for (version, signed) in VERSIONS {
        let Some(engine) = crate::engines::redis::engine() else {
            return;
        };
        let config = json!({"engine": "redis", "port": engine.port()});
        run(alternate(engine, version, config, signed));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn on_sqlite() {
    for (version, signed) in VERSIONS {
        let engine = crate::engines::sqlite::engine().unwrap();
        let config = json!({"engine": "sqlalchemy", "uri": engine.uri()});
        run(alternate(engine, version, config, signed));
    }
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres() {
    for (version, signed) in VERSIONS {
        let Some(engine) = crate::engines::postgres::engine() else {
            return;
        };
        let config = json!({"engine": "sqlalchemy", "uri": engine.uri()});
        run(alternate(engine, version, config, signed));
    }
}

#[cfg(all(unix, feature = "mysql"))]
#[test]
fn on_mysql() {
    for (version, signed) in VERSIONS {
        let Some(engine) = crate::engines::mysql::engine() else {
            return;
        };
        let config = json!({"engine": "sqlalchemy", "uri": engine.uri()});
        run(alternate(engine, version, config, signed));
    }
}

#[cfg(all(unix, feature = "memcached"))]
#[test]
fn on_memcached() {
    for (version, signed) in VERSIONS {
        let Some(engine) = crate::engines::memcached::engine() else {
            return;
        };
        let config = json!({"engine": "memcached", "port": engine.port()});
        run(alternate(engine, version, config, signed));
    }
}

#[cfg(feature = "file")]
#[test]
fn on_files() {
    use abiding::compat::cachelib::{Header, NameHash};
    use abiding_stores::flask_session::Cachelib;

    for (version, signed) in VERSIONS {
        let (cachelib, hash) = match version {
            Version::V050 => (Cachelib::V0_15, NameHash::Md5),
            Version::V080 => (Cachelib::V0_16, NameHash::Sha256),
        };
        let engine = crate::engines::files::of(cachelib, hash, Header::Binary);
        let config = json!({"engine": "filesystem", "folder": engine.path("").to_str().unwrap()});
        run(alternate(engine, version, config, signed));
    }
}
