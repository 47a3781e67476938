//! `cargo xtask example NAME`: starts one of the examples, with the wheel as it is now and the servers that it needs.
//! `cargo xtask example test` runs the tests of all of them.

use std::path::{Path, PathBuf};

use crate::{
    programs::{self, SERVERS},
    step::{Failure, Outcome, Step, root},
    tally::Tally,
    test::tell,
    tools, wheel,
};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    if arguments.is_empty() {
        let places = "examples/flask/README.md and examples/shared/README.md";
        return Err(Failure::new(format!(
            "name one, or test: they are told in {places}"
        )));
    }
    programs::ensure(SERVERS)?;
    let python = wheel::prepare()?;
    if let Some(("test", rest)) = arguments.split_first().map(|(name, rest)| (&**name, rest)) {
        let mut tally = Tally::default();
        let outcome = test(&python, rest, &mut tally);
        tell(&tally);
        return outcome;
    }
    if arguments.first().is_some_and(|name| name == "shared") {
        Step::cargo(&["build", "--package", SHARED]).run()?;
    }
    let data = wheel::text(&tools::target().join("examples"));
    let program = wheel::text(&folder().join("run.py"));
    Step::new(&wheel::text(&python), &[&program, "--data", &data])
        .arguments(arguments)
        .run()
}

/// Runs the tests of the examples in Python.
pub(crate) fn test(python: &Path, arguments: &[String], tally: &mut Tally) -> Outcome {
    let built = Step::cargo(&["build", "--workspace", "--bin", SHARED]).run();
    let program = tools::target().join("debug").join(SHARED);
    let tests = Step::new(&wheel::text(python), &wheel::PYTEST)
        .within(&folder())
        .env("ABIDING_EXAMPLE_SHARED", &wheel::text(&program));
    wheel::read(tests.arguments(arguments), tally).and(built)
}

fn folder() -> PathBuf {
    root().join("examples")
}

/// The half of the shared example that is in Rust.
pub(crate) const SHARED: &str = "abiding-example-shared";
