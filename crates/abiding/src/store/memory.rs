//! Sessions in the memory of one process: for tests, for development, and for a single process that
//! may forget.
//!
//! Capabilities: in process (records are not sealed) · sweep · scan · subjects · survey · bulk · watch · not durable ·
//! not shared. Nothing is evicted. The end of the process ends every session; no operation awaits, so
//! there is no moment at which one can be cut in half.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Announcer, Bulk, Capabilities, Census, Change, Committed, Created, Deleted, Expect, Farewell,
    Leave, Outline, Question, Scan, Store, Subjects, Survey, Sweep, Swept, Touched, Watch,
    Watching,
};
use crate::{
    clock::Timestamp,
    error::Result,
    id::StoreKey,
    record::{Found, Record, SubjectKey},
};

/// How many locks the records are spread over.
const SHARDS: usize = 1_024;
/// How many shards one call of `sweep` visits at most.
const SHARDS_A_SWEEP: usize = 16;
/// How many rows a sweep removes before it lets go of a shard for a moment.
const ROWS_AT_ONCE: usize = 16;
/// How many aliases are followed: each rotation within the grace of the one before adds one.
const HOPS: usize = 8;

/// Keeps sessions in the memory of this process.
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    /// Where the next sweep begins.
    cursor: AtomicUsize,
    /// Locked after a shard, never before one.
    subjects: Mutex<HashMap<SubjectKey, BTreeSet<StoreKey>>>,
    announcer: Announcer,
}

type Shard = HashMap<StoreKey, Row, BuildHasherDefault<Hashed>>;

/// Store keys are hashes already, and nobody can choose them: eight of their bytes will do.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        // The first ones choose the shard. What is shorter is the length of the key.
        if let Some(bytes) = bytes.get(8..).and_then(<[u8]>::first_chunk) {
            self.0 = u64::from_le_bytes(*bytes);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

enum Row {
    Alias(Box<Alias>),
    /// What is told of a session that was ended: not made into a record before somebody asks, since many are kept and few are
    /// read, and in the table itself, since small pieces that stay between the large ones that go leave holes in the heap.
    Farewell {
        farewell: Farewell,
        absolute_deadline: Timestamp,
    },
    Record(Box<Record>),
    Snapshot(Box<Snapshot>),
}

struct Alias {
    to: StoreKey,
    until: Timestamp,
}

struct Snapshot {
    record: Record,
    until: Timestamp,
}

impl Row {
    fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Alias(alias) => alias.until <= now,
            Self::Farewell {
                farewell,
                absolute_deadline,
            } => farewell.until(*absolute_deadline) <= now,
            Self::Record(record) => record.is_expired_at(now),
            Self::Snapshot(frozen) => frozen.record.deadline().min(frozen.until) <= now,
        }
    }

    /// Whom the index of subjects lists it under.
    fn subject(&self) -> Option<&SubjectKey> {
        match self {
            Self::Alias(_) | Self::Farewell { .. } => None,
            Self::Record(record) => record.subject.as_ref(),
            Self::Snapshot(frozen) => frozen.record.subject.as_ref(),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            cursor: AtomicUsize::new(0),
            subjects: Mutex::default(),
            announcer: Announcer::new(),
        }
    }

    /// How many records and aliases there are, ended ones that were not swept included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[Self::index(key)])
    }

    /// The keys are hashes, so their first bits spread them evenly, and shards come in their order.
    fn index(key: &StoreKey) -> usize {
        let [first, second, ..] = *key.as_bytes();
        (usize::from(u16::from_be_bytes([first, second])) * SHARDS) >> u16::BITS
    }

    /// Runs `act` on the living record that `key` leads to, with its shard locked; frozen ones aside.
    fn with_living<T>(
        &self,
        key: &StoreKey,
        now: Timestamp,
        act: impl FnOnce(&StoreKey, &mut Record) -> T,
    ) -> Option<T> {
        self.with_row(key, now, |key, row| match row {
            Row::Record(record) => Some(act(key, record)),
            Row::Alias(_) | Row::Farewell { .. } | Row::Snapshot(_) => None,
        })?
    }

    /// Runs `act` on the record or snapshot that `key` leads to, with its shard locked.
    fn with_row<T>(
        &self,
        key: &StoreKey,
        now: Timestamp,
        act: impl FnOnce(&StoreKey, &mut Row) -> T,
    ) -> Option<T> {
        let mut key = *key;
        for _ in 0..HOPS {
            let mut shard = self.shard(&key);
            let row = shard.get_mut(&key)?;
            if row.is_over(now) {
                self.remove(&mut shard, &key);
                return None;
            }
            match row {
                Row::Alias(alias) => key = alias.to,
                row => return Some(act(&key, row)),
            }
        }
        None
    }

    fn remove(&self, shard: &mut Shard, key: &StoreKey) -> Option<Row> {
        let row = shard.remove(key)?;
        row.subject()
            .iter()
            .for_each(|subject| self.unlist(subject, key));
        Some(row)
    }

    /// Removes up to `limit` rows that are over. The lock is held for one look through the shard, and
    /// then for a few rows at a time, whose memory is given back without it.
    fn sweep_shard(&self, at: usize, now: Timestamp, limit: usize) -> usize {
        let ended: Vec<_> = lock(&self.shards[at])
            .iter()
            .filter(|(_, row)| row.is_over(now))
            .map(|(key, _)| *key)
            .take(limit)
            .collect();
        let mut removed = 0;
        for few in ended.chunks(ROWS_AT_ONCE) {
            let mut shard = lock(&self.shards[at]);
            // Whatever was touched since then lives on.
            let is_over = |shard: &Shard, key| shard.get(key).is_some_and(|row| row.is_over(now));
            let rows: Vec<_> = few
                .iter()
                .filter_map(|key| is_over(&shard, key).then(|| self.remove(&mut shard, key))?)
                .collect();
            drop(shard);
            removed += rows.len();
        }
        removed
    }

    fn list(&self, subject: Option<SubjectKey>, key: &StoreKey) {
        if let Some(subject) = subject {
            lock(&self.subjects)
                .entry(subject)
                .or_default()
                .insert(*key);
        }
    }

    fn unlist(&self, subject: &SubjectKey, key: &StoreKey) {
        let mut subjects = lock(&self.subjects);
        if let Some(keys) = subjects.get_mut(subject) {
            keys.remove(key);
            if keys.is_empty() {
                subjects.remove(subject);
            }
        }
    }

    fn replace(&self, key: &StoreKey, record: &mut Record, new: Record) {
        if record.subject != new.subject {
            record
                .subject
                .iter()
                .for_each(|subject| self.unlist(subject, key));
            self.list(new.subject, key);
        }
        *record = new;
    }

    fn rotate_now(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        for _ in 0..HOPS {
            let Some(from) = self.with_living(from, now, |key, _| *key) else {
                return Ok(Committed::Gone);
            };
            // Both shards at once, in the order of their numbers.
            let (first, second) = (
                Self::index(&from).min(Self::index(to)),
                Self::index(&from).max(Self::index(to)),
            );
            let mut low = lock(&self.shards[first]);
            let mut high = (first != second).then(|| lock(&self.shards[second]));
            fn pick<'a>(
                at: usize,
                first: usize,
                low: &'a mut Shard,
                high: Option<&'a mut Shard>,
            ) -> &'a mut Shard {
                match high {
                    Some(high) if at != first => high,
                    _ => low,
                }
            }
            if pick(Self::index(to), first, &mut low, high.as_deref_mut()).contains_key(to) {
                return Ok(Committed::KeyTaken);
            }
            let old_shard = pick(Self::index(&from), first, &mut low, high.as_deref_mut());
            let record = match old_shard.get(&from) {
                Some(Row::Record(record)) if !record.is_expired_at(now) => record,
                // Rotated or ended between the two looks: follow it anew.
                _ => continue,
            };
            let found = Found::new(from, (**record).clone());
            if !expect.admits(found.record.version) {
                return Ok(Committed::Stale(found));
            }
            let moved = change.apply_moving(&found, to)?;
            // Listed before it is unlisted: whoever ends the subject's sessions meanwhile waits for it.
            self.list(moved.subject, to);
            self.remove(old_shard, &from);
            let left = match leave {
                Leave::Alias(until) => Row::Alias(Box::new(Alias { to: *to, until })),
                Leave::Snapshot(until) => Row::Snapshot(Box::new(Snapshot {
                    record: found.record,
                    until,
                })),
            };
            self.list(left.subject().copied(), &from);
            old_shard.insert(from, left);
            let version = moved.version;
            let new_shard = pick(Self::index(to), first, &mut low, high.as_deref_mut());
            new_shard.insert(*to, Row::Record(Box::new(moved)));
            self.announcer.tell(&from);
            return Ok(Committed::Yes(version));
        }
        Ok(Committed::Gone)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .finish()
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            in_process: true,
            ..Capabilities::named("memory")
        }
    }

    async fn create(&self, key: &StoreKey, record: &Record, _: Timestamp) -> Result<Created> {
        let mut shard = self.shard(key);
        if shard.contains_key(key) {
            return Ok(Created::KeyTaken);
        }
        shard.insert(*key, Row::Record(Box::new(record.clone())));
        self.list(record.subject, key);
        Ok(Created::Yes)
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let found = |key: &StoreKey, row: &mut Row| match row {
            Row::Alias(_) => None,
            Row::Farewell {
                farewell,
                absolute_deadline,
            } => {
                let record = farewell.record(key, *absolute_deadline)?;
                Some(Found::snapshot(*key, record))
            }
            Row::Record(record) => Some(Found::new(*key, (**record).clone())),
            Row::Snapshot(frozen) => Some(Found::snapshot(*key, frozen.record.clone())),
        };
        Ok(self.with_row(key, now, found).flatten())
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let merge = |key: &StoreKey, record: &mut Record| {
            let found = Found::new(*key, record.clone());
            if !expect.admits(record.version) {
                return Ok(Committed::Stale(found));
            }
            self.replace(key, record, change.apply(&found)?);
            Ok(Committed::Yes(record.version))
        };
        self.with_living(key, now, merge)
            .unwrap_or(Ok(Committed::Gone))
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let slide = |_: &StoreKey, record: &mut Record| {
            record.idle_deadline = record.idle_deadline.max(idle_deadline);
            record.seen = record.seen.max(now);
            Touched::Yes
        };
        Ok(self.with_living(key, now, slide).unwrap_or(Touched::Gone))
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        self.rotate_now(from, to, change, expect, leave, now)
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let mut key = *key;
        for _ in 0..HOPS {
            let mut shard = self.shard(&key);
            let Some(row) = self.remove(&mut shard, &key) else {
                return Ok(Deleted::Absent);
            };
            if row.is_over(now) {
                return Ok(Deleted::Absent);
            }
            self.announcer.tell(&key);
            match (row, farewell) {
                (Row::Alias(alias), _) => key = alias.to,
                (Row::Record(record), Some(farewell)) => {
                    let row = Row::Farewell {
                        farewell: farewell.clone(),
                        absolute_deadline: record.absolute_deadline,
                    };
                    if !row.is_over(now) {
                        shard.insert(key, row);
                    }
                    return Ok(Deleted::Yes);
                }
                _ => return Ok(Deleted::Yes),
            }
        }
        Ok(Deleted::Absent)
    }
}

impl Sweep for MemoryStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        for _ in 0..SHARDS_A_SWEEP {
            let at = self.cursor.fetch_add(1, Ordering::Relaxed) % SHARDS;
            removed += self.sweep_shard(at, now, limit - removed);
            if removed == limit {
                // There may be more where this one stopped.
                self.cursor.store(at, Ordering::Relaxed);
                return Ok(Swept::new(removed, true));
            }
            if at == SHARDS - 1 {
                return Ok(Swept::new(removed, false));
            }
        }
        Ok(Swept::new(removed, true))
    }
}

impl Scan for MemoryStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let mut page = Vec::new();
        for shard in &self.shards[after.map_or(0, Self::index)..] {
            let shard = lock(shard);
            let mut found: Vec<_> = shard
                .iter()
                .filter(|(key, row)| after.is_none_or(|after| *key > after) && !row.is_over(now))
                .filter_map(|(key, row)| match row {
                    Row::Record(record) => Some(Found::new(*key, (**record).clone())),
                    Row::Alias(_) | Row::Farewell { .. } | Row::Snapshot(_) => None,
                })
                .collect();
            found.sort_by_key(|found| found.key);
            page.extend(found);
            if page.len() >= limit {
                page.truncate(limit);
                break;
            }
        }
        Ok(page)
    }
}

impl Bulk for MemoryStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Result<Vec<Created>> {
        let mut created = Vec::with_capacity(records.len());
        for (key, record) in &records {
            created.push(self.create(key, record, now).await?);
        }
        Ok(created)
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let replace = |(old, new): (Found, Record)| {
            let put = |key: &StoreKey, record: &mut Record| {
                let is_as_found = *key == old.key
                    && record.version == old.record.version
                    && record.seen == old.record.seen
                    && record.idle_deadline == old.record.idle_deadline;
                if is_as_found {
                    self.replace(key, record, new);
                }
                is_as_found
            };
            self.with_living(&old.key, now, put).unwrap_or(false)
        };
        Ok(records.into_iter().map(replace).collect())
    }
}

impl Survey for MemoryStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let mut census = Census::begin(question);
        for shard in &self.shards {
            for row in lock(shard).values() {
                if let Row::Record(record) = row {
                    census.meet(question, &Outline::of(record), now);
                }
            }
        }
        Ok(census)
    }
}

impl Subjects for MemoryStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let keys: Vec<_> = lock(&self.subjects)
            .get(subject)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let found = |key: &StoreKey| {
            self.with_living(key, now, |key, record| Found::new(*key, record.clone()))
        };
        let mut found: Vec<_> = keys.iter().filter_map(found).collect();
        found.retain(|found| found.record.subject == Some(*subject));
        // A record that was rotated between the two looks is reached by its old key and by its new one.
        found.sort_by_key(|found| found.key);
        found.dedup_by_key(|found| found.key);
        found.sort_by_key(|found| std::cmp::Reverse(found.record.seen));
        Ok(found)
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let mut ended = 0;
        loop {
            // Again until none is left: one that is rotated meanwhile is listed under its new key.
            let keys = lock(&self.subjects)
                .get(subject)
                .cloned()
                .unwrap_or_default();
            let mut others = 0;
            for key in &keys {
                // Looked up for each, since the one to be spared may be rotated meanwhile too.
                let spared = except.and_then(|key| self.with_living(key, now, |key, _| *key));
                if spared == Some(*key) {
                    continue;
                }
                others += 1;
                let mut shard = self.shard(key);
                let row = shard.get(key);
                if row.is_some_and(|row| row.subject() == Some(subject)) {
                    let row = self.remove(&mut shard, key);
                    let is_living =
                        |row: Row| matches!(row, Row::Record(record) if !record.is_expired_at(now));
                    ended += usize::from(row.is_some_and(is_living));
                    self.announcer.tell(key);
                }
            }
            if others == 0 {
                return Ok(ended);
            }
        }
    }
}

impl Watch for MemoryStore {
    async fn watch(&self, key: &StoreKey) -> Result<Watching> {
        Ok(self.announcer.watch(key))
    }
}

/// A panic elsewhere leaves no half-made row behind, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
