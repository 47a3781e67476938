//! Turns of the writers of one process, so that only processes are in each other's way.

use std::time::Duration;

use abiding::{Error, ErrorKind, Result, StoreKey};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

pub(super) struct Turns {
    places: Box<[Mutex<()>]>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
            patience,
        }
    }

    /// Waits until no other write of this process is under way on `key`, or on one of the same place.
    pub(super) async fn take(
        &self,
        operation: &'static str,
        key: &StoreKey,
    ) -> Result<MutexGuard<'_, ()>> {
        let place = &self.places[usize::from(key.as_bytes()[0]) % PLACES];
        timeout(self.patience, place.lock()).await.map_err(|_| {
            let what = "too many write to this session at once";
            Error::new(ErrorKind::Contended, operation, what)
        })
    }
}

const PLACES: usize = 256;
