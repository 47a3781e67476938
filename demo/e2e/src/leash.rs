//! A child process on a leash: it and all it started end when this process does, however this process ends.
//! Used for the demo and for the driver with its browsers.
//!
//! 1. The child leads a process group of its own, so one signal reaches its children too and an interrupt at the terminal none of them.
//! 2. A shell waits on a pipe that only this process holds open. The pipe closes when the leash is dropped, and also
//!    when this process panics, is interrupted or is killed; then the shell kills the group by its id.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
};

#[derive(Debug)]
pub(crate) struct Leashed {
    child: Child,
    watch: Child,
}

impl Leashed {
    /// Starts the program and waits for the first line of its stdout in which `find` finds something.
    /// `None` means that it ended without such a line; all it says goes to `log`.
    pub(crate) fn start<T>(
        command: &mut Command,
        log: &File,
        find: impl Fn(&str) -> Option<T>,
    ) -> io::Result<Option<(Self, T)>> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()?;
        let stdout = child.stdout.take();
        // From here on the child cannot outlive us.
        let leashed = Self {
            watch: watch(child.id())?,
            child,
        };

        let mut lines = BufReader::new(stdout.ok_or(io::ErrorKind::BrokenPipe)?);
        let mut log = log.try_clone()?;
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            io::Write::write_all(&mut log, line.as_bytes())?;
            if let Some(found) = find(&line) {
                // The pipe is kept drained, so that the child never waits for us.
                thread::spawn(move || io::copy(&mut lines, &mut log));
                return Ok(Some((leashed, found)));
            }
            line.clear();
        }
        Ok(None)
    }
}

impl Drop for Leashed {
    /// Kills the group and waits until it is gone: a port it listened on is free again.
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // An error means that it has been waited for, which is what we want.
        let _ = self.watch.wait();
        let _ = self.child.wait();
    }
}

/// The shell that kills the group as soon as its stdin ends. The child's id cannot have gone to another process by then:
/// while we live, we have not waited for the child.
fn watch(group: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", "cat >/dev/null; kill -s KILL -- \"-$0\""])
        .arg(group.to_string())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scratch::Scratch;

    fn start(script: &str) -> Option<(Leashed, u32)> {
        let scratch = Scratch::new("leash");
        let log = File::create(scratch.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Leashed::start(&mut command, &log, |line| line.trim().parse().ok()).unwrap()
    }

    fn lives(process: u32) -> bool {
        // A zombie still has its folder, but no command line.
        let folder = Path::new("/proc").join(process.to_string());
        std::fs::read(folder.join("cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn a_dropped_leash_ends_the_child_and_what_the_child_started() {
        let (leashed, grandchild) = start("sleep 600 & echo $!; wait").unwrap();
        let child = leashed.child.id();
        assert!(lives(child) && lives(grandchild));
        drop(leashed);
        // The child has been waited for; the grandchild has been killed, and dies when its turn comes.
        assert!(!lives(child));
        assert!((0..200_000).any(|_| {
            thread::yield_now();
            !lives(grandchild)
        }));
    }

    #[test]
    fn a_child_that_ends_too_early_is_told() {
        assert!(start("echo no number").is_none());
    }
}
