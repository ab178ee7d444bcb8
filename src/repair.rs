//! Replaces the `auth.json` of a bridge, whole or not at all. This is the only write to a home.
//!
//! Works relative to an open directory that was reached without a symlink through the components that the host made, under a lock
//! on that directory, and only while the file still holds the bytes that were judged. A reader sees the old file or the new one. A
//! start that is killed leaves at most a temporary file, which the next repair replaces.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg, Flockable, OFlag, openat, renameat};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::decide::Repair;
use crate::fs::open_at;
use crate::home::{AUTH_FILE, SecretBytes, components_made_by_host};

/// The name of the new file until it is renamed. Only the holder of the lock has one.
const TEMPORARY: &str = ".auth.json.codex-home-shim";
/// How long to wait for another repair of the same home. A repair takes a few milliseconds.
const PATIENCE: u32 = 100;
/// The time between two attempts to lock.
const INTERVAL: Duration = Duration::from_millis(5);

/// Why a repair was not made. The file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The file no longer holds the bytes that were judged, or another start is repairing it. The newer bytes win.
    #[error("it was rewritten in the meantime")]
    Changed,
    /// It is not a private, regular file of this user.
    #[error("{0}")]
    NotOurs(&'static str),
    /// The process may not write a file of that size (`ulimit -f`).
    #[error("the limit on the size of files is lower than what would be written")]
    SizeLimit,
    /// A system call failed.
    #[error("{}", crate::display::cause(.0))]
    Io(#[from] io::Error),
}

impl From<Errno> for RepairError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// Makes the repair.
///
/// # Errors
/// [`RepairError`]; the file is then unchanged.
pub fn apply(repair: &Repair, uid: u32) -> Result<(), RepairError> {
    let directory = open_directory(&repair.home, uid)?;
    let locked = lock(directory)?;
    let replaced = replace(&locked, repair, uid);
    unlock(locked);
    replaced
}

/// Replaces `auth.json` in the locked directory.
fn replace(directory: &OwnedFd, repair: &Repair, uid: u32) -> Result<(), RepairError> {
    unchanged(directory, &repair.judged, uid)?;
    let written = write_temporary(directory, &repair.repaired.bytes).and_then(|()| {
        // Writing took time, so look once more, as late as possible.
        unchanged(directory, &repair.judged, uid)?;
        put_in_place(directory)
    });
    if written.is_err() {
        let _ = remove_temporary(directory);
    }
    written?;
    // Readers already see the new file; this makes it survive a power failure.
    let _ = nix::unistd::fsync(directory);
    Ok(())
}

/// Unlocks a file. Dropping the lock would panic on an error; closing the file unlocks it anyway.
pub(crate) fn unlock<T: Flockable>(lock: Flock<T>) {
    if let Err((lock, _)) = lock.unlock() {
        std::mem::forget(lock);
    }
}

/// Returns why [`apply`] would fail, if that can be seen without writing.
///
/// # Errors
/// [`RepairError`].
pub fn check(repair: &Repair, uid: u32) -> Result<(), RepairError> {
    unchanged(&open_directory(&repair.home, uid)?, &repair.judged, uid)
}

/// Opens the home. None of the components that its host made may be a symlink.
fn open_directory(path: &Path, uid: u32) -> Result<OwnedFd, RepairError> {
    let flags = OFlag::O_DIRECTORY;
    let parts: Vec<_> = path.components().collect();
    let (base, made) = parts.split_at(parts.len().saturating_sub(components_made_by_host(path)));
    let mut directory = open_at(AT_FDCWD, &base.iter().collect::<PathBuf>(), flags)?;
    for part in made {
        let Component::Normal(name) = part else {
            return Err(RepairError::NotOurs("its path has `..` in it"));
        };
        directory = match open_at(&directory, Path::new(name), flags | OFlag::O_NOFOLLOW) {
            // A symlink gives ELOOP, or ENOTDIR if O_DIRECTORY is checked first.
            Err(Errno::ELOOP | Errno::ENOTDIR) => return Err(RepairError::NotOurs("there is a symlink in its path")),
            opened => opened?,
        };
    }
    if fstat(&directory)?.st_uid != uid {
        return Err(RepairError::NotOurs("its directory belongs to another user"));
    }
    Ok(directory)
}

/// Locks the directory against other repairs. The lock ends with the process that holds it.
fn lock(directory: OwnedFd) -> Result<Flock<OwnedFd>, RepairError> {
    let mut directory = directory;
    for _ in 0..PATIENCE {
        directory = match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((directory, Errno::EWOULDBLOCK | Errno::EINTR)) => directory,
            Err((_, errno)) => return Err(errno.into()),
        };
        std::thread::sleep(INTERVAL);
    }
    Err(RepairError::Changed)
}

/// Checks that `auth.json` is still a file of its own with the bytes that were judged.
fn unchanged(directory: &OwnedFd, judged: &SecretBytes, uid: u32) -> Result<(), RepairError> {
    let stat = match fstatat(directory, AUTH_FILE, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Err(RepairError::Changed),
        stat => stat?,
    };
    if file_type(&stat) != SFlag::S_IFREG {
        return Err(RepairError::NotOurs("auth.json is a symlink, or not a regular file"));
    }
    match stat.st_nlink {
        1 => {}
        // It was replaced between the lookup and this check.
        0 => return Err(RepairError::Changed),
        _ => return Err(RepairError::NotOurs("auth.json has a second hard link")),
    }
    if stat.st_uid != uid {
        return Err(RepairError::NotOurs("auth.json belongs to another user"));
    }
    let file = match open_at(directory, Path::new(AUTH_FILE), OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK) {
        Err(Errno::ENOENT | Errno::ELOOP) => return Err(RepairError::Changed),
        file => File::from(file?),
    };
    let mut bytes = Vec::with_capacity(judged.0.len() + 1);
    file.take(judged.0.len() as u64 + 1).read_to_end(&mut bytes)?;
    if bytes == judged.0 { Ok(()) } else { Err(RepairError::Changed) }
}

fn file_type(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

#[expect(clippy::disallowed_methods, reason = "the one rename in a home")]
fn put_in_place(directory: &OwnedFd) -> Result<(), RepairError> {
    Ok(renameat(directory, TEMPORARY, directory, AUTH_FILE)?)
}

#[expect(clippy::disallowed_methods, reason = "the one removal in a home")]
fn remove_temporary(directory: &OwnedFd) -> Result<(), RepairError> {
    match unlinkat(directory, TEMPORARY, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes the new file beside the old one and syncs it. Replaces the temporary file of a killed start.
#[expect(clippy::disallowed_methods, reason = "the one file that is created in a home")]
fn write_temporary(directory: &OwnedFd, new: &SecretBytes) -> Result<(), RepairError> {
    if !may_write(new.0.len() as u64) {
        return Err(RepairError::SizeLimit);
    }
    remove_temporary(directory)?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let file = openat(directory, TEMPORARY, flags, mode)?;
    // Independent of the umask.
    fchmod(file.as_fd(), mode)?;
    let mut file = File::from(file);
    file.write_all(&new.0)?;
    file.sync_all()?;
    Ok(())
}

/// Returns whether a file may grow to `size` bytes. Writing beyond RLIMIT_FSIZE kills the process by SIGXFSZ.
pub(crate) fn may_write(size: u64) -> bool {
    getrlimit(Resource::RLIMIT_FSIZE).is_ok_and(|(limit, _)| size <= limit)
}
