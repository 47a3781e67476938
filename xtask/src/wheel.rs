//! `cargo xtask wheel`: builds the Python wheel, installs it into an environment of its own, and runs its tests there.
//! The examples run in that environment too.
//! The environment lies in `target/wheel`, what it holds is pinned in the wheel's tests; a further argument picks tests by name.
//! Other Pythons that are there, in the path or of pyenv, run a short program with the same wheel.

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

/// Runs the tests of the wheel, and unless some of them were picked the short program on other Pythons.
pub(crate) fn test(python: &Path, arguments: &[String], tally: &mut Tally) -> Outcome {
    let tests = Step::new(&text(python), &PYTEST).within(&folder());
    let tested = read(tests.arguments(arguments), tally);
    if !arguments.is_empty() {
        return tested;
    }
    let smoked = smoke(tally);
    tested.and(smoked)
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

/// Runs the short program on every other Python that the wheel is for and that is there.
fn smoke(tally: &mut Tally) -> Outcome {
    let own = Step::new("python3", &["-c", "import sys; print(sys.version_info[1])"]);
    let mut tested = String::new();
    own.run_reading(|line| line.trim().clone_into(&mut tested))?;
    let mut outcome = Ok(());
    for minor in PYTHONS.filter(|minor| minor.to_string() != tested) {
        let Some(python) = interpreter(minor) else {
            continue;
        };
        match smoke_on(minor, &python) {
            Ok(()) => tally.passed += 1,
            Err(failure) => {
                tally.failed += 1;
                tally.failures.push(format!("smoke.py on Python 3.{minor}"));
                outcome = outcome.and(Err(failure));
            }
        }
    }
    outcome
}

fn smoke_on(minor: u32, python: &str) -> Outcome {
    let home = tools::target()
        .join("wheel")
        .join(format!("smoke-3.{minor}"));
    let own = home.join("bin/python");
    if !own.exists() {
        Step::new(python, &["-m", "venv", &text(&home)]).run()?;
    }
    let wheel = built()?;
    let install = "-m pip install --quiet --disable-pip-version-check";
    let install: Vec<&str> = install.split(' ').collect();
    Step::new(&text(&own), &[&install[..], &["flask"]].concat()).run()?;
    let again = ["--force-reinstall", "--no-deps", &wheel];
    Step::new(&text(&own), &[&install[..], &again].concat()).run()?;
    let program = text(&folder().join("tests/smoke.py"));
    Step::new(&text(&own), &["-W", "error", &program]).run()
}

/// A Python of this version that starts: a name in the path may be one of a version that is not there.
fn interpreter(minor: u32) -> Option<String> {
    let named = format!("python3.{minor}");
    let beginning = format!("3.{minor}.");
    let pyenv = std::env::home_dir().map(|home| home.join(".pyenv/versions"));
    let of_pyenv = pyenv.and_then(|versions| fs::read_dir(versions).ok());
    let of_pyenv = of_pyenv.into_iter().flatten().filter_map(Result::ok);
    let of_pyenv =
        of_pyenv.filter(|entry| entry.file_name().to_string_lossy().starts_with(&beginning));
    let of_pyenv = of_pyenv.map(|entry| text(&entry.path().join("bin/python")));
    std::iter::once(named).chain(of_pyenv).find(|python| {
        Step::new(python, &["-c", "import venv, ensurepip"])
            .run()
            .is_ok()
    })
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
    let wheel = built()?;
    let install = ["--force-reinstall", "--no-deps", &wheel];
    Step::new(&text(&python), &[&pip[..], &install].concat()).run()?;
    Ok(python)
}

/// The wheel that was built last.
fn built() -> Result<String, Failure> {
    let wheels = fs::read_dir(tools::target().join("wheel/dist"));
    wheels
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| text(&entry.path()))
        .find(|path| path.ends_with(".whl"))
        .ok_or_else(|| Failure::new("maturin made no wheel"))
}

/// The minor versions of Python 3 that the wheel is for.
const PYTHONS: std::ops::RangeInclusive<u32> = 9..=14;

fn folder() -> PathBuf {
    root().join("crates/abiding-python")
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
