//! How long a session lives: an idle timeout, an absolute lifetime, and when a sliding one is written.
//!
//! Both deadlines are data of each record, so one visitor's thirty days never become another's thirty
//! minutes, and a changed default leaves living sessions alone.

use std::time::Duration;

use crate::{clock::Timestamp, error::ConfigError};

/// The lifetimes that a session begins with. Defaults: idle 30 min, absolute 12 h (OWASP ASVS 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    idle: Option<Duration>,
    /// None only for sessions that Flask shares.
    absolute: Option<Duration>,
    touch_after: Option<Duration>,
}

impl Expiry {
    /// Idle 30 minutes, absolute 12 hours.
    pub const fn new() -> Self {
        Self {
            idle: Some(Duration::from_secs(30 * 60)),
            absolute: Some(Duration::from_secs(12 * 60 * 60)),
            touch_after: None,
        }
    }

    /// The session ends when it was not used for so long.
    #[must_use = "the expiry is returned, not changed in place"]
    pub const fn idle(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// The session ends by its absolute lifetime alone.
    #[must_use = "the expiry is returned, not changed in place"]
    pub const fn no_idle(mut self) -> Self {
        self.idle = None;
        self
    }

    /// The session ends so long after it began, however it is used. Always finite.
    #[must_use = "the expiry is returned, not changed in place"]
    pub const fn absolute(mut self, lifetime: Duration) -> Self {
        self.absolute = Some(lifetime);
        self
    }

    /// A use is written down only when the last one is older than this: a tenth of the idle timeout by
    /// default. A session may end earlier by at most this much, and never later, than its idle timeout
    /// after its last use.
    #[must_use = "the expiry is returned, not changed in place"]
    pub const fn touch_after(mut self, threshold: Duration) -> Self {
        self.touch_after = Some(threshold);
        self
    }

    /// The session ends when it was not used for so long, and not otherwise: Flask's only lifetime.
    #[cfg(feature = "flask")]
    pub(crate) const fn sliding(timeout: Duration) -> Self {
        Self {
            idle: Some(timeout),
            absolute: None,
            touch_after: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);
        let refuse = |value: String, remedy| Err(ConfigError::Lifetime { value, remedy });
        let millisecond = Duration::from_millis(1);
        match *self {
            Self {
                absolute: Some(absolute),
                ..
            } if absolute < millisecond || absolute > LONGEST => refuse(
                format!("absolute({absolute:?})"),
                "choose between a millisecond and 400 days",
            ),
            Self {
                idle: Some(idle), ..
            } if idle < millisecond => refuse(
                format!("idle({idle:?})"),
                "choose at least a millisecond, or `no_idle()`",
            ),
            Self {
                idle: Some(idle),
                touch_after: Some(touch),
                ..
            } if touch >= idle => refuse(
                format!("touch_after({touch:?})"),
                "choose less than the idle timeout, or sessions in use end",
            ),
            _ => Ok(()),
        }
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.idle
    }

    pub(crate) fn absolute_deadline(&self, now: Timestamp) -> Timestamp {
        self.absolute
            .map_or(Timestamp::MAX, |lifetime| now.after(lifetime))
    }

    /// Whether a use at `now` of a session with this idle timeout is to be written down.
    pub(crate) fn touch_is_due(
        &self,
        idle: Option<Duration>,
        seen: Timestamp,
        now: Timestamp,
    ) -> bool {
        idle.is_some_and(|idle| {
            let threshold = self
                .touch_after
                .filter(|&threshold| threshold < idle)
                .unwrap_or(idle / 10);
            now.since(seen) > threshold
        })
    }
}

impl Default for Expiry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn lifetimes_that_contradict_each_other_are_refused() {
        let expiry = Expiry::new();
        assert_eq!(expiry.check(), Ok(()));
        for wrong in [
            expiry.absolute(Duration::ZERO),
            expiry.absolute(Duration::MAX),
            expiry.idle(Duration::ZERO),
            expiry.touch_after(30 * MINUTE),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_use_is_written_down_after_the_threshold_and_not_at_it() {
        let (expiry, seen) = (Expiry::new().touch_after(5 * MINUTE), Timestamp::default());
        let due =
            |minutes| expiry.touch_is_due(Some(30 * MINUTE), seen, seen.after(minutes * MINUTE));
        assert_eq!([due(4), due(5), due(6)], [false, false, true]);
        assert!(!expiry.touch_is_due(None, seen, Timestamp::MAX));
    }

    /// A session of a minute in an application of half-hour sessions is touched by its own measure.
    #[test]
    fn a_threshold_longer_than_a_session_s_own_timeout_does_not_end_it() {
        let (expiry, seen) = (Expiry::new().touch_after(5 * MINUTE), Timestamp::default());
        assert!(expiry.touch_is_due(Some(MINUTE), seen, seen.after(MINUTE / 9)));
    }
}
