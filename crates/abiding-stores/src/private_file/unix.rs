//! Permission bits, and directories that can be flushed.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Everything that is not for the owner.
const OTHERS: u32 = 0o077;

pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // A umask can only take away, but it may have taken what the owner needs.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn exposure(file: &File) -> io::Result<Option<u32>> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & OTHERS != 0).then_some(mode))
}
