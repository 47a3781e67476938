//! Where sessions live, and how a manager for them is built: everything a process needs to open its house.

use abiding::{
    Clock, ConfigError, CookieSpec, Error, ErrorKind, Expiry, FlaskSession, KeyRing, Manager,
    Phase, Result, SystemClock,
    compat::signer::Secrets,
    store::{AnyStore, Scan},
};
use abiding_stores::StoreUrl;

use crate::flask_session::Shared;

/// The settings of a manager.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) cookie: CookieSpec,
    pub(crate) size_limit: usize,
    pub(crate) discards_on_server_error: bool,
    /// Other places where sessions may live, and what becomes of those that do.
    pub(crate) others: Vec<(Self, Phase)>,
}

/// Whose layout it is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Flask's own signed cookie.
    Cookie {
        secrets: Secrets,
        sessions: FlaskSession,
    },
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
    /// Opens the store, if there is one, and builds the manager, with those of the other places first.
    pub(crate) async fn open(&self) -> Result<(Manager, Option<AnyStore>)> {
        let mut others = Vec::new();
        for (other, phase) in &self.others {
            others.push((Box::pin(other.open()).await?.0, *phase));
        }
        let (store, builder) = match &self.kind {
            Kind::Cookie { secrets, sessions } => {
                let builder = Manager::flask_cookie(secrets.clone(), sessions.clone());
                let builder = others.into_iter().fold(builder, |builder, (other, phase)| {
                    builder.elsewhere(other, phase)
                });
                let builder = builder.cookie(self.cookie.clone()).irrevocable();
                return Ok((builder.build().map_err(unbuilt)?, None));
            }
            Kind::Native {
                store,
                keys,
                expiry,
                realm,
            } => {
                let store = store.open().await?;
                let builder = Manager::builder(store.clone()).keys(keys.clone());
                (store, builder.expiry(*expiry).realm(realm))
            }
            Kind::Shared(shared) => {
                let store = shared.open().await?;
                let builder = Manager::builder(store.clone());
                (store, builder.flask_session(shared.settings.clone()))
            }
        };
        let builder = builder.sweeping().subjects();
        let builder = others.into_iter().fold(builder, |builder, (other, phase)| {
            builder.elsewhere(other, phase)
        });
        let builder = builder
            .cookie(self.cookie.clone())
            .size_limit(self.size_limit);
        let builder = match self.discards_on_server_error {
            true => builder.discard_on_server_error(),
            false => builder,
        };
        Ok((builder.build().map_err(unbuilt)?, Some(store)))
    }

    /// Whether a manager can be built of these settings, before a store is opened for it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match &self.kind {
            Kind::Cookie { secrets, sessions } => {
                let trial = Manager::flask_cookie(secrets.clone(), sessions.clone());
                trial.irrevocable().build().map(drop)
            }
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
            Kind::Cookie { .. } => "Flask's signed cookie".to_owned(),
            Kind::Native { store, .. } => store.to_string(),
            Kind::Shared(shared) => format!("{:?} of Flask-Session", shared.engine),
        }
    }
}

fn unbuilt(error: ConfigError) -> Error {
    Error::new(ErrorKind::Unavailable, "open", error.to_string())
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
