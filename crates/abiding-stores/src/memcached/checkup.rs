//! The answers of a memcached server to a doctor. It has no users, and this store no TLS to it.

use abiding::Result;

use crate::{StoreUrl, checkup::Checkup};

pub(crate) async fn checkup(url: &StoreUrl) -> Result<Checkup> {
    let store = super::url::url_options(url)?.open().await?;
    let nature = store.0.nature;
    Ok(Checkup {
        encrypted: Some(false),
        eviction: nature.evicts.then(|| "lru".to_owned()),
        clock: Some(nature.clock.0 as f64),
        ..Checkup::default()
    })
}
