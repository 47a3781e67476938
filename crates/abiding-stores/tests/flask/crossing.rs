//! From what a Flask application keeps to a native store and back, under traffic: Flask's own cookie, and the
//! layout of Flask-Session in files.

use std::{sync::Arc, time::Duration};

use abiding::{
    FlaskSession, KeyRing, Manager, MemoryStore, Phase,
    compat::{Dict, Value, signer::Secrets},
};
use abiding_testkit::{
    Faulty, ManualClock,
    crossing::{self, End},
};

use crate::{browser::Browser, run};

const SECRET: &str = "a secret of Flask that nobody else has";

fn sessions() -> FlaskSession {
    FlaskSession::new().signed(Secrets::new(SECRET).unwrap())
}

type Native = Faulty<Arc<MemoryStore>>;

fn native(
    store: &Native,
    keys: &KeyRing,
    clock: &ManualClock,
    other: Option<(Manager, Phase)>,
) -> Manager {
    let builder = Manager::builder(store.clone())
        .keys(keys.clone())
        .subjects()
        .clock(clock.clone());
    match other {
        Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

fn cookie(clock: &ManualClock, other: Option<(Manager, Phase)>) -> Manager {
    let builder = Manager::flask_cookie(Secrets::new(SECRET).unwrap(), sessions())
        .irrevocable()
        .clock(clock.clone());
    match other {
        Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

#[test]
fn from_the_cookie_of_flask_and_back_nothing_is_lost_and_nobody_signed_out() {
    let tally = crossing::run(60, 1, 1, |clock, seed| {
        let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(seed));
        let (keys, clock) = (KeyRing::generate().unwrap(), clock.clone());
        move |end, phase: Option<Phase>| match end {
            End::Old => cookie(
                &clock,
                phase.map(|phase| (native(&store, &keys, &clock, None), phase)),
            ),
            End::New => native(
                &store,
                &keys,
                &clock,
                phase.map(|phase| (cookie(&clock, None), phase)),
            ),
        }
    });
    let tally = tally.unwrap_or_else(|broken| panic!("{broken}"));
    assert!(tally.moved > 60, "{tally:?}");
}

#[cfg(feature = "file")]
#[test]
fn from_files_of_flask_session_and_back_nothing_is_lost_and_nobody_signed_out() {
    use abiding_stores::{
        file::{Durability, FileOptions},
        flask_session::{Cachelib, FlaskStore},
    };

    const HISTORIES: u64 = 6;

    let tally = crossing::run(HISTORIES, 1, 3, |clock, seed| {
        let scratch = crate::scratch::Scratch::new();
        let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(seed));
        let (keys, clock) = (KeyRing::generate().unwrap(), clock.clone());
        let old = move |other: Option<(Manager, Phase)>, clock: &ManualClock| {
            let options = FileOptions::new(scratch.path()).durability(Durability::Process);
            let files = FlaskStore::files(options, Cachelib::V0_16, &sessions()).unwrap();
            let files = Faulty::new(Arc::new(files), crossing::delays(seed + 1));
            let builder = Manager::builder(files)
                .flask_session(sessions())
                .clock(clock.clone());
            match other {
                Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
                None => builder.build().unwrap(),
            }
        };
        move |end, phase: Option<Phase>| match end {
            End::Old => old(
                phase.map(|phase| (native(&store, &keys, &clock, None), phase)),
                &clock,
            ),
            End::New => native(
                &store,
                &keys,
                &clock,
                phase.map(|phase| (old(None, &clock), phase)),
            ),
        }
    });
    let tally = tally.unwrap_or_else(|broken| panic!("{broken}"));
    assert!(tally.moved > HISTORIES, "{tally:?}");
}

/// What Python put into a session comes out of its next place with the types that it had.
#[test]
fn values_of_every_type_cross_from_the_cookie_of_flask_to_a_store_and_back() {
    let clock = ManualClock::new();
    let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(1));
    let keys = KeyRing::generate().unwrap();
    let mut browser = Browser::new(&cookie(&clock, None));
    let pairs = [
        ("text", Value::from("né")),
        ("tuple", Value::Tuple(vec![1_i64.into(), Value::None])),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("uuid", Value::Uuid(7)),
        ("markup", Value::Markup("<b>".into())),
        ("list", Value::List(vec![Value::Bool(true)])),
    ];
    let before: Dict = run(browser.request(async |session| {
        for (key, value) in &pairs {
            session.insert_value(&(*key).into(), value).unwrap();
        }
        session.flash("info", "welcome").await.unwrap();
        session.dict().await.unwrap()
    }));
    let old = || cookie(&clock, None);
    let new = || native(&store, &keys, &clock, None);
    for (manager, what) in [
        (
            native(&store, &keys, &clock, Some((old(), Phase::Move))),
            "forward",
        ),
        (cookie(&clock, Some((new(), Phase::Move))), "back"),
    ] {
        let mut moved = Browser::new(&manager);
        // The jar of a browser has both; each place reads its own.
        let header = browser.cookie.clone().unwrap();
        let name = browser.name();
        let session = manager.open([format!("{name}={header}").as_bytes()]);
        let dict = run(session.dict()).unwrap();
        for (key, value) in &before {
            assert_eq!(
                dict.get(key.as_str().unwrap()),
                Some(value),
                "{what}: {key:?}"
            );
        }
        run(moved.close(&session));
        assert_eq!(manager.crossings().moved, 1, "{what}");
        browser = moved;
    }
}

/// What the next place cannot hold is named, and its session goes on where it is.
#[test]
fn a_value_that_a_cookie_cannot_hold_keeps_its_session_in_the_store() {
    let clock = ManualClock::new();
    let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(1));
    let keys = KeyRing::generate().unwrap();
    let store = || native(&store, &keys, &clock, None);
    for (key, value, refused, too_large) in [
        ("set", Value::Set(vec![1_i64.into()]), 1, 0),
        ("long", Value::from(noise().as_str()), 0, 1),
    ] {
        let mut browser = Browser::new(&store());
        run(browser.request(async |session| session.insert_value(&key.into(), &value))).unwrap();
        let manager = cookie(&clock, Some((store(), Phase::Move)));
        let header = format!("{}={}", browser.name(), browser.cookie.clone().unwrap());
        let session = manager.open([header.as_bytes()]);
        session.insert("more", &1).unwrap();
        let closing = run(manager.close(&session, false)).unwrap();
        assert!(closing.set_cookie.is_none(), "{key}");
        let crossings = manager.crossings();
        assert_eq!(
            (crossings.refused, crossings.too_large),
            (refused, too_large),
            "{key}"
        );
        assert_eq!(crossings.moved, 0, "{key}");
        let dict = run(browser.open().dict()).unwrap();
        assert_eq!(dict.get(key), Some(&value));
        assert!(dict.get("more").is_some(), "{key}: it can be written to");
    }
}

/// Text that no compression makes short.
fn noise() -> String {
    let mut state = 1_u64;
    (0..6_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + (state >> 33) as u8 % 90)
        })
        .collect()
}

/// The answer that brought a newer cookie was lost, and the browser still has the one from before the session was moved into a
/// store: what happened there counts, not what that cookie holds.
#[test]
fn a_cookie_of_flask_from_before_the_store_is_not_taken_for_the_newer_one_that_was_lost() {
    let clock = ManualClock::new();
    let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(1));
    let keys = KeyRing::generate().unwrap();
    let first = cookie(&clock, None);
    let forth = native(
        &store,
        &keys,
        &clock,
        Some((cookie(&clock, None), Phase::Move)),
    );
    let back = cookie(
        &clock,
        Some((native(&store, &keys, &clock, None), Phase::Move)),
    );
    let mut jar: Vec<String> = vec![];
    let mut ask = |manager: &Manager, key: &str, is_lost: bool| {
        let session = manager.open([jar.join("; ").as_bytes()]);
        let closing = run(async {
            let found = session.keys().await.unwrap();
            if key == "in" {
                session.login("zoe").unwrap();
            } else {
                session.insert(key, &1).unwrap();
            }
            let closing = manager.close(&session, false).await.unwrap();
            (found, session.subject().await.unwrap(), closing)
        });
        let (mut found, subject, closing) = closing;
        if let Some(set) = closing.set_cookie.filter(|_| !is_lost) {
            let pair = set.split(';').next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned();
            jar.retain(|held| !held.starts_with(&name));
            jar.push(pair);
        }
        found.retain(|key| !key.starts_with('_'));
        found.sort();
        (found.join(" "), subject)
    };
    ask(&first, "a", false);
    assert_eq!(ask(&forth, "b", false).0, "a");
    assert_eq!(ask(&forth, "in", false).0, "a b");
    assert_eq!(ask(&back, "c", true).0, "a b");
    let (found, subject) = ask(&back, "d", false);
    assert!(found.starts_with("a b"), "{found}");
    assert_eq!(subject.as_deref(), Some("zoe"));
}

/// Flask's cookie says what is in it and since which second, and nothing of whose it is. Two visitors with the very same one
/// move into a store: whatever the one does there, the other keeps what they had, but for a sign-out, which ends the cookie.
#[test]
fn of_two_visitors_with_the_very_same_cookie_of_flask_neither_signs_the_other_out() {
    let clock = ManualClock::new();
    let store = Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(1));
    let keys = KeyRing::generate().unwrap();
    let first = cookie(&clock, None);
    let forth = native(
        &store,
        &keys,
        &clock,
        Some((cookie(&clock, None), Phase::Move)),
    );
    let alone = native(&store, &keys, &clock, None);
    let began = || {
        let mut browser = Browser::new(&first);
        run(browser.request(async |session| session.insert("n", &1).unwrap()));
        format!("{}={}", browser.name(), browser.cookie.unwrap())
    };
    /// What was asked, and of whom.
    type Acts<'a> = &'a [(&'a Manager, Act)];
    #[derive(Clone, Copy)]
    enum Act {
        SignIn(&'static str),
        SignOut,
        Renew,
        Revoke,
    }
    use Act::{Renew, Revoke, SignIn, SignOut};
    // What the one does, whether the other's cookie is good afterwards, and how many there are of the one.
    let cases: [(Acts<'_>, bool, usize); 7] = [
        (&[(&forth, Renew)], true, 0),
        (&[(&forth, SignIn("zoe"))], true, 1),
        (&[(&alone, SignIn("zoe")), (&alone, Renew)], true, 1),
        (&[(&forth, SignOut)], false, 0),
        (&[(&forth, SignIn("zoe")), (&forth, SignOut)], false, 0),
        (&[(&alone, SignIn("zoe")), (&alone, SignOut)], false, 0),
        (&[(&forth, SignIn("zoe")), (&forth, Revoke)], false, 0),
    ];
    for (number, (acts, is_good, left)) in cases.into_iter().enumerate() {
        let (one, other) = (began(), began());
        assert_eq!(one, other);
        let ask = |manager: &Manager, jar: &str, act: Option<Act>| {
            let session = manager.open([jar.as_bytes()]);
            run(async {
                let n: Option<u64> = session.get("n").await.unwrap();
                match act {
                    None => {}
                    Some(SignIn(subject)) => session.login(subject).unwrap(),
                    Some(SignOut) => session.logout(),
                    Some(Renew) => session.renew(),
                    Some(Revoke) => drop(manager.end_subject("zoe").await.unwrap()),
                }
                let set = manager.close(&session, false).await.unwrap().set_cookie;
                let pair = set.map(|set| set.split(';').next().unwrap().to_owned());
                (n, pair.unwrap_or_else(|| jar.to_owned()))
            })
        };
        let (n, mut jar) = ask(&forth, &one, None);
        assert_eq!(n, Some(1));
        for (manager, act) in acts {
            (_, jar) = ask(manager, &jar, Some(*act));
        }
        // Past the grace of ids that were given up.
        clock.advance(Duration::from_secs(60));
        let (n, theirs) = ask(&forth, &other, None);
        assert_eq!(n, is_good.then_some(1), "case {number}");
        // And the other way round.
        if is_good {
            let (_, theirs) = ask(&forth, &theirs, Some(SignIn("ada")));
            ask(&forth, &theirs, Some(SignOut));
            assert_eq!(ask(&forth, &jar, None).0, Some(1), "case {number}");
            assert_eq!(ask(&forth, &other, None).0, None, "case {number}");
        }
        let sessions = run(alone.sessions_of("zoe")).unwrap();
        assert_eq!(sessions.len(), left, "case {number}");
        run(alone.end_subject("zoe")).unwrap();
        clock.advance(Duration::from_secs(1));
    }
}
