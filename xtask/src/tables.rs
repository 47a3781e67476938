//! `cargo xtask tables`: the tables of stores in README, documentation and crate, written anew from the catalogue.
//! The test that compares them writes them when it is asked to.

use crate::step::{Outcome, Step};

pub(crate) fn run(_: &[String]) -> Outcome {
    Step::cargo(&["test", "--package", "abiding-stores", "--test", "tables"])
        .env("ABIDING_WRITE_TABLES", "1")
        .run()
}
