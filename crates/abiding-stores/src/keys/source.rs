//! Where keys come from, by one grammar that a setting of any program can have.
//!
//! | text | keys |
//! |---|---|
//! | `file:PATH`, or a path with a `/` or `.` in it | in a file of the user of the process, for nobody else to read |
//! | `env:NAME` | in a variable of the environment |
//! | `fd:N` | in what an open descriptor gives until its end; `fd:0` is the standard input |
//! | `credential:NAME` | in a credential that systemd passes to a service (`LoadCredential=`) |
//!
//! Never on the command line, which every user of a machine can read: a text that looks like a key
//! itself is refused, and not repeated.

use std::{
    env,
    ffi::OsString,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use abiding::{Key, KeyList, KeyRing};
use zeroize::Zeroizing;

use super::{KeyError, KeyFile, file};
use crate::private_file;

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// A file of this name in the directory that systemd names in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// An open descriptor, read once to its end; a pipe or a file. The number stays open, since safe
    /// code cannot close what may be anybody's: pass a pipe, which holds nothing once it was read. What
    /// another user has opened can be read as the standard input alone.
    Descriptor(u32),
    /// A variable of the environment.
    Environment(String),
    /// A file, which can be rotated and followed.
    File(PathBuf),
}

impl KeySource {
    /// The source that this text names.
    ///
    /// ```
    /// use abiding_stores::keys::KeySource;
    ///
    /// assert_eq!(KeySource::parse("fd:3")?, KeySource::Descriptor(3));
    /// assert_eq!(KeySource::parse("./session.key")?, KeySource::File("./session.key".into()));
    /// assert!(KeySource::parse("vault:session").is_err());
    /// # Ok::<(), abiding_stores::keys::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError::Source`] for a text that names none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let named = match text.split_once(':') {
            Some(("credential", name)) => is_name(name).then(|| Self::Credential(name.into())),
            Some(("env", name)) => is_name(name).then(|| Self::Environment(name.into())),
            Some(("fd", number)) => number.parse().ok().map(Self::Descriptor),
            Some(("file", path)) => (!path.is_empty()).then(|| Self::File(path.into())),
            _ if is_key(text) => {
                return Err(KeyError::Source {
                    problem: "is the key itself",
                    remedy: "put the key into a file or a variable, and name that: `file:PATH` or `env:NAME`",
                });
            }
            // A drive on some systems is one letter; a misspelled word must not become a file.
            Some((word, _)) if word.len() > 1 && !word.contains(['/', '.', '\\']) => None,
            _ => text
                .contains(['/', '.', '\\'])
                .then(|| Self::File(text.into())),
        };
        named.ok_or(KeyError::Source {
            problem: "is not understood",
            remedy: "write `file:PATH`, `env:NAME`, `fd:NUMBER`, `credential:NAME`, or a path with a `/` in it",
        })
    }

    /// The keys as a ring: for production, where keys must be there and keep a secret.
    ///
    /// # Errors
    /// If there are none, if others may read them, or if one of them is short, weak or known.
    pub fn load(&self) -> Result<KeyRing, KeyError> {
        Ok(self.read()?.ring())
    }

    /// The same, but makes a file that is absent: for development.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if the file cannot be made.
    pub fn load_or_create(&self) -> Result<KeyRing, KeyError> {
        match self {
            Self::File(path) => KeyFile::new(path).load_or_create(),
            _ => self.load(),
        }
    }

    /// The keys as they are at the moment: what a process that [follows](Self::is_followable) its
    /// source gives to [`KeyRing::replace`] now and then.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(&self) -> Result<KeyList, KeyError> {
        match self {
            Self::Credential(name) => {
                let directory = variable("CREDENTIALS_DIRECTORY").ok_or_else(|| self.missing())?;
                file::read(self, &Path::new(&directory).join(name))
            }
            Self::Descriptor(number) => {
                let open = private_file::descriptor(*number);
                let open = open.map_err(|cause| self.unreadable("read", cause))?;
                file::check(self, &open)?;
                self.drain(open)
            }
            Self::Environment(name) => {
                let value = variable(name).ok_or_else(|| self.missing())?;
                let text = value.into_string().map(Zeroizing::new);
                let strange = |_| self.unreadable("read", io::ErrorKind::InvalidData.into());
                self.parse_list(&text.map_err(strange)?)
            }
            Self::File(path) => KeyFile::new(path).read(),
        }
    }

    /// Whether what it holds can change while a process runs.
    pub fn is_followable(&self) -> bool {
        matches!(self, Self::Credential(_) | Self::File(_))
    }

    pub(super) fn drain(&self, from: impl Read) -> Result<KeyList, KeyError> {
        // Room for all of it at once: a buffer that grows leaves copies of the keys behind.
        let mut text = Zeroizing::new(String::with_capacity(LIMIT));
        let read = from.take(LIMIT as u64).read_to_string(&mut text);
        match read {
            Err(cause) => Err(self.unreadable("read", cause)),
            Ok(LIMIT) => {
                let cause = io::Error::other("it is far too long for a list of keys");
                Err(self.unreadable("read", cause))
            }
            Ok(_) => self.parse_list(&text),
        }
    }

    fn parse_list(&self, text: &str) -> Result<KeyList, KeyError> {
        KeyList::parse(text).map_err(|problem| KeyError::Unusable {
            origin: self.clone(),
            problem,
        })
    }

    pub(super) fn missing(&self) -> KeyError {
        KeyError::Missing {
            origin: self.clone(),
        }
    }

    pub(super) fn unreadable(&self, attempt: &'static str, cause: io::Error) -> KeyError {
        if cause.kind() == io::ErrorKind::NotFound && attempt == "read" {
            return self.missing();
        }
        KeyError::Unreadable {
            origin: self.clone(),
            attempt,
            cause,
        }
    }

    /// Its name without an article.
    pub(super) fn bare(&self) -> String {
        match self {
            Self::Credential(name) => format!("credential {name}"),
            Self::Descriptor(number) => format!("open descriptor {number}"),
            Self::Environment(name) => format!("variable {name}"),
            Self::File(path) => format!("key file {}", path.display()),
        }
    }
}

impl FromStr for KeySource {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

/// In words: `the key file /etc/app/session.key`.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {}", self.bare())
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !name.is_empty() && name.chars().all(fits) && !name.starts_with('.') && !is_key(name)
}

/// Whether somebody wrote a key where its source belongs. A path that happens to have the length of
/// a key has more than one `/`, or is not all letters.
fn is_key(text: &str) -> bool {
    let path = text.starts_with('/') && text.matches('/').count() > 1;
    let hexadecimal = text.len() == 2 * Key::LEN && text.bytes().all(|c| c.is_ascii_hexdigit());
    let base64 = |c: u8| c.is_ascii_alphanumeric() || b"+/-_=".contains(&c);
    let spelled = matches!(text.len(), 43 | 44) && text.bytes().all(base64);
    hexadecimal || (spelled && !path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the named place where keys are read from the environment, when a program asks for it"
)]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// More than a thousand keys: who needs more has taken the wrong file.
pub(super) const LIMIT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_named_by_one_grammar() {
        for (text, expected) in [
            ("file:key", KeySource::File("key".into())),
            ("file:/etc/a b", KeySource::File("/etc/a b".into())),
            ("file:env:x", KeySource::File("env:x".into())),
            (
                "/etc/session.key",
                KeySource::File("/etc/session.key".into()),
            ),
            (" session.key\n", KeySource::File("session.key".into())),
            ("./key", KeySource::File("./key".into())),
            ("./a:b", KeySource::File("./a:b".into())),
            ("C:\\key", KeySource::File("C:\\key".into())),
            ("env:APP_KEY", KeySource::Environment("APP_KEY".into())),
            ("fd:0", KeySource::Descriptor(0)),
            ("fd:17", KeySource::Descriptor(17)),
            (
                "credential:session",
                KeySource::Credential("session".into()),
            ),
            (
                "/run/secrets/abiding/session/signing/key/42",
                KeySource::File("/run/secrets/abiding/session/signing/key/42".into()),
            ),
        ] {
            assert_eq!(KeySource::parse(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_names_no_source_is_refused_with_the_remedy() {
        for text in [
            "",
            "key",
            "env:",
            "env:A=B",
            "ENV:KEY",
            "fd:",
            "fd:-1",
            "fd:x",
            "file:",
            "credential:../shadow",
            "credential:a/b",
            "vault:session",
            "secret",
        ] {
            let error = KeySource::parse(text).unwrap_err().to_string();
            assert!(error.contains("env:NAME"), "{text:?}: {error}");
        }
    }

    /// KR-2: a key in the place of its source is not taken, and not repeated in a log.
    #[test]
    fn a_key_in_the_place_of_its_source_is_refused_and_not_repeated() {
        let key = Key::generate().unwrap().reveal().to_string();
        let standard = key.replace('-', "+").replace('_', "/") + "=";
        let hexadecimal = "0123456789abcdef".repeat(4);
        let slash = format!("/{}", &standard[1..].replace('/', "A"));
        for text in [&key, &standard, &hexadecimal, &slash, &format!("env:{key}")] {
            let error = KeySource::parse(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&key[5..30]), "{shown}");
            assert!(!shown.contains(&text[text.len() - 20..]), "{shown}");
        }
    }

    #[test]
    fn an_absent_variable_descriptor_or_credential_is_told_with_the_remedy() {
        for (source, remedy) in [
            ("env:ABIDING_NO_SUCH_VARIABLE", "openssl rand"),
            ("fd:1000000", "1000000< FILE"),
            ("credential:session", "LoadCredential=session:PATH"),
        ] {
            let source = KeySource::parse(source).unwrap();
            for error in [
                source.load().unwrap_err(),
                source.load_or_create().unwrap_err(),
            ] {
                assert!(matches!(error, KeyError::Missing { .. }), "{error:?}");
                assert!(error.to_string().contains(remedy), "{error}");
            }
        }
    }

    /// KR-2: whatever a descriptor gives, up to its end.
    #[test]
    #[cfg(unix)]
    fn a_descriptor_is_read_to_its_end() {
        use std::{io::Write as _, os::fd::AsRawFd as _};
        let (reader, mut writer) = io::pipe().unwrap();
        let key = Key::generate().unwrap();
        writer.write_all(key.reveal().as_bytes()).unwrap();
        drop(writer);
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        let ring = KeySource::Descriptor(number).load().unwrap();
        assert_eq!(ring.ids(), [key.id()]);
        let again = KeySource::Descriptor(number).load().unwrap_err();
        assert!(again.to_string().contains("holds no key"), "{again}");
    }
}
