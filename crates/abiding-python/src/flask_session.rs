//! Sessions where Flask-Session keeps them: its settings, and the engine that they name.

use std::time::Duration;

use abiding::{
    ConfigError, FlaskSession, Manager, Result,
    compat::{payload::Format, signer::Secrets},
    store::AnyStore,
};
use abiding_stores::{
    file::{Cachelib, Durability, FileOptions},
    flask_session::FlaskStore,
    memcached::MemcachedOptions,
    mysql::MysqlOptions,
    postgres::PostgresOptions,
    redis::RedisOptions,
    sqlite::SqliteOptions,
};
use pyo3::prelude::*;
use zeroize::Zeroizing;

use crate::errors::{misconfigured, wrong_setting};

/// The settings, from a dict of these names.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    engine: String,
    /// The URL, or the path.
    place: String,
    prefix: String,
    lifetime_seconds: f64,
    permanent: bool,
    /// The signing one first; none where ids are not signed.
    secrets: Vec<Vec<u8>>,
    id_length: u8,
    format: String,
    table: String,
    /// Whether files are named as cachelib 0.16 and later names them.
    sha256: bool,
    /// Whether each use prolongs a session, and not only what is written.
    slide: bool,
}

/// A place that Flask-Session's applications share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) settings: FlaskSession,
    pub(crate) engine: Engine,
    place: Zeroizing<String>,
    cachelib: Cachelib,
}

/// The engines that hold such sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Files,
    Memcached,
    Mysql,
    Postgres,
    Redis,
    Sqlite,
}

impl Settings {
    pub(crate) fn shared(self, py: Python<'_>) -> PyResult<Shared> {
        let engine = match self.engine.as_str() {
            "files" => Engine::Files,
            "memcached" => Engine::Memcached,
            "mysql" => Engine::Mysql,
            "postgres" => Engine::Postgres,
            "redis" => Engine::Redis,
            "sqlite" => Engine::Sqlite,
            other => return Err(wrong_setting(py, format!("no engine is called {other:?}"))),
        };
        let lifetime = Duration::try_from_secs_f64(self.lifetime_seconds);
        let lifetime = lifetime.map_err(|_| wrong_setting(py, "the lifetime is negative"))?;
        let mut settings = FlaskSession::new()
            .prefix(&self.prefix)
            .lifetime(lifetime)
            .permanent(self.permanent)
            .refresh_each_request(self.slide)
            .id_length(self.id_length)
            .table(&self.table);
        settings = match self.format.as_str() {
            "json" => settings.format(Format::Json),
            "msgpack" => settings.format(Format::Msgpack),
            "pickle" => settings.pickled(),
            other => {
                let message = format!(
                    "SESSION_SERIALIZATION_FORMAT={other:?} is no format: use msgpack or json, or pickle \
                     beside applications with a Flask-Session before 0.7"
                );
                return Err(wrong_setting(py, message));
            }
        };
        if let Some(secrets) = ring(&self.secrets).map_err(|error| misconfigured(py, &error))? {
            settings = settings.signed(secrets);
        }
        Ok(Shared {
            settings,
            engine,
            place: Zeroizing::new(self.place),
            cachelib: match self.sha256 {
                true => Cachelib::V0_16,
                false => Cachelib::V0_15,
            },
        })
    }
}

/// The secrets as one, the signing one first; `None` where there is none.
pub(crate) fn ring(secrets: &[Vec<u8>]) -> Result<Option<Secrets>, ConfigError> {
    let Some((first, others)) = secrets.split_first() else {
        return Ok(None);
    };
    let ring = others.iter().fold(Secrets::new(first), |ring, other| {
        ring?.with_fallback(other)
    });
    ring.map(Some)
}

impl Shared {
    pub(crate) async fn open(&self) -> Result<AnyStore> {
        let (place, settings) = (self.place.as_str(), &self.settings);
        Ok(match self.engine {
            Engine::Files => {
                // As durable as cachelib's own: no flush waits for the disk.
                let options = FileOptions::new(place)
                    .durability(Durability::Process)
                    .threads(0);
                let files = FlaskStore::files(options, self.cachelib, settings)?;
                AnyStore::of(files).sweep().build()
            }
            // The server forgets by itself.
            Engine::Memcached => {
                let options = MemcachedOptions::new(place)?;
                let memcached = FlaskStore::memcached(options, settings).await?;
                AnyStore::of(memcached).build()
            }
            Engine::Mysql => {
                let table = FlaskStore::mysql(MysqlOptions::new(place)?, settings).await?;
                AnyStore::of(table).sweep().build()
            }
            Engine::Postgres => {
                let options = PostgresOptions::new(place)?;
                let table = FlaskStore::postgres(options, settings).await?;
                AnyStore::of(table).sweep().build()
            }
            // The server forgets by itself.
            Engine::Redis => {
                let redis = FlaskStore::redis(RedisOptions::new(place), settings).await?;
                AnyStore::of(redis).build()
            }
            Engine::Sqlite => {
                let options = SqliteOptions::new(place).inline();
                let table = FlaskStore::sqlite(options, settings)?;
                AnyStore::of(table).sweep().build()
            }
        })
    }

    /// Whether a manager can be built of these settings.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let trial = Manager::flask_cookie(Secrets::new("for a trial")?, self.settings.clone());
        trial.irrevocable().build().map(drop)
    }
}
