//! `cargo xtask lint`: clippy over everything, the documentation, and each feature alone; a warning is an error.

use crate::{
    features,
    step::{Failure, Outcome, Step},
};

/// The crates whose features a user picks one by one.
const PICKED_BY_FEATURE: [&str; 4] = [
    "abiding",
    "abiding-doctor",
    "abiding-stores",
    "abiding-tower",
];

pub(crate) fn run(_: &[String]) -> Outcome {
    let all = ["--features", "abiding/flask,abiding-stores/full"];
    let everything = Step::cargo(&[&["clippy", "--workspace", "--all-targets"], &all[..]].concat());
    let documentation = Step::cargo(&[&["doc", "--workspace", "--no-deps"], &all[..]].concat());
    let mut steps = vec![
        deny(everything),
        documentation.env("RUSTDOCFLAGS", "-D warnings"),
    ];
    for krate in PICKED_BY_FEATURE {
        steps.extend(alone(krate)?.into_iter().map(deny));
    }
    // All of them, so that one run tells all there is to mend.
    steps.into_iter().map(Step::run).fold(Ok(()), Outcome::and)
}

/// The library of one crate with no feature, and with each of its features and no other.
fn alone(krate: &str) -> Result<Vec<Step>, Failure> {
    let bare = [
        "clippy",
        "--package",
        krate,
        "--lib",
        "--no-default-features",
    ];
    let features = features::of(krate)?;
    let with = features
        .iter()
        .map(|feature| Step::cargo(&[&bare[..], &["--features", feature]].concat()));
    Ok(with.chain([Step::cargo(&bare)]).collect())
}

fn deny(clippy: Step) -> Step {
    clippy.arguments(&["--", "-D", "warnings"].map(str::to_owned))
}
