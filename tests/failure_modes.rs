//! `docs/failure-modes.md` is whole: every reason has its row, and every row a test that is there.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails"
)]

use std::collections::BTreeMap;
use std::path::Path;

use codex_home::reason::Reason;

const PAGE: &str = include_str!("../docs/failure-modes.md");

/// The cells of every row whose first cell is an id.
fn rows() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
    let is_row = |line: &&str| line.starts_with("| `");
    PAGE.lines().filter(is_row).map(cells).collect()
}

#[test]
fn every_reason_has_one_row() {
    let mut count: BTreeMap<&str, u32> = Reason::ALL.iter().map(|reason| (reason.id(), 0)).collect();
    for row in rows() {
        let id = row[0].trim_matches('`');
        *count.get_mut(id).unwrap_or_else(|| panic!("`{id}` is no reason")) += 1;
    }
    let wrong: Vec<_> = count.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "not one row each: {wrong:?}");
}

#[test]
fn every_row_says_everything_and_names_a_test_that_is_there() {
    for row in rows() {
        assert_eq!(row.len(), 6, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let (file, test) = row[5].trim_matches('`').split_once(": ").unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(test) || is_made_up(&text, test), "{file} has no `{test}`");
    }
}

/// Whether a sentence is put together from a row of a table: `a bridge whose auth.json is {name} is …`.
fn is_made_up(text: &str, test: &str) -> bool {
    text.lines().filter_map(|line| line.split_once("format!(\"")?.1.split_once('"')).any(|(pattern, _)| {
        let Some((before, rest)) = pattern.split_once("{name}") else { return false };
        let middle = test.strip_prefix(before).and_then(|test| test.strip_suffix(rest));
        middle.is_some_and(|name| text.contains(&format!("\"{name}\"")))
    })
}
