//! Golden vectors: bytes recorded from Flask, Flask-Session and cachelib, read and written by us.
//!
//! They lie in `vectors/` at the root of the repository; `ABIDING_VECTORS` names another folder in the
//! same format. Every test counts its cases and fails if a file holds none.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

mod broken;
mod cookies;
mod folder;
mod notation;
mod payloads;
mod pickles;
mod sids;
mod stores;
