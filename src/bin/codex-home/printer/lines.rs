//! Sentences as lines of a terminal: wrapped between words, long paths shortened in the middle.
//!
//! Pure. Text in backticks is never broken, because it may be a command to paste. The terminal wraps it, and copies it as one line.

use std::borrow::Cow;

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The columns of a line that are kept for the words around a path.
const AROUND: usize = 16;
/// The shortest limit of a path, in columns.
const LEAST: usize = 20;

/// The number of the last parts of a path that are shown if they fit.
const ENDING: usize = 3;

/// Returns a text as lines of at most `width` columns. The first begins with `first`, the others with `indent` spaces.
pub fn wrapped(first: &str, indent: usize, text: &str, width: usize) -> Vec<String> {
    let rest = " ".repeat(indent);
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(&rest)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(text, options).into_iter().map(Cow::into_owned).collect()
}

/// Splits a line between words, and not in backticks.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut is_code = false;
    let parts = line.split_inclusive(move |c| {
        is_code ^= c == '`';
        c == ' ' && !is_code
    });
    Box::new(parts.map(Word::from))
}

/// Shortens the paths in backticks, so that a line of `width` columns has room for other words.
pub fn with_short_paths(text: &str, width: usize) -> String {
    let limit = width.saturating_sub(AROUND).max(LEAST);
    let is_path = |code: &str| code.starts_with(['/', '~']) && !code.contains(' ');
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        1 if is_path(part) => short_path(part, limit),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

/// Returns a path with `…` for its middle, because the end says the most, then the beginning.
fn short_path(path: &str, limit: usize) -> String {
    if display_width(path) <= limit {
        return path.to_owned();
    }
    let parts: Vec<_> = path.split('/').collect();
    let shown = |front: usize, back: usize| {
        let begin = parts.iter().take(front).map(|part| format!("{part}/")).collect::<String>();
        let end = parts.iter().skip(parts.len() - back).map(|part| format!("/{part}")).collect::<String>();
        format!("{begin}…{end}")
    };
    let fits = |front, back| front + back < parts.len() && display_width(&shown(front, back)) <= limit;
    let back = (1..=ENDING).rev().find(|back| fits(0, *back)).unwrap_or(0);
    let front = (1..parts.len()).take_while(|front| fits(*front, back)).last().unwrap_or(0);
    let back = (back..parts.len()).take_while(|back| fits(front, *back)).last().unwrap_or(back);
    match back {
        // Not even the last part fits, so its own middle is left out.
        0 => {
            let count = path.chars().count();
            let half = limit.saturating_sub(1) / 2;
            let (begin, end) = (path.chars().take(half), path.chars().skip(count.saturating_sub(half)));
            begin.chain(['…']).chain(end).collect()
        }
        _ => shown(front, back),
    }
}
