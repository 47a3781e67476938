//! Waiting, and knowing how long: the one place of this store that asks for the time or sleeps.
//!
//! It measures how long something took, on the machine's own clock; when a session ends is told by `now`.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Runs from the moment it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures a wait; decides nothing about sessions"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn exceeds(self, limit: Duration) -> bool {
        self.0.elapsed() >= limit
    }
}

/// A short sleep while another process holds the write lock: SQLite cannot be told to call back.
/// Longer as the tries add up, so that a long wait costs little.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread of the store's own; there is no event to wait for"
)]
pub(super) fn pause(tries: u32) {
    thread::sleep(Duration::from_micros(u64::from(100 + 50 * tries.min(18))));
}

/// A busy handler for a connection that waits on its own.
pub(super) fn patient(limit: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Stopwatch::start();
    move |tries| {
        if tries == 0 {
            since = Stopwatch::start();
        }
        let again = !since.exceeds(limit);
        if again {
            pause(tries.unsigned_abs());
        }
        again
    }
}
