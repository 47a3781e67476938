//! Gates that hold requests between what they read and what they write.
//!
//! The worst interleaving of a race is that everybody reads before anybody writes. A gate makes it
//! happen every time, without a sleep: the runner waits until all have read, does what it wants in
//! between, and opens.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

/// The gates that are in use, by number.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    gates: Mutex<HashMap<u64, Arc<Leaf>>>,
    next: AtomicU64,
}

/// One gate, held by who opens it; gone when dropped, and then nobody waits for it.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    gates: &'a Gates,
    number: u64,
    leaf: Arc<Leaf>,
}

#[derive(Debug)]
struct Leaf {
    arrived: Semaphore,
    open: watch::Sender<bool>,
}

impl Gates {
    /// A closed gate.
    pub(crate) fn build(&self) -> Gate<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let leaf = Arc::new(Leaf {
            arrived: Semaphore::new(0),
            open: watch::Sender::new(false),
        });
        self.lock().insert(number, Arc::clone(&leaf));
        Gate {
            gates: self,
            number,
            leaf,
        }
    }

    /// Waits at the gate of that number until it opens, but never for long.
    pub(crate) async fn pass(&self, number: u64) {
        let Some(leaf) = self.lock().get(&number).cloned() else {
            return;
        };
        leaf.arrived.add_permits(1);
        let mut open = leaf.open.subscribe();
        // Too long, or nobody left to open it: go on either way.
        let _ = timeout(PATIENCE, open.wait_for(|open| *open)).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Leaf>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate<'_> {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Waits until `count` stand before the gate; false if they do not come.
    pub(crate) async fn gathered(&self, count: u32) -> bool {
        matches!(
            timeout(PATIENCE, self.leaf.arrived.acquire_many(count)).await,
            Ok(Ok(_))
        )
    }

    /// Lets everybody through, those who come later too.
    pub(crate) fn open(&self) {
        self.leaf.open.send_replace(true);
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        self.open();
        self.gates.lock().remove(&self.number);
    }
}

/// Longer than any request of the lab needs.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_passes_before_the_gate_opens() {
        let gates = Gates::default();
        let gate = gates.build();
        let passed = AtomicU64::new(0);
        let traveller = async {
            gates.pass(gate.number()).await;
            passed.fetch_add(1, Ordering::Relaxed)
        };
        let keeper = async {
            assert!(gate.gathered(2).await);
            assert_eq!(passed.load(Ordering::Relaxed), 0);
            gate.open();
        };
        let another = async {
            gates.pass(gate.number()).await;
            passed.fetch_add(1, Ordering::Relaxed)
        };
        tokio::join!(traveller, another, keeper);
        assert_eq!(passed.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_gate_that_is_gone_stops_nobody() {
        let gates = Gates::default();
        let number = gates.build().number();
        gates.pass(number).await;
    }
}
