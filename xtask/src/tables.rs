//! `cargo xtask tables`: the tables of stores and of the doctor's rules, in README, documentation and crate, written anew.
//! The tests that compare them write them when they are asked to.

use crate::step::{Outcome, Step};

pub(crate) fn run(_: &[String]) -> Outcome {
    let write = |krate| {
        Step::cargo(&["test", "--package", krate, "--test", "tables"])
            .env("ABIDING_WRITE_TABLES", "1")
            .run()
    };
    write("abiding-stores")?;
    write("abiding-doctor")
}
