//! A ledger: small counts that a visitor cannot undo.
//!
//! A session is in its visitor's hands where it lives in a cookie: whoever presents an older copy has
//! the older values, an attempt that was not counted yet and a code that was not used. What must not be
//! undone is written in a ledger instead, which lies in a store of the application: any store, shared by
//! its processes. It serves sessions in a store just as well, since limits for an address or an account
//! belong to no session.
//!
//! ```
//! use std::time::Duration;
//! use abiding::{KeyRing, Ledger, MemoryStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::new(MemoryStore::new(), KeyRing::generate()?);
//! let ten_minutes = Duration::from_secs(600);
//!
//! // Five attempts in ten minutes, whatever cookie they come with.
//! for attempt in 1..=5 {
//!     assert_eq!(ledger.count("attempts: challenge 17", ten_minutes).await?, attempt);
//! }
//! // A code works once.
//! assert!(ledger.claim("used: challenge 17", ten_minutes).await?);
//! assert!(!ledger.claim("used: challenge 17", ten_minutes).await?);
//! # Ok(()) }
//! # let mut future = std::pin::pin!(example());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(matches!(future.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(()))));
//! ```

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock, Timestamp},
    codec,
    delta::Delta,
    error::Result,
    keyring::KeyRing,
    notes::{Note, Notes},
    store::{DynStore, DynSweep, Sweep, Swept},
};

/// Counts by name, each within a window of time. Clones are the same ledger.
///
/// Names are the application's: put what is counted and for whom into one string. A store sees a keyed
/// hash of it. Every count is exact, also with many processes on one store; it is as durable as the
/// store, and a store that [evicts](crate::store::Capabilities::evicts) may forget it.
#[derive(Clone)]
pub struct Ledger(Arc<Book>);

struct Book {
    notes: Notes,
    clock: Box<dyn Clock>,
}

impl Ledger {
    /// A ledger in `store`. Give it a file or table of its own, so that counts of sessions count no notes.
    pub fn new<S: Sweep>(store: S, keys: KeyRing) -> Self {
        Self::with_clock(store, keys, SystemClock)
    }

    /// The same with another clock: for tests.
    pub fn with_clock<S: Sweep>(store: S, keys: KeyRing, clock: impl Clock) -> Self {
        let store = Arc::new(store);
        let (store, sweep): (Arc<dyn DynStore>, Arc<dyn DynSweep>) = (store.clone(), store);
        Self(Arc::new(Book {
            notes: Notes::new(store, sweep, keys, "ledger", "count"),
            clock: Box::new(clock),
        }))
    }

    /// Counts one more under `name`, and answers how many there were within `window` of the first.
    ///
    /// # Errors
    /// If the store failed: whoever must be limited is to be refused then.
    pub async fn count(&self, name: &str, window: Duration) -> Result<u32> {
        let now = self.0.clock.now();
        let mut answer = 0;
        let edit = |note: Option<&Note>| {
            let count = living(note, now)?.unwrap_or_else(|| Count {
                number: 0,
                until: now.after(window).as_millis(),
            });
            answer = count.number.saturating_add(1);
            let count = Count {
                number: answer,
                ..count
            };
            count.written().map(Some)
        };
        self.0.notes.change(name, now, edit).await?;
        Ok(answer)
    }

    /// Whether this is the first claim of `name` within `window`: for what may happen once.
    ///
    /// # Errors
    /// If the store failed: whatever must not happen twice is not to happen then.
    pub async fn claim(&self, name: &str, window: Duration) -> Result<bool> {
        Ok(self.count(name, window).await? == 1)
    }

    /// How many were counted under `name`, without counting.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn peek(&self, name: &str) -> Result<u32> {
        let now = self.0.clock.now();
        let note = self.0.notes.read(name, now).await?;
        Ok(living(note.as_ref(), now)?.map_or(0, |count| count.number))
    }

    /// Begins anew under `name`.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn forget(&self, name: &str) -> Result<()> {
        let now = self.0.clock.now();
        let over = Count {
            number: 0,
            until: now.as_millis(),
        };
        let edit = |note: Option<&Note>| note.map(|_| over.written()).transpose();
        self.0.notes.change(name, now, edit).await
    }

    /// Removes up to `limit` counts whose window has been over for a day.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn sweep(&self, limit: usize) -> Result<Swept> {
        self.0.notes.sweep(self.0.clock.now(), limit).await
    }
}

/// What lies under a name.
struct Count {
    number: u32,
    until: i64,
}

impl Count {
    fn written(&self) -> Result<(Delta, Timestamp)> {
        let mut delta = Delta::default();
        delta.set("number", &codec::encode_value("number", &self.number)?)?;
        delta.set("until", &codec::encode_value("until", &self.until)?)?;
        Ok((delta, Timestamp::from_millis(self.until)))
    }
}

/// What is counted in `note`, if its window is not over.
fn living(note: Option<&Note>, now: Timestamp) -> Result<Option<Count>> {
    let Some(note) = note else {
        return Ok(None);
    };
    let (Some(number), Some(until)) = (note.entries.find("number"), note.entries.find("until"))
    else {
        return Ok(None);
    };
    let count = Count {
        number: codec::decode_value("number", number)?,
        until: codec::decode_value("until", until)?,
    };
    Ok((count.until > now.as_millis()).then_some(count))
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("store", &self.0.notes.capabilities().name)
            .finish_non_exhaustive()
    }
}
