//! The way from a key to the row that an operation is for, however often that moves meanwhile.
//!
//! An operation asks for the row, tries its script, and asks again where another writer was first: the
//! script's refusal has brought the present row by then. What begins as a guess of this process is
//! never the last word.
//!
//! Who comes with an old key again and again, because no answer ever arrived, moves the session each time. So an
//! alias that leads to another alias is led on to where the session is: the chain stays short.

use std::time::Duration;

use abiding::{Found, Record, Result, StoreKey, Timestamp};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use super::{
    HOPS, Outcome, RedisStore,
    rows::{Row, Stored},
};

/// Who may try next, so that the writers of one process queue up instead of contending.
pub(super) struct Turns {
    locks: Box<[Mutex<()>]>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new(patience: Duration) -> Self {
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Self { locks, patience }
    }

    /// `None` if those who came before took too long.
    async fn of(&self, key: &StoreKey) -> Option<MutexGuard<'_, ()>> {
        let [.., last] = *key.as_bytes();
        let lock = &self.locks[usize::from(last) % LOCKS];
        timeout(self.patience, lock.lock()).await.ok()
    }
}

/// See the module.
pub(super) struct Pursuit<'a> {
    store: &'a RedisStore,
    operation: &'static str,
    now: Timestamp,
    key: StoreKey,
    known: Known,
    /// The aliases that were followed.
    passed: Vec<Passed>,
    tries: usize,
    _turn: MutexGuard<'a, ()>,
}

/// An alias on the way.
struct Passed {
    key: StoreKey,
    to: StoreKey,
    until: Timestamp,
}

enum Known {
    /// The server said so, a moment ago.
    Fact(Option<Stored>),
    /// This process saw it last.
    Guess(Record),
    Nothing,
}

impl<'a> Pursuit<'a> {
    pub(super) async fn begin(
        store: &'a RedisStore,
        operation: &'static str,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<Self> {
        let turn = store.turns.of(key).await;
        let turn = turn.ok_or_else(|| store.contended(operation))?;
        let mut pursuit = Self {
            store,
            operation,
            now,
            key: *key,
            known: Known::Nothing,
            passed: vec![],
            tries: 0,
            _turn: turn,
        };
        pursuit.guess();
        Ok(pursuit)
    }

    /// The living session that the key leads to.
    pub(super) async fn living(&mut self) -> Result<Option<Found>> {
        while let Some((key, stored)) = self.row().await? {
            match stored {
                stored if stored.is_over(self.now) => {
                    if !self.doubt() {
                        break;
                    }
                }
                Stored {
                    row: Row::Record(record),
                    ..
                } => {
                    self.shorten(&key).await;
                    return Ok(Some(Found::new(key, record)));
                }
                _ => break,
            }
        }
        Ok(None)
    }

    /// The row that the key leads to, over or not.
    ///
    /// # Errors
    /// Among others, if it moved or changed too often.
    pub(super) async fn row(&mut self) -> Result<Option<(StoreKey, Stored)>> {
        self.tries += 1;
        if self.tries > TRIES {
            return Err(self.store.contended(self.operation));
        }
        while self.passed.len() < HOPS {
            let stored = match &self.known {
                Known::Guess(record) => Some(Stored::record(record.clone())),
                Known::Fact(stored) => stored.clone(),
                Known::Nothing => {
                    let stored = self.store.row(self.operation, &self.key).await?;
                    self.known = Known::Fact(stored.clone());
                    stored
                }
            };
            match stored {
                Some(
                    stored @ Stored {
                        row: Row::Alias(to),
                        ..
                    },
                ) if !stored.is_over(self.now) => {
                    self.passed.push(Passed {
                        key: self.key,
                        to,
                        until: stored.ends,
                    });
                    self.key = to;
                    self.guess();
                }
                Some(stored) if stored.is_pending() => {
                    let passed = self.passed.last().map(|passed| passed.key);
                    let settled = self
                        .store
                        .settle(self.operation, &self.key, stored, passed, self.now)
                        .await?;
                    self.known = Known::Fact(settled);
                }
                stored => return Ok(stored.map(|stored| (self.key, stored))),
            }
        }
        Ok(None)
    }

    /// Gives up a guess. `false` if it was none, so that what was seen is so.
    pub(super) fn doubt(&mut self) -> bool {
        let is_guess = matches!(self.known, Known::Guess(_));
        if is_guess {
            self.known = Known::Nothing;
            self.store.guesses.forget(&self.key);
        }
        is_guess
    }

    /// Remembers what a write to the row that was asked for last has met instead.
    pub(super) fn met(&mut self, written: Result<Outcome>) -> Result<Outcome> {
        if !matches!(written, Ok(Outcome::Done)) {
            // Of an error, what became of it is not known.
            self.store.guesses.forget(&self.key);
        }
        let outcome = written?;
        if let Outcome::Other(stored) = &outcome {
            self.known = Known::Fact(stored.clone());
        }
        Ok(outcome)
    }

    /// The aliases on the way.
    pub(super) fn passed(&self) -> Vec<StoreKey> {
        self.passed.iter().map(|passed| passed.key).collect()
    }

    /// Lets the first of several aliases lead to `key` at once, until the first of them is over.
    async fn shorten(&mut self, key: &StoreKey) {
        let until = self.passed.iter().map(|passed| passed.until).min();
        let ([first, _, ..], Some(until)) = (&mut self.passed[..], until) else {
            return;
        };
        if first.to == *key {
            return;
        }
        let (old, new) = (
            Stored::alias(first.to, first.until),
            Stored::alias(*key, until),
        );
        // Once: another writer of the same alias has done so, or ended it.
        (first.to, first.until) = (*key, until);
        let written = self
            .store
            .lead_on(self.operation, &first.key, &old, &new, self.now);
        if let Err(error) = written.await {
            tracing::debug!(%error, "an alias leads to another one still");
        }
    }

    fn guess(&mut self) {
        let guess = self.store.guesses.of(&self.key);
        self.known = guess.map_or(Known::Nothing, Known::Guess);
    }
}

/// How many keys may be written at the same moment, nearly: of more than one process there are as many more.
const LOCKS: usize = 256;
/// How often a row may change under the hands of one operation.
const TRIES: usize = 256;
