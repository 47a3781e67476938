//! Systems without permission bits: the directory must be private.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

pub(super) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn exposure(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

pub(super) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

pub(super) fn give_to_owner_of(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn descriptor(_: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
