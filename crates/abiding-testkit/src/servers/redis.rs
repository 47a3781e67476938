//! Redis: one server, on a socket and on a port of its own.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use super::{Folder, Need, Process, Start, free_port};

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

    /// Starts one with more settings, spelled as arguments of `redis-server`.
    pub fn with(settings: &[&str]) -> Option<Self> {
        let program = NEED.find()?;
        let folder = Folder::new("redis");
        let (socket, port) = (folder.file("socket"), free_port());
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

    fn ask(&self, arguments: &[&[u8]]) -> io::Result<Reply> {
        let mut stream = UnixStream::connect(&self.socket)?;
        let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            write!(command, "${}\r\n", argument.len())?;
            command.extend_from_slice(argument);
            command.extend_from_slice(b"\r\n");
        }
        stream.write_all(&command)?;
        Reply::read(&mut BufReader::new(stream))
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Several.
    Array(Vec<Self>),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// A refusal.
    Error(String),
    /// A number.
    Integer(i64),
    /// Nothing.
    Nil,
    /// A word, such as `OK`.
    Status(String),
}

impl Reply {
    /// The bytes, as text.
    ///
    /// # Panics
    /// If it is no text.
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Status(text) => text.clone(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The number.
    ///
    /// # Panics
    /// If it is no number.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    /// The parts; none of what is no array.
    pub fn array(self) -> Vec<Self> {
        match self {
            Self::Array(parts) => parts,
            _ => vec![],
        }
    }

    fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let line = line.trim_end();
        let malformed = || io::Error::other(format!("not a reply: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(malformed)?;
        let number = || rest.parse::<i64>().map_err(|_| malformed());
        Ok(match kind {
            "+" => Self::Status(rest.into()),
            "-" => Self::Error(rest.into()),
            ":" => Self::Integer(number()?),
            "$" => match usize::try_from(number()?) {
                Err(_) => Self::Nil,
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    from.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Self::Bytes(bytes)
                }
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Self::Nil,
                Ok(length) => Self::Array(
                    (0..length)
                        .map(|_| Self::read(from))
                        .collect::<io::Result<_>>()?,
                ),
            },
            _ => return Err(malformed()),
        })
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
