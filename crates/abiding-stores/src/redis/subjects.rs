//! The sessions of a subject: a sorted set of keys, written by the scripts that write the rows.
//!
//! Rows expire without taking themselves off their list. Whoever reads it does that for them; a list
//! as a whole ends with the last absolute deadline on it.

use abiding::{Found, Result, StoreKey, SubjectKey, Timestamp, store::Subjects};
use redis::{Value, cmd};

use super::{
    RedisStore,
    link::Effect,
    rows::{self, Stored},
    scripts::{self, Call},
};

impl Subjects for RedisStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let listed = self.listed(OF, subject).await?;
        let stored = self.rows(OF, &listed).await?;
        let gone: Vec<_> = listed
            .iter()
            .zip(&stored)
            .filter(|(_, stored)| stored.is_none())
            .map(|(key, _)| rows::member(key))
            .collect();
        if !gone.is_empty() {
            // A key never comes back, so nothing that lives is taken off here.
            let mut remove = cmd("ZREM");
            let remove = remove.arg(self.names.subject(subject)).arg(gone);
            self.send(OF, remove, Effect::Once).await?;
        }
        let living = listed.into_iter().zip(stored).filter_map(|(key, stored)| {
            let found = stored
                .filter(|stored| !stored.is_over(now))?
                .into_found(key)?;
            (!found.frozen && found.record.subject == Some(*subject)).then_some(found)
        });
        let mut living: Vec<_> = living.collect();
        living.sort_by_key(|found| (std::cmp::Reverse(found.record.seen), found.key));
        Ok(living)
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
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
    async fn listed(&self, operation: &'static str, subject: &SubjectKey) -> Result<Vec<StoreKey>> {
        let mut range = cmd("ZRANGE");
        let range = range.arg(self.names.subject(subject)).arg(0).arg(-1);
        let Value::Array(members) = self.send(operation, range, Effect::None).await? else {
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
        if keys.is_empty() {
            return Ok(vec![]);
        }
        let mut get = cmd("MGET");
        keys.iter().for_each(|key| {
            get.arg(self.names.row(key));
        });
        match self.send(operation, &get, Effect::None).await? {
            Value::Array(rows) if rows.len() == keys.len() => rows
                .into_iter()
                .map(|row| self.parse(operation, row))
                .collect(),
            _ => Err(self.unexpected(operation)),
        }
    }
}

const OF: &str = "find the sessions of a subject";
const END: &str = "end the sessions of a subject";
