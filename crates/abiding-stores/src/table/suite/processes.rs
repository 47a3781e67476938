//! Several processes on one table.
//!
//! The children are this test program, started anew with [`child`] as its only test and a role in the
//! environment.

use std::{
    env,
    process::{Child, Command, Stdio},
};

use super::*;

const NAME: &str = "ABIDING_TEST_NAME";
const URL: &str = "ABIDING_TEST_URL";

fn start(name: &str, url: &str) -> Child {
    let (_, here) = module_path!().split_once("::").unwrap();
    let child = format!("{here}::child");
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &child, "--test-threads=1"])
        .env(NAME, name)
        .env(URL, url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child does; in the parent, nothing.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test program reads its own environment"
)]
fn child() {
    let (Ok(name), Ok(url)) = (env::var(NAME), env::var(URL)) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(TestedStore::open(&url).await.unwrap());
        let tasks = ["left", "right"].map(|hand| {
            let (store, name) = (Arc::clone(&store), format!("{name} {hand}"));
            tokio::spawn(async move { share(&store, &name).await })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
}

const SHARED: StoreKey = StoreKey::from_bytes([7; StoreKey::LEN]);
const ROUNDS: usize = 40;

/// Sets keys of its own and counts up a common one, in a session that others change meanwhile.
async fn share(store: &TestedStore, name: &str) {
    for n in 0..ROUNDS {
        let set = set(store, &SHARED, &format!("{name} {n}"), "1")
            .await
            .unwrap();
        assert!(matches!(set, Committed::Yes(_)), "{set:?}");
        let mut count = store.load(&SHARED, NOW).await.unwrap().unwrap();
        loop {
            let before = sample::value(&count.record, "count");
            let before: u32 = before.map_or(0, |count| count.parse().unwrap());
            let change = sample::change(NOW, &[("count", &(before + 1).to_string())], &[]);
            let expect = Expect::Version(count.record.version);
            match store.commit(&SHARED, &change, expect, NOW).await.unwrap() {
                Committed::Yes(_) => break,
                Committed::Stale(found) => count = found,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_three_processes_write_to_one_session_is_all_there() {
    let Some(server) = server() else { return };
    let url = format!(
        "{}?table={}&connections=2",
        server.url(DATABASE),
        fresh_table()
    );
    let store = TestedStore::open(&url).await.unwrap();
    let record = sample::record(NOW, in_seconds(60), &[]);
    store.create(&SHARED, &record, NOW).await.unwrap();
    let children = ["a", "b", "c"].map(|name| start(name, &url));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let found = store.load(&SHARED, NOW).await.unwrap().unwrap();
    let values = sample::values(&found.record);
    assert_eq!(values["count"], (6 * ROUNDS).to_string());
    assert_eq!(values.len(), 1 + 6 * ROUNDS);
}
