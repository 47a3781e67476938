//! Permission bits, and directories that can be flushed.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsFd as _,
        unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    },
    path::Path,
};

/// What the owner may.
const OWNERS: u32 = 0o600;
/// Everything that is not for the owner.
const OTHERS: u32 = 0o077;

pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(OWNERS)
        .open(path)?;
    // A umask can only take away, but it may have taken what the owner needs. To look costs less than to write.
    if file.metadata()?.permissions().mode() & 0o777 != OWNERS {
        file.set_permissions(Permissions::from_mode(OWNERS))?;
    }
    Ok(file)
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn exposure(file: &File) -> io::Result<Option<u32>> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & OTHERS != 0).then_some(mode))
}

pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, there) = (file.metadata()?, path.metadata()?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

pub(super) fn give_to_owner_of(model: &File, file: &File) -> io::Result<()> {
    let (model, present) = (model.metadata()?, file.metadata()?);
    if (model.uid(), model.gid()) == (present.uid(), present.gid()) {
        return Ok(());
    }
    fchown(file, Some(model.uid()), Some(model.gid()))
}

pub(super) fn descriptor(number: u32) -> io::Result<File> {
    match number {
        // Its own duplicate, which works for what another user has opened.
        0 => Ok(io::stdin().as_fd().try_clone_to_owned()?.into()),
        _ => File::open(format!("/dev/fd/{number}")),
    }
}
