//! Redis: one server, on a socket and on a port of its own; or a primary, two replicas and three Sentinels.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Folder, Need, Process, Start, free_port, process::pause};

/// The program.
pub const NEED: Need = Need::new("redis", &["redis-server", "valkey-server"], "redis-server");

/// What makes certificates.
const OPENSSL: Need = Need::new("openssl", &["openssl"], "openssl");

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
        let openssl = OPENSSL.find()?;
        NEED.find()?;
        let folder = Folder::new("redis");
        let made = Command::new(openssl)
            .current_dir(folder.path())
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args([
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-keyout",
                "key",
                "-out",
                "certificate",
            ])
            .args([
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .output();
        assert!(
            made.is_ok_and(|made| made.status.success()),
            "openssl made no certificate"
        );
        let certificate = std::fs::read(folder.file("certificate")).expect("it was made just now");
        let port = free_port();
        let tls_port = port.to_string();
        let server = Self::in_folder(
            folder,
            port,
            &[
                "--save",
                "",
                "--port",
                "0",
                "--tls-port",
                &tls_port,
                "--tls-auth-clients",
                "no",
                "--tls-cert-file",
                "certificate",
                "--tls-key-file",
                "key",
                "--tls-ca-cert-file",
                "certificate",
            ],
        )?;
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

fn exchange(mut stream: impl Read + Write, arguments: &[&[u8]]) -> io::Result<Reply> {
    let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        write!(command, "${}\r\n", argument.len())?;
        command.extend_from_slice(argument);
        command.extend_from_slice(b"\r\n");
    }
    stream.write_all(&command)?;
    Reply::read(&mut BufReader::new(stream))
}

/// A primary, two replicas, and three Sentinels that put a replica in the place of a primary that is gone.
#[derive(Debug)]
pub struct RedisSentinels {
    sentinels: Vec<(Process, SocketAddr)>,
    servers: Vec<RedisServer>,
    _folders: Vec<Folder>,
}

impl RedisSentinels {
    /// What they call the service.
    pub const SERVICE: &str = "sessions";

    /// Starts all six, and waits until they know each other; `None` where Redis is not installed.
    ///
    /// # Panics
    /// If one of them cannot be started.
    pub fn new() -> Option<Self> {
        let settings = ["--save", "", "--repl-diskless-sync-delay", "0"];
        let primary = RedisServer::with(&settings)?;
        let port = primary.port.to_string();
        let following = ["--replicaof", "127.0.0.1", &port];
        let replica = || RedisServer::with(&[&settings[..], &following].concat());
        let mut all = Self {
            sentinels: vec![],
            servers: vec![primary, replica()?, replica()?],
            _folders: vec![],
        };
        for _ in 0..3 {
            all.start_sentinel(&port)?;
        }
        all.wait_until("all know each other", |all| {
            all.sentinels.iter().all(|(_, address)| {
                let told = |what: &str| all.ask(*address, &["SENTINEL", what, Self::SERVICE]);
                let count = |what: &str| told(what).map_or(0, |reply| reply.array().len());
                count("REPLICAS") == 2 && count("SENTINELS") == 2
            }) && all.servers[1..].iter().all(RedisServer::follows)
        });
        Some(all)
    }

    /// How a store is told of them.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self
            .sentinels
            .iter()
            .map(|(_, address)| address.to_string())
            .collect();
        format!("redis+sentinel://{}/{}", addresses.join(","), Self::SERVICE)
    }

    /// Kills the primary, and waits until another server is one.
    ///
    /// # Panics
    /// If no Sentinel names another one within three minutes.
    pub fn kill_primary(&mut self) {
        let port = self.primary();
        if let Some(server) = self.servers.iter_mut().find(|server| server.port == port) {
            server.kill();
        }
        self.wait_until("there is a new primary", |all| all.primary() != port);
    }

    /// Starts again what was killed, and waits until it follows the primary that there is now.
    ///
    /// # Panics
    /// If it does not within three minutes.
    pub fn mend(&mut self) {
        let killed = self
            .servers
            .iter_mut()
            .filter(|server| server.process.is_none());
        killed.for_each(RedisServer::start);
        self.wait_until("all others follow the primary", |all| {
            // Asked for each time: on a machine that stalls, Sentinels may have chosen again.
            let primary = all.primary();
            all.servers
                .iter()
                .filter(|server| server.port != primary)
                .all(RedisServer::follows)
        });
    }

    /// The port of the primary, as the first Sentinel that answers knows it.
    fn primary(&self) -> u16 {
        let asked = self.sentinels.iter().find_map(|(_, address)| {
            self.ask(
                *address,
                &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::SERVICE],
            )
            .ok()
        });
        let port = asked
            .and_then(|reply| reply.array().pop())
            .map(|port| port.text());
        port.and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    fn start_sentinel(&mut self, primary: &str) -> Option<()> {
        let program = NEED.find()?;
        let (folder, port) = (Folder::new("sentinel"), free_port());
        let service = Self::SERVICE;
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nsentinel monitor {service} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {service} 2000\nsentinel failover-timeout {service} 3000\n"
        );
        // It writes what it learns to this file.
        std::fs::write(folder.file("settings"), settings).expect("the folder was made just now");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let start = Start::new(program, folder.path()).arguments(["settings", "--sentinel"]);
        let process = start.process(|| self.ask(address, &["PING"]).is_ok());
        self.sentinels.push((process, address));
        self._folders.push(folder);
        Some(())
    }

    fn ask(&self, address: SocketAddr, command: &[&str]) -> io::Result<Reply> {
        let command: Vec<_> = command.iter().map(|part| part.as_bytes()).collect();
        exchange(TcpStream::connect(address)?, &command)
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        // A Sentinel that was stalled trusts no clock for half a minute, and a failover that failed is tried again later.
        for _ in 0..18_000 {
            if is_so(self) {
                return;
            }
            pause();
        }
        let roles: Vec<_> = self
            .servers
            .iter()
            .map(|server| (server.port, server.ask(&[b"ROLE"])))
            .collect();
        panic!(
            "not within three minutes: {what}; the primary is {}, and they say {roles:?}",
            self.primary()
        );
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
