//! Where sessions live, and how a manager for them is built: everything a process needs to open its house.

use abiding::{
    Clock, ConfigError, CookieSpec, Error, ErrorKind, Expiry, KeyRing, Manager, Result,
    SystemClock,
    store::{AnyStore, Scan},
};
use abiding_stores::StoreUrl;

use crate::flask_session::Shared;

/// The settings of a manager.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) cookie: CookieSpec,
    pub(crate) size_limit: usize,
    pub(crate) discards_on_server_error: bool,
}

/// Whose layout it is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Ours: sealed records, by a URL.
    Native {
        store: StoreUrl,
        keys: KeyRing,
        expiry: Expiry,
        realm: String,
    },
    /// Flask-Session's.
    Shared(Shared),
}

impl Place {
    /// Opens the store and builds the manager.
    pub(crate) async fn open(&self) -> Result<(Manager, AnyStore)> {
        let store = match &self.kind {
            Kind::Native { store, .. } => store.open().await?,
            Kind::Shared(shared) => shared.open().await?,
        };
        let builder = Manager::builder(store.clone()).sweeping().subjects();
        let builder = match &self.kind {
            Kind::Native {
                keys,
                expiry,
                realm,
                ..
            } => builder.keys(keys.clone()).expiry(*expiry).realm(realm),
            Kind::Shared(shared) => builder.flask_session(shared.settings.clone()),
        };
        let builder = builder
            .cookie(self.cookie.clone())
            .size_limit(self.size_limit);
        let builder = match self.discards_on_server_error {
            true => builder.discard_on_server_error(),
            false => builder,
        };
        let built = builder.build();
        let manager =
            built.map_err(|error| Error::new(ErrorKind::Unavailable, "open", error.to_string()))?;
        Ok((manager, store))
    }

    /// Whether a manager can be built of these settings, before a store is opened for it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match &self.kind {
            Kind::Native { keys, expiry, .. } => {
                let trial = Manager::client_side(keys.clone()).expiry(*expiry);
                trial.irrevocable().build().map(drop)
            }
            Kind::Shared(shared) => shared.check(),
        }
    }

    /// The store, without its secrets.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Native { store, .. } => store.to_string(),
            Kind::Shared(shared) => format!("{:?} of Flask-Session", shared.engine),
        }
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
