//! What the sweep looks at, and when: lists of keys by instant, so that nothing else need be looked at.
//!
//! A list holds entries of one stripe whose instants lie in one stretch of time, and is written by whoever has the
//! turn of that stripe. The stretches are longer the farther away they are; when a long one begins, its entries
//! are spread over shorter ones. An entry counts if the row says the same instant; any other is left over
//! from a crash, or was overtaken.
//!
//! Lists are not flushed: what a power loss takes away from them is found by a slow walk ([`super::sweep`]).

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{ErrorKind, Seek, SeekFrom, Write},
    path::PathBuf,
};

use abiding::{StoreKey, Timestamp};

use super::{
    failure::Failure,
    folder::{Folder, replace},
    locks::Turn,
};

/// A row, and when the sweep is to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: StoreKey,
    pub(super) at: Timestamp,
}

/// The beginning of a stretch of time; its list is named by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stretch(i64);

impl Stretch {
    /// Which stretch an instant is listed in, seen from `now`.
    pub(super) fn of(at: Timestamp, now: Timestamp) -> Self {
        let (at, now) = (at.as_millis(), now.as_millis());
        let left = at.saturating_sub(now);
        let (_, length) = LENGTHS[LENGTHS
            .iter()
            .position(|(from, _)| left >= *from)
            .unwrap_or(LENGTHS.len() - 1)];
        Self(at & !(length - 1))
    }

    pub(super) fn has_begun(self, now: Timestamp) -> bool {
        self.0 <= now.as_millis()
    }

    /// Sorts as the instants do.
    fn name(self) -> String {
        format!("{:016x}", self.0.cast_unsigned() ^ SIGN)
    }

    fn parse(name: &str) -> Option<Self> {
        let number = u64::from_str_radix(name, 16).ok()?;
        let stretch = Self((number ^ SIGN).cast_signed());
        (stretch.name() == name).then_some(stretch)
    }
}

impl Folder {
    /// Lists a row whose stripe `turn` is for. What never ends is not listed.
    pub(super) fn schedule(
        &self,
        turn: &Turn<'_>,
        key: &StoreKey,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let entry = Entry { key: *key, at };
        self.schedule_all(turn, &[entry], now)
    }

    pub(super) fn schedule_all(
        &self,
        turn: &Turn<'_>,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut lists = BTreeMap::<Stretch, Vec<u8>>::new();
        for entry in entries.iter().filter(|entry| entry.at < Timestamp::MAX) {
            let list = lists.entry(Stretch::of(entry.at, now)).or_default();
            entry.write(list);
        }
        for (stretch, bytes) in lists {
            let path = self.list_at(turn.stripe(), stretch);
            let appended = || {
                let mut file = OpenOptions::new();
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
                let mut file = file.write(true).create(true).truncate(false).open(&path)?;
                // A process that was killed may have left a part of an entry at the end.
                let end = file.metadata()?.len() / ENTRY as u64 * ENTRY as u64;
                file.seek(SeekFrom::Start(end))?;
                file.write_all(&bytes).or_else(|cause| {
                    file.set_len(end)?;
                    Err(cause)
                })
            };
            appended().map_err(Failure::at(&path))?;
        }
        Ok(())
    }

    /// The lists of a stripe whose stretch has begun, the earliest first.
    pub(super) fn due(&self, stripe: usize, now: Timestamp) -> Result<Vec<Stretch>, Failure> {
        let path = self.ends(stripe);
        let entries = fs::read_dir(&path).map_err(Failure::at(&path))?;
        let mut due = Vec::new();
        for entry in entries {
            let name = entry.map_err(Failure::at(&path))?.file_name();
            let stretch = name.to_str().and_then(Stretch::parse);
            due.extend(stretch.filter(|stretch| stretch.has_begun(now)));
        }
        due.sort_unstable();
        Ok(due)
    }

    pub(super) fn entries(&self, stripe: usize, stretch: Stretch) -> Result<Vec<Entry>, Failure> {
        let path = self.list_at(stripe, stretch);
        match fs::read(&path) {
            Ok(bytes) => Ok(bytes.chunks_exact(ENTRY).filter_map(Entry::read).collect()),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(Failure::at(&path)(cause)),
        }
    }

    /// Leaves nothing but `entries` on a list.
    pub(super) fn keep(
        &self,
        turn: &Turn<'_>,
        stretch: Stretch,
        entries: &[Entry],
    ) -> Result<(), Failure> {
        let path = self.list_at(turn.stripe(), stretch);
        if entries.is_empty() {
            return match fs::remove_file(&path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => Err(Failure::at(&path)(cause)),
                _ => Ok(()),
            };
        }
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
        entries.iter().for_each(|entry| entry.write(&mut bytes));
        let new = self.new_file(turn.stripe());
        replace(&new, &bytes).map_err(Failure::at(&new))?;
        fs::rename(&new, &path).map_err(Failure::at(&path))
    }

    fn list_at(&self, stripe: usize, stretch: Stretch) -> PathBuf {
        self.ends(stripe).join(stretch.name())
    }
}

impl Entry {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.key.as_bytes());
        bytes.extend(self.at.as_millis().to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (key, at) = bytes.split_first_chunk::<{ StoreKey::LEN }>()?;
        Some(Self {
            key: StoreKey::from_bytes(*key),
            at: Timestamp::from_millis(i64::from_le_bytes(at.try_into().ok()?)),
        })
    }
}

/// The length of an entry: a store key and an instant.
const ENTRY: usize = StoreKey::LEN + size_of::<i64>();
const SIGN: u64 = 1 << 63;
/// From how far away on a stretch has which length, in milliseconds: 18 hours, 35 minutes, 66 seconds.
const LENGTHS: [(i64, i64); 3] = [(4 << 26, 1 << 26), (4 << 21, 1 << 21), (i64::MIN, 1 << 16)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_hold_their_instants_and_sort_by_name() {
        let at = Timestamp::from_millis;
        let mut last = String::new();
        for millis in [i64::MIN, -1, 0, 65_535, 65_536, 1 << 40, i64::MAX - 1] {
            let stretch = Stretch::of(at(millis), at(millis));
            assert!(stretch.has_begun(at(millis)));
            assert!(millis.wrapping_sub(stretch.0) < 1 << 16);
            assert_eq!(Stretch::parse(&stretch.name()), Some(stretch));
            assert!(stretch.name() >= last, "{} after {last}", stretch.name());
            last = stretch.name();
        }
        assert_eq!(Stretch::parse("somebody's file"), None);
        assert_eq!(Stretch::parse("+000000000000001"), None);
    }

    #[test]
    fn what_is_far_away_shares_a_list_and_is_spread_when_it_comes_near() {
        let (now, week) = (Timestamp::from_millis(1 << 41), 7 * 86_400_000);
        let at = |millis: i64| Timestamp::from_millis(now.as_millis() + millis);
        assert_eq!(
            Stretch::of(at(week), now),
            Stretch::of(at(week + 3_600_000), now)
        );
        let near = at(week - 60_000);
        assert_ne!(
            Stretch::of(at(week), near),
            Stretch::of(at(week + 3_600_000), near)
        );
    }
}
