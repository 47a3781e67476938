//! The formats of Flask and Flask-Session, byte for byte: what they wrote is read, and they read ours.
//!
//! Pure functions over bytes: no store, no clock, no I/O. A Flask process and a Rust process can share
//! a session because both speak these.
//!
//! | module | what it reads and writes |
//! |---|---|
//! | [`cookie`] | Flask's signed cookie |
//! | [`sid`] | Flask-Session's session id in a cookie, signed or not |
//! | [`payload`] | what Flask-Session keeps in a store: [`msgpack`], [`json`], and [`pickle`] on reading |
//! | [`plain`] | nothing by itself: walks over JSON for hosts that make objects of their own |
//! | [`cachelib`] | the files of cachelib's `FileSystemCache` |
//! | [`layout`] | store keys, expiry and rows on Redis, memcached and SQL |
//! | [`signer`] | the signatures underneath |
//!
//! Whatever is malformed is an error of kind [`Corrupt`](crate::ErrorKind::Corrupt) or no session,
//! never a panic, and costs no more than its length suggests: nesting, sizes and counts are bounded.

pub mod cachelib;
pub mod cookie;
pub(crate) mod frame;
pub mod json;
mod json_text;
pub mod layout;
pub mod msgpack;
mod path;
pub mod payload;
pub mod pickle;
pub mod plain;
pub mod sid;
pub mod signer;
mod tagged;
mod value;

pub(crate) use tagged::http_date;
pub use value::{
    Date, Datetime, Dict, Float, Int, MappingKind, NotAMoment, NotAnInt, Text, Time, Timedelta,
    Value,
};

/// How deep values may nest, on reading and on writing. CPython gives up near 1,000.
pub const MAX_DEPTH: usize = 250;
