//! The folder: what lies where in it, and whether it is one of ours.
//!
//! | in the folder | is |
//! |---|---|
//! | `abiding` | the mark, with the version of the layout |
//! | `locks/3f` | the lock of a stripe |
//! | `new/3f` | the row that whoever has the turn of a stripe is writing |
//! | `rows/abc/abc…` | a row, named by its store key |
//! | `subjects/abc/abc…-abc…` | an empty file for each row of a subject: the subject key, the store key |
//! | `ends/3f/…` | what the sweep looks at, and when |
//!
//! All of it is for the owner alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use abiding::{Error, ErrorKind, StoreKey, SubjectKey};

use super::{
    failure::Failure,
    locks::{Locks, STRIPES},
    options::Durability,
};
use crate::private_file;

pub(super) struct Folder {
    root: PathBuf,
    durability: Durability,
    pub(super) locks: Locks,
}

impl Folder {
    /// Opens the folder at `root`, an absolute path, and makes it if there is none.
    pub(super) fn open(
        root: PathBuf,
        durability: Durability,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let is_new = make(&root)?;
        admit(&root)?;
        for part in PARTS {
            make(&root.join(part))?;
        }
        check_locks(&root)?;
        let mut files = Vec::with_capacity(STRIPES);
        for stripe in 0..STRIPES {
            let path = root.join(LOCKS).join(two_digits(stripe));
            let file = open_or_create(&path).map_err(Failure::at(&path))?;
            make(&root.join(ENDS).join(two_digits(stripe)))?;
            files.push((path, file));
        }
        let folder = Self {
            locks: Locks::new(files, patience),
            root,
            durability,
        };
        folder.mark()?;
        if is_new {
            private_file::sync_directory_of(&folder.root).map_err(Failure::at(&folder.root))?;
        }
        folder.tidy()?;
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A disk that was taken away must not look like a folder without sessions.
    pub(super) fn check_presence(&self) -> Result<(), Failure> {
        let mark = self.root.join(MARK);
        fs::symlink_metadata(&mark).map_err(Failure::at(&mark))?;
        Ok(())
    }

    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    /// Where the row of `key` lies.
    pub(super) fn row(&self, key: &StoreKey) -> PathBuf {
        let name = key.to_hex();
        self.shard(ROWS, &name).join(name)
    }

    /// Where all rows lie.
    pub(super) fn rows(&self) -> PathBuf {
        self.root.join(ROWS)
    }

    /// Where it is noted that the row of `key` belongs to `subject`.
    pub(super) fn listing(&self, subject: &SubjectKey, key: &StoreKey) -> PathBuf {
        let name = hex(subject.as_bytes());
        let shard = self.shard(SUBJECTS, &name);
        shard.join(format!("{name}-{}", key.to_hex()))
    }

    /// Where the rows of `subject` are noted, and how those notes begin.
    pub(super) fn listings(&self, subject: &SubjectKey) -> (PathBuf, String) {
        let name = hex(subject.as_bytes());
        (self.shard(SUBJECTS, &name), name + "-")
    }

    /// Where the rows of a stripe are listed by their end.
    pub(super) fn ends(&self, stripe: usize) -> PathBuf {
        self.root.join(ENDS).join(two_digits(stripe))
    }

    /// Where whoever has the turn of a stripe writes what is not to be seen yet.
    pub(super) fn new_file(&self, stripe: usize) -> PathBuf {
        self.root.join(NEW).join(two_digits(stripe))
    }

    fn shard(&self, part: &str, name: &str) -> PathBuf {
        self.root.join(part).join(&name[..SHARD_DIGITS])
    }

    /// Makes the folder around `path`, which is a shard.
    pub(super) fn make_shard_of(&self, path: &Path) -> Result<(), Failure> {
        let shard = private_file::directory_of(path);
        if make(&shard)? && self.durability == Durability::Power {
            private_file::sync_directory_of(&shard).map_err(Failure::at(&shard))?;
        }
        Ok(())
    }

    /// Marks the folder as one of ours.
    fn mark(&self) -> Result<(), Failure> {
        let mark = self.root.join(MARK);
        if mark.exists() {
            return Ok(());
        }
        let turn = self.locks.take(0)?;
        let new = self.new_file(turn.stripe());
        let written = replace(&new, MARK_TEXT.as_bytes()).and_then(|file| file.sync_all());
        written.map_err(Failure::at(&new))?;
        fs::rename(&new, &mark).map_err(Failure::at(&mark))?;
        private_file::sync_directory_of(&mark).map_err(Failure::at(&mark))
    }

    /// Removes what a process that was killed was writing: nobody else writes it, as we have the turn.
    fn tidy(&self) -> Result<(), Failure> {
        for stripe in 0..STRIPES {
            let new = self.new_file(stripe);
            if new.exists() {
                let _turn = self.locks.take(stripe)?;
                match fs::remove_file(&new) {
                    Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                        return Err(Failure::at(&new)(cause));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// A fresh file at `path`, in the place of whatever was left there, with these bytes in it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = match private_file::create_new(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            private_file::create_new(path)?
        }
        file => file?,
    };
    if let Err(cause) = file.write_all(bytes) {
        // The room is needed.
        let _ = fs::remove_file(path);
        return Err(cause);
    }
    Ok(file)
}

/// Whether the folder is for us alone, and empty or ours.
fn admit(root: &Path) -> Result<(), Failure> {
    let opened = File::open(root).map_err(Failure::at(root))?;
    if let Some(mode) = private_file::exposure(&opened).map_err(Failure::at(root))? {
        let what = format!("is open to others ({mode:o}): `chmod 700` it");
        return Err(refused(root, &what));
    }
    match fs::read(root.join(MARK)) {
        Ok(mark) if mark == MARK_TEXT.as_bytes() => Ok(()),
        Ok(mark) if mark.starts_with(MARK_NAME.as_bytes()) => Err(refused(
            root,
            "was written by another release, whose layout this one does not know: run that release",
        )),
        Ok(_) => Err(refused(
            root,
            "has a file `abiding` that this library did not write: give the sessions a folder of their own",
        )),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            for entry in fs::read_dir(root).map_err(Failure::at(root))? {
                let name = entry.map_err(Failure::at(root))?.file_name();
                // What a process left that was killed while it made the folder, or is just making.
                if !PARTS.iter().any(|part| name == *part) {
                    return Err(refused(
                        root,
                        "holds something else: give the sessions a folder of their own",
                    ));
                }
            }
            Ok(())
        }
        Err(cause) => Err(Failure::at(root)(cause)),
    }
}

/// Whether locks are respected here, which they are not on every file system.
fn check_locks(root: &Path) -> Result<(), Failure> {
    let path = root.join(LOCKS).join(two_digits(0));
    let (one, other) = (open_or_create(&path), open_or_create(&path));
    let (one, other) = (
        one.map_err(Failure::at(&path))?,
        other.map_err(Failure::at(&path))?,
    );
    let first = one.try_lock();
    let second = other.try_lock();
    match (first, second) {
        // Somebody else has it, or we do and the second one is told so.
        (_, Err(TryLockError::WouldBlock)) => Ok(()),
        // Somebody else had it for the first of the two.
        (Err(TryLockError::WouldBlock), Ok(())) => Ok(()),
        _ => Err(refused(
            root,
            "lies where files cannot be locked: put it on a local disk",
        )),
    }
}

/// Makes a folder for its owner alone. Answers whether it was not there.
fn make(path: &Path) -> Result<bool, Failure> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                return Ok(false);
            }
            Err(refused(path, "is no folder: choose another path"))
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(refused(
            path,
            "lies in a folder that does not exist: make that first",
        )),
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => Err(refused(
            path,
            "lies in what is no folder: choose another path",
        )),
        Err(cause) => Err(Failure::at(path)(cause)),
    }
}

fn open_or_create(path: &Path) -> io::Result<File> {
    match private_file::create_new(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)
        }
        file => file,
    }
}

fn refused(path: &Path, what: &str) -> Failure {
    let context = format!("the folder {} {what}", path.display());
    Error::new(ErrorKind::Unavailable, "open", context).into()
}

fn two_digits(stripe: usize) -> String {
    format!("{stripe:02x}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that a name of 64 hexadecimal digits spells.
pub(super) fn key(name: &str) -> Option<StoreKey> {
    let digits = name.as_bytes();
    if digits.len() != 2 * StoreKey::LEN {
        return None;
    }
    let mut bytes = [0; StoreKey::LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        // What else `from_str_radix` takes, and what is spelled in another way, is no name of ours.
        let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        let pair = pair
            .iter()
            .all(is_digit)
            .then(|| str::from_utf8(pair).ok())??;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(StoreKey::from_bytes(bytes))
}

const MARK: &str = "abiding";
const MARK_NAME: &str = "abiding sessions in files, layout ";
const MARK_TEXT: &str = "abiding sessions in files, layout 1\n";
const ENDS: &str = "ends";
const LOCKS: &str = "locks";
const NEW: &str = "new";
const ROWS: &str = "rows";
const SUBJECTS: &str = "subjects";
const PARTS: [&str; 5] = [ENDS, LOCKS, NEW, ROWS, SUBJECTS];
/// How many digits of a name its shard is named by: 4,096 shards, so that ten million sessions are 2,400 files in each.
const SHARD_DIGITS: usize = 3;
