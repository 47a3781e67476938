//! A store as the promises look at it: instants in milliseconds from one beginning, values as text,
//! and a store that fails fails the test.

use std::{collections::BTreeMap, time::Duration};

use abiding::{
    Found, Record, Result, Store, StoreKey, Timestamp, Version,
    store::{Change, Committed, Created, Deleted, Expect, Leave, Touched, sample},
};

use crate::clock::ManualClock;

/// How long the records of [`Probe::put`] live.
pub(super) const LIFE: i64 = 60_000;

/// The instant that many milliseconds after the beginning.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(ManualClock::START.as_millis() + millis)
}

/// A record that lives from 0 to [`LIFE`].
pub(super) fn record(values: &[(&str, &str)]) -> Record {
    sample::record(at(0), at(LIFE), values)
}

/// A record that ends at `deadline`, without a value.
pub(super) fn record_until(deadline: i64) -> Record {
    sample::record(at(0), at(deadline), &[])
}

/// A record that ends when it was idle for `idle` milliseconds.
pub(super) fn idling(idle: u64) -> Record {
    sample::idling_record(at(0), at(LIFE), Duration::from_millis(idle), &[])
}

/// A change that sets one key.
pub(super) fn set(key: &str, value: &str, now: i64) -> Change {
    sample::change(at(now), &[(key, value)], &[])
}

/// A change that changes nothing but what every change does.
pub(super) fn nothing(now: i64) -> Change {
    sample::change(at(now), &[], &[])
}

/// Changes that cannot be applied, and the record that each fails on.
pub(super) fn erring(now: i64) -> [(Change, Record); 2] {
    let huge = "x".repeat(64 * 1024);
    let damaged = Record::new(*b"not what was written", at(0), at(LIFE));
    [
        (set("huge", &huge, now), record(&[("kept", "1")])),
        (set("key", "1", now), damaged),
    ]
}

pub(super) fn pairs(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    values.iter().map(owned).collect()
}

/// See the module. A key of its own for every record, so that many may share one store.
pub(super) struct Probe<'a, S>(pub(super) &'a S);

impl<S> Clone for Probe<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Probe<'_, S> {}

impl<S: Store> Probe<'_, S> {
    /// Whether a session that somebody ended leaves no farewell.
    pub(super) fn leaves_nothing(self) -> bool {
        self.0.capabilities().legible
    }

    pub(super) async fn create(self, key: &StoreKey, record: &Record, now: i64) -> Created {
        no_error("create", self.0.create(key, record, at(now)).await)
    }

    pub(super) async fn load(self, key: &StoreKey, now: i64) -> Option<Found> {
        no_error("load", self.0.load(key, at(now)).await)
    }

    pub(super) async fn commit(
        self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: i64,
    ) -> Committed {
        no_error("commit", self.0.commit(key, change, expect, at(now)).await)
    }

    pub(super) async fn touch(self, key: &StoreKey, idle_deadline: Timestamp, now: i64) -> Touched {
        no_error("touch", self.0.touch(key, idle_deadline, at(now)).await)
    }

    pub(super) async fn rotate(
        self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        leave: Leave,
        now: i64,
    ) -> Committed {
        no_error(
            "rotate",
            self.0
                .rotate(from, to, change, Expect::Any, leave, at(now))
                .await,
        )
    }

    pub(super) async fn delete(self, key: &StoreKey, now: i64) -> Deleted {
        no_error("delete", self.0.delete(key, None, at(now)).await)
    }

    pub(super) async fn delete_with_farewell(self, key: &StoreKey, now: i64) -> Deleted {
        let farewell = sample::farewell(at(now));
        let deleted = self.0.delete(key, Some(&farewell), at(now)).await;
        no_error("delete", deleted)
    }

    /// Stores `record` under a fresh key.
    pub(super) async fn put(self, record: &Record) -> StoreKey {
        let key = sample::key();
        assert_eq!(
            self.create(&key, record, 0).await,
            Created::Yes,
            "create of a fresh key"
        );
        key
    }

    /// The record under `key`, which must be there.
    pub(super) async fn found(self, key: &StoreKey, now: i64) -> Found {
        let found = self.load(key, now).await;
        found.unwrap_or_else(|| panic!("no record is found at {now} ms"))
    }

    /// Whether a record or snapshot is found.
    pub(super) async fn lives(self, key: &StoreKey, now: i64) -> bool {
        self.load(key, now).await.is_some()
    }

    pub(super) async fn values(self, key: &StoreKey, now: i64) -> BTreeMap<String, String> {
        sample::values(&self.found(key, now).await.record)
    }

    pub(super) async fn version(self, key: &StoreKey, now: i64) -> Version {
        self.found(key, now).await.record.version
    }

    /// Sets one key, which must succeed.
    pub(super) async fn set(self, key: &StoreKey, name: &str, value: &str, now: i64) {
        let committed = self
            .commit(key, &set(name, value, now), Expect::Any, now)
            .await;
        assert!(
            matches!(committed, Committed::Yes(_)),
            "commit answered {committed:?}"
        );
    }

    /// Moves the record to a fresh key, which must succeed.
    pub(super) async fn moved(self, from: &StoreKey, leave: Leave, now: i64) -> StoreKey {
        let to = sample::key();
        let committed = self.rotate(from, &to, &nothing(now), leave, now).await;
        assert!(
            matches!(committed, Committed::Yes(_)),
            "rotate answered {committed:?}"
        );
        to
    }
}

pub(super) fn no_error<T>(operation: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{operation} failed: {error}: {error:?}"))
}
