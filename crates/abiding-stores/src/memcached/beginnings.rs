//! Beginning a session: a row, and the list that makes it count.
//!
//! The row of somebody signed in is added first and named second, and counts from then on. Whoever dies between the two leaves a
//! row that counts for nothing under a key that may be wanted again, as by the move of a session. So who finds such a row takes it over: they name the
//! key, compared, and then put their own row there, compared. To be the first who names a key is what makes somebody its owner;
//! where it is not clear who was, the row decides.

use abiding::{Record, Result, StoreKey, SubjectKey, Timestamp, store::Created};

use super::{
    Cost, Desk, ROUNDS, Seen,
    link::Effect,
    lists::{Edit, List},
    rows::{Row, Stored},
    wire::Batch,
};

impl Desk {
    pub(super) async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Created> {
        let new = Stored::new(record.clone());
        let Some(subject) = &record.subject else {
            let added = self.add(key, &new, None, now).await?;
            return Ok(created(added.is_some()));
        };
        for _ in 0..ROUNDS {
            if let Some(list) = self.add(key, &new, Some(subject), now).await? {
                return self.name(key, &new, subject, list, now).await;
            }
            match self.take_over(key, &new, subject, now).await? {
                Taken::Yes => return Ok(Created::Yes),
                Taken::No => return Ok(Created::KeyTaken),
                Taken::Again => {}
            }
        }
        Err(self.contended(OPERATION))
    }

    /// Puts a row where none is. Answers with the list of its subject as it is then, if nothing was there.
    async fn add(
        &self,
        key: &StoreKey,
        new: &Stored,
        subject: Option<&SubjectKey>,
        now: Timestamp,
    ) -> Result<Option<List>> {
        let (name, expiry) = (self.names.row(key), self.expiry(new.ends, now));
        let mut batch = Batch::new().add(&name, &new.to_bytes(), expiry);
        if let Some(subject) = subject {
            batch = batch.get(&self.names.list(subject));
        }
        let (replies, on) = self.send(OPERATION, &batch, Effect::Once).await?;
        let mut replies = replies.into_iter();
        let added = replies.next().ok_or_else(|| self.unexpected(OPERATION))?;
        if !self.outcome(OPERATION, added, Cost::Session)? {
            return Ok(None);
        }
        let list = replies.next().map(|reply| List::read(reply, on));
        Ok(Some(list.transpose()?.unwrap_or_default()))
    }

    /// Makes the row that was added count.
    async fn name(
        &self,
        key: &StoreKey,
        new: &Stored,
        subject: &SubjectKey,
        mut list: List,
        now: Timestamp,
    ) -> Result<Created> {
        list.add(key, absolute_deadline(new));
        if self.write_list(OPERATION, subject, &mut list, now).await? {
            return Ok(Created::Yes);
        }
        let edit = |list: &mut List| {
            list.add(key, absolute_deadline(new));
            Edit::Write
        };
        self.edit_list(OPERATION, subject, None, now, edit).await?;
        // Somebody may have named it meanwhile, to take it over.
        let (seen, _) = self.row(OPERATION, key, None).await?;
        let Some(seen) = seen.filter(|seen| seen.stored == *new) else {
            return Ok(Created::KeyTaken);
        };
        Ok(created(self.replace(key, new, &seen, now).await?))
    }

    /// Makes a row that does not count, since whoever began it never named it, that of another session.
    async fn take_over(
        &self,
        key: &StoreKey,
        new: &Stored,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<Taken> {
        let (seen, list) = self.row(OPERATION, key, Some(subject)).await?;
        let (Some(seen), Some(mut list)) = (seen, list) else {
            return Ok(Taken::Again);
        };
        let is_begun = match &seen.stored.row {
            Row::Session {
                record,
                is_pending: false,
                ..
            } => record.subject.as_ref() == Some(subject) && !seen.stored.is_over(now),
            Row::Session { .. } | Row::Alias(_) | Row::Snapshot { .. } => false,
        };
        if !is_begun || list.names(key) {
            return Ok(Taken::No);
        }
        list.add(key, absolute_deadline(new));
        let is_named = self.write_list(OPERATION, subject, &mut list, now).await?;
        if is_named && self.replace(key, new, &seen, now).await? {
            return Ok(Taken::Yes);
        }
        Ok(Taken::Again)
    }

    /// Puts a row in the place of the one that was seen. Answers whether that was there still.
    async fn replace(
        &self,
        key: &StoreKey,
        new: &Stored,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<bool> {
        let (name, expiry) = (self.names.row(key), self.expiry(new.ends, now));
        let batch = Batch::new().replace(&name, &new.to_bytes(), expiry, seen.cas);
        let sent = self
            .try_send(OPERATION, &batch, Effect::OnceOn(seen.on))
            .await?;
        let Some((replies, _)) = sent else {
            return Ok(false);
        };
        let [reply] = self.expect(OPERATION, replies)?;
        self.outcome(OPERATION, reply, Cost::Session)
    }
}

/// What came of a key that was taken.
enum Taken {
    Yes,
    No,
    /// Somebody else was at it: look again.
    Again,
}

fn absolute_deadline(stored: &Stored) -> Timestamp {
    match &stored.row {
        Row::Session { record, .. } => record.absolute_deadline,
        Row::Alias(_) | Row::Snapshot { .. } => stored.ends,
    }
}

fn created(is_new: bool) -> Created {
    if is_new {
        Created::Yes
    } else {
        Created::KeyTaken
    }
}

const OPERATION: &str = "create";
