//! A migration while visitors go on, and it and the servers are killed: it comes to the same end, there and back.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use abiding::{Manager, Phase};
use abiding_stores::keys::KeyFile;
use abiding_testkit::{
    crossing::End,
    rolling::{self, Node, Plan, Rolling},
};
use abiding_tower::{Failure, Session, SessionLayer};
use axum::{Router, http::Uri};
use tokio::{net::TcpListener, runtime::Runtime, task::spawn_blocking};

use crate::killed::{SESSIONS, make, number, scratch};

/// What each node does; in the parent, nothing.
#[test]
fn node_under_a_migration() {
    if let Some(node) = Node::of_environment() {
        Runtime::new().unwrap().block_on(serve(node));
    }
}

async fn serve(node: Node) {
    let other = node.primary().other();
    let elsewhere = match node.phase() {
        None => None,
        Some(phase) => Some((place(&node, other, None).await, phase)),
    };
    let manager = place(&node, node.primary(), elsewhere).await;
    let page = async |session: Session, uri: Uri| {
        let answer = rolling::answer(&session, uri.path()).await;
        answer.map_err(Failure::from)
    };
    let pages = Router::new()
        .fallback(page)
        .layer(SessionLayer::new(manager.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    node.serves_at(listener.local_addr().unwrap());
    let node = Arc::new(node);
    let told = Arc::clone(&node);
    let stop = async move { spawn_blocking(move || told.wait(|| {})).await.unwrap() };
    // Those under way are answered first.
    let served = axum::serve(listener, pages).with_graceful_shutdown(stop);
    served.await.unwrap();
    node.has_ended(manager.crossings());
}

/// One of the two places in the folder, by the keys of the command.
async fn place(node: &Node, end: End, elsewhere: Option<(Manager, Phase)>) -> Manager {
    let folder = node.place(end);
    let url = url(end, folder);
    let store = abiding_stores::open(&url).await.unwrap();
    let keys = KeyFile::new(format!("{folder}/session.key")).load_or_create();
    let builder = Manager::builder(store).keys(keys.unwrap());
    match elsewhere {
        Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

/// No test cuts the power, and to flush a disk takes its time.
fn url(end: End, folder: &str) -> String {
    let (scheme, name) = match end {
        End::New => ("file", "new"),
        End::Old => ("sqlite", "old.db"),
    };
    format!("{scheme}://{folder}/{name}?durability=process")
}

/// `abiding migrate` from the one to the other.
fn migrate(folder: &Path, what: &str, journal: &str) -> Command {
    let place = folder.display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_abiding"));
    command
        .current_dir(folder)
        .args(["migrate", what, "--keys", "file:session.key", "--json"])
        .args(["--from", &url(End::Old, &place)])
        .args(["--to", &url(End::New, &place)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if what != "verify" {
        command.args(["--parallel=4", "--journal", journal]);
    }
    command
}

#[test]
fn servers_and_a_migration_are_killed_and_everybody_arrives_there_and_back() {
    let folder = scratch("under-traffic");
    let runtime = Runtime::new().unwrap();
    let cookies = runtime.block_on(make(&folder));
    let place = folder.display().to_string();
    let mut plan = Plan::short();
    plan.visitors = 4;
    // The command goes by the system's.
    plan.moves_clocks = false;
    let mut kills = 0;
    let tally = Rolling::new("under_traffic::node_under_a_migration", &place, &place)
        .run_while(&plan, &mut |phases, fell| match phases {
            [
                (End::New, Some(Phase::Mirror)),
                (End::New, Some(Phase::Move)),
            ] => {
                kills += killing(&folder, "run", "there.json", fell);
                let answer = migrate(&folder, "verify", "").output().unwrap();
                assert!(answer.status.success(), "{answer:?}");
                let json = String::from_utf8(answer.stdout).unwrap();
                assert_eq!(
                    number(&json, "/not_moved") + number(&json, "/unreadable"),
                    0
                );
                assert!(number(&json, "/equal") >= SESSIONS, "{json}");
            }
            [
                (End::Old, Some(Phase::Mirror)),
                (End::Old, Some(Phase::Move)),
            ] => {
                kills += killing(&folder, "rollback", "back.json", fell);
            }
            _ => {}
        })
        .unwrap_or_else(|broken| panic!("{broken}"));
    assert!(tally.kills > kills && kills > 0, "{tally:?}");
    // Nobody had used these, and the place that they are in again is all that this one knows.
    let found = runtime.block_on(async {
        let store = abiding_stores::open(&url(End::Old, &place)).await;
        let keys = KeyFile::new(folder.join("session.key")).load_or_create();
        let manager = Manager::builder(store.unwrap()).keys(keys.unwrap());
        let manager = manager.build().unwrap();
        let mut found = vec![];
        for cookie in &cookies {
            let session = manager.open([cookie.as_bytes()]);
            found.push(session.get::<usize>("n").await.unwrap());
        }
        found
    });
    assert!(found.into_iter().eq((0..SESSIONS).map(Some)));
    fs::remove_dir_all(&folder).unwrap();
}

/// Kills it again and again, and a server each time while it runs; then it runs to its end. Answers how many servers fell.
fn killing(folder: &Path, what: &str, journal: &str, fell: &mut dyn FnMut(usize)) -> usize {
    for kill in 0..KILLS {
        let mut run = migrate(folder, what, journal);
        run.arg("--rate=1000").stderr(Stdio::piped());
        let mut running = run.spawn().unwrap();
        // It tries out whether the places are two with a session of its own, and is not to be killed over that.
        let mut talk = BufReader::new(running.stderr.take().unwrap());
        talk.read_line(&mut String::new()).unwrap();
        // By the time that the server is there again it has moved some, at no particular moment of the next.
        fell(kill % 2);
        running.kill().unwrap();
        let ended = running.wait().unwrap();
        assert!(!ended.success(), "it was over before it could be killed");
    }
    let answer = migrate(folder, what, journal).output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let json = String::from_utf8(answer.stdout).unwrap();
    assert!(number(&json, "/tally/seen") >= SESSIONS, "{json}");
    KILLS
}

const KILLS: usize = 3;
