//! Writes of the few files that are this program's own: each is replaced by a rename or stays as it is.
//!
//! Used by `install` for its receipts and by `config` for the settings. Never writes to a home.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use codex_home::display::plain_text;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::disk;
use crate::error::CliError;

/// Locks the directory of a file against other writers of ours, until the lock is dropped; makes the directory if it is missing.
///
/// # Errors
/// The system's.
pub fn lock(file: &Path) -> io::Result<Flock<File>> {
    let directory = file.parent().unwrap_or(file);
    if !disk::is_directory(directory) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    lock_around(file, || ())
}

/// Locks the directory in which a file is or would be, or the nearest one above it, against other processes of this program until
/// the lock is dropped; makes nothing. Calls `wait` if another process has the lock.
///
/// # Errors
/// The system's.
#[expect(clippy::disallowed_methods, reason = "opens the directory, to lock it")]
pub fn lock_around<T>(file: &Path, wait: impl FnOnce() -> T) -> io::Result<Flock<File>> {
    let directory = file.ancestors().skip(1).find(|path| disk::is_directory(path)).unwrap_or(Path::new("/"));
    match Flock::lock(File::open(directory)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((directory, Errno::EWOULDBLOCK)) => {
            let waiting = wait();
            let lock = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into());
            drop(waiting);
            lock
        }
        Err((_, errno)) => Err(errno.into()),
    }
}

/// Replaces the file at `path`, no symlink, whose directory is locked: a reader sees the old file or the new one, whole.
///
/// # Errors
/// The system's. The file is then as it was.
#[expect(clippy::disallowed_methods, reason = "the one place that replaces a file of ours")]
pub fn replace(path: &Path, bytes: &[u8], mode: u32, lock: &Flock<File>) -> io::Result<()> {
    // `CODEX_HOME_SHIM_CONFIG` may name a file among the person's own, so the name must be one that only this program uses.
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".codex-home-shim");
    let temporary = path.with_file_name(name);
    // A process that was killed may have left one; the lock says that no other has one now.
    let _ = fs::remove_file(&temporary);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        // Whatever the umask says.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // Readers see the new name already; this is for a power cut.
    let _ = lock.sync_all();
    Ok(())
}

/// Removes a file of ours, if it is there.
///
/// # Errors
/// The system's.
#[expect(clippy::disallowed_methods, reason = "the one place that removes a file of ours")]
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory of ours if it is empty.
pub fn remove_directory(directory: &Path) {
    // One that holds something else stays.
    let _ = fs::remove_dir(directory);
}

/// Refuses to write among another user's files: `sudo` would leave files that their owner cannot change or read.
pub fn refuse_if_owned_by_other_user(paths: &[&Path], uid: u32) -> Result<(), CliError> {
    let Some(path) = paths.iter().find(|path| disk::owned_by_other_user(path, uid)) else { return Ok(()) };
    let message = format!("`{}`, or the directory in which it would be, belongs to another user", plain_text(path));
    Err(CliError::new(message, "run this as that user, without `sudo`"))
}
