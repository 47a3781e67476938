//! A shop with visitors, in a scratch directory: its keys, and its sessions in several stores.
//!
//! | in the directory | is |
//! |---|---|
//! | `session.key` | the keys |
//! | `shop.db` | seven sessions of abiding in SQLite, two of them Ada's, one Bob's, who came yesterday |
//! | `flask.db`, `flask_session` | three sessions of Flask-Session in SQLite and in files, one of them Ada's |
//!
//! It is noon on the twenty-first of November 2026.

use std::{path::Path, time::Duration};

use abiding::{Expiry, FlaskSession, Key, KeyList, Manager, Store, Timestamp};
use abiding_stores::{
    file::FileOptions,
    flask_session::{Cachelib, FlaskStore},
    keys::KeyFile,
    sqlite::SqliteOptions,
};
use abiding_testkit::ManualClock;
use tokio::runtime::Runtime;

const NOON: Timestamp = Timestamp::from_millis(1_795_262_400_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes all of it.
pub(crate) fn make(directory: &Path) {
    let keys = KeyFile::new(directory.join("session.key"));
    let ring = keys.load_or_create().unwrap();
    strange_key(directory);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteOptions::new(directory.join("shop.db"))
            .open()
            .unwrap();
        let (clock, expiry) = (
            ManualClock::new(),
            Expiry::new().idle(3 * DAY).absolute(7 * DAY),
        );
        let manager = Manager::builder(store)
            .keys(ring)
            .clock(clock.clone())
            .expiry(expiry)
            .build()
            .unwrap();
        for (ago, subject) in VISITORS {
            clock.set(NOON.before(ago));
            visit(&manager, subject).await;
        }
        flask(
            &directory.join("flask.db"),
            &directory.join("flask_session"),
            &clock,
        )
        .await;
    });
}

const VISITORS: [(Duration, Option<&str>); 7] = [
    (DAY, Some("bob")),
    (Duration::from_secs(5 * 60 * 60), None),
    (Duration::from_secs(2 * 60 * 60), Some("ada")),
    (Duration::from_secs(40 * 60), None),
    (Duration::from_secs(10 * 60), Some("ada")),
    (Duration::from_secs(3 * 60), None),
    (Duration::from_secs(20), None),
];

async fn visit(manager: &Manager, subject: Option<&str>) {
    let session = manager.open([]);
    session.insert("cart", &[3, 14]).unwrap();
    if let Some(subject) = subject {
        session.insert("name", &subject.to_uppercase()).unwrap();
        session.login(subject).unwrap();
    }
    manager.close(&session, false).await.unwrap();
}

/// As Flask-Session would have written them.
async fn flask(database: &Path, folder: &Path, clock: &ManualClock) {
    let settings = FlaskSession::new();
    let table = FlaskStore::sqlite(SqliteOptions::new(database), &settings).unwrap();
    fill(table, &settings, clock).await;
    let files = FlaskStore::files(FileOptions::new(folder), Cachelib::V0_16, &settings).unwrap();
    fill(files, &settings, clock).await;
}

async fn fill<S: Store>(store: S, settings: &FlaskSession, clock: &ManualClock) {
    let manager = Manager::builder(store)
        .flask_session(settings.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    for (ago, user) in [(60, "7"), (15, "ada"), (1, "9")] {
        clock.set(NOON.before(ago * MINUTE));
        let session = manager.open([]);
        session.insert("_user_id", user).unwrap();
        session.insert("step", &2).unwrap();
        manager.close(&session, false).await.unwrap();
    }
}

/// A key that is not among those of the shop.
fn strange_key(directory: &Path) {
    let list = KeyList::from(Key::generate().unwrap());
    let path = directory.join("strange.key");
    std::fs::write(&path, list.reveal().as_bytes()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
