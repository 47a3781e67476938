//! Python with the real libraries, in the environments that `cargo xtask flask` makes.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use abiding_testkit::servers::Need;

const PACKAGE: &str = "python3-venv`, then `cargo xtask flask";
const OLD: Need = Need::new(
    "flask",
    &["../../target/flask-session/0.5.0/bin/python"],
    PACKAGE,
);
const NEW: Need = Need::new(
    "flask",
    &["../../target/flask-session/0.8.0/bin/python"],
    PACKAGE,
);

/// Which Flask-Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V050,
    V080,
}

impl Version {
    fn need(self) -> Need {
        match self {
            Self::V050 => OLD,
            Self::V080 => NEW,
        }
    }
}

/// A program that answers each line with a line.
pub(crate) struct Python {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts a program of this folder; none where Python with these libraries is not there.
    pub(crate) fn start(version: Version, program: &str, argument: &str) -> Option<Self> {
        let python = version.need().find()?;
        let mut command = Command::new(python);
        command
            .args([
                "-W",
                "ignore",
                &format!("tests/flask/python/{program}"),
                argument,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let asks = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut python = Self {
            process,
            asks,
            answers,
        };
        assert_eq!(python.answer().trim(), "ready", "{version:?} {program}");
        Some(python)
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.asks, "{line}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "Python has ended; it has said why above");
        line
    }
}

/// Its input ends, and so does it; without that it is ended.
impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
