//! The sessions of Flask-Session on a memcached: an item under `prefix+sid`, flags 0, nothing beside the map.
//!
//! What is compared is the server's number of a state, so a state that was read over one connection is
//! swapped over no other. A renaming adds the new item first: nobody knows its name before the old one has become
//! what leads to it, which is the moment at which the session moves.

use std::{sync::Arc, time::Duration};

use abiding::{
    Error, ErrorKind, FlaskSession, Result, Store, Timestamp, compat::layout, store::Capabilities,
};

use super::{
    Cost, Desk, MemcachedOptions, MemcachedStore,
    failure::Failure,
    link::Effect,
    wire::{Batch, Cas, Reply},
};
use crate::flask_session::{FlaskStore, Item, Moved, Shelf, Stamp, sealed::Sealed};

/// A memcached server, to a [`FlaskStore`].
#[derive(Debug)]
pub struct MemcachedShelf(MemcachedStore);

impl FlaskStore<MemcachedShelf> {
    /// Sessions where `SESSION_TYPE = "memcached"` keeps them. Of the options everything counts but
    /// [`prefix`](MemcachedOptions::prefix), which is the application's; where its client puts a prefix of its own
    /// before every key, that comes first.
    ///
    /// The server may drop living sessions to make room, as it does to Flask-Session.
    ///
    /// # Errors
    /// As [`MemcachedOptions::open`]; and a prefix that no key of memcached can begin with.
    pub async fn memcached(options: MemcachedOptions, settings: &FlaskSession) -> Result<Self> {
        let longest = settings.name_prefix().to_owned() + &"x".repeat(LONGEST_SID);
        if !layout::is_memcached_key(&longest) {
            let what = "the prefix of the sessions cannot begin a key of memcached: give it at most 160 characters, without a blank";
            return Err(Error::new(ErrorKind::Unavailable, "open", what));
        }
        Ok(Self::new(
            settings.clone(),
            MemcachedShelf(options.open().await?),
        ))
    }
}

impl MemcachedShelf {
    fn desk(&self) -> &Arc<Desk> {
        &self.0.0
    }
}

impl Desk {
    /// Sends one command. Nothing if it compares with what came over another connection.
    async fn ask(
        &self,
        operation: &'static str,
        batch: Batch,
        effect: Effect,
    ) -> Result<Option<(Reply, u64)>> {
        let Some((replies, on)) = self.try_send(operation, &batch, effect).await? else {
            return Ok(None);
        };
        let [reply] = self.expect(operation, replies)?;
        Ok(Some((reply, on)))
    }

    /// Whether one command that adds or compares was done.
    async fn is_done(&self, operation: &'static str, batch: Batch, effect: Effect) -> Result<bool> {
        match self.ask(operation, batch, effect).await? {
            Some((reply, _)) => self.outcome(operation, reply, Cost::Session),
            None => Ok(false),
        }
    }

    async fn look_up(
        &self,
        operation: &'static str,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Item>> {
        let look = Batch::new().look(name);
        match self.ask(operation, look, Effect::None).await? {
            Some((Reply::Value(bytes, Cas(state), left), connection)) => Ok(Some(Item {
                bytes,
                ends: left.map(|left| now.after(Duration::from_secs(left))),
                stamp: Stamp { state, connection },
            })),
            Some((Reply::Missing, _)) => Ok(None),
            Some((Reply::Refused(words), _)) => {
                Err(Failure::Refused(words).into_error(operation, self.link.place()))
            }
            _ => Err(self.unexpected(operation)),
        }
    }

    async fn put(
        &self,
        operation: &'static str,
        name: &str,
        new: &Item,
        now: Timestamp,
    ) -> Result<bool> {
        let add = Batch::new().add(name, &new.bytes, self.seconds(new.ends, now));
        self.is_done(operation, add, Effect::Once).await
    }

    async fn exchange(
        &self,
        operation: &'static str,
        name: &str,
        old: &Item,
        new: &Item,
        now: Timestamp,
    ) -> Result<bool> {
        let Stamp { state, connection } = old.stamp;
        let expiry = self.seconds(new.ends, now);
        let replace = Batch::new().replace(name, &new.bytes, expiry, Cas(state));
        let effect = Effect::OnceOn(connection);
        self.is_done(operation, replace, effect).await
    }

    /// Both halves of a renaming.
    async fn carry(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        now: Timestamp,
    ) -> Result<Moved> {
        if !self.put("rotate", to, moved, now).await? {
            return Ok(Moved::Taken);
        }
        if self.exchange("rotate", from, old, left, now).await? {
            return Ok(Moved::Done);
        }
        // Under a name that nobody has: what is left of it if this fails leads nowhere, and ends by itself.
        let take_back = Batch::new().remove_any(to);
        self.ask("rotate", take_back, Effect::Once).await?;
        Ok(Moved::Other)
    }

    /// A time to live as Flask-Session sends it, more than thirty days as a date of the server's clock.
    fn seconds(&self, ends: Option<Timestamp>, now: Timestamp) -> i64 {
        let Some(ends) = ends else { return 0 };
        let left = Duration::from_secs(ends.since(now).as_secs().max(1));
        let server = Timestamp::from_millis(self.clock().saturating_mul(1_000));
        match i64::try_from(layout::memcached_expiry(left, server)) {
            // A date that the server cannot read is for ever.
            Ok(seconds) if seconds <= i64::from(i32::MAX) => seconds,
            _ => 0,
        }
    }
}

impl Sealed for MemcachedShelf {}

impl Shelf for MemcachedShelf {
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
        self.desk().look_up(operation, name, now).await
    }

    async fn add(&self, name: &str, new: &Item, now: Timestamp) -> Result<bool> {
        self.desk().put("create", name, new, now).await
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, now: Timestamp) -> Result<bool> {
        self.desk().exchange("commit", name, old, new, now).await
    }

    async fn prolong(&self, name: &str, ends: Timestamp, now: Timestamp) -> Result<bool> {
        let Some(there) = self.desk().look_up("touch", name, now).await? else {
            return Ok(false);
        };
        if there.ends.is_none_or(|there| there >= ends) {
            return Ok(true);
        }
        let touch = Batch::new().touch(name, self.desk().seconds(Some(ends), now));
        self.desk().is_done("touch", touch, Effect::Once).await
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let Stamp { state, connection } = old.stamp;
        let remove = Batch::new().remove(name, Cas(state));
        let effect = Effect::OnceOn(connection);
        self.desk().is_done("delete", remove, effect).await
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        now: Timestamp,
    ) -> Result<Moved> {
        let desk = Arc::clone(self.desk());
        let (from, old, left) = (from.to_owned(), old.clone(), left.clone());
        let (to, moved) = (to.to_owned(), moved.clone());
        // To its end, whoever waits for it: half of it would leave an item behind.
        let carrying =
            tokio::spawn(async move { desk.carry((&from, &old, &left), (&to, &moved), now).await });
        carrying.await.unwrap_or_else(|_| {
            let what = "the runtime ended before the session was moved";
            Err(Error::new(ErrorKind::Unavailable, "rotate", what))
        })
    }
}

/// How long the id of a session may be, see `StoreKey::of_sid`.
const LONGEST_SID: usize = 88;
