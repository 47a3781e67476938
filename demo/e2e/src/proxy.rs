//! nginx before demos, as production has it: TLS by a certificate of the day, and requests dealt out in turn.
//! `cargo xtask e2e` unpacks Debian's nginx where there is none.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    demo::Demo,
    leash::Leashed,
    required::{self, starts},
    scratch::Scratch,
    screenshot::target,
};

/// One running proxy; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    _running: Leashed,
    /// Where it listens, `https://127.0.0.1:PORT`.
    origin: String,
    scratch: Scratch,
}

impl Proxy {
    /// The address from which it speaks to the demos: not the one that everybody else on this machine has, so that a demo can tell.
    pub const ADDRESS: &str = "127.0.0.2";

    /// Whether there is an nginx to test with.
    #[must_use]
    pub fn available() -> bool {
        let remedy = "install nginx, or run `cargo xtask e2e` once, which fetches it";
        required::is_there("nginx", program().is_some(), remedy)
    }

    /// Starts one in front of these demos, which take turns.
    #[must_use]
    pub fn start(demos: &[&Demo]) -> Self {
        let scratch = Scratch::new("proxy");
        make_certificate(scratch.path());
        let port = free_port();
        let demos = demos.iter().map(|demo| demo.url(""));
        let demos: Vec<String> = demos.map(|origin| origin.replace("http://", "")).collect();
        let settings = scratch.path().join("nginx.conf");
        fs::write(&settings, configuration(scratch.path(), port, &demos))
            .expect("the settings of nginx can be written");
        let log = File::create(scratch.path().join("log")).expect("the log can be made");
        let mut command = Command::new(program().expect("somebody has asked whether there is one"));
        command
            .arg("-p")
            .arg(scratch.path())
            .arg("-c")
            .arg(settings);
        // What it says once the port is its own.
        let bound = |line: &str| line.contains("using the \"").then_some(());
        let started = Leashed::start(&mut command, &log, bound).expect("nginx can be run");
        let Some((running, ())) = started else {
            let said = fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
            panic!("nginx did not start; it said:\n{said}");
        };
        Self {
            _running: running,
            origin: format!("https://127.0.0.1:{port}"),
            scratch,
        }
    }

    /// The address of a page.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Which demo has answered each request so far, `127.0.0.1:PORT`.
    #[must_use]
    pub fn served(&self) -> Vec<String> {
        let log = fs::read_to_string(self.scratch.path().join("served"));
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// `Host` is left as nginx makes it and `Sec-Fetch-Site` is taken away, as if the browser were an older one: whether a form comes from the
/// demo's own page is then told by `X-Forwarded-Host` and `-Proto` alone.
fn configuration(folder: &Path, port: u16, demos: &[String]) -> String {
    let folder = folder.display();
    let demos: String = demos
        .iter()
        .map(|demo| format!("server {demo}; "))
        .collect();
    let bind = Proxy::ADDRESS;
    format!(
        "daemon off;
master_process off;
pid {folder}/pid;
error_log /dev/stdout notice;
events {{}}
http {{
    log_format served $upstream_addr;
    access_log {folder}/served served;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream demos {{ {demos}}}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate;
        ssl_certificate_key {folder}/key;
        location / {{
            proxy_pass http://demos;
            proxy_bind {bind};
            proxy_set_header Sec-Fetch-Site \"\";
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"
    )
}

/// A certificate for this machine and for this test.
fn make_certificate(folder: &Path) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-noenc", "-days", "1", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "key", "-out", "certificate"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "openssl makes no certificate"
    );
}

/// A port that nobody has at the moment; nginx cannot choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("there is a free port").port()
}

/// The system's nginx, or the one that was unpacked for these tests.
fn program() -> Option<PathBuf> {
    let unpacked = target().join("tools/nginx/usr/sbin/nginx");
    let known = [PathBuf::from("/usr/sbin/nginx"), unpacked];
    let on_path = starts("nginx").then(|| PathBuf::from("nginx"));
    on_path.or_else(|| known.into_iter().find(|program| program.exists()))
}
