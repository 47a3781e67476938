//! `cargo xtask e2e`: the browser tests alone, against the demo as it is built now.

use crate::{
    example,
    programs::{self, BROWSER, SERVERS},
    step::{Outcome, Step},
    test::REQUIRED,
    tools, wheel,
};

pub(crate) fn run(names: &[String]) -> Outcome {
    prepare()?;
    programs::ensure(SERVERS)?;
    // The examples run with it.
    wheel::prepare()?;
    Step::cargo(&["test", "--package", "abiding-demo-e2e", "--"])
        .arguments(names)
        .env("ABIDING_REQUIRE", REQUIRED)
        .run()
}

/// What the browser tests find in place: a browser, its tools, and the programs beside them in the target folder.
pub(crate) fn prepare() -> Outcome {
    programs::ensure(BROWSER)?;
    tools::ensure()?;
    let programs = ["--bin", "abiding-demo", "--bin", example::SHARED];
    Step::cargo(&[&["build", "--workspace"][..], &programs].concat()).run()
}
