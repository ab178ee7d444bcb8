//! Formats paths, values and system errors for messages.
//!
//! Pure. A path or value that another program chose cannot move the cursor, break a line or reverse the text.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::Serialize;

/// Words that make a host replace a message by its own, delay the next start (OpenClaw 2026.4.21 and later), or log out (the
/// last two: codex-acp). No message contains one, in upper or lower case.
pub const TRIGGER_WORDS: [&str; 10] = [
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

/// Returns `text` with `filler` inserted after the first letter of every trigger word, because a directory may be called `401`.
fn insert_into_triggers(text: &str, filler: &str) -> String {
    // ASCII only, so that both texts have the same length.
    let lowercase = text.to_ascii_lowercase();
    let mut defused = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        defused.push(c);
        let rest = lowercase.get(at..).unwrap_or_default();
        if TRIGGER_WORDS.iter().any(|word| rest.starts_with(word)) {
            defused.push_str(filler);
        }
    }
    defused
}

/// Returns `text` as a message may contain it: without trigger words.
#[must_use]
pub fn defuse(text: &str) -> String {
    insert_into_triggers(text, "…")
}

/// Shortens `text` to `limit` characters from the front, because the end of a path says more than its beginning.
#[must_use]
pub fn tail(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        text.to_owned()
    } else {
        ['…'].into_iter().chain(text.chars().skip(count - limit + 1)).collect()
    }
}

/// Returns whether a character has an effect instead of a shape: controls, Unicode's line separators, and the bidirectional
/// marks that make one path read as another.
#[must_use]
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns `text` on one line, with control characters escaped and invalid UTF-8 replaced.
#[must_use]
pub fn plain_text(text: impl AsRef<OsStr>) -> String {
    let mut shown = String::new();
    for c in text.as_ref().to_string_lossy().chars() {
        if is_control(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Returns `value` as one line of JSON without any character of [`is_control`]: Node 24 ends a line at U+2028 and U+0085.
///
/// # Errors
/// If `value` cannot be serialised.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escaped_json(&serde_json::to_string(value)?))
}

/// Returns JSON text without any character of [`is_control`], except for line feeds and tabs between values.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        // These are in strings only, where JSON has neither a line feed nor a tab, and in the Basic Multilingual Plane.
        let is_escaped = is_control(c) && !matches!(c, '\n' | '\t');
        if is_escaped { escaped.push_str(&format!("\\u{:04x}", u32::from(c))) } else { escaped.push(c) }
    }
    escaped
}

/// Returns `path` with `~` for the person's home directory.
#[must_use]
pub fn short_path(path: &Path, person_home: Option<&Path>) -> String {
    match person_home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", plain_text(rest)),
        None => plain_text(path),
    }
}

/// Returns `path` as one word of a shell command, on one line.
#[must_use]
pub fn shell_word(path: &Path, person_home: Option<&Path>) -> String {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&b));
    let full = path.to_string_lossy();
    let below_home = person_home.and_then(|home| path.strip_prefix(home).ok());
    match below_home.map(Path::to_string_lossy) {
        Some(rest) if rest.is_empty() => return "~".to_owned(),
        Some(rest) if is_plain(&rest) => return insert_into_triggers(&format!("~/{rest}"), "''"),
        None if is_plain(&full) && !full.is_empty() => return insert_into_triggers(&full, "''"),
        _ => {}
    }
    if !full.chars().any(is_control) {
        // A shell reads `'a''b'` as `ab`.
        return insert_into_triggers(&format!("'{}'", full.replace('\'', r"'\''")), "''");
    }
    // Not POSIX, but bash and zsh read it. In dash and fish it is another word or an error: no quote ends before the last one.
    let escape = |c: char| match c {
        c if is_control(c) || matches!(c, '\'' | '\\') => c.to_string().bytes().map(|b| format!("\\{b:03o}")).collect(),
        c => c.to_string(),
    };
    insert_into_triggers(&format!("$'{}'", full.chars().map(escape).collect::<String>()), "'$'")
}

/// Returns what went wrong with a file, without trigger words.
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

/// Returns line and column of a byte in `text`, both counted from 1, the column in characters.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}
