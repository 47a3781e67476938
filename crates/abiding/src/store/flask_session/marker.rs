//! The text under `_abiding`: what a record says and Flask-Session has no word for.
//!
//! ```text
//! text   = base64url(kind:u8 digest:8B until:i64 rest)
//! rest   = 1 sid | 0 key:32B                                       kind a, an alias
//!        | version:u64 created:i64 seen:i64 idle:i64 absolute:i64
//!          subject:0|1 [16B] meta                                  kind r, a record; s, a snapshot
//!          … payload                                               kind o, a record that no map can show; p, its snapshot
//! ```
//! Integers are little-endian, instants in milliseconds. The digest is that of the other pairs, as a reader gets them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Frames;
use crate::{
    clock::Timestamp,
    codec::{Meta, read_meta, write_meta},
    id::StoreKey,
    record::{Record, SubjectKey, Version},
};

pub(super) struct Marker {
    pub(super) kind: Kind,
    pub(super) digest: [u8; 8],
    pub(super) until: Timestamp,
    /// Of an alias nothing but a beginning.
    pub(super) record: Record,
}

pub(super) enum Kind {
    Alias(StoreKey),
    /// With what the library knows of the session, if the map shows its values.
    Record(Option<Meta>),
    Snapshot,
}

impl Marker {
    pub(super) fn alias(to: &StoreKey, until: Timestamp, frames: &Frames) -> String {
        let mut bytes = head(b'a', until, frames);
        match to.named() {
            Some(sid) => {
                bytes.push(1);
                bytes.extend_from_slice(sid.as_bytes());
            }
            None => {
                bytes.push(0);
                bytes.extend_from_slice(to.as_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn of(
        record: &Record,
        meta: Option<&Meta>,
        until: Option<Timestamp>,
        frames: &Frames,
    ) -> String {
        let kind = match (meta, until) {
            (Some(_), None) => b'r',
            (Some(_), Some(_)) => b's',
            (None, None) => b'o',
            (None, Some(_)) => b'p',
        };
        let mut bytes = head(kind, until.unwrap_or(Timestamp::MAX), frames);
        bytes.extend_from_slice(&record.version.number().to_le_bytes());
        let Record {
            created,
            seen,
            idle_deadline,
            absolute_deadline,
            ..
        } = record;
        for instant in [created, seen, idle_deadline, absolute_deadline] {
            bytes.extend_from_slice(&instant.as_millis().to_le_bytes());
        }
        bytes.push(u8::from(record.subject.is_some()));
        if let Some(subject) = &record.subject {
            bytes.extend_from_slice(subject.as_bytes());
        }
        match meta {
            Some(meta) => write_meta(&mut bytes, meta),
            None => bytes.extend_from_slice(&record.payload),
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a marker of ours says; nothing if it is none.
    pub(super) fn parse(text: &str, frames: &Frames) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut rest = bytes.as_slice();
        let [kind] = take(&mut rest)?;
        let digest = take(&mut rest)?;
        let until = instant(&mut rest)?;
        if kind == b'a' {
            let [is_sid] = take(&mut rest)?;
            let to = match is_sid {
                0 => StoreKey::from_bytes(take(&mut rest)?),
                _ => StoreKey::of_sid(std::str::from_utf8(rest).ok()?)?,
            };
            return Some(Self {
                kind: Kind::Alias(to),
                digest,
                until,
                record: Record::new([], until, until),
            });
        }
        let version = Version::from_number(u64::from_le_bytes(take(&mut rest)?));
        let (created, seen) = (instant(&mut rest)?, instant(&mut rest)?);
        let (idle_deadline, absolute_deadline) = (instant(&mut rest)?, instant(&mut rest)?);
        let subject = match take(&mut rest)? {
            [0] => None,
            _ => Some(SubjectKey::from_bytes(take(&mut rest)?)),
        };
        let meta = match kind {
            b'r' | b's' => Some(read_meta(rest)?),
            b'o' | b'p' => None,
            _ => return None,
        };
        let payload = meta
            .as_ref()
            .map_or_else(|| rest.to_vec(), |meta| frames.payload(meta));
        let mut record = Record::new(payload, seen, absolute_deadline);
        record.created = created;
        record.idle_deadline = idle_deadline;
        record.version = version;
        record.subject = subject;
        let kind = match kind {
            b's' | b'p' => Kind::Snapshot,
            _ => Kind::Record(meta),
        };
        Some(Self {
            kind,
            digest,
            until,
            record,
        })
    }
}

fn head(kind: u8, until: Timestamp, frames: &Frames) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&frames.digest());
    bytes.extend_from_slice(&until.as_millis().to_le_bytes());
    bytes
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn instant(rest: &mut &[u8]) -> Option<Timestamp> {
    take(rest).map(|bytes| Timestamp::from_millis(i64::from_le_bytes(bytes)))
}
