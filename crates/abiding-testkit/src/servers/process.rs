//! One process of a server: started, waited for, stopped, killed and started anew.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How a process is started.
#[derive(Clone, Debug)]
#[must_use = "nothing starts until `process` is called"]
pub struct Start {
    command: Vec<OsString>,
    folder: PathBuf,
    end: &'static str,
}

impl Start {
    /// A program to be run in `folder`, where it writes its log to `log`.
    pub fn new(program: impl AsRef<OsStr>, folder: &Path) -> Self {
        Self {
            command: vec![program.as_ref().to_owned()],
            folder: folder.to_path_buf(),
            end: "KILL",
        }
    }

    /// One more argument. No secrets: everybody on the machine can read it.
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn arguments<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::argument)
    }

    /// The signal that ends it for good; `KILL` unless told otherwise.
    pub fn ending_with(mut self, signal: &'static str) -> Self {
        self.end = signal;
        self
    }

    /// Starts it, and waits until `is_ready`.
    ///
    /// # Panics
    /// If it ends before it is ready, or is not ready within a minute; with its log.
    pub fn process(&self, mut is_ready: impl FnMut() -> bool) -> Process {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEP, "keeper", self.end])
            .args(&self.command)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a test machine has a shell");
        let told = keeper.stdout.take().map(BufReader::new);
        let mut id = String::new();
        if let Some(mut told) = told {
            let _ = told.read_line(&mut id);
        }
        let process = Process {
            id: id
                .trim()
                .parse()
                .expect("the shell tells the id of what it started"),
            keeper,
            log: self.folder.join("log"),
        };
        for _ in 0..6_000 {
            if is_ready() {
                return process;
            }
            assert!(
                process.is_running(),
                "{} ended: {}",
                self.command[0].display(),
                process.log()
            );
            pause();
        }
        panic!(
            "{} is not ready: {}",
            self.command[0].display(),
            process.log()
        );
    }
}

/// A process that ends when it is dropped, and when its starter ends.
#[derive(Debug)]
pub struct Process {
    id: u32,
    keeper: Child,
    log: PathBuf,
}

impl Process {
    /// The id of the server itself.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.signal("0")
    }

    /// Ends it at once, as a power cut does, and waits until it is gone.
    pub fn kill(self) {
        self.signal("KILL");
    }

    /// Makes it hang: it keeps its connections and answers nothing.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Sends a signal; `false` if there is no such process any more.
    pub fn signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        let silent = kill
            .args([format!("-{name}"), self.id.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        silent.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.stdin.take() {
            let _ = keeper.write_all(b"end\n");
        }
        // It waits for the server and then ends itself.
        let _ = self.keeper.wait();
    }
}

/// Between two looks at what changes by itself.
#[expect(
    clippy::disallowed_methods,
    reason = "another process has no way to call back"
)]
pub(super) fn pause() {
    thread::sleep(Duration::from_millis(10));
}

/// Tells the id of what it starts, waits until it is told to end it or whoever started this one is gone,
/// and ends it. A process that was stopped does not hear of another signal before it goes on. Nobody is
/// left to remove the folder of a starter that is gone, so that is done here.
const KEEP: &str = r#"end=$1; shift
"$@" </dev/null >>log 2>&1 &
server=$!
echo "$server"
exec >/dev/null
read -r word
kill "-$end" "$server"
kill -CONT "$server"
wait "$server"
[ "$word" = end ] || rm -rf "$PWD"
"#;
