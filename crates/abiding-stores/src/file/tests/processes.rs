//! Several processes in one folder, processes that are killed, and a disk that is full.
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
const CHILD: [&str; 4] = [
    "--exact",
    "file::tests::processes::child",
    "--nocapture",
    "--test-threads=1",
];

fn start(role: &str, path: &Path) -> Child {
    start_by(
        Command::new(env::current_exe().unwrap()).args(CHILD),
        role,
        path,
    )
}

fn start_by(command: &mut Command, role: &str, path: &Path) -> Child {
    let command = command.env(ROLE, role).env(FILE, path);
    command.stdout(Stdio::piped()).spawn().unwrap()
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
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let store = Arc::new(quick(Path::new(&path)));
    runtime.block_on(async {
        match role.split_once(' ').unwrap() {
            ("share", name) => share(&store, name).await,
            ("move", _) => move_until_killed(store).await,
            ("fill", _) => fill(&store).await,
            _ => panic!("no such role: {role}"),
        }
    });
}

/// The session of task `n` in every process.
fn numbered(n: u8) -> StoreKey {
    StoreKey::from_bytes([n; StoreKey::LEN])
}

const SHARED: u32 = 120;

/// Sets keys of its own and counts up a common one, in a session that others change meanwhile; and begins
/// and ends sessions of a common subject, and sweeps.
async fn share(store: &FileStore, name: &str) {
    for n in 0..SHARED {
        let written = set(store, &numbered(0), &format!("{name}{n}"), "1").await;
        assert!(matches!(written.unwrap(), Committed::Yes(_)));
        loop {
            let found = store.load(&numbered(0), NOW).await.unwrap().unwrap().record;
            let count = sample::value(&found, "count");
            let count: u32 = count.map_or(0, |count| count.parse().unwrap());
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
        let record = sample::record_of("ada", NOW, in_seconds(10), &[]);
        store.create(&sample::key(), &record, NOW).await.unwrap();
        if n % 10 == 0 {
            store
                .end_subject(&sample::subject("ada"), None, NOW)
                .await
                .unwrap();
            store.sweep(in_seconds(10), 20).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_three_processes_write_to_one_session_is_all_there() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let store = quick(&path);
    let record = sample::record(NOW, in_seconds(60), &[]);
    store.create(&numbered(0), &record, NOW).await.unwrap();
    let children = ["a", "b", "c"].map(|name| start(&format!("share {name}"), &path));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let values = sample::values(&store.load(&numbered(0), NOW).await.unwrap().unwrap().record);
    assert_eq!(values["count"], (3 * SHARED).to_string());
    assert_eq!(values.len(), 1 + 3 * SHARED as usize);
    let ada = sample::subject("ada");
    let left = store.of_subject(&ada, NOW).await.unwrap().len();
    assert_eq!(store.end_subject(&ada, None, NOW).await.unwrap(), left);
    assert_eq!(store.scan(None, 10, NOW).await.unwrap().len(), 1);
    assert_eq!(
        store.sweep(in_seconds(10), 1_000).await.unwrap(),
        Swept::new(0, false)
    );
}

const TASKS: u8 = 4;

/// For each task: writes ever higher numbers into a session that moves from key to key, and begins and
/// ends others; tells of each when it is acknowledged.
async fn move_until_killed(store: Arc<FileStore>) {
    let tell = |line: String| std::io::stdout().write_all(line.as_bytes()).unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut key = sample::key();
                let name = task.to_string();
                let record = sample::record_of(&name, NOW, in_seconds(60), &[("n", "0")]);
                store.create(&key, &record, NOW).await.unwrap();
                tell(format!("at {task} {} 0\n", key.to_hex()));
                for n in 1_u32.. {
                    let (to, number) = (sample::key(), n.to_string());
                    let change = sample::change(NOW, &[("n", &number)], &[]);
                    let leave = if n % 2 == 0 {
                        Leave::Alias(in_seconds(30))
                    } else {
                        Leave::Snapshot(in_seconds(30))
                    };
                    // Before: whichever of the two keys it is under when this process is killed.
                    tell(format!("to {task} {}\n", to.to_hex()));
                    let rotated = store.rotate(&key, &to, &change, Expect::Any, leave, NOW);
                    assert!(matches!(rotated.await.unwrap(), Committed::Yes(_)));
                    tell(format!("at {task} {} {n}\n", to.to_hex()));
                    key = to;
                    let other = sample::key();
                    store.create(&other, &record, NOW).await.unwrap();
                    let farewell = (n % 3 == 0).then(|| sample::farewell(NOW));
                    let deleted = store.delete(&other, farewell.as_ref(), NOW).await;
                    assert_eq!(deleted.unwrap(), Deleted::Yes);
                    tell(format!("ended {task} {}\n", other.to_hex()));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// What a child told of one task.
#[derive(Default)]
struct Told {
    /// Where the session was, and the number in it, when that was acknowledged last.
    at: Option<(StoreKey, u32)>,
    /// Where it was going.
    to: Option<StoreKey>,
    ended: Vec<StoreKey>,
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_ended_returns_when_processes_are_killed() {
    let scratch = Scratch::new();
    let (mut moves, mut ends) = (0, 0);
    for round in 0..24 {
        let path = scratch.file(&format!("s{round}"));
        let mut child = start("move -", &path);
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(|line| line.unwrap());
        let mut told: [Told; TASKS as usize] = Default::default();
        // At no particular moment: after so many lines, and the disk is busy with more.
        let moment = 5 + usize::from(sample::key().as_bytes()[0]) * (1 + round % 4);
        lines
            .by_ref()
            .take(moment)
            .for_each(|line| note(&line, &mut told));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(|line| note(&line, &mut told));

        let store = quick(&path);
        let mut living = 0;
        for (task, told) in told.iter().enumerate() {
            let Some((key, acknowledged)) = told.at else {
                continue;
            };
            let mut keys = vec![key];
            keys.extend(told.to.filter(|to| *to != key));
            let mut sessions = Vec::new();
            for key in keys {
                let found = store.load(&key, NOW).await.unwrap();
                sessions.extend(found.filter(|found| !found.frozen));
            }
            sessions.dedup();
            assert_eq!(
                sessions.len(),
                1,
                "task {task} lost its session, or has two"
            );
            let number = sample::value(&sessions[0].record, "n")
                .unwrap()
                .parse::<u32>()
                .unwrap();
            // One more may have been on its way.
            assert!(
                (acknowledged..=acknowledged + 1).contains(&number),
                "{number} after {acknowledged}"
            );
            // Whoever comes with it can go on.
            assert!(matches!(
                set(&store, &key, "a", "1").await.unwrap(),
                Committed::Yes(_) | Committed::Gone
            ));
            assert!(matches!(
                set(&store, &sessions[0].key, "a", "1").await,
                Ok(Committed::Yes(_))
            ));
            for ended in &told.ended {
                let left = store.load(ended, NOW).await.unwrap();
                assert!(left.is_none_or(|left| left.frozen && sample::is_farewell(&left.record)));
            }
            let listed = store
                .of_subject(&sample::subject(&task.to_string()), NOW)
                .await
                .unwrap();
            // One that was just begun may not have been ended yet.
            assert!((1..=2).contains(&listed.len()), "{listed:?}");
            living += listed.len();
            moves += acknowledged;
            ends += told.ended.len();
        }
        let all = store.scan(None, 1_000, NOW).await.unwrap().len();
        assert!(
            (living..=living + usize::from(TASKS)).contains(&all),
            "{all} are {living}"
        );
        while store.sweep(in_seconds(60), 1_000).await.unwrap().more {}
        assert_eq!(store.scan(None, 10, NOW).await.unwrap().len(), 0);
    }
    assert!(
        moves > 500 && ends > 500,
        "the children hardly did anything: {moves} moves, {ends} ends"
    );
}

fn note(line: &str, told: &mut [Told]) {
    // The test harness writes lines of its own.
    let words: Vec<_> = line.split(' ').collect();
    let key = |digits: &str| folder::key(digits).unwrap();
    let of = |task: &str| task.parse::<usize>().unwrap();
    match *words {
        ["at", task, digits, number] => {
            told[of(task)].at = Some((key(digits), number.parse().unwrap()));
        }
        ["to", task, digits] => told[of(task)].to = Some(key(digits)),
        ["ended", task, digits] => told[of(task)].ended.push(key(digits)),
        _ => {}
    }
}

/// Under a limit for the size of files, which is what a full disk is to whoever writes.
async fn fill(store: &FileStore) {
    let key = begin(store, in_seconds(60)).await;
    let signed_in = sample::key();
    let record = sample::record_of("ada", NOW, in_seconds(60), &[("a", "1")]);
    store.create(&signed_in, &record, NOW).await.unwrap();
    let large = "x".repeat(40_000);
    let change = sample::change(NOW, &[("large", &large)], &[]);
    let (to, leave) = (sample::key(), Leave::Alias(in_seconds(30)));
    let huge = sample::record(NOW, in_seconds(60), &[("large", &large)]);
    let before = store.load(&key, NOW).await.unwrap();
    let results = [
        store.create(&to, &huge, NOW).await.map(drop),
        store
            .commit(&key, &change, Expect::Any, NOW)
            .await
            .map(drop),
        store
            .rotate(&key, &to, &change, Expect::Any, leave, NOW)
            .await
            .map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().contains("is full; free some space"),
            "{error}"
        );
    }
    assert_eq!(store.load(&key, NOW).await.unwrap(), before);
    assert_eq!(store.load(&to, NOW).await.unwrap(), None);
    let rest = store.folder.new_file(stripe(&key));
    assert!(!rest.exists(), "what did not fit takes room");
    // The same keys still work once there is room, and ending needs none.
    assert!(matches!(
        set(store, &key, "b", "2").await,
        Ok(Committed::Yes(_))
    ));
    rotate(store, &key, leave).await;
    assert_eq!(store.delete(&key, None, NOW).await.unwrap(), Deleted::Yes);
    assert_eq!(
        store
            .end_subject(&sample::subject("ada"), None, NOW)
            .await
            .unwrap(),
        1
    );
    std::io::stdout().write_all(b"was full\n").unwrap();
}

#[test]
fn a_full_disk_gives_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    // In blocks of 512 bytes: 16 KiB for any one file. The signal for it is turned into an error.
    let limited = r#"trap "" XFSZ; ulimit -f 32; exec "$0" "$@""#;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", limited])
        .arg(env::current_exe().unwrap())
        .args(CHILD);
    let child = start_by(&mut shell, "fill -", &scratch.file("s"));
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("was full"),
        "{told}"
    );
}
