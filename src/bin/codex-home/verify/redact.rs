//! Removes tokens from codex's texts, and shortens e-mail addresses. Pure.

use anstream::adapter::strip_str;
use codex_home::display::plain_text;

/// The part of `npm i -g @openai/codex@latest` that looks like an e-mail address.
const IN_COMMAND: &str = "codex@latest";
/// The longest text of another program that is shown, in characters.
const LONGEST: usize = 400;

/// Returns a text of another program: on one line, not too long, without what may be a token or an e-mail address.
pub fn shown(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "._-+=~@%".contains(c);
    let text = strip_str(text).to_string();
    let mut safe = String::new();
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let word = rest.split(|c: char| !is_of_word(c)).next().unwrap_or_default();
        let length = if word.is_empty() { c.len_utf8() } else { word.len() };
        let (word, after) = rest.split_at(length);
        safe.push_str(&match word {
            IN_COMMAND => word.to_owned(),
            word if is_secret(word) => "…".to_owned(),
            word => masked(word),
        });
        rest = after;
    }
    let safe = plain_text(safe.trim());
    match safe.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", safe.get(..end).unwrap_or_default()),
        None => safe,
    }
}

/// Returns whether a word may be a token: by its beginning, or long and with digits in it.
fn is_secret(word: &str) -> bool {
    let begins = ["eyJ", "sk-", "rt.", "rt_"].iter().any(|start| word.starts_with(start) && word.len() >= 8);
    begins || (word.len() >= 32 && word.bytes().any(|b| b.is_ascii_digit()))
}

/// Shortens an e-mail address to beginnings that its owner recognises. Returns any other text unchanged.
pub fn masked(email: &str) -> String {
    let initial =
        |part: &str| part.chars().next().filter(|_| part.chars().count() > 2).map(String::from).unwrap_or_default();
    match email.split_once('@') {
        Some((name, domain)) if !name.is_empty() && !domain.is_empty() => {
            format!("{}…@{}…", plain_text(initial(name)), plain_text(initial(domain)))
        }
        _ => plain_text(email),
    }
}
