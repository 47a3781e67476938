//! Processes that are killed while they move sessions from slot to slot.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use abiding::store::Committed;

use super::*;

const URL: &str = "ABIDING_TEST_CLUSTER";
const SESSIONS: usize = 8;

fn of_hex(hex: &str) -> StoreKey {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    StoreKey::from_bytes(std::array::from_fn(byte))
}

/// What a process of [`a_process_that_is_killed_leaves_every_session_whole`] does: moves sessions until it is
/// killed, and says so after each move. In the parent, nothing.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a child is told what to do by its environment"
)]
fn child() {
    let Ok(url) = env::var(URL) else { return };
    run(async {
        let options = RedisOptions::new(url).patience(Duration::from_secs(60));
        let store = std::sync::Arc::new(options.open().await.unwrap());
        let tasks = (0..SESSIONS).map(|session| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                let mut key = put(&*store, &ada("ada of the moves")).await;
                println!("at {session} 0 {}", key.to_hex());
                for moves in 1.. {
                    let (to, change) = (sample::key(), set("moves", &moves.to_string()));
                    let leave = Leave::Alias(at(LIFE));
                    let moved = store.rotate(&key, &to, &change, Expect::Any, leave, at(1));
                    assert!(matches!(moved.await.unwrap(), Committed::Yes(_)));
                    key = to;
                    println!("at {session} {moves} {}", key.to_hex());
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_process_that_is_killed_leaves_every_session_whole() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        let store = store_of(cluster).await;
        let mut between = 0;
        for round in 0..10 {
            let mut child = Command::new(env::current_exe().unwrap())
                .args(["--exact", "cluster::processes::child", "--nocapture"])
                .env(URL, cluster.url())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut told = BufReader::new(child.stdout.take().unwrap());
            let (mut line, mut last) = (String::new(), BTreeMap::new());
            let mut lines = 0;
            while told.read_line(&mut line).unwrap() > 0 {
                if let Some(rest) = line.find("at ").map(|at| &line[at + 3..])
                    && let [session, moves, key] = rest.split_whitespace().collect::<Vec<_>>()[..]
                    && key.len() == 64
                {
                    let (moves, session): (usize, usize) =
                        (moves.parse().unwrap(), session.parse().unwrap());
                    last.insert(session, (moves, of_hex(key)));
                    lines += 1;
                    if lines == 60 + 7 * round {
                        child.kill().unwrap();
                    }
                }
                line.clear();
            }
            child.wait().unwrap();
            assert_eq!(last.len(), SESSIONS);
            for (moves, key) in last.values() {
                let found = store.load(key, at(2)).await.unwrap();
                let found =
                    found.unwrap_or_else(|| panic!("a session is lost after {moves} moves"));
                let values = sample::values(&found.record);
                assert_eq!(values["a"], "1");
                let moved = values
                    .get("moves")
                    .map_or(0, |moves| moves.parse().unwrap());
                // The move that was under way has happened, as a whole, or it has not.
                assert_eq!(moved, moves + usize::from(found.key != *key));
                between += usize::from(found.key != *key);
            }
            let ended = store
                .end_subject(&sample::subject("ada of the moves"), None, at(2))
                .await
                .unwrap();
            assert_eq!(ended, SESSIONS, "every session is listed, and once");
        }
        assert!(
            between > 0,
            "no process was killed in the middle of anything"
        );
    });
}
