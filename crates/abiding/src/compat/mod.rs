//! The formats of Flask and Flask-Session, byte for byte: what they wrote is read, and they read ours.
//!
//! Pure functions over bytes: no store, no clock, no I/O. A Flask process and a Rust process can share
//! a session because both speak these.
//!
//!
//! Whatever is malformed is an error of kind [`Corrupt`](crate::ErrorKind::Corrupt) or no session,
//! never a panic, and costs no more than its length suggests: nesting, sizes and counts are bounded.

pub mod cookie;
mod json_text;
mod path;
pub mod sid;
pub mod signer;
mod tagged;
mod value;

pub use value::{
    Date, Datetime, Dict, Float, Int, MappingKind, NotAMoment, NotAnInt, Text, Time, Timedelta,
    Value,
};

/// How deep values may nest, on reading and on writing. CPython gives up near 1,000.
pub const MAX_DEPTH: usize = 250;
