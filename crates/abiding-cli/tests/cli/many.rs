//! Sessions that move many at a time, between two stores that can do so: killed at any moment, they come to the same end.

use std::{path::Path, process::Command};

use abiding::{
    Clock as _, SystemClock,
    store::{Question, Survey as _, sample},
};
use abiding_stores::sqlite::{Durability, SqliteOptions, SqliteStore};
use tokio::runtime::Runtime;

use crate::killed::{SESSIONS, make, migrate, number, scratch};

/// `abiding migrate` in `folder`, to another file of the same kind.
fn migrate_many(folder: &Path, what: &str) -> Command {
    let files = migrate(folder, what);
    let mut command = Command::new(files.get_program());
    let other = |argument: &std::ffi::OsStr| match argument.to_str() {
        Some("file:new") => "sqlite:new.db".into(),
        _ => argument.to_owned(),
    };
    command
        .current_dir(folder)
        .args(files.get_args().map(other))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    command
}

#[test]
fn many_that_move_together_and_are_killed_go_on_where_they_stopped() {
    let folder = scratch("many");
    let runtime = Runtime::new().unwrap();
    runtime.block_on(make(&folder));
    let options = SqliteOptions::new(folder.join("new.db")).durability(Durability::Process);
    let there = options.open().unwrap();
    let moved = |store: &SqliteStore| {
        let all = Question::all();
        let survey = store.survey(&all, SystemClock.now());
        usize::try_from(runtime.block_on(survey).unwrap().sessions).unwrap()
    };
    let mut goal = 0;
    for _ in 0..5 {
        // The smallest pages that there are.
        let mut running = migrate_many(&folder, "run")
            .arg("--parallel=1")
            .spawn()
            .unwrap();
        // After so many more, at no particular moment of the next. The command tries out whether the places are two with
        // one of its own, and is not to be killed over that.
        goal = (goal + 2 + usize::from(sample::key().as_bytes()[0] / 2)).min(SESSIONS - 128);
        while moved(&there) < goal {
            std::thread::yield_now();
        }
        running.kill().unwrap();
        running.wait().unwrap();
        goal = moved(&there);
    }
    let answer = migrate_many(&folder, "run").output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let json = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(number(&json, "/tally/seen"), SESSIONS);
    assert_eq!(moved(&there), SESSIONS);

    let answer = migrate_many(&folder, "verify").output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let json = String::from_utf8(answer.stdout).unwrap();
    let counted = ["/seen", "/equal"].map(|name| number(&json, name));
    assert_eq!(counted, [SESSIONS; 2]);
    drop(there);
    std::fs::remove_dir_all(&folder).unwrap();
}
