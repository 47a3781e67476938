//! A table by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::MysqlOptions;
use crate::StoreUrl;

/// Everything that the URL chooses.
pub(crate) fn url_options(url: &StoreUrl) -> Result<MysqlOptions> {
    let mut options = MysqlOptions::new(&url.of_driver())?;
    for (name, value) in url.options() {
        options = options.with(name, value)?;
    }
    Ok(options)
}

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let store = url_options(url)?.open().await?;
    Ok(AnyStore::of(store)
        .scan()
        .subjects()
        .bulk()
        .survey()
        .sweep()
        .build())
}
