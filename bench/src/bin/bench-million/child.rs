//! The `abiding` command as a child: how long it took, what it said, and how much memory it had at most.

use std::{
    fs,
    path::PathBuf,
    process::{self, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{Outcome, places::Places};

/// A command to be run.
pub(crate) struct Command {
    command: process::Command,
    told: PathBuf,
}

/// What came of it.
pub(crate) struct Ran {
    pub(crate) took: Duration,
    /// The processor time that it took itself.
    pub(crate) worked: Duration,
    /// The most memory it had resident, in KiB.
    pub(crate) peak: u64,
    told: String,
}

impl Command {
    pub(crate) fn new(places: &Places) -> Self {
        let command = process::Command::new(places.program());
        Self {
            command,
            told: places.file("told"),
        }
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) async fn run(mut self) -> Outcome<Ran> {
        let told = fs::File::create(&self.told)?;
        let begin = Instant::now();
        let mut child = self.command.stdout(told).stderr(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let stat = format!("/proc/{}/stat", child.id());
        let (mut peak, mut worked) = (0, Duration::ZERO);
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            peak = peak.max(fs::read_to_string(&status).map_or(0, |status| most(&status)));
            worked = worked.max(fs::read_to_string(&stat).map_or(worked, |stat| spent(&stat)));
            sleep(Duration::from_millis(2)).await;
        };
        let took = begin.elapsed();
        let length = fs::metadata(&self.told)?.len();
        // A list is long, and nobody reads it.
        let told = if length < 100_000 {
            fs::read_to_string(&self.told)?
        } else {
            String::new()
        };
        if !ended.success() {
            return Err(format!("{:?} ended with {ended}: {told}", self.command).into());
        }
        Ok(Ran {
            took,
            worked,
            peak,
            told,
        })
    }
}

impl Ran {
    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }

    /// Fails unless it said that number, under a name or a path.
    pub(crate) fn expect(&self, name: &str, number: usize) -> Outcome<()> {
        let told: Value = serde_json::from_str(&self.told)?;
        let path = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/{name}")
        };
        match told.pointer(&path).and_then(Value::as_u64) {
            Some(told) if told == number as u64 => Ok(()),
            other => Err(format!("{name} is {other:?} and not {number}").into()),
        }
    }
}

/// The peak in what the kernel tells of a process.
fn most(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The time in what the kernel tells of a process: user and system, in hundredths of a second.
fn spent(stat: &str) -> Duration {
    // The name before the last bracket may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}
