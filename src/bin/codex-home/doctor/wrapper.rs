//! A hand-written script that OpenClaw runs as codex: what it does, and what of it the launcher does not do.
//!
//! Pure. Understands the usual lines of such scripts, reports what it does not understand, and runs nothing. Names variables and
//! programs, never the values of variables or arguments, which may be secrets.

use std::path::{Path, PathBuf};

/// The shells whose scripts are understood.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];
/// Words by which a line does more than is understood.
const CONTROL: [&str; 11] =
    ["if", "case", "for", "while", "until", "function", "eval", "source", ".", "trap", "select"];
/// Commands that change nothing codex would notice.
const NOTHING: [&str; 7] = ["setopt", "emulate", "umask", ":", "true", "fi", "done"];
/// How the shells write all of their own arguments.
const ALL_ARGUMENTS: [&str; 4] = ["$@", "${@}", "${1+$@}", "$argv"];

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
    /// The program through which it starts codex.
    pub through: Option<String>,
    /// The other variables that it sets.
    pub sets: Vec<String>,
    /// The other variables that it unsets.
    pub unsets: Vec<String>,
    /// What it does with a login: `copies`, `links` or `rewrites` it.
    pub login: Option<&'static str>,
    /// Whether it gives codex other arguments than its own.
    pub has_arguments: bool,
    /// Whether it does more than was understood.
    pub does_more: bool,
    /// Its interpreter, if that is not there, so that the script cannot be started.
    pub missing: Option<PathBuf>,
}

impl Wrapper {
    /// Parses a file; `None` if it is not a script. Text without a `#!` is a script for `sh`, which execvp hands it to.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (first, rest) = match text.strip_prefix("#!") {
            Some(text) => text.split_once('\n').unwrap_or((text, "")),
            None if is_text(bytes) => ("/bin/sh", text.as_ref()),
            None => return None,
        };
        let mut words = first.split_whitespace();
        let name = |path: &str| file_name(path).to_owned();
        let interpreter = match words.next().map(name).as_deref() {
            Some("env") => words.find(|word| !word.starts_with('-') && !word.contains('=')).map(name),
            first => first.map(str::to_owned),
        };
        let mut wrapper = Self { interpreter: interpreter.unwrap_or_default(), ..Self::default() };
        if !SHELLS.contains(&wrapper.interpreter.as_str()) {
            wrapper.does_more = true;
            return Some(wrapper);
        }
        // A backslash continues a line.
        let rest = rest.lines().collect::<Vec<_>>().join("\n").replace("\\\n", " ");
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
        self.read_login(&words);
        let ends = |word: &String| matches!(word.as_str(), "&&" | "||" | ";" | "|" | "then" | "do" | "{" | "}");
        for command in words.split(ends) {
            self.read_command(command);
        }
    }

    /// Reads what a line does with a login.
    fn read_login(&mut self, words: &[String]) {
        if !words.iter().any(|word| word.contains("auth.json")) {
            return;
        }
        let command = words.first().map(|word| file_name(word)).unwrap_or_default();
        self.login = Some(match command {
            "cp" | "install" | "rsync" if self.login.is_none() => "copies",
            "ln" if self.login.is_none() => "links",
            _ => "rewrites",
        });
    }

    fn read_command(&mut self, words: &[String]) {
        let mut words = words.iter().map(String::as_str).peekable();
        let mut is_exec = false;
        while let Some(word) = words.next() {
            match word {
                _ if CONTROL.contains(&word) => self.does_more = true,
                _ if self.assign(word) => {}
                "export" | "typeset" | "declare" => {
                    // Words without a value change nothing.
                    for word in words {
                        self.assign(word);
                    }
                    return;
                }
                "env" | "command" | "builtin" => {}
                "exec" => is_exec = true,
                "-a" => drop(words.next()),
                "-u" => self.unset(words.next().unwrap_or_default()),
                "-i" => self.does_more = true,
                "unset" => {
                    words.filter(|word| !word.starts_with('-')).for_each(|name| self.unset(name));
                    return;
                }
                "set" => {
                    // fish sets variables by `set`, the others set options of their own.
                    let mut rest = words.filter(|word| !word.starts_with(['-', '+']));
                    if let (Some(name), Some(value)) = (rest.next(), rest.next()) {
                        self.does_more |= !self.assign(&format!("{name}={value}"));
                    }
                    return;
                }
                _ if word.starts_with('-') => {}
                _ if NOTHING.contains(&word) => return,
                _ => {
                    self.start(word, &words.collect::<Vec<_>>(), is_exec);
                    return;
                }
            }
        }
    }

    /// Takes a word that is `NAME=value`.
    fn assign(&mut self, word: &str) -> bool {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| is_name(name)) else { return false };
        if name == "CODEX_HOME" {
            self.home = Some(value.to_owned());
        } else if !self.sets.iter().any(|other| other == name) {
            self.sets.push(name.to_owned());
        }
        true
    }

    fn unset(&mut self, name: &str) {
        if name == "CODEX_HOME" {
            self.home = Some(String::new());
        } else if is_name(name) && !self.unsets.iter().any(|other| other == name) {
            self.unsets.push(name.to_owned());
        }
    }

    /// Takes a command that starts a program.
    fn start(&mut self, program: &str, arguments: &[&str], is_exec: bool) {
        if is_codex(program) {
            self.has_arguments |= !matches!(arguments, [all] if ALL_ARGUMENTS.contains(all));
        } else if is_exec || arguments.iter().any(|word| is_codex(word)) {
            self.through = Some(file_name(program).to_owned());
        } else {
            // What is done with a login is told in its own words.
            self.does_more |= !arguments.iter().any(|word| word.contains("auth.json"));
            return;
        }
        self.program = Some(program.to_owned());
        self.is_exec = is_exec;
    }

    /// Returns the codex that it starts, if that is an absolute path; `~` and `$HOME` are `home`.
    pub fn codex(&self, home: Option<&Path>) -> Option<PathBuf> {
        let program = self.program.as_deref().filter(|_| self.through.is_none())?;
        let below = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|home| program.strip_prefix(home));
        match below {
            Some(below) => Some(home?.join(below)),
            None => Some(PathBuf::from(program)).filter(|path| path.is_absolute() && !program.contains('$')),
        }
    }

    /// Returns what it does that the launcher does not, each in words.
    pub fn losses(&self) -> Vec<String> {
        let names = |names: &[String]| format!("`{}`", names.join("`, `"));
        let all = [
            (!self.sets.is_empty()).then(|| format!("sets {}", names(&self.sets))),
            (!self.unsets.is_empty()).then(|| format!("unsets {}", names(&self.unsets))),
            self.login.map(|does| format!("{does} a login (`auth.json`)")),
            self.through.as_ref().map(|program| format!("starts codex through `{program}`")),
            self.has_arguments.then(|| "gives codex other arguments".to_owned()),
            self.does_more.then(|| "does more that was not understood".to_owned()),
            (self.program.is_none() && !self.does_more).then(|| "starts no codex that was recognized".to_owned()),
        ];
        all.into_iter().flatten().collect()
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
        let program = self.program.as_ref().filter(|_| self.through.is_none()).map(|program| match self.is_exec {
            true => format!("becomes `{program}`"),
            false => format!("starts `{program}` as its child"),
        });
        let understood: Vec<_> = home.into_iter().chain(program).collect();
        let is_understood = !understood.is_empty() || self.losses().iter().any(|loss| !loss.ends_with("understood"));
        match is_understood {
            true => {
                let does: Vec<_> = understood.into_iter().chain(self.losses()).collect();
                let last = does.split_last().map(|(last, others)| match others {
                    [] => last.clone(),
                    others => format!("{} and {last}", others.join(", ")),
                });
                text.push_str(&format!(" that {}", last.unwrap_or_default()));
            }
            false => text.push_str(" that was not understood"),
        }
        if let Some(interpreter) = &self.missing {
            text.push_str(&format!("; there is no such interpreter, `{}`", interpreter.display()));
        }
        text
    }
}

fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Returns whether a program is called codex, or as a release of it is: `codex-x86_64-unknown-linux-musl`.
fn is_codex(program: &str) -> bool {
    file_name(program).starts_with("codex") && !["codex-home-shim", "codex-acp"].contains(&file_name(program))
}

/// Returns whether a word is the name of a variable.
fn is_name(word: &str) -> bool {
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Returns whether bytes are text, and not a program.
fn is_text(bytes: &[u8]) -> bool {
    let end = bytes.len().min(512);
    let head = bytes.get(..end).unwrap_or_default();
    !head.is_empty()
        && head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && head.contains(&b'\n')
}

/// Returns the path of the interpreter that a script names, as the kernel takes it: also with a carriage return at its end.
pub fn interpreter(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let word = line.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(PathBuf::from(word)).filter(|path| path.is_absolute())
}
