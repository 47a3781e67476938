//! A payload put together from its parts, for sessions whose values lie outside as something else.

use super::{Meta, Reader, VERSION};

/// The payload of `meta` and of frames that [`write_entry`](super::write_entry) wrote.
pub(crate) fn payload(prefix: &[u8], meta: &Meta, frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(prefix.len() + 1 + meta.size() + frames.len());
    out.extend_from_slice(prefix);
    out.push(VERSION);
    meta.encode(&mut out);
    out.extend_from_slice(frames);
    out
}

/// Adds what the library knows of a session.
pub(crate) fn write_meta(out: &mut Vec<u8>, meta: &Meta) {
    meta.encode(out);
}

/// What [`write_meta`] added, and nothing after it.
pub(crate) fn read_meta(bytes: &[u8]) -> Option<Meta> {
    let mut reader = Reader { bytes };
    let meta = Meta::decode(&mut reader).ok()?;
    reader.bytes.is_empty().then_some(meta)
}
