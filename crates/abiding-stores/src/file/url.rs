//! A folder by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::{Durability, FileOptions};
use crate::StoreUrl;

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let mut options = FileOptions::new(url.path()?);
    if url.option("durability") == Some("process") {
        options = options.durability(Durability::Process);
    }
    if let Some(patience) = url.millis("patience") {
        options = options.patience(patience);
    }
    if url.is_inline() {
        options = options.threads(0);
    }
    if let Some(threads) = url.number("threads") {
        options = options.threads(threads);
    }
    let store = options.open()?;
    Ok(AnyStore::of(store)
        .scan()
        .subjects()
        .survey()
        .sweep()
        .build())
}
