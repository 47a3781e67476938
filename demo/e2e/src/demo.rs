//! The demo as its users have it: the program itself, on a port and a data folder of its own.
//! A test may kill it and start it again on the same port and data, and move the clock it sees.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use crate::{leash::Leashed, scratch::Scratch};

/// One running demo; ends when dropped, and its data with the last one that uses them.
#[derive(Debug)]
pub struct Demo {
    running: Option<Leashed>,
    profile: &'static str,
    store: String,
    /// Variables beside the usual ones.
    variables: Vec<(&'static str, String)>,
    /// Where it listens, `http://127.0.0.1:PORT`.
    origin: String,
    scratch: Rc<Scratch>,
}

impl Demo {
    /// Starts a demo with nothing in it, on the store of this name or URL.
    #[must_use]
    pub fn start(store: &str) -> Self {
        Self::start_with(store, &[])
    }

    /// The same with these variables in its environment.
    #[must_use]
    pub fn start_with(store: &str, variables: &[(&'static str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let mut demo = Self {
            running: None,
            profile: "development",
            store: store.to_owned(),
            variables: variables.collect(),
            origin: ANY_PORT.to_owned(),
            scratch: Rc::new(Scratch::new("demo")),
        };
        demo.run();
        demo
    }

    /// Another process on the same keys and data, on a port of its own. A browser sends both the same cookies.
    #[must_use]
    pub fn beside(&self) -> Self {
        let mut other = Self {
            running: None,
            profile: self.profile,
            store: self.store.clone(),
            variables: self.variables.clone(),
            origin: ANY_PORT.to_owned(),
            scratch: Rc::clone(&self.scratch),
        };
        other.run();
        other
    }

    /// The address of a page.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The folder with all that the demo keeps.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// Ends it as a power cut would, with SIGKILL, and starts it again with what it had kept.
    pub fn kill_and_restart(&mut self) {
        self.running = None;
        self.run();
    }

    /// Starts it again as it would run in production, with the keys and data it has.
    pub fn restart_in_production(&mut self) {
        self.profile = "production";
        self.kill_and_restart();
    }

    /// Lets `seconds` go by, as far as sessions are concerned; a second call counts from the same beginning.
    pub fn at_second(&self, seconds: u64) {
        fs::write(self.clock(), seconds.to_string()).expect("the clock can be moved");
    }

    /// All that the demo has said so far, for a test that looks for what must not be there.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).expect("the log can be read")
    }

    fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.log());
        let mut command = Command::new(program());
        command
            .env("ABIDING_DATA", self.data())
            .env("ABIDING_PROFILE", self.profile)
            .env("ABIDING_STORE", &self.store)
            .env("ABIDING_TEST_CLOCK", self.clock())
            .env("PORT", self.origin.rsplit(':').next().unwrap_or("0"))
            .env_remove("ABIDING_KEY")
            .env_remove("ABIDING_KEY_FILE")
            .env_remove("ABIDING_PLACES")
            .env_remove("RUST_LOG")
            .env_remove("ABIDING_SMTP")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.scratch.path());
        let started = Leashed::start(&mut command, &log.expect("the log can be made"), origin);
        let Some((running, origin)) = started.expect("the demo can be run") else {
            panic!("the demo did not start; it said:\n{}", self.said());
        };
        self.running = Some(running);
        self.origin = origin;
    }

    fn clock(&self) -> PathBuf {
        self.scratch.path().join("clock")
    }

    fn log(&self) -> PathBuf {
        self.scratch.path().join("log")
    }
}

/// Where a demo listens that was not started yet.
const ANY_PORT: &str = "http://127.0.0.1:0";

/// Finds the address in the line `listening on http://127.0.0.1:PORT`.
fn origin(line: &str) -> Option<String> {
    let address = line.trim_end().rsplit_once("listening on ")?.1;
    Some(address.trim_end_matches('/').to_owned())
}

/// The demo's program, which cargo puts one folder above the tests'.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in the target folder");
    let program = folder.join("abiding-demo");
    assert!(
        program.exists(),
        "{} is missing: `cargo xtask e2e` builds it first, as does `cargo build --package abiding-demo`",
        program.display()
    );
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_banner_and_from_nothing_else() {
        let banner = "  listening on http://127.0.0.1:41234\n";
        assert_eq!(origin(banner).as_deref(), Some("http://127.0.0.1:41234"));
        assert_eq!(origin("keeping everything in /somewhere\n"), None);
    }
}
