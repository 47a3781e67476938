//! `cargo xtask matrix`: sessions move between every ordered pair of places, at length; writes `docs/matrix.md`.
//! An argument says how many histories each pair has, a second one how the names of the places begin that are left; the other rows stay. The shorter form is one of the tests that `cargo xtask test` runs.

use crate::{
    programs::{self, SERVERS},
    step::{Outcome, Step},
    test::REQUIRED,
};

/// As many as make two hundred visitors.
const HISTORIES: &str = "67";

pub(crate) fn run(picked: &[String]) -> Outcome {
    programs::ensure(SERVERS)?;
    let histories = picked.first().map_or(HISTORIES, String::as_str);
    Step::cargo(&[
        "test",
        "--package",
        "abiding-stores",
        "--features",
        "full",
        "--test",
        "matrix",
        "--",
        "--nocapture",
    ])
    .env("ABIDING_REQUIRE", REQUIRED)
    .env("ABIDING_MATRIX", histories)
    .env(
        "ABIDING_MATRIX_FROM",
        picked.get(1).map_or("", String::as_str),
    )
    .run()
}
