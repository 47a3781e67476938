//! The benchmark server on axum and abiding: `PORT=3000 STORE=memory bench-server`.
//!
//! `STORE` is `memory`, `sqlite` (in `SQLITE_PATH`), `cookie`, or `redis`, `postgres` … at the URL in
//! `REDIS_URL`, `PG_URL` …; `WORKERS` threads serve; `KEY_FILE` is made if absent, and without one the
//! key is this process's own. SIGTERM ends it.

use std::{process::ExitCode, time::Duration};

use abiding::{Expiry, KeyRing, Manager, MemoryStore};
use abiding_bench::{
    endpoints,
    host::{self, Settings, StartError},
};
use abiding_stores::{keys::KeyFile, sqlite::SqliteStore};
use axum::Router;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    host::run(application)
}

async fn application(settings: Settings) -> Result<Router, StartError> {
    let keys = match &settings.key_file {
        Some(file) => KeyFile::new(file).load_or_create()?,
        None => KeyRing::generate()?,
    };
    // A day without use ends a session, as it does on the other side.
    let expiry = Expiry::new().idle(DAY).absolute(30 * DAY);
    let manager = match settings.store.as_str() {
        "cookie" => Manager::client_side(keys)
            .irrevocable()
            .expiry(expiry)
            .build()?,
        "memory" => Manager::builder(MemoryStore::new())
            .keys(keys)
            .expiry(expiry)
            .build()?,
        "sqlite" => {
            let store = SqliteStore::open(&settings.sqlite_path)?;
            Manager::builder(store).keys(keys).expiry(expiry).build()?
        }
        store => {
            let url = settings.server_url.as_deref();
            let url = url.ok_or_else(|| format!("STORE={store:?} has no URL, or is none here"))?;
            let store = abiding_stores::open(url).await?;
            Manager::builder(store).keys(keys).expiry(expiry).build()?
        }
    };
    Ok(endpoints::router(manager))
}
