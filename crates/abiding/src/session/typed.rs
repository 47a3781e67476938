//! A session as a struct: each field is a key, and what changed is written by itself.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Session, lock};
use crate::{
    codec,
    error::{Error, ErrorKind, Result},
};

/// The fields of a struct in a session. Change them as you would any struct's: when it is dropped, the
/// fields whose values differ from what was read are set, and a field that became `None` is removed.
///
/// Each field is a key of its own, so two requests that change different fields both keep their
/// change. Keys that are no field of `T` are left alone. If a field cannot be stored, the request fails
/// when it is settled. A handler that panics sets nothing, and neither does one that has ended the
/// session: its values are not carried into the next one.
pub struct Typed<T: Serialize> {
    session: Session,
    /// Which of the request's sessions was read.
    generation: u32,
    value: T,
    read: Fields,
}

type Fields = BTreeMap<String, Box<RawValue>>;

impl Session {
    /// The session as a `T`, which says with `#[serde(default)]` what its fields are before they are
    /// set.
    ///
    /// ```
    /// # use abiding::{KeyRing, Manager, MemoryStore};
    /// #[derive(Default, serde::Deserialize, serde::Serialize)]
    /// #[serde(default)]
    /// struct Cart { items: u32, voucher: Option<String> }
    ///
    /// # async fn handler(session: abiding::Session) -> abiding::Result<()> {
    /// let mut cart = session.typed::<Cart>().await?;
    /// cart.items += 1;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if what is stored is not a `T`; otherwise the store failed.
    pub async fn typed<T: Serialize + DeserializeOwned>(&self) -> Result<Typed<T>> {
        self.read().await?;
        let mut object = vec![b'{'];
        let generation = {
            let desk = lock(&self.desk);
            for (position, (key, value)) in desk.state.entries().enumerate() {
                if position > 0 {
                    object.push(b',');
                }
                object.extend_from_slice(&codec::encode_value(key, key)?);
                object.push(b':');
                object.extend_from_slice(value);
            }
            desk.state.generation
        };
        object.push(b'}');
        let value: T = self.shared.dialect.decode("the typed session", &object)?;
        let read = fields(&value)?;
        Ok(Typed {
            session: self.clone(),
            generation,
            value,
            read,
        })
    }
}

fn fields<T: Serialize>(value: &T) -> Result<Fields> {
    let decode = |bytes: Vec<u8>| serde_json::from_slice::<Fields>(&bytes).ok();
    decode(codec::encode_value("the typed session", value)?).ok_or_else(|| {
        let context = format!(
            "{} is not a struct with named fields",
            std::any::type_name::<T>()
        );
        Error::new(ErrorKind::Encode, "typed", context)
    })
}

impl<T: Serialize> Typed<T> {
    fn write(&self) -> Result<()> {
        let written = fields(&self.value)?;
        for (key, value) in &written {
            if self
                .read
                .get(key)
                .is_some_and(|read| read.get() == value.get())
            {
                continue;
            }
            match value.get() {
                "null" => self.session.remove(key),
                _ => self.session.insert(key, value)?,
            }
        }
        // A map with skipped fields: what is no longer spelled is no longer there.
        for key in self.read.keys().filter(|key| !written.contains_key(*key)) {
            self.session.remove(key);
        }
        Ok(())
    }
}

impl<T: Serialize> Drop for Typed<T> {
    fn drop(&mut self) {
        {
            let desk = lock(&self.session.desk);
            if std::thread::panicking() || desk.state.generation != self.generation {
                return;
            }
            if desk.closed {
                tracing::warn!(
                    "a struct of a session outlived its request; what it changed since is lost"
                );
            }
        }
        if let Err(error) = self.write() {
            lock(&self.session.desk).failure = Some(error);
        }
    }
}

impl<T: Serialize> Deref for Typed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Serialize> DerefMut for Typed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Serialize> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}
