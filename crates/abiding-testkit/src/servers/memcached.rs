//! memcached: one server on a port of its own.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{Folder, Need, Process, Start, free_port};

/// The program.
pub const NEED: Need = Need::new("memcached", &["memcached"], "memcached");

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct MemcachedServer {
    /// `None` between [`kill`](Self::kill) and [`start`](Self::start). Before the folder, which it lies in.
    process: Option<Process>,
    start: Start,
    port: u16,
    _folder: Folder,
}

impl MemcachedServer {
    /// Starts one; `None` where memcached is not installed.
    pub fn new() -> Option<Self> {
        Self::with(&[])
    }

    /// Starts one with more settings, spelled as arguments of `memcached`.
    pub fn with(settings: &[&str]) -> Option<Self> {
        let program = NEED.find()?;
        let (folder, port) = (Folder::new("memcached"), free_port());
        let start = Start::new(program, folder.path())
            .arguments(["-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()])
            // It refuses to be started by root without a name of a user; for others that means nothing.
            .arguments(["-u", "root"])
            .arguments(settings);
        let mut server = Self {
            process: None,
            start,
            port,
            _folder: folder,
        };
        server.start();
        Some(server)
    }

    /// Starts it again, empty.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        let is_ready = || matches!(self.ask("version"), Ok(line) if line.starts_with("VERSION"));
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
        format!("memcached://{}", self.address())
    }

    /// Sends one command on a connection of its own, and answers the first line.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn command(&self, command: &str) -> String {
        self.ask(command).expect("the server answers")
    }

    /// What lies under a name.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let read = || -> io::Result<_> {
            let mut stream = BufReader::new(self.connect()?);
            stream
                .get_mut()
                .write_all(format!("mg {name} v\r\n").as_bytes())?;
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some(length) = line.trim_end().strip_prefix("VA ") else {
                return Ok(None);
            };
            let length = length.parse().map_err(io::Error::other)?;
            let mut value = vec![0; length];
            stream.read_exact(&mut value)?;
            Ok(Some(value))
        };
        read().expect("the server answers")
    }

    /// Puts a value under a name, whatever is there.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn set(&self, name: &str, value: &[u8]) {
        self.set_until(name, value, 0);
    }

    /// The same, with an end as the protocol has them: seconds, a date beyond thirty days, 0 for never.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn set_until(&self, name: &str, value: &[u8], expiry: u64) {
        let set = || -> io::Result<_> {
            let mut stream = BufReader::new(self.connect()?);
            let head = format!("ms {name} {} T{expiry}\r\n", value.len());
            let bytes = [head.as_bytes(), value, b"\r\n"].concat();
            stream.get_mut().write_all(&bytes)?;
            let mut line = String::new();
            stream.read_line(&mut line)?;
            Ok(line)
        };
        assert!(set().is_ok_and(|line| line.starts_with("HD")));
    }

    /// What its clock shows, in seconds since 1970.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn clock(&self) -> i64 {
        let read = || -> io::Result<_> {
            let mut stream = BufReader::new(self.connect()?);
            stream.get_mut().write_all(b"stats\r\n")?;
            let mut line = String::new();
            while stream.read_line(&mut line)? > 0 {
                if let Some(time) = line.strip_prefix("STAT time ") {
                    return time.trim_end().parse().map_err(io::Error::other);
                }
                line.clear();
            }
            Err(io::ErrorKind::UnexpectedEof.into())
        };
        read().expect("the server answers")
    }

    /// The names of all items.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn names(&self) -> Vec<String> {
        let read = || -> io::Result<_> {
            let mut stream = BufReader::new(self.connect()?);
            stream
                .get_mut()
                .write_all(b"lru_crawler metadump all\r\n")?;
            let mut names = Vec::new();
            let mut line = String::new();
            while stream.read_line(&mut line)? > 0 && !line.starts_with("END") {
                let name = line
                    .strip_prefix("key=")
                    .and_then(|rest| rest.split(' ').next());
                // Reserved characters are spelled as in URLs.
                names.extend(name.map(|name| name.replace("%3A", ":")));
                line.clear();
            }
            Ok(names)
        };
        read().expect("the server answers")
    }

    fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = BufReader::new(self.connect()?);
        stream
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(stream)
    }
}
