//! THE ONLY WRITES: one `auth.json` of a bridge, replaced whole or not at all.
//!
//! Works relative to an open directory that was reached without a link where the host made the path, follows none
//! there, and writes only while the file still holds the bytes that were judged. A reader sees the old file or the new
//! one; a start that is killed leaves at most a temporary file, which the next repair removes.
#![expect(clippy::disallowed_methods, reason = "this is the one room that writes")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Component, Path};
use std::time::SystemTime;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::signal::kill;
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{Pid, Uid, UnlinkatFlags, unlinkat};

use crate::home::completion::Sealed;
use crate::home::{AUTH_FILE, parts_made_by_host};

/// What a temporary file is called, before our process id and the nanosecond, which makes it ours alone: two containers that
/// share a directory may both have a process of that id.
const TEMPORARY: &str = ".auth.json.codex-home-shim.";

/// How many entries of a home are looked at for the temporary files of others.
const ENTRIES: usize = 4096;

/// Why a repair was not made. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Unmended {
    /// It no longer holds the bytes that were judged: somebody wrote something newer, and the newer bytes win.
    #[error("it was rewritten in the meantime")]
    Changed,
    /// It is not a file that a host keeps for itself.
    #[error("{0}")]
    NotOurs(&'static str),
    /// The system would not.
    #[error("{}", crate::words::cause(.0))]
    Io(#[from] io::Error),
}

impl Unmended {
    /// Whether the same start may well do it if it judges the home anew.
    #[must_use]
    pub fn is_worth_another_look(&self) -> bool {
        match self {
            Self::Changed => true,
            Self::Io(error) => error.kind() == io::ErrorKind::Interrupted,
            Self::NotOurs(_) => false,
        }
    }
}

impl From<Errno> for Unmended {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// When the new bytes are brought to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Before they are in their place: a power cut leaves the old file or the new one.
    First,
    /// Right after: where the host writes more often than the disk does, the first way never comes to an end. What a power
    /// cut then may leave is a file that the host writes anew anyway.
    Last,
}

/// Replaces the `auth.json` in the home `path` by `new` if it still is `judged`. `pid` is our own.
///
/// # Errors
/// [`Unmended`]; the file is then as it was.
pub fn replace_auth(path: &Path, judged: &Sealed, new: &Sealed, pid: u32, flush: Flush) -> Result<(), Unmended> {
    let directory = open_directory(path)?;
    remove_leftovers(&directory)?;
    unchanged(&directory, judged)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let temporary = format!("{TEMPORARY}{pid}.{:032x}", now.as_nanos());
    let written = write_temporary(&directory, &temporary, new, flush).and_then(|file| {
        // Writing took its time; look once more, as late as can be.
        unchanged(&directory, judged)?;
        match renameat(&directory, temporary.as_str(), &directory, AUTH_FILE) {
            // Somebody took our file for a leftover.
            Err(Errno::ENOENT) => Err(Unmended::Changed),
            renamed => Ok(renamed.map(|()| file)?),
        }
    });
    match written {
        Ok(file) => {
            // The name is on the disk for every reader already; this is for the power cut.
            if flush == Flush::Last {
                let _ = file.sync_all();
            }
            let _ = File::from(directory).sync_all();
            Ok(())
        }
        Err(unmended) => {
            let _ = unlinkat(&directory, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
            Err(unmended)
        }
    }
}

/// Whether [`replace_auth`] would be let, as far as that can be seen without writing.
///
/// # Errors
/// [`Unmended`]: what would keep it.
pub fn check(path: &Path, judged: &Sealed) -> Result<(), Unmended> {
    unchanged(&open_directory(path)?, judged)
}

/// Opens the home. The parts of its path that its host made are no links, now and in this walk.
fn open_directory(path: &Path) -> Result<OwnedFd, Unmended> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let parts: Vec<_> = path.components().collect();
    let (base, made) = parts.split_at(parts.len().saturating_sub(parts_made_by_host(path)));
    let base = base.iter().collect::<std::path::PathBuf>();
    let mut directory = openat(nix::fcntl::AT_FDCWD, &base, flags, Mode::empty())?;
    for part in made {
        let Component::Normal(name) = part else {
            return Err(Unmended::NotOurs("its path is not a plain one"));
        };
        directory = match openat(&directory, *name, flags | OFlag::O_NOFOLLOW, Mode::empty()) {
            // What a link is answered with differs: ELOOP, or ENOTDIR where O_DIRECTORY is seen first.
            Err(Errno::ELOOP | Errno::ENOTDIR) => return Err(Unmended::NotOurs("a link stands in its path")),
            opened => opened?,
        };
    }
    let stat = fstat(&directory)?;
    if stat.st_uid != Uid::effective().as_raw() {
        return Err(Unmended::NotOurs("its directory belongs to another user"));
    }
    Ok(directory)
}

/// Whether `auth.json` still is a file of its own with the bytes that were judged.
fn unchanged(directory: &OwnedFd, judged: &Sealed) -> Result<(), Unmended> {
    let stat = match fstatat(directory, AUTH_FILE, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Err(Unmended::Changed),
        stat => stat?,
    };
    if file_type(&stat) != SFlag::S_IFREG {
        return Err(Unmended::NotOurs("auth.json is a link, or not a regular file"));
    }
    match stat.st_nlink {
        1 => {}
        // It was looked up, and before it was looked at another took its place.
        0 => return Err(Unmended::Changed),
        _ => return Err(Unmended::NotOurs("auth.json has a second hard link")),
    }
    if stat.st_uid != Uid::effective().as_raw() {
        return Err(Unmended::NotOurs("auth.json belongs to another user"));
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(directory, AUTH_FILE, flags, Mode::empty()) {
        Err(Errno::ENOENT | Errno::ELOOP) => return Err(Unmended::Changed),
        file => File::from(file?),
    };
    let mut bytes = Vec::with_capacity(judged.0.len() + 1);
    file.take(judged.0.len() as u64 + 1).read_to_end(&mut bytes)?;
    if bytes == judged.0 { Ok(()) } else { Err(Unmended::Changed) }
}

fn file_type(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// Writes `new` to a file that is ours alone, and to the disk where that comes first.
fn write_temporary(directory: &OwnedFd, name: &str, new: &Sealed, flush: Flush) -> Result<File, Unmended> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let file = openat(directory, name, flags, mode)?;
    // Whatever the umask says.
    fchmod(file.as_fd(), mode)?;
    let mut file = File::from(file);
    file.write_all(&new.0)?;
    if flush == Flush::First {
        file.sync_all()?;
    }
    Ok(file)
}

/// Removes the temporary files of starts that were killed.
///
/// One whose process lives is left alone. Should its owner be alive where we cannot see it, in another container, it
/// finds its file gone when it renames it, and its home is judged again.
fn remove_leftovers(directory: &OwnedFd) -> Result<(), Unmended> {
    let here = openat(directory, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut entries = Dir::from_fd(here)?;
    for entry in entries.iter().take(ENTRIES) {
        let entry = entry?;
        let Some(owner) = entry.file_name().to_str().ok().and_then(|name| name.strip_prefix(TEMPORARY)) else {
            continue;
        };
        let pid = owner.split('.').next().unwrap_or_default();
        let is_dead = pid
            .parse()
            .is_ok_and(|pid| Pid::from_raw(pid) == Pid::this() || kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH));
        if is_dead {
            let _ = unlinkat(directory, entry.file_name(), UnlinkatFlags::NoRemoveDir);
        }
    }
    Ok(())
}
