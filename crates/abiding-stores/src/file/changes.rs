//! The writes of the contract, each with the turn of the keys that it changes.
//!
//! A refusal comes before anything is written. What is listed, by its end or for its subject, is listed before the row is there.

use abiding::{
    Found, Record, StoreKey, Timestamp,
    store::{Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};

use super::{
    disk::HOPS,
    failure::Failure,
    folder::Folder,
    locks::Turn,
    rows::{Row, Stored},
};

/// A living session, and when the sweep looks at it.
struct Living {
    found: Found,
    look_at: Timestamp,
}

impl Folder {
    pub(super) fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Created, Failure> {
        let turn = self.locks.of(key)?;
        if self.is_taken(key)? {
            return Ok(Created::KeyTaken);
        }
        self.add(&turn, key, &Stored::record(record.clone()), now)?;
        Ok(Created::Yes)
    }

    pub(super) fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed, Failure> {
        self.with_living(key, now, |turn, living| {
            if !expect.admits(living.found.record.version) {
                return Ok(Committed::Stale(living.found));
            }
            let new = change.apply(&living.found)?;
            let version = new.version;
            self.replace(turn, &living, new, now)?;
            Ok(Committed::Yes(version))
        })
        .map(|committed| committed.unwrap_or(Committed::Gone))
    }

    pub(super) fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched, Failure> {
        let touched = self.with_living(key, now, |turn, living| {
            let mut new = living.found.record.clone();
            new.idle_deadline = new.idle_deadline.max(idle_deadline);
            new.seen = new.seen.max(now);
            self.replace(turn, &living, new, now)
        })?;
        Ok(touched.map_or(Touched::Gone, |()| Touched::Yes))
    }

    pub(super) fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed, Failure> {
        for _ in 0..ROUNDS {
            let Some((from, _)) = self.follow(from, now)? else {
                return Ok(Committed::Gone);
            };
            let (first, second) = self.locks.of_both(&from, to)?;
            let second = second.as_ref().unwrap_or(&first);
            let is_first = super::locks::stripe(&from) == first.stripe();
            let (turn, new_turn) = if is_first {
                (&first, second)
            } else {
                (second, &first)
            };
            let living = match self.living(&from, now)? {
                Here::Living(living) => living,
                Here::Moved => continue,
                Here::Gone => return Ok(Committed::Gone),
            };
            if self.is_taken(to)? {
                return Ok(Committed::KeyTaken);
            }
            if !expect.admits(living.found.record.version) {
                return Ok(Committed::Stale(living.found));
            }
            let moved = change.apply_moving(&living.found, to)?;
            let version = moved.version;
            let old_subject = living.found.record.subject;
            let (left, ends) = match leave {
                Leave::Alias(until) => (Row::Alias(*to), until),
                Leave::Snapshot(until) => {
                    let ends = living.found.record.deadline().min(until);
                    let record = living.found.record;
                    (
                        Row::Snapshot {
                            record,
                            to: Some(*to),
                        },
                        ends,
                    )
                }
            };
            let left = Stored::new(left, ends, living.look_at);
            if left.look_at < living.look_at {
                self.schedule(turn, &from, left.look_at, now)?;
            }
            let ends = moved.deadline();
            let pending = Row::Pending {
                from,
                record: moved,
            };
            let pending = Stored::new(pending, ends, ends);
            self.add(new_turn, to, &pending, now)?;
            if let Err(failure) = self.put(turn, &from, &left) {
                // Unless that has happened all the same, the new row leads nowhere and makes room.
                if self.read(to).is_ok_and(|moved| moved.is_none()) {
                    let _ = self.remove(to, &pending);
                }
                return Err(failure);
            }
            self.confirm(to)?;
            if let (Some(subject), None) = (&old_subject, left.subject()) {
                self.unlist(subject, &from)?;
            }
            return Ok(Committed::Yes(version));
        }
        Err(Failure::Unsettled)
    }

    pub(super) fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted, Failure> {
        let (mut key, mut aliases) = (*key, Vec::new());
        let mut deleted = Deleted::Absent;
        for _ in 0..HOPS {
            let turn = self.locks.of(&key)?;
            // As it is: one that has not arrived goes as well, and was nobody's session.
            let (Some(as_is), arrived) = (self.read_as_is(&key)?, self.read(&key)?) else {
                break;
            };
            match arrived {
                Some(stored) if stored.is_over(now) => self.end(&key, &stored)?,
                Some(Stored {
                    row: Row::Alias(to),
                    ..
                }) => {
                    aliases.push(key);
                    key = to;
                    continue;
                }
                Some(stored) => {
                    self.part(&turn, &key, &stored, farewell, now)?;
                    deleted = Deleted::Yes;
                }
                None => self.end(&key, &as_is)?,
            }
            break;
        }
        for alias in aliases {
            let _turn = self.locks.of(&alias)?;
            if let Some(
                stored @ Stored {
                    row: Row::Alias(_), ..
                },
            ) = self.read_as_is(&alias)?
            {
                self.end(&alias, &stored)?;
            }
        }
        Ok(deleted)
    }

    /// Ends a session or snapshot, and leaves the farewell of a session.
    fn part(
        &self,
        turn: &Turn<'_>,
        key: &StoreKey,
        stored: &Stored,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let left = match &stored.row {
            Row::Record(record) => {
                farewell.and_then(|farewell| farewell.to(&Found::new(*key, record.clone())))
            }
            _ => None,
        };
        let Some(record) = left else {
            return self.end(key, stored);
        };
        let ends = record.deadline();
        let left = Stored::new(Row::Snapshot { record, to: None }, ends, stored.look_at);
        let leave = || {
            if left.look_at < stored.look_at {
                self.schedule(turn, key, left.look_at, now)?;
            }
            self.put(turn, key, &left)
        };
        match leave() {
            // A session ends, whether or not there is room to say why.
            Err(failure) if failure.is_full() => self.end(key, stored),
            Err(failure) => Err(failure),
            Ok(()) => stored
                .subject()
                .map_or(Ok(()), |subject| self.unlist(subject, key)),
        }
    }

    /// Puts a row where none was.
    fn add(
        &self,
        turn: &Turn<'_>,
        key: &StoreKey,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.schedule(turn, key, stored.look_at, now)?;
        if let Some(subject) = stored.subject() {
            self.list(subject, key)?;
        }
        let put = self.put(turn, key, stored);
        if let (Err(_), Some(subject)) = (&put, stored.subject())
            && self.is_taken(key).is_ok_and(|is_taken| !is_taken)
        {
            let _ = self.unlist(subject, key);
        }
        put
    }

    /// Puts `new` in the place of a living session.
    fn replace(
        &self,
        turn: &Turn<'_>,
        old: &Living,
        new: Record,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (key, old_subject) = (&old.found.key, old.found.record.subject);
        let ends = new.deadline();
        let subject = new.subject;
        let stored = Stored::new(Row::Record(new), ends, old.look_at);
        if stored.look_at < old.look_at {
            self.schedule(turn, key, stored.look_at, now)?;
        }
        if let Some(subject) = subject.filter(|_| subject != old_subject) {
            self.list(&subject, key)?;
        }
        self.put(turn, key, &stored)?;
        match old_subject {
            Some(subject) if Some(subject) != stored.subject().copied() => {
                self.unlist(&subject, key)
            }
            _ => Ok(()),
        }
    }

    /// Runs `act` on the living session that `key` leads to, with its turn.
    fn with_living<T>(
        &self,
        key: &StoreKey,
        now: Timestamp,
        act: impl Fn(&Turn<'_>, Living) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut place = *key;
        for _ in 0..ROUNDS {
            let turn = self.locks.of(&place)?;
            match self.living(&place, now)? {
                Here::Living(living) => return act(&turn, living).map(Some),
                Here::Gone => return Ok(None),
                Here::Moved => {}
            }
            drop(turn);
            // Found without a turn, so it is looked at again with its own.
            match self.follow(key, now)? {
                Some((to, _)) => place = to,
                None => return Ok(None),
            }
        }
        Err(Failure::Unsettled)
    }

    /// What lies under this very key, by whoever has its turn; what has arrived is confirmed.
    fn living(&self, key: &StoreKey, now: Timestamp) -> Result<Here, Failure> {
        let Some(as_is) = self.read_as_is(key)? else {
            return Ok(Here::Gone);
        };
        let stored = match as_is.row {
            Row::Pending { .. } => match self.read(key)? {
                Some(arrived) => {
                    self.confirm(key)?;
                    arrived
                }
                None => return Ok(Here::Gone),
            },
            _ => as_is,
        };
        if stored.is_over(now) {
            return Ok(Here::Gone);
        }
        Ok(match stored.row {
            Row::Alias(_) => Here::Moved,
            Row::Record(record) => Here::Living(Living {
                found: Found::new(*key, record),
                look_at: stored.look_at,
            }),
            Row::Pending { .. } | Row::Snapshot { .. } => Here::Gone,
        })
    }
}

/// What lies under a key.
enum Here {
    Gone,
    Living(Living),
    /// It leads somewhere else.
    Moved,
}

/// How often a session is followed that moves meanwhile: each time somebody else has moved it on.
const ROUNDS: usize = 64;
