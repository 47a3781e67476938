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
