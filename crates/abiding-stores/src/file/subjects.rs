//! Which rows belong to whom: an empty file for each, named by the subject and the key.
//!
//! A row is listed before it is there and taken off after it is gone, so a crash leaves a name too many and
//! never one too few. Whoever meets such a name, and has the turn of its key, takes it off.

use std::{fs, io::ErrorKind};

use abiding::{Found, StoreKey, SubjectKey, Timestamp};

use super::{
    failure::Failure,
    folder::{Folder, key},
    rows::{Row, Stored},
};
use crate::private_file;

impl Folder {
    pub(super) fn list(&self, subject: &SubjectKey, key: &StoreKey) -> Result<(), Failure> {
        let path = self.listing(subject, key);
        let made = match private_file::create_new(&path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                self.make_shard_of(&path)?;
                private_file::create_new(&path)
            }
            made => made,
        };
        match made {
            Ok(_) => self.flush_folder_of(&path),
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(cause) => Err(Failure::at(&path)(cause)),
        }
    }

    pub(super) fn unlist(&self, subject: &SubjectKey, key: &StoreKey) -> Result<(), Failure> {
        let path = self.listing(subject, key);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => Err(Failure::at(&path)(cause)),
            _ => Ok(()),
        }
    }

    /// The keys of the rows of a subject, in their order.
    fn listed(&self, subject: &SubjectKey) -> Result<Vec<StoreKey>, Failure> {
        let (path, prefix) = self.listings(subject);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                self.check_presence()?;
                return Ok(Vec::new());
            }
            Err(cause) => return Err(Failure::at(&path)(cause)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry.map_err(Failure::at(&path))?.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix));
            keys.extend(rest.and_then(key));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// The living sessions of a subject, the most recently seen first.
    pub(super) fn of_subject(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<Vec<Found>, Failure> {
        let mut sessions = Vec::<Found>::new();
        for key in self.listed(subject)? {
            // One that was rotated between the two looks is reached by its old key and by its new one.
            let found = self.follow(&key, now)?;
            let found = found.and_then(|(key, stored)| stored.into_found(key));
            sessions.extend(
                found.filter(|found| !found.frozen && found.record.subject == Some(*subject)),
            );
        }
        sessions.sort_by_key(|found| found.key);
        sessions.dedup_by_key(|found| found.key);
        sessions.sort_by_key(|found| std::cmp::Reverse(found.record.seen));
        Ok(sessions)
    }

    /// Ends all rows of a subject but the one that `except` leads to, and answers how many sessions lived.
    pub(super) fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize, Failure> {
        let mut ended = 0;
        loop {
            // Again until none is left: one that is rotated meanwhile is listed under its new key.
            let mut others = 0;
            for key in self.listed(subject)? {
                let _turn = self.locks.of(&key)?;
                // Asked with the turn of this key, for a rotation to it has the same turn.
                let spared = except.map(|except| self.follow(except, now)).transpose()?;
                if spared.flatten().is_some_and(|(spared, _)| spared == key) {
                    continue;
                }
                others += 1;
                match self.read_as_is(&key)? {
                    Some(stored) if stored.subject() == Some(subject) => {
                        let has_arrived = self.read(&key)?.is_some();
                        self.end(&key, &stored)?;
                        ended += usize::from(has_arrived && lives(&stored, now));
                    }
                    _ => self.unlist(subject, &key)?,
                }
            }
            if others == 0 {
                return Ok(ended);
            }
        }
    }
}

fn lives(stored: &Stored, now: Timestamp) -> bool {
    let is_session = matches!(stored.row, Row::Pending { .. } | Row::Record(_));
    is_session && !stored.is_over(now)
}
