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

use std::collections::BTreeMap;

use super::{Change, MetaEdit, Sealer};
use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    delta::Delta,
    id::{StoreKey, random_bytes},
    record::Record,
};

/// A key that no other test has.
///
/// # Panics
/// If the operating system has no randomness.
pub fn key() -> StoreKey {
    StoreKey::from_bytes(random_bytes("make a key").expect("a test machine has randomness"))
}

/// A record with these values, without idle timeout and subject.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn record(now: Timestamp, deadline: Timestamp, values: &[(&str, &str)]) -> Record {
    let meta = Meta {
        created: now,
        absolute_deadline: deadline,
        idle: None,
        persistent: false,
        handle: [0; 12],
        subject: None,
        authenticated: None,
        elevated_until: None,
    };
    let sealer = Sealer::plain();
    sealer
        .record(&StoreKey::from_bytes([0; StoreKey::LEN]), &meta, &Entries::default(), &delta(values, &[]), now)
        .expect("a sample is small")
}

/// A change that sets and removes these keys.
///
/// # Panics
/// If a key is longer than 255 bytes.
pub fn change(now: Timestamp, sets: &[(&str, &str)], removes: &[&str]) -> Change {
    Change { now, delta: delta(sets, removes), edit: MetaEdit::default(), sealer: Sealer::plain() }
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
    let (_, entries) = codec::parse(std::sync::Arc::clone(&record.payload), 1).expect("the record is as it was written");
    let text = |value: &[u8]| serde_json::from_slice(value).expect("a sample holds strings");
    entries.iter().map(|entry| (entry.key.into(), text(entry.value))).collect()
}

fn delta(sets: &[(&str, &str)], removes: &[&str]) -> Delta {
    let mut delta = Delta::default();
    for (key, value) in sets {
        let value = codec::encode_value(key, value).expect("a string can be encoded");
        delta.set(key, value).expect("a sample's key is short");
    }
    removes.iter().for_each(|key| delta.remove(key));
    delta
}
