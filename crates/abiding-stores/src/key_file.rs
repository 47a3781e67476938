//! The file that keeps the keys of an application: one key a line, the newest first.
//!
//! Called once, at start, with the path from the settings; answers a [`KeyRing`]. A file that others
//! may read, or that holds no real key, is refused with the remedy, and never quietly replaced: fresh
//! keys would log everybody out. No message ever holds a key.
//!
//! ```
//! let directory = std::env::temp_dir().join(format!("abiding-doc-{}", std::process::id()));
//! std::fs::create_dir_all(&directory)?;
//! let path = directory.join("session.key");
//!
//! let made = abiding_stores::key_file::load_or_create(&path)?;
//! assert_eq!(abiding_stores::key_file::load(&path)?.ids(), made.ids());
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    error::Error as StdError,
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use abiding::{ConfigError, Key, KeyRing};
use zeroize::Zeroizing;

use crate::private_file;

/// The ring in the key file at `path`.
///
/// # Errors
/// If the file is missing, if others than its owner may read it, or if it holds no key or one that is
/// short, weak or known.
pub fn load(path: impl AsRef<Path>) -> Result<KeyRing, KeyFileError> {
    let path = path.as_ref();
    let unreadable = |cause| KeyFileError::unreadable(path, "read", cause);
    let file = File::open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing {
            path: path.to_path_buf(),
        },
        _ => unreadable(cause),
    })?;
    // Asked of the open file, so that nobody can swap it in between.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    if let Some(mode) = private_file::exposure(&file).map_err(unreadable)? {
        return Err(KeyFileError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    // Room for all of it at once: a buffer that grows leaves copies of the keys behind.
    let mut text = Zeroizing::new(String::with_capacity(LIMIT));
    let read = file
        .take(LIMIT as u64)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if read == LIMIT {
        return Err(unreadable(io::Error::other(
            "it is far too long for a key file",
        )));
    }
    KeyRing::parse(&text).map_err(|problem| KeyFileError::Unusable {
        path: path.to_path_buf(),
        problem,
    })
}

/// The ring in the key file at `path`, which is made with one fresh key if there is none.
///
/// Two processes that start at once end up with the same key. The file survives a power loss once
/// this returns.
///
/// # Errors
/// As [`load`], and if the file cannot be made. The directory must exist.
pub fn load_or_create(path: impl AsRef<Path>) -> Result<KeyRing, KeyFileError> {
    let path = path.as_ref();
    match load(path) {
        Err(KeyFileError::Missing { .. }) => {}
        found => return found,
    }
    let key = Key::generate().map_err(|cause| {
        KeyFileError::unreadable(path, "create", io::Error::other(cause.to_string()))
    })?;
    create(path, &key).map_err(|cause| KeyFileError::unreadable(path, "create", cause))?;
    load(path)
}

/// Puts a whole file in place or, if somebody was faster, nothing.
fn create(path: &Path, key: &Key) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_string_lossy();
    // The id of a fresh key is public, and as random as the key.
    let draft = private_file::directory_of(path).join(format!(".{name}.{}", key.id()));
    let written = write(&draft, key).and_then(|()| match fs::hard_link(&draft, path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    private_file::sync_directory_of(path)
}

fn write(draft: &Path, key: &Key) -> io::Result<()> {
    let mut file = private_file::create_new(draft)?;
    file.write_all(HEADER.as_bytes())?;
    file.write_all(key.reveal().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Why there is no ring. Every message names the file and the remedy, and none holds a key.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Others than its owner may read it.
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no such file.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system would not let it be read or made.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// It holds no key, or one that cannot keep a secret.
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with the key.
        problem: ConfigError,
    },
}

impl KeyFileError {
    fn unreadable(path: &Path, attempt: &'static str, cause: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_path_buf(),
            attempt,
            cause,
        }
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "others may read the key file {path} (mode {mode:04o}): run `chmod 600 {path}`, "
                )?;
                f.write_str("and make a fresh key if somebody may have read this one")
            }
            Self::Missing { path } => {
                let path = path.display();
                write!(f, "there is no key file {path}: ")?;
                write!(
                    f,
                    "run `(umask 077; openssl rand -base64 32 > {path})`, or copy the one of the other nodes"
                )
            }
            Self::Unreadable {
                path,
                attempt,
                cause,
            } => {
                write!(
                    f,
                    "the system does not let this process {attempt} the key file {}: {cause}; ",
                    path.display()
                )?;
                f.write_str("see that its directory exists and that both belong to the user of this process")
            }
            Self::Unusable { path, problem } => {
                write!(f, "in the key file {}, {problem}", path.display())
            }
        }
    }
}

impl StdError for KeyFileError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::Unusable { problem, .. } => Some(problem),
            Self::Exposed { .. } | Self::Missing { .. } => None,
        }
    }
}

/// More than a thousand keys: who needs more has taken the wrong file.
const LIMIT: usize = 64 * 1024;
const HEADER: &str = "# The session keys of this application, the newest first. Whoever reads them can forge sessions.\n";

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Barrier, thread};

    use super::*;
    use crate::scratch::Scratch;

    fn write_with_mode(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// DR-1: each refusal names the file and the remedy, and none the key.
    #[test]
    fn files_that_keep_no_secret_are_refused() {
        let scratch = Scratch::new();
        let path = scratch.file("session.key");
        let key = Key::generate().unwrap().reveal().to_string();
        let table = [
            (key.as_str(), 0o644, "chmod 600"),
            (&key, 0o640, "chmod 600"),
            (&key, 0o604, "chmod 600"),
            ("", 0o600, "openssl rand"),
            ("# only a comment\n", 0o600, "openssl rand"),
            (&key[..20], 0o600, "openssl rand"),
            (
                "change-me-change-me-change-me-change-me-123",
                0o600,
                "openssl rand",
            ),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                0o600,
                "openssl rand",
            ),
            (&format!("{key}\n{}", &key[..30]), 0o600, "openssl rand"),
        ];
        for (text, mode, remedy) in table {
            write_with_mode(&path, text, mode);
            let error = load(&path).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(remedy) && shown.contains(&path.display().to_string()),
                "{shown}"
            );
            assert!(!shown.contains(&key[..20]), "{shown}");
            // What is wrong is never replaced.
            assert!(load_or_create(&path).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let scratch = Scratch::new();
        assert!(matches!(
            load(scratch.file("missing")),
            Err(KeyFileError::Missing { .. })
        ));
        assert!(matches!(
            load(scratch.path()),
            Err(KeyFileError::Unreadable { .. })
        ));
        let error = load_or_create(scratch.file("missing/session.key"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("see that its directory exists"), "{error}");
        write_with_mode(&scratch.file("long"), &"#\n".repeat(LIMIT), 0o600);
        assert!(matches!(
            load(scratch.file("long")),
            Err(KeyFileError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_made_file_is_private_and_read_again() {
        let scratch = Scratch::new();
        let path = scratch.file("session.key");
        let made = load_or_create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(load_or_create(&path).unwrap().ids(), made.ids());
        assert_eq!(
            fs::read_dir(scratch.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    /// Scar 31: processes that start at once must not log out each other's users.
    #[test]
    fn many_who_start_at_once_get_one_key() {
        let scratch = Scratch::new();
        let path = scratch.file("session.key");
        let start = Barrier::new(16);
        let ids: Vec<_> = thread::scope(|scope| {
            let open = || {
                start.wait();
                load_or_create(&path).unwrap().ids()
            };
            let starters: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
            starters
                .into_iter()
                .map(|starter| starter.join().unwrap())
                .collect()
        });
        assert!(ids.iter().all(|other| *other == ids[0]), "{ids:?}");
        assert_eq!(
            fs::read_dir(scratch.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }
}
