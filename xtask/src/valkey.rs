//! `cargo xtask valkey`: everything that is tested on Redis once more, on Valkey.
//! The same tests start it in the place of Redis, since they find it first. The build that there is speaks no TLS, so that is left out.

use crate::{
    step::{Failure, Outcome, Step},
    tally::Tally,
    tools,
};

pub(crate) fn run(_: &[String]) -> Outcome {
    let mut tally = Tally::default();
    let tested = test(&mut tally);
    for name in &tally.failures {
        eprintln!("failed: {name}");
    }
    tested
}

/// Runs the tests, and adds what came of them.
#[expect(
    clippy::disallowed_methods,
    reason = "a program finds others by its own path"
)]
pub(crate) fn test(tally: &mut Tally) -> Outcome {
    let folder = tools::valkey()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)));
    let path = path.map_err(|error| Failure::new(format!("PATH: {error}")))?;
    Step::cargo(&[
        "test",
        "--no-fail-fast",
        "--package",
        "abiding-stores",
        "--no-default-features",
        "--features",
        "flask,redis",
        "--test",
        "conformance",
        "--test",
        "flask",
        "--test",
        "redis",
        "--test",
        "walk",
    ])
    .env("PATH", &path.to_string_lossy())
    .env("ABIDING_REQUIRE", "redis")
    .run_reading(|line| tally.read(line))
}
