//! What the program says when it cannot start: a message with the remedy, and a non-zero exit.

#![expect(clippy::unwrap_used, reason = "a test says so by panicking")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let scratch = Scratch::new("port");
    let expected =
        format!("port {port} is in use: stop the program that has it, or choose another PORT");
    refuses(&scratch, &[("PORT", &port)], &expected);
}

#[test]
fn settings_that_cannot_be_followed_are_refused_with_what_would_do() {
    let scratch = Scratch::new("settings");
    for (variable, value, expected) in [
        ("PORT", "eighty", "give a number from 0 to 65535"),
        (
            "ABIDING_STORE",
            "redis",
            "the stores are sqlite, memory and cookie",
        ),
        (
            "ABIDING_PROFILE",
            "staging",
            "the profiles are development and production",
        ),
    ] {
        refuses(
            &scratch,
            &[(variable, value)],
            &format!("{variable} is \"{value}\": {expected}"),
        );
    }
    assert!(
        !scratch.data().exists(),
        "a start that was refused left something behind"
    );
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let scratch = Scratch::new("data");
    fs::write(scratch.data(), "a file in the way").unwrap();
    refuses(&scratch, &[], "or name another one in ABIDING_DATA");
}

#[test]
fn a_database_that_is_none_is_refused_and_left_alone() {
    for name in ["applications.db", "sessions.db"] {
        let scratch = Scratch::new("database");
        fs::create_dir(scratch.data()).unwrap();
        let file = scratch.data().join(name);
        let content = "this is not a database, but it may be precious".repeat(100);
        fs::write(&file, &content).unwrap();
        refuses(&scratch, &[], name);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
}

#[test]
fn a_key_that_keeps_no_secret_is_refused() {
    let scratch = Scratch::new("key");
    let file = scratch.path.join("session.key");
    let path = file.to_str().unwrap();
    let settings = [("ABIDING_KEY_FILE", path)];
    let production = [
        ("ABIDING_KEY_FILE", path),
        ("ABIDING_PROFILE", "production"),
    ];
    refuses(&scratch, &production, "there is no key file");
    for key in ["c2hvcnQ=\n", "", &"A".repeat(43), "changeme\n"] {
        write_private(&file, key);
        refuses(&scratch, &settings, "in the key file");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("exposed");
    let file = scratch.path.join("session.key");
    fs::write(&file, "x").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refuses(
        &scratch,
        &[("ABIDING_KEY_FILE", file.to_str().unwrap())],
        "chmod 600",
    );
}

/// Runs the program, which must end by itself, and looks for `expected` in what it says.
fn refuses(scratch: &Scratch, settings: &[(&str, &str)], expected: &str) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_abiding-demo"))
        .env_clear()
        .env("PORT", "0")
        .env("ABIDING_DATA", scratch.data())
        .envs(settings.iter().copied())
        .current_dir(&scratch.path)
        .output()
        .unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{settings:?}: {said}");
    assert!(
        said.starts_with("abiding-demo: ") && said.contains(expected),
        "{settings:?}: {said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    assert!(stdout.is_empty(), "the banner was shown");
}

fn write_private(file: &Path, content: &str) {
    fs::write(file, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A directory that goes with the test.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("abiding-startup-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
