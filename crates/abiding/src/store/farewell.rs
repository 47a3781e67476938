//! What takes the place of a session that was ended on purpose: the reason, and nothing else.

use crate::{
    clock::Timestamp,
    codec::{Entries, Meta},
    delta::Delta,
    ending::Ending,
    id::StoreKey,
    record::{Found, Record},
};

use super::Sealer;

/// Says why a session was ended, where its record was. Holds none of its values.
#[derive(Clone, Debug)]
pub struct Farewell {
    pub(crate) now: Timestamp,
    pub(crate) ending: Ending,
    pub(crate) sealer: Sealer,
}

impl Farewell {
    /// The record to put in the place of `found`, frozen, until the deadline that it carries; `None` if
    /// there is nothing to be told for any length of time. Never fails: a session ends either way.
    pub fn to(&self, found: &Found) -> Option<Record> {
        self.record(&found.key, found.record.absolute_deadline)
    }

    /// The same for whoever keeps no more of the record than its key and its absolute deadline.
    pub(crate) fn record(&self, key: &StoreKey, absolute_deadline: Timestamp) -> Option<Record> {
        let Self {
            now,
            ending,
            sealer,
        } = self;
        let meta = Meta {
            ended: Some(*ending),
            ..Meta::new(*now, self.until(absolute_deadline))
        };
        let nothing = (Entries::default(), Delta::default());
        let record = sealer.record(key, &meta, &nothing.0, &nothing.1, *now);
        record.ok().filter(|record| !record.is_expired_at(*now))
    }

    /// How long it is kept, in the place of a record with this absolute deadline.
    pub(crate) fn until(&self, absolute_deadline: Timestamp) -> Timestamp {
        absolute_deadline.min(self.now.after(REMEMBERED))
    }
}

/// How long a reason is kept at most; no longer than the session could have lived in any case.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);
