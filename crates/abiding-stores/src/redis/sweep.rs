//! The sweep, which finds little to do: the server forgets what ended by itself.
//!
//! It is there for rows whose expiry somebody took away, as a restored backup may, and for servers
//! whose clock is far behind. It walks over the keys of the database, some at a time.

use abiding::{
    Result, StoreKey, Timestamp,
    store::{Sweep, Swept},
};
use redis::{Value, cmd};

use super::{Call, Listing, Ordering, RedisStore, link::Effect, rows::mark, scripts};

impl Sweep for RedisStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let mut removed = 0;
        for _ in 0..PAGES {
            let cursor = self.cursor.load(Ordering::Relaxed);
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
                let bytes = stored.to_bytes();
                let (head, end) = mark(&bytes);
                let call = Call::on(self.names.row(key)).bytes(head).bytes(end);
                let listed: Option<Listing<'_>> =
                    stored.subject().map(|subject| (subject, key, None));
                let call = self.listing(call, now, listed.as_slice());
                // It may have been touched or ended meanwhile, and is then left as it is.
                let reply = self.run("sweep", &scripts::REMOVE, &call).await?;
                removed += usize::from(reply == Value::Int(1));
            }
            self.cursor.store(next, Ordering::Relaxed);
            if next == 0 {
                return Ok(Swept::new(removed, false));
            }
        }
        Ok(Swept::new(removed, true))
    }
}

impl RedisStore {
    async fn page(&self, cursor: u64) -> Result<(u64, Vec<StoreKey>)> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{}*", escaped(&self.names.rows())))
            .arg("COUNT")
            .arg(PAGE);
        let reply = self.send("sweep", &scan, Effect::None).await?;
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
        let key = |name| match name {
            Value::BulkString(name) => self.names.key(&name),
            _ => None,
        };
        let keys = names.into_iter().filter_map(key).collect();
        Ok((next.ok_or_else(unexpected)?, keys))
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
