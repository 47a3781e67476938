//! A migration whose disk is full: it says so, loses nothing, and goes on when there is room.

use std::{fs, process::Command};

use tokio::runtime::Runtime;

use crate::killed::{SESSIONS, migrate, moved, number, scratch};

/// What a file may hold, in blocks of 512 bytes: enough to begin, and too little for all.
const BLOCKS: usize = 200;

#[test]
fn a_migration_whose_disk_is_full_goes_on_when_there_is_room() {
    let folder = scratch("full");
    Runtime::new()
        .unwrap()
        .block_on(crate::killed::make(&folder));
    let run = migrate(&folder, "run");
    // The limit of a process stands in for a disk: a write past it fails in the middle of the file.
    let mut limited = Command::new("sh");
    limited
        .current_dir(&folder)
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$@\""),
        ])
        .arg("sh")
        .arg(run.get_program())
        .args(run.get_args());
    let stopped = limited.output().unwrap();
    assert_eq!(stopped.status.code(), Some(3), "{stopped:?}");
    let told = String::from_utf8(stopped.stderr).unwrap();
    assert!(told.contains("could not be read or written"), "{told}");
    let so_far = moved(&folder);
    assert!(0 < so_far && so_far < SESSIONS, "{so_far} of {SESSIONS}");

    let answer = migrate(&folder, "run").output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let answer = migrate(&folder, "verify").output().unwrap();
    let json = String::from_utf8(answer.stdout).unwrap();
    let counted = ["/seen", "/equal"].map(|name| number(&json, name));
    assert_eq!(counted, [SESSIONS; 2]);
    fs::remove_dir_all(&folder).unwrap();
}
