//! A process of the torture, as its parent sees it: orders in, answers out, line by line.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        LazyLock,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use abiding::Key;

pub(super) const PLACE: &str = "ABIDING_TORTURE_PLACE";
pub(super) const KEY: &str = "ABIDING_TORTURE_KEY";
/// What the lines of the protocol begin with; a test runner prints others.
pub(super) const MARK: &str = "~ ";

/// One key for all processes: they are one application.
static SHARED: LazyLock<Key> =
    LazyLock::new(|| Key::generate().expect("a test machine has randomness"));

/// Ends with its parent: its orders end then.
pub(super) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Process {
    pub(super) fn start(test: &str, place: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("a test knows its own path"))
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(PLACE, place)
            .env(KEY, &*SHARED.reveal())
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
        let process = Self {
            orders: child.stdin.take(),
            child,
            answers,
        };
        assert_eq!(process.answer(), "ready");
        process
    }

    pub(super) fn tell(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("its orders have not ended");
        writeln!(orders, "{order}").expect("a process of the torture takes orders");
    }

    pub(super) fn answer(&self) -> String {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("a process of the torture says nothing"),
            Err(RecvTimeoutError::Disconnected) => panic!("a process of the torture has ended"),
        }
    }

    /// Tells it, and waits for the answer.
    pub(super) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    /// What it has said until now.
    pub(super) fn answers(&self) -> impl Iterator<Item = String> {
        self.answers.try_iter()
    }

    /// Ends it at once, and answers what it had still said.
    pub(super) fn kill(mut self) -> Vec<String> {
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
pub(super) fn ask_all(processes: &mut [Process], order: impl Fn(usize) -> String) -> Vec<String> {
    for (number, process) in processes.iter_mut().enumerate() {
        process.tell(&order(number));
    }
    processes.iter().map(Process::answer).collect()
}

const PATIENCE: Duration = Duration::from_secs(120);
