//! A WRAPPER SOMEBODY WROTE BY HAND, in the place where OpenClaw expects codex: what it does.
//!
//! Pure. Understands what such scripts do in a line or two each, says what it did not follow, and runs nothing.

use std::path::Path;

/// The shells whose scripts are read.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];
/// Words that make a line do more than it says.
const CONTROL: [&str; 11] =
    ["if", "case", "for", "while", "until", "function", "eval", "source", ".", "trap", "select"];

/// What a script does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapper {
    /// What runs it.
    pub interpreter: String,
    /// What it sets `CODEX_HOME` to, as written; empty where it unsets it, `None` where it does neither.
    pub home: Option<String>,
    /// Which codex it starts, as written.
    pub program: Option<String>,
    /// Whether it becomes codex, rather than stay as its parent.
    pub becomes: bool,
    /// Whether it does more than was followed.
    pub does_more: bool,
}

impl Wrapper {
    /// Reads a file; `None` where it is no script.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.strip_prefix("#!")?.lines();
        let mut interpreter = lines.next().unwrap_or_default().split_whitespace();
        let first = interpreter.next().unwrap_or_default();
        let name = |path: &str| Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let interpreter = match name(first).as_str() {
            "env" => interpreter.find(|word| !word.starts_with('-') && !word.contains('=')).map(name),
            _ => Some(name(first)),
        };
        let mut wrapper = Self { interpreter: interpreter.unwrap_or_default(), ..Self::default() };
        if !SHELLS.contains(&wrapper.interpreter.as_str()) {
            wrapper.does_more = true;
            return Some(wrapper);
        }
        // A line may go on in the next one.
        let rest = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        for line in rest.lines() {
            wrapper.follow(line);
        }
        Some(wrapper)
    }

    /// Follows one line.
    fn follow(&mut self, line: &str) {
        let Some(words) = shlex::split(&line.replace(';', " ; ")) else {
            self.does_more |= !line.trim().is_empty();
            return;
        };
        let ends = |word: &String| matches!(word.as_str(), "&&" | "||" | ";" | "|" | "then" | "do" | "{" | "}");
        for command in words.split(ends) {
            self.follow_command(command.iter().map(String::as_str));
        }
    }

    fn follow_command<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let mut words = words.peekable();
        let mut is_exec = false;
        let mut unsets = false;
        while let Some(word) = words.next() {
            if CONTROL.contains(&word) {
                self.does_more = true;
            } else if let Some(home) = word.strip_prefix("CODEX_HOME=") {
                self.home = Some(home.to_owned());
            } else if is_assignment(word) || matches!(word, "export" | "typeset" | "declare" | "env" | "command") {
            } else if word == "exec" {
                is_exec = true;
            } else if word == "unset" || word == "-u" {
                unsets = true;
            } else if unsets {
                if word == "CODEX_HOME" {
                    self.home = Some(String::new());
                }
            } else if word == "-a" {
                words.next();
            } else if word.starts_with('-') {
            } else if word == "set" || word == "setopt" {
                // `fish` sets variables by it.
                let rest: Vec<_> = words.by_ref().filter(|word| !word.starts_with('-')).collect();
                if let [name, value] = rest.as_slice()
                    && *name == "CODEX_HOME"
                {
                    self.home = Some((*value).to_owned());
                }
                return;
            } else {
                let is_codex = word.to_lowercase().contains("codex");
                if is_codex || is_exec {
                    self.program = Some(word.to_owned());
                    self.becomes = is_exec;
                } else {
                    self.does_more = true;
                }
                return;
            }
        }
    }

    /// What it does, in words.
    pub fn told(&self) -> String {
        let article = if self.interpreter.is_empty() { "a script" } else { "a script for" };
        let mut told = format!("{article} `{}`", self.interpreter).replace(" ``", "");
        let home = match self.home.as_deref() {
            None => None,
            Some("") => Some("unsets `CODEX_HOME`".to_owned()),
            Some(home) => Some(format!("sets `CODEX_HOME` to `{home}`")),
        };
        let program = self.program.as_ref().map(|program| match self.becomes {
            true => format!("becomes `{program}`"),
            false => format!("starts `{program}` as its child"),
        });
        let does: Vec<_> = home.into_iter().chain(program).collect();
        match (does.is_empty(), self.does_more) {
            (true, _) => told.push_str(" that was not followed"),
            (false, true) => {
                told.push_str(&format!(" that {}, and does more that was not followed", does.join(" and ")))
            }
            (false, false) => told.push_str(&format!(" that {}", does.join(" and "))),
        }
        told
    }
}

/// `NAME=value` in front of a command.
fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}
