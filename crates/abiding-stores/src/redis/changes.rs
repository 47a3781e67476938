//! The contract of the core, operation by operation: what to write in the place of what was found.

use abiding::{
    Found, Record, Result, Store, StoreKey, Timestamp,
    store::{Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};

use super::{
    HOPS, Outcome, RedisStore,
    pursuit::Pursuit,
    rows::{self, Row, Stored, expiry},
    scripts,
    writes::{Listing, Move},
};

impl Store for RedisStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("redis");
        capabilities.durable = self.nature.is_durable;
        capabilities.shared = true;
        capabilities.evicts = self.nature.evicts;
        capabilities
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let (stored, listed) = (Stored::record(record.clone()), listed(key, record));
        if !self
            .place("create", key, &stored, now, listed.as_slice())
            .await?
        {
            return Ok(Created::KeyTaken);
        }
        self.guesses.note(key, record);
        Ok(Created::Yes)
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let (mut key, mut from) = (*key, None);
        for _ in 0..HOPS {
            let mut stored = self.row("load", &key).await?;
            if let Some(pending) = stored.take_if(|stored| stored.is_pending()) {
                stored = self.settle("load", &key, pending, from, now).await?;
            }
            match stored {
                Some(stored) if stored.is_over(now) => return Ok(None),
                Some(Stored {
                    row: Row::Alias(to),
                    ..
                }) => (key, from) = (to, Some(key)),
                Some(stored) => {
                    if let Row::Record(record) = &stored.row {
                        self.guesses.note(&key, record);
                    }
                    return Ok(stored.into_found(key));
                }
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut pursuit = Pursuit::begin(self, "commit", key, now).await?;
        while let Some(found) = pursuit.living().await? {
            if !expect.admits(found.record.version) {
                if pursuit.doubt() {
                    continue;
                }
                return Ok(Committed::Stale(found));
            }
            let new = match change.apply(&found) {
                Err(_) if pursuit.doubt() => continue,
                new => new?,
            };
            let (old, stored) = (
                Stored::record(found.record.clone()).to_bytes(),
                Stored::record(new.clone()),
            );
            let listings = relisted(&found, &new);
            let written = self.replace("commit", &found.key, &old, &stored, now, &listings);
            if let Outcome::Done = pursuit.met(written.await)? {
                self.guesses.note(&found.key, &new);
                return Ok(Committed::Yes(new.version));
            }
        }
        Ok(Committed::Gone)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let mut pursuit = Pursuit::begin(self, "touch", key, now).await?;
        while let Some(found) = pursuit.living().await? {
            let mut new = found.record.clone();
            new.idle_deadline = new.idle_deadline.max(idle_deadline);
            new.seen = new.seen.max(now);
            let old = Stored::record(found.record).to_bytes();
            let stored = Stored::record(new.clone());
            let call = self
                .call_on(&found.key, &old)
                .bytes(rows::touched(&stored.to_bytes()))
                .expiry(expiry(stored.ends, now));
            let touched = self.attempt("touch", &scripts::TOUCH, &call).await;
            if let Outcome::Done = pursuit.met(touched)? {
                self.guesses.note(&found.key, &new);
                return Ok(Touched::Yes);
            }
        }
        Ok(Touched::Gone)
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        let mut pending = None;
        let mut pursuit = Pursuit::begin(self, "rotate", from, now).await?;
        let mut subject = None;
        let outcome = 'moving: {
            while let Some(found) = pursuit.living().await? {
                if !expect.admits(found.record.version) {
                    if pursuit.doubt() {
                        continue;
                    }
                    break 'moving Committed::Stale(found);
                }
                let moved = match change.apply_moving(&found, to) {
                    Err(_) if pursuit.doubt() => continue,
                    moved => moved?,
                };
                let old = Stored::record(found.record.clone()).to_bytes();
                let left = match leave {
                    Leave::Alias(until) => Stored::alias(*to, until),
                    Leave::Snapshot(until) => {
                        Stored::snapshot(found.record.clone(), self.spanned(to), until)
                    }
                };
                let mut listings: Vec<Listing<'_>> = vec![];
                if let (Some(subject), None) = (&found.record.subject, left.subject()) {
                    listings.push((subject, &found.key, None));
                }
                if let Some(subject) = &moved.subject {
                    listings.push((subject, to, Some(moved.absolute_deadline)));
                }
                subject = moved.subject;
                let written = Move {
                    from: &found.key,
                    old: &old,
                    left: &left,
                    to,
                    moved: &moved,
                };
                let written = self.turn("rotate", &written, &mut pending, now, &listings);
                match pursuit.met(written.await)? {
                    Outcome::Done => {
                        self.guesses.forget(&found.key);
                        self.guesses.note(to, &moved);
                        return Ok(Committed::Yes(moved.version));
                    }
                    Outcome::Taken => break 'moving Committed::KeyTaken,
                    Outcome::Other(_) => {}
                }
            }
            Committed::Gone
        };
        // It did not happen, and it is known that it did not.
        if let Some(pending) = pending {
            self.withdraw("rotate", to, &pending, now, subject.as_ref())
                .await;
        }
        Ok(outcome)
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let mut pursuit = Pursuit::begin(self, "delete", key, now).await?;
        let mut deleted = Deleted::Absent;
        while let Some((key, stored)) = pursuit.row().await? {
            let old = stored.to_bytes();
            let is_over = stored.is_over(now);
            let left = match &stored.row {
                Row::Record(record) if !is_over => {
                    farewell.and_then(|farewell| farewell.to(&Found::new(key, record.clone())))
                }
                _ => None,
            };
            let taken_off = stored.subject().map(|subject| (subject, &key, None));
            let taken_off = taken_off.as_slice();
            self.let_go("delete", &key, &stored, now).await?;
            let written = match left {
                Some(record) => {
                    let left = Stored::snapshot(record, None, Timestamp::MAX);
                    self.replace("delete", &key, &old, &left, now, taken_off)
                        .await
                }
                None => self.take_away("delete", &key, &old, now, taken_off).await,
            };
            let outcome = pursuit.met(written)?;
            if let Outcome::Done = outcome {
                self.guesses.forget(&key);
                if !is_over {
                    deleted = Deleted::Yes;
                }
                break;
            }
        }
        let aliases = pursuit.passed();
        if !aliases.is_empty() {
            // An alias never becomes anything else, so nothing living is removed here.
            self.forget_rows("delete", &aliases).await?;
        }
        Ok(deleted)
    }
}

/// Where a new session is listed.
pub(super) fn listed<'a>(key: &'a StoreKey, record: &'a Record) -> Option<Listing<'a>> {
    let subject = record.subject.as_ref()?;
    Some((subject, key, Some(record.absolute_deadline)))
}

/// What a change makes of the lists: nothing, unless it says something of the subject or of the deadline.
pub(super) fn relisted<'a>(found: &'a Found, new: &'a Record) -> Vec<Listing<'a>> {
    let old = &found.record;
    let mut listings: Vec<Listing<'_>> = vec![];
    let has_moved = old.subject != new.subject;
    if let (Some(subject), true) = (&old.subject, has_moved) {
        listings.push((subject, &found.key, None));
    }
    if let Some(subject) = &new.subject
        && (has_moved || old.absolute_deadline != new.absolute_deadline)
    {
        listings.push((subject, &found.key, Some(new.absolute_deadline)));
    }
    listings
}
