//! A migration that is killed at any moment goes on where it stopped, and comes to the same end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use abiding::{Manager, SystemClock, store::sample};
use abiding_stores::{keys::KeyFile, sqlite::SqliteOptions};
use tokio::runtime::Runtime;

pub(crate) const SESSIONS: usize = 800;

pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("abiding-cli-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// `abiding migrate` in `folder`.
pub(crate) fn migrate(folder: &Path, what: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abiding"));
    command
        .current_dir(folder)
        .args([
            "migrate",
            what,
            "--from",
            "sqlite:old.db",
            "--to",
            "file:new",
        ])
        .args(["--keys", "file:session.key", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The number behind a name in what was answered.
pub(crate) fn number(json: &str, name: &str) -> usize {
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    let number = answer.pointer(name).and_then(serde_json::Value::as_u64);
    usize::try_from(number.unwrap()).unwrap()
}

/// Makes so many sessions, and answers their cookies.
pub(crate) async fn make(folder: &Path) -> Vec<String> {
    let ring = KeyFile::new(folder.join("session.key"))
        .load_or_create()
        .unwrap();
    let store = SqliteOptions::new(folder.join("old.db"));
    let store = store
        .durability(abiding_stores::sqlite::Durability::Process)
        .open()
        .unwrap();
    let manager = Manager::builder(store)
        .keys(ring)
        .clock(SystemClock)
        .build()
        .unwrap();
    let mut cookies = vec![];
    for n in 0..SESSIONS {
        let session = manager.open([]);
        session.insert("n", &n).unwrap();
        let closing = manager.close(&session, false).await.unwrap();
        let cookie = closing.set_cookie.unwrap();
        cookies.push(cookie.split(';').next().unwrap().to_owned());
    }
    cookies
}

#[test]
fn a_migration_that_is_killed_goes_on_where_it_stopped() {
    let folder = scratch("killed");
    Runtime::new().unwrap().block_on(make(&folder));
    let (mut kills, mut left) = (0, SESSIONS);
    while kills < 5 {
        let mut running = migrate(&folder, "run").arg("--parallel=4").spawn().unwrap();
        // After so many more, at no particular moment of the next.
        let some = 1 + usize::from(sample::key().as_bytes()[0] / 4);
        let goal = left.saturating_sub(some).max(1);
        while moved(&folder) < SESSIONS - goal {
            std::thread::yield_now();
        }
        running.kill().unwrap();
        running.wait().unwrap();
        left = SESSIONS - moved(&folder);
        kills += 1;
    }
    let answer = migrate(&folder, "run").output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let json = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(number(&json, "/tally/seen"), SESSIONS);

    let answer = migrate(&folder, "verify").output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let json = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(
        (number(&json, "/seen"), number(&json, "/equal")),
        (SESSIONS, SESSIONS)
    );
    fs::remove_dir_all(&folder).unwrap();
}

/// How many sessions lie in the new folder.
pub(crate) fn moved(folder: &Path) -> usize {
    let shards = fs::read_dir(folder.join("new/rows"));
    let rows = |shard: fs::DirEntry| fs::read_dir(shard.path()).map_or(0, Iterator::count);
    shards.map_or(0, |shards| shards.flatten().map(rows).sum())
}
