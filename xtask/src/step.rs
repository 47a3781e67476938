//! A step: one program that a command runs, announced on stderr and timed.
//! Commands build steps, nothing else here starts a process. Every step runs at the root of the repository, without stdin, and talks on stderr.

use std::{
    fmt,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

/// How a command ends: well, or with the reason it did not.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command did not end well, in words for the person who ran it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program with its arguments.
pub(crate) struct Step(Command);

impl Step {
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(io::stderr());
        Self(command)
    }

    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        Self::new("cargo", arguments)
    }

    pub(crate) fn arguments(mut self, arguments: &[String]) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Lets it run in another folder than the root.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Lets its stdout be ours: what it prints is the result of the command.
    pub(crate) fn printing(mut self) -> Self {
        self.0.stdout(Stdio::inherit());
        self
    }

    /// Whether a program can be started at all.
    pub(crate) fn starts(program: &str) -> bool {
        let Self(mut command) = Self::new(program, &["--version"]);
        let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
        silent.status().is_ok()
    }

    /// Runs to the end; anything but success is a failure.
    pub(crate) fn run(mut self) -> Outcome {
        self.timed(|command| command.status())
    }

    /// Runs to the end and hands every line of its stdout to `line`, having shown it on stderr.
    pub(crate) fn run_reading(mut self, mut line: impl FnMut(&str)) -> Outcome {
        self.timed(|command| {
            let mut child = command.stdout(Stdio::piped()).spawn()?;
            if let Some(stdout) = child.stdout.take() {
                for bytes in BufReader::new(stdout).split(b'\n') {
                    // A test may print anything, so the text is taken as it comes.
                    let text = String::from_utf8_lossy(&bytes?).into_owned();
                    eprintln!("{text}");
                    line(&text);
                }
            }
            child.wait()
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the only clock here: how long a step took"
    )]
    fn timed(&mut self, run: impl FnOnce(&mut Command) -> io::Result<ExitStatus>) -> Outcome {
        let told = self.to_string();
        eprintln!("\n==> {told}");
        let start = Instant::now();
        let status = run(&mut self.0)
            .map_err(|error| Failure::new(format!("{told} did not run: {error}")))?;
        eprintln!("<== {told}: {status} after {} s", start.elapsed().as_secs());
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("{told}: {status}")))
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.get_program().to_string_lossy())?;
        for argument in self.0.get_args() {
            write!(f, " {}", argument.to_string_lossy())?;
        }
        Ok(())
    }
}

/// The root of the repository, which is the folder above this crate.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_says_which_and_how() {
        let failure = Step::new("sh", &["-c", "exit 3"]).run().unwrap_err();
        assert_eq!(failure.to_string(), "sh -c exit 3: exit status: 3");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let failure = Step::new("no-such-program", &[]).run().unwrap_err();
        assert!(
            failure
                .to_string()
                .starts_with("no-such-program did not run: "),
            "{failure}"
        );
    }

    #[test]
    fn every_line_is_handed_over_even_one_that_is_not_text() {
        let mut lines = Vec::new();
        let step = Step::new("sh", &["-c", r"printf 'one\n\377two\nthree'"]);
        step.run_reading(|line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(lines, ["one", "\u{fffd}two", "three"]);
    }
}
