//! Rows as files: read by anybody, written by whoever has the turn.
//!
//! 1. A reader sees a row as it was before a write or after it: a write makes another file and renames it.
//! 2. A session moves to another key in three steps that a crash may cut off anywhere: the row under the new
//!    key, *pending*, which names the old one; the alias or snapshot under the old key, which names the new
//!    one, and is the moment at which it happens; then the pending row is confirmed where it lies. Whoever meets a pending row
//!    asks the old key; and what lies there is not removed before the new row is confirmed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use abiding::{StoreKey, Timestamp};

use super::{
    failure::Failure,
    folder::{Folder, replace},
    locks::Turn,
    options::Durability,
    rows::{HEAD, KIND_AT, LOOK_AT, PENDING, RECORD, Row, Stored, length},
};
use crate::private_file;

impl Folder {
    /// The row under `key`, over or not; a pending one as what it is.
    pub(super) fn read_as_is(&self, key: &StoreKey) -> Result<Option<Stored>, Failure> {
        let path = self.row(key);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                self.check_presence()?;
                return Ok(None);
            }
            Err(cause) => return Err(Failure::at(&path)(cause)),
        };
        match Stored::parse(&bytes) {
            Some(stored) => Ok(Some(stored)),
            None => Err(Failure::Unreadable(path)),
        }
    }

    /// The row under `key`, over or not; of a pending one what it has become, if it has arrived.
    pub(super) fn read(&self, key: &StoreKey) -> Result<Option<Stored>, Failure> {
        // Twice: it may be confirmed, and what lay under the old key removed, between two looks.
        for _ in 0..2 {
            let Some(stored) = self.read_as_is(key)? else {
                return Ok(None);
            };
            let Row::Pending { from, record } = stored.row else {
                return Ok(Some(stored));
            };
            if self.leads(&from, key)? {
                let row = Row::Record(record);
                return Ok(Some(Stored { row, ..stored }));
            }
        }
        Ok(None)
    }

    /// The row that `key` leads to, if it is not over; never an alias.
    pub(super) fn follow(
        &self,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<Option<(StoreKey, Stored)>, Failure> {
        let mut key = *key;
        for _ in 0..HOPS {
            match self.read(&key)? {
                Some(stored) if stored.is_over(now) => return Ok(None),
                Some(Stored {
                    row: Row::Alias(to),
                    ..
                }) => key = to,
                Some(stored) => return Ok(Some((key, stored))),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether the row under `from` was left by a rotation to `key`.
    fn leads(&self, from: &StoreKey, key: &StoreKey) -> Result<bool, Failure> {
        Ok(match self.read_as_is(from)?.map(|stored| stored.row) {
            Some(Row::Alias(to)) => to == *key,
            Some(Row::Snapshot { to, .. }) => to == Some(*key),
            Some(Row::Pending { .. } | Row::Record(_)) | None => false,
        })
    }

    pub(super) fn is_taken(&self, key: &StoreKey) -> Result<bool, Failure> {
        let path = self.row(key);
        match fs::symlink_metadata(&path) {
            Ok(_) => Ok(true),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(Failure::at(&path)(cause)),
        }
    }

    /// Puts a row under `key`, in the place of the one there. After an error it is the old or the new one.
    pub(super) fn put(
        &self,
        turn: &Turn<'_>,
        key: &StoreKey,
        stored: &Stored,
    ) -> Result<(), Failure> {
        let (new, path) = (self.new_file(turn.stripe()), self.row(key));
        let file = replace(&new, &stored.to_bytes()).map_err(Failure::at(&new))?;
        if self.durability() == Durability::Power {
            file.sync_all().map_err(Failure::at(&new))?;
        }
        drop(file);
        match fs::rename(&new, &path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                self.make_shard_of(&path)?;
                fs::rename(&new, &path).map_err(Failure::at(&path))?;
            }
            renamed => renamed.map_err(Failure::at(&path))?,
        }
        self.flush_folder_of(&path)
    }

    /// Removes what is left under `key` of a session that moved on, or a row that is over, without flushing.
    pub(super) fn remove(&self, key: &StoreKey, stored: &Stored) -> Result<(), Failure> {
        if let Row::Alias(to) | Row::Snapshot { to: Some(to), .. } = &stored.row {
            self.confirm(to)?;
        }
        let path = self.row(key);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                return Err(Failure::at(&path)(cause));
            }
            _ => {}
        }
        if let Some(subject) = stored.subject() {
            self.unlist(subject, key)?;
        }
        Ok(())
    }

    /// The same, and it stays removed.
    pub(super) fn end(&self, key: &StoreKey, stored: &Stored) -> Result<(), Failure> {
        self.remove(key, stored)?;
        self.flush_folder_of(&self.row(key))
    }

    /// Confirms that a session has arrived under `to`, which what lies under its old key says. Whoever
    /// calls has the turn of that or of this one.
    pub(super) fn confirm(&self, to: &StoreKey) -> Result<(), Failure> {
        // A later write makes another file, which this one then does not touch.
        self.overwrite(to, |file| {
            let mut kind = [0];
            file.seek(SeekFrom::Start(KIND_AT))?;
            file.read_exact(&mut kind)?;
            if kind == [PENDING] {
                file.seek(SeekFrom::Start(KIND_AT))?;
                file.write_all(&[RECORD])?;
            }
            Ok(())
        })
    }

    /// Says when the sweep looks at the row under `key`; no reader looks at that.
    pub(super) fn look_at(&self, key: &StoreKey, at: Timestamp) -> Result<(), Failure> {
        self.overwrite(key, |file| {
            file.seek(SeekFrom::Start(LOOK_AT))?;
            file.write_all(&at.as_millis().to_le_bytes())
        })
    }

    fn overwrite(
        &self,
        key: &StoreKey,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let path = self.row(key);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(mut file) => write(&mut file).map_err(Failure::at(&path)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(Failure::at(&path)(cause)),
        }
    }

    pub(super) fn flush_folder_of(&self, path: &Path) -> Result<(), Failure> {
        if self.durability() == Durability::Process {
            return Ok(());
        }
        private_file::sync_directory_of(path).map_err(Failure::at(path))
    }
}

/// The bytes of a row: most of them come with the first look.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; FIRST_LOOK];
    let mut read = 0;
    loop {
        let expected = length(&bytes[..read]);
        if expected.is_some_and(|expected| read >= expected) {
            break;
        }
        if let Some(expected) = expected.filter(|expected| *expected <= LARGEST) {
            bytes.resize(expected.max(FIRST_LOOK), 0);
        }
        match file.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one.
pub(super) const HOPS: usize = 8;
/// How much is read at once: a session of the usual size.
const FIRST_LOOK: usize = 4_096;
/// Longer is no row.
const LARGEST: usize = 256 * 1024 * 1024 + HEAD;
