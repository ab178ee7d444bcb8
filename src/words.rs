//! HOW THINGS ARE SHOWN in a message: paths and values that somebody else chose.
//!
//! Pure. Nothing that leaves this room can move a cursor or break a line.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

/// `text` on one line: control characters escaped, bytes that are not UTF-8 replaced.
#[must_use]
pub fn plain_text(text: &OsStr) -> String {
    let mut shown = String::new();
    for c in text.to_string_lossy().chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// `path` with `~` for the person's home directory.
#[must_use]
pub fn short_path(path: &Path, person_home: Option<&Path>) -> String {
    match person_home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", plain_text(rest.as_os_str())),
        None => plain_text(path.as_os_str()),
    }
}

/// `path` as a word of a shell command.
#[must_use]
pub fn shell_word(path: &Path, person_home: Option<&Path>) -> String {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,:@%~".contains(&b));
    let short = short_path(path, person_home);
    if is_plain(&short) { short } else { format!("'{}'", path.to_string_lossy().replace('\'', r"'\''")) }
}

/// What went wrong with a file, without the words that hosts act upon.
#[must_use]
pub fn cause(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => "the file system does not answer".to_owned(),
        ErrorKind::Other => "input/output error".to_owned(),
        _ => match error.raw_os_error() {
            Some(code) => nix::errno::Errno::from_raw(code).desc().to_lowercase(),
            None => error.kind().to_string(),
        },
    }
}
