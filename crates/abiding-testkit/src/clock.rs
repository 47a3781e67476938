//! A clock that moves when a test says so.
//!
//! ```
//! use std::time::Duration;
//! use abiding_testkit::ManualClock;
//!
//! let clock = ManualClock::new();
//! let (opened, same) = (clock.now(), clock.clone());
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(same.now().since(opened), Duration::from_secs(60));
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use abiding::{Clock, Timestamp};

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Where every manual clock begins: 1 January 2100.
    ///
    /// A store that also lets its server expire records by the server's own clock must not find
    /// them over before a test does, so it lies in the future.
    pub const START: Timestamp = Timestamp::from_millis(4_102_444_800_000);

    /// A clock that shows [`START`](Self::START).
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Self::START.as_millis())))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves it forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let moved = |millis| Some(Timestamp::from_millis(millis).after(by).as_millis());
        // The closure always answers, so the update always succeeds.
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Puts it to `now`, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_still_and_moves_for_all_its_clones() {
        let clock = ManualClock::new();
        let other = clock.clone();
        assert_eq!(clock.now(), ManualClock::START);
        clock.advance(Duration::from_millis(5));
        assert_eq!(other.now().since(ManualClock::START).as_millis(), 5);
        other.set(Timestamp::from_millis(7));
        assert_eq!(Clock::now(&clock).as_millis(), 7);
    }
}
