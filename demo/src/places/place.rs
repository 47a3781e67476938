//! The places that sessions of the demo can live in, and the stores that are made there.
//!
//! Every move goes to an empty store: a new file, folder, table or prefix, by the number that the plan
//! gives it. What one store keeps of sessions that left it can then be mistaken for nothing else.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use abiding::{MemoryStore, store::AnyStore};
use abiding_stores::{Aside, StoreUrl, file::FileStore, sqlite::SqliteStore};

use crate::settings::{Settings, StoreKind};

/// A place, as the operator chooses among them.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Cookie,
    File,
    Memory,
    Sqlite,
    /// A server, or anything else that has a URL: `ABIDING_PLACES` names it.
    Url(StoreUrl),
    /// Where `ABIDING_STORE` says. Other processes may know it by the same URL, so nothing moves.
    Fixed(StoreUrl),
}

impl Place {
    /// Where sessions begin, and after it the others that they can be moved to.
    pub(super) fn all(settings: &Settings) -> Vec<Self> {
        let place = |name: &str, kind| Self {
            name: name.to_owned(),
            kind,
        };
        if let Some(url) = &settings.url {
            return vec![place(&settings.store.to_string(), Kind::Fixed(url.clone()))];
        }
        let mut places = vec![
            place("sqlite", Kind::Sqlite),
            place("file", Kind::File),
            place("cookie", Kind::Cookie),
        ];
        if settings.store == StoreKind::Memory {
            places.insert(0, place("memory", Kind::Memory));
        }
        for url in &settings.places {
            let kind = url.kind().name;
            let names = || {
                (1..).map(|at| {
                    if at == 1 {
                        kind.into()
                    } else {
                        format!("{kind}-{at}")
                    }
                })
            };
            let is_free = |name: &String| places.iter().all(|known| known.name != *name);
            if let Some(name) = names().find(is_free) {
                places.push(place(&name, Kind::Url(url.clone())));
            }
        }
        let first = settings.store.to_string();
        places.sort_by_key(|place| place.name != first);
        places
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What people call it.
    pub(crate) fn title(&self) -> String {
        match &self.kind {
            Kind::Cookie => String::from("Sealed cookies"),
            Kind::File => String::from("Files"),
            Kind::Memory => String::from("Memory"),
            Kind::Sqlite => String::from("SQLite"),
            Kind::Fixed(url) | Kind::Url(url) => {
                let title = url.kind().title;
                let title = title.split(',').next().unwrap_or(title);
                match self.name.rsplit_once('-') {
                    Some((_, number)) => format!("{title} {number}"),
                    None => title.to_owned(),
                }
            }
        }
    }

    /// Where that is. A URL shows no password.
    pub(crate) fn whereabouts(&self) -> String {
        match &self.kind {
            Kind::Cookie => String::from("in the browser of each visitor"),
            Kind::File => String::from("a folder in the data directory, a file for each session"),
            Kind::Memory => String::from("of this process, and gone with it"),
            Kind::Sqlite => String::from("a file in the data directory"),
            Kind::Fixed(url) | Kind::Url(url) => url.to_string(),
        }
    }

    /// Whether each session is in its cookie there.
    pub(crate) fn is_cookie(&self) -> bool {
        matches!(self.kind, Kind::Cookie)
    }

    /// Whether anything may move from there or to there.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.kind, Kind::Fixed(_))
    }

    /// Opens the store of that number, making it if it is absent; for cookies, the one with the sign-ins.
    pub(super) async fn open(
        &self,
        data: &Path,
        tag: &str,
        number: u32,
    ) -> abiding::Result<AnyStore> {
        match &self.kind {
            Kind::Cookie => sqlite(data.join("sign-ins.db")),
            Kind::File => {
                let store = FileStore::open(self.path(data, number))?;
                Ok(AnyStore::of(store).scan().subjects().sweep().build())
            }
            Kind::Memory => {
                let store = MemoryStore::new();
                Ok(AnyStore::of(store).scan().subjects().sweep().build())
            }
            Kind::Sqlite => sqlite(self.path(data, number)),
            Kind::Fixed(url) => url.open().await,
            Kind::Url(url) => aside(url, tag, number)?.open().await,
        }
    }

    /// Takes the store of that number away; nothing lives there any more.
    pub(super) async fn remove(&self, data: &Path, tag: &str, number: u32) -> abiding::Result<()> {
        let path = self.path(data, number);
        let removed = match &self.kind {
            Kind::Cookie | Kind::Fixed(_) | Kind::Memory => Ok(()),
            Kind::File => fs::remove_dir_all(path),
            Kind::Sqlite => ["-wal", "-shm", ""].into_iter().try_for_each(|ending| {
                let mut file = path.clone().into_os_string();
                file.push(ending);
                fs::remove_file(file).or_else(|cause| match cause.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(cause),
                })
            }),
            Kind::Url(url) => return aside(url, tag, number)?.remove().await,
        };
        // What is left over is in nobody's way, and is told.
        if let Err(error) = removed {
            tracing::warn!(%error, place = self.name, "an empty store could not be removed");
        }
        Ok(())
    }

    /// The first one has the name that it has without any move.
    fn path(&self, data: &Path, number: u32) -> PathBuf {
        let number = match number {
            0 => String::new(),
            number => format!("-{number}"),
        };
        let ending = if matches!(self.kind, Kind::Sqlite) {
            ".db"
        } else {
            ""
        };
        data.join(format!("sessions{number}{ending}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn sqlite(path: PathBuf) -> abiding::Result<AnyStore> {
    let store = SqliteStore::open(path)?;
    Ok(AnyStore::of(store).scan().subjects().sweep().build())
}

/// A store of this demo alone: others may use the same server.
fn aside(url: &StoreUrl, tag: &str, number: u32) -> abiding::Result<Aside> {
    Aside::of(url, &format!("demo_{tag}_{number}"))
}
