//! Explains a reason with the text of `docs/failure-modes.md`, so that program and page cannot differ.

use serde_json::json;

use crate::error::{CliError, CliResult};
use crate::printer::{HEAD, Printer, painted};

const PAGE: &str = include_str!("../../../../docs/failure-modes.md");
/// Where the page is.
const ADDRESS: &str = "https://github.com/codex-home-shim/codex-home-shim/blob/main/docs/failure-modes.md#by-id";

/// The row of one id.
struct Entry {
    /// What it means.
    meaning: String,
    /// The remedy.
    run: String,
    /// The group of its row.
    heading: String,
    /// What the launcher does in that group.
    introduction: String,
}

/// Prints the row of a reason.
pub fn run(id: &str, json: bool, printer: &mut Printer) -> CliResult {
    let entry = find(id)
        .ok_or_else(|| CliError::new(format!("`{id}` is not in the documentation"), "run `codex-home doctor`"))?;
    if json {
        printer.json(&json!({
            "id": id,
            "meaning": entry.meaning,
            "run": entry.run,
            "heading": entry.heading,
            "introduction": entry.introduction,
        }))?;
        return Ok(0);
    }
    printer.sentence(&format!("{} ", painted(HEAD, &format!("{id}:"))), 2, &entry.meaning)?;
    printer.pasted("  what to run: ", 15, &entry.run)?;
    printer.line("")?;
    printer.sentence("", 0, &format!("{}: {}.", entry.heading, entry.introduction))?;
    // It says what `DIR` is, and which command means which home.
    if ["DIR", "codex-home install", "openclaw models"].iter().any(|part| entry.run.contains(part)) {
        printer.sentence("", 0, &section("## By id"))?;
    }
    printer.line("")?;
    printer.line(ADDRESS)?;
    Ok(0)
}

/// Returns the row of an id.
fn find(id: &str) -> Option<Entry> {
    let row = PAGE.lines().find_map(|line| line.strip_prefix(&format!("| `{id}` | ")))?;
    let (meaning, run) = row.trim_end_matches('|').trim().split_once(" | ")?;
    let before = PAGE.get(..PAGE.find(row)?)?;
    let group = before.lines().rev().find_map(|line| line.strip_prefix("| **"))?;
    let (heading, introduction) = group.trim_end_matches(" | |").split_once("** | ")?;
    Some(Entry { meaning: plain(meaning), run: plain(run), heading: plain(heading), introduction: plain(introduction) })
}

/// Returns the paragraphs below a heading, without tables.
fn section(heading: &str) -> String {
    let below = PAGE.lines().skip_while(|line| *line != heading).skip(1);
    let text = below.take_while(|line| !line.starts_with(['#', '|'])).filter(|line| !line.is_empty());
    plain(&text.collect::<Vec<_>>().join(" "))
}

/// Returns Markdown without the addresses of links.
fn plain(text: &str) -> String {
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest)).replace('[', "")
}
