//! What a test needs of the machine: where it is missing, the test says so and passes, unless it is told that nothing may be skipped.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Whether it is there. If not, says what to do, or fails if `ABIDING_REQUIRE` names it.
pub(crate) fn is_there(name: &str, is_there: bool, remedy: &str) -> bool {
    if !is_there {
        assert!(
            !is_required(name),
            "{remedy}: ABIDING_REQUIRE says that {name} is not skipped"
        );
        // Not `eprintln!`: the test runner keeps that from the eyes of whoever runs a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {remedy}");
    }
    is_there
}

/// Whether a program can be started at all.
pub(crate) fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    let silent = command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    silent.status().is_ok()
}

#[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
fn is_required(name: &str) -> bool {
    std::env::var("ABIDING_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|required| required.trim() == name))
}
