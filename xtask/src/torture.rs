//! `cargo xtask torture`: every store by several processes and through kills, at length; writes `docs/torture.md`.
//! With an argument, only the places whose names begin so; the other rows stay. The shorter form is one of the tests that `cargo xtask test` runs.

use crate::{
    programs::{self, SERVERS},
    step::{Outcome, Step},
    test::REQUIRED,
};

pub(crate) fn run(picked: &[String]) -> Outcome {
    programs::ensure(SERVERS)?;
    Step::cargo(&[
        "test",
        "--package",
        "abiding-stores",
        "--features",
        "full",
        "--test",
        "torture",
        "--",
        "no_store",
        "--nocapture",
    ])
    .env("ABIDING_REQUIRE", REQUIRED)
    .env("ABIDING_TORTURE", &picked.join(" "))
    .run()
}
