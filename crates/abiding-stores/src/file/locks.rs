//! Turns: whoever changes rows has the lock of their stripe, in this process and among all of them.
//!
//! The keys are spread over [`STRIPES`] locks. Each is a file with an advisory lock that ends with the
//! process that holds it, however that ends; and a place to wait for the threads of this process, since
//! such a lock belongs to the open file. No wait is longer than the patience of the store.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use abiding::StoreKey;

use super::failure::Failure;
use crate::patience::{Stopwatch, pause};

/// How many locks there are. Part of the format: all processes must lock the same.
pub(super) const STRIPES: usize = 64;

pub(super) struct Locks {
    stripes: Box<[Stripe]>,
    patience: Duration,
}

struct Stripe {
    path: PathBuf,
    file: File,
    taken: Mutex<bool>,
    free: Condvar,
}

/// The right to change the rows of a stripe, until it is dropped.
pub(super) struct Turn<'a> {
    stripe: &'a Stripe,
    number: usize,
}

impl Turn<'_> {
    /// The number of the stripe.
    pub(super) fn stripe(&self) -> usize {
        self.number
    }
}

/// Which stripe a key belongs to: keys are hashes, so their first bits spread them evenly.
pub(super) fn stripe(key: &StoreKey) -> usize {
    (usize::from(key.as_bytes()[0]) * STRIPES) >> u8::BITS
}

impl Locks {
    /// Locks in these files, one for each stripe.
    pub(super) fn new(files: Vec<(PathBuf, File)>, patience: Duration) -> Self {
        let stripe = |(path, file)| Stripe {
            path,
            file,
            taken: Mutex::new(false),
            free: Condvar::new(),
        };
        Self {
            stripes: files.into_iter().map(stripe).collect(),
            patience,
        }
    }

    /// Waits for the turn of the stripe with this number.
    pub(super) fn take(&self, number: usize) -> Result<Turn<'_>, Failure> {
        let stripe = &self.stripes[number];
        let since = Stopwatch::start();
        let mut taken = lock(&stripe.taken);
        while *taken {
            if since.exceeds(self.patience) {
                return Err(Failure::Busy(stripe.path.clone()));
            }
            let waited = stripe.free.wait_timeout(taken, self.patience);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken = true;
        drop(taken);
        // From here on it is given back by dropping it, also on an error.
        let turn = Turn { stripe, number };
        let mut tries = 0;
        loop {
            match stripe.file.try_lock() {
                Ok(()) => return Ok(turn),
                Err(TryLockError::WouldBlock) if since.exceeds(self.patience) => {
                    return Err(Failure::Busy(stripe.path.clone()));
                }
                Err(TryLockError::WouldBlock) => pause(tries),
                Err(TryLockError::Error(cause)) => return Err(Failure::at(&stripe.path)(cause)),
            }
            tries += 1;
        }
    }

    /// The turn of the stripe of `key`.
    pub(super) fn of(&self, key: &StoreKey) -> Result<Turn<'_>, Failure> {
        self.take(stripe(key))
    }

    /// The turns of both keys; the second is none where they share one. In the order of the stripes, so
    /// that no two wait for each other.
    pub(super) fn of_both<'a>(
        &'a self,
        one: &StoreKey,
        other: &StoreKey,
    ) -> Result<(Turn<'a>, Option<Turn<'a>>), Failure> {
        let (one, other) = (stripe(one), stripe(other));
        let first = self.take(one.min(other))?;
        let second = (one != other).then(|| self.take(one.max(other)));
        Ok((first, second.transpose()?))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Harmless where it was never locked; and closing the file would do the same.
        let _ = self.stripe.file.unlock();
        *lock(&self.stripe.taken) = false;
        self.stripe.free.notify_one();
    }
}

/// Nothing is half done while this is held.
fn lock(taken: &Mutex<bool>) -> MutexGuard<'_, bool> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
