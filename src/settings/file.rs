//! The settings file. It names a program to run, so it is read only if no other user can change it.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::readlink;

use super::{Key, Raw};
use crate::display::{plain_text, position};
use crate::fs::{self, ReadError, Stat};

/// The largest file that is read, in bytes.
pub const LIMIT: u64 = 64 << 10;
/// The sticky bit: other users may add to the directory, but not remove or replace.
const STICKY: u32 = 0o1000;

/// Why the settings file is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// The system refuses.
    #[error("it cannot be read: {}", .0.desc().to_lowercase())]
    Denied(Errno),
    /// A symlink to nothing.
    #[error("it is a dangling symlink")]
    Dangling,
    /// A directory, a FIFO, a device.
    #[error("it is not a regular file")]
    NotRegular,
    /// More than [`LIMIT`].
    #[error("it is larger than 64 KiB")]
    TooLarge,
    /// Not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// The file, or a directory on the way to it, belongs to another user.
    #[error("`{}` belongs to another user, and the settings name a program to run", plain_text(.0))]
    NotOwned(PathBuf),
    /// Other users may write to the file or to a directory on the way to it.
    #[error("other users may write to `{}`, and the settings name a program to run", plain_text(.0))]
    WritableByOthers(PathBuf),
    /// Not TOML, or a wrong key or value.
    #[error("line {}, column {}: {cause}", at.0, at.1)]
    Invalid {
        /// Line and column, both counted from 1.
        at: (usize, usize),
        /// What is wrong there.
        cause: String,
    },
}

impl From<ReadError> for FileProblem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent => Self::Dangling,
            ReadError::WrongKind => Self::NotRegular,
            ReadError::TooLarge => Self::TooLarge,
            ReadError::Denied(errno) | ReadError::Transient(errno) => Self::Denied(errno),
        }
    }
}

/// Reads the file at `path`; `None` if there is none.
pub(super) fn read(path: &Path, uid: u32) -> Result<Option<String>, FileProblem> {
    // One system call if there is nothing. A dangling symlink counts as a file.
    let is_symlink = match fs::retry(|| readlink(path)) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        link => link.is_ok(),
    };
    let file = fs::read(path, LIMIT)?;
    let directory = path.parent().unwrap_or(path);
    is_safe(path, &file.stat, uid)?;
    is_safe(directory, &fs::stat(directory)?, uid)?;
    if is_symlink {
        let target = readlink(path).map_err(FileProblem::Denied)?;
        let target = directory.join(target);
        let directory = target.parent().unwrap_or(&target);
        let stat = fs::stat(directory)?;
        // In a sticky directory, such as `/nix/store`, no other user can replace our file.
        if stat.mode & STICKY == 0 {
            is_safe(directory, &stat, uid)?;
        }
    }
    String::from_utf8(file.bytes).map(Some).map_err(|_| FileProblem::NotUtf8)
}

fn is_safe(path: &Path, stat: &Stat, uid: u32) -> Result<(), FileProblem> {
    if !stat.is_owned_by(uid) {
        Err(FileProblem::NotOwned(path.to_owned()))
    } else if stat.is_writable_by_others(uid) {
        Err(FileProblem::WritableByOthers(path.to_owned()))
    } else {
        Ok(())
    }
}

/// Parses the text of a settings file.
pub(super) fn parse(text: &str) -> Result<Raw, FileProblem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    toml::from_str(text).map_err(|error| FileProblem::Invalid {
        at: position(text, error.span().map_or(0, |span| span.start)),
        cause: redact(&plain_text(error.message().lines().next().unwrap_or_default())),
    })
}

/// Returns line and column of the value of `key`.
pub(super) fn position_of(text: &str, key: &str) -> (usize, usize) {
    let table = toml::de::DeTable::parse(text).ok();
    let start = table.as_ref().and_then(|table| table.get_ref().get(key)).map(|value| value.span().start);
    position(text, start.unwrap_or(0))
}

/// Returns a parser's message without any text from the file, because the file may have been named by mistake and hold secrets.
pub(super) fn redact(message: &str) -> String {
    let keys = || Key::ALL.map(|key| format!("`{}`", key.name())).join(", ");
    // The quoted text comes before this.
    match message.rfind("expected ").and_then(|at| message.get(at..)) {
        _ if message.starts_with("unknown field") => format!("unknown key, expected one of {}", keys()),
        Some(expected) => expected
            .replace("a boolean", "`true` or `false`")
            .replace("string or table", "one of `auto`, `redirect`, `repair`, `off`"),
        None if message.contains(['`', '"']) => "this is not valid here".to_owned(),
        None => message.to_owned(),
    }
}
