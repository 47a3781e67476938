//! Where sessions live, and how a manager for them is built: everything a process needs to open its house.

use abiding::{
    Clock, ConfigError, CookieSpec, Error, ErrorKind, Expiry, KeyRing, Manager, Result,
    SystemClock,
    store::{AnyStore, Scan},
};
use abiding_stores::StoreUrl;

/// The settings of a manager.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) store: StoreUrl,
    pub(crate) keys: KeyRing,
    pub(crate) cookie: CookieSpec,
    pub(crate) expiry: Expiry,
    pub(crate) realm: String,
    pub(crate) size_limit: usize,
    pub(crate) discards_on_server_error: bool,
}

impl Place {
    /// Opens the store and builds the manager.
    pub(crate) async fn open(&self) -> Result<(Manager, AnyStore)> {
        let store = self.store.open().await?;
        let builder = Manager::builder(store.clone())
            .keys(self.keys.clone())
            .cookie(self.cookie.clone())
            .expiry(self.expiry)
            .realm(&self.realm)
            .size_limit(self.size_limit)
            .sweeping()
            .subjects();
        let builder = match self.discards_on_server_error {
            true => builder.discard_on_server_error(),
            false => builder,
        };
        let manager = builder
            .build()
            .map_err(|error| Error::new(ErrorKind::Unavailable, "open", error.to_string()))?;
        Ok((manager, store))
    }

    /// Whether a manager can be built of these settings, before a store is opened for it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let trial = Manager::client_side(self.keys.clone()).expiry(self.expiry);
        trial.irrevocable().build().map(drop)
    }
}

/// How many sessions live. Walks over all of them.
pub(crate) async fn count(store: &AnyStore) -> Result<usize> {
    const PAGE: usize = 1_000;
    let now = SystemClock.now();
    let (mut count, mut after) = (0, None);
    loop {
        let page = store.scan(after.as_ref(), PAGE, now).await?;
        count += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key),
            _ => return Ok(count),
        }
    }
}
