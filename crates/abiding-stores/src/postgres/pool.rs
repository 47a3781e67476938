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

use abiding::{Error, ErrorKind};
use tokio::time::{Instant, timeout_at};

use super::{connection::Connection, failure::Failure, statements::Texts, tls::Tls};

/// The connections of a store, and how to make one.
pub(super) struct Pool {
    tls: Tls,
    config: tokio_postgres::Config,
    setup: String,
    pub(super) texts: Texts,
    pub(super) patience: Duration,
    /// Which database this is, in words.
    pub(super) place: String,
    slots: Box<[Slot]>,
    outage: Mutex<Option<Outage>>,
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

/// Why nobody tries to connect for a moment.
struct Outage {
    until: Instant,
    pause: Duration,
    reason: String,
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
        texts: Texts,
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
            outage: Mutex::default(),
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
        self.check_outage()?;
        let opened = Connection::open(&self.tls, &self.config, &self.setup, &self.texts).await;
        let connection = match opened {
            Ok(connection) => Arc::new(connection),
            Err(failure) => {
                self.note_outage(&failure);
                return Err(failure);
            }
        };
        lock(&self.outage).take();
        *lock(&slot.open) = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn check_outage(&self) -> Result<(), Failure> {
        match &*lock(&self.outage) {
            Some(outage) if Instant::now() < outage.until => {
                let reason = outage.reason.clone();
                Err(Error::new(ErrorKind::Unavailable, "connect", reason).into())
            }
            _ => Ok(()),
        }
    }

    /// Others are told the same until it is time to try again: longer each time, a second at most.
    fn note_outage(&self, failure: &Failure) {
        let mut outage = lock(&self.outage);
        let last = outage.as_ref().map_or(PAUSE / 2, |outage| outage.pause);
        let pause = (last * 2).min(LONGEST_PAUSE);
        *outage = Some(Outage {
            until: Instant::now() + pause,
            pause,
            reason: format!("{} {}", self.place, failure.words().1),
        });
    }
}

/// What lies behind these locks is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long nobody tries to connect after a failure.
const PAUSE: Duration = Duration::from_millis(20);
/// How long at most, after many.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
