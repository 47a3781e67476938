//! Redis: one server, on a socket and on a port of its own; several with Sentinels; or a Cluster.

mod cluster;
mod reply;
mod sentinels;
mod tls;

use std::{
    io,
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use super::{Folder, Need, Process, Start, certify, free_port};

pub use cluster::RedisCluster;
pub use reply::Reply;
pub use sentinels::RedisSentinels;

use reply::exchange;

/// The program.
pub const NEED: Need = Need::new("redis", &["redis-server", "valkey-server"], "redis-server");

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    /// `None` between [`kill`](Self::kill) and [`start`](Self::start). Before the folder, which it lies in.
    process: Option<Process>,
    start: Start,
    socket: PathBuf,
    port: u16,
    _folder: Folder,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk; `None` where Redis is not installed.
    pub fn new() -> Option<Self> {
        Self::with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts one that appends every write to a file, and flushes it as `policy` says (`always`, `everysec`).
    pub fn appending(policy: &str) -> Option<Self> {
        Self::with(&["--save", "", "--appendonly", "yes", "--appendfsync", policy])
    }

    /// Starts one whose port speaks TLS alone, and answers its certificate, in PEM; `None` where Redis or
    /// OpenSSL, which makes the certificate, is not installed.
    ///
    /// # Panics
    /// If OpenSSL makes none.
    pub fn secured() -> Option<(Self, Vec<u8>)> {
        NEED.find()?;
        let folder = Folder::new("redis");
        let certificate = certify(&folder)?;
        let port = free_port();
        let settings = tls::settings(&folder, port);
        let settings: Vec<_> = settings.iter().map(String::as_str).collect();
        let server = Self::in_folder(folder, port, &[&settings[..], &["--save", ""]].concat())?;
        Some((server, certificate))
    }

    /// Starts one with more settings, spelled as arguments of `redis-server`.
    pub fn with(settings: &[&str]) -> Option<Self> {
        NEED.find()?;
        Self::in_folder(Folder::new("redis"), free_port(), settings)
    }

    fn in_folder(folder: Folder, port: u16, settings: &[&str]) -> Option<Self> {
        let program = NEED.find()?;
        let socket = folder.file("socket");
        let start = Start::new(program, folder.path())
            .arguments(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .argument("--unixsocket")
            .argument(&socket)
            .arguments(["--dir", "."])
            .arguments(settings);
        let mut server = Self {
            process: None,
            start,
            socket,
            port,
            _folder: folder,
        };
        server.start();
        Some(server)
    }

    /// Starts it again, over what it had kept.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        // A password, if there is one, does not keep it from saying so.
        let is_ready = || match self.ask(&[b"PING"]) {
            Ok(Reply::Error(error)) => !error.starts_with("LOADING"),
            reply => reply.is_ok(),
        };
        self.process = Some(self.start.process(is_ready));
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Its process.
    ///
    /// # Panics
    /// If it was killed.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// How a store is told of it.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    /// The path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends one command on a connection of its own.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Reply {
        let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        self.ask(&arguments).expect("a server that runs answers")
    }

    /// Whether it is a replica, and up to date.
    fn follows(&self) -> bool {
        // Whoever tells it to become one closes its connections.
        self.ask(&[b"INFO", b"replication"]).is_ok_and(|reply| {
            let told = reply.text();
            told.contains("role:slave") && told.contains("master_link_status:up")
        })
    }

    fn ask(&self, arguments: &[&[u8]]) -> io::Result<Reply> {
        exchange(UnixStream::connect(&self.socket)?, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_forgets_nothing_it_flushed_and_ends() {
        let Some(mut server) = RedisServer::appending("always") else {
            return;
        };
        assert_eq!(server.command(&["SET", "key", "value"]).text(), "OK");
        server.kill();
        server.start();
        assert_eq!(server.command(&["GET", "key"]).text(), "value");
        assert_eq!(server.command(&["GET", "other"]), Reply::Nil);
        let folder = server.socket().parent().unwrap().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
