//! A walk over the sessions that Flask-Session left: all of them, and nothing that is not one.

use std::{collections::HashSet, time::Duration};

use abiding::{
    Clock, FlaskSession, StoreKey, SystemClock,
    compat::Dict,
    store::{Cursor, Walk},
};

use crate::{engines::Engine, run};

const SESSIONS: usize = 25;
const HOUR: Duration = Duration::from_secs(3_600);

/// The keys that a walk in small pages comes by, and how many sessions it could not read.
async fn walked<E: Engine<Store: Walk>>(
    engine: &E,
    settings: &FlaskSession,
) -> (Vec<StoreKey>, usize) {
    let (store, now) = (engine.store(settings).await, SystemClock.now());
    let (mut keys, mut unreadable, mut place) = (Vec::new(), 0, None);
    loop {
        let page = store.walk(place.as_ref(), 4, now).await.unwrap();
        keys.extend(page.found.iter().map(|found| found.key));
        unreadable += page.unreadable;
        place = page.next;
        if place.is_none() {
            return (keys, unreadable);
        }
    }
}

/// `hides_ids` where the engine keeps a hash of each.
fn comes_by_all<E: Engine<Store: Walk>>(engine: Option<E>, hides_ids: bool) {
    let Some(engine) = engine else { return };
    run(async {
        let (settings, now) = (FlaskSession::new(), SystemClock.now());
        let mut dict = Dict::new();
        dict.insert("step", 2_i64);
        let bytes = engine.encode(&settings, &dict);
        // The table is made by the first store.
        assert_eq!(walked(&engine, &settings).await, (vec![], 0));
        let sid = |number: usize| format!("sid-of-visitor-{number:03}");
        for number in 0..SESSIONS {
            let name = format!("session:{}", sid(number));
            engine.poke(&name, &bytes, HOUR, now);
        }
        engine.poke("session:damaged", b"\xff\xfe", HOUR, now);
        if !hides_ids {
            engine.poke("another:application", &bytes, HOUR, now);
        }
        let (keys, unreadable) = walked(&engine, &settings).await;
        let distinct: HashSet<_> = keys.iter().collect();
        assert_eq!((distinct.len(), unreadable >= 1), (SESSIONS, true));
        if !hides_ids {
            let expected: HashSet<_> = (0..SESSIONS)
                .map(|number| StoreKey::of_sid(&sid(number)).unwrap())
                .collect();
            assert_eq!(keys.into_iter().collect::<HashSet<_>>(), expected);
        }
        let store = engine.store(&settings).await;
        let strange = store.walk(Some(&Cursor::new("nowhere")), 4, now).await;
        assert!(hides_ids || strange.is_err());
    });
}

#[cfg(all(unix, feature = "redis"))]
#[test]
fn redis() {
    comes_by_all(crate::engines::redis::engine(), false);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite() {
    comes_by_all(crate::engines::sqlite::engine(), false);
}

#[cfg(all(unix, feature = "postgres"))]
#[test]
fn postgres() {
    comes_by_all(crate::engines::postgres::engine(), false);
}

#[cfg(all(unix, feature = "mysql"))]
#[test]
fn mysql() {
    comes_by_all(crate::engines::mysql::engine(), false);
}

#[cfg(feature = "file")]
#[test]
fn files_which_end_by_what_the_walk_found() {
    comes_by_all(crate::engines::files::engine(), true);
    let engine = crate::engines::files::engine().unwrap();
    run(async {
        let (settings, now) = (FlaskSession::new(), SystemClock.now());
        let bytes = engine.encode(&settings, &Dict::new());
        engine.poke("session:one", &bytes, HOUR, now);
        let store = engine.store(&settings).await;
        let (keys, _) = walked(&engine, &settings).await;
        assert!(store.end_file(&keys[0]).await.unwrap());
        assert!(!store.end_file(&keys[0]).await.unwrap());
        assert!(engine.peek("session:one", now).is_none());
    });
}
