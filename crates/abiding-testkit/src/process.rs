//! This test program, started anew with one test alone, as its parent sees it: orders in, answers out, line by line.
//! Called by the torture and by the deploys of `rolling`.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// What the lines of the protocol begin with; a test runner prints others.
const MARK: &str = "~ ";

/// Ends with its parent: its orders end then.
pub(crate) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Process {
    /// Runs `test`, named as the test runner names it, with these settings in its environment. Nobody else sees those.
    pub(crate) fn start(test: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env::current_exe().expect("a test knows its own path"))
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test can be started again");
        let lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let (sender, answers) = channel();
        // Always drained, so that the process never waits for its parent.
        thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            // The runner ends a line of its own only when the test is over, so the mark may come late in one.
            let told = lines.filter_map(|line| Some(line.split_once(MARK)?.1.to_owned()));
            told.map_while(|answer| sender.send(answer).ok())
                .for_each(drop);
        });
        Self {
            orders: child.stdin.take(),
            child,
            answers,
        }
    }

    pub(crate) fn tell(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("its orders have not ended");
        writeln!(orders, "{order}").expect("a process takes orders");
    }

    pub(crate) fn answer(&self) -> String {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("a process says nothing"),
            Err(RecvTimeoutError::Disconnected) => panic!("a process has ended"),
        }
    }

    /// Tells it, and waits for the answer.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    /// What it has said until now.
    pub(crate) fn answers(&self) -> impl Iterator<Item = String> {
        self.answers.try_iter()
    }

    /// Ends it at once, and answers what it had still said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.answers.iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with its orders, unless it hangs.
        drop(self.orders.take());
        if thread::panicking() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Tells all of them the same, at once, and answers what they say.
pub(crate) fn ask_all(processes: &mut [Process], order: impl Fn(usize) -> String) -> Vec<String> {
    for (number, process) in processes.iter_mut().enumerate() {
        process.tell(&order(number));
    }
    processes.iter().map(Process::answer).collect()
}

/// In the process: answers its parent.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A parent that is gone hears nothing.
    let _ = writeln!(out, "{MARK}{line}");
    let _ = out.flush();
}

const PATIENCE: Duration = Duration::from_secs(120);
