//! HOW THINGS ARE SHOWN in a message: paths and values that somebody else chose.
//!
//! Pure. Nothing that leaves this room can move a cursor or break a line.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Words after which a host replaces a message by one of its own, puts the start into a cooldown (OpenClaw 2026.4.21 and
/// later), or ends the login unasked (the last two: codex-acp). No message holds one, in whatever case.
pub const ROUTED: [&str; 10] = [
    "401",
    "authentication required",
    "expired",
    "timeout",
    "timed out",
    "rate limit",
    "unauthorized",
    "overloaded",
    "log out",
    "cloud requirements",
];

/// `text` with every routed word broken by `with` after its first letter: a directory may be called `401`.
fn broken_up(text: &str, with: &str) -> String {
    // ASCII only, so that both texts have the same length.
    let lowercase = text.to_ascii_lowercase();
    let mut broken = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        broken.push(c);
        let rest = lowercase.get(at..).unwrap_or_default();
        if ROUTED.iter().any(|word| rest.starts_with(word)) {
            broken.push_str(with);
        }
    }
    broken
}

/// `text` as a message may hold it.
#[must_use]
pub fn unrouted(text: &str) -> String {
    broken_up(text, "…")
}

/// `text` in `limit` characters: what is over goes from its beginning, for the end of a path tells more.
#[must_use]
pub fn tail(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        text.to_owned()
    } else {
        ['…'].into_iter().chain(text.chars().skip(count - limit + 1)).collect()
    }
}

/// Whether a character does something instead of showing something: controls, the line ends of Unicode, and what turns the
/// direction of the text behind it, so that a path reads as another one.
#[must_use]
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` on one line: control characters escaped, bytes that are not UTF-8 replaced.
#[must_use]
pub fn plain_text(text: &OsStr) -> String {
    let mut shown = String::new();
    for c in text.to_string_lossy().chars() {
        if is_control(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
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

/// `path` as a word of a shell command, on one line.
#[must_use]
pub fn shell_word(path: &Path, person_home: Option<&Path>) -> String {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&b));
    let short = short_path(path, person_home);
    let full = path.to_string_lossy();
    let word = if is_plain(short.strip_prefix('~').unwrap_or(&short)) {
        short
    } else if full.chars().any(is_control) {
        // Not every shell knows this form; those that people type into do.
        let escaped = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if is_control(c) => c.to_string().bytes().map(|b| format!("\\{b:03o}")).collect(),
            c => c.to_string(),
        };
        format!("$'{}'", full.chars().map(escaped).collect::<String>())
    } else {
        format!("'{}'", full.replace('\'', r"'\''"))
    };
    // To a shell `a''b` and `'a''b'` are `ab`.
    broken_up(&word, "''")
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

/// Line and column of a byte in `text`, both from 1, the column in characters.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}
