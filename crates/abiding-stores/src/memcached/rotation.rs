//! A rotation: two items, and one moment at which it happens.
//!
//! 1. The new row is added, *pending*, naming the old key; the list of its subject names it.
//! 2. The old row, compared, becomes the alias or snapshot that names the new key: the moment. It is kept as long as the session
//!    for now.
//! 3. The new row is confirmed, and the old one gets its own lifetime.
//!
//! Whoever meets a pending row asks the old key, and what lies there is not let go before the new row is confirmed; so a rotation that is
//! cut off anywhere leaves one session under one of the keys.

use std::sync::Arc;

use abiding::{
    Found, Result, StoreKey, Timestamp,
    store::{Change, Committed, Expect, Leave},
};

use super::{
    Cost, Desk, ROUNDS, Seen,
    link::Effect,
    lists::{Edit, List},
    rows::{Row, Stored},
    wire::{Batch, Reply},
};

impl Desk {
    pub(super) async fn rotate(
        self: &Arc<Self>,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        let _turn = self.turns.take(OPERATION, from).await?;
        for _ in 0..ROUNDS {
            let Some((from, seen, _)) = self.follow(OPERATION, from, now).await? else {
                return Ok(Committed::Gone);
            };
            let Row::Session { record, .. } = &seen.stored.row else {
                return Ok(Committed::Gone);
            };
            let found = Found::new(from, record.clone());
            if !expect.admits(record.version) {
                return Ok(Committed::Stale(found));
            }
            let moved = change.apply_moving(&found, to)?;
            let version = moved.version;
            let new = Stored::session(moved, Some(from), true);
            match self.announce(&found, to, &new, now).await? {
                Announced::Gone if self.is_still(OPERATION, &from, &seen).await? => {
                    return Ok(Committed::Gone);
                }
                Announced::Gone => continue,
                Announced::KeyTaken => return Ok(Committed::KeyTaken),
                Announced::Yes => {}
            }
            let left = match leave {
                Leave::Alias(until) => Stored {
                    row: Row::Alias(*to),
                    ends: until,
                },
                Leave::Snapshot(until) => Stored::snapshot(record.clone(), Some(*to), until),
            };
            // As long as either of them: it is what says that the new one counts.
            let expiry = self.expiry(new.ends.max(left.ends), now);
            let name = self.names.row(&from);
            let batch = Batch::new().replace(&name, &left.to_bytes(), expiry, seen.cas);
            self.guesses.forget(&from);
            let sent = self
                .try_send(OPERATION, &batch, Effect::OnceOn(seen.on))
                .await?;
            let done = match sent {
                Some((replies, _)) => {
                    let [reply] = self.expect(OPERATION, replies)?;
                    self.outcome(OPERATION, reply, Cost::Session)?
                }
                None => false,
            };
            if !done {
                self.take_back(to).await?;
                continue;
            }
            // It has happened. What is left is to tidy up, for which nobody need wait: whoever meets it
            // otherwise does it, if this process does not.
            let (desk, to, old_subject) = (Arc::clone(self), *to, found.record.subject);
            tokio::spawn(async move {
                if let Err(error) = desk.settle(&from, &to, &left, now).await {
                    tracing::debug!(%error, "a rotation is left to be confirmed");
                }
                if let (Some(subject), Row::Alias(_)) = (&old_subject, &left.row) {
                    desk.unlist(OPERATION, subject, &from, None, now).await;
                }
            });
            return Ok(Committed::Yes(version));
        }
        Err(self.contended(OPERATION))
    }

    /// Puts the pending row under `to`, and on the list of its subject.
    async fn announce(
        &self,
        old: &Found,
        to: &StoreKey,
        new: &Stored,
        now: Timestamp,
    ) -> Result<Announced> {
        let (name, expiry) = (self.names.row(to), self.expiry(new.ends, now));
        let mut batch = Batch::new().add(&name, &new.to_bytes(), expiry);
        let subject = new.subject();
        if let Some(subject) = subject {
            batch = batch.get(&self.names.list(subject));
        }
        let (replies, on) = self.send(OPERATION, &batch, Effect::Once).await?;
        let mut replies = replies.into_iter();
        let added = replies.next().unwrap_or(Reply::NotStored);
        if !self.outcome(OPERATION, added, Cost::Session)? {
            return Ok(Announced::KeyTaken);
        }
        let Some(subject) = subject else {
            return Ok(Announced::Yes);
        };
        let known = replies
            .next()
            .map(|reply| List::read(reply, on))
            .transpose()?;
        let was_theirs = old.record.subject.as_ref() == Some(subject);
        let until = match &new.row {
            Row::Session { record, .. } => record.absolute_deadline,
            Row::Alias(_) | Row::Snapshot { .. } => new.ends,
        };
        let edit = |list: &mut List| {
            // Ended by now, together with the others: nothing is carried over.
            if was_theirs && !list.names(&old.key) {
                return Edit::Refused;
            }
            list.add(to, until);
            Edit::Write
        };
        let listed = self.edit_list(OPERATION, subject, known, now, edit).await?;
        if listed.is_none() {
            self.take_back(to).await?;
            return Ok(Announced::Gone);
        }
        Ok(Announced::Yes)
    }

    /// Removes the pending row of a rotation that did not happen.
    async fn take_back(&self, to: &StoreKey) -> Result<()> {
        let (Some(seen), _) = self.row(OPERATION, to, None).await? else {
            return Ok(());
        };
        if let Row::Session {
            is_pending: true, ..
        } = &seen.stored.row
        {
            let batch = Batch::new().remove(&self.names.row(to), seen.cas);
            self.try_send(OPERATION, &batch, Effect::OnceOn(seen.on))
                .await?;
        }
        Ok(())
    }

    /// Confirms the new row, and gives what is left under the old key its own lifetime.
    async fn settle(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        left: &Stored,
        now: Timestamp,
    ) -> Result<()> {
        let rows = self.rows(OPERATION, &[*to, *from]).await?;
        let [Some(new), old] = &rows[..] else {
            return Ok(());
        };
        let mut batch = Batch::new();
        if let Row::Session {
            record,
            from,
            is_pending: true,
        } = &new.stored.row
        {
            let stored = Stored::session(record.clone(), *from, false);
            let expiry = self.expiry(stored.ends, now);
            batch = batch.replace(&self.names.row(to), &stored.to_bytes(), expiry, new.cas);
        }
        // In this order: the server does one after the other.
        if let Some(Seen { stored, cas, .. }) = old.as_ref().filter(|old| old.stored == *left) {
            let expiry = self.expiry(stored.ends, now);
            batch = batch.replace(&self.names.row(from), &stored.to_bytes(), expiry, *cas);
        }
        if batch.replies > 0 {
            self.try_send(OPERATION, &batch, Effect::OnceOn(new.on))
                .await?;
        }
        Ok(())
    }
}

/// What came of a pending row.
enum Announced {
    Gone,
    KeyTaken,
    Yes,
}

const OPERATION: &str = "rotate";
