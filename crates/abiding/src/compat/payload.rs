//! What Flask-Session keeps under a session's key in a store.
//!
//! Four eras left four formats, told apart by trying them in Flask-Session's own order: the configured
//! one, the other one, then pickle. Unlike Flask-Session, which hands a pickle to Python, we read it
//! with an interpreter that runs nothing.

use super::{Dict, Value, json, msgpack, pickle};
use crate::error::{Error, ErrorKind, Result};

/// `SESSION_SERIALIZATION_FORMAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `json`
    Json,
    /// `msgpack`, the default
    #[default]
    Msgpack,
}

/// Reads a payload of any era.
///
/// ```
/// use abiding::compat::payload::{self, Format};
///
/// // The same session, as four eras of Flask-Session stored it.
/// for stored in [
///     &b"\x81\xa1a\x07"[..],
///     b"{\"a\":7}",
///     b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x07s.",
///     b"(dp0\nVa\np1\nI7\ns.",
/// ] {
///     let session = payload::read(stored, Format::Msgpack)?;
///     assert_eq!(session.get("a").unwrap().read::<u8>()?, 7);
/// }
/// # Ok::<(), abiding::Error>(())
/// ```
pub fn read(bytes: &[u8], format: Format) -> Result<Dict> {
    match read_value(bytes, format)? {
        Value::Dict(session) => Ok(session),
        other => {
            let context = format!("the payload is a {}, not a dict", other.type_name());
            Err(Error::new(ErrorKind::Corrupt, "read a payload", context))
        }
    }
}

/// Reads a payload that need not be a session: what Flask-Session's own `decode` returns.
pub fn read_value(bytes: &[u8], format: Format) -> Result<Value> {
    let (own, other) = match format {
        Format::Json => (json::read(bytes), Format::Msgpack),
        Format::Msgpack => (msgpack::read(bytes), Format::Json),
    };
    own.or_else(|error| {
        let other = match other {
            Format::Json => json::read(bytes),
            Format::Msgpack => msgpack::read(bytes),
        };
        let pickled = || pickle::read(bytes).map(Value::Dict);
        other.or_else(|_| pickled()).map_err(|pickled| {
            // A pickle announces itself; its own error tells more than that of the other formats.
            match bytes.first() {
                Some(0x80 | b'(' | b'}') => pickled,
                _ => error,
            }
        })
    })
}

/// Writes a payload.
pub fn write(session: &Dict, format: Format) -> Result<Vec<u8>> {
    match format {
        Format::Json => json::write(session),
        Format::Msgpack => msgpack::write(session),
    }
}
