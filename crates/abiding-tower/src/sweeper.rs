//! A background task that removes sessions which ended by themselves.

use std::time::Duration;

use abiding::Manager;
use tokio::{task::JoinHandle, time::Instant};

/// Sweeps the manager's store every `period`, in small batches and with rests as [`SweepPace`] has them,
/// until the handle is aborted. A sweep that fails is logged and tried again at the next period.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn_sweeper(manager: Manager, period: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(period).await;
            let (mut removed, mut pace) = (0, SweepPace::new());
            loop {
                let start = Instant::now();
                match manager.sweep(pace.batch()).await {
                    Ok(swept) => {
                        removed += swept.removed;
                        if !swept.more {
                            break;
                        }
                        tokio::time::sleep(pace.rest_after(start.elapsed())).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a sweep stopped early; the next one goes on");
                        break;
                    }
                }
            }
            if removed > 0 {
                tracing::debug!(removed, "swept");
            }
        }
    })
}

/// How much a sweep removes at a time, and how long it rests before it goes on, so that visitors do not
/// notice: batches of about a millisecond, and rests of three times as long as the batch took.
#[derive(Clone, Debug)]
pub struct SweepPace {
    batch: usize,
}

impl SweepPace {
    /// The pace to begin with.
    pub fn new() -> Self {
        Self { batch: LEAST }
    }

    /// How many sessions to remove next.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// How long to rest after a batch that took so long. A store that is slow, or busy with others, gets
    /// smaller batches and longer rests.
    pub fn rest_after(&mut self, took: Duration) -> Duration {
        let next = if took < GOAL {
            self.batch * 2
        } else {
            self.batch / 2
        };
        self.batch = next.clamp(LEAST, MOST);
        (took * 3).clamp(GOAL, LONGEST_REST)
    }
}

impl Default for SweepPace {
    fn default() -> Self {
        Self::new()
    }
}

/// What a batch should take.
const GOAL: Duration = Duration::from_millis(1);
/// However slow the store is, so much is removed at a time.
const LEAST: usize = 16;
/// However fast the store is, others get their turn after so much.
const MOST: usize = 256;
/// A store that hangs for once is not left alone for long.
const LONGEST_REST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(took: u64, batch: usize, rest: u64) {
        let mut pace = SweepPace { batch: 64 };
        let (took, rest) = (Duration::from_micros(took), Duration::from_micros(rest));
        assert_eq!((pace.rest_after(took), pace.batch()), (rest, batch));
    }

    #[test]
    fn a_slow_store_gets_smaller_batches_and_longer_rests() {
        check(10, 128, 1_000);
        check(900, 128, 2_700);
        check(4_000, 32, 12_000);
        check(900_000, 32, 100_000);
    }

    #[test]
    fn a_batch_never_grows_or_shrinks_out_of_bounds() {
        let mut pace = SweepPace::new();
        (0..20).for_each(|_| _ = pace.rest_after(Duration::ZERO));
        assert_eq!(pace.batch(), MOST);
        (0..20).for_each(|_| _ = pace.rest_after(Duration::from_secs(1)));
        assert_eq!(pace.batch(), LEAST);
    }
}
