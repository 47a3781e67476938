//! A change on its way to a store, and the merge that a store runs inside its own lock or transaction.
//!
//! Made by the manager from a delta; the store calls [`Change::apply`] on the record as it finds it.
//! The change carries the means to open and to seal the record, so the store needs no key.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    codec::{self, Entries, Mark, Meta},
    delta::Delta,
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    keyring::{Context, KeyRing, Opened, Purpose, SEAL_HEAD},
    record::{Found, Record},
};

/// First byte of a record's payload: the payload follows as it is. For stores inside the process, and for
/// those that keep the values in another program's layout.
pub(crate) const PLAIN: u8 = 0x00;
/// First byte of a record's payload: a seal follows.
const SEALED: u8 = 0x01;

/// The default limit of a session: 64 KiB of keys and values.
pub(crate) const SIZE_LIMIT: usize = 64 * 1024;

/// What a request changed: values set and removed, deadlines, the subject. Merges into any record.
#[derive(Clone, Debug)]
pub struct Change {
    pub(crate) now: Timestamp,
    pub(crate) delta: Delta,
    pub(crate) edit: MetaEdit,
    pub(crate) sealer: Sealer,
    /// The one key under which it holds: what an id that was given up leads to is another record, even where its
    /// version is what is in it.
    pub(crate) under: Option<StoreKey>,
}

impl Change {
    /// The record as it is with this change: merged, sealed anew, one version on, its idle deadline
    /// moved. A store calls it inside the lock or transaction that makes the change atomic, and
    /// stores what it answers.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a record that is not genuine, [`ErrorKind::TooLarge`] if the session
    /// would outgrow its limit, [`ErrorKind::Gone`] if it ended by what its seal says. A store hands an
    /// error on and changes nothing.
    pub fn apply(&self, found: &Found) -> Result<Record> {
        self.apply_moving(found, &found.key)
    }

    /// The same for a record that moves to the key `to`, which its seal is bound to from then on.
    pub fn apply_moving(&self, found: &Found, to: &StoreKey) -> Result<Record> {
        if self.under.is_some_and(|key| key != found.key) {
            let context = "the session took another id";
            return Err(Error::new(ErrorKind::Gone, "commit", context));
        }
        let Some((mut meta, entries)) = self.sealer.open(&found.key, &found.record, self.now)?
        else {
            return Err(Error::new(
                ErrorKind::Gone,
                "commit",
                "the session has ended",
            ));
        };
        self.edit.apply(&mut meta);
        let mut record = self
            .sealer
            .record(to, &meta, &entries, &self.delta, self.now)?;
        record.version = found.record.version.next();
        // A clock that jumps back shortens nothing.
        record.seen = record.seen.max(found.record.seen);
        if self.edit.idle.is_none() {
            record.idle_deadline = record.idle_deadline.max(found.record.idle_deadline);
        }
        if self.edit.at_rest {
            record.seen = found.record.seen;
            record.idle_deadline = found.record.idle_deadline;
        }
        if self.edit.subject.is_none() {
            // Under the key it was indexed with: a rotated ring does not tear the index apart.
            record.subject = found.record.subject;
        }
        Ok(record)
    }
}

/// What shall become of the library's own part of a session.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct MetaEdit {
    pub(crate) absolute_deadline: Option<Timestamp>,
    pub(crate) idle: Option<Option<Duration>>,
    pub(crate) persistent: Option<bool>,
    pub(crate) subject: Option<Option<Box<str>>>,
    pub(crate) authenticated: Option<Option<Timestamp>>,
    pub(crate) elevated_until: Option<Option<Timestamp>>,
    pub(crate) device: Option<Option<Box<str>>>,
    /// Only where a session lives in its cookie: a sign-in there is another session.
    pub(crate) handle: Option<[u8; 12]>,
    /// What it tells of its other self, while it moves.
    pub(crate) mark: Option<Option<Mark>>,
    /// Whether nobody used the session: it idles on.
    pub(crate) at_rest: bool,
}

/// Without the subject: who somebody is has no place in a log.
impl fmt::Debug for MetaEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "MetaEdit"
        } else {
            "MetaEdit(..)"
        })
    }
}

impl MetaEdit {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes back what `done` has carried out; what was asked for since then stays.
    pub(crate) fn subtract(&mut self, done: &Self) {
        fn take<T: PartialEq>(field: &mut Option<T>, done: &Option<T>) {
            if field == done {
                *field = None;
            }
        }
        take(&mut self.absolute_deadline, &done.absolute_deadline);
        take(&mut self.idle, &done.idle);
        take(&mut self.persistent, &done.persistent);
        take(&mut self.subject, &done.subject);
        take(&mut self.authenticated, &done.authenticated);
        take(&mut self.elevated_until, &done.elevated_until);
        take(&mut self.device, &done.device);
        take(&mut self.handle, &done.handle);
        take(&mut self.mark, &done.mark);
    }

    pub(crate) fn apply(&self, meta: &mut Meta) {
        fn put<T: Clone>(edit: &Option<T>, field: &mut T) {
            if let Some(value) = edit {
                *field = value.clone();
            }
        }
        put(&self.absolute_deadline, &mut meta.absolute_deadline);
        put(&self.idle, &mut meta.idle);
        put(&self.persistent, &mut meta.persistent);
        put(&self.subject, &mut meta.subject);
        put(&self.authenticated, &mut meta.authenticated);
        put(&self.elevated_until, &mut meta.elevated_until);
        put(&self.device, &mut meta.device);
        put(&self.handle, &mut meta.handle);
        put(&self.mark, &mut meta.mark);
    }
}

/// Opens and seals the records of one application.
#[derive(Clone, Debug)]
pub(crate) struct Sealer(Arc<Means>);

#[derive(Debug)]
struct Means {
    realm: Box<str>,
    ring: KeyRing,
    seals: bool,
    limit: usize,
}

impl Sealer {
    pub(crate) fn new(realm: &str, ring: KeyRing, seals: bool, limit: usize) -> Self {
        Self(Arc::new(Means {
            realm: realm.into(),
            ring,
            seals,
            limit,
        }))
    }

    /// What a record holds; `None` if the session has ended by what its seal says.
    pub(crate) fn open(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Option<(Meta, Entries)>> {
        let (meta, entries) = match record.payload.first() {
            Some(&PLAIN) if !self.0.seals => codec::parse_own(Arc::clone(&record.payload), 1)?,
            Some(&SEALED) => match self.unseal(key, &record.payload[1..], now)? {
                Some(text) => codec::parse(text, 0)?,
                None => return Ok(None),
            },
            _ => {
                return Err(corrupt(
                    "the record carries no seal, or one of an unknown format",
                ));
            }
        };
        Ok((meta.absolute_deadline > now).then_some((meta, entries)))
    }

    fn unseal(&self, key: &StoreKey, sealed: &[u8], now: Timestamp) -> Result<Option<Arc<[u8]>>> {
        let Means { ring, .. } = &*self.0;
        match ring.open(Purpose::Record, &self.context(key), sealed)? {
            Opened::Text(text, key) => {
                ring.note_use(key, now);
                Ok(Some(text))
            }
            Opened::RevokedKey => Ok(None),
            Opened::Forged => Err(corrupt(
                "the record is damaged, forged, or lies under another's key",
            )),
            Opened::Malformed => Err(corrupt("the record is cut short")),
            Opened::UnknownKey => Err(corrupt(
                "the record was sealed by a key that is not in the ring; give every process the same keys",
            )),
        }
    }

    /// The record for `meta` and the values as `delta` leaves them, of the first version.
    pub(crate) fn record(
        &self,
        key: &StoreKey,
        meta: &Meta,
        entries: &Entries,
        delta: &Delta,
        now: Timestamp,
    ) -> Result<Record> {
        let Means {
            realm,
            ring,
            seals,
            limit,
        } = &*self.0;
        let mut sealed = [0; 1 + SEAL_HEAD];
        sealed[0] = SEALED;
        let prefix = if *seals { &sealed[..] } else { &[PLAIN] };
        let mut payload = codec::encode(prefix, meta, entries, delta);
        let size = payload.len() - prefix.len() + 1;
        if size > *limit {
            let context = format!("the session would have {size} bytes; the limit is {limit}");
            return Err(Error::new(ErrorKind::TooLarge, "commit", context));
        }
        if *seals {
            ring.seal(Purpose::Record, &self.context(key), &mut payload, 1, now)?;
        }
        let mut record = Record::new(payload, now, meta.absolute_deadline);
        record.created = meta.created;
        record.idle_deadline = meta.idle_deadline(now);
        let subject = meta.subject.as_ref();
        let indexed = subject.map(|subject| ring.subject_keys(realm, subject, now));
        record.subject = indexed.and_then(|keys| keys.first().copied());
        Ok(record)
    }

    fn context(&self, key: &StoreKey) -> Context {
        Context::new(&[
            b"record",
            &[SEALED],
            self.0.realm.as_bytes(),
            key.as_bytes(),
        ])
    }
}

fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "open a record", what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode_value;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn meta() -> Meta {
        Meta {
            idle: Some(Duration::from_secs(60)),
            handle: [1; 12],
            ..Meta::new(NOW, NOW.after(Duration::from_secs(3_600)))
        }
    }

    fn key(byte: u8) -> StoreKey {
        StoreKey::from_bytes([byte; 32])
    }

    fn change(sealer: &Sealer, now: Timestamp) -> Change {
        let mut delta = Delta::default();
        delta
            .set("name", &encode_value("name", "canary").unwrap())
            .unwrap();
        Change {
            now,
            delta,
            edit: MetaEdit::default(),
            sealer: sealer.clone(),
            under: None,
        }
    }

    fn sealed() -> (Sealer, Found) {
        let sealer = Sealer::new("shop", KeyRing::generate().unwrap(), true, SIZE_LIMIT);
        let record = sealer
            .record(
                &key(1),
                &meta(),
                &Entries::default(),
                &Delta::default(),
                NOW,
            )
            .unwrap();
        (sealer, Found::new(key(1), record))
    }

    #[test]
    fn a_change_merges_into_a_sealed_record_and_moves_its_idle_deadline() {
        let (sealer, found) = sealed();
        let later = NOW.after(Duration::from_secs(30));
        let record = change(&sealer, later).apply(&found).unwrap();
        assert_eq!(record.version, found.record.version.next());
        assert_eq!(record.idle_deadline, later.after(Duration::from_secs(60)));
        assert!(!record.payload.windows(6).any(|window| window == b"canary"));
        let (_, entries) = sealer.open(&key(1), &record, later).unwrap().unwrap();
        assert_eq!(entries.find("name"), Some(&b"\"canary\""[..]));
    }

    /// SR-2: a record that was moved, damaged, or written without its seal is refused.
    #[test]
    fn swapped_damaged_and_unsealed_records_are_refused() {
        let (sealer, found) = sealed();
        let refused = |key, record: &Record| sealer.open(&key, record, NOW).unwrap_err().kind();
        assert_eq!(refused(key(2), &found.record), ErrorKind::Corrupt);
        let plain = Sealer::new("shop", KeyRing::generate().unwrap(), false, SIZE_LIMIT).record(
            &key(1),
            &meta(),
            &Entries::default(),
            &Delta::default(),
            NOW,
        );
        assert_eq!(refused(key(1), &plain.unwrap()), ErrorKind::Corrupt);
        let mut damaged = found.record.payload.to_vec();
        damaged[70] ^= 1;
        let damaged = Record {
            payload: damaged.into(),
            ..found.record
        };
        assert_eq!(refused(key(1), &damaged), ErrorKind::Corrupt);
    }

    /// LC-7: whoever writes the store cannot make a session live longer.
    #[test]
    fn a_deadline_moved_in_the_store_does_not_prolong_a_session() {
        let (sealer, mut found) = sealed();
        found.record.absolute_deadline = Timestamp::MAX;
        found.record.idle_deadline = Timestamp::MAX;
        let late = meta().absolute_deadline;
        assert!(sealer.open(&key(1), &found.record, late).unwrap().is_none());
        assert_eq!(
            change(&sealer, late).apply(&found).unwrap_err().kind(),
            ErrorKind::Gone
        );
    }

    #[test]
    fn a_session_that_outgrows_its_limit_is_refused() {
        let sealer = Sealer::new("shop", KeyRing::generate().unwrap(), true, 200);
        let record = sealer
            .record(
                &key(1),
                &meta(),
                &Entries::default(),
                &Delta::default(),
                NOW,
            )
            .unwrap();
        let mut change = change(&sealer, NOW);
        change
            .delta
            .set("big", &encode_value("big", &"x".repeat(200)).unwrap())
            .unwrap();
        assert_eq!(
            change
                .apply(&Found::new(key(1), record))
                .unwrap_err()
                .kind(),
            ErrorKind::TooLarge
        );
    }
}
