//! A database by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::{Durability, SqliteOptions};
use crate::StoreUrl;

/// Everything that the URL chooses.
pub(crate) fn url_options(url: &StoreUrl) -> Result<SqliteOptions> {
    let mut options = SqliteOptions::new(url.path()?);
    if url.option("durability") == Some("process") {
        options = options.durability(Durability::Process);
    }
    if let Some(patience) = url.millis("patience") {
        options = options.patience(patience);
    }
    if url.is_inline() {
        options = options.inline();
    }
    if let Some(readers) = url.number("readers") {
        options = options.readers(readers);
    }
    Ok(options)
}

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let store = url_options(url)?.open()?;
    Ok(AnyStore::of(store)
        .scan()
        .subjects()
        .bulk()
        .survey()
        .sweep()
        .build())
}
