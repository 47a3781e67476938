//! `cargo xtask matrix`: sessions move between every ordered pair of places, at length; writes `docs/matrix.md`.
//! `http` asks for the form over HTTP alone, a number for the one in one process with so many histories for each pair; a second
//! argument says how the names of the places begin that are left. Other rows stay. The shorter forms are among the tests that `cargo xtask test` runs.

use crate::{
    programs::{self, SERVERS},
    step::{Outcome, Step},
    test::REQUIRED,
};

/// As many as make two hundred visitors.
const HISTORIES: &str = "67";

pub(crate) fn run(picked: &[String]) -> Outcome {
    programs::ensure(SERVERS)?;
    let from = picked.get(1).map_or("", String::as_str);
    let tests = Step::cargo(&[
        "test",
        "--package",
        "abiding-stores",
        "--features",
        "full",
        "--test",
        "matrix",
        "--",
        "sessions_move",
        "--nocapture",
        "--test-threads=1",
    ]);
    let tests = tests
        .env("ABIDING_REQUIRE", REQUIRED)
        .env("ABIDING_MATRIX_FROM", from);
    match picked.first().map(String::as_str) {
        None => tests
            .env("ABIDING_MATRIX", HISTORIES)
            .env("ABIDING_MATRIX_HTTP", "1"),
        Some("http") => tests.env("ABIDING_MATRIX_HTTP", "1"),
        Some(histories) => tests.env("ABIDING_MATRIX", histories),
    }
    .run()
}
