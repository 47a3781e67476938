//! A server by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::MemcachedOptions;
use crate::StoreUrl;

/// Everything that the URL chooses.
pub(crate) fn url_options(url: &StoreUrl) -> Result<MemcachedOptions> {
    let mut options = MemcachedOptions::new(url.of_driver().as_str())?;
    if let Some(prefix) = url.option("prefix") {
        options = options.prefix(prefix);
    }
    if let Some(patience) = url.millis("patience") {
        options = options.patience(patience);
    }
    if url.flag("refuse_eviction") {
        options = options.refuse_eviction();
    }
    Ok(options)
}

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let store = url_options(url)?.open().await?;
    Ok(AnyStore::of(store).subjects().build())
}
