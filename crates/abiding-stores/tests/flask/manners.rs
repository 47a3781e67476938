//! How sessions behave that Flask-Session shares: our promises, in its layout.

use std::time::Duration;

use abiding::{
    ErrorKind, FlaskSession, Manager, Standing, Timestamp,
    compat::{Dict, Value, signer::Secrets},
};
use abiding_testkit::ManualClock;

use crate::{browser::Browser, engines::Engine, run};

const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

struct House<E: Engine> {
    engine: E,
    clock: ManualClock,
    settings: FlaskSession,
    manager: Manager,
}

impl<E: Engine> House<E> {
    async fn new(engine: E, settings: FlaskSession) -> Self {
        let clock = ManualClock::new();
        clock.set(NOW);
        let manager = Manager::builder(engine.store(&settings).await)
            .flask_session(settings.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            engine,
            clock,
            settings,
            manager,
        }
    }

    /// What Flask-Session finds under an id.
    fn peek(&self, sid: &str) -> Option<Vec<u8>> {
        let name = format!("{}{sid}", self.settings.name_prefix());
        Some(self.engine.peek(&name, self.clock_now())?.0)
    }

    fn map(&self, sid: &str) -> Dict {
        self.engine.decode(&self.settings, &self.peek(sid).unwrap())
    }

    fn clock_now(&self) -> Timestamp {
        self.manager.now()
    }

    fn poke(&self, sid: &str, pairs: &[(&str, Value)]) {
        let mut dict = Dict::new();
        for (key, value) in pairs {
            dict.insert(key, value.clone());
        }
        let name = format!("{}{sid}", self.settings.name_prefix());
        let bytes = self.engine.encode(&self.settings, &dict);
        self.engine.poke(
            &name,
            &bytes,
            self.settings.idle_timeout(),
            self.clock_now(),
        );
    }
}

fn settings() -> FlaskSession {
    FlaskSession::new().lifetime(HOUR)
}

/// Everything, on one engine.
async fn all<E: Engine>(engine: impl Fn() -> Option<E>) {
    let Some(first) = engine() else { return };
    let house = House::new(first, settings()).await;
    strangers_get_an_id_of_ours(&house).await;
    who_only_looks_writes_nothing(&house).await;
    types_and_flashes_stay(&house).await;
    a_late_writer_revives_nothing(&house).await;
    parallel_tabs_follow_a_new_id(&house).await;
    fifty_requests_at_once_keep_fifty_keys(&house).await;
    a_use_prolongs_the_session_without_writing_it(&house).await;
    let Some(second) = engine() else { return };
    ids_are_signed_by_every_key_of_the_application(second).await;
    let Some(third) = engine() else { return };
    only_a_write_prolongs_a_session_that_is_not_to_be_refreshed(third).await;
}

/// Fixation: whoever makes up an id, or keeps one of a session that is over, gets another.
async fn strangers_get_an_id_of_ours<E: Engine>(house: &House<E>) {
    let mut browser = Browser::with(&house.manager, "an-id-that-somebody-made-up");
    browser
        .request(async |session| session.insert("user", "ada").unwrap())
        .await;
    assert_ne!(
        browser.cookie.as_deref(),
        Some("an-id-that-somebody-made-up")
    );
    assert_eq!(house.peek("an-id-that-somebody-made-up"), None);
    assert!(house.peek(browser.cookie.as_deref().unwrap()).is_some());
}

async fn who_only_looks_writes_nothing<E: Engine>(house: &House<E>) {
    house.poke("reader", &[("a", 1_i64.into())]);
    let before = house.peek("reader");
    let mut browser = Browser::with(&house.manager, "reader");
    for _ in 0..3 {
        let read = async |session: &abiding::Session| {
            // An equal value is no change.
            session.insert("a", &1).unwrap();
            session.get::<i64>("a").await
        };
        assert_eq!(browser.request(read).await.unwrap(), Some(1));
        assert!(!browser.summary.contains("commit"), "{}", browser.summary);
    }
    assert_eq!(house.peek("reader"), before);
    browser.request(async |_| ()).await;
    assert_eq!(browser.summary, "untouched");
}

async fn types_and_flashes_stay<E: Engine>(house: &House<E>) {
    house.poke(
        "types",
        &[
            ("raw", Value::Bytes(b"\xff".to_vec())),
            (
                "_flashes",
                Value::List(vec![Value::List(vec!["info".into(), "saved".into()])]),
            ),
        ],
    );
    let mut browser = Browser::with(&house.manager, "types");
    let flash = async |session: &abiding::Session| session.flash("error", "no").await.unwrap();
    browser.request(flash).await;
    let stored = house.map("types");
    assert_eq!(stored.get("raw"), Some(&Value::Bytes(b"\xff".to_vec())));
    let flashes = stored.get("_flashes").unwrap();
    assert_eq!(
        flashes.read::<Vec<(String, String)>>().unwrap(),
        [
            ("info".into(), "saved".into()),
            ("error".into(), "no".into())
        ]
    );
    let taken = browser
        .request(async |session| session.take_flashes().await.unwrap())
        .await;
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].message, "saved");
}

async fn a_late_writer_revives_nothing<E: Engine>(house: &House<E>) {
    house.poke("late", &[("user", "ada".into())]);
    let (mut late, mut out) = (
        Browser::with(&house.manager, "late"),
        Browser::with(&house.manager, "late"),
    );
    let slow = late.open();
    assert_eq!(
        slow.get::<String>("user").await.unwrap().as_deref(),
        Some("ada")
    );
    slow.insert("cart", &1).unwrap();
    out.request(async |session| session.logout()).await;
    assert_eq!(house.peek("late"), None, "nothing is left of it");
    let error = house.manager.close(&slow, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    assert_eq!(house.peek("late"), None);
    let standing = late.request(async |session| session.standing().await.unwrap());
    assert!(matches!(standing.await, Standing::Ended(_)));
    assert!(
        out.set_cookie
            .unwrap()
            .starts_with("session=; Expires=Thu, 01 Jan 1970")
    );
}

async fn parallel_tabs_follow_a_new_id<E: Engine>(house: &House<E>) {
    house.poke("tabs", &[("cart", 3_i64.into())]);
    let (mut first, mut second) = (
        Browser::with(&house.manager, "tabs"),
        Browser::with(&house.manager, "tabs"),
    );
    first.request(async |session| session.renew()).await;
    second
        .request(async |session| session.insert("note", "from the old tab").unwrap())
        .await;
    let dict = first
        .request(async |session| session.dict().await.unwrap())
        .await;
    assert_eq!((dict.len(), dict.get("cart")), (2, Some(&3_i64.into())));
    // Flask-Session, which knows of no aliases, finds a session without values.
    assert_eq!(house.map("tabs").get("cart"), None);
    first
        .request(async |session| session.login("ada").unwrap())
        .await;
    let subject = first.request(async |session| session.subject().await.unwrap());
    assert_eq!(subject.await.as_deref(), Some("ada"));
    first.request(async |session| session.logout()).await;
    assert_eq!(first.cookie, None);
}

async fn fifty_requests_at_once_keep_fifty_keys<E: Engine>(house: &House<E>) {
    house.poke("crowd", &[("kept", 0_i64.into())]);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let mut browser = Browser::with(&house.manager, "crowd");
        tasks.spawn(async move {
            let session = browser.open();
            session.contains("kept").await.unwrap();
            session.insert(&format!("key {number}"), &number).unwrap();
            session
                .update("count", |count: Option<u32>| count.unwrap_or(0) + 1)
                .await
                .unwrap();
            browser.close(&session).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let stored = house.map("crowd");
    assert_eq!(stored.len(), 52);
    assert_eq!(stored.get("count"), Some(&50_i64.into()));
}

async fn a_use_prolongs_the_session_without_writing_it<E: Engine>(house: &House<E>) {
    let mut browser = Browser::new(&house.manager);
    browser
        .request(async |session| session.insert("a", &1).unwrap())
        .await;
    let sid = browser.cookie.clone().unwrap();
    let name = format!("session:{sid}");
    let (before, _) = house.engine.peek(&name, NOW).unwrap();
    // As time that passed looks to the engine: an hour's session with ten minutes left.
    house
        .engine
        .poke(&name, &before, HOUR / 6, house.clock_now());
    browser
        .request(async |session| session.get::<i32>("a").await.unwrap())
        .await;
    assert_eq!(browser.summary, "read 1, store: touch, cookie: set");
    let (after, left) = house.engine.peek(&name, house.clock_now()).unwrap();
    assert_eq!(after, before);
    assert!(HOUR - left < Duration::from_secs(60), "{left:?}");
    let header = browser.set_cookie.clone().unwrap();
    assert!(
        header.contains("; Expires=Mon, 02 Feb 2026 03:40:00 GMT;"),
        "{header}"
    );
    browser
        .request(async |session| session.get::<i32>("a").await.unwrap())
        .await;
    assert_eq!(browser.summary, "read 1, store: nothing, cookie: nothing");
    house.clock.set(NOW);
}

async fn only_a_write_prolongs_a_session_that_is_not_to_be_refreshed<E: Engine>(engine: E) {
    let house = House::new(engine, settings().refresh_each_request(false)).await;
    let mut browser = Browser::new(&house.manager);
    let write = async |session: &abiding::Session| session.insert("a", &1).unwrap();
    browser.request(write).await;
    let name = format!("session:{}", browser.cookie.clone().unwrap());
    let (bytes, _) = house.engine.peek(&name, NOW).unwrap();
    house.engine.poke(&name, &bytes, HOUR / 6, NOW);
    browser
        .request(async |session| session.get::<i32>("a").await.unwrap())
        .await;
    assert_eq!(browser.summary, "read 1, store: nothing, cookie: nothing");
    assert_eq!(browser.set_cookie, None);
    let other = async |session: &abiding::Session| session.insert("b", &2).unwrap();
    browser.request(other).await;
    let (_, left) = house.engine.peek(&name, NOW).unwrap();
    assert!(HOUR - left < Duration::from_secs(60), "{left:?}");
    assert!(browser.set_cookie.is_some());
}

async fn ids_are_signed_by_every_key_of_the_application<E: Engine>(engine: E) {
    let secrets = |first: &str, second: &str| {
        Secrets::new(first)
            .and_then(|secrets| secrets.with_fallback(second))
            .unwrap()
    };
    let old = settings().signed(secrets("old key", "unused"));
    let house = House::new(engine, old).await;
    let mut browser = Browser::new(&house.manager);
    browser
        .request(async |session| session.insert("a", &1).unwrap())
        .await;
    let first = browser.cookie.clone().unwrap();
    let sid = first.split_once('.').unwrap().0.to_owned();
    assert!(house.peek(&sid).is_some() && house.peek(&first).is_none());

    let new = settings().signed(secrets("new key", "old key"));
    let house = House::new(house.engine, new).await;
    let mut browser = Browser::with(&house.manager, &first);
    let read = browser.request(async |session| session.get::<i32>("a").await.unwrap());
    assert_eq!(read.await, Some(1), "a rotated key signs nobody out");
    let second = browser.cookie.clone().unwrap();
    assert_ne!(first, second);
    assert_eq!(
        second.split_once('.').unwrap().0,
        sid,
        "the same session, signed by the new key"
    );

    for forged in [
        sid.clone(),
        format!("{sid}.AAAA"),
        format!("{sid}x{}", &first[sid.len()..]),
    ] {
        let mut browser = Browser::with(&house.manager, &forged);
        let standing = browser.request(async |session| session.standing().await.unwrap());
        assert!(matches!(standing.await, Standing::Refused(_)), "{forged}");
    }
}

#[cfg(all(unix, feature = "redis"))]
#[test]
fn on_redis() {
    run(all(crate::engines::redis::engine));
}

#[cfg(feature = "sqlite")]
#[test]
fn on_sqlite() {
    run(all(crate::engines::sqlite::engine));
}

#[cfg(feature = "file")]
#[test]
fn on_files() {
    run(all(crate::engines::files::engine));
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres() {
    run(all(crate::engines::postgres::engine));
}

#[cfg(all(unix, feature = "mysql"))]
#[test]
fn on_mysql() {
    run(all(crate::engines::mysql::engine));
}

#[cfg(all(unix, feature = "memcached"))]
#[test]
fn on_memcached() {
    run(all(crate::engines::memcached::engine));
}

/// Two ids that differ by the case of a letter are two sessions, though the table's own order takes them for one.
#[cfg(all(unix, feature = "mysql"))]
#[test]
fn ids_in_a_table_that_knows_no_case_are_compared_byte_for_byte() {
    let Some(engine) = crate::engines::mysql::engine() else {
        return;
    };
    run(async {
        let house = House::new(engine, settings()).await;
        house.poke("AnId", &[("user", "ada".into())]);
        let mut other = Browser::with(&house.manager, "anid");
        let found = other.request(async |session| session.dict().await.unwrap());
        assert!(found.await.is_empty());
        let rows = "SELECT count(*) FROM sessions WHERE session_id = 'session:anid'";
        assert_eq!(house.engine.sql(rows), [["1"]], "the table knows no case");

        // What is larger than the column that Flask-Session made is refused, and the session stays.
        house.engine.sql("ALTER TABLE sessions MODIFY data BLOB");
        let large = async |session: &abiding::Session| {
            session.insert("large", &"x".repeat(70_000)).unwrap();
        };
        let browser = Browser::with(&house.manager, "AnId");
        let session = browser.open();
        large(&session).await;
        let error = house.manager.close(&session, false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("MEDIUMBLOB"), "{error}");
        assert_eq!(house.map("AnId").get("user"), Some(&"ada".into()));
    });
}

#[cfg(all(unix, feature = "memcached"))]
#[test]
fn a_prefix_that_no_key_of_memcached_begins_with_is_refused() {
    use abiding_stores::{flask_session::FlaskStore, memcached::MemcachedOptions};

    for prefix in ["my shop:".to_owned(), "x".repeat(180)] {
        let options = MemcachedOptions::new("memcached://127.0.0.1:1").unwrap();
        let settings = settings().prefix(&prefix);
        let opened = run(FlaskStore::memcached(options, &settings));
        let error = opened.map(drop).unwrap_err();
        assert!(error.to_string().contains("prefix"), "{error}");
    }
}

#[test]
fn a_store_of_this_layout_wants_a_manager_that_speaks_it() {
    let error = Manager::builder(abiding::MemoryStore::new())
        .flask_session(settings())
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("flask_session"), "{error}");
    for bytes in [15, 65] {
        let wrong = settings().id_length(bytes);
        let builder = Manager::builder(abiding::MemoryStore::new());
        assert!(builder.flask_session(wrong).build().is_err());
    }
}

/// A session that an older cachelib named by MD5 is found, changed where it lies, and ended; and cachelib is
/// told that it has one file less.
#[cfg(feature = "file")]
#[test]
fn files_of_both_names_are_found() {
    use abiding::compat::cachelib::{Header, NameHash, count_name};
    use abiding_stores::flask_session::Cachelib;

    use crate::engines::files;

    let old = files::of(Cachelib::V0_16, NameHash::Md5, Header::Binary);
    let count = old.path(&count_name(NameHash::Md5));
    let counted = |number: u8| [&b"\0\0\0\0\x80\x05K"[..], &[number], b"."].concat();
    run(async {
        let house = House::new(old, settings()).await;
        std::fs::write(&count, counted(7)).unwrap();
        house.poke("older", &[("a", 1_i64.into())]);
        let mut browser = Browser::with(&house.manager, "older");
        browser
            .request(async |session| session.insert("b", &2).unwrap())
            .await;
        assert_eq!(house.map("older").len(), 2);
        assert_eq!(std::fs::read(&count).unwrap(), counted(7));
        browser.request(async |session| session.logout()).await;
        assert_eq!(house.peek("older"), None);
        assert_eq!(std::fs::read(&count).unwrap(), counted(6));
    });
}
