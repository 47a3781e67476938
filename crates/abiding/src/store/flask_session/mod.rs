//! Records in the words of Flask-Session: a map of values under the session's id, and when it ends.
//!
//! A store that shares its sessions with Flask-Session keeps such maps and nothing else. It gets its
//! records from them with [`FlaskSession::read`] and turns records into them with [`FlaskSession::write`];
//! what it does with the bytes is its own business (`abiding-stores`, module `flask_session`).
//!
//! 1. A session that says nothing Flask-Session does not know is the map that Flask-Session would have
//!    written. Pairs that did not change are kept as they were, in their places, with their types.
//! 2. What else a record holds (who is signed in, lifetimes of its own, where a session moved) lies
//!    under the key `_abiding`, as text, which Flask-Session carries along like any value.
//! 3. `_permanent` is [`Session::set_persistent`](crate::Session::set_persistent), and shown as a value too.
//! 4. A map that another program changed is recognised: what `_abiding` says of a session that moved or
//!    ended no longer holds then, and whoever computed a value from the older map computes it anew.

mod marker;
mod settings;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
pub use settings::FlaskSession;

use self::marker::{Kind, Marker};
use super::change::PLAIN;
use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    compat::{Dict, Value, frame},
    delta::MAX_KEY_LEN,
    error::Result,
    id::StoreKey,
    record::{Found, Record, Version},
};

/// The pair that holds what Flask-Session knows nothing of.
const MARKER: &str = "_abiding";
/// The name under which a session shows the pairs whose keys are too long for it.
const LONG: &str = "\u{1}";
/// The pair that holds whether the cookie outlives the browser.
const PERMANENT: &str = "_permanent";

/// What lies under a session id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle all three")]
pub enum Row {
    /// The session moved, and the old id leads to the new one until then.
    Alias {
        /// Where it lies now.
        to: StoreKey,
        /// When the old id is dead.
        until: Timestamp,
    },
    /// A session.
    Record(Record),
    /// A session as it was, to be read and not to be changed.
    Snapshot {
        /// What it held.
        record: Record,
        /// When it is no longer shown.
        until: Timestamp,
    },
}

impl Row {
    /// When it is over.
    pub fn ends(&self) -> Timestamp {
        match self {
            Self::Alias { until, .. } => *until,
            Self::Record(record) => record.deadline(),
            Self::Snapshot { record, until } => record.deadline().min(*until),
        }
    }

    /// As a store hands it out; `None` for an alias.
    pub fn into_found(self, key: StoreKey) -> Option<Found> {
        match self {
            Self::Alias { .. } => None,
            Self::Record(record) => Some(Found::new(key, record)),
            Self::Snapshot { record, .. } => Some(Found::snapshot(key, record)),
        }
    }
}

/// What is to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// The map.
    pub dict: Dict,
    /// When it is over.
    pub ends: Timestamp,
    /// Whether the map itself says when it ends, so that a store may keep it longer.
    pub tells_its_end: bool,
    /// The version that the next reader will see.
    pub version: Version,
}

impl FlaskSession {
    /// What a map says that was stored under `key`, and that the store keeps until `ends`, if it says.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a value nested too deeply.
    pub fn read(
        &self,
        key: &StoreKey,
        dict: &Dict,
        ends: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Row> {
        let frames = Frames::of(dict)?;
        let marker = dict.get(MARKER).and_then(Value::as_str);
        let marker = marker.and_then(|text| Marker::parse(text, &frames));
        let Some(marker) = marker else {
            return Ok(Row::Record(self.plain(key, dict, &frames, ends, now)));
        };
        let changed = marker.digest != frames.digest();
        match marker.kind {
            // Somebody who knows nothing of markers has begun a session here.
            Kind::Alias(_) | Kind::Snapshot if changed => {
                Ok(Row::Record(self.plain(key, dict, &frames, ends, now)))
            }
            Kind::Record(Some(meta)) if changed && meta.ended.is_some() => {
                Ok(Row::Record(self.plain(key, dict, &frames, ends, now)))
            }
            Kind::Alias(to) => Ok(Row::Alias {
                to,
                until: marker.until,
            }),
            Kind::Snapshot => Ok(Row::Snapshot {
                until: marker.until,
                record: marker.record,
            }),
            Kind::Record(meta) => {
                let mut record = marker.record;
                if changed {
                    record.version = frames.version();
                }
                if let Some(mut meta) = meta {
                    meta.persistent = is_permanent(dict);
                    record.payload = frames.payload(&meta).into();
                    if self.ends_by_its_store(&record, &meta) {
                        record.idle_deadline = ends.unwrap_or(Timestamp::MAX);
                        record.seen = self.seen(ends, now);
                    }
                }
                Ok(Row::Record(record))
            }
        }
    }

    /// The map that says `row`. Pairs of `base`, which lies there now, are kept where the values are the
    /// same. `shows` answers what a reader will get of a map, which may have other types: of a tuple `msgpack` makes a list.
    /// It is not asked where all formats agree.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a value in a record that no map can hold, and those of `shows`.
    pub fn write(
        &self,
        row: &Row,
        base: Option<&Dict>,
        shows: impl FnOnce(&Dict) -> Result<Dict>,
    ) -> Result<Written> {
        let mut dict = Dict::new();
        let (record, until) = match row {
            Row::Alias { to, until } => {
                let marker = Marker::alias(to, *until, &Frames::of(&dict)?);
                dict.insert(MARKER, marker);
                return Ok(Written {
                    dict,
                    ends: *until,
                    tells_its_end: true,
                    version: Version::FIRST,
                });
            }
            Row::Record(record) => (record, None),
            Row::Snapshot { record, until } => (record, Some(*until)),
        };
        let parsed = match record.payload.first() {
            Some(&PLAIN) => codec::parse(Arc::clone(&record.payload), 1).ok(),
            _ => None,
        };
        let meta = parsed.as_ref().map(|(meta, _)| meta);
        if let Some((meta, entries)) = &parsed {
            dict = merged(meta, entries, base)?;
        }
        let frames = if dict.iter().all(is_kept_by_all) {
            Frames::of(&dict)?
        } else {
            Frames::of(&shows(&dict)?)?
        };
        let plain = meta.is_some_and(|meta| until.is_none() && self.is_plain(record, meta));
        let mut version = record.version;
        if plain {
            version = frames.version();
        } else {
            dict.insert(MARKER, Marker::of(record, meta, until, &frames));
        }
        let by_its_store = meta.is_some_and(|meta| self.ends_by_its_store(record, meta));
        Ok(Written {
            dict,
            ends: row.ends(),
            tells_its_end: !by_its_store || until.is_some(),
            version,
        })
    }

    /// Whether a record of this row moves its deadline in the store alone, and the map stays.
    pub fn is_touched_outside(&self, record: &Record) -> bool {
        let parsed = codec::parse(Arc::clone(&record.payload), 1);
        parsed.is_ok_and(|(meta, _)| self.ends_by_its_store(record, &meta))
    }

    /// A session of which the map tells all there is.
    fn plain(
        &self,
        key: &StoreKey,
        dict: &Dict,
        frames: &Frames,
        ends: Option<Timestamp>,
        now: Timestamp,
    ) -> Record {
        let seen = self.seen(ends, now);
        let mut meta = Meta {
            idle: Some(self.idle_timeout()),
            persistent: is_permanent(dict),
            ..Meta::new(seen, Timestamp::MAX)
        };
        meta.handle.copy_from_slice(&key.as_bytes()[20..]);
        let mut record = Record::new(frames.payload(&meta), seen, Timestamp::MAX);
        record.idle_deadline = ends.unwrap_or(Timestamp::MAX);
        record.version = frames.version();
        record
    }

    /// When a session was last used, by what the store says of its end.
    fn seen(&self, ends: Option<Timestamp>, now: Timestamp) -> Timestamp {
        ends.map_or(now, |ends| ends.before(self.idle_timeout()).min(now))
    }

    fn is_plain(&self, record: &Record, meta: &Meta) -> bool {
        let nobody = meta.subject.is_none() && record.subject.is_none();
        let plain_meta = meta.authenticated.is_none()
            && meta.elevated_until.is_none()
            && meta.device.is_none()
            && meta.ended.is_none()
            && meta.mark.is_none();
        nobody && plain_meta && self.ends_by_its_store(record, meta)
    }

    /// Whether the session has the lifetime that every session of the application has.
    fn ends_by_its_store(&self, record: &Record, meta: &Meta) -> bool {
        let endless =
            meta.absolute_deadline == Timestamp::MAX && record.absolute_deadline == Timestamp::MAX;
        let millis = |length: Duration| length.as_millis();
        endless && meta.idle.map(millis) == Some(millis(self.idle_timeout()))
    }
}

/// Whether every format gives this pair back as it is.
fn is_kept_by_all((key, value): &(Value, Value)) -> bool {
    fn is_kept(value: &Value) -> bool {
        match value {
            Value::None | Value::Bool(_) | Value::Str(_) => true,
            Value::Int(int) => int.as_i64().is_some(),
            Value::Float(float) => float.get().is_finite(),
            Value::List(items) => items.iter().all(is_kept),
            Value::Dict(dict) => dict.iter().all(is_kept_by_all),
            _ => false,
        }
    }
    matches!(key, Value::Str(_)) && is_kept(value)
}

fn is_permanent(dict: &Dict) -> bool {
    !matches!(
        dict.get(PERMANENT),
        None | Some(Value::None | Value::Bool(false))
    )
}

/// The pairs of a map as a session shows them.
struct Frames(Vec<u8>);

impl Frames {
    fn of(dict: &Dict) -> Result<Self> {
        let (mut frames, mut long) = (Vec::new(), Vec::new());
        for (key, value) in dict {
            let name = frame::key(key)?;
            if name.len() > MAX_KEY_LEN {
                long.push(Value::Tuple(vec![key.clone(), value.clone()]));
            } else if name != MARKER {
                codec::write_entry(&mut frames, name.as_bytes(), &frame::write(value)?);
            }
        }
        if !long.is_empty() {
            let pairs = frame::write(&Value::List(long))?;
            codec::write_entry(&mut frames, LONG.as_bytes(), &pairs);
        }
        Ok(Self(frames))
    }

    fn payload(&self, meta: &Meta) -> Vec<u8> {
        codec::payload(&[PLAIN], meta, &self.0)
    }

    fn digest(&self) -> [u8; 8] {
        let mut short = [0; 8];
        let digest = digest::digest(&digest::SHA256, &self.0);
        short.copy_from_slice(&digest.as_ref()[..8]);
        short
    }

    /// Maps that say the same are of one version.
    fn version(&self) -> Version {
        Version::from_number(u64::from_le_bytes(self.digest()))
    }
}

/// `base` with the values of a session.
fn merged(meta: &Meta, entries: &Entries, base: Option<&Dict>) -> Result<Dict> {
    let mut pairs = Vec::new();
    for (key, value) in base.into_iter().flatten() {
        let name = frame::key(key)?;
        if name == MARKER {
            continue;
        }
        if name.len() > MAX_KEY_LEN {
            if entries.find(LONG).is_some() {
                pairs.push((key.clone(), value.clone()));
            }
        } else if let Some(new) = entries.find(&name) {
            let same = frame::write(value)? == new;
            let value = if same {
                value.clone()
            } else {
                frame::read(new)?
            };
            pairs.push((key.clone(), value));
        }
    }
    let known = pairs.len();
    for entry in entries.iter() {
        let mut new = Vec::new();
        unfold(entry.key, entry.value, &mut new)?;
        let is_new =
            |(key, _): &(Value, Value)| !pairs[..known].iter().any(|(known, _)| known == key);
        new.retain(is_new);
        pairs.extend(new);
    }
    let mut dict = Dict::from_pairs(pairs).unwrap_or_default();
    let written = dict.get(PERMANENT) != base.and_then(|base| base.get(PERMANENT));
    if is_permanent(&dict) != meta.persistent && (!written || dict.get(PERMANENT).is_none()) {
        dict = with_permanent(dict, meta.persistent);
    }
    Ok(dict)
}

/// Adds the pairs that a value of a session stands for: one, or those whose keys are too long for it.
pub(crate) fn unfold(name: &str, value: &[u8], pairs: &mut Vec<(Value, Value)>) -> Result<()> {
    if name != LONG {
        pairs.push((frame::read_key(name)?, frame::read(value)?));
        return Ok(());
    }
    let Value::List(long) = frame::read(value)? else {
        return Ok(());
    };
    for pair in long {
        if let Value::Tuple(pair) = pair
            && let Ok([key, value]) = <[Value; 2]>::try_from(pair)
        {
            pairs.push((key, value));
        }
    }
    Ok(())
}

/// In its place, or in front, where Flask-Session puts it.
fn with_permanent(mut dict: Dict, permanent: bool) -> Dict {
    if dict.insert(PERMANENT, permanent).is_none() {
        let mut pairs = dict.into_pairs();
        pairs.rotate_right(1);
        dict = Dict::from_pairs(pairs).unwrap_or_default();
    }
    dict
}

#[cfg(test)]
mod tests;
