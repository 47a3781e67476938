//! The writes of the contract that concern one key.

use abiding::{
    Found, Result, StoreKey, Timestamp,
    store::{Change, Committed, Deleted, Expect, Farewell, Touched},
};

use super::{
    Cost, Desk, HOPS, NOWHERE, ROUNDS, Seen,
    link::Effect,
    lists::{Edit, List},
    rows::{Row, Stored},
    wire::{Batch, Reply},
};

/// What came of a write to a session.
enum Written {
    Yes,
    /// Another state of it is there, or none: look again.
    Again,
    /// Its subject's list does not name it: it had been ended.
    Ended,
}

impl Desk {
    pub(super) async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let _turn = self.turns.take("commit", key).await?;
        let mut guess = self.guess(key, now);
        for _ in 0..ROUNDS {
            let is_guess = guess.is_some();
            let Some((key, seen)) = self.session("commit", key, guess.take(), now).await? else {
                return Ok(Committed::Gone);
            };
            let Row::Session { record, from, .. } = &seen.stored.row else {
                return Ok(Committed::Gone);
            };
            let found = Found::new(key, record.clone());
            if !expect.admits(record.version) {
                if is_guess {
                    continue;
                }
                return Ok(Committed::Stale(found));
            }
            let new = match change.apply(&found) {
                Err(_) if is_guess => continue,
                new => new?,
            };
            let (version, old_subject) = (new.version, record.subject);
            let (subject, until) = (new.subject, new.absolute_deadline);
            if let Some(subject) = &subject
                && (Some(*subject) != old_subject || until > record.absolute_deadline)
            {
                let is_theirs = Some(*subject) == old_subject;
                let edit = |list: &mut List| {
                    if is_theirs && !list.names(&key) {
                        return Edit::Refused;
                    }
                    if list.add(&key, until) {
                        Edit::Write
                    } else {
                        Edit::Nothing
                    }
                };
                let listed = self.edit_list("commit", subject, None, now, edit).await?;
                if listed.is_none() {
                    if is_guess || !self.is_still("commit", &key, &seen).await? {
                        continue;
                    }
                    return Ok(Committed::Gone);
                }
            }
            let stored = Stored::session(new, *from, false);
            match self
                .write("commit", &key, &seen, &stored, is_guess, now)
                .await?
            {
                Written::Again => continue,
                Written::Ended => return Ok(Committed::Gone),
                Written::Yes => {}
            }
            if let Some(old) = old_subject.filter(|old| Some(*old) != subject) {
                self.unlist("commit", &old, &key, None, now).await;
            }
            return Ok(Committed::Yes(version));
        }
        Err(self.contended("commit"))
    }

    pub(super) async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let _turn = self.turns.take("touch", key).await?;
        let mut guess = self.guess(key, now);
        for _ in 0..ROUNDS {
            let is_guess = guess.is_some();
            let Some((key, seen)) = self.session("touch", key, guess.take(), now).await? else {
                return Ok(Touched::Gone);
            };
            let Row::Session { record, from, .. } = &seen.stored.row else {
                return Ok(Touched::Gone);
            };
            let mut new = record.clone();
            new.idle_deadline = new.idle_deadline.max(idle_deadline);
            new.seen = new.seen.max(now);
            let stored = Stored::session(new, *from, false);
            match self
                .write("touch", &key, &seen, &stored, is_guess, now)
                .await?
            {
                Written::Again => {}
                Written::Ended => return Ok(Touched::Gone),
                Written::Yes => return Ok(Touched::Yes),
            }
        }
        Err(self.contended("touch"))
    }

    pub(super) async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let _turn = self.turns.take("delete", key).await?;
        let (mut key, mut aliases) = (*key, Vec::new());
        let mut deleted = Deleted::Absent;
        let mut rounds = 0;
        while rounds < ROUNDS && aliases.len() < HOPS {
            rounds += 1;
            let guess = self.guesses.of(&key);
            let guessed = guess.as_ref().and_then(|guess| guess.stored.subject());
            let (as_is, list) = self.row("delete", &key, guessed).await?;
            let Some(as_is) = as_is else { break };
            let arrived = self.arrived("delete", &key, Some(as_is.clone())).await?;
            let lives = arrived.filter(|seen| !seen.stored.is_over(now));
            if let Some(Seen { stored, .. }) = &lives
                && let Row::Alias(to) = stored.row
            {
                aliases.push(key);
                key = to;
                continue;
            }
            let subject = as_is.stored.subject();
            let list = match (subject, list) {
                (Some(subject), Some(list)) if guessed == Some(subject) => Some(list),
                (Some(subject), _) => Some(self.list("delete", subject).await?),
                (None, _) => None,
            };
            let is_named = list.as_ref().is_none_or(|list| list.names(&key));
            let session = lives.as_ref().and_then(|seen| match &seen.stored.row {
                Row::Session { record, .. } => Some(record),
                Row::Alias(_) | Row::Snapshot { .. } => None,
            });
            let left = session.filter(|_| is_named).and_then(|record| {
                let found = Found::new(key, record.clone());
                farewell.and_then(|farewell| farewell.to(&found))
            });
            if let Some(to) = as_is.stored.leads_to() {
                // What names a pending row must not go before that is confirmed.
                self.confirm("delete", to, now).await?;
            }
            let name = self.names.row(&key);
            let batch = Batch::new();
            let batch = match left {
                Some(record) => {
                    let left = Stored::snapshot(record, None, Timestamp::MAX);
                    let expiry = self.expiry(left.ends, now);
                    batch.replace(&name, &left.to_bytes(), expiry, as_is.cas)
                }
                None => batch.remove(&name, as_is.cas),
            };
            let sent = self
                .try_send("delete", &batch, Effect::OnceOn(as_is.on))
                .await?;
            let Some((replies, _)) = sent else { continue };
            let [reply] = self.expect("delete", replies)?;
            if !self.outcome("delete", reply, Cost::Session)? {
                continue;
            }
            self.guesses.forget(&key);
            if lives.is_some() && is_named {
                deleted = Deleted::Yes;
            }
            if let Some(subject) = subject {
                self.unlist("delete", subject, &key, list, now).await;
            }
            break;
        }
        if rounds == ROUNDS {
            return Err(self.contended("delete"));
        }
        self.remove_aliases("delete", &aliases).await?;
        Ok(deleted)
    }

    async fn remove_aliases(&self, operation: &'static str, keys: &[StoreKey]) -> Result<()> {
        let rows = self.rows(operation, keys).await?;
        for (key, seen) in keys.iter().zip(rows) {
            if let Some(seen) = seen.filter(|seen| matches!(seen.stored.row, Row::Alias(_))) {
                // An alias never becomes anything else, so if it is not there any more that is as well.
                let batch = Batch::new().remove(&self.names.row(key), seen.cas);
                self.try_send(operation, &batch, Effect::OnceOn(seen.on))
                    .await?;
            }
        }
        Ok(())
    }

    /// Confirms that the session under `to` has arrived, where what lies under its old key says so.
    pub(super) async fn confirm(
        &self,
        operation: &'static str,
        to: &StoreKey,
        now: Timestamp,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            let (Some(seen), _) = self.row(operation, to, None).await? else {
                return Ok(());
            };
            let Row::Session {
                record,
                from,
                is_pending: true,
            } = &seen.stored.row
            else {
                return Ok(());
            };
            let stored = Stored::session(record.clone(), *from, false);
            let expiry = self.expiry(stored.ends, now);
            let name = self.names.row(to);
            let batch = Batch::new().replace(&name, &stored.to_bytes(), expiry, seen.cas);
            let sent = self
                .try_send(operation, &batch, Effect::OnceOn(seen.on))
                .await?;
            let Some((replies, _)) = sent else { continue };
            let [reply] = self.expect(operation, replies)?;
            if self.outcome(operation, reply, Cost::Session)? {
                return Ok(());
            }
        }
        Err(self.contended(operation))
    }

    /// What this process saw last under this very key, if that is worth a try.
    fn guess(&self, key: &StoreKey, now: Timestamp) -> Option<Seen> {
        let guess = self.guesses.of(key).filter(|guess| guess.on != NOWHERE)?;
        let is_session = matches!(guess.stored.row, Row::Session { .. });
        (is_session && !guess.stored.is_over(now)).then_some(guess)
    }

    /// Whether what lay under `key` was rotated: the list of its subject does not name it any more then.
    async fn leads_on(&self, operation: &'static str, key: &StoreKey) -> Result<bool> {
        let (seen, _) = self.row(operation, key, None).await?;
        Ok(seen.is_some_and(|seen| seen.stored.leads_to().is_some()))
    }

    /// The guess, or what `key` leads to.
    async fn session(
        &self,
        operation: &'static str,
        key: &StoreKey,
        guess: Option<Seen>,
        now: Timestamp,
    ) -> Result<Option<(StoreKey, Seen)>> {
        if let Some(guess) = guess {
            return Ok(Some((*key, guess)));
        }
        let found = self.follow(operation, key, now).await?;
        Ok(found.map(|(key, seen, _)| (key, seen)))
    }

    /// Puts `new` in the place of what was seen. Of a guess the list of its subject is read along.
    async fn write(
        &self,
        operation: &'static str,
        key: &StoreKey,
        old: &Seen,
        new: &Stored,
        is_guess: bool,
        now: Timestamp,
    ) -> Result<Written> {
        let subject = old.stored.subject().filter(|_| is_guess);
        let (name, expiry) = (self.names.row(key), self.expiry(new.ends, now));
        let mut batch = Batch::new().replace(&name, &new.to_bytes(), expiry, old.cas);
        if let Some(subject) = subject {
            batch = batch.get(&self.names.list(subject));
        }
        self.guesses.forget(key);
        let sent = self
            .try_send(operation, &batch, Effect::OnceOn(old.on))
            .await?;
        let Some((replies, on)) = sent else {
            return Ok(Written::Again);
        };
        let mut replies = replies.into_iter();
        let reply = replies.next().unwrap_or(Reply::Missing);
        if !self.outcome(operation, reply, Cost::Session)? {
            return Ok(Written::Again);
        }
        // For whose it is, which saves a trip; its number is another one now, which the reply does not tell.
        self.guesses.note_outdated(key, new);
        let list = replies
            .next()
            .map(|reply| List::read(reply, on))
            .transpose()?;
        let is_named = list.is_none_or(|list| list.names(key));
        if is_named || self.leads_on(operation, key).await? {
            return Ok(Written::Yes);
        }
        Ok(Written::Ended)
    }
}
