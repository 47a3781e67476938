//! A session's pairs as Python has them: keys and values of any type that a session may hold.
//!
//! For hosts that speak Python, and for whoever needs the type that Python gave a value. The other
//! methods of a [`Session`] read and write the same pairs, as Rust has them.

use super::Session;
use crate::{
    compat::{Dict, Value, frame},
    error::{Error, ErrorKind, Result},
    manager::dict_of,
    session::lock,
    store::flask_session::unfold,
};

impl Session {
    /// All pairs, in their order.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn dict(&self) -> Result<Dict> {
        self.read().await?;
        dict_of(lock(&self.desk).state.entries())
    }

    /// All pairs of the session as they are spelled in it, for hosts that have a reader of JSON of their own.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn spelled(&self) -> Result<Vec<Spelled>> {
        self.read().await?;
        let desk = lock(&self.desk);
        let entries = desk.state.entries();
        Ok(entries
            .map(|(name, json)| Spelled::new(name, json))
            .collect())
    }

    /// Sets a pair, as [`insert`](Self::insert) does: fetches nothing, and an equal value is no change.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if the pair cannot be kept, with its key and type.
    pub fn insert_value(&self, key: &Value, value: &Value) -> Result<()> {
        let name = frame::key(key)?;
        let spelt = frame::write(value).map_err(|cause| {
            let context = format!("the value at {name:?} cannot be stored");
            Error::new(ErrorKind::Encode, "insert", context).with_source(cause)
        })?;
        self.change(|state| state.set(&name, &spelt))
    }

    /// Removes a pair, if there is one. Fetches nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] for a key that no session can have.
    pub fn remove_value(&self, key: &Value) -> Result<()> {
        let name = frame::key(key)?;
        self.change(|state| state.remove(&name));
        Ok(())
    }

    /// Computes the value at `key` from the one that is there, as [`update`](Self::update) does; `None`
    /// removes it.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub async fn update_value<F>(&self, key: &Value, mut f: F) -> Result<()>
    where
        F: FnMut(Option<Value>) -> Result<Option<Value>>,
    {
        let name = frame::key(key)?;
        self.modify(&name, |old| {
            let new = f(old.map(frame::read).transpose()?)?;
            new.as_ref().map(frame::write).transpose()
        })
        .await
    }
}

/// A pair of a session as it is spelled there.
#[derive(Clone, Debug)]
pub struct Spelled {
    name: Box<str>,
    json: Box<[u8]>,
}

impl Spelled {
    fn new(name: &str, json: &[u8]) -> Self {
        let (name, json) = (name.into(), json.into());
        Self { name, json }
    }

    /// The key and its value as JSON, where JSON alone says all there is to say: the key is a text, and nothing
    /// in the value has a type that JSON lacks.
    pub fn plain(&self) -> Option<(&str, &str)> {
        let is_plain = !self.name.starts_with('\u{1}') && !frame::looks_tagged(&self.json);
        let json = std::str::from_utf8(&self.json).ok()?;
        is_plain.then_some((&self.name, json))
    }

    /// The pair, or those that have one name because theirs are too long.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for what is no spelling of a value.
    pub fn read(&self) -> Result<Vec<(Value, Value)>> {
        let mut pairs = Vec::new();
        unfold(&self.name, &self.json, &mut pairs)?;
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::{KeyRing, Manager, MemoryStore, compat::Datetime};

    /// The memory store never waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// What a Flask application put into a native session is read by its meaning, flash messages too.
    #[test]
    fn values_of_python_in_a_native_session_are_read_as_what_they_mean() {
        let keys = KeyRing::generate().unwrap();
        let manager = Manager::builder(MemoryStore::new()).keys(keys).build();
        let session = manager.unwrap().open([]);
        let message = Value::Tuple(vec!["error".into(), Value::Markup("<b>no</b>".into())]);
        let moment = Datetime::from_unix_micros(0).unwrap();
        for (key, value) in [
            ("pair", Value::Tuple(vec![1_i64.into(), 2_i64.into()])),
            ("set", Value::Set(vec!["a".into()])),
            ("uuid", Value::Uuid(5)),
            ("moment", Value::Datetime(moment)),
            ("plain", Value::List(vec![1_i64.into()])),
            ("_flashes", Value::List(vec![message])),
        ] {
            session.insert_value(&key.into(), &value).unwrap();
        }
        assert_eq!(now(session.get("pair")).unwrap(), Some((1, 2)));
        assert_eq!(now(session.get("set")).unwrap(), Some(vec!["a".to_owned()]));
        let uuid = "00000000-0000-0000-0000-000000000005".to_owned();
        assert_eq!(now(session.get("uuid")).unwrap(), Some(uuid));
        let read: Option<String> = now(session.get("moment")).unwrap();
        assert!(read.unwrap().starts_with("1970-01-01"));
        assert_eq!(now(session.get("plain")).unwrap(), Some(vec![1]));
        assert!(now(session.get::<u32>("pair")).is_err());
        now(session.flash("info", "yes")).unwrap();
        let said = now(session.take_flashes()).unwrap();
        let said: Vec<_> = said.iter().map(|flash| flash.message.as_str()).collect();
        assert_eq!(said, ["<b>no</b>", "yes"]);
    }
}
