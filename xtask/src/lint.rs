//! `cargo xtask lint`: clippy over everything, the documentation, and each feature alone; a warning is an error.

use crate::{
    features,
    step::{Outcome, Step},
};

/// The crates whose features a user picks one by one.
const PICKED_BY_FEATURE: [&str; 2] = ["abiding-stores", "abiding-tower"];

pub(crate) fn run(_: &[String]) -> Outcome {
    Step::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])
    .run()?;
    for krate in PICKED_BY_FEATURE {
        alone(krate)?;
    }
    Step::cargo(&["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// The library of one crate with no feature, then with each of its features and no other.
fn alone(krate: &str) -> Outcome {
    let bare = [
        "clippy",
        "--package",
        krate,
        "--lib",
        "--no-default-features",
    ];
    let deny = ["--", "-D", "warnings"];
    Step::cargo(&[&bare[..], &deny].concat()).run()?;
    for feature in features::of(krate)? {
        let with = ["--features", feature.as_str()];
        Step::cargo(&[&bare[..], &with, &deny].concat()).run()?;
    }
    Ok(())
}
