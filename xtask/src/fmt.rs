//! `cargo xtask fmt`: every file is formatted as rustfmt would.

use crate::step::{Outcome, Step};

pub(crate) fn run(_: &[String]) -> Outcome {
    Step::cargo(&["fmt", "--all", "--check"]).run()
}
