//! `cargo xtask flask`: Python with the real Flask and Flask-Session, for the tests that hold ours against them.
//! One environment for each version, in `target/flask-session`; what they hold is pinned beside those tests.

use std::path::Path;

use crate::{
    programs::{self, Program},
    step::{Outcome, Step, root},
};

const VERSIONS: [&str; 2] = ["0.5.0", "0.8.0"];

/// The interpreter comes without `venv` on Debian.
const PYTHON: &[Program] = &[("python3", "python3-venv"), ("pip3", "python3-pip")];

pub(crate) fn run(_: &[String]) -> Outcome {
    prepare()
}

/// Makes the environments, and brings what is in them to the versions that are pinned.
pub(crate) fn prepare() -> Outcome {
    programs::ensure(PYTHON)?;
    for version in VERSIONS {
        let home = root().join("target/flask-session").join(version);
        let python = home.join("bin/python");
        if !python.exists() {
            Step::new("python3", &["-m", "venv", &text(&home)]).run()?;
        }
        let pinned = root()
            .join("crates/abiding-stores/tests/flask/python")
            .join(format!("{version}.txt"));
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            &text(&pinned),
        ];
        Step::new(&text(&python), &pip).run()?;
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
