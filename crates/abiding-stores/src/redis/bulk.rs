//! Many rows in one packet.
//!
//! What the server refuses there, as a script that it has forgotten or a write while it is loading, had no effect, and is sent by
//! itself. On a cluster each row has a server of its own, so there all are, side by side.

use abiding::{
    Found, Record, Result, Store, StoreKey, Timestamp,
    store::{Bulk, Created},
};
use redis::{Cmd, Value};

use super::{
    Outcome, RedisStore,
    changes::{listed, relisted},
    gather::gather,
    rows::Stored,
};
use crate::parts::parts;

impl Bulk for RedisStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Result<Vec<Created>> {
        let writes = records
            .iter()
            .map(|(key, record)| Write::Create(key, record));
        let written = self.each("create", writes.collect(), now).await?;
        let created = |is_written| match is_written {
            true => Created::Yes,
            false => Created::KeyTaken,
        };
        Ok(written.into_iter().map(created).collect())
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let lives = |old: &Found| !old.record.is_expired_at(now);
        let living = records.iter().filter(|(old, _)| lives(old));
        let writes = living.map(|(old, new)| Write::Replace(old, new));
        let mut written = self
            .each("replace", writes.collect(), now)
            .await?
            .into_iter();
        let answer = |(old, _): &(Found, Record)| lives(old) && written.next().unwrap_or(false);
        Ok(records.iter().map(answer).collect())
    }
}

/// What becomes of one row.
enum Write<'a> {
    Create(&'a StoreKey, &'a Record),
    Replace(&'a Found, &'a Record),
}

impl RedisStore {
    /// Answers which rows were written.
    async fn each(
        &self,
        operation: &'static str,
        writes: Vec<Write<'_>>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let mut written = Vec::with_capacity(writes.len());
        for part in parts(&writes, Write::length) {
            for some in part.chunks(AT_ONCE) {
                if self.is_spread() {
                    let all = gather(some.iter().map(|write| self.alone(write, now))).await;
                    written.extend(all.into_iter().collect::<Result<Vec<_>>>()?);
                    continue;
                }
                let commands = some.iter().map(|write| self.command(write, now)).collect();
                let replies = self.nodes.packet(commands).await;
                let replies =
                    replies.map_err(|failure| failure.into_error(operation, &self.place))?;
                for (write, reply) in some.iter().zip(replies) {
                    written.push(match reply {
                        Value::ServerError(_) => self.alone(write, now).await?,
                        Value::Okay | Value::Int(1) => true,
                        // The key is taken, or this is the row as it is instead.
                        Value::Nil | Value::Int(0) | Value::BulkString(_) => false,
                        _ => return Err(self.unexpected(operation)),
                    });
                }
            }
        }
        Ok(written)
    }

    fn command(&self, write: &Write<'_>, now: Timestamp) -> Cmd {
        match write {
            Write::Create(key, record) => {
                let stored = Stored::record((*record).clone());
                self.placing(key, &stored, now, listed(key, record).as_slice())
            }
            Write::Replace(old, new) => {
                let row = Stored::record(old.record.clone()).to_bytes();
                let stored = Stored::record((*new).clone());
                self.replacing(&old.key, &row, &stored, now, &relisted(old, new))
            }
        }
    }

    async fn alone(&self, write: &Write<'_>, now: Timestamp) -> Result<bool> {
        match write {
            Write::Create(key, record) => Ok(self.create(key, record, now).await? == Created::Yes),
            Write::Replace(old, new) => {
                let row = Stored::record(old.record.clone()).to_bytes();
                let stored = Stored::record((*new).clone());
                let listings = relisted(old, new);
                let put = self.replace("replace", &old.key, &row, &stored, now, &listings);
                Ok(matches!(put.await?, Outcome::Done))
            }
        }
    }
}

impl Write<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Create(_, record) | Self::Replace(_, record) => record.payload.len(),
        }
    }
}

/// How many rows are in a packet. A server reads it a few at a time, and serves others in between.
const AT_ONCE: usize = 512;
