//! MariaDB: one server, on a socket and on a port of its own. `root` needs no password on this machine.

use std::{
    fs,
    io::{self, BufReader, Read, Write},
    net::SocketAddr,
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Folder, Need, Process, Start, free_port};

/// The program. The package is the server without the service that would start one.
pub const NEED: Need = Need::new(
    "mysql",
    &["mariadbd", "/usr/sbin/mariadbd"],
    "mariadb-server-core",
);

/// What makes certificates.
const OPENSSL: Need = Need::new("openssl", &["openssl"], "openssl");

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct MysqlServer {
    /// `None` between [`kill`](Self::kill) and [`start`](Self::start). Before the folder, which it lies in.
    process: Option<Process>,
    start: Start,
    port: u16,
    folder: Folder,
}

impl MysqlServer {
    /// Starts one; `None` where MariaDB is not installed. Its writes survive the end of its process, and not
    /// that of the machine: it does not flush.
    pub fn new() -> Option<Self> {
        Self::with(&["innodb-flush-log-at-trx-commit=2"])
    }

    /// Starts one with these settings, spelled as `name=value`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn with(settings: &[&str]) -> Option<Self> {
        let program = NEED.find()?;
        Some(Self::in_folder(Folder::new("mysql"), program, settings))
    }

    /// Starts one that speaks TLS, and answers the file with its certificate, for `localhost`, in PEM; `None`
    /// where MariaDB or OpenSSL, which makes the certificate, is not installed.
    ///
    /// # Panics
    /// If OpenSSL makes none.
    pub fn secured() -> Option<(Self, PathBuf)> {
        let (openssl, program) = (OPENSSL.find()?, NEED.find()?);
        let folder = Folder::new("mysql");
        let made = Command::new(openssl)
            .current_dir(folder.path())
            .args(CERTIFICATE.split(' '))
            .output();
        assert!(
            made.is_ok_and(|made| made.status.success()),
            "openssl made no certificate"
        );
        let certificate = folder.file("certificate");
        if let Some(owner) = owner_of_files() {
            for file in ["certificate", "key"] {
                std::os::unix::fs::chown(folder.file(file), Some(owner), None)
                    .expect("root may give a file away");
            }
        }
        let settings = [("cert", "certificate"), ("key", "key")]
            .map(|(name, file)| format!("ssl-{name}={}", folder.file(file).display()));
        let settings = settings.each_ref().map(String::as_str);
        Some((Self::in_folder(folder, program, &settings), certificate))
    }

    fn in_folder(folder: Folder, program: &str, settings: &[&str]) -> Self {
        make(&folder, program);
        let port = free_port();
        let mut start = Start::new(program, folder.path())
            .arguments(["--no-defaults", "--skip-name-resolve"])
            .argument(format!("--datadir={}", folder.file("data").display()))
            .argument(format!("--socket={}", folder.file("socket").display()))
            .argument(format!("--port={port}"))
            .argument(own_scratch(&folder))
            .arguments(as_user());
        for setting in SETTINGS.iter().chain(settings) {
            start = start.argument(format!("--{setting}"));
        }
        let mut server = Self {
            process: None,
            start,
            port,
            folder,
        };
        server.start();
        server
    }

    /// Starts it again, over what it had kept.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        let is_ready = || self.ask("", "SELECT 1").is_ok();
        self.process = Some(self.start.process(is_ready));
    }

    /// Ends it at once, as a power cut does, and waits until it is gone.
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

    /// Where all its files lie, its log among them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The URL of a database, by way of the port, for the user who may do everything.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.address())
    }

    /// The same, by way of the socket.
    pub fn socket_url(&self, database: &str) -> String {
        let socket = self.socket().display().to_string().replace('/', "%2F");
        format!("mysql://root@localhost/{database}?socket={socket}")
    }

    /// Makes a database, empty, of a name that no other test has.
    pub fn database(&self) -> String {
        let name = format!("test_{}", &abiding::store::sample::key().to_hex()[..16]);
        self.sql("", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements in a database, or in none, and answers their rows.
    ///
    /// # Panics
    /// If the server refuses them.
    pub fn sql(&self, database: &str, statements: &str) -> Vec<Vec<String>> {
        self.ask(database, statements)
            .unwrap_or_else(|refusal| panic!("{statements}: {refusal}"))
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.file("socket")
    }

    /// The protocol of text, as far as a test needs it.
    fn ask(&self, database: &str, statements: &str) -> io::Result<Vec<Vec<String>>> {
        let mut stream = UnixStream::connect(self.socket())?;
        let mut answers = BufReader::new(stream.try_clone()?);
        refused(packet(&mut answers)?)?;
        let mut hello = CAPABILITIES.to_le_bytes().to_vec();
        hello.extend(16_777_216_u32.to_le_bytes());
        hello.push(UTF8MB4);
        hello.extend([0; 23]);
        // No password, then no database, and the name of the way to prove it.
        hello.extend(b"root\0\0mysql_native_password\0");
        send(&mut stream, 1, &hello)?;
        refused(packet(&mut answers)?)?;
        if !database.is_empty() {
            send(&mut stream, 0, &[&[2], database.as_bytes()].concat())?;
            refused(packet(&mut answers)?)?;
        }
        send(&mut stream, 0, &[&[3], statements.as_bytes()].concat())?;
        let mut rows = Vec::new();
        while results(&mut answers, &mut rows)? {}
        send(&mut stream, 0, &[1])?;
        Ok(rows)
    }
}

/// Reads the answer to one statement. Whether another follows.
fn results(answers: &mut impl Read, rows: &mut Vec<Vec<String>>) -> io::Result<bool> {
    let head = refused(packet(answers)?)?;
    if head.first() == Some(&0) {
        let mut rest = &head[1..];
        let _ = (number(&mut rest), number(&mut rest));
        return Ok(goes_on(rest));
    }
    // The columns, and the end of them.
    while !is_end(&packet(answers)?) {}
    loop {
        let row = refused(packet(answers)?)?;
        if is_end(&row) {
            return Ok(goes_on(&row[3..]));
        }
        let (mut rest, mut cells) = (&row[..], Vec::new());
        while !rest.is_empty() {
            let length = number(&mut rest).unwrap_or(0).min(rest.len());
            let (text, after) = rest.split_at(length);
            cells.push(String::from_utf8_lossy(text).into_owned());
            rest = after;
        }
        rows.push(cells);
    }
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// Whether the state of the server says that more results follow.
fn goes_on(state: &[u8]) -> bool {
    state.first().is_some_and(|state| state & 8 != 0)
}

/// A number of a variable length; none for a cell that is null, which is no text at all.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let (first, after) = rest.split_first()?;
    let length = match first {
        0xfb => 0,
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        small => {
            *rest = after;
            return Some(usize::from(*small));
        }
    };
    let (bytes, after) = after.split_at(length);
    *rest = after;
    let digits = bytes.iter().rev();
    (length > 0).then(|| digits.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn packet(answers: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    answers.read_exact(&mut head)?;
    let [a, b, c, _] = head;
    let mut body = vec![0; usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap_or(0)];
    answers.read_exact(&mut body)?;
    Ok(body)
}

fn refused(packet: Vec<u8>) -> io::Result<Vec<u8>> {
    match packet.split_first() {
        Some((0xff, refusal)) => Err(io::Error::other(String::from_utf8_lossy(refusal))),
        _ => Ok(packet),
    }
}

fn send(stream: &mut UnixStream, number: u8, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
    let [a, b, c, _] = length;
    stream.write_all(&[&[a, b, c, number], body].concat())
}

/// Makes the files of a server, as `mariadb-install-db` does.
fn make(folder: &Folder, program: &str) {
    let data = folder.file("data");
    fs::create_dir(&data).expect("the folder was made just now");
    if let Some(owner) = owner_of_files() {
        for path in [folder.path(), &data] {
            std::os::unix::fs::chown(path, Some(owner), None).expect("root may give a folder away");
        }
    }
    let mut script = BEGINNING.to_owned();
    for file in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
        let read = |folder: &&str| fs::read_to_string(Path::new(folder).join(file)).ok();
        script += &SHARE
            .iter()
            .find_map(read)
            .expect("where there is a server, there is the text of its own tables");
    }
    let text = folder.file("tables.sql");
    fs::write(&text, script).expect("the folder was made just now");
    let done = Command::new(program)
        .args(["--no-defaults", "--bootstrap"])
        .arg(format!("--datadir={}", data.display()))
        .arg(own_scratch(folder))
        .args(as_user())
        .args(SETTINGS.map(|setting| format!("--{setting}")))
        .arg("--innodb-flush-log-at-trx-commit=0")
        .stdin(fs::File::open(&text).expect("it was written just now"))
        .stdout(Stdio::null())
        .output()
        .expect("it was found just now");
    assert!(
        done.status.success(),
        "mariadbd: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A server that starts removes the temporary tables that it finds, also those of one beside it.
fn own_scratch(folder: &Folder) -> String {
    format!("--tmpdir={}", folder.path().display())
}

/// It refuses to run as root unless it is told who to be.
fn as_user() -> Option<String> {
    owner_of_files().map(|_| format!("--user={USER}"))
}

/// The id of whom the files belong to, if this is root.
fn owner_of_files() -> Option<u32> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = users
        .lines()
        .find(|line| line.split(':').next() == Some(USER))?;
    let id = user.split(':').nth(2)?.parse().ok()?;
    is_root.then_some(id)
}

/// Whom a server runs as that root has started: one whom every system has, and who owns nothing.
const USER: &str = "nobody";

/// Small and quick, and nothing of the machine in it.
const SETTINGS: [&str; 6] = [
    "bind-address=127.0.0.1",
    "innodb-buffer-pool-size=64M",
    "innodb-log-file-size=32M",
    "max-connections=200",
    "performance-schema=OFF",
    "skip-log-bin",
];

/// Where the text of a server's own tables may lie.
const SHARE: [&str; 2] = ["/usr/share/mysql", "/usr/share/mariadb"];

/// What stands before that text. `root` has no password then, and there is nobody else.
const BEGINNING: &str = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n";

const CERTIFICATE: &str = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
     -keyout key -out certificate -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";

/// Of the protocol of 4.1, with several statements and several results, and a way to prove who one is.
const CAPABILITIES: u32 = 0x0000_0200 | 0x0000_8000 | 0x0001_0000 | 0x0002_0000 | 0x0008_0000;

/// The character set, `utf8mb4_general_ci`.
const UTF8MB4: u8 = 45;
