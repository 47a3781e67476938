//! What a store says of itself when it is asked as a doctor asks: nothing in it is changed, and nothing is made.
//!
//! [`StoreUrl::checkup`] reaches it, sees whether this release could use it, and puts the questions that its kind
//! can answer. What was not asked, not answered, or not permitted is `None`.

use crate::StoreUrl;

/// The answers.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Checkup {
    /// Whether the way there is encrypted.
    pub encrypted: Option<bool>,
    /// Whether it is reached without leaving this machine.
    pub local: bool,
    /// What its user may do beyond what sessions need, in the server's words.
    pub excessive: Vec<String>,
    /// Whether Flask-Session's table, if there is one, finds what is expired by an index.
    pub expiry_indexed: Option<bool>,
    /// By which policy living sessions are dropped to make room; nothing if they are not.
    pub eviction: Option<String>,
    /// The server's clock, in Unix seconds.
    pub clock: Option<f64>,
    /// The time zone of its connections.
    pub time_zone: Option<String>,
    /// MySQL's `sql_mode`, as other applications get it.
    pub sql_mode: Option<String>,
    /// The permission bits of its file or folder, if others than the owner have any.
    pub exposure: Option<u32>,
}

impl StoreUrl {
    /// Asks the store what a doctor wants to know. Needs a Tokio runtime where the store does.
    ///
    /// # Errors
    /// What [`StoreUrl::open`] says of a store that cannot be reached or used. Tables, files and folders that are
    /// not there are an error too: they are not made.
    pub async fn checkup(&self) -> abiding::Result<Checkup> {
        let mut checkup = match self.kind().name {
            #[cfg(feature = "file")]
            "file" => place(self, true),
            #[cfg(feature = "memcached")]
            "memcached" => crate::memcached::checkup(self).await,
            #[cfg(feature = "mysql")]
            "mysql" => crate::mysql::checkup(self).await,
            #[cfg(feature = "postgres")]
            "postgres" => crate::postgres::checkup(self).await,
            #[cfg(feature = "redis")]
            "redis" => crate::redis::checkup(self).await,
            #[cfg(feature = "sqlite")]
            "sqlite" => place(self, false),
            "memory" => Ok(Checkup::default()),
            // Refused when it was read.
            _ => Err(self.unusable("its feature is not compiled in")),
        }?;
        checkup.local = is_local(self);
        Ok(checkup)
    }
}

/// Whether every host that the URL names is this machine, or it names none.
fn is_local(url: &StoreUrl) -> bool {
    let shown = url.to_string();
    if shown.contains("socket=") {
        return true;
    }
    let Some((_, rest)) = shown.split_once("://") else {
        return true;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    hosts.split(',').all(|host| {
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        // A directory, percent-encoded, is the place of a socket.
        let socket = host.to_ascii_lowercase().starts_with("%2f");
        socket || matches!(host, "" | "localhost" | "::1") || host.starts_with("127.")
    })
}

/// A file or folder: whether it is there, and who may read it.
#[cfg(any(feature = "file", feature = "sqlite"))]
fn place(url: &StoreUrl, is_folder: bool) -> abiding::Result<Checkup> {
    let path = url.path()?;
    let file = std::fs::File::open(&path);
    let file = file.map_err(|cause| url.unusable("it cannot be read").with_source(cause))?;
    let is_dir = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_dir != is_folder {
        let what = if is_folder {
            "it is no folder"
        } else {
            "it is no file"
        };
        return Err(url.unusable(what));
    }
    Ok(Checkup {
        exposure: crate::private_file::exposure(&file).unwrap_or_default(),
        ..Checkup::default()
    })
}

#[cfg(all(test, feature = "postgres", feature = "redis", feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_local_where_each_of_its_hosts_is() {
        for (url, local) in [
            ("sqlite:sessions.db", true),
            ("redis://:secret@127.0.0.1:6379/0", true),
            ("redis://cache.example.com/0", false),
            ("postgres://shop@localhost,db.example.com/shop", false),
            ("postgres://shop@%2Frun%2Fpostgresql/shop", true),
            ("postgres://shop@[::1]:5432/shop", true),
            ("unix:///run/redis/socket", true),
        ] {
            assert_eq!(is_local(&url.parse().unwrap()), local, "{url}");
        }
    }
}
