//! A table by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::PostgresOptions;
use crate::StoreUrl;

/// Everything that the URL chooses.
pub(crate) fn url_options(url: &StoreUrl) -> Result<PostgresOptions> {
    let mut options = PostgresOptions::new(&url.of_driver())?;
    for (name, value) in url.options() {
        options = options.with(name, value)?;
    }
    Ok(options)
}

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let options = url_options(url)?;
    let announces = options.announces();
    let store = AnyStore::of(options.open().await?)
        .scan()
        .subjects()
        .bulk()
        .survey()
        .sweep();
    Ok(if announces {
        store.watch().build()
    } else {
        store.build()
    })
}
