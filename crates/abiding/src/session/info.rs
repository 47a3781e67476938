//! What the library knows of a session, for pages that show it. Holds no id.

use crate::{
    clock::Timestamp,
    codec::{Entries, Meta},
    engine::Live,
    id::hex,
    record::{Record, Version},
};

/// A stored session seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Names the session to people: 24 hexadecimal digits that say nothing about the id and stay the
    /// same when it is renewed.
    pub handle: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last written or touched.
    pub seen: Timestamp,
    /// When it ends unless it is used before; [`Timestamp::MAX`] if idling does not end it.
    pub idle_deadline: Timestamp,
    /// When it ends, however it is used.
    pub absolute_deadline: Timestamp,
    /// How many changes it has seen, counting from 1.
    pub version: Version,
    /// Who is signed in.
    pub subject: Option<String>,
    /// When the subject signed in.
    pub authenticated: Option<Timestamp>,
    /// What the application calls the device, as it was told by
    /// [`set_device`](crate::Session::set_device).
    pub device: Option<String>,
    /// Whether its privileges are raised at the moment, for whoever presents the newest id.
    pub elevated: bool,
    /// Whether the cookie outlives the browser.
    pub persistent: bool,
    /// The bytes of keys and encoded values.
    pub bytes: usize,
}

impl Info {
    pub(super) fn of(live: &Live, now: Timestamp) -> Self {
        let current = !live.moved && !live.frozen;
        Self {
            seen: live.seen,
            idle_deadline: live.idle_deadline,
            version: live.version,
            elevated: current && elevated(&live.meta, now),
            ..Self::of_meta(&live.meta, &live.entries)
        }
    }

    pub(crate) fn of_record(
        meta: &Meta,
        entries: &Entries,
        record: &Record,
        now: Timestamp,
    ) -> Self {
        Self {
            seen: record.seen,
            idle_deadline: record.idle_deadline,
            version: record.version,
            elevated: elevated(meta, now),
            ..Self::of_meta(meta, entries)
        }
    }

    pub(crate) fn of_meta(meta: &Meta, entries: &Entries) -> Self {
        Self {
            handle: hex(&meta.handle),
            created: meta.created,
            seen: meta.created,
            idle_deadline: Timestamp::MAX,
            absolute_deadline: meta.absolute_deadline,
            version: Version::FIRST,
            subject: meta.subject.as_deref().map(Into::into),
            authenticated: meta.authenticated,
            device: meta.device.as_deref().map(Into::into),
            elevated: false,
            persistent: meta.persistent,
            bytes: entries
                .iter()
                .map(|entry| entry.key.len() + entry.value.len())
                .sum(),
        }
    }
}

fn elevated(meta: &Meta, now: Timestamp) -> bool {
    meta.elevated_until.is_some_and(|until| until > now)
}
