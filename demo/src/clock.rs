//! The clock of the demo: the system's, or in debug builds one that a test can push ahead.

use std::path::PathBuf;

use abiding::{Clock, SystemClock, Timestamp};

/// Tells the time of the system, plus the seconds that a file holds, if one was named.
///
/// `settings` names a file only in debug builds. The file is read at every look, so that a browser
/// test moves the time of a running server by writing to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DemoClock {
    pub(crate) ahead: Option<PathBuf>,
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        let Some(file) = &self.ahead else { return now };
        let seconds = std::fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Timestamp::from_millis(
            now.as_millis()
                .saturating_add(seconds.unwrap_or(0_i64).saturating_mul(1000)),
        )
    }
}
