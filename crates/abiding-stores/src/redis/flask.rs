//! The sessions of Flask-Session on a server: `SET prefix+sid … EX`, whole seconds, nothing beside the map.
//!
//! Reading is one script, since the time to live belongs to the map it was read with; so is each write.

use std::time::Duration;

use abiding::{Error, ErrorKind, FlaskSession, Result, Store, Timestamp, store::Capabilities};
use redis::{Cmd, Value, cmd};

use super::{
    RedisOptions, RedisStore,
    failure::Failure,
    gather::gather,
    link::Effect,
    scripts::{Call, FLASK_PROLONG, FLASK_READ, FLASK_RENAME, FLASK_SWAP, FLASK_TAKE, Lua},
    sweep::escaped,
};
use crate::flask_session::{
    Aisle, FlaskStore, Item, Moved, Named, Shelf, Shown, sealed::Sealed, strange_place,
};

/// A Redis or Valkey server, to a [`FlaskStore`].
#[derive(Debug)]
pub struct RedisShelf(RedisStore);

impl FlaskStore<RedisShelf> {
    /// Sessions where `SESSION_TYPE = "redis"` keeps them. Of the options everything counts but
    /// [`prefix`](RedisOptions::prefix), which is the application's.
    ///
    /// ```no_run
    /// use abiding::{FlaskSession, Manager};
    /// use abiding_stores::{flask_session::FlaskStore, redis::RedisOptions};
    ///
    /// # async {
    /// let sessions = FlaskSession::new().prefix("shop:");
    /// let store = FlaskStore::redis(RedisOptions::new("redis://127.0.0.1/"), &sessions).await?;
    /// let manager = Manager::builder(store).flask_session(sessions).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # };
    /// ```
    ///
    /// # Errors
    /// As [`RedisOptions::open`]; and a Redis Cluster is refused, which moves no session between two keys at once.
    pub async fn redis(options: RedisOptions, settings: &FlaskSession) -> Result<Self> {
        let shelf = RedisShelf(options.open().await?);
        if shelf.0.is_spread() {
            // Its rows have no place for what a rotation in steps leaves.
            let what = "a Redis Cluster cannot keep the sessions of Flask-Session: use one server, or Sentinels";
            return Err(Error::new(ErrorKind::Unavailable, "open", what));
        }
        Ok(Self::new(settings.clone(), shelf))
    }
}

impl RedisShelf {
    async fn run(&self, operation: &'static str, script: &Lua, call: &Call) -> Result<i64> {
        match self.0.run(operation, script, call).await? {
            Value::Int(number) => Ok(number),
            _ => Err(self.0.unexpected(operation)),
        }
    }
}

impl Sealed for RedisShelf {}

impl Shelf for RedisShelf {
    /// A clock that is behind by less than that cuts no session short.
    const SLACK: Duration = Duration::from_secs(60);

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn read(
        &self,
        operation: &'static str,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Item>> {
        let call = Call::on(name.to_owned());
        let ask =
            |command: Cmd| async move { self.0.nodes.send(name, &command, Effect::None).await };
        let reply = match ask(FLASK_READ.call(&call)).await {
            Err(Failure::Refused(cause)) if cause.code() == Some("NOSCRIPT") => {
                ask(FLASK_READ.send(&call)).await
            }
            reply => reply,
        };
        let reply = reply.map_err(|failure| failure.into_error(operation, &self.0.place))?;
        let Value::Array(parts) = reply else {
            return match reply {
                Value::Nil => Ok(None),
                _ => Err(self.0.unexpected(operation)),
            };
        };
        let Ok([Value::BulkString(bytes), Value::Int(left)]) = <[Value; 2]>::try_from(parts) else {
            return Err(self.0.unexpected(operation));
        };
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        Ok(Some(Item::new(bytes, left.map(|left| now.after(left)))))
    }

    async fn add(&self, name: &str, new: &Item, now: Timestamp) -> Result<bool> {
        let mut set = cmd("SET");
        set.arg(name).arg(&new.bytes).arg("NX");
        if let Some(seconds) = seconds(new.ends, now) {
            set.arg("EX").arg(seconds);
        }
        match self.0.send("create", name, &set, Effect::Once).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(self.0.unexpected("create")),
        }
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, now: Timestamp) -> Result<bool> {
        let call = Call::on(name.to_owned())
            .bytes(&*old.bytes)
            .bytes(&*new.bytes)
            .expiry(seconds(new.ends, now));
        Ok(self.run("commit", &FLASK_SWAP, &call).await? == 1)
    }

    async fn prolong(&self, name: &str, ends: Timestamp, now: Timestamp) -> Result<bool> {
        let call = Call::on(name.to_owned()).expiry(seconds(Some(ends), now));
        Ok(self.run("touch", &FLASK_PROLONG, &call).await? == 1)
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let call = Call::on(name.to_owned()).bytes(&*old.bytes);
        Ok(self.run("delete", &FLASK_TAKE, &call).await? == 1)
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        now: Timestamp,
    ) -> Result<Moved> {
        let call = Call::on(from.to_owned())
            .key(to.to_owned())
            .bytes(&*old.bytes)
            .bytes(&*left.bytes)
            .expiry(seconds(left.ends, now))
            .bytes(&*moved.bytes)
            .expiry(seconds(moved.ends, now));
        Ok(match self.run("rotate", &FLASK_RENAME, &call).await? {
            1 => Moved::Done,
            2 => Moved::Taken,
            _ => Moved::Other,
        })
    }
}

impl Aisle for RedisShelf {
    /// By `SCAN`: see the walk of [`RedisStore`].
    async fn page(
        &self,
        prefix: &str,
        from: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Shown> {
        let at: u64 = from.map_or(Ok(0), |from| from.parse().map_err(|_| strange_place()))?;
        let (next, names) = self.0.names_from(prefix, at, limit).await?;
        let items = gather(names.iter().map(|name| self.read("walk", name, now))).await;
        let mut shown = Shown {
            next: (next > 0).then(|| next.to_string()),
            ..Shown::default()
        };
        for (name, item) in names.iter().zip(items) {
            let named = || {
                name.strip_prefix(prefix)
                    .map(|sid| Named::Sid(sid.to_owned()))
            };
            shown.items.extend(named().zip(item?));
        }
        Ok(shown)
    }
}

impl RedisStore {
    /// Some names that begin with `prefix`, and where the next ones are: 0 at the end.
    async fn names_from(&self, prefix: &str, at: u64, limit: usize) -> Result<(u64, Vec<String>)> {
        let mut scan = cmd("SCAN");
        scan.arg(at)
            .arg("MATCH")
            .arg(format!("{}*", escaped(prefix)))
            .arg("COUNT")
            .arg(limit)
            .arg("TYPE")
            .arg("string");
        let reply = self.nodes.look(None, &scan).await;
        let reply = reply.map_err(|failure| failure.into_error("walk", &self.place))?;
        let unexpected = || self.unexpected("walk");
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
        let name = |name| match name {
            // A session id is visible ASCII: what is not text is none.
            Value::BulkString(name) => String::from_utf8(name).ok(),
            _ => None,
        };
        Ok((
            next.ok_or_else(unexpected)?,
            names.into_iter().filter_map(name).collect(),
        ))
    }
}

/// A time to live in whole seconds, as Flask-Session sets it: at least one, none for what never ends.
fn seconds(ends: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let left = ends?.since(now).as_secs().max(1);
    Some(i64::try_from(left).unwrap_or(i64::MAX).min(LONGEST))
}

/// What servers accept as a time to live, with room to spare: three thousand years.
const LONGEST: i64 = 100_000_000_000;
