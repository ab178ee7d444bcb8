//! A home on the disk: its directory, opened once, and the files in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::errno::Errno;
use nix::unistd::AccessFlags;

use super::CONFIG_LIMIT;
use crate::fs::{self, Directory, ReadError, Stat};
use crate::home::auth::Auth;
use crate::home::config::ConfigFile;
use crate::home::{AUTH_FILE, AuthFile, CONFIG_FILE, Fact, Home, HomeDirectory, SecretBytes};
use crate::reason::{Reason, ReasonCode};
use crate::settings::{Pattern, lexically_normal};

/// The largest `auth.json` that is read, in bytes. Real files have a few thousand. codex has no limit (50 MiB were tried), so a
/// larger one is not judged.
const AUTH_LIMIT: u64 = 256 << 10;
/// The time before the one retry of a file that may be half written or could not be read.
const SECOND_LOOK: Duration = Duration::from_millis(75);

/// A path, and the directory there, opened once.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) directory: Result<Directory, ReadError>,
}

impl Place {
    pub(super) fn open(path: PathBuf) -> Self {
        let mut place = Self::open_once(path);
        if matches!(place.directory, Err(ReadError::Transient(_))) {
            std::thread::sleep(SECOND_LOOK);
            place = Self::open_once(place.path);
        }
        place
    }

    fn open_once(path: PathBuf) -> Self {
        Self { directory: Directory::open(&path), path }
    }

    /// Returns whether both are one directory, by spelling or by inode.
    pub(super) fn is(&self, other: &Self) -> Result<bool, Reason> {
        if lexically_normal(&self.path) == lexically_normal(&other.path) {
            return Ok(true);
        }
        match (&self.directory, &other.directory) {
            (Ok(mine), Ok(theirs)) => Ok(mine.stat.id == theirs.stat.id),
            (Err(ReadError::Transient(errno)), _) | (_, Err(ReadError::Transient(errno))) => {
                Err(not_read(ReasonCode::HomeReadFailed, "the directory", *errno))
            }
            _ => Ok(false),
        }
    }

    /// Returns whether a pattern matches it; an error if that could not be determined.
    pub(super) fn is_one_of(&self, patterns: &[Pattern]) -> Result<bool, Reason> {
        let mut unknown = None;
        for pattern in patterns {
            match self.matches(pattern) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(reason) => unknown = Some(reason),
            }
        }
        unknown.map_or(Ok(false), Err)
    }

    /// Returns whether the pattern matches it, by spelling or by inode.
    fn matches(&self, pattern: &Pattern) -> Result<bool, Reason> {
        let is_place = |place: &Self| {
            let meant = Self::open_once(pattern.place().to_owned());
            match meant.directory {
                Err(ReadError::Denied(errno)) if place.path != meant.path => {
                    Err(not_read(ReasonCode::HomeReadFailed, "a directory that the settings name", errno))
                }
                _ => place.is(&meant),
            }
        };
        if !pattern.has_star() {
            return is_place(self);
        }
        let is_below = |path: &Path| match pattern.above(path) {
            Some(above) => is_place(&Self::open_once(above.to_owned())),
            None => Ok(false),
        };
        if is_below(&self.path)? {
            return Ok(true);
        }
        // A symlink to such a place has another name.
        match self.directory.as_ref().ok().and_then(Directory::real_path) {
            Some(real) if real != self.path => is_below(&real),
            _ => Ok(false),
        }
    }

    /// Looks a second time at a home that holds nothing, because its host may be about to write it. If it changed in between, it is
    /// unknown.
    pub(super) fn look_again(&self, first: Home, now: DateTime<Utc>, uid: u32) -> Home {
        std::thread::sleep(SECOND_LOOK);
        let place = Self::open_once(self.path.clone());
        let mut second = place.read(now, uid);
        if !second.holds_nothing() {
            return second;
        }
        if first.fingerprint() != second.fingerprint() {
            second.auth = Fact::Unknown(Reason::new(ReasonCode::AuthReadFailed, "auth.json is being written"));
        } else if let (Fact::Absent, Ok(directory)) = (&second.auth, &place.directory) {
            second.auth = match directory.has(AUTH_FILE) {
                Ok(false) => Fact::Absent,
                Ok(true) => Fact::Unusable(Reason::new(ReasonCode::AuthMissing, "auth.json is a dangling symlink")),
                Err(errno) => Fact::Unknown(not_read(ReasonCode::AuthReadFailed, AUTH_FILE, errno)),
            };
        }
        second
    }

    /// Reads it as a home.
    pub(super) fn read(&self, now: DateTime<Utc>, uid: u32) -> Home {
        let path = self.path.clone();
        let directory = match &self.directory {
            Ok(directory) => directory,
            Err(error) => {
                let fact = match error {
                    // codex can create a directory, but not in place of a symlink.
                    ReadError::Absent if fs::is_symlink(&path) => {
                        Fact::Unusable(Reason::new(ReasonCode::HomeMissing, "it is a dangling symlink"))
                    }
                    ReadError::Absent => Fact::Absent,
                    ReadError::Denied(_) => Fact::Unusable(ReasonCode::HomeUnreadable.into()),
                    ReadError::WrongKind | ReadError::TooLarge => Fact::Unusable(ReasonCode::HomeNotDirectory.into()),
                    ReadError::Transient(errno) => {
                        Fact::Unknown(not_read(ReasonCode::HomeReadFailed, "the directory", *errno))
                    }
                };
                return Home { path, directory: fact, config: Fact::Absent, config_stat: None, auth: Fact::Absent };
            }
        };
        let (config, config_stat) = config_file(directory, uid);
        Home {
            path,
            config,
            config_stat,
            auth: auth_file(directory, now, uid),
            directory: seen(directory, &self.path, uid),
        }
    }
}

/// Judges a directory: codex must be able to enter it and to create files in it.
fn seen(directory: &Directory, path: &Path, uid: u32) -> Fact<HomeDirectory> {
    let not_writable = match directory.access(".", AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => None,
        Err(Errno::EROFS) => {
            Some(Reason::new(ReasonCode::HomeNotWritable, "it is on a file system that is mounted read-only"))
        }
        Err(Errno::EACCES | Errno::EPERM) => match directory.access(".", AccessFlags::X_OK) {
            Ok(()) if directory.stat.uid != uid => {
                let detail = "the directory belongs to another user, and codex cannot create files in it";
                Some(Reason::new(ReasonCode::HomeNotOwned, detail))
            }
            Ok(()) => Some(ReasonCode::HomeNotWritable.into()),
            Err(_) if directory.stat.uid != uid => {
                let detail = "the directory belongs to another user and cannot be entered";
                return Fact::Unusable(Reason::new(ReasonCode::HomeNotOwned, detail));
            }
            Err(_) => return Fact::Unusable(ReasonCode::HomeUnreadable.into()),
        },
        Err(errno) => return Fact::Unknown(not_read(ReasonCode::HomeReadFailed, "the directory", errno)),
    };
    let real_path = directory.real_path().unwrap_or_else(|| path.to_owned());
    Fact::Seen(HomeDirectory { real_path, stat: directory.stat, not_writable })
}

pub(super) fn not_read(code: ReasonCode, name: &str, errno: Errno) -> Reason {
    Reason::new(code, format!("{name} could not be read: {}", errno.desc().to_lowercase()))
}

/// Returns why this user cannot read an existing file.
fn denied(directory: &Directory, name: &str, uid: u32, code: ReasonCode, errno: Errno) -> Reason {
    let owner = directory.stat_of(name).map(|stat| stat.uid);
    if owner.is_ok_and(|owner| owner != uid) {
        return Reason::new(ReasonCode::HomeNotOwned, format!("{name} belongs to another user and cannot be read"));
    }
    Reason::new(code, format!("{name} cannot be read: {}", errno.desc().to_lowercase()))
}

/// Reads a file of a home. Retries once after a moment if the error may be temporary.
fn read_twice(directory: &Directory, name: &str, limit: u64) -> Result<fs::File, ReadError> {
    match directory.read(name, limit) {
        Err(ReadError::Transient(_)) => {
            std::thread::sleep(SECOND_LOOK);
            directory.read(name, limit)
        }
        read => read,
    }
}

fn config_file(directory: &Directory, uid: u32) -> (Fact<ConfigFile>, Option<Stat>) {
    use ReasonCode::{ConfigReadFailed, ConfigTooLarge, ConfigUnreadable};
    let fact = match read_twice(directory, CONFIG_FILE, CONFIG_LIMIT) {
        Ok(file) => {
            let parsed = ConfigFile::parse(&file.bytes, CONFIG_FILE);
            return (parsed.map_or_else(Fact::Unusable, Fact::Seen), Some(file.stat));
        }
        Err(ReadError::Absent) => Fact::Absent,
        Err(ReadError::WrongKind) => Fact::Unusable(Reason::new(ConfigUnreadable, "config.toml is not a regular file")),
        Err(ReadError::TooLarge) => Fact::Unknown(ConfigTooLarge.into()),
        Err(ReadError::Denied(errno)) => Fact::Unusable(denied(directory, CONFIG_FILE, uid, ConfigUnreadable, errno)),
        Err(ReadError::Transient(errno)) => Fact::Unknown(not_read(ConfigReadFailed, CONFIG_FILE, errno)),
    };
    (fact, None)
}

fn auth_file(directory: &Directory, now: DateTime<Utc>, uid: u32) -> Fact<AuthFile> {
    use ReasonCode::{AuthNotRegularFile, AuthReadFailed, AuthTooLarge, AuthUnreadable};
    let judged = |file: fs::File| AuthFile {
        auth: Auth::parse(&file.bytes, now),
        stat: file.stat,
        bytes: SecretBytes(file.bytes),
    };
    let mut read = read_twice(directory, AUTH_FILE, AUTH_LIMIT).map(judged);
    if read.as_ref().is_ok_and(|file| file.auth.may_be_torn) {
        std::thread::sleep(SECOND_LOOK);
        read = directory.read(AUTH_FILE, AUTH_LIMIT).map(judged);
    }
    match read {
        Ok(file) => Fact::Seen(file),
        Err(ReadError::Absent) => Fact::Absent,
        Err(ReadError::WrongKind) => Fact::Unusable(AuthNotRegularFile.into()),
        Err(ReadError::TooLarge) => Fact::Unknown(AuthTooLarge.into()),
        Err(ReadError::Denied(errno)) => Fact::Unusable(denied(directory, AUTH_FILE, uid, AuthUnreadable, errno)),
        Err(ReadError::Transient(errno)) => Fact::Unknown(not_read(AuthReadFailed, AUTH_FILE, errno)),
    }
}
