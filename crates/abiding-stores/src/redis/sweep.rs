//! The walk over all sessions; and the sweep, which finds little to do: the server forgets what ended by itself.
//!
//! The sweep is there for rows whose expiry somebody took away, as a restored backup may, and for servers
//! whose clock is far behind. It walks over the keys of the database, some at a time; over those of a
//! cluster server by server.

use std::{fmt, sync::PoisonError};

use abiding::{
    Error, ErrorKind, Result, StoreKey, Timestamp,
    store::{Cursor as Place, Page, Sweep, Swept, Walk},
};
use redis::{Value, cmd};

use super::{Outcome, RedisStore, cluster::Address, link::Effect, rows::Stored};

/// Where a walk over all keys is: at which server of a cluster, and where there.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    server: Option<Address>,
    pub(super) at: u64,
}

impl Sweep for RedisStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        for _ in 0..PAGES {
            let cursor = self.cursor().clone();
            let (next, keys) = self.page("sweep", cursor, PAGE).await?;
            let stored = self.rows("sweep", &keys).await?;
            for (key, stored) in keys.iter().zip(stored) {
                let Some(stored) = stored.filter(|stored| stored.is_over(now)) else {
                    continue;
                };
                if removed == limit {
                    // The rest of the page is looked at by the next call.
                    return Ok(Swept::new(removed, true));
                }
                let listed = stored.subject().map(|subject| (subject, key, None));
                let listed = listed.as_slice();
                // It may have been touched or ended meanwhile, and is then left as it is.
                let old = stored.to_bytes();
                let outcome = self.take_away("sweep", key, &old, now, listed).await?;
                removed += usize::from(matches!(outcome, Outcome::Done));
            }
            let is_over = next.is_none();
            *self.cursor() = next.unwrap_or_default();
            if is_over {
                return Ok(Swept::new(removed, false));
            }
        }
        Ok(Swept::new(removed, true))
    }
}

/// By `SCAN`: a row that lies there during the whole walk is seen, and perhaps more than once, as when the
/// server makes room meanwhile. One that moves between the servers of a cluster may be missed.
impl Walk for RedisStore {
    async fn walk(&self, from: Option<&Place>, limit: usize, now: Timestamp) -> Result<Page> {
        let cursor = match from {
            None => Cursor::default(),
            Some(place) => Cursor::parse(place.as_str()).ok_or_else(|| {
                let what = "the place to go on from is none of this store";
                Error::new(ErrorKind::Decode, WALK, what)
            })?,
        };
        let (next, keys) = self.page(WALK, cursor, limit).await?;
        let mut page = Page::default();
        for (key, bytes) in keys.iter().zip(self.raw_rows(WALK, &keys).await?) {
            let Some(bytes) = bytes else {
                continue;
            };
            let Ok(stored) = Stored::parse(&bytes) else {
                page.unreadable += 1;
                continue;
            };
            if !stored.is_over(now) {
                let found = stored.into_found(*key).filter(|found| !found.frozen);
                page.found.extend(found);
            }
        }
        page.next = next.map(|cursor| Place::new(cursor.to_string()));
        Ok(page)
    }
}

impl Cursor {
    /// The same server, further on.
    pub(super) fn moved_to(self, at: u64) -> Self {
        Self { at, ..self }
    }

    /// As it prints.
    fn parse(text: &str) -> Option<Self> {
        let (at, server) = match text.split_once('@') {
            Some((at, server)) => (at, Some(server.rsplit_once(':')?)),
            None => (text, None),
        };
        let address = |(host, port): (&str, &str)| Some(Address::new(host, port.parse().ok()?));
        Some(Self {
            at: at.parse().ok()?,
            server: match server {
                Some(server) => Some(address(server)?),
                None => None,
            },
        })
    }
}

/// `7`, or `7@host:port` in a cluster.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        match &self.server {
            Some(server) => write!(f, "@{}:{}", server.host(), server.port()),
            None => Ok(()),
        }
    }
}

impl RedisStore {
    /// Takes away every key whose name begins as those of this store, on each server of a cluster.
    pub(crate) async fn remove_all(&self) -> Result<()> {
        let mut cursor = Cursor::default();
        loop {
            let (next, names) = self
                .names_at("remove", cursor, &self.names.all(), PAGE)
                .await?;
            for name in names {
                let mut remove = cmd("DEL");
                remove.arg(&name);
                let name = String::from_utf8_lossy(&name);
                self.send("remove", &name, &remove, Effect::Once).await?;
            }
            match next {
                Some(next) => cursor = next,
                None => return Ok(()),
            }
        }
    }

    /// Some keys, and where the next ones are.
    pub(super) async fn page(
        &self,
        operation: &'static str,
        cursor: Cursor,
        count: usize,
    ) -> Result<(Option<Cursor>, Vec<StoreKey>)> {
        let rows = self.names.rows();
        let (next, names) = self.names_at(operation, cursor, &rows, count).await?;
        let keys = names.iter().filter_map(|name| self.names.key(name));
        Ok((next, keys.collect()))
    }

    /// Some names that begin with `prefix`, and where the next ones are.
    async fn names_at(
        &self,
        operation: &'static str,
        mut cursor: Cursor,
        prefix: &str,
        count: usize,
    ) -> Result<(Option<Cursor>, Vec<Vec<u8>>)> {
        let node = self.nodes.primary(cursor.server.as_ref(), false);
        let server = node.as_ref().map(|node| node.address.clone());
        if server != cursor.server {
            // The one that it was at is gone.
            cursor = Cursor { server, at: 0 };
        }
        let mut scan = cmd("SCAN");
        scan.arg(cursor.at)
            .arg("MATCH")
            .arg(format!("{}*", escaped(prefix)))
            .arg("COUNT")
            .arg(count);
        let reply = self.nodes.look(node.as_deref(), &scan).await;
        let reply = reply.map_err(|failure| failure.into_error(operation, &self.place))?;
        let unexpected = || self.unexpected(operation);
        let Value::Array(parts) = reply else {
            return Err(unexpected());
        };
        let Ok([Value::BulkString(next), Value::Array(names)]) = <[Value; 2]>::try_from(parts)
        else {
            return Err(unexpected());
        };
        let next = match next_at(&next).ok_or_else(unexpected)? {
            0 => {
                let after = self.nodes.primary(cursor.server.as_ref(), true);
                after
                    .filter(|_| cursor.server.is_some())
                    .map(|node| Cursor {
                        server: Some(node.address.clone()),
                        at: 0,
                    })
            }
            at => Some(cursor.moved_to(at)),
        };
        let name = |name| match name {
            Value::BulkString(name) => Some(name),
            _ => None,
        };
        Ok((next, names.into_iter().filter_map(name).collect()))
    }

    fn cursor(&self) -> std::sync::MutexGuard<'_, Cursor> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where `SCAN` says that it goes on; 0 at the end.
pub(super) fn next_at(answer: &[u8]) -> Option<u64> {
    str::from_utf8(answer).ok()?.parse().ok()
}

/// A prefix in which nothing stands for anything else.
pub(super) fn escaped(prefix: &str) -> String {
    let mut escaped = String::with_capacity(prefix.len());
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// How many pages one call looks at, and how many keys of the database the server looks at for one.
const PAGES: usize = 16;
const PAGE: usize = 128;
const WALK: &str = "walk";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_walk_is_read_as_it_prints() {
        for text in [
            "0",
            "18446744073709551615",
            "7@127.0.0.1:7000",
            "7@::1:7000",
        ] {
            assert_eq!(Cursor::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "x", "-1", "7@", "7@host", "7@host:x"] {
            assert!(Cursor::parse(wrong).is_none(), "{wrong}");
        }
    }
}
