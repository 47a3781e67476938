//! Writes: a row and the lists of subjects that go with it, at a stretch or step by step.
//!
//! A server that has everything does all of it in one script. A cluster does it in steps, since a row, the
//! row that it moves to and the lists lie in slots of their own, and each step leaves what the next
//! reader can go by:
//!
//! 1. *Lists come first, and go last.* A session is on the list of its subject before it is that
//!    subject's. What is on a list and has no row is taken off by whoever reads the list, unless it was put
//!    there lately.
//! 2. *A rotation happens when the old row changes.* The new row is there before, as one that is pending and
//!    names the old one. The old one is compared and replaced by the alias or snapshot that names the new one. Then the
//!    new one is confirmed, by this writer or by the next one to meet it: see [`RedisStore::settle`].
//! 3. *What the old key leaves stays a minute longer* than it is good for, so that whoever comes at the last
//!    moment still finds what the pending row is to be judged by.

use abiding::{Error, ErrorKind, Record, Result, StoreKey, SubjectKey, Timestamp};
use redis::{Cmd, Value, cmd};

use super::{
    Outcome, RedisStore,
    gather::gather,
    link::Effect,
    rows::{self, Row, SLACK, Stored, expiry, mark},
    scripts::{self, Call},
};

/// A session to be put on the list of a subject until its absolute deadline, or to be taken off.
pub(super) type Listing<'a> = (&'a SubjectKey, &'a StoreKey, Option<Timestamp>);

/// A session on its way from one key to another.
pub(super) struct Move<'a> {
    pub(super) from: &'a StoreKey,
    /// The row that it is moved from, as it was read.
    pub(super) old: &'a [u8],
    /// What is left there.
    pub(super) left: &'a Stored,
    pub(super) to: &'a StoreKey,
    pub(super) moved: &'a Record,
}

impl RedisStore {
    /// Adds a row. `false` if there is one already.
    pub(super) async fn place(
        &self,
        operation: &'static str,
        key: &StoreKey,
        stored: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Result<bool> {
        if !self.is_spread() && !listings.is_empty() {
            let call = self.placing_call(key, stored, now, listings);
            let reply = self.run(operation, &scripts::CREATE, &call).await?;
            return self.is_placed(operation, &reply);
        }
        let name = self.names.row(key);
        let set = self.placing(key, stored, now, &[]);
        // Side by side: nobody has the key before both are done.
        let (listed, reply) = tokio::join!(
            self.list(operation, now, listings),
            self.send(operation, &name, &set, Effect::Once)
        );
        listed?;
        self.is_placed(operation, &reply?)
    }

    /// The command that adds a row on a server that has everything.
    pub(super) fn placing(
        &self,
        key: &StoreKey,
        stored: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Cmd {
        if !listings.is_empty() {
            return scripts::CREATE.call(&self.placing_call(key, stored, now, listings));
        }
        let mut set = cmd("SET");
        set.arg(self.names.row(key))
            .arg(stored.to_bytes())
            .arg("NX");
        if let Some(millis) = expiry(stored.ends, now) {
            set.arg("PX").arg(millis);
        }
        set
    }

    fn placing_call(
        &self,
        key: &StoreKey,
        stored: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Call {
        let call = Call::on(self.names.row(key))
            .bytes(stored.to_bytes())
            .expiry(expiry(stored.ends, now));
        self.listing(call, now, listings)
    }

    fn is_placed(&self, operation: &'static str, reply: &Value) -> Result<bool> {
        match reply {
            Value::Okay | Value::Int(1) => Ok(true),
            Value::Nil | Value::Int(0) => Ok(false),
            _ => Err(self.unexpected(operation)),
        }
    }

    /// Puts a row in the place of `old`, if that is still there.
    pub(super) async fn replace(
        &self,
        operation: &'static str,
        key: &StoreKey,
        old: &[u8],
        new: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Result<Outcome> {
        let (inside, outside) = self.parted(listings);
        self.list(operation, now, outside).await?;
        let call = self.replacing_call(key, old, new, now, inside);
        let outcome = self.attempt(operation, &scripts::REPLACE, &call).await?;
        if matches!(outcome, Outcome::Done) {
            // Another writer may give it back to the subject at this moment.
            let is_final = matches!(new.row, Row::Snapshot(..));
            self.unlist(operation, outside, is_final).await;
        }
        Ok(outcome)
    }

    /// The command that replaces a row on a server that has everything.
    pub(super) fn replacing(
        &self,
        key: &StoreKey,
        old: &[u8],
        new: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Cmd {
        scripts::REPLACE.call(&self.replacing_call(key, old, new, now, listings))
    }

    fn replacing_call(
        &self,
        key: &StoreKey,
        old: &[u8],
        new: &Stored,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Call {
        let call = self
            .call_on(key, old)
            .bytes(new.to_bytes())
            .expiry(expiry(new.ends, now));
        self.listing(call, now, listings)
    }

    /// Removes a row, if it is still `old`.
    pub(super) async fn take_away(
        &self,
        operation: &'static str,
        key: &StoreKey,
        old: &[u8],
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Result<Outcome> {
        let (inside, outside) = self.parted(listings);
        let call = self.listing(self.call_on(key, old), now, inside);
        let outcome = self.attempt(operation, &scripts::REMOVE, &call).await?;
        if matches!(outcome, Outcome::Done) {
            self.unlist(operation, outside, true).await;
        }
        Ok(outcome)
    }

    /// Moves a session to another key, if it is still as it was read. `pending` is what lies at the new key
    /// by now, of an earlier try.
    pub(super) async fn turn(
        &self,
        operation: &'static str,
        way: &Move<'_>,
        pending: &mut Option<Vec<u8>>,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Result<Outcome> {
        let stored = Stored::record(way.moved.clone());
        let from = self.call_on(way.from, way.old);
        let left = self.witnessing(way.left.ends, now);
        if !self.is_spread() {
            let call = from
                .key(self.names.row(way.to))
                .bytes(way.left.to_bytes())
                .expiry(left)
                .bytes(stored.to_bytes())
                .expiry(expiry(stored.ends, now));
            let call = self.listing(call, now, listings);
            return self.attempt(operation, &scripts::ROTATE, &call).await;
        }
        let coming = Stored::pending(way.moved.clone(), *way.from);
        match pending {
            None if self
                .place(operation, way.to, &coming, now, listings)
                .await? => {}
            None => return Ok(Outcome::Taken),
            Some(old) => {
                let put = self.replace(operation, way.to, old, &coming, now, listings);
                if !matches!(put.await?, Outcome::Done) {
                    return Ok(Outcome::Taken);
                }
            }
        }
        let coming = pending.insert(coming.to_bytes());
        // This is the moment when it happens.
        let call = from.bytes(way.left.to_bytes()).expiry(left);
        let call = self.listing(call, now, &[]);
        let outcome = self.attempt(operation, &scripts::REPLACE, &call).await?;
        if matches!(outcome, Outcome::Done) {
            let confirmation = self
                .call_on(way.to, coming)
                .expiry(expiry(stored.ends, now));
            let (confirmed, ()) = tokio::join!(
                self.attempt(operation, &scripts::CONFIRM, &confirmation),
                self.unlist(operation, listings, true)
            );
            // Whoever has been there since has confirmed it, changed it or ended it.
            confirmed?;
        }
        Ok(outcome)
    }

    /// Lets an alias lead elsewhere, if it is still `old`.
    pub(super) async fn lead_on(
        &self,
        operation: &'static str,
        key: &StoreKey,
        old: &Stored,
        new: &Stored,
        now: Timestamp,
    ) -> Result<Outcome> {
        let call = self
            .call_on(key, &old.to_bytes())
            .bytes(new.to_bytes())
            .expiry(self.witnessing(new.ends, now));
        let call = self.listing(call, now, &[]);
        self.attempt(operation, &scripts::REPLACE, &call).await
    }

    /// When the server may forget what a rotation left.
    fn witnessing(&self, ends: Timestamp, now: Timestamp) -> Option<i64> {
        let longer = if self.is_spread() {
            SLACK.as_millis() as i64
        } else {
            0
        };
        expiry(ends, now).map(|millis| millis.saturating_add(longer))
    }

    /// Takes back a pending row of a rotation that did not happen. What is left of it leads nowhere.
    pub(super) async fn withdraw(
        &self,
        operation: &'static str,
        key: &StoreKey,
        pending: &[u8],
        now: Timestamp,
        subject: Option<&SubjectKey>,
    ) {
        let listed = subject.map(|subject| (subject, key, None));
        let taken = self.take_away(operation, key, pending, now, listed.as_slice());
        if let Err(error) = taken.await {
            tracing::debug!(%error, "a rotation that did not happen has left a row, which expires");
        }
    }

    /// What a pending row under `key` is: a session, if the row that it names says so, and then it is confirmed;
    /// nothing otherwise. `passed` is the alias that led here.
    pub(super) async fn settle(
        &self,
        operation: &'static str,
        key: &StoreKey,
        pending: Stored,
        passed: Option<StoreKey>,
        now: Timestamp,
    ) -> Result<Option<Stored>> {
        let Row::Pending(record, from) = &pending.row else {
            return Ok(Some(pending));
        };
        let has_moved = passed == Some(*from) || {
            let row = self.row(operation, from).await?;
            row.is_some_and(|row| row.next() == Some(*key))
        };
        if !has_moved {
            return Ok(None);
        }
        let call = self
            .call_on(key, &pending.to_bytes())
            .expiry(expiry(pending.ends, now));
        Ok(
            match self.attempt(operation, &scripts::CONFIRM, &call).await? {
                Outcome::Done | Outcome::Taken => Some(Stored::record(record.clone())),
                Outcome::Other(stored) => stored.filter(|stored| !stored.is_pending()),
            },
        )
    }

    /// Sees to it that what a row names as its successor is no longer judged by that row, which is to go.
    pub(super) async fn let_go(
        &self,
        operation: &'static str,
        key: &StoreKey,
        stored: &Stored,
        now: Timestamp,
    ) -> Result<()> {
        if let Row::Snapshot(_, Some(next)) = &stored.row
            && let Some(row) = self.row(operation, next).await?
        {
            self.settle(operation, next, row, Some(*key), now).await?;
        }
        Ok(())
    }

    /// Removes rows that are over for good, whatever they are by now.
    pub(super) async fn forget_rows(
        &self,
        operation: &'static str,
        keys: &[StoreKey],
    ) -> Result<()> {
        let names: Vec<_> = keys.iter().map(|key| self.names.row(key)).collect();
        let del = |names: &[String]| cmd("DEL").arg(names).clone();
        if let ([name, ..], false) = (&names[..], self.is_spread()) {
            self.send(operation, name, &del(&names), Effect::Once)
                .await?;
            return Ok(());
        }
        let all = names.iter().map(async |name| {
            let command = del(std::slice::from_ref(name));
            self.send(operation, name, &command, Effect::Once).await
        });
        gather(all)
            .await
            .into_iter()
            .try_for_each(|reply| reply.map(drop))
    }

    /// A key to be named in the row of another one, where both are not written at once.
    pub(super) fn spanned(&self, to: &StoreKey) -> Option<StoreKey> {
        self.is_spread().then_some(*to)
    }

    /// Runs a script that compares first.
    pub(super) async fn attempt(
        &self,
        operation: &'static str,
        script: &scripts::Lua,
        call: &Call,
    ) -> Result<Outcome> {
        match self.run(operation, script, call).await? {
            Value::Int(1) => Ok(Outcome::Done),
            Value::Int(0) => Ok(Outcome::Taken),
            reply => Ok(Outcome::Other(self.parse(operation, reply)?)),
        }
    }

    pub(super) fn contended(&self, operation: &'static str) -> Error {
        let context = format!(
            "too many changed the session on the Redis server at {} at once",
            self.place
        );
        Error::new(ErrorKind::Contended, operation, context)
    }

    /// A call on the row of `key`, if it is still `old`.
    pub(super) fn call_on(&self, key: &StoreKey, old: &[u8]) -> Call {
        let (head, end) = mark(old);
        Call::on(self.names.row(key)).bytes(head).bytes(end)
    }

    /// What of the lists is written with the row, and what beside it.
    fn parted<'a>(&self, listings: &'a [Listing<'a>]) -> (&'a [Listing<'a>], &'a [Listing<'a>]) {
        listings.split_at(if self.is_spread() { 0 } else { listings.len() })
    }

    /// Adds to a call what becomes of the lists.
    fn listing(&self, call: Call, now: Timestamp, moves: &[Listing<'_>]) -> Call {
        let call = call.number(now.as_millis());
        moves.iter().fold(call, |call, (subject, key, until)| {
            let call = call
                .key(self.names.subject(subject))
                .bytes(rows::member(key));
            match until {
                Some(until) => call.number(score(*until)),
                None => call.bytes([]),
            }
        })
    }

    /// Puts sessions on lists that lie in slots of their own.
    async fn list(
        &self,
        operation: &'static str,
        now: Timestamp,
        listings: &[Listing<'_>],
    ) -> Result<()> {
        let added = listings.iter().filter_map(|(subject, key, until)| {
            let until = (*until)?;
            let call = Call::on(self.names.subject(subject))
                .number(now.as_millis())
                .bytes(rows::member(key))
                .number(score(until).max(1));
            Some(async move { self.run(operation, &scripts::LIST, &call).await })
        });
        gather(added)
            .await
            .into_iter()
            .try_for_each(|reply| reply.map(drop))
    }

    /// Takes sessions off such lists; at once if they will never belong there again.
    async fn unlist(&self, operation: &'static str, listings: &[Listing<'_>], is_final: bool) {
        let off = listings.iter().filter(|(_, _, until)| until.is_none());
        let off = off.map(async |(subject, key, _)| {
            self.take_off(operation, subject, &[**key], is_final).await
        });
        for result in gather(off).await {
            if let Err(error) = result {
                tracing::debug!(%error, "a session that is gone is still listed, until the list is read");
            }
        }
    }

    /// Takes members off a list. Those that are new to it stay for now, unless it `is_final`.
    pub(super) async fn take_off(
        &self,
        operation: &'static str,
        subject: &SubjectKey,
        keys: &[StoreKey],
        is_final: bool,
    ) -> Result<()> {
        let (list, members) = (self.names.subject(subject), keys.iter().map(rows::member));
        if self.is_spread() && !is_final {
            let call = members.fold(Call::on(list), Call::bytes);
            self.run(operation, &scripts::MEND, &call).await?;
            return Ok(());
        }
        let mut remove = cmd("ZREM");
        remove.arg(&list);
        for member in members {
            remove.arg(&member);
            if self.is_spread() {
                remove.arg(format!("+{member}"));
            }
        }
        self.send(operation, &list, &remove, Effect::Once).await?;
        Ok(())
    }
}

/// The place of a session on a list.
fn score(until: Timestamp) -> i64 {
    until.as_millis().min(LAST_SCORE)
}

/// The score of what has no deadline: the largest number that is exact as a double, or nearly.
const LAST_SCORE: i64 = 9_000_000_000_000_000;
