//! The files of Flask-Session: those of cachelib's `FileSystemCache`, in one folder, each a pickle behind an
//! expiry.
//!
//! Readers take no lock. Writers of ours take turns by a lock file, compare the pickle that was read, and
//! rename another file into its place, as cachelib does; cachelib itself knows of no lock, so what it
//! writes between our look and our renaming is lost. No living session is ever removed to make room.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use abiding::{
    FlaskSession, Result, StoreKey, Timestamp,
    compat::{
        Dict,
        cachelib::{self, Header, NameHash, count_less_one, count_name, file_name},
        pickle,
    },
    store::{Capabilities, Swept},
};

use super::{
    Durability, FileOptions, failure::Failure, folder::replace, locks::Locks, workers::Workers,
};
use crate::{
    flask_session::{Aisle, Broom, FlaskStore, Item, Moved, Named, Shelf, Shown, sealed::Sealed},
    private_file,
};

/// A folder of cachelib's, to a [`FlaskStore`].
pub struct FileShelf {
    folder: Arc<Folder>,
    workers: Workers,
}

/// Which cachelib's files are written. Those of all are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cachelib {
    /// Before 0.7: names are MD5, the expiry is a pickle.
    V0_6,
    /// 0.7 to 0.15: names are MD5, the expiry is four bytes.
    V0_15,
    /// 0.16 and later: names are SHA-256.
    V0_16,
}

impl Cachelib {
    fn hash(self) -> NameHash {
        match self {
            Self::V0_6 | Self::V0_15 => NameHash::Md5,
            Self::V0_16 => NameHash::Sha256,
        }
    }

    fn header(self) -> Header {
        match self {
            Self::V0_6 => Header::Pickled,
            Self::V0_15 | Self::V0_16 => Header::Binary,
        }
    }
}

struct Folder {
    path: PathBuf,
    cachelib: Cachelib,
    durability: Durability,
    locks: Locks,
}

impl FlaskStore<FileShelf> {
    /// Sessions where `SESSION_TYPE = "filesystem"` keeps them (`SESSION_FILE_DIR`), or `"cachelib"` in a
    /// `FileSystemCache`. The folder is made if need be. A session that another cachelib named is found, and keeps its
    /// name.
    ///
    /// # Errors
    /// [`Unavailable`](abiding::ErrorKind::Unavailable) if the folder cannot be made or written.
    pub fn files(
        options: FileOptions,
        cachelib: Cachelib,
        settings: &FlaskSession,
    ) -> Result<Self> {
        let (path, durability, patience, threads) = options.into_parts();
        let open = || {
            fs::create_dir_all(&path).map_err(Failure::at(&path))?;
            let lock = path.join(LOCK);
            let file = match private_file::create_new(&lock) {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
                    OpenOptions::new().read(true).write(true).open(&lock)
                }
                file => file,
            };
            let file = file.map_err(Failure::at(&lock))?;
            let locks = Locks::new(vec![(lock, file)], patience);
            let workers = Workers::start(threads, patience).map_err(Failure::at(&path))?;
            let folder = Folder {
                path: path.clone(),
                cachelib,
                durability,
                locks,
            };
            Ok(FileShelf {
                folder: Arc::new(folder),
                workers,
            })
        };
        let shelf = open().map_err(|failure: Failure| failure.into_error("open"))?;
        Ok(Self::new(settings.clone(), shelf))
    }
}

impl FlaskStore<FileShelf> {
    /// Ends the session in the file that a [walk](abiding::store::Walk) found under this key: it tells the file,
    /// and no session id. `false` if there is none (any more).
    ///
    /// # Errors
    /// As every change of the store.
    pub async fn end_file(&self, key: &StoreKey) -> Result<bool> {
        let hex = key.to_hex();
        let names = [hex.clone(), hex[..MD5].to_owned()];
        let end = move |folder: &Folder| {
            for name in &names {
                let place = folder.path.join(name);
                if place.exists() {
                    folder.remove(&place)?;
                    return Ok(true);
                }
            }
            Ok(false)
        };
        self.shelf().change("delete", end).await
    }
}

impl Folder {
    /// Where a session lies, or would: under its own name first, then under that of another cachelib.
    fn places(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let own = self.cachelib.hash();
        let other = match own {
            NameHash::Md5 => NameHash::Sha256,
            _ => NameHash::Md5,
        };
        let place = |hash| self.path.join(file_name(name, hash));
        [own, other].into_iter().map(place)
    }

    fn is_free(&self, name: &str) -> bool {
        self.places(name).all(|place| !place.exists())
    }

    fn read(&self, name: &str) -> Result<Option<(PathBuf, Item)>, Failure> {
        // Twice: it may be replaced under another name between two looks.
        for place in self.places(name).chain(self.places(name)) {
            match read(&place) {
                Ok(bytes) => return Ok(Some((place, item(&bytes)?))),
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => return Err(Failure::at(&place)(cause)),
            }
        }
        Ok(None)
    }

    /// Adds what nobody has under this name. Whoever calls has the turn.
    fn add(&self, name: &str, item: &Item) -> Result<(), Failure> {
        let own = file_name(name, self.cachelib.hash());
        self.put(&self.path.join(own), item)
    }

    /// Puts a file in the place of what is there. Whoever calls has the turn.
    fn put(&self, place: &Path, item: &Item) -> Result<(), Failure> {
        let new = self.path.join(NEW);
        let expires = item.ends.map_or(0, |ends| {
            u32::try_from(ends.as_millis().div_euclid(1_000)).unwrap_or(u32::MAX)
        });
        let bytes = cachelib::join(expires, self.cachelib.header(), &item.bytes);
        let file = replace(&new, &bytes).map_err(Failure::at(&new))?;
        if self.durability == Durability::Power {
            file.sync_all().map_err(Failure::at(&new))?;
        }
        drop(file);
        fs::rename(&new, place).map_err(Failure::at(place))?;
        if self.durability == Durability::Power {
            private_file::sync_directory_of(place).map_err(Failure::at(place))?;
        }
        Ok(())
    }

    /// Removes a file, and tells cachelib that there is one less. Whoever calls has the turn.
    fn remove(&self, place: &Path) -> Result<(), Failure> {
        match fs::remove_file(place) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(Failure::at(place))?,
        }
        if self.durability == Durability::Power {
            private_file::sync_directory_of(place).map_err(Failure::at(place))?;
        }
        for hash in [NameHash::Md5, NameHash::Sha256] {
            let count = self.path.join(count_name(hash));
            let fewer = fs::read(&count)
                .ok()
                .and_then(|bytes| count_less_one(&bytes));
            if let Some(fewer) = fewer {
                let new = self.path.join(NEW);
                replace(&new, &fewer).map_err(Failure::at(&new))?;
                fs::rename(&new, &count).map_err(Failure::at(&count))?;
            }
        }
        Ok(())
    }

    /// Where the very bytes of `old` lie, if they still do.
    fn place_of(&self, name: &str, old: &Item) -> Result<Option<PathBuf>, Failure> {
        let there = self.read(name)?;
        Ok(there.and_then(|(place, there)| (there.bytes == old.bytes).then_some(place)))
    }
}

impl FileShelf {
    /// A change, on a thread of the store's own, when it is our turn.
    async fn change<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&Folder) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        let act = move || {
            let turn = folder.locks.take(0);
            let acted = turn.and_then(|_turn| act(&folder));
            acted.map_err(|failure| failure.into_error(operation))
        };
        self.workers.run(operation, act).await
    }
}

impl fmt::Debug for FileShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileShelf")
            .field("path", &self.folder.path)
            .field("cachelib", &self.folder.cachelib)
            .finish_non_exhaustive()
    }
}

impl Sealed for FileShelf {}

impl Shelf for FileShelf {
    /// A second is all that a file can say.
    const SLACK: Duration = Duration::from_secs(60);

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::named("files");
        capabilities.durable = true;
        capabilities.shared = true;
        capabilities
    }

    fn encode(&self, _: &FlaskSession, dict: &Dict) -> Result<Vec<u8>> {
        pickle::write(dict)
    }

    fn decode(&self, _: &FlaskSession, bytes: &[u8]) -> Result<Dict> {
        pickle::read(bytes)
    }

    async fn read(
        &self,
        operation: &'static str,
        name: &str,
        _: Timestamp,
    ) -> Result<Option<Item>> {
        let read = self.folder.read(name);
        let read = read.map_err(|failure| failure.into_error(operation))?;
        Ok(read.map(|(_, item)| item))
    }

    async fn add(&self, name: &str, new: &Item, _: Timestamp) -> Result<bool> {
        let (name, new) = (name.to_owned(), new.clone());
        self.change("create", move |folder| {
            let is_free = folder.is_free(&name);
            if is_free {
                folder.add(&name, &new)?;
            }
            Ok(is_free)
        })
        .await
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, _: Timestamp) -> Result<bool> {
        let (name, old, new) = (name.to_owned(), old.clone(), new.clone());
        self.change("commit", move |folder| {
            let place = folder.place_of(&name, &old)?;
            if let Some(place) = &place {
                folder.put(place, &new)?;
            }
            Ok(place.is_some())
        })
        .await
    }

    async fn prolong(&self, name: &str, ends: Timestamp, _: Timestamp) -> Result<bool> {
        let name = name.to_owned();
        self.change("touch", move |folder| {
            let Some((place, there)) = folder.read(&name)? else {
                return Ok(false);
            };
            if there.ends.is_some_and(|known| known < ends) {
                let ends = Some(ends);
                folder.put(&place, &Item { ends, ..there })?;
            }
            Ok(true)
        })
        .await
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let (name, old) = (name.to_owned(), old.clone());
        self.change("delete", move |folder| {
            let place = folder.place_of(&name, &old)?;
            if let Some(place) = &place {
                folder.remove(place)?;
            }
            Ok(place.is_some())
        })
        .await
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        _: Timestamp,
    ) -> Result<Moved> {
        let (from, old, left) = (from.to_owned(), old.clone(), left.clone());
        let (to, moved) = (to.to_owned(), moved.clone());
        self.change("rotate", move |folder| {
            if !folder.is_free(&to) {
                return Ok(Moved::Taken);
            }
            let Some(place) = folder.place_of(&from, &old)? else {
                return Ok(Moved::Other);
            };
            // The new one first: a crash in between leaves the session under its old id, and a copy that
            // no browser knows of.
            folder.add(&to, &moved)?;
            folder.put(&place, &left)?;
            Ok(Moved::Done)
        })
        .await
    }
}

impl Aisle for FileShelf {
    /// The names are sorted each time: 12 MB of them for a quarter of a million sessions.
    async fn page(&self, _: &str, from: Option<&str>, limit: usize, _: Timestamp) -> Result<Shown> {
        let look = || {
            let entries =
                fs::read_dir(&self.folder.path).map_err(Failure::at(&self.folder.path))?;
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let after = |name: &String| from.is_none_or(|from| name.as_str() > from);
            let mut names: Vec<_> = names
                .filter(|name| cachelib::is_session_name(name) && after(name))
                .collect();
            names.sort_unstable();
            let is_last = names.len() <= limit;
            names.truncate(limit);
            let mut shown = Shown {
                next: names.last().filter(|_| !is_last).cloned(),
                ..Shown::default()
            };
            for name in names {
                let path = self.folder.path.join(&name);
                let bytes = match fs::read(&path) {
                    Ok(bytes) => bytes,
                    Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                    Err(cause) => return Err(Failure::at(&path)(cause)),
                };
                match (hash_of(&name), item(&bytes)) {
                    (Some(hash), Ok(item)) => shown.items.push((Named::Hash(hash), item)),
                    _ => shown.unreadable += 1,
                }
            }
            Ok(shown)
        };
        look().map_err(|failure: Failure| failure.into_error("walk"))
    }
}

impl Broom for FileShelf {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let look = move |folder: &Folder| {
            let mut removed = 0;
            let entries = fs::read_dir(&folder.path).map_err(Failure::at(&folder.path))?;
            for entry in entries.filter_map(std::result::Result::ok) {
                let named = entry.file_name();
                if !named.to_str().is_some_and(cachelib::is_session_name) {
                    continue;
                }
                let expires = fs::read(entry.path())
                    .ok()
                    .and_then(|bytes| Some(cachelib::split(&bytes).ok()?.0));
                let over = |expires: u32| {
                    expires > 0 && i64::from(expires) * 1_000 + 999 < now.as_millis()
                };
                if !expires.is_some_and(over) {
                    continue;
                }
                if removed == limit {
                    return Ok(Swept::new(removed, true));
                }
                folder.remove(&entry.path())?;
                removed += 1;
            }
            Ok(Swept::new(removed, false))
        };
        self.change("sweep", look).await
    }
}

/// What is in a file, without asking how long it is first.
fn read(place: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL);
    File::open(place)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is in a file.
fn item(bytes: &[u8]) -> Result<Item, Failure> {
    let (expires, pickle) = cachelib::split(bytes)?;
    // Good until and with that second.
    let ends = i64::from(expires) * 1_000 + 999;
    let ends = (expires > 0).then(|| Timestamp::from_millis(ends));
    Ok(Item::new(pickle.to_vec(), ends))
}

/// The hash that is the name of a file, filled up with zeros.
fn hash_of(name: &str) -> Option<[u8; StoreKey::LEN]> {
    let mut hash = [0; StoreKey::LEN];
    for (byte, at) in hash.iter_mut().zip((0..name.len()).step_by(2)) {
        *byte = u8::from_str_radix(name.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Endings that cachelib passes over when it looks for sessions.
const LOCK: &str = "abiding.lock.__wz_cache";
const NEW: &str = "abiding.new.__wz_cache";
/// How long most files are at most.
const USUAL: usize = 4_096;
/// How many digits an MD5 has.
const MD5: usize = 32;
