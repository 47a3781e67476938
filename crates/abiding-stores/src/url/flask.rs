//! The sessions of Flask-Session by the URL of what keeps them: nothing is made, neither a folder nor a table.

use abiding::{FlaskSession, Result, StoreKey, store::AnyStore};

use super::StoreUrl;
#[cfg(feature = "file")]
use crate::flask_session::FileShelf;
use crate::flask_session::FlaskStore;

/// Sessions of Flask-Session that are there.
#[derive(Debug)]
pub struct FlaskPlace {
    /// The store.
    pub store: AnyStore,
    #[cfg(feature = "file")]
    files: Option<std::sync::Arc<FlaskStore<FileShelf>>>,
}

impl FlaskPlace {
    /// Whether a [walk](abiding::store::Walk) tells no session ids, and what it finds is ended with
    /// [`end_file`](Self::end_file).
    pub fn hides_ids(&self) -> bool {
        #[cfg(feature = "file")]
        return self.files.is_some();
        #[cfg(not(feature = "file"))]
        false
    }

    /// Ends the session in the file that a walk found under this key. `false` if there is none (any more).
    ///
    /// # Errors
    /// As every change of the store.
    pub async fn end_file(&self, key: &StoreKey) -> Result<bool> {
        #[cfg(feature = "file")]
        if let Some(files) = &self.files {
            return files.end_file(key).await;
        }
        let _ = key;
        Ok(false)
    }

    fn of(store: AnyStore) -> Self {
        Self {
            store,
            #[cfg(feature = "file")]
            files: None,
        }
    }
}

impl StoreUrl {
    /// Opens what is there of an application with these settings. An option `table` or `prefix` of the URL does not
    /// count: the settings name both.
    ///
    /// # Errors
    /// Those of the store; and [`Unavailable`](abiding::ErrorKind::Unavailable) where there is nothing, or where
    /// Flask-Session keeps no sessions.
    pub async fn open_flask_session(&self, settings: &FlaskSession) -> Result<FlaskPlace> {
        let url = self.existing()?;
        match url.kind.name {
            #[cfg(feature = "file")]
            "file" => {
                use crate::{file::FileOptions, flask_session::Cachelib};
                // Those of all eras are read, and none is written by whoever only looks and ends.
                let options = FileOptions::new(url.path()?);
                let files =
                    std::sync::Arc::new(FlaskStore::files(options, Cachelib::V0_16, settings)?);
                let mut place = FlaskPlace::of(AnyStore::of(files.clone()).walk().sweep().build());
                place.files = Some(files);
                Ok(place)
            }
            #[cfg(feature = "memcached")]
            "memcached" => {
                let options = crate::memcached::url_options(&url)?;
                let store = FlaskStore::memcached(options, settings).await?;
                Ok(FlaskPlace::of(AnyStore::of(store).build()))
            }
            #[cfg(feature = "mysql")]
            "mysql" => {
                let options = crate::mysql::url_options(&url)?;
                let store = FlaskStore::mysql(options, settings).await?;
                Ok(FlaskPlace::of(AnyStore::of(store).walk().sweep().build()))
            }
            #[cfg(feature = "postgres")]
            "postgres" => {
                let options = crate::postgres::url_options(&url)?;
                let store = FlaskStore::postgres(options, settings).await?;
                Ok(FlaskPlace::of(AnyStore::of(store).walk().sweep().build()))
            }
            #[cfg(feature = "redis")]
            "redis" => {
                let options = crate::redis::url_options(&url)?;
                let store = FlaskStore::redis(options, settings).await?;
                Ok(FlaskPlace::of(AnyStore::of(store).walk().build()))
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                let options = crate::sqlite::url_options(&url)?;
                let table = settings.table_name();
                if !options.has_table(table)? {
                    return Err(url.unusable(format!("there is no table {table:?} in it")));
                }
                let store = FlaskStore::sqlite(options, settings)?;
                Ok(FlaskPlace::of(AnyStore::of(store).walk().sweep().build()))
            }
            _ => Err(url.unusable("Flask-Session keeps no sessions there")),
        }
    }
}
