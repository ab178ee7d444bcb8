//! WHAT MAKES A `config.toml` LONG: a table for every directory that codex was told to trust.
//!
//! Pure. codex adds them and nobody takes them away, so that the homes of busy people have hundreds; none of them says
//! anything about a login. To read one costs a thousand times what it costs to see that it is one. So they are left out, as long
//! as nothing that is valid becomes invalid by it, or the reverse; where that is not certain, the whole file is read.

use std::collections::HashSet;

use serde::Deserialize as _;
use toml::Table;
use toml::de::{DeTable, DeValue, Deserializer};

/// What a shorter text than this is not looked through for.
const WORTHWHILE: usize = 4 << 10;
/// Both texts that such a table has, as codex writes them (0.123.0, 0.169.0).
const LINES: [&str; 2] = ["trust_level = \"trusted\"", "trust_level = \"untrusted\""];

/// Reads `text` without the tables of trusted directories; `None` where it must be read with them.
pub(super) fn without(text: &str) -> Option<Table> {
    // Within a text of many lines nothing is what it looks like.
    if text.len() < WORTHWHILE || text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let (rest, left_out) = leave_out(text)?;
    let document = DeTable::parse(&rest).ok()?;
    match document.get_ref().get("projects")?.get_ref() {
        DeValue::Table(kept) if !left_out.iter().any(|directory| kept.contains_key(*directory)) => {}
        _ => return None,
    }
    Table::deserialize(Deserializer::from(document)).ok()
}

/// What remains of `text`, and which directories it then lacks; `None` where one stands there twice, or where there are none.
///
/// Of tables that follow one another the first remains: where that is a table of the document, so are the others.
fn leave_out(text: &str) -> Option<(String, HashSet<&str>)> {
    let mut rest = String::with_capacity(WORTHWHILE);
    let mut left_out = HashSet::new();
    let mut follows_another = false;
    for part in parts(text) {
        let directory = directory(part);
        match directory {
            Some(directory) if follows_another => left_out.insert(directory).then_some(())?,
            _ => rest.push_str(part),
        }
        follows_another = directory.is_some();
    }
    (!left_out.is_empty()).then_some((rest, left_out))
}

/// Cuts `text` before each line that begins with a bracket.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find("\n[").map_or(rest.len(), |newline| newline + 1);
        let (part, after) = rest.split_at_checked(end)?;
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// The directory that a part is the table of, where it is one and nothing else.
fn directory(part: &str) -> Option<&str> {
    let (directory, line) = part.strip_prefix("[projects.\"")?.split_once("\"]\n")?;
    let is_plain = !directory.bytes().any(|b| b.is_ascii_control() || b == b'"' || b == b'\\');
    (is_plain && LINES.contains(&line.trim_end_matches('\n'))).then_some(directory)
}
