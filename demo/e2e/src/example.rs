//! One of the examples, started as `cargo xtask example` starts it, with the wheel that is installed beside it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{leash::Leashed, required, scratch::Scratch, screenshot::target};

/// One running example; ends when dropped, and what it keeps with it.
#[derive(Debug)]
pub struct Example {
    running: Option<Leashed>,
    /// What it is called, and how it is started.
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, String)>,
    /// Where it listens, `http://127.0.0.1:PORT`.
    origin: String,
    scratch: Scratch,
}

impl Example {
    /// Whether the wheel is there, and an environment for it.
    #[must_use]
    pub fn available() -> bool {
        let remedy = "run `cargo xtask wheel` once, which builds the wheel";
        required::is_there("wheel", python().exists(), remedy)
    }

    /// Starts the example of this name, which finds its servers in these variables.
    #[must_use]
    pub fn start(arguments: &[&'static str], variables: &[(&'static str, String)]) -> Self {
        let mut example = Self {
            running: None,
            arguments: arguments.to_vec(),
            variables: variables.to_vec(),
            origin: "http://127.0.0.1:0".to_owned(),
            scratch: Scratch::new("example"),
        };
        example.kill_and_restart();
        example
    }

    /// The address of a page.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Ends it as a power cut would, with SIGKILL, and starts it again with the secret and the data that it had.
    pub fn kill_and_restart(&mut self) {
        self.running = None;
        let log = self.scratch.path().join("log");
        let said = File::options().create(true).append(true).open(&log);
        let port = self.origin.rsplit(':').next().unwrap_or("0");
        let mut command = Command::new(python());
        command
            .arg(program())
            .args(["--port", port, "--data"])
            .arg(self.scratch.path())
            .args(&self.arguments)
            .env(
                "ABIDING_EXAMPLE_SHARED",
                target().join("debug/abiding-example-shared"),
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        let origin = |line: &str| {
            let rest = &line[line.find("http://127.0.0.1:")?..];
            rest.split_whitespace().next().map(str::to_owned)
        };
        let said = said.expect("the log can be made");
        let started = Leashed::start(&mut command, &said, origin).expect("Python can be run");
        let Some((running, origin)) = started else {
            let said = fs::read_to_string(log).unwrap_or_default();
            panic!("{:?} did not start; it said:\n{said}", self.arguments);
        };
        self.running = Some(running);
        self.origin = origin;
    }

    /// Starts it again in another way, over what it has kept.
    pub fn restart_as(&mut self, arguments: &[&'static str]) {
        self.arguments = arguments.to_vec();
        self.kill_and_restart();
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/run.py")
}

fn python() -> PathBuf {
    target().join("wheel/venv/bin/python")
}
