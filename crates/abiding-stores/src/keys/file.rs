//! The file that keeps the keys of an application: read, made, and rotated under those who follow it.
//!
//! Called by [`KeySource`] at start and by whoever operates the application; the lines are a
//! [`KeyList`]'s. A change is a whole new file that takes the place of the old one, so a reader meets
//! the old keys or the new ones and never a part; it is on disk when the call returns, and of two at
//! once the second waits for the first.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use abiding::{ConfigError, Key, KeyId, KeyList, KeyRing, Timestamp};

use super::{KeyError, KeySource};
use crate::private_file;

/// A key file, to be made, loaded and rotated.
///
/// How a key is changed without signing anybody out, with processes that follow the file:
///
/// 1. [`rotate`](Self::rotate) adds a key that signs after `lead`. Each process takes it over at its
///    next look, long before anybody signs with it.
/// 2. When its time comes it signs everywhere, and visitors get new cookies as they come by. What the
///    old key made stays good.
/// 3. [`retire`](Self::retire) removes the old key when nothing it made can live.
///
/// ```
/// use abiding::{Clock as _, SystemClock};
/// use abiding_stores::keys::KeyFile;
/// # let directory = std::env::temp_dir().join(format!("abiding-doc-file-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("session.key");
///
/// let file = KeyFile::new(path);
/// let ring = file.load_or_create()?;
/// let (old, now) = (ring.ids()[0], SystemClock.now());
///
/// let new = file.rotate(KeyFile::LEAD, now)?;
/// assert!(ring.replace(&file.read()?)); // what a process that follows the file does
/// assert_eq!((ring.signer_at(now), ring.signer_at(now.after(KeyFile::LEAD * 2))), (old, new));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// How long a new key waits before it signs, unless there is a reason for another span: five
    /// minutes, time enough for every process to follow and for clocks that differ.
    pub const LEAD: Duration = Duration::from_secs(5 * 60);

    /// The key file at `path`. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys in the file.
    ///
    /// # Errors
    /// If the file is missing, if others than its owner may read it, or if it holds no key or one that
    /// is short, weak or known.
    pub fn read(&self) -> Result<KeyList, KeyError> {
        read(&self.origin(), &self.path)
    }

    /// The keys in the file as a ring.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn load(&self) -> Result<KeyRing, KeyError> {
        Ok(self.read()?.ring())
    }

    /// The same, after making the file with one fresh key if there is none: for development.
    ///
    /// Two processes that start at once end up with the same key. The file survives a power loss once
    /// this returns.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if the file cannot be made. The directory must exist.
    pub fn load_or_create(&self) -> Result<KeyRing, KeyError> {
        match self.load() {
            Err(KeyError::Missing { .. }) => {}
            found => return found,
        }
        let failed = |cause| self.origin().unreadable("create", cause);
        let list = KeyList::from(self.fresh()?);
        create(&self.path, &list).map_err(failed)?;
        self.load()
    }

    /// Adds a fresh key, which verifies at once and signs `lead` after `now`. Let `lead` be longer than
    /// the slowest process takes to follow: then nobody is signed out.
    ///
    /// # Errors
    /// As [`read`](Self::read), if the file cannot be written, and if the key of an earlier rotation
    /// still waits.
    pub fn rotate(&self, lead: Duration, now: Timestamp) -> Result<KeyId, KeyError> {
        let fresh = self.fresh()?;
        self.edit(|list| {
            if list.waiting_at(now).is_some() {
                return Err(ConfigError::Key {
                    problem: "that was added last still waits to sign",
                    remedy: "rotate again when it does",
                });
            }
            list.rotate(fresh, now.after(lead))
        })
    }

    /// Withdraws the key `id`: whoever rests on what it made is signed out as soon as the processes
    /// take the file over. If nothing else could sign, a fresh key takes its place at once.
    ///
    /// # Errors
    /// As [`read`](Self::read), if the file cannot be written, and if it holds no such key.
    pub fn revoke(&self, id: KeyId, now: Timestamp) -> Result<(), KeyError> {
        let fresh = self.fresh()?;
        self.edit(|list| {
            if list.revoke(id, now).is_ok() {
                return Ok(());
            }
            // A second back: instants are written in whole seconds, rounded up.
            list.rotate(fresh, now.before(Duration::from_secs(1)))?;
            list.revoke(id, now)
        })
    }

    /// Removes the keys whose every session is over, and answers which: see [`KeyList::retire`].
    ///
    /// # Errors
    /// As [`read`](Self::read), and if the file cannot be written.
    pub fn retire(&self, lifetime: Duration, now: Timestamp) -> Result<Vec<KeyId>, KeyError> {
        if self.read()?.retire(lifetime, now).is_empty() {
            return Ok(Vec::new());
        }
        self.edit(|list| Ok(list.retire(lifetime, now)))
    }

    /// Changes the list and puts the new file in the place of the old one.
    fn edit<T>(
        &self,
        change: impl FnOnce(&mut KeyList) -> Result<T, ConfigError>,
    ) -> Result<T, KeyError> {
        let origin = self.origin();
        let failed = |cause| origin.unreadable("write", cause);
        // A link keeps leading to the file.
        let path =
            fs::canonicalize(&self.path).map_err(|cause| origin.unreadable("read", cause))?;
        let locked = lock(&path).map_err(failed)?;
        let mut list = read(&origin, &path)?;
        let answer = change(&mut list).map_err(|problem| KeyError::Unusable {
            origin: origin.clone(),
            problem,
        })?;
        replace(&path, &locked, &list).map_err(failed)?;
        Ok(answer)
    }

    fn fresh(&self) -> Result<Key, KeyError> {
        let failed = |cause: abiding::Error| io::Error::other(cause.to_string());
        Key::generate().map_err(|cause| self.origin().unreadable("write", failed(cause)))
    }

    fn origin(&self) -> KeySource {
        KeySource::File(self.path.clone())
    }
}

/// The keys in the file at `path`, which `origin` leads to.
pub(super) fn read(origin: &KeySource, path: &Path) -> Result<KeyList, KeyError> {
    let file = File::open(path).map_err(|cause| origin.unreadable("read", cause))?;
    let metadata = file.metadata();
    let metadata = metadata.map_err(|cause| origin.unreadable("read", cause))?;
    if !metadata.is_file() {
        let cause = io::Error::other("it is not a regular file");
        return Err(origin.unreadable("read", cause));
    }
    check(origin, &file)?;
    origin.drain(file)
}

/// Refuses a file that others may read. Asked of the open file, so that nobody swaps it in between.
pub(super) fn check(origin: &KeySource, file: &File) -> Result<(), KeyError> {
    let failed = |cause| origin.unreadable("read", cause);
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(());
    }
    let exposure = private_file::exposure(file).map_err(failed)?;
    // systemd lets the service in by an access list, whose mask shows as the bits of the group.
    let by_list = matches!(origin, KeySource::Credential(_));
    match exposure.filter(|mode| !by_list || mode & 0o007 != 0) {
        None => Ok(()),
        Some(mode) => Err(KeyError::Exposed {
            origin: origin.clone(),
            mode,
        }),
    }
}

/// Waits until nobody else changes the file at `path`, and keeps others waiting until dropped.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        file.lock()?;
        // Whoever was faster has put another file in its place: that one is to be locked.
        if private_file::is_at(&file, path)? {
            return Ok(file);
        }
    }
}

/// Puts a whole file in the place of the one that is locked, for the same owner.
fn replace(path: &Path, locked: &File, list: &KeyList) -> io::Result<()> {
    let draft = draft(path, "next")?;
    // Of somebody who died on the way: nobody else writes while we hold the lock.
    match fs::remove_file(&draft) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let written = write(&draft, list)
        .and_then(|file| private_file::give_to_owner_of(locked, &file))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The first error tells more than this one could.
        let _ = fs::remove_file(&draft);
    }
    written?;
    private_file::sync_directory_of(path)
}

/// Puts a whole file in place or, if somebody was faster, nothing.
fn create(path: &Path, list: &KeyList) -> io::Result<()> {
    // The id of a fresh key is public, and as random as the key.
    let id = list.ring().ids()[0].to_string();
    let draft = draft(path, &id)?;
    let written = write(&draft, list).and_then(|_| match fs::hard_link(&draft, path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    private_file::sync_directory_of(path)
}

/// A name beside `path`, in the same directory.
fn draft(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let name = name.to_string_lossy();
    Ok(private_file::directory_of(path).join(format!(".{name}.{suffix}")))
}

fn write(draft: &Path, list: &KeyList) -> io::Result<File> {
    let mut file = private_file::create_new(draft)?;
    file.write_all(list.reveal().as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Barrier, thread};

    use super::{super::source::LIMIT, *};
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
            let error = KeyFile::new(&path).load().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(remedy) && shown.contains(&path.display().to_string()),
                "{shown}"
            );
            assert!(!shown.contains(&key[..20]), "{shown}");
            // What is wrong is never replaced.
            assert!(KeyFile::new(&path).load_or_create().is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let scratch = Scratch::new();
        assert!(matches!(
            KeyFile::new(scratch.file("missing")).load(),
            Err(KeyError::Missing { .. })
        ));
        assert!(matches!(
            KeyFile::new(scratch.path()).load(),
            Err(KeyError::Unreadable { .. })
        ));
        let error = KeyFile::new(scratch.file("missing/session.key"))
            .load_or_create()
            .unwrap_err()
            .to_string();
        assert!(error.contains("see that its directory exists"), "{error}");
        write_with_mode(&scratch.file("long"), &"#\n".repeat(LIMIT), 0o600);
        assert!(matches!(
            KeyFile::new(scratch.file("long")).load(),
            Err(KeyError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_made_file_is_private_and_read_again() {
        let scratch = Scratch::new();
        let path = scratch.file("session.key");
        let made = KeyFile::new(&path).load_or_create().unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            KeyFile::new(&path).load_or_create().unwrap().ids(),
            made.ids()
        );
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
                KeyFile::new(&path).load_or_create().unwrap().ids()
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

    const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

    fn only_file(scratch: &Scratch) -> bool {
        fs::read_dir(scratch.path()).unwrap().count() == 1
    }

    #[test]
    fn a_rotated_file_is_whole_private_and_keeps_its_comments() {
        let scratch = Scratch::new();
        let file = KeyFile::new(scratch.file("session.key"));
        let old = file.load_or_create().unwrap().ids()[0];
        // Of a process that was killed while it wrote.
        fs::write(scratch.file(".session.key.next"), "half a k").unwrap();
        let new = file.rotate(KeyFile::LEAD, NOW).unwrap();
        let ring = file.load().unwrap();
        assert_eq!(ring.ids(), [new, old]);
        let (before, after) = (NOW, NOW.after(KeyFile::LEAD));
        assert_eq!((ring.signer_at(before), ring.signer_at(after)), (old, new));
        assert!(only_file(&scratch), "no draft is left");
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(fs::read_to_string(file.path()).unwrap().starts_with("# "));
    }

    #[test]
    fn a_rotation_follows_a_link_and_leaves_it() {
        let scratch = Scratch::new();
        let (there, link) = (scratch.file("there"), scratch.file("session.key"));
        KeyFile::new(&there).load_or_create().unwrap();
        std::os::unix::fs::symlink("there", &link).unwrap();
        let new = KeyFile::new(&link).rotate(KeyFile::LEAD, NOW).unwrap();
        assert_eq!(KeyFile::new(&there).load().unwrap().ids()[0], new);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn of_many_rotations_at_once_one_is_carried_out() {
        let scratch = Scratch::new();
        let file = KeyFile::new(scratch.file("session.key"));
        file.load_or_create().unwrap();
        let start = Barrier::new(8);
        let rotate = || {
            start.wait();
            file.rotate(KeyFile::LEAD, NOW)
        };
        let made: Vec<_> = thread::scope(|scope| {
            let rotations: Vec<_> = (0..8).map(|_| scope.spawn(rotate)).collect();
            let join = |rotation: thread::ScopedJoinHandle<'_, _>| rotation.join().unwrap();
            rotations.into_iter().map(join).collect()
        });
        let refused = made.iter().filter_map(|made| made.as_ref().err());
        assert!(
            refused
                .clone()
                .all(|error| error.to_string().contains("still waits"))
        );
        assert_eq!(refused.count(), 7);
        assert_eq!(file.load().unwrap().ids().len(), 2);
        assert!(only_file(&scratch), "no draft is left");
    }

    /// KR-10: and an application is never left without a key.
    #[test]
    fn a_revoked_key_is_gone_and_another_one_signs() {
        let scratch = Scratch::new();
        let file = KeyFile::new(scratch.file("session.key"));
        let first = file.load_or_create().unwrap().ids()[0];
        file.revoke(first, NOW).unwrap();
        let ring = file.load().unwrap();
        let second = ring.signer_at(NOW);
        assert_eq!((ring.ids().len(), second == first), (1, false));
        file.rotate(Duration::ZERO, NOW).unwrap();
        file.revoke(second, NOW.after(KeyFile::LEAD)).unwrap();
        assert_eq!(file.load().unwrap().ids().len(), 1);
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains(&format!("revoked {first}")), "the marks stay");
        let unknown = file.revoke(first, NOW).unwrap_err().to_string();
        assert!(unknown.contains("not in the list"), "{unknown}");
        assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
    }

    #[test]
    fn a_retired_key_is_gone_when_its_sessions_are() {
        let scratch = Scratch::new();
        let file = KeyFile::new(scratch.file("session.key"));
        let first = file.load_or_create().unwrap().ids()[0];
        file.rotate(Duration::ZERO, NOW).unwrap();
        let hour = Duration::from_secs(3600);
        assert_eq!(file.retire(hour, NOW.after(hour)).unwrap(), []);
        assert_eq!(file.retire(hour, NOW.after(2 * hour)).unwrap(), [first]);
        assert_eq!(file.load().unwrap().ids().len(), 1);
    }

    /// What is wrong with a file while a process follows it: the file is not touched, and no list
    /// comes out of it that could take the place of the present one.
    #[test]
    fn a_file_that_went_wrong_is_neither_followed_nor_changed() {
        let scratch = Scratch::new();
        let file = KeyFile::new(scratch.file("session.key"));
        file.load_or_create().unwrap();
        let good = fs::read_to_string(file.path()).unwrap();
        for (text, mode) in [("garbage", 0o600), ("", 0o600), (good.as_str(), 0o644)] {
            write_with_mode(file.path(), text, mode);
            assert!(file.read().is_err());
            assert!(file.rotate(KeyFile::LEAD, NOW).is_err());
            assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
        }
        fs::remove_file(file.path()).unwrap();
        assert!(matches!(file.read(), Err(KeyError::Missing { .. })));
        let error = file.rotate(KeyFile::LEAD, NOW).unwrap_err();
        assert!(matches!(error, KeyError::Missing { .. }), "{error}");
    }
}
