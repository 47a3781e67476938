//! Several processes on one file, and processes that are killed.
//!
//! The children are this test program, started anew with [`child`] as its only test and a role in the
//! environment.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use super::*;

const ROLE: &str = "ABIDING_TEST_ROLE";
const FILE: &str = "ABIDING_TEST_FILE";

fn start(role: &str, path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "sqlite::tests::processes::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, role)
        .env(FILE, path)
        .stdout(Stdio::piped())
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
    let (Ok(role), Some(path)) = (env::var(ROLE), env::var_os(FILE)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let store = Arc::new(quick(Path::new(&path)));
    runtime.block_on(async {
        match role.split_once(' ').unwrap() {
            ("share", name) => share(&store, name).await,
            ("write", _) => write_until_killed(store).await,
            _ => panic!("no such role: {role}"),
        }
    });
}

/// The session of task `n` in every process.
fn numbered(n: u8) -> StoreKey {
    StoreKey::from_bytes([n; StoreKey::LEN])
}

const SHARED: u32 = 150;

/// Sets keys of its own and counts up a common one, in a session that others change meanwhile.
async fn share(store: &SqliteStore, name: &str) {
    for n in 0..SHARED {
        assert!(matches!(
            set(store, &numbered(0), &format!("{name}{n}"), "1")
                .await
                .unwrap(),
            Committed::Yes(_)
        ));
        loop {
            let found = store.load(&numbered(0), NOW).await.unwrap().unwrap().record;
            let count: u32 =
                sample::value(&found, "count").map_or(0, |count| count.parse().unwrap());
            let change = sample::change(NOW, &[("count", &(count + 1).to_string())], &[]);
            let expect = Expect::Version(found.version);
            match store
                .commit(&numbered(0), &change, expect, NOW)
                .await
                .unwrap()
            {
                Committed::Yes(_) => break,
                Committed::Stale(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_three_processes_write_to_one_session_is_all_there() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = quick(&path);
    store
        .create(&numbered(0), &sample::record(NOW, in_seconds(60), &[]), NOW)
        .await
        .unwrap();
    let children = ["a", "b", "c"].map(|name| start(&format!("share {name}"), &path));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let values = sample::values(&store.load(&numbered(0), NOW).await.unwrap().unwrap().record);
    assert_eq!(values["count"], (3 * SHARED).to_string());
    assert_eq!(values.len(), 1 + 3 * SHARED as usize);
}

const TASKS: u8 = 4;

/// Writes ever higher numbers into a session for each task, and tells each once it is acknowledged.
async fn write_until_killed(store: Arc<SqliteStore>) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let record = sample::record(NOW, in_seconds(60), &[("n", "0")]);
                store.create(&numbered(task), &record, NOW).await.unwrap();
                for n in number(&store, task).await + 1.. {
                    let value = n.to_string();
                    assert!(matches!(
                        set(&store, &numbered(task), "n", &value).await.unwrap(),
                        Committed::Yes(_)
                    ));
                    std::io::stdout()
                        .write_all(format!("{task} {n}\n").as_bytes())
                        .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// What the last round left.
async fn number(store: &SqliteStore, task: u8) -> u64 {
    let found = store.load(&numbered(task), NOW).await.unwrap();
    found.map_or(0, |found| {
        sample::value(&found.record, "n").unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let mut acknowledged = [0_u64; TASKS as usize];
    for round in 0..24 {
        let mut child = start("write -", &path);
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        // At no particular moment: after so many acknowledged writes, and the disk is busy with more.
        let moment = 1 + usize::from(sample::key().as_bytes()[0]) * (1 + round % 4);
        let mut read = 0;
        while read < moment {
            read += usize::from(note(&lines.next().unwrap(), &mut acknowledged));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            note(&line, &mut acknowledged);
        }

        let conn = Connection::open(&path).unwrap();
        let verdict: String = conn
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .unwrap();
        assert_eq!(verdict, "ok");
        let store = quick(&path);
        for task in 0..TASKS {
            let (kept, acknowledged) = (
                number(&store, task).await,
                &mut acknowledged[usize::from(task)],
            );
            // One more may have been on its way.
            assert!(
                (*acknowledged..=*acknowledged + 1).contains(&kept),
                "{kept} after {acknowledged}"
            );
            *acknowledged = kept;
        }
    }
    assert!(
        acknowledged.iter().all(|&n| n > 100),
        "the children hardly wrote anything: {acknowledged:?}"
    );
}

/// Whether `line` is an acknowledgement, which is entered; the test harness writes lines of its own, and begins the first
/// one of ours.
fn note(line: &str, acknowledged: &mut [u64]) -> bool {
    let mut words = line.rsplit(' ').map(str::parse);
    let numbers = match (words.next(), words.next()) {
        (Some(Ok(n)), Some(Ok(task))) => Some((task as usize, n)),
        _ => None,
    };
    if let Some((task, n)) = numbers {
        acknowledged[task] = n;
    }
    numbers.is_some()
}
