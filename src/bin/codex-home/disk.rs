//! LOOKING: what stands at a path, for the rooms that look at OpenClaw and at homes from outside.
//!
//! Opens nothing that could wait, reads and lists nothing without a limit, changes nothing.
#![expect(clippy::disallowed_methods, reason = "this is the room that looks at the disk for the others")]

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use codex_home::home::FileId;
use codex_home::invocation::Invocation;
use codex_home::words::cause;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, Gid, Uid, access};

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// A directory, a FIFO, a device.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is larger than anybody would write it.
    #[error("it is larger than {} KiB", .0 >> 10)]
    TooLarge(u64),
    /// The system says no.
    #[error("it cannot be read: {0}")]
    Denied(String),
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Denied(cause(&error)),
        }
    }
}

/// The bytes of a regular file of at most `limit` bytes, links followed.
///
/// # Errors
/// [`Unread`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    let bytes = head(path, limit + 1)?;
    if bytes.len() as u64 > limit { Err(Unread::TooLarge(limit)) } else { Ok(bytes) }
}

/// How a regular file begins, up to `limit` bytes.
///
/// # Errors
/// [`Unread`].
pub fn head(path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    // Asked before it is opened: opening a FIFO can wait for ever. Opened so that it would not if it became one.
    if !fs::metadata(path)?.is_file() {
        return Err(Unread::NotRegular);
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unread::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is in a directory, sorted; the second is whether there is more than `limit`.
pub fn list(directory: &Path, limit: usize) -> (Vec<PathBuf>, bool) {
    let mut entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.by_ref().take(limit).collect();
    found.sort();
    (found, entries.next().is_some())
}

/// A path with its links resolved.
pub fn real(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// Whether the last part of a path is a link.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether there is anything at a path, a link to nothing included.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether it is a directory, links followed.
pub fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Whether it is a file that this user may execute.
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) && access(path, AccessFlags::X_OK).is_ok()
}

/// Whether two paths lead to the same file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|metadata| FileId::from(&metadata));
    id(one).is_some_and(|one| id(other) == Some(one))
}

/// What a file or directory of this user's is like to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its permission bits.
    pub mode: u32,
    /// Hard links to it.
    pub links: u64,
    /// Whether this user may write it.
    pub is_writable: bool,
}

/// What a path is like to others, links followed; `None` where there is nothing, or it is somebody else's.
pub fn access_to(path: &Path) -> Option<Access> {
    let metadata = fs::metadata(path).ok().filter(|metadata| metadata.uid() == Uid::effective().as_raw())?;
    let is_writable = access(path, AccessFlags::W_OK).is_ok() && metadata.mode() & 0o200 != 0;
    Some(Access { mode: metadata.mode() & 0o777, links: metadata.nlink(), is_writable })
}

/// Whether a path, or the nearest above it that is there, belongs to somebody else.
pub fn is_anothers(path: &Path) -> bool {
    let owner = path.ancestors().find_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.uid());
    owner.is_some_and(|owner| owner != Uid::effective().as_raw())
}

/// Whether a program would run with the rights of its owner or group, which this user has not.
pub fn lends_rights(path: &Path) -> bool {
    let lends = |metadata: fs::Metadata| {
        let owner = metadata.mode() & 0o4000 != 0 && metadata.uid() != Uid::effective().as_raw();
        let group = metadata.mode() & 0o2000 != 0 && metadata.gid() != Gid::effective().as_raw();
        owner || group
    };
    fs::metadata(path).is_ok_and(lends)
}

/// Whether somebody else may write a file, links followed.
pub fn is_open_to_others(path: &Path) -> bool {
    let may = |metadata: fs::Metadata| {
        let is_ours = [0, Uid::effective().as_raw()].contains(&metadata.uid());
        !is_ours || metadata.mode() & 0o022 != 0
    };
    fs::metadata(path).is_ok_and(may)
}

/// The first program of this name on PATH.
pub fn on_path(invocation: &Invocation, name: &str) -> Option<PathBuf> {
    let path = invocation.var("PATH").unwrap_or_default();
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(name)).find(|path| is_program(path))
}
