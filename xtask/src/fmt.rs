//! `cargo xtask fmt`: every file is formatted as rustfmt would; those that are not are listed.

use crate::step::{Outcome, Step};

pub(crate) fn run(_: &[String]) -> Outcome {
    Step::cargo(&["fmt", "--all", "--check", "--", "--files-with-diff"]).run()
}
