//! The answers of PostgreSQL to a doctor.

use abiding::Result;
use tokio::time::Instant;

use super::{PostgresStore, failure::Failure};
use crate::{StoreUrl, checkup::Checkup};

pub(crate) async fn checkup(url: &StoreUrl) -> Result<Checkup> {
    let options = super::url::url_options(url)?.create(false);
    let store = options.open().await?;
    let answer = ask(&store).await;
    answer.map_err(|failure| failure.into_error("check", &store.pool.place))
}

async fn ask(store: &PostgresStore) -> Result<Checkup, Failure> {
    let deadline = Instant::now() + store.pool.patience;
    let lease = store.pool.lease(deadline).await?;
    let connection = &lease.connection;
    let row = connection
        .answer(
            deadline,
            store.pool.patience,
            connection.client.query_one(QUESTIONS, &[]),
        )
        .await?;
    let excessive: Vec<String> = row.try_get(1)?;
    Ok(Checkup {
        encrypted: row.try_get(0)?,
        excessive,
        clock: row.try_get(2)?,
        time_zone: row.try_get(3)?,
        expiry_indexed: row.try_get(4)?,
        ..Checkup::default()
    })
}

/// Flask-Session's table is `sessions`, with a column `expiry`.
const QUESTIONS: &str = "\
    SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), \
     (SELECT array_remove(ARRAY[CASE WHEN rolsuper THEN 'everything (SUPERUSER)' END, \
        CASE WHEN rolcreaterole THEN 'make roles (CREATEROLE)' END, \
        CASE WHEN rolcreatedb THEN 'make databases (CREATEDB)' END, \
        CASE WHEN rolbypassrls THEN 'go past row security (BYPASSRLS)' END], NULL) \
      FROM pg_roles WHERE rolname = current_user), \
     extract(epoch FROM clock_timestamp())::float8, \
     current_setting('TimeZone'), \
     (SELECT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indkey[0] = attnum) \
      FROM pg_attribute WHERE attrelid = to_regclass('sessions') AND attname = 'expiry')";
