//! A server process under measurement: started, asked for its CPU time, ended.

use std::{
    collections::HashMap,
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::sleep;

use crate::{connection::Connection, plan::Side};

/// A running server. Ended when dropped.
pub(crate) struct Server {
    pub(crate) side: Side,
    pub(crate) name: String,
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// Starts `program` and waits until it answers.
    pub(crate) async fn start(
        side: Side,
        name: &str,
        program: &Path,
        variables: &[(&str, String)],
    ) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let child = Command::new(program)
            .env("PORT", port.to_string())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|cause| {
                io::Error::new(cause.kind(), format!("{}: {cause}", program.display()))
            })?;
        let mut server = Self {
            side,
            name: name.to_owned(),
            port,
            child,
        };
        for _ in 0..500 {
            if let Ok(mut connection) = Connection::open(port).await {
                connection.get("/plain").await?;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "{name} ended before it answered: {status}"
                )));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{name} does not answer"),
        ))
    }

    /// The CPU time of each thread of the process in nanoseconds, once it has come to rest.
    pub(crate) async fn cpu(&self) -> io::Result<CpuTime> {
        let mut before = self.cpu_now()?;
        for _ in 0..50 {
            sleep(Duration::from_millis(1)).await;
            let now = self.cpu_now()?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(before)
    }

    fn cpu_now(&self) -> io::Result<CpuTime> {
        let mut threads = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?;
            // A thread may end between the two looks.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            let on_cpu = text.split(' ').next().and_then(|field| field.parse().ok());
            threads.insert(task.file_name(), on_cpu.unwrap_or(0));
        }
        Ok(CpuTime(threads))
    }

    /// The memory that the process occupies, in KiB.
    pub(crate) fn resident_kib(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line
            .and_then(|line| line.trim().split(' ').next()?.parse().ok())
            .unwrap_or(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// CPU time by thread.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CpuTime(HashMap<std::ffi::OsString, u64>);

impl CpuTime {
    /// What all threads spent since `earlier`. A thread that ended meanwhile takes its last share with it.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent = self
            .0
            .iter()
            .map(|(thread, now)| now - earlier.0.get(thread).copied().unwrap_or(0).min(*now));
        Duration::from_nanos(spent.sum())
    }
}
