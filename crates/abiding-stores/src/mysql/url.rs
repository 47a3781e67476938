//! A table by its URL: see [`catalogue`](crate::catalogue) for what may stand in it.

use abiding::{Result, store::AnyStore};

use super::MysqlOptions;
use crate::StoreUrl;

pub(crate) async fn open_url(url: &StoreUrl) -> Result<AnyStore> {
    let mut options = MysqlOptions::new(&url.of_driver())?;
    for (name, value) in url.options() {
        options = options.with(name, value)?;
    }
    let store = options.open().await?;
    Ok(AnyStore::of(store).scan().subjects().sweep().build())
}
