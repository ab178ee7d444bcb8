//! Files that may be programs: their first bytes, and whether this user may execute them.

use std::fs::File as StdFile;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, faccessat};

use super::{FILE_FLAGS, ReadError, Stat, canonicalize, errno, is_kind, open_canonical, path_of, retry};

/// How much of a script is read, in bytes.
const SCRIPT_LIMIT: u64 = 64 << 10;
/// How much of any other program is read, in bytes.
const HEAD: usize = 4096;

/// A regular file that may be a program, with its first bytes.
#[derive(Debug)]
pub struct Probe {
    /// Owner, mode and identity.
    pub stat: Stat,
    /// Its path without any symlink in it.
    pub real_path: PathBuf,
    /// Its first bytes, or a whole script; empty if it cannot be read. Executing a program does not need the right to read it.
    pub head: Vec<u8>,
    /// Whether it could be read.
    pub was_read: bool,
    /// The open file.
    _file: Option<StdFile>,
}

/// Looks at the file at `path`, symlinks followed.
///
/// # Errors
/// [`ReadError`]; [`ReadError::WrongKind`] if it is not a regular file.
pub fn probe(path: &Path) -> Result<Probe, ReadError> {
    let (fd, known) = match open_canonical(path, FILE_FLAGS) {
        Ok(opened) => opened,
        Err(Errno::ENXIO | Errno::EOPNOTSUPP) => return Err(ReadError::WrongKind),
        Err(Errno::EACCES) => {
            let real_path = canonicalize(path).unwrap_or_else(|| path.to_owned());
            return Ok(Probe {
                stat: regular(&retry(|| fstatat(AT_FDCWD, path, AtFlags::empty()))?)?,
                real_path,
                head: Vec::new(),
                was_read: false,
                _file: None,
            });
        }
        Err(errno) => return Err(errno.into()),
    };
    let stat = regular(&retry(|| fstat(&fd))?)?;
    let real_path = known.or_else(|| path_of(&fd)).or_else(|| canonicalize(path)).unwrap_or_else(|| path.to_owned());
    let mut file = StdFile::from(fd);
    let mut head = vec![0; HEAD];
    let read = retry(|| file.read(&mut head).map_err(|error| errno(&error))).map_err(ReadError::Transient)?;
    head.truncate(read);
    if head.starts_with(b"#!") && read == HEAD {
        let rest = (&file).take(SCRIPT_LIMIT).read_to_end(&mut head);
        rest.map_err(|error| ReadError::Transient(errno(&error)))?;
    }
    Ok(Probe { stat, real_path, head, was_read: true, _file: Some(file) })
}

fn regular(stat: &FileStat) -> Result<Stat, ReadError> {
    if is_kind(stat, SFlag::S_IFREG) { Ok(Stat::from(stat)) } else { Err(ReadError::WrongKind) }
}

/// Returns whether this user may execute the file. The system is asked, because the mode says nothing about a `noexec` mount.
#[must_use]
pub fn is_executable(path: &Path, stat: &Stat) -> bool {
    stat.mode & 0o111 != 0 && retry(|| faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::empty())).is_ok()
}

/// Returns whether a regular file that this user may execute is at `path`.
///
/// # Errors
/// If that could not be found out.
pub fn program(path: &Path) -> Result<bool, Errno> {
    match retry(|| fstatat(AT_FDCWD, path, AtFlags::empty())).map_err(ReadError::from) {
        Ok(stat) => Ok(is_kind(&stat, SFlag::S_IFREG) && is_executable(path, &Stat::from(&stat))),
        Err(ReadError::Absent) => Ok(false),
        Err(error) => Err(error.errno()),
    }
}

/// Returns whether this user may execute the regular file at `path`.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    program(path) == Ok(true)
}
