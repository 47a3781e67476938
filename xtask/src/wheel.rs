//! `cargo xtask wheel`: builds the Python wheel, installs it into an environment of its own, and runs its tests there.
//! The examples run in that environment too.
//! The environment lies in `target/wheel`, what it holds is pinned in the wheel's tests; a further argument picks tests by name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    flask,
    programs::{self, SERVERS},
    step::{Failure, Outcome, Step, root},
    tally::Tally,
    test::{REQUIRED, tell},
    tools,
};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    programs::ensure(SERVERS)?;
    // Applications with the real Flask-Session, old and new, which its tests let it take turns with.
    flask::prepare()?;
    let python = prepare()?;
    let mut tally = Tally::default();
    let outcome = test(&python, arguments, &mut tally);
    tell(&tally);
    outcome
}

/// Runs the tests of the wheel.
pub(crate) fn test(python: &Path, arguments: &[String], tally: &mut Tally) -> Outcome {
    let tests = Step::new(&text(python), &PYTEST).within(&folder());
    read(tests.arguments(arguments), tally)
}

/// Runs tests and adds what they said to `tally`; whatever stops them on the way is a failure too.
pub(crate) fn read(tests: Step, tally: &mut Tally) -> Outcome {
    let failed = tally.failed;
    let outcome = tests
        .env("ABIDING_REQUIRE", REQUIRED)
        .run_reading(|line| tally.read_pytest(line));
    if outcome.is_err() && tally.failed == failed {
        tally.failed += 1;
    }
    outcome
}

/// pytest, saying as much as the tally needs.
pub(crate) const PYTEST: [&str; 5] = ["-m", "pytest", "-q", "-rfE", "--color=no"];

/// The interpreter of an environment with the wheel, as it is now, and all that its tests need.
pub(crate) fn prepare() -> Result<PathBuf, Failure> {
    programs::ensure_python()?;
    let home = tools::target().join("wheel");
    let python = home.join("venv/bin/python");
    if !python.exists() {
        Step::new("python3", &["-m", "venv", &text(&home.join("venv"))]).run()?;
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    let requirements = text(&folder().join("tests/requirements.txt"));
    Step::new(
        &text(&python),
        &[&pip[..], &["--requirement", &requirements]].concat(),
    )
    .run()?;
    let wheels = home.join("dist");
    let io = |error: std::io::Error| Failure::new(format!("{}: {error}", wheels.display()));
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(io)?;
    }
    let out = text(&wheels);
    Step::new(
        &text(&home.join("venv/bin/maturin")),
        &["build", "--profile", "dev", "--locked", "--out", &out],
    )
    .within(&folder())
    .env("CARGO_TARGET_DIR", &text(&tools::target()))
    .run()?;
    let wheel = fs::read_dir(&wheels)
        .map_err(io)?
        .filter_map(Result::ok)
        .map(|entry| text(&entry.path()))
        .find(|path| path.ends_with(".whl"))
        .ok_or_else(|| Failure::new("maturin made no wheel"))?;
    let install = ["--force-reinstall", "--no-deps", &wheel];
    Step::new(&text(&python), &[&pip[..], &install].concat()).run()?;
    Ok(python)
}

fn folder() -> PathBuf {
    root().join("crates/abiding-python")
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
