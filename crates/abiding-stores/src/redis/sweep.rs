//! The sweep, which finds little to do: the server forgets what ended by itself.
//!
//! It is there for rows whose expiry somebody took away, as a restored backup may, and for servers
//! whose clock is far behind. It walks over the keys of the database, some at a time; over those of a
//! cluster server by server.

use std::sync::PoisonError;

use abiding::{
    Result, StoreKey, Timestamp,
    store::{Sweep, Swept},
};
use redis::{Value, cmd};

use super::{Outcome, RedisStore, cluster::Address};

/// Where a walk over all keys is: at which server of a cluster, and where there.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    server: Option<Address>,
    at: u64,
}

impl Sweep for RedisStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        for _ in 0..PAGES {
            let cursor = self.cursor().clone();
            let (next, keys) = self.page(cursor).await?;
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

impl RedisStore {
    /// Some keys, and where the next ones are.
    async fn page(&self, mut cursor: Cursor) -> Result<(Option<Cursor>, Vec<StoreKey>)> {
        let node = self.nodes.primary(cursor.server.as_ref(), false);
        let server = node.as_ref().map(|node| node.address.clone());
        if server != cursor.server {
            // The one that it was at is gone.
            cursor = Cursor { server, at: 0 };
        }
        let mut scan = cmd("SCAN");
        scan.arg(cursor.at)
            .arg("MATCH")
            .arg(format!("{}*", escaped(&self.names.rows())))
            .arg("COUNT")
            .arg(PAGE);
        let reply = self.nodes.look(node.as_deref(), &scan).await;
        let reply = reply.map_err(|failure| failure.into_error("sweep", &self.place))?;
        let unexpected = || self.unexpected("sweep");
        let Value::Array(parts) = reply else {
            return Err(unexpected());
        };
        let Ok([Value::BulkString(next), Value::Array(names)]) = <[Value; 2]>::try_from(parts)
        else {
            return Err(unexpected());
        };
        let next = str::from_utf8(&next)
            .ok()
            .and_then(|next| next.parse().ok());
        let next = match next.ok_or_else(unexpected)? {
            0 => {
                let after = self.nodes.primary(cursor.server.as_ref(), true);
                after
                    .filter(|_| cursor.server.is_some())
                    .map(|node| Cursor {
                        server: Some(node.address.clone()),
                        at: 0,
                    })
            }
            at => Some(Cursor { at, ..cursor }),
        };
        let key = |name| match name {
            Value::BulkString(name) => self.names.key(&name),
            _ => None,
        };
        Ok((next, names.into_iter().filter_map(key).collect()))
    }

    fn cursor(&self) -> std::sync::MutexGuard<'_, Cursor> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A prefix in which nothing stands for anything else.
fn escaped(prefix: &str) -> String {
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
