//! Throw-away servers: real ones, started on a free socket or port, gone with the test that wanted them.
//!
//! One file for each kind of server; what they have in common is here. Called by the tests of the stores, and
//! by `cargo xtask`. Where a program is not installed, its [`Need`] says *skipped* and what to install;
//! where `ABIDING_REQUIRE` names it (`ABIDING_REQUIRE=redis,postgres`), the test fails instead.
//!
//! 1. A server lies in a fresh [`Folder`] under the system's temporary one: its data, its log, its socket.
//! 2. It ends with the process that started it, however that ends: a small shell holds on to both, and
//!    ends the server, by its own id, as soon as the other end of a pipe is gone.
//! 3. Nothing here depends on a driver. A server is asked whether it is ready in its own protocol.

mod certificate;
pub mod memcached;
pub mod mysql;
pub mod places;
pub mod postgres;
mod process;
mod proxy;
pub mod redis;

use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

pub use certificate::certify;
pub use process::{Process, Start};
pub use proxy::{Cut, Held, Proxy};

/// A program that a test cannot do without.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Need {
    /// What `ABIDING_REQUIRE` calls it.
    pub name: &'static str,
    /// Where it may be: names to be found in the path, or full paths. The first one that starts counts.
    pub programs: &'static [&'static str],
    /// The package of Debian that brings it.
    pub package: &'static str,
}

impl Need {
    /// A program, under the names it may have.
    pub const fn new(
        name: &'static str,
        programs: &'static [&'static str],
        package: &'static str,
    ) -> Self {
        Self {
            name,
            programs,
            package,
        }
    }

    /// The program, or `None` after having said that the test is skipped.
    ///
    /// # Panics
    /// If it is not there and `ABIDING_REQUIRE` names it.
    pub fn find(&self) -> Option<&'static str> {
        let found = self
            .programs
            .iter()
            .copied()
            .find(|program| starts(program));
        if found.is_none() {
            let Self { name, package, .. } = self;
            assert!(
                !is_required(name),
                "{name} is not installed (Debian: `apt-get install {package}`), and ABIDING_REQUIRE names it"
            );
            // Not `eprintln!`: the test runner keeps that from the eyes of whoever runs a test that passes.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: needs {name} (Debian: `apt-get install {package}`)"
            );
        }
        found
    }
}

fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    let silent = command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Not every program knows that argument, but only one that is there can refuse it.
    silent.status().is_ok()
}

#[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
fn is_required(name: &str) -> bool {
    env::var("ABIDING_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|required| required.trim() == name))
}

/// A fresh folder, removed when it is dropped, or when the last server in it has ended.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one that only its owner may look into.
    ///
    /// # Panics
    /// If the system has no temporary folder.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a socket has at most 107 bytes.
        let path = env::temp_dir().join(format!("abiding-{name}-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .expect("a test machine has a temporary folder");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A port of this machine that nobody listened to a moment ago.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a test machine has a free port");
    listener.local_addr().expect("it was bound just now").port()
}
