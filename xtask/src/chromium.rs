//! Chromium and its driver, which the browser tests talk to: there already, or installed from Debian.

use std::path::Path;

use crate::step::{Failure, Outcome, Step};

/// The programs and the packages that bring them.
const PROGRAMS: [(&str, &str); 2] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Sees to it that both programs can be started.
pub(crate) fn ensure() -> Outcome {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !Step::starts(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err(Failure::new(format!(
            "the browser tests need {}; this is not Debian, so please install it and run again",
            missing.join(" and ")
        )));
    }
    apt(&["update"])?;
    apt(&[
        &["install", "--yes", "--no-install-recommends"],
        missing.as_slice(),
    ]
    .concat())
}

/// Runs `apt-get`, through `sudo` where there is one: root without it needs none.
fn apt(arguments: &[&str]) -> Outcome {
    let apt = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "--quiet",
    ];
    let command = [&apt[..], arguments].concat();
    if Step::starts("sudo") {
        Step::new(
            "sudo",
            &[&["--non-interactive"], command.as_slice()].concat(),
        )
        .run()
    } else {
        Step::new(command[0], &command[1..]).run()
    }
}
