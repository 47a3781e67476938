//! Finding and ending the sessions of a subject, by its list.

use std::cmp::Reverse;

use abiding::{Found, Result, StoreKey, SubjectKey, Timestamp};

use super::{Desk, ROUNDS, Seen, link::Effect, lists::List, rows::Row, wire::Batch};

impl Desk {
    /// The living sessions of a subject, the most recently seen first.
    pub(super) async fn of_subject(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let list = self.list(OF, subject).await?;
        let rows = self.listed(OF, &list, subject, now).await?;
        let gone: Vec<_> = rows
            .iter()
            .filter(|row| row.is_gone)
            .map(|row| row.key)
            .collect();
        let mut found = Vec::<Found>::new();
        for row in rows {
            // One that was rotated between the two looks is reached by its old key.
            let there = match row.seen.map(|seen| seen.stored) {
                Some(stored) if matches!(stored.row, Row::Alias(_)) => {
                    let followed = self.follow(OF, &row.key, now).await?;
                    followed.and_then(|(key, seen, _)| seen.stored.into_found(key))
                }
                Some(stored) => stored.into_found(row.key),
                None => None,
            };
            found.extend(
                there.filter(|there| !there.frozen && there.record.subject == Some(*subject)),
            );
        }
        found.sort_by_key(|found| found.key);
        found.dedup_by_key(|found| found.key);
        found.sort_by_key(|found| Reverse(found.record.seen));
        if !gone.is_empty() {
            // Only if nobody changed it since: a key comes back when the session under it was moved away and back again.
            let mut list = list;
            list.retain(|key| !gone.contains(key));
            self.write_list(OF, subject, &mut list, now).await?;
        }
        Ok(found)
    }

    /// Ends all rows of a subject but the session that `except` leads to, and answers how many sessions lived.
    pub(super) async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        for _ in 0..ROUNDS {
            let mut list = self.list(END, subject).await?;
            let rows = self.listed(END, &list, subject, now).await?;
            let mut kept = Vec::new();
            if let Some(except) = except {
                let spared = self.follow(END, except, now).await?;
                kept.extend(spared.map(|(key, ..)| key));
                // Where it is on its way to as well: that may be about to happen.
                while let Some(row) = rows.iter().find(|row| {
                    !kept.contains(&row.key) && row.from.is_some_and(|from| kept.contains(&from))
                }) {
                    kept.push(row.key);
                }
            }
            let is_session = |row: &&Listed| row.lives && !kept.contains(&row.key);
            let ended: Vec<_> = rows.iter().filter(is_session).collect();
            // One that moved between two looks was seen under both keys.
            let is_first = |row: &&&Listed| {
                row.from
                    .is_none_or(|from| ended.iter().all(|other| other.key != from))
            };
            let count = ended.iter().filter(is_first).count();
            if !list.retain(|key| kept.contains(key)) {
                return Ok(count);
            }
            // The moment at which they end.
            if !self.write_list(END, subject, &mut list, now).await? {
                continue;
            }
            self.remove(&rows, &kept).await;
            return Ok(count);
        }
        Err(self.contended(END))
    }
}

/// What a list names.
struct Listed {
    key: StoreKey,
    /// What lies there.
    seen: Option<Seen>,
    /// Where it came from, or is coming from.
    from: Option<StoreKey>,
    /// Whether it is a session of this subject that has arrived and is not over.
    lives: bool,
    /// Whether there is nothing at all.
    is_gone: bool,
}

impl Desk {
    async fn listed(
        &self,
        operation: &'static str,
        list: &List,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<Vec<Listed>> {
        let keys: Vec<_> = list.keys().collect();
        let mut listed = Vec::with_capacity(keys.len());
        for (key, seen) in keys.iter().zip(self.rows(operation, &keys).await?) {
            let is_gone = seen.is_none();
            let from = seen.as_ref().and_then(|seen| match seen.stored.row {
                Row::Session { from, .. } => from,
                Row::Alias(_) | Row::Snapshot { .. } => None,
            });
            let seen = self.arrived(operation, key, seen).await?;
            let seen = seen.filter(|seen| !seen.stored.is_over(now));
            let lives = seen.as_ref().is_some_and(|seen| match &seen.stored.row {
                Row::Session { record, .. } => record.subject.as_ref() == Some(subject),
                Row::Alias(_) | Row::Snapshot { .. } => false,
            });
            listed.push(Listed {
                key: *key,
                seen,
                from,
                lives,
                is_gone,
            });
        }
        Ok(listed)
    }

    /// Removes sessions that no list names any more, which are over already: for the sake of memory alone.
    async fn remove(&self, rows: &[Listed], kept: &[StoreKey]) {
        for row in rows
            .iter()
            .filter(|row| row.lives && !kept.contains(&row.key))
        {
            self.guesses.forget(&row.key);
            let Some(seen) = &row.seen else { continue };
            let batch = Batch::new().remove(&self.names.row(&row.key), seen.cas);
            if let Err(error) = self.try_send(END, &batch, Effect::OnceOn(seen.on)).await {
                tracing::debug!(%error, "a session that was ended is left to expire");
            }
        }
    }
}

const OF: &str = "find the sessions of a subject";
const END: &str = "end the sessions of a subject";
