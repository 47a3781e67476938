//! A few connections, shared by everybody: who comes takes the one with the least to do.
//!
//! Nobody waits for a connection to be free, and none is ever given away: a request in flight holds
//! nothing that a dropped future could leave behind. A connection is opened when those that are open
//! have work to do, and anew when one was lost; after a failure others wait a moment before they try.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Client, Notification};

use super::{
    connection::Connection,
    failure::Failure,
    listen::probing,
    statements::Texts,
    tls::{Ending, Tls},
};
use crate::table::Outages;

/// The connections of a store, and how to make one.
pub(super) struct Pool {
    tls: Tls,
    config: tokio_postgres::Config,
    setup: String,
    /// None where somebody else's table is asked, in other words each time.
    pub(super) texts: Option<Texts>,
    pub(super) patience: Duration,
    /// Which database this is, in words.
    pub(super) place: String,
    slots: Box<[Slot]>,
    outages: Outages,
}

/// The place of a connection.
#[derive(Default)]
struct Slot {
    open: Mutex<Option<Arc<Connection>>>,
    /// Held by the one who opens it.
    opening: tokio::sync::Mutex<()>,
    /// How many wait for an answer from it.
    busy: AtomicUsize,
}

/// A connection, for as long as one question takes.
pub(super) struct Lease<'a> {
    pub(super) connection: Arc<Connection>,
    _counted: Counted<'a>,
}

/// One of those who wait for an answer.
struct Counted<'a>(&'a Slot);

impl<'a> Counted<'a> {
    fn among(slot: &'a Slot) -> Self {
        slot.busy.fetch_add(1, Ordering::Relaxed);
        Self(slot)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new(
        tls: Tls,
        config: tokio_postgres::Config,
        setup: String,
        texts: Option<Texts>,
        patience: Duration,
        place: String,
        connections: usize,
    ) -> Self {
        Self {
            tls,
            config,
            setup,
            texts,
            patience,
            place,
            slots: (0..connections).map(|_| Slot::default()).collect(),
            outages: Outages::default(),
        }
    }

    /// The connection with the least to do; opened, if need be.
    pub(super) async fn lease(&self, deadline: Instant) -> Result<Lease<'_>, Failure> {
        let slot = self.least_busy();
        let counted = Counted::among(slot);
        let connection = match self.usable(slot) {
            Some(connection) => connection,
            None => timeout_at(deadline, self.open(slot))
                .await
                .unwrap_or(Err(Failure::Late(self.patience)))?,
        };
        Ok(Lease {
            connection,
            _counted: counted,
        })
    }

    /// A connection beside the others, which gives what the server tells to `hear`.
    pub(super) async fn line(
        &self,
        hear: impl FnMut(Notification) + Send + 'static,
    ) -> Result<(Client, Ending), Failure> {
        let config = probing(self.config.clone());
        Ok(self.tls.connect_hearing(&config, hear).await?)
    }

    /// The first of those that have the least to do, so that under little load few are opened.
    fn least_busy(&self) -> &Slot {
        let busy = |slot: &&Slot| slot.busy.load(Ordering::Relaxed);
        self.slots
            .iter()
            .min_by_key(busy)
            .expect("a store has at least one connection")
    }

    fn usable(&self, slot: &Slot) -> Option<Arc<Connection>> {
        let mut open = lock(&slot.open);
        open.take_if(|connection| !connection.is_usable(self.patience));
        open.clone()
    }

    async fn open(&self, slot: &Slot) -> Result<Arc<Connection>, Failure> {
        let _turn = slot.opening.lock().await;
        if let Some(connection) = self.usable(slot) {
            return Ok(connection);
        }
        self.outages.check()?;
        let opened =
            Connection::open(&self.tls, &self.config, &self.setup, self.texts.as_ref()).await;
        let connection = match opened {
            Ok(connection) => Arc::new(connection),
            Err(failure) => {
                let reason = format!("{} {}", self.place, failure.words().1);
                self.outages.note(reason);
                return Err(failure);
            }
        };
        self.outages.end();
        *lock(&slot.open) = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

/// What lies behind these locks is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
