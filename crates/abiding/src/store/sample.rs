//! Records and changes for the tests of a store author, made without a manager and without keys.
//!
//! ```
//! use std::time::Duration;
//! use abiding::{Timestamp, store::sample};
//!
//! let now = Timestamp::from_millis(0);
//! let record = sample::record(now, now.after(Duration::from_secs(60)), &[("step", "1")]);
//! assert_eq!(sample::value(&record, "step").as_deref(), Some("1"));
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{Change, Farewell, MetaEdit, Sealer, change::SIZE_LIMIT};
use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    delta::Delta,
    ending::Ending,
    id::{StoreKey, random_bytes},
    keyring::{Key, KeyRing},
    record::{Record, SubjectKey},
};

const REALM: &str = "samples";

/// A ring that everybody knows, so that every process gives a subject the same name in the index.
/// Samples carry no seal.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let bytes = std::array::from_fn(|index| index as u8);
    KeyRing::new(Key::of_samples(bytes))
});
static SEALER: LazyLock<Sealer> =
    LazyLock::new(|| Sealer::new(REALM, RING.clone(), false, SIZE_LIMIT));

/// A key that no other test has.
///
/// # Panics
/// If the operating system has no randomness.
pub fn key() -> StoreKey {
    StoreKey::from_bytes(random_bytes("make a key").expect("a test machine has randomness"))
}

/// The name in the index of the subject of [`record_of`] and [`with_subject`].
pub fn subject(name: &str) -> SubjectKey {
    RING.subject_keys(REALM, name, Timestamp::default())[0]
}

/// A record with these values, without idle timeout and subject.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn record(now: Timestamp, deadline: Timestamp, values: &[(&str, &str)]) -> Record {
    seal(&Meta::new(now, deadline), values, now)
}

/// A record that ends when it was idle for so long, and at `deadline` in any case.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn idling_record(
    now: Timestamp,
    deadline: Timestamp,
    idle: Duration,
    values: &[(&str, &str)],
) -> Record {
    seal(
        &Meta {
            idle: Some(idle),
            ..Meta::new(now, deadline)
        },
        values,
        now,
    )
}

/// A record that is listed under [`subject`]`(name)`, without idle timeout.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn record_of(
    name: &str,
    now: Timestamp,
    deadline: Timestamp,
    values: &[(&str, &str)],
) -> Record {
    seal(
        &Meta {
            subject: Some(name.into()),
            ..Meta::new(now, deadline)
        },
        values,
        now,
    )
}

/// A change that sets and removes these keys.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn change(now: Timestamp, sets: &[(&str, &str)], removes: &[&str]) -> Change {
    Change {
        now,
        delta: delta(sets, removes),
        edit: MetaEdit::default(),
        sealer: SEALER.clone(),
        under: None,
    }
}

/// A change that removes every key.
pub fn clearing(now: Timestamp) -> Change {
    let mut change = change(now, &[], &[]);
    change.delta.clear();
    change
}

/// The same change, which also gives the session this subject, or none.
#[must_use]
pub fn with_subject(mut change: Change, name: Option<&str>) -> Change {
    change.edit.subject = Some(name.map(Into::into));
    change
}

/// The same change, which also gives the session this absolute deadline.
#[must_use]
pub fn with_deadline(mut change: Change, deadline: Timestamp) -> Change {
    change.edit.absolute_deadline = Some(deadline);
    change
}

/// What is left in the place of a session that somebody ended.
pub fn farewell(now: Timestamp) -> Farewell {
    Farewell {
        now,
        ending: Ending::SignedOut,
        sealer: SEALER.clone(),
    }
}

/// Whether a record is what a [`farewell`] left.
pub fn is_farewell(record: &Record) -> bool {
    let parsed = codec::parse(Arc::clone(&record.payload), 1);
    parsed.is_ok_and(|(meta, _)| meta.ended == Some(Ending::SignedOut))
}

/// The value at `key` in a record that came from [`record`] and [`change`]s.
pub fn value(record: &Record, key: &str) -> Option<String> {
    values(record).remove(key)
}

/// All values of a record that came from [`record`] and [`change`]s.
///
/// # Panics
/// If the record is damaged.
pub fn values(record: &Record) -> BTreeMap<String, String> {
    let (_, entries) =
        codec::parse(Arc::clone(&record.payload), 1).expect("the record is as it was written");
    let text = |value: &[u8]| serde_json::from_slice(value).expect("a sample holds strings");
    entries
        .iter()
        .map(|entry| (entry.key.into(), text(entry.value)))
        .collect()
}

fn seal(meta: &Meta, values: &[(&str, &str)], now: Timestamp) -> Record {
    let key = StoreKey::from_bytes([0; StoreKey::LEN]);
    let record = SEALER.record(&key, meta, &Entries::default(), &delta(values, &[]), now);
    record.expect("a sample is small")
}

fn delta(sets: &[(&str, &str)], removes: &[&str]) -> Delta {
    let mut delta = Delta::default();
    for (key, value) in sets {
        let value = codec::encode_value(key, value).expect("a string can be encoded");
        delta.set(key, &value).expect("a sample's key is short");
    }
    removes.iter().for_each(|key| delta.remove(key));
    delta
}
