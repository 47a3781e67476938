//! Waiting, and knowing how long: for stores that block a thread of their own.
//!
//! It measures how long something took, on the machine's own clock; when a session ends is told by `now`.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Runs from the moment it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures a wait; decides nothing about sessions"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn exceeds(self, limit: Duration) -> bool {
        self.0.elapsed() >= limit
    }
}

/// A short sleep while another process holds a lock: nobody can be told to call back.
/// Longer as the tries add up, so that a long wait costs little.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread of the store's own; there is no event to wait for"
)]
pub(crate) fn pause(tries: u32) {
    thread::sleep(Duration::from_micros(u64::from(100 + 50 * tries.min(18))));
}
