//! A plain store with one flaw at a time, each of which is or was found in a published store.
//!
//! Without a flaw it keeps every promise. It lets others go on between reading and writing, as a
//! database does, so that a flaw in between can show.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Mutex, MutexGuard},
    task::Poll,
};

use abiding::{
    Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Announcer, Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave,
        Scan, Subjects, Sweep, Swept, Touched, Watch, Watching, sample,
    },
};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Aliases and snapshots stay for as long as the record.
    AliasesForever,
    /// Two who look before they create both do.
    ChecksThenCreates,
    /// A cut-off commit leaves the half of it.
    CommitsInTwoSteps,
    /// Who watches a session is not told that it moved.
    DeafToMoves,
    /// A log-out through an alias removes the alias.
    DeletesTheAliasOnly,
    /// The record is out of the store while a change is applied, also to one that fails.
    ErrorsErase,
    /// A farewell is kept as a record, which can be written to.
    FarewellsLive,
    /// Versions are not compared.
    IgnoresVersions,
    /// The deadline itself still counts as alive.
    LivesOneMillisecondTooLong,
    /// No flaw at all.
    None,
    /// A rotation copies, so that those who race make two records of one.
    RotationsCopy,
    /// Deadlines are kept in seconds.
    RoundsToSeconds,
    /// A change computed from a record that was deleted meanwhile puts it back.
    Resurrects,
    /// A page of a scan comes as the rows happen to lie.
    ScansWithoutOrder,
    /// A session that signs in is not listed.
    SubjectsAreSetOnce,
    /// Removes what was to end when it was created, whatever happened since.
    SweepsByTheFirstDeadline,
    /// A sweep stops for good after its first batch.
    SweepsOnce,
    /// Who watches a session is told of every change.
    TellsOfChanges,
    /// A snapshot is an alias.
    ThawsSnapshots,
    /// A touch puts the deadline where it says, also back.
    TouchesBackwards,
    /// A touch makes a record where there is none any more.
    TouchesRevive,
    /// Loads the record, merges, and stores the whole of it.
    UpsertsTheWhole,
}

pub(crate) struct Flawed {
    flaw: Flaw,
    rows: Mutex<BTreeMap<StoreKey, Row>>,
    announcer: Announcer,
}

#[derive(Clone)]
struct Row {
    content: Content,
    /// As it was when the row was made.
    first_deadline: Timestamp,
    listed: Option<SubjectKey>,
}

#[derive(Clone)]
enum Content {
    Alias { to: StoreKey, until: Timestamp },
    Record(Record),
    Snapshot { record: Record, until: Timestamp },
}

impl Flawed {
    pub(crate) fn with(flaw: Flaw) -> Self {
        Self {
            flaw,
            rows: Mutex::default(),
            announcer: Announcer::new(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<StoreKey, Row>> {
        self.rows
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn row(&self, content: Content) -> Row {
        let (first_deadline, listed) = match &content {
            Content::Alias { until, .. } => (*until, None),
            Content::Record(record) => (record.deadline(), record.subject),
            Content::Snapshot { record, until } => {
                ((*until).min(record.deadline()), record.subject)
            }
        };
        Row {
            content,
            first_deadline,
            listed,
        }
    }

    fn farewell(&self, record: Record) -> Content {
        if self.has(Flaw::FarewellsLive) {
            return Content::Record(record);
        }
        let until = record.deadline();
        Content::Snapshot { record, until }
    }

    fn is_over(&self, row: &Row, now: Timestamp) -> bool {
        let deadline = match &row.content {
            Content::Record(record) => record.deadline(),
            _ if self.has(Flaw::AliasesForever) => Timestamp::MAX,
            Content::Alias { until, .. } => *until,
            Content::Snapshot { record, until } => (*until).min(record.deadline()),
        };
        match self.flaw {
            Flaw::LivesOneMillisecondTooLong => deadline < now,
            Flaw::RoundsToSeconds => deadline.as_millis() / 1_000 <= now.as_millis() / 1_000,
            _ => deadline <= now,
        }
    }

    /// The key and row that `key` leads to.
    fn reach(
        &self,
        rows: &BTreeMap<StoreKey, Row>,
        key: &StoreKey,
        now: Timestamp,
    ) -> Option<Found> {
        let row = rows.get(key).filter(|row| !self.is_over(row, now))?;
        match &row.content {
            Content::Alias { to, .. } => self.reach(rows, to, now),
            Content::Record(record) => Some(Found::new(*key, record.clone())),
            Content::Snapshot { record, .. } => Some(Found::snapshot(*key, record.clone())),
        }
    }

    fn living(
        &self,
        rows: &BTreeMap<StoreKey, Row>,
        key: &StoreKey,
        now: Timestamp,
    ) -> Option<Found> {
        self.reach(rows, key, now).filter(|found| !found.frozen)
    }

    fn put(&self, rows: &mut BTreeMap<StoreKey, Row>, key: StoreKey, record: Record) {
        let fresh = self.row(Content::Record(record));
        let known = rows.get(&key).cloned();
        let mut row = Row {
            first_deadline: known
                .as_ref()
                .map_or(fresh.first_deadline, |row| row.first_deadline),
            ..fresh
        };
        if let (true, Some(known)) = (self.has(Flaw::SubjectsAreSetOnce), known) {
            row.listed = known.listed;
        }
        rows.insert(key, row);
    }
}

impl Flawed {
    /// The second half of a commit, to the record that was found in the first.
    fn store_change(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
        found: Found,
    ) -> Result<Committed> {
        let mut rows = self.rows();
        let is_there = rows.contains_key(&found.key);
        let current = match self.flaw {
            Flaw::CommitsInTwoSteps | Flaw::UpsertsTheWhole => Some(found),
            Flaw::Resurrects if !is_there => Some(found),
            _ => self.living(&rows, key, now),
        };
        let Some(current) = current else {
            return Ok(Committed::Gone);
        };
        if !expect.admits(current.record.version) && !self.has(Flaw::IgnoresVersions) {
            return Ok(Committed::Stale(current));
        }
        if self.has(Flaw::ErrorsErase) {
            rows.remove(&current.key);
        }
        let changed = change.apply(&current)?;
        let version = changed.version;
        self.put(&mut rows, current.key, changed);
        if self.has(Flaw::TellsOfChanges) {
            self.announcer.tell(&current.key);
        }
        Ok(Committed::Yes(version))
    }
}

/// Lets everybody else go on.
async fn others() {
    let mut waited = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl Store for Flawed {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("flawed");
        capabilities.in_process = true;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, _: Timestamp) -> Result<Created> {
        let is_taken = self.rows().contains_key(key);
        if self.has(Flaw::ChecksThenCreates) {
            others().await;
        } else if self.rows().contains_key(key) {
            return Ok(Created::KeyTaken);
        }
        if is_taken {
            return Ok(Created::KeyTaken);
        }
        self.put(&mut self.rows(), *key, record.clone());
        others().await;
        Ok(Created::Yes)
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let found = self.reach(&self.rows(), key, now);
        others().await;
        Ok(found)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        others().await;
        let Some(found) = self.living(&self.rows(), key, now) else {
            return Ok(Committed::Gone);
        };
        if self.has(Flaw::CommitsInTwoSteps) {
            let emptied = sample::clearing(now).apply(&found)?;
            self.put(&mut self.rows(), found.key, emptied);
        }
        if matches!(
            self.flaw,
            Flaw::CommitsInTwoSteps | Flaw::Resurrects | Flaw::UpsertsTheWhole
        ) {
            others().await;
        }
        let committed = self.store_change(key, change, expect, now, found);
        others().await;
        committed
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        others().await;
        let mut rows = self.rows();
        let Some(found) = self.living(&rows, key, now) else {
            if self.has(Flaw::TouchesRevive) {
                self.put(&mut rows, *key, sample::record(now, idle_deadline, &[]));
            }
            return Ok(Touched::Gone);
        };
        let mut record = found.record;
        record.seen = record.seen.max(now);
        record.idle_deadline = match self.flaw {
            Flaw::TouchesBackwards => idle_deadline,
            _ => record.idle_deadline.max(idle_deadline),
        };
        self.put(&mut rows, found.key, record);
        Ok(Touched::Yes)
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
        let before = self.living(&self.rows(), from, now);
        others().await;
        let mut rows = self.rows();
        let found = match self.flaw {
            Flaw::RotationsCopy => before,
            _ => self.living(&rows, from, now),
        };
        let Some(found) = found else {
            return Ok(Committed::Gone);
        };
        if rows.contains_key(to) {
            return Ok(Committed::KeyTaken);
        }
        if !expect.admits(found.record.version) {
            return Ok(Committed::Stale(found));
        }
        let moved = change.apply_moving(&found, to)?;
        let version = moved.version;
        let left = match leave {
            Leave::Snapshot(until) if !self.has(Flaw::ThawsSnapshots) => Content::Snapshot {
                record: found.record,
                until,
            },
            Leave::Alias(until) | Leave::Snapshot(until) => Content::Alias { to: *to, until },
        };
        rows.insert(found.key, self.row(left));
        self.put(&mut rows, *to, moved);
        if !self.has(Flaw::DeafToMoves) {
            self.announcer.tell(&found.key);
        }
        Ok(Committed::Yes(version))
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        others().await;
        let mut rows = self.rows();
        let is_living = self.reach(&rows, key, now).is_some();
        let mut next = Some(*key);
        while let Some(key) = next.take() {
            let Some(row) = rows.remove(&key).filter(|row| !self.is_over(row, now)) else {
                break;
            };
            self.announcer.tell(&key);
            match row.content {
                Content::Alias { to, .. } if !self.has(Flaw::DeletesTheAliasOnly) => {
                    next = Some(to);
                }
                Content::Record(record) => {
                    let farewell = farewell.and_then(|to| to.to(&Found::new(key, record)));
                    if let Some(record) = farewell {
                        rows.insert(key, self.row(self.farewell(record)));
                    }
                }
                Content::Alias { .. } | Content::Snapshot { .. } => {}
            }
        }
        Ok(if is_living {
            Deleted::Yes
        } else {
            Deleted::Absent
        })
    }
}

impl Sweep for Flawed {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        others().await;
        let mut rows = self.rows();
        let is_over = |row: &Row| match self.flaw {
            Flaw::SweepsByTheFirstDeadline => row.first_deadline <= now,
            _ => self.is_over(row, now),
        };
        let ended = rows
            .iter()
            .filter(|(_, row)| is_over(row))
            .map(|(key, _)| *key);
        let ended: Vec<_> = ended.take(limit).collect();
        ended.iter().for_each(|key| drop(rows.remove(key)));
        Ok(Swept::new(
            ended.len(),
            ended.len() == limit && !self.has(Flaw::SweepsOnce),
        ))
    }
}

impl Scan for Flawed {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        others().await;
        let rows = self.rows();
        let keys = rows
            .keys()
            .filter(|key| after.is_none_or(|after| *key > after));
        let found = keys.filter_map(|key| {
            self.living(&rows, key, now)
                .filter(|found| found.key == *key)
        });
        let mut page: Vec<_> = found.take(limit).collect();
        if self.has(Flaw::ScansWithoutOrder) {
            page.reverse();
        }
        Ok(page)
    }
}

impl Subjects for Flawed {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        others().await;
        let rows = self.rows();
        let own = rows.iter().filter(|(_, row)| row.listed == Some(*subject));
        let mut found: Vec<_> = own
            .filter_map(|(key, _)| self.living(&rows, key, now))
            .collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.record.seen));
        Ok(found)
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        others().await;
        let mut rows = self.rows();
        let except = except
            .and_then(|key| self.living(&rows, key, now))
            .map(|found| found.key);
        let own = rows
            .iter()
            .filter(|(key, row)| row.listed == Some(*subject) && Some(**key) != except);
        let own: Vec<_> = own.map(|(key, _)| *key).collect();
        let living = own
            .iter()
            .filter(|key| self.living(&rows, key, now).is_some())
            .count();
        for key in &own {
            rows.remove(key);
            self.announcer.tell(key);
        }
        Ok(living)
    }
}

impl Watch for Flawed {
    async fn watch(&self, key: &StoreKey) -> Result<Watching> {
        others().await;
        Ok(self.announcer.watch(key))
    }
}
