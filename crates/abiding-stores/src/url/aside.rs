//! A place beside an application's sessions, on the same server, for trials: made, used and taken away again.
//!
//! What it is called nobody else uses: a table, a prefix of keys, a file or a folder of its own.

use std::{fs, io};

use abiding::{Result, store::AnyStore};
use zeroize::Zeroizing;

use super::StoreUrl;

/// A store of its own beside another one. [`remove`](Self::remove) it when the trial is over.
#[derive(Debug)]
pub struct Aside(StoreUrl);

impl Aside {
    /// A place beside the one that `url` leads to. `name` is of lower-case letters, digits and underscores, and begins
    /// with a letter; let it be random. Nothing is made yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](abiding::ErrorKind::Unavailable) for a URL or a name that cannot work.
    pub fn of(url: &StoreUrl, name: &str) -> Result<Self> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !begins || name.len() > 40 || !name.bytes().all(letter) {
            return Err(url.unusable(format!("{name:?} is no name for a place of its own")));
        }
        let mut aside = url.clone();
        let mut choose = |chosen: &str, value: String| {
            let option = url.kind.options.iter().find(|option| option.name == chosen);
            aside.options.retain(|(option, _)| option.name != chosen);
            aside
                .options
                .extend(option.map(|option| (option, Zeroizing::new(value))));
        };
        match url.kind.name {
            "memcached" | "redis" => choose("prefix", format!("{name}:")),
            "mysql" | "postgres" => {
                choose("create", "true".to_owned());
                choose("table", beside(url.option("table"), name));
            }
            "file" | "sqlite" => {
                url.path()?;
                aside.base.push_str(&format!("-{name}"));
            }
            _ => {}
        }
        aside.shown = format!("a place of its own beside {url}");
        Ok(Self(aside))
    }

    /// Opens it, and makes it if need be.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(&self) -> Result<AnyStore> {
        self.0.open().await
    }

    /// Whether [`remove`](Self::remove) takes away all that was there. A memcached server does not tell what it has,
    /// and forgets it by itself.
    pub fn is_removable(&self) -> bool {
        self.0.kind.name != "memcached"
    }

    /// Takes it away, with all that is in it. Close the stores that were opened there first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self) -> Result<()> {
        let url = &self.0;
        match url.kind.name {
            "file" => self.removed(fs::remove_dir_all(url.path()?)),
            "sqlite" => {
                let path = url.path()?;
                for ending in ["-wal", "-shm", ""] {
                    let mut file = path.clone().into_os_string();
                    file.push(ending);
                    self.removed(fs::remove_file(file))?;
                }
                Ok(())
            }
            #[cfg(feature = "mysql")]
            "mysql" => crate::mysql::url_options(url)?.drop_table().await,
            #[cfg(feature = "postgres")]
            "postgres" => crate::postgres::url_options(url)?.drop_table().await,
            #[cfg(feature = "redis")]
            "redis" => {
                crate::redis::url_options(url)?
                    .open()
                    .await?
                    .remove_all()
                    .await
            }
            _ => Ok(()),
        }
    }

    fn removed(&self, removed: io::Result<()>) -> Result<()> {
        match removed {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(self.0.unusable("it cannot be removed").with_source(cause))
            }
            _ => Ok(()),
        }
    }
}

/// In the schema, or the database, of the table that there is.
fn beside(table: Option<&str>, name: &str) -> String {
    match table.and_then(|table| table.split_once('.')) {
        Some((schema, _)) => format!("{schema}.{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_somebody_elses_is_refused() {
        let url: StoreUrl = "memory:".parse().unwrap();
        for name in ["", "a b", "a\"; DROP", "../up", "1a", &"a".repeat(41)] {
            assert!(Aside::of(&url, name).is_err(), "{name:?}");
        }
        assert!(Aside::of(&url, "trial_7").is_ok());
    }

    #[test]
    fn a_table_of_its_own_lies_in_the_same_schema() {
        assert_eq!(beside(Some("web.sessions"), "trial"), "web.trial");
        assert_eq!(beside(Some("sessions"), "trial"), "trial");
        assert_eq!(beside(None, "trial"), "trial");
    }
}
