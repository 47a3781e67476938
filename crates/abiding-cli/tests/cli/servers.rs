//! The command against real servers: every store there is, in a place of its own.

use std::{
    fs,
    process::{Command, Output},
};

use abiding::{Ending, Key, KeyList, Manager, Standing};
use abiding_stores::keys::KeyFile;
use abiding_testkit::servers::{
    Folder, places::PLACES, postgres::PostgresServer, redis::RedisServer,
};
use tokio::runtime::Runtime;

/// The binary with these arguments, and the URL in a variable.
fn abiding(url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_abiding"))
        .args(arguments)
        .env("STORE", url)
        .output()
        .unwrap();
    let told = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    assert!(!told.contains("panicked"), "{arguments:?}: {told}");
    (status.code(), told)
}

async fn manager(url: &str, keys: &KeyFile) -> Manager {
    let store = abiding_stores::open(url).await.unwrap();
    let keys = keys.load().unwrap();
    Manager::builder(store).keys(keys).build().unwrap()
}

/// Three sessions, one of them Ada's, whose cookie is the answer.
async fn fill(url: &str, keys: &KeyFile) -> String {
    let (manager, mut cookie) = (manager(url, keys).await, String::new());
    for subject in [None, Some("ada"), None] {
        let session = manager.open([]);
        session.insert("step", &2).unwrap();
        if let Some(subject) = subject {
            session.login(subject).unwrap();
        }
        let closing = manager.close(&session, false).await.unwrap();
        if subject.is_some() {
            let header = closing.set_cookie.unwrap();
            cookie = header.split(';').next().unwrap().to_owned();
        }
    }
    cookie
}

/// What the application says to whoever brings this cookie.
async fn answer(url: &str, keys: &KeyFile, cookie: &str) -> Standing {
    let session = manager(url, keys).await.open([cookie.as_bytes()]);
    session.standing().await.unwrap()
}

#[test]
fn sessions_are_seen_and_ended_in_every_store() {
    let folder = Folder::new("cli");
    let keys = KeyFile::new(folder.file("session.key"));
    keys.load_or_create().unwrap();
    let source = format!("file:{}", keys.path().display());
    let runtime = Runtime::new().unwrap();
    for place in PLACES {
        let Some(standing) = place.begin() else {
            continue;
        };
        let url = standing.url();
        let (code, told) = abiding(&url, &["store", "init", "env:STORE"]);
        assert_eq!(code, Some(0), "{place:?}: {told}");
        let (code, told) = abiding(&url, &["store", "check", "env:STORE"]);
        assert!(code.is_some_and(|code| code < 2), "{place:?}: {told}");
        let cookie = runtime.block_on(fill(&url, &keys));

        let of_ada = [
            "sessions",
            "list",
            "env:STORE",
            "--subject",
            "ada",
            "--keys",
            &source,
            "--json",
        ];
        let (code, told) = abiding(&url, &of_ada);
        assert!(
            code == Some(0) && told.lines().count() == 1 && told.contains(r#""subject":"ada""#),
            "{place:?}: {told}"
        );
        let (code, told) = abiding(&url, &["sessions", "count", "env:STORE"]);
        let walks = place.store() != "memcached";
        let expected = if walks {
            (Some(0), "3\n")
        } else {
            (Some(5), "")
        };
        assert!(
            code == expected.0 && told.starts_with(expected.1),
            "{place:?}: {told}"
        );
        let (code, told) = abiding(&url, &["sessions", "sweep", "env:STORE"]);
        assert_eq!(code, Some(0), "{place:?}: {told}");

        let revoke = [
            "sessions",
            "revoke",
            "env:STORE",
            "--subject",
            "ada",
            "--keys",
            &source,
        ];
        assert_eq!(abiding(&url, &revoke).0, Some(1), "{place:?}");
        let (code, told) = abiding(&url, &[&revoke[..], &["--yes"]].concat());
        assert!(
            code == Some(0) && told.contains("ended 1 of 1"),
            "{place:?}: {told}"
        );
        let told = runtime.block_on(answer(&url, &keys, &cookie));
        assert!(
            matches!(told, Standing::Ended(Ending::Revoked)),
            "{place:?}: {told:?}"
        );
        if walks {
            assert_eq!(
                abiding(&url, &["sessions", "count", "env:STORE"]).1,
                "2\n",
                "{place:?}"
            );
        }
    }
}

#[test]
fn every_promise_is_tried_on_a_server_and_nothing_is_left_behind() {
    let runtime = Runtime::new().unwrap();
    for (name, option) in TRIED {
        let place = PLACES.iter().find(|place| place.name == name).unwrap();
        let Some(standing) = place.begin() else {
            continue;
        };
        let mut url = standing.url();
        if !option.is_empty() {
            url += if url.contains('?') { "&" } else { "?" };
            url += option;
        }
        runtime
            .block_on(async { abiding_stores::open(&url).await.map(drop) })
            .unwrap();
        let (code, told) = abiding(&url, &["verify-store", "env:STORE"]);
        assert_eq!(code, Some(0), "{place:?}: {told}");
        assert!(
            told.contains(" promises kept, 0 broken"),
            "{place:?}: {told}"
        );
        assert!(!told.contains("could not be removed"), "{place:?}: {told}");
    }
}

/// One of each kind, and what makes it sooner done: promises hold without a flush for each write. Files take
/// their time all the same, and are left to the tests of the stores.
const TRIED: [(&str, &str); 5] = [
    ("memcached", ""),
    ("mysql", ""),
    ("postgres", "durability=lazy"),
    ("redis, nothing on disk", ""),
    ("sqlite", "durability=process"),
];

/// As Flask-Session 0.5 wrote them; nothing that one of them asks for is done.
#[test]
fn a_pickle_that_wants_to_run_something_stays_and_runs_nothing() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let folder = Folder::new("cli-pickles");
    let done = folder.file("done");
    let gadget = format!("cposix\nsystem\n(S'touch {}'\ntR.", done.display());
    let harmless = "(dp0\nV_user_id\np1\nVada\np2\ns.";
    for (name, pickle) in [("gadget", &*gadget), ("harmless", harmless)] {
        let name = format!("session:{}", name.repeat(6));
        server.command(&["SET", &name, pickle, "EX", "3600"]);
    }
    fs::write(folder.file("secret"), "a secret of some length 7d5c0f").unwrap();
    let named = |scheme: &str, name: &str| format!("{scheme}{}", folder.file(name).display());
    let (secret, to) = (named("file:", "secret"), named("sqlite:", "new.db"));
    let journal = named("", "journal.json");
    let mut run = vec!["migrate", "run", "--from", "env:STORE", "--to", &to];
    run.extend(["--from-layout", "flask-session-0.5", "--secret", &secret]);
    run.extend(["--journal", &journal, "--json"]);
    let (code, told) = abiding(&server.url(), &run);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(r#""seen":2,"moved":1,"#), "{told}");
    assert!(told.contains(r#""unreadable":1"#), "{told}");
    assert!(!done.exists(), "a pickle was obeyed");
}

#[test]
fn a_target_that_gives_no_right_is_refused_before_anything_moves() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let folder = Folder::new("cli-rights");
    let keys = KeyFile::new(folder.file("session.key"));
    keys.load_or_create().unwrap();
    let old = format!("sqlite:{}", folder.file("old.db").display());
    Runtime::new().unwrap().block_on(fill(&old, &keys));
    server.sql("postgres", "CREATE ROLE guest LOGIN");
    let guest = format!("postgres://guest@{}/postgres", server.address());
    let keys = format!("file:{}", keys.path().display());
    let journal = folder.file("journal.json");
    let name = journal.display().to_string();
    let run = ["migrate", "run", "--from", &old, "--to", "env:STORE"];
    let (code, told) = abiding(
        &guest,
        &[&run[..], &["--keys", &keys, "--journal", &name]].concat(),
    );
    assert_eq!(code, Some(3), "{told}");
    let remedy = "denies this role the right: let the owner";
    assert!(told.contains(remedy) && !journal.exists(), "{told}");
}

/// While it runs, everybody may read its arguments.
#[test]
#[cfg(target_os = "linux")]
fn secrets_are_in_no_list_of_processes() {
    use std::{
        io::{Read as _, Write as _},
        process::Stdio,
    };

    let folder = Folder::new("cli-secrets");
    let key = Key::generate().unwrap();
    let secret = key.reveal().to_string();
    fs::write(folder.file("key"), KeyList::from(key).reveal().as_bytes()).unwrap();
    fs::set_permissions(
        folder.file("key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let mut running = Command::new(env!("CARGO_BIN_EXE_abiding"))
        .args(["cookie", "verify", "--keys"])
        .arg(format!("file:{}", folder.file("key").display()))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let cookie = "eyJhIjoxfQ.aYE6gA.G0JUxFCIG4QRWc_Z6mOBIrEPtac";
    // As much as it reads before it answers, and then its first words: from there on it is surely running.
    let lines = format!("{cookie}\n").repeat((1 << 20) / cookie.len());
    stdin.write_all(lines.as_bytes()).unwrap();
    let mut first = [0; 4];
    running
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    assert_eq!(&first, b"line");
    let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", running.id())).unwrap();
    let shown = of("cmdline") + &of("environ");
    assert!(shown.contains("verify"), "{shown}");
    assert!(
        !shown.contains(&secret) && !shown.contains(cookie),
        "a secret is shown"
    );
    drop(stdin);
    let told = running.wait_with_output().unwrap();
    assert!(!String::from_utf8(told.stdout).unwrap().contains(&secret));
}
