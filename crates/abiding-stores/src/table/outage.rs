//! A pause after a failure to connect, in which others are told the same instead of trying too.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use abiding::{Error, ErrorKind, Result};
use tokio::time::Instant;

/// Whether there is an outage, and for how long nobody tries.
#[derive(Default)]
pub(crate) struct Outages(Mutex<Option<Outage>>);

struct Outage {
    until: Instant,
    pause: Duration,
    reason: String,
}

impl Outages {
    /// Refuses, with the reason that was given, until it is time to try again.
    pub(crate) fn check(&self) -> Result<()> {
        match &*self.lock() {
            Some(outage) if Instant::now() < outage.until => {
                let reason = outage.reason.clone();
                Err(Error::new(ErrorKind::Unavailable, "connect", reason))
            }
            _ => Ok(()),
        }
    }

    /// Others are told `reason` until it is time to try again: longer each time, a second at most.
    pub(crate) fn note(&self, reason: String) {
        let mut outage = self.lock();
        let last = outage.as_ref().map_or(PAUSE / 2, |outage| outage.pause);
        let pause = (last * 2).min(LONGEST_PAUSE);
        *outage = Some(Outage {
            until: Instant::now() + pause,
            pause,
            reason,
        });
    }

    /// It is over: somebody has connected.
    pub(crate) fn end(&self) {
        self.lock().take();
    }

    /// What lies behind this lock is whole at any moment.
    fn lock(&self) -> MutexGuard<'_, Option<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long nobody tries to connect after a failure.
const PAUSE: Duration = Duration::from_millis(20);
/// How long at most, after many.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
