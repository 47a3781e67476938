//! A background task that removes sessions which ended by themselves.

use std::time::Duration;

use abiding::Manager;
use tokio::task::JoinHandle;

/// How much is removed before others get their turn.
const BATCH: usize = 500;

/// Sweeps the manager's store every `period`, in small batches, until the handle is aborted. A sweep
/// that fails is logged and tried again at the next period.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn_sweeper(manager: Manager, period: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(period).await;
            let mut removed = 0;
            loop {
                match manager.sweep(BATCH).await {
                    Ok(swept) => {
                        removed += swept.removed;
                        if !swept.more {
                            break;
                        }
                        tokio::task::yield_now().await;
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
