//! What the library itself knows of a session: the first part of a payload, authenticated with the values.

use std::time::Duration;

use super::{Reader, corrupt};
use crate::{clock::Timestamp, error::Result};

/// The longest subject, in bytes of UTF-8.
pub(crate) const MAX_SUBJECT_LEN: usize = 255;

/// The part of `meta` that is always there: three instants or durations, the handle, the flags.
const FIXED: usize = 3 * 8 + 12 + 1;

const HAS_AUTHENTICATED: u8 = 1;
const HAS_ELEVATED: u8 = 1 << 1;
const HAS_SUBJECT: u8 = 1 << 2;
const PERSISTENT: u8 = 1 << 3;

/// What the library itself knows of a session; authenticated with the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) created: Timestamp,
    pub(crate) absolute_deadline: Timestamp,
    /// How long the session may idle; `None` if idling does not end it.
    pub(crate) idle: Option<Duration>,
    /// Whether the cookie outlives the browser.
    pub(crate) persistent: bool,
    /// Names the session to people; stays the same when the id is renewed.
    pub(crate) handle: [u8; 12],
    pub(crate) subject: Option<Box<str>>,
    pub(crate) authenticated: Option<Timestamp>,
    pub(crate) elevated_until: Option<Timestamp>,
}

impl Meta {
    /// When the session ends unless it is used before.
    pub(crate) fn idle_deadline(&self, now: Timestamp) -> Timestamp {
        self.idle.map_or(Timestamp::MAX, |idle| now.after(idle))
    }

    /// How many bytes [`encode`](Self::encode) writes.
    pub(super) fn size(&self) -> usize {
        let instants = [self.authenticated, self.elevated_until];
        let subject = self.subject.as_ref().map_or(0, |subject| 1 + subject.len());
        FIXED + instants.iter().flatten().count() * 8 + subject
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        flags |= if self.authenticated.is_some() {
            HAS_AUTHENTICATED
        } else {
            0
        };
        flags |= if self.elevated_until.is_some() {
            HAS_ELEVATED
        } else {
            0
        };
        flags |= if self.subject.is_some() {
            HAS_SUBJECT
        } else {
            0
        };
        flags |= if self.persistent { PERSISTENT } else { 0 };
        let idle = self.idle.map_or(0, |idle| {
            u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)
        });
        out.extend_from_slice(&self.created.as_millis().to_le_bytes());
        out.extend_from_slice(&self.absolute_deadline.as_millis().to_le_bytes());
        out.extend_from_slice(&idle.to_le_bytes());
        out.extend_from_slice(&self.handle);
        out.push(flags);
        for instant in [self.authenticated, self.elevated_until]
            .into_iter()
            .flatten()
        {
            out.extend_from_slice(&instant.as_millis().to_le_bytes());
        }
        if let Some(subject) = &self.subject {
            out.push(u8::try_from(subject.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(&subject.as_bytes()[..subject.len().min(MAX_SUBJECT_LEN)]);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let created = reader.timestamp()?;
        let absolute_deadline = reader.timestamp()?;
        let idle = u64::from_le_bytes(reader.array()?);
        let handle = reader.array()?;
        let flags = reader.byte()?;
        if flags & !(HAS_AUTHENTICATED | HAS_ELEVATED | HAS_SUBJECT | PERSISTENT) != 0 {
            return Err(corrupt("unknown flags"));
        }
        let authenticated = if flags & HAS_AUTHENTICATED != 0 {
            Some(reader.timestamp()?)
        } else {
            None
        };
        let elevated_until = if flags & HAS_ELEVATED != 0 {
            Some(reader.timestamp()?)
        } else {
            None
        };
        let subject = if flags & HAS_SUBJECT != 0 {
            let len = usize::from(reader.byte()?);
            Some(reader.text(len)?.into())
        } else {
            None
        };
        Ok(Self {
            created,
            absolute_deadline,
            idle: (idle != 0).then(|| Duration::from_millis(idle)),
            persistent: flags & PERSISTENT != 0,
            handle,
            subject,
            authenticated,
            elevated_until,
        })
    }
}
