//! The benchmark server of the other libraries: `LIBRARY=tower-sessions` or `LIBRARY=axum-extra`.
//!
//! Endpoints and variables are those of abiding's own `bench-server`, and so are the runtime and the
//! listener (`host.rs`). Each library is used as its documentation shows it, with its defaults, but for
//! a lifetime of one day and a cookie that may travel over plain HTTP.

#[path = "../../src/contract.rs"]
mod contract;
#[path = "../../src/host.rs"]
mod host;
mod signed_jar;

/// tower-sessions 0.15 with its memory store.
#[path = "."]
mod newest {
    pub(crate) use tower_sessions;
    #[path = "tower_sessions_app.rs"]
    pub(crate) mod app;
}

/// tower-sessions 0.14, the one that its stores on servers and on SQLite fit.
#[path = "."]
mod with_store {
    pub(crate) use tower_sessions_014 as tower_sessions;
    #[path = "tower_sessions_app.rs"]
    pub(crate) mod app;
}

use std::process::ExitCode;

use axum::Router;
use sqlx::{
    PgPool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous},
};
use tower_sessions_redis_store::{RedisStore, fred::prelude::*};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

use host::{Settings, StartError};

fn main() -> ExitCode {
    host::run(application)
}

async fn application(settings: Settings) -> Result<Router, StartError> {
    match (settings.library.as_str(), settings.store.as_str()) {
        ("axum-extra", "cookie") => signed_jar::router(settings.key_file.as_deref()),
        ("tower-sessions", "memory") => {
            Ok(newest::app::router(tower_sessions::MemoryStore::default()))
        }
        ("tower-sessions", "sqlite") => Ok(with_store::app::router(sqlite_store(&settings).await?)),
        ("tower-sessions", "redis") => Ok(with_store::app::router(redis_store(&settings).await?)),
        ("tower-sessions", "postgres") => {
            Ok(with_store::app::router(postgres_store(&settings).await?))
        }
        (library, store) => {
            Err(format!("there is no LIBRARY={library:?} with STORE={store:?}").into())
        }
    }
}

/// A write-ahead log and a flush at every commit, as abiding's store has them. The pool is as sqlx makes it.
async fn sqlite_store(settings: &Settings) -> Result<SqliteStore, StartError> {
    let options = SqliteConnectOptions::new()
        .filename(&settings.sqlite_path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let store = SqliteStore::new(SqlitePool::connect_with(options).await?);
    store.migrate().await?;
    Ok(store)
}

/// A pool of as many connections as its documentation shows.
async fn redis_store(settings: &Settings) -> Result<RedisStore<Pool>, StartError> {
    let pool = Pool::new(Config::from_url(url(settings)?)?, None, None, None, 6)?;
    pool.connect();
    pool.wait_for_connect().await?;
    Ok(RedisStore::new(pool))
}

/// The pool is as sqlx makes it.
async fn postgres_store(settings: &Settings) -> Result<PostgresStore, StartError> {
    let store = PostgresStore::new(PgPool::connect(url(settings)?).await?);
    store.migrate().await?;
    Ok(store)
}

fn url(settings: &Settings) -> Result<&str, StartError> {
    let url = settings.server_url.as_deref();
    Ok(url.ok_or("the variable with the URL of the store is not set")?)
}
