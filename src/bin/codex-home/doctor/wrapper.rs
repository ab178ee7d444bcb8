//! A hand-written script that OpenClaw runs as codex: what it does.
//!
//! Pure. Understands the usual lines of such scripts, reports what it does not understand, and runs nothing.

use std::path::Path;

/// The shells whose scripts are understood.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];
/// Words by which a line does more than is understood.
const CONTROL: [&str; 11] =
    ["if", "case", "for", "while", "until", "function", "eval", "source", ".", "trap", "select"];

/// What a script does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapper {
    /// The program that runs the script.
    pub interpreter: String,
    /// The value that it sets `CODEX_HOME` to, unexpanded; empty if it unsets it, `None` if it does neither.
    pub home: Option<String>,
    /// The codex that it starts, unexpanded.
    pub program: Option<String>,
    /// Whether it becomes codex by `exec`, rather than stay as its parent.
    pub is_exec: bool,
    /// Whether it does more than was understood.
    pub does_more: bool,
}

impl Wrapper {
    /// Parses a file; `None` if it is not a script.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
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
        // A backslash continues a line.
        let rest = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        for line in rest.lines() {
            wrapper.read_line(line);
        }
        Some(wrapper)
    }

    fn read_line(&mut self, line: &str) {
        let Some(words) = shlex::split(&line.replace(';', " ; ")) else {
            self.does_more |= !line.trim().is_empty();
            return;
        };
        let ends = |word: &String| matches!(word.as_str(), "&&" | "||" | ";" | "|" | "then" | "do" | "{" | "}");
        for command in words.split(ends) {
            self.read_command(command.iter().map(String::as_str));
        }
    }

    fn read_command<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
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
                // fish sets variables by `set`.
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
                    self.is_exec = is_exec;
                } else {
                    self.does_more = true;
                }
                return;
            }
        }
    }

    /// Returns what it does, in words.
    pub fn description(&self) -> String {
        let article = if self.interpreter.is_empty() { "a script" } else { "a script for" };
        let mut text = format!("{article} `{}`", self.interpreter).replace(" ``", "");
        let home = match self.home.as_deref() {
            None => None,
            Some("") => Some("unsets `CODEX_HOME`".to_owned()),
            Some(home) => Some(format!("sets `CODEX_HOME` to `{home}`")),
        };
        let program = self.program.as_ref().map(|program| match self.is_exec {
            true => format!("becomes `{program}`"),
            false => format!("starts `{program}` as its child"),
        });
        let does: Vec<_> = home.into_iter().chain(program).collect();
        match (does.is_empty(), self.does_more) {
            (true, _) => text.push_str(" that was not understood"),
            (false, true) => {
                text.push_str(&format!(" that {}, and does more that was not understood", does.join(" and ")))
            }
            (false, false) => text.push_str(&format!(" that {}", does.join(" and "))),
        }
        text
    }
}

/// Returns whether a word before a command is `NAME=value`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}
