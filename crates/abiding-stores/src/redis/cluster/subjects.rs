//! The end of a subject's sessions where each lies in a slot of its own: one after the other.
//!
//! A session that is moved meanwhile is followed to where it went. All that were there when the end was asked for are
//! over when it is answered; one that breaks off has ended some of them, and may simply be asked for again.

use abiding::{Result, StoreKey, SubjectKey, Timestamp};

use super::super::{
    HOPS, Outcome, RedisStore,
    gather::gather,
    rows::{Row, Stored},
    subjects::END,
};

/// What came of one row.
enum Step {
    /// It is over now. Whether it was alive, and where a session may have gone from there.
    Ended(bool, Option<StoreKey>),
    /// There is nothing to end.
    Nothing,
    /// It is spared, or not theirs to end.
    Spared,
    /// It has moved, or is another one by now.
    Look(StoreKey),
}

impl RedisStore {
    pub(in crate::redis) async fn end_across(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let listed = self.listed(END, subject).await?;
        let (mut ended, mut over, mut stray) = (0, vec![], vec![]);
        let mut open = listed.clone();
        for _ in 0..ROUNDS {
            if open.is_empty() {
                break;
            }
            let rows = self.rows(END, &open).await?;
            // After the rows: a key that the spared one had moved to by then is on its way by now.
            let spared = self.way(except, now).await?;
            let steps = open.iter().zip(rows).map(async |(key, stored)| {
                if spared.contains(key) {
                    return Ok(Step::Spared);
                }
                self.end_row(subject, key, stored, now).await
            });
            let mut next = vec![];
            for (key, step) in open.iter().zip(gather(steps).await) {
                match step? {
                    Step::Ended(was_alive, follow) => {
                        ended += usize::from(was_alive);
                        over.push(*key);
                        next.extend(follow);
                    }
                    Step::Nothing => stray.push(*key),
                    Step::Spared => {}
                    Step::Look(key) => next.push(key),
                }
            }
            next.sort();
            next.dedup();
            open = next;
        }
        if !open.is_empty() {
            return Err(self.contended(END));
        }
        for (keys, is_final) in [(over, true), (stray, false)] {
            if !keys.is_empty() {
                self.take_off(END, subject, &keys, is_final).await?;
            }
        }
        Ok(ended)
    }

    async fn end_row(
        &self,
        subject: &SubjectKey,
        key: &StoreKey,
        stored: Option<Stored>,
        now: Timestamp,
    ) -> Result<Step> {
        let Some(stored) = stored else {
            return Ok(Step::Nothing);
        };
        if stored.is_pending() {
            let settled = self.settle(END, key, stored, None, now).await?;
            return Ok(settled.map_or(Step::Nothing, |_| Step::Look(*key)));
        }
        if let Row::Alias(to) = stored.row {
            return Ok(Step::Look(to));
        }
        if stored.subject() != Some(subject) {
            return Ok(Step::Nothing);
        }
        let (next, old) = (stored.next(), stored.to_bytes());
        self.let_go(END, key, &stored, now).await?;
        Ok(match self.take_away(END, key, &old, now, &[]).await? {
            Outcome::Done => {
                let is_session = matches!(stored.row, Row::Record(_));
                Step::Ended(is_session && !stored.is_over(now), next)
            }
            Outcome::Other(Some(_)) => Step::Look(*key),
            Outcome::Other(None) | Outcome::Taken => Step::Nothing,
        })
    }

    /// All keys on the way from `key`.
    async fn way(&self, key: Option<&StoreKey>, now: Timestamp) -> Result<Vec<StoreKey>> {
        let (mut way, mut next) = (vec![], key.copied());
        while let (Some(key), true) = (next, way.len() <= HOPS) {
            way.push(key);
            next = match self.row(END, &key).await? {
                Some(stored) if !stored.is_over(now) => match stored.row {
                    Row::Alias(to) => Some(to),
                    _ => None,
                },
                _ => None,
            };
        }
        Ok(way)
    }
}

/// How often sessions may be moved or changed while they are ended.
const ROUNDS: usize = 256;
