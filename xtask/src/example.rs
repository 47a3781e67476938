//! `cargo xtask example NAME`: starts one of the examples, with the wheel as it is now and the servers that it needs.
//! `cargo xtask example test` runs the tests of all of them.

use std::path::{Path, PathBuf};

use crate::{
    programs::{self, SERVERS},
    step::{Outcome, Step, root},
    tally::Tally,
    test::tell,
    tools, wheel,
};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    programs::ensure(SERVERS)?;
    let python = wheel::prepare()?;
    if let Some(("test", rest)) = arguments.split_first().map(|(name, rest)| (&**name, rest)) {
        let mut tally = Tally::default();
        let outcome = test(&python, rest, &mut tally);
        tell(&tally);
        return outcome;
    }
    let data = wheel::text(&tools::target().join("examples"));
    let program = wheel::text(&folder().join("run.py"));
    Step::new(&wheel::text(&python), &[&program, "--data", &data])
        .arguments(arguments)
        .run()
}

/// Runs the tests of the examples in Python.
pub(crate) fn test(python: &Path, arguments: &[String], tally: &mut Tally) -> Outcome {
    wheel::pytest(python, &folder(), arguments, tally)
}

fn folder() -> PathBuf {
    root().join("examples/flask")
}
