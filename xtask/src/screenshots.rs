//! `cargo xtask screenshots`: a picture of every page of the demo in each look, for people to look at.
//! They lie in `target/e2e-screenshots`.

use crate::{e2e, step::Outcome};

/// The test that takes them, and judges what a program can judge.
const TEST: &str = "looks::every_page_does_well_in_every_look";

pub(crate) fn run(_: &[String]) -> Outcome {
    e2e::run(&[String::from(TEST)])
}
