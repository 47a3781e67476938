//! `cargo xtask bench`: builds our servers and the rivals' in release, then drives all of them in one interleaved run.

use crate::step::{Outcome, Step};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    Step::cargo(&["build", "--release", "--package", "abiding-bench"]).run()?;
    Step::cargo(&[
        "build",
        "--release",
        "--manifest-path",
        "bench/compare/Cargo.toml",
        // Where the driver looks for them, wherever else this machine keeps its builds.
        "--target-dir",
        "bench/compare/target",
    ])
    .run()?;
    Step::cargo(&[
        "run",
        "--release",
        "--package",
        "abiding-bench",
        "--bin",
        "bench-drive",
        "--",
        "all",
    ])
    .arguments(arguments)
    .printing()
    .run()
}
