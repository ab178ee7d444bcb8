//! Reads files and directories: bounded, never blocking, and with errors that say what may be concluded from them.
//!
//! The library's only reader of the disk. Opens with `O_NONBLOCK`, so that a FIFO or a device does not hang a start, and looks at
//! the type of the open file. Changes nothing.

mod program;

use std::fs::File as StdFile;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, faccessat};

pub use program::{Probe, is_executable, is_program, probe, program};

/// What identifies a file or directory while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device number.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
}

/// Owner, permission bits and links of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Which file it is.
    pub id: FileId,
    /// The owner's user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The permission bits, the sticky bit included.
    pub mode: u32,
    /// The number of hard links.
    pub links: u64,
    /// The size in bytes.
    pub size: u64,
    /// The last changes of its content and of its inode (mtime and ctime), each in seconds and nanoseconds.
    pub changed: [i64; 4],
}

impl Stat {
    /// Returns whether other users than `uid` and root can change it.
    ///
    /// The user's private group, whose id is the user's, may write, as a umask of 002 leaves it.
    #[must_use]
    pub const fn is_writable_by_others(&self, uid: u32) -> bool {
        self.mode & 0o002 != 0 || (self.mode & 0o020 != 0 && self.gid != uid)
    }

    /// Returns whether it belongs to `uid` or to root.
    #[must_use]
    pub const fn is_owned_by(&self, uid: u32) -> bool {
        self.uid == uid || self.uid == 0
    }
}

#[expect(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "the widths and signs of these differ from system to system"
)]
impl From<&FileStat> for Stat {
    fn from(stat: &FileStat) -> Self {
        Self {
            id: FileId { device: stat.st_dev as u64, inode: stat.st_ino as u64 },
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: (stat.st_mode as u32) & 0o7777,
            links: stat.st_nlink as u64,
            size: stat.st_size as u64,
            changed: [stat.st_mtime as i64, stat.st_mtime_nsec as i64, stat.st_ctime as i64, stat.st_ctime_nsec as i64],
        }
    }
}

/// Why a file or directory was not read, grouped by what may be concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It does not exist: ENOENT, ENOTDIR.
    Absent,
    /// It exists, and no program of this user can read it: EACCES, ELOOP, EISDIR.
    Denied(Errno),
    /// It exists and has the wrong type.
    WrongKind,
    /// It is larger than the limit.
    TooLarge,
    /// Any other error. It says nothing about the file; codex may well read it a moment later.
    Transient(Errno),
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => Self::Absent,
            Errno::EACCES | Errno::ELOOP | Errno::EISDIR => Self::Denied(errno),
            errno => Self::Transient(errno),
        }
    }
}

impl ReadError {
    /// Returns the system's error, or the nearest one if the system reported none.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::Absent => Errno::ENOENT,
            Self::WrongKind => Errno::EINVAL,
            Self::TooLarge => Errno::EFBIG,
            Self::Denied(errno) | Self::Transient(errno) => errno,
        }
    }
}

/// The flags for a file of unknown type: neither a FIFO nor a device blocks.
const FILE_FLAGS: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY);

/// Opens `path` for reading, relative to an open directory.
#[expect(clippy::disallowed_methods, reason = "every read goes through here")]
pub(crate) fn open_at(directory: impl AsFd, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    retry(|| openat(&directory, path, flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()))
}

/// Runs a system call, and retries it once if it was interrupted or would block.
pub(crate) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    match call() {
        Err(Errno::EINTR | Errno::EAGAIN) => call(),
        result => result,
    }
}

/// The bytes of a regular file and the status of the open file.
#[derive(Debug)]
pub struct File {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Owner, mode and links.
    pub stat: Stat,
}

/// Reads a regular file of at most `limit` bytes, symlinks followed.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, limit: u64) -> Result<File, ReadError> {
    Ok(read_at(AT_FDCWD, path, limit)?.0)
}

fn read_at(directory: impl AsFd + Copy, path: &Path, limit: u64) -> Result<(File, StdFile), ReadError> {
    let fd = match open_at(directory, path, FILE_FLAGS) {
        // A socket cannot be opened at all.
        Err(Errno::ENXIO | Errno::EOPNOTSUPP) => return Err(ReadError::WrongKind),
        fd => fd?,
    };
    // Once a file is open, no error means that it is absent.
    let stat = retry(|| fstat(&fd)).map_err(ReadError::Transient)?;
    if !is_kind(&stat, SFlag::S_IFREG) {
        return Err(ReadError::WrongKind);
    }
    let stat = Stat::from(&stat);
    if stat.size > limit {
        return Err(ReadError::TooLarge);
    }
    let mut file = StdFile::from(fd);
    Ok((File { bytes: read_all(&mut file, stat.size, limit)?, stat }, file))
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

/// Reads to the end, which is beyond `size` if another program is writing. If a read returns exactly `size` bytes although there
/// was room for more, that is the end.
fn read_all(file: &mut StdFile, size: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
    let size = usize::try_from(size).map_err(|_| ReadError::TooLarge)?;
    let mut bytes = vec![0; size + 1];
    let read = retry(|| file.read(&mut bytes).map_err(|error| errno(&error))).map_err(ReadError::Transient)?;
    bytes.truncate(read);
    if read != size {
        let rest = limit.saturating_add(1).saturating_sub(read as u64);
        file.take(rest).read_to_end(&mut bytes).map_err(|error| ReadError::Transient(errno(&error)))?;
    }
    if bytes.len() as u64 > limit { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

fn is_kind(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

/// Returns what is at `path`, symlinks followed.
///
/// # Errors
/// [`ReadError`].
pub fn stat(path: &Path) -> Result<Stat, ReadError> {
    let stat = retry(|| fstatat(AT_FDCWD, path, AtFlags::empty()))?;
    Ok(Stat::from(&stat))
}

/// A directory that is held open, so that every question is about the same directory.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    /// Owner, mode and identity.
    pub stat: Stat,
    /// Its path without any symlink in it, if opening it already told.
    real_path: Option<PathBuf>,
    /// The files that were read in it, closed together with it.
    files: Mutex<Vec<StdFile>>,
}

impl Directory {
    /// Opens the directory at `path`, symlinks followed.
    ///
    /// # Errors
    /// [`ReadError`]; [`ReadError::WrongKind`] if something else is there.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let (fd, real_path) = match open_canonical(path, Self::FLAGS) {
            // Is it the path itself, or a part of it?
            Err(Errno::ENOTDIR) if stat(path).is_ok() => return Err(ReadError::WrongKind),
            opened => opened?,
        };
        let stat = Stat::from(&retry(|| fstat(&fd)).map_err(ReadError::Transient)?);
        Ok(Self { fd, stat, real_path, files: Mutex::default() })
    }

    /// The flags for a directory that is not listed. On Linux they need no right to read it, and neither does codex.
    #[cfg(target_os = "linux")]
    const FLAGS: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY);
    /// The flags for a directory that is not listed.
    #[cfg(not(target_os = "linux"))]
    const FLAGS: OFlag = OFlag::O_DIRECTORY;

    /// Returns the path of the directory without any symlink in it.
    #[must_use]
    pub fn real_path(&self) -> Option<PathBuf> {
        self.real_path.clone().or_else(|| path_of(&self.fd))
    }

    /// Reads a regular file in the directory, symlinks followed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, name: &str, limit: u64) -> Result<File, ReadError> {
        let (file, open) = read_at(&self.fd, Path::new(name), limit)?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(open);
        Ok(file)
    }

    /// Returns whether anything is called `name` in the directory, a dangling symlink included.
    ///
    /// # Errors
    /// If that could not be found out.
    pub fn has(&self, name: &str) -> Result<bool, Errno> {
        match retry(|| fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Returns what `name` in the directory is, symlinks followed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn stat_of(&self, name: &str) -> Result<Stat, ReadError> {
        Ok(Stat::from(&retry(|| fstatat(&self.fd, name, AtFlags::empty()))?))
    }

    /// Checks that this user has the right `access` to `name`; `.` is the directory.
    ///
    /// # Errors
    /// Why not.
    pub fn access(&self, name: &str, access: AccessFlags) -> Result<(), Errno> {
        retry(|| faccessat(&self.fd, name, access, AtFlags::empty()))
    }

    /// Returns whether the file behind `name` can be replaced by a rename, which is how codex 0.169 renews a login: its directory
    /// is writable, and the file is not a mount point (Linux).
    ///
    /// # Errors
    /// If that could not be found out.
    pub fn is_replaceable(&self, name: &str) -> Result<bool, Errno> {
        let file = open_at(&self.fd, Path::new(name), FILE_FLAGS)?;
        let path = path_of(&file).ok_or(Errno::ENOENT)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::ENOENT) };
        let parent = open_at(AT_FDCWD, parent, Self::FLAGS)?;
        match retry(|| faccessat(&parent, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::empty())) {
            Err(Errno::EACCES | Errno::EROFS | Errno::EPERM) => return Ok(false),
            access => access?,
        }
        is_mount_point(&parent, Path::new(name)).map(|is_mount_point| !is_mount_point)
    }
}

/// Returns whether `name` in `directory` is a mount point, such as a file that `docker -v` put there.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "opens for nothing but the answer")]
fn is_mount_point(directory: &OwnedFd, name: &Path) -> Result<bool, Errno> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match retry(|| openat2(directory, name, how)) {
        Ok(_) => Ok(false),
        Err(Errno::EXDEV) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Returns whether `name` in `directory` is a mount point: macOS mounts directories only.
#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &OwnedFd, _: &Path) -> Result<bool, Errno> {
    Ok(false)
}

/// Opens `path`, and returns its path without any symlink if that is known from the same system call. Asking `/proc` instead is
/// the most expensive call of a start.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "opens for reading")]
fn open_canonical(path: &Path, flags: OFlag) -> nix::Result<(OwnedFd, Option<PathBuf>)> {
    use std::path::Component;

    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let how =
        OpenHow::new().flags(flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let is_plain = path.is_absolute() && path.components().all(|part| !matches!(part, Component::ParentDir));
    if is_plain {
        match retry(|| openat2(AT_FDCWD, path, how)) {
            Ok(fd) => return Ok((fd, Some(path.components().collect()))),
            // There is a symlink, or this system does not support the call.
            Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok((open_at(AT_FDCWD, path, flags)?, None))
}

/// Opens `path`. The real path is looked up only if it is needed.
#[cfg(not(target_os = "linux"))]
fn open_canonical(path: &Path, flags: OFlag) -> nix::Result<(OwnedFd, Option<PathBuf>)> {
    Ok((open_at(AT_FDCWD, path, flags)?, None))
}

/// Returns the path of an open file or directory without any symlink in it; `None` if it was removed.
#[cfg(target_os = "linux")]
pub(crate) fn path_of(fd: impl AsFd) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;

    let path = nix::fcntl::readlink(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()).as_str()).ok()?;
    let path = PathBuf::from(path);
    // Linux appends ` (deleted)` to the name of a removed file.
    (path.is_absolute() && !path.as_os_str().as_encoded_bytes().ends_with(b" (deleted)")).then_some(path)
}

/// Returns the path of an open file or directory without any symlink in it; `None` if it was removed.
#[cfg(not(target_os = "linux"))]
pub(crate) fn path_of(fd: impl AsFd) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETPATH(&mut path)).ok()?;
    Some(path)
}

/// Returns the entries of a directory, at most `limit`.
///
/// # Errors
/// [`ReadError`], also of an entry.
#[expect(clippy::disallowed_methods, reason = "the one place that lists a directory")]
pub fn entries(path: &Path, limit: usize) -> Result<Vec<PathBuf>, ReadError> {
    let entries = std::fs::read_dir(path).map_err(|error| ReadError::from(errno(&error)))?;
    let path = |entry: std::io::Result<std::fs::DirEntry>| entry.map(|entry| entry.path());
    entries.take(limit).map(path).collect::<Result<_, _>>().map_err(|error| ReadError::Transient(errno(&error)))
}

/// Returns whether `path` was seen to be absent, symlinks followed.
#[must_use]
pub fn is_absent(path: &Path) -> bool {
    matches!(stat(path), Err(ReadError::Absent))
}

/// Returns whether anything is at `path`, symlinks followed.
#[must_use]
pub fn exists(path: &Path) -> bool {
    retry(|| faccessat(AT_FDCWD, path, AccessFlags::F_OK, AtFlags::empty())).is_ok()
}

/// Returns whether a symlink is at `path`, wherever it leads.
#[must_use]
pub fn is_symlink(path: &Path) -> bool {
    retry(|| fstatat(AT_FDCWD, path, AtFlags::AT_SYMLINK_NOFOLLOW)).is_ok_and(|stat| is_kind(&stat, SFlag::S_IFLNK))
}

/// Returns `path` with its symlinks resolved, if anything is there.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that resolves paths")]
pub fn canonicalize(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// Returns the entries of a directory, at most `limit`; none if it cannot be listed.
#[must_use]
pub fn list(path: &Path, limit: usize) -> Vec<PathBuf> {
    entries(path, limit).unwrap_or_default()
}

/// Reads at most `limit` bytes of a file in `/proc`, for which the system reports no size.
pub(crate) fn read_pseudo(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let fd = open_at(AT_FDCWD, path, OFlag::empty()).ok()?;
    let mut bytes = Vec::new();
    StdFile::from(fd).take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns whether a few lines may be written to stderr. If stderr is a file at RLIMIT_FSIZE, SIGXFSZ would kill the process.
#[expect(clippy::disallowed_methods, reason = "asks about stderr, and writes nothing")]
pub(crate) fn stderr_may_grow() -> bool {
    const LINES: u64 = 64 << 10;
    match fstat(std::io::stderr()) {
        Ok(stat) if is_kind(&stat, SFlag::S_IFREG) => crate::repair::may_write(Stat::from(&stat).size + LINES),
        _ => true,
    }
}
