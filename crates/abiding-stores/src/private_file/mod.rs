//! Files that only their owner may read, on systems that can tell.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

/// Creates a file that only its owner may read and write, whatever the umask; refuses one that exists.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    system::create_new(path)
}

/// Makes the entries of the directory around `path` survive a power loss.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    system::sync_directory(&directory_of(path))
}

/// The permission bits of an open file, if others than its owner have any.
pub(crate) fn exposure(file: &File) -> io::Result<Option<u32>> {
    system::exposure(file)
}

/// Whether `path` leads to this open file, and to no other that took its place.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    system::is_at(file, path)
}

/// Makes the owner of `model` the owner of `file`, if that is somebody else.
pub(crate) fn give_to_owner_of(model: &File, file: &File) -> io::Result<()> {
    system::give_to_owner_of(model, file)
}

/// What the open descriptor of this number gives.
pub(crate) fn descriptor(number: u32) -> io::Result<File> {
    system::descriptor(number)
}

/// The directory that `path` lies in.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
