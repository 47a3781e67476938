//! What the library itself knows of a session: the first part of a payload, authenticated with the values.

use std::time::Duration;

use super::{Reader, corrupt};
use crate::{
    clock::Timestamp,
    ending::Ending,
    error::Result,
    id::{StoreKey, random_bytes},
};

/// The longest subject, in bytes of UTF-8.
pub(crate) const MAX_SUBJECT_LEN: usize = 255;

/// The longest name of a device, in bytes of UTF-8.
pub(crate) const MAX_DEVICE_LEN: usize = 120;

/// The part of `meta` that is always there: three instants or durations, the handle, the flags.
const FIXED: usize = 3 * 8 + 12 + 1;

const HAS_AUTHENTICATED: u8 = 1;
const HAS_ELEVATED: u8 = 1 << 1;
const HAS_SUBJECT: u8 = 1 << 2;
const PERSISTENT: u8 = 1 << 3;
const HAS_DEVICE: u8 = 1 << 4;
const HAS_ENDED: u8 = 1 << 5;
const HAS_MARK: u8 = 1 << 6;
const KNOWN_FLAGS: u8 =
    HAS_AUTHENTICATED | HAS_ELEVATED | HAS_SUBJECT | PERSISTENT | HAS_DEVICE | HAS_ENDED | HAS_MARK;

/// Which side of a move a record is, as it is stored.
const COPY: u8 = 1;
const MOVED: u8 = 2;
const SETTLED: u8 = 3;
const CLAIMED: u8 = 4;

/// Why a session ended, as it is stored.
const ENDINGS: [(Ending, u8); 2] = [(Ending::Revoked, 1), (Ending::SignedOut, 2)];

/// What a session tells of its other self, while it moves from one place to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) side: Side,
    /// Where the other one lies, if not under the same key. Apart, since a key is large and hardly any
    /// session has a mark.
    twin: Option<Box<StoreKey>>,
}

/// Which of the two a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The session. It came out of a cookie that has the twin as its name.
    Claimed,
    /// Not the session, unless an original says that it went this way.
    Copy(Passage),
    /// No longer the session, where the other place is known: that is the copy of this passage, and what became of it. Where it went into a
    /// cookie, the twin names the one that it had come out of.
    Moved(Passage),
    /// The session. It came from the twin.
    Settled,
}

/// Which copy it is that an original went into: drawn when a record becomes a copy, and kept as long as it is one, whoever brings it up
/// to date. So a copy that was left behind is told from the one that counts, whichever places they lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage([u8; 8]);

impl Passage {
    pub(crate) fn draw() -> Result<Self> {
        random_bytes("mark a move").map(Self)
    }
}

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
    /// What the application calls the device.
    pub(crate) device: Option<Box<str>>,
    /// Only in the farewell that took the place of a session.
    pub(crate) ended: Option<Ending>,
    /// Only of a session that moves, or moved.
    pub(crate) mark: Option<Mark>,
}

impl Meta {
    /// That of a session without any of the optional parts.
    pub(crate) fn new(created: Timestamp, absolute_deadline: Timestamp) -> Self {
        Self {
            created,
            absolute_deadline,
            idle: None,
            persistent: false,
            handle: [0; 12],
            subject: None,
            authenticated: None,
            elevated_until: None,
            device: None,
            ended: None,
            mark: None,
        }
    }

    /// When the session ends unless it is used before.
    pub(crate) fn idle_deadline(&self, now: Timestamp) -> Timestamp {
        self.idle.map_or(Timestamp::MAX, |idle| now.after(idle))
    }

    /// How many bytes [`encode`](Self::encode) writes.
    pub(super) fn size(&self) -> usize {
        let instants = [self.authenticated, self.elevated_until];
        let subject = self.subject.as_ref().map_or(0, |subject| 1 + subject.len());
        let device = self.device.as_ref().map_or(0, |device| 1 + device.len());
        FIXED
            + instants.iter().flatten().count() * 8
            + subject
            + device
            + usize::from(self.ended.is_some())
            + self.mark.as_ref().map_or(0, |mark| mark.spelled().len())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let flags = [
            (HAS_AUTHENTICATED, self.authenticated.is_some()),
            (HAS_ELEVATED, self.elevated_until.is_some()),
            (HAS_SUBJECT, self.subject.is_some()),
            (PERSISTENT, self.persistent),
            (HAS_DEVICE, self.device.is_some()),
            (HAS_ENDED, self.ended.is_some()),
            (HAS_MARK, self.mark.is_some()),
        ];
        let flags = flags
            .iter()
            .fold(0, |all, (flag, set)| if *set { all | flag } else { all });
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
        for (text, max) in [
            (&self.subject, MAX_SUBJECT_LEN),
            (&self.device, MAX_DEVICE_LEN),
        ] {
            if let Some(text) = text {
                // Never longer: whoever sets it sees to that.
                let text = &text.as_bytes()[..text.len().min(max)];
                out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(text);
            }
        }
        if let Some(ended) = self.ended {
            let code = ENDINGS.iter().find(|(ending, _)| *ending == ended);
            out.push(code.map_or(0, |(_, code)| *code));
        }
        if let Some(mark) = &self.mark {
            out.extend_from_slice(&mark.spelled());
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let created = reader.timestamp()?;
        let absolute_deadline = reader.timestamp()?;
        let idle = u64::from_le_bytes(reader.array()?);
        let handle = reader.array()?;
        let flags = reader.byte()?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(corrupt("unknown flags"));
        }
        let has = |flag| flags & flag != 0;
        let mut instant = |flag| has(flag).then(|| reader.timestamp()).transpose();
        let (authenticated, elevated_until) = (instant(HAS_AUTHENTICATED)?, instant(HAS_ELEVATED)?);
        let mut text = |flag| {
            let read = |reader: &mut Reader<'_>| {
                let len = usize::from(reader.byte()?);
                reader.text(len).map(Into::into)
            };
            has(flag).then(|| read(reader)).transpose()
        };
        let (subject, device) = (text(HAS_SUBJECT)?, text(HAS_DEVICE)?);
        let ended = if has(HAS_ENDED) {
            let code = reader.byte()?;
            let known = ENDINGS.iter().find(|(_, known)| *known == code);
            // A reason that a later release knows.
            Some(known.map_or(Ending::Unknown, |(ending, _)| *ending))
        } else {
            None
        };
        let mark = has(HAS_MARK).then(|| Mark::decode(reader)).transpose()?;
        Ok(Self {
            created,
            absolute_deadline,
            idle: (idle != 0).then(|| Duration::from_millis(idle)),
            persistent: has(PERSISTENT),
            handle,
            subject,
            authenticated,
            elevated_until,
            device,
            ended,
            mark,
        })
    }
}

impl Mark {
    pub(crate) fn new(side: Side, twin: Option<StoreKey>) -> Self {
        let twin = twin.map(Box::new);
        Self { side, twin }
    }

    /// Of a copy, and of an original that moved.
    pub(crate) fn passage(&self) -> Option<Passage> {
        match self.side {
            Side::Copy(passage) | Side::Moved(passage) => Some(passage),
            Side::Claimed | Side::Settled => None,
        }
    }

    /// Where the other one lies, if not under the same key.
    pub(crate) fn twin(&self) -> Option<StoreKey> {
        self.twin.as_deref().copied()
    }

    /// `side:u8 passage:8B twin_len:u8 twin`, a passage of a copy or an original alone.
    fn spelled(&self) -> Vec<u8> {
        let twin = self.twin.as_deref();
        let twin = twin.map_or_else(Vec::new, StoreKey::spelled);
        let (side, passage) = match &self.side {
            Side::Copy(Passage(passage)) => (COPY, &passage[..]),
            Side::Moved(Passage(passage)) => (MOVED, &passage[..]),
            Side::Settled => (SETTLED, &[][..]),
            Side::Claimed => (CLAIMED, &[][..]),
        };
        // A key has at most 89 bytes.
        [&[side], passage, &[twin.len() as u8], &twin].concat()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let side = match reader.byte()? {
            COPY => Side::Copy(Passage(reader.array()?)),
            MOVED => Side::Moved(Passage(reader.array()?)),
            SETTLED => Side::Settled,
            CLAIMED => Side::Claimed,
            _ => return Err(corrupt("a mark")),
        };
        let len = usize::from(reader.byte()?);
        let bytes = reader.take(len)?;
        let twin =
            (len > 0).then(|| StoreKey::from_spelled(bytes).ok_or_else(|| corrupt("a mark")));
        Ok(Self::new(side, twin.transpose()?))
    }
}
