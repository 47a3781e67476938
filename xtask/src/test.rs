//! `cargo xtask test`: everything that must hold, with nothing skipped; continuous integration runs this and no more.
//! Installs what the tests talk to, runs every test of the workspace, those of Redis on Valkey as well, and those of the Python wheel and of the examples, and ends with one line on stdout: `N passed, N failed`.

use crate::{
    e2e, example, flask, fmt, lint,
    programs::{self, SERVERS},
    step::{Outcome, Step},
    tally::Tally,
    valkey, wheel,
};

/// What `ABIDING_REQUIRE` asks of the tests: a test that needs one of these fails where it is missing.
pub(crate) const REQUIRED: &str =
    "axe,chromium,flask,git,memcached,mysql,nginx,openssl,postgres,redis,wheel";

pub(crate) fn run(_: &[String]) -> Outcome {
    // Each part runs whatever came of the one before, so that one run tells all there is to mend.
    let formatted = fmt::run(&[]);
    let linted = lint::run(&[]);
    let prepared = e2e::prepare()
        .and_then(|()| programs::ensure(SERVERS))
        .and_then(|()| flask::prepare());
    let wheel = wheel::prepare();

    let mut tally = Tally::default();
    let tested = Step::cargo(&[
        "test",
        "--workspace",
        "--no-fail-fast",
        "--features",
        "abiding/flask,abiding-stores/full",
    ])
    .env("ABIDING_REQUIRE", REQUIRED)
    .run_reading(|line| tally.read(line));
    if tested.is_err() && tally.failed == 0 {
        // A binary that would not build, or that died before it could say its result.
        tally.failed = 1;
    }
    let repeated = valkey::test(&mut tally);
    if repeated.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    let in_python = wheel.and_then(|python| {
        let wheel = wheel::test(&python, &[], &mut tally);
        example::test(&python, &[], &mut tally).and(wheel)
    });
    if in_python.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    tell(&tally);
    formatted
        .and(linted)
        .and(prepared)
        .and(tested)
        .and(repeated)
        .and(in_python)
}

#[expect(clippy::print_stdout, reason = "the result is data, all else is talk")]
pub(crate) fn tell(tally: &Tally) {
    for name in &tally.failures {
        eprintln!("failed: {name}");
    }
    println!("{tally}");
}
