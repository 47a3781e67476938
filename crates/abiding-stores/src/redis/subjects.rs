//! The sessions of a subject: a sorted set of keys, written by the scripts that write the rows.
//!
//! Rows expire without taking themselves off their list. Whoever reads it does that for them; a list
//! as a whole ends with the last absolute deadline on it. In a cluster, where lists lie apart from rows,
//! `writes` says in which order they are written.

use std::cmp::Reverse;

use abiding::{Found, Result, StoreKey, SubjectKey, Timestamp, store::Subjects};
use redis::{Value, cmd};

use super::{
    HOPS, RedisStore,
    gather::gather,
    link::Effect,
    rows::{self, Row, Stored},
    scripts::{self, Call},
};

impl Subjects for RedisStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let listed = self.listed(OF, subject).await?;
        let (mut found, mut seen, mut stray) = (vec![], listed.clone(), vec![]);
        let mut open = listed.clone();
        // A session that is moved meanwhile is looked for where it went.
        for _ in 0..=HOPS {
            let mut next = vec![];
            for (key, stored) in open.iter().zip(self.rows(OF, &open).await?) {
                // A key never comes back. What has a row may come back to this list, unless that is written later.
                let may_stray = stored.is_none() || self.is_spread();
                let stored = match stored {
                    Some(stored) => self.settle(OF, key, stored, None, now).await?,
                    None => None,
                };
                match stored {
                    Some(stored) if stored.is_over(now) => {}
                    Some(Stored {
                        row: Row::Alias(to),
                        ..
                    }) if !seen.contains(&to) => next.push(to),
                    Some(stored) if stored.subject() == Some(subject) => {
                        found.extend(stored.into_found(*key).filter(|found| !found.frozen));
                    }
                    Some(_) | None if may_stray => stray.push(*key),
                    Some(_) | None => {}
                }
            }
            if next.is_empty() {
                break;
            }
            seen.extend(&next);
            open = next;
        }
        stray.retain(|key| listed.contains(key));
        if !stray.is_empty() {
            self.take_off(OF, subject, &stray, false).await?;
        }
        found.sort_by_key(|found: &Found| (Reverse(found.record.seen), found.key));
        Ok(found)
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        if self.is_spread() {
            return self.end_across(subject, except, now).await;
        }
        let call = Call::on(self.names.subject(subject))
            .bytes(self.names.rows())
            .bytes(subject.as_bytes().as_slice())
            .number(now.as_millis())
            .bytes(except.map(rows::member).unwrap_or_default());
        match self.run(END, &scripts::END_SUBJECT, &call).await? {
            Value::Int(ended) => Ok(usize::try_from(ended).unwrap_or(0)),
            _ => Err(self.unexpected(END)),
        }
    }
}

impl RedisStore {
    /// The keys on the list of a subject.
    pub(super) async fn listed(
        &self,
        operation: &'static str,
        subject: &SubjectKey,
    ) -> Result<Vec<StoreKey>> {
        let list = self.names.subject(subject);
        let mut range = cmd("ZRANGE");
        range.arg(&list).arg(0).arg(-1);
        let members = self.send(operation, &list, &range, Effect::None).await?;
        let Value::Array(members) = members else {
            return Err(self.unexpected(operation));
        };
        let key = |member| match member {
            Value::BulkString(member) => rows::key(&member),
            _ => None,
        };
        Ok(members.into_iter().filter_map(key).collect())
    }

    /// What lies under each of `keys`.
    pub(super) async fn rows(
        &self,
        operation: &'static str,
        keys: &[StoreKey],
    ) -> Result<Vec<Option<Stored>>> {
        let rows = self.raw_rows(operation, keys).await?.into_iter();
        rows.map(|row| row.map(|bytes| Stored::parse(&bytes)).transpose())
            .collect()
    }

    /// The same, byte for byte.
    pub(super) async fn raw_rows(
        &self,
        operation: &'static str,
        keys: &[StoreKey],
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let bytes = |row| match row {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(self.unexpected(operation)),
        };
        if self.is_spread() {
            let get = |key| async move {
                let name = self.names.row(key);
                let mut get = cmd("GET");
                let row = self.send(operation, &name, get.arg(&name), Effect::None);
                bytes(row.await?)
            };
            return gather(keys.iter().map(get)).await.into_iter().collect();
        }
        let names: Vec<_> = keys.iter().map(|key| self.names.row(key)).collect();
        let [first, ..] = &names[..] else {
            return Ok(vec![]);
        };
        let mut get = cmd("MGET");
        let rows = self.send(operation, first, get.arg(&names), Effect::None);
        match rows.await? {
            Value::Array(rows) if rows.len() == keys.len() => rows.into_iter().map(bytes).collect(),
            _ => Err(self.unexpected(operation)),
        }
    }
}

const OF: &str = "find the sessions of a subject";
pub(super) const END: &str = "end the sessions of a subject";
