//! A server by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use std::fs;

use abiding::{Result, store::AnyStore};

use super::RedisOptions;
use crate::StoreUrl;

/// Everything that the URL chooses.
pub(crate) fn url_options(url: &StoreUrl) -> Result<RedisOptions> {
    let mut options = RedisOptions::new(url.of_driver().as_str());
    if let Some(prefix) = url.option("prefix") {
        options = options.prefix(prefix);
    }
    if let Some(patience) = url.millis("patience") {
        options = options.patience(patience);
    }
    if url.flag("refuse_eviction") {
        options = options.refuse_eviction();
    }
    if let Some(replicas) = url.number("replicas") {
        options = options.replicas(replicas);
    }
    if let Some(password) = url.option("sentinel_password") {
        options = options.sentinel_password(password);
    }
    if let Some(path) = url.option("root_certificates") {
        let unreadable = |cause| {
            let what = format!("the certificates in {path} cannot be read");
            url.unusable(what).with_source(cause)
        };
        options.roots = Some(fs::read(path).map_err(unreadable)?.into());
    }
    Ok(options)
}

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let store = url_options(url)?.open().await?;
    Ok(AnyStore::of(store)
        .subjects()
        .bulk()
        .survey()
        .sweep()
        .walk()
        .build())
}
