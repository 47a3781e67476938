//! PostgreSQL: one server, on a socket and on a port of its own. It trusts whoever is on this machine, but for the
//! role `sworn`, which must give its password at the port.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::SocketAddr,
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Folder, Need, Process, Start, free_port, process::pause};

/// The program. Debian keeps it out of the path.
pub const NEED: Need = Need::new(
    "postgres",
    &[
        "postgres",
        "/usr/lib/postgresql/18/bin/postgres",
        "/usr/lib/postgresql/17/bin/postgres",
        "/usr/lib/postgresql/16/bin/postgres",
        "/usr/lib/postgresql/15/bin/postgres",
        "/usr/lib/postgresql/14/bin/postgres",
        "/usr/lib/postgresql/13/bin/postgres",
    ],
    "postgresql",
);

/// The role that may do everything, and its database.
const OWNER: &str = "postgres";

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    /// `None` between [`kill`](Self::kill) and [`start`](Self::start). Before the folder, which it lies in.
    process: Option<Process>,
    start: Start,
    port: u16,
    folder: Folder,
}

impl PostgresServer {
    /// Starts one; `None` where PostgreSQL is not installed. Its writes survive the end of its processes, and
    /// not that of the machine: it does not flush.
    pub fn new() -> Option<Self> {
        Self::with(&["fsync=off"])
    }

    /// Starts one with these settings, spelled as `name=value`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn with(settings: &[&str]) -> Option<Self> {
        let program = NEED.find()?;
        let folder = Folder::new("postgres");
        make(&folder, program);
        let port = free_port();
        let data = folder.file("data");
        let mut start = as_server(program)
            .into_iter()
            .fold(Start::new(first(program), folder.path()), Start::argument)
            // An immediate end, without a last checkpoint.
            .ending_with("QUIT")
            .argument("-D")
            .argument(&data)
            .argument("-k")
            .argument(folder.path())
            .argument("-p")
            .argument(port.to_string());
        for setting in ["listen_addresses=127.0.0.1", "max_connections=200"]
            .iter()
            .chain(settings)
        {
            start = start.argument("-c").argument(setting);
        }
        let mut server = Self {
            process: None,
            start,
            port,
            folder,
        };
        server.start();
        Some(server)
    }

    /// Starts it again, over what it had kept.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        let is_ready = || self.ask(OWNER, "SELECT 1").is_ok();
        self.process = Some(self.start.process(is_ready));
    }

    /// Ends it at once, and waits until the processes that it had started have followed it.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            let children = children_of(process.id());
            process.kill();
            while children.iter().any(|child| Path::new(child).exists()) {
                pause();
            }
        }
    }

    /// Its first process, which answers to nobody itself.
    ///
    /// # Panics
    /// If it was killed.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    /// Makes all of it hang, or go on: the server and what it started.
    pub fn hang(&self, hangs: bool) {
        let name = if hangs { "-STOP" } else { "-CONT" };
        let id = self.process().id();
        let children = children_of(id);
        let children = children
            .iter()
            .filter_map(|folder| folder.rsplit('/').next());
        let _ = Command::new("kill")
            .arg(name)
            .args(children)
            .arg(id.to_string())
            .stderr(Stdio::null())
            .status();
    }

    /// Where all its files lie, its log among them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The URL of a database, by way of its socket, for the role that may do everything.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let (folder, port) = (folder.replace('/', "%2F"), self.port);
        format!("postgres://{OWNER}@{folder}:{port}/{database}")
    }

    /// Makes a database, empty, of a name that no other test has.
    pub fn database(&self) -> String {
        let name = format!("test_{}", &abiding::store::sample::key().to_hex()[..16]);
        self.sql(OWNER, &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements in a database, and answers their rows.
    ///
    /// # Panics
    /// If the server refuses them.
    pub fn sql(&self, database: &str, statements: &str) -> Vec<Vec<String>> {
        self.ask(database, statements)
            .unwrap_or_else(|refusal| panic!("{statements}: {refusal}"))
    }

    /// The simple query protocol, as far as a test needs it.
    fn ask(&self, database: &str, statements: &str) -> io::Result<Vec<Vec<String>>> {
        let socket = self.folder.file(&format!(".s.PGSQL.{}", self.port));
        let mut stream = UnixStream::connect(socket)?;
        let mut hello = 196_608_u32.to_be_bytes().to_vec();
        write!(hello, "user\0{OWNER}\0database\0{database}\0\0")?;
        stream.write_all(&(length(&hello)).to_be_bytes())?;
        stream.write_all(&hello)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        until_ready(&mut answers)?;
        let query = [statements.as_bytes(), b"\0"].concat();
        stream.write_all(b"Q")?;
        stream.write_all(&length(&query).to_be_bytes())?;
        stream.write_all(&query)?;
        until_ready(&mut answers)
    }
}

/// Reads messages until the server waits for the next question. Answers the rows among them.
fn until_ready(answers: &mut impl BufRead) -> io::Result<Vec<Vec<String>>> {
    let (mut rows, mut refusal) = (Vec::new(), None);
    loop {
        let mut head = [0; 5];
        answers.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_be_bytes(length).saturating_sub(4);
        let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
        answers.read_exact(&mut body)?;
        match kind {
            b'D' => rows.push(cells(&body)),
            // The server closes the connection after some of its errors.
            b'E' => {
                refusal = Some(io::Error::other(
                    String::from_utf8_lossy(&body).replace('\0', " "),
                ))
            }
            b'Z' => return refusal.map_or(Ok(rows), Err),
            _ => {}
        }
    }
}

/// The cells of a row; what is null is no text at all.
fn cells(mut body: &[u8]) -> Vec<String> {
    let mut count = [0; 2];
    let _ = body.read_exact(&mut count);
    let mut cell = || {
        let mut length = [0; 4];
        let _ = body.read_exact(&mut length);
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
        let (text, rest) = body.split_at(length.min(body.len()));
        body = rest;
        String::from_utf8_lossy(text).into_owned()
    };
    (0..u16::from_be_bytes(count)).map(|_| cell()).collect()
}

/// How long a message says that it is: its own length included.
fn length(body: &[u8]) -> u32 {
    u32::try_from(body.len()).unwrap_or(0) + 4
}

/// Makes the files of a server.
fn make(folder: &Folder, program: &str) {
    if let Some(owner) = unprivileged() {
        std::os::unix::fs::chown(folder.path(), Some(owner), None)
            .expect("root may give a folder away");
    }
    let initdb = Path::new(program).with_file_name("initdb");
    let mut command = Command::new(first(&initdb.to_string_lossy()));
    let done = command
        .args(as_server(&initdb.to_string_lossy()))
        .arg("-D")
        .arg(folder.file("data"))
        .args([
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("where there is a server, there is `initdb`");
    assert!(
        done.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    // All are trusted but one.
    let rule = "host all sworn 127.0.0.1/32 scram-sha-256\n";
    let path = folder.file("data/pg_hba.conf");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, [rule, &kept].concat()).expect("the files were made just now");
}

/// What is started in the place of `program`: it refuses to run as root.
fn first(program: &str) -> String {
    match unprivileged() {
        Some(_) => "setpriv".into(),
        None => program.into(),
    }
}

/// The arguments that come first, then.
fn as_server(program: &str) -> Vec<String> {
    match unprivileged() {
        Some(_) => ["--reuid", OWNER, "--regid", OWNER, "--init-groups", program]
            .map(str::to_owned)
            .into(),
        None => Vec::new(),
    }
}

/// The id of the user whom the package brings, if this is root.
fn unprivileged() -> Option<u32> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = users.lines().find(|line| line.starts_with("postgres:"))?;
    let id = user.split(':').nth(2)?.parse().ok()?;
    is_root.then_some(id)
}

/// The folders in `/proc` of what a process has started.
fn children_of(id: u32) -> Vec<String> {
    let parent = format!("PPid:\t{id}");
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_child = |folder: &PathBuf| {
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        status.lines().any(|line| line == parent)
    };
    folders
        .map(|entry| entry.path())
        .filter(is_child)
        .map(|folder| folder.display().to_string())
        .collect()
}
