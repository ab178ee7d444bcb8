//! Reads for the modules that look at OpenClaw, at homes and at the journal.
//!
//! Built on the library's [`fs`]: bounded, never blocking. Changes nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use codex_home::display::cause;
use codex_home::fs::{self, Directory, FileId, ReadError};
use codex_home::invocation::Invocation;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, Gid};

pub use codex_home::fs::is_symlink;

/// Reads a regular file of at most `limit` bytes, symlinks followed; `None` if there is none.
///
/// # Errors
/// Why it was not read, in words.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path, limit) {
        Ok(file) => Ok(Some(file.bytes)),
        Err(ReadError::Absent) => Ok(None),
        Err(ReadError::WrongKind) => Err("it is not a regular file".to_owned()),
        Err(ReadError::TooLarge) => Err(format!("it is larger than {} KiB", limit >> 10)),
        Err(ReadError::Denied(errno) | ReadError::Transient(errno)) => {
            Err(format!("it cannot be read: {}", errno.desc().to_lowercase()))
        }
    }
}

/// Returns the first bytes of a program, or a whole script; nothing if it cannot be read.
pub fn head(path: &Path) -> Vec<u8> {
    fs::probe(path).map(|probe| probe.head).unwrap_or_default()
}

/// The end of a file.
pub struct Tail {
    /// Which file it is.
    pub id: FileId,
    /// The offset of the bytes.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// Reads a regular file to its end, from the offset that `offset` returns for its identity and size; `None` if there is none.
///
/// # Errors
/// Why it was not read, in words.
pub fn read_tail(path: &Path, offset: impl FnOnce(FileId, u64) -> u64) -> Result<Option<Tail>, String> {
    let mut file = match open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        file => file.map_err(|error| cause(&error))?,
    };
    let metadata = file.metadata().map_err(|error| cause(&error))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let id = FileId { device: metadata.dev(), inode: metadata.ino() };
    let mut bytes = Vec::new();
    let offset = offset(id, metadata.len());
    file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_to_end(&mut bytes)).map_err(|error| cause(&error))?;
    Ok(Some(Tail { id, offset, bytes }))
}

#[expect(clippy::disallowed_methods, reason = "the journal is read from an offset, which the library does not do")]
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Returns what identifies the file at `path`, symlinks followed.
pub fn id(path: &Path) -> Option<FileId> {
    fs::stat(path).ok().map(|stat| stat.id)
}

/// Returns the entries of a directory, sorted and at most `limit`, and whether there are more.
pub fn list(directory: &Path, limit: usize) -> (Vec<PathBuf>, bool) {
    let mut entries = fs::list(directory, limit + 1);
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    entries.sort();
    (entries, has_more)
}

/// Returns whether anything is at `path`, a dangling symlink included.
pub fn is_there(path: &Path) -> bool {
    fs::exists(path) || is_symlink(path)
}

/// Returns whether `path` is a directory, symlinks followed.
pub fn is_directory(path: &Path) -> bool {
    Directory::open(path).is_ok()
}

/// Returns whether two paths lead to the same file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    id(one).is_some_and(|one| id(other) == Some(one))
}

/// Owner, mode and links of a home or of a file in it.
#[derive(Clone, Debug)]
pub struct Access {
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// How many hard links there are.
    pub links: u64,
    /// Whether this user may write to it.
    pub is_writable: bool,
}

/// Returns the permissions of a home and of these files in it, symlinks followed. Files that do not exist or belong to another
/// user are left out.
pub fn access(home: &Path, names: &[&str], uid: u32) -> Vec<Access> {
    let Ok(directory) = Directory::open(home) else { return Vec::new() };
    let of = |name: &str, path: PathBuf| {
        let stat = directory.stat_of(name).ok().filter(|stat| stat.uid == uid)?;
        let is_writable = stat.mode & 0o200 != 0 && directory.access(name, AccessFlags::W_OK).is_ok();
        Some(Access { path, mode: stat.mode & 0o777, links: stat.links, is_writable })
    };
    let files = names.iter().filter_map(|name| of(name, home.join(name)));
    of(".", home.to_owned()).into_iter().chain(files).collect()
}

/// Returns whether a directory above `path` keeps every other user out.
pub fn is_behind_closed_directory(path: &Path) -> bool {
    let path = fs::canonicalize(path).unwrap_or_else(|| path.to_owned());
    path.ancestors().skip(1).any(|above| fs::stat(above).is_ok_and(|stat| stat.mode & 0o011 == 0))
}

/// Returns whether `path`, or the nearest existing directory above it, belongs to another user.
pub fn owned_by_other_user(path: &Path, uid: u32) -> bool {
    path.ancestors().find_map(|path| fs::stat(path).ok()).is_some_and(|stat| stat.uid != uid)
}

/// Returns whether a program is setuid or setgid to another user or group than the caller's.
pub fn is_setuid(path: &Path, uid: u32) -> bool {
    fs::stat(path).is_ok_and(|stat| {
        let owner = stat.mode & 0o4000 != 0 && stat.uid != uid;
        let group = stat.mode & 0o2000 != 0 && stat.gid != Gid::effective().as_raw();
        owner || group
    })
}

/// Returns whether another user may write to a file, or add to a directory and replace what is in it.
pub fn writable_by_others(path: &Path, uid: u32) -> bool {
    const STICKY: u32 = 0o1000;
    let may_replace = |stat: &fs::Stat| stat.is_writable_by_others(uid) && stat.mode & STICKY == 0;
    fs::stat(path).is_ok_and(|stat| !stat.is_owned_by(uid) || may_replace(&stat))
}

/// Returns a program or its directory, if every user may replace it.
pub fn open_to_all(program: &Path) -> Option<&Path> {
    let is_open = |path: &Path| fs::stat(path).is_ok_and(|stat| stat.mode & 0o1002 == 0o002);
    [Some(program), program.parent()].into_iter().flatten().find(|path| is_open(path))
}

/// Returns the paths that a program of this name could have on PATH.
pub fn candidates(invocation: &Invocation, name: &str) -> Vec<PathBuf> {
    let path = invocation.var("PATH").unwrap_or_default();
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(name)).collect()
}

/// Returns the first program of this name on PATH.
pub fn on_path(invocation: &Invocation, name: &str) -> Option<PathBuf> {
    candidates(invocation, name).into_iter().find(|path| fs::is_program(path))
}
