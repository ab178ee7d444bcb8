//! A hand-written script that OpenClaw runs as codex: what it does, and what of it the launcher does not do.
//!
//! Understands the usual lines of such scripts, reports what it does not understand, and runs nothing. A word of the script is shown
//! only if it is known what it is: the name of a variable, a known program, a path to something that is there. Any other word, and
//! the value of any variable or argument, may be a secret.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use codex_home::codex::locations::INSTALLERS;
use codex_home::fs::exists;
use codex_home::settings::Settings;

/// The shells whose scripts are understood.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];
/// Words by which a line does more than is understood.
const CONTROL: [&str; 11] =
    ["if", "case", "for", "while", "until", "function", "eval", "source", ".", "trap", "select"];
/// Commands that change nothing codex would notice.
const NOTHING: [&str; 7] = ["setopt", "emulate", "umask", ":", "true", "fi", "done"];
/// Other programs that run scripts.
const INTERPRETERS: [&str; 9] = ["python", "python3", "node", "deno", "bun", "perl", "ruby", "pwsh", "osascript"];
/// Programs that are known to start others.
const STARTERS: &str = "arch bwrap caffeinate chroot direnv docker doas doppler env firejail flatpak gosu infisical ionice mise nice \
    nohup npx op podman runuser script setpriv setsid ssh stdbuf su sudo systemd-run timeout unshare wsl.exe";
/// The home that the launcher redirects to, as scripts write it.
const USUAL_HOMES: [&str; 3] = ["$HOME/.codex", "${HOME}/.codex", "~/.codex"];
/// The longest name of a variable that is shown.
const LONGEST_NAME: usize = 40;
/// How many names of variables are shown.
const NAMES: usize = 8;
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
        for names in [&mut wrapper.sets, &mut wrapper.unsets] {
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
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
                "env" | "/usr/bin/env" | "command" | "builtin" => {}
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
        } else {
            self.sets.push(name.to_owned());
        }
        true
    }

    fn unset(&mut self, name: &str) {
        if name == "CODEX_HOME" {
            self.home = Some(String::new());
        } else if is_name(name) {
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
        absolute(self.program.as_deref().filter(|_| self.through.is_none())?, home)
    }

    /// Returns the directory that it sets `CODEX_HOME` to, if that is an absolute path; `~` and `$HOME` are `home`.
    pub fn directory(&self, home: Option<&Path>) -> Option<PathBuf> {
        absolute(self.home.as_deref()?, home)
    }

    /// Returns whether it sets `CODEX_HOME` to another home than the launcher would use.
    fn has_other_home(&self, home: Option<&Path>, personal: Option<&Path>) -> bool {
        match self.home.as_deref() {
            None | Some("") => false,
            Some(text) => {
                !USUAL_HOMES.contains(&text)
                    && self.directory(home).is_none_or(|directory| personal != Some(&directory))
            }
        }
    }

    /// Returns `CODEX_HOME` as a sentence has it.
    fn sets_home(&self, home: Option<&Path>) -> Option<String> {
        let text = self.home.as_deref()?;
        Some(match self.directory(home) {
            _ if text.is_empty() => "unsets `CODEX_HOME`".to_owned(),
            directory if USUAL_HOMES.contains(&text) || directory.as_deref().is_some_and(exists) => {
                format!("sets `CODEX_HOME` to `{text}`")
            }
            Some(_) => "sets `CODEX_HOME` to a directory that is not there".to_owned(),
            None => "sets `CODEX_HOME`".to_owned(),
        })
    }

    /// Returns what it starts as a sentence has it.
    fn starts(&self, home: Option<&Path>) -> Option<String> {
        let program = self.program.as_deref().filter(|_| self.through.is_none())?;
        let is_there = || self.codex(home).as_deref().is_some_and(exists);
        let shown = if program == "codex" || is_usual_place(program) || is_there() {
            format!("`{program}`")
        } else {
            "another codex".to_owned()
        };
        Some(if self.is_exec { format!("becomes {shown}") } else { format!("starts {shown} as its child") })
    }

    /// Returns what it does that the launcher does not, each in words.
    pub fn losses(&self) -> Vec<String> {
        let all = [
            (!self.sets.is_empty()).then(|| format!("sets {}", shown_names(&self.sets))),
            (!self.unsets.is_empty()).then(|| format!("unsets {}", shown_names(&self.unsets))),
            self.login.map(|does| format!("{does} a login (`auth.json`)")),
            self.through.as_deref().map(|program| {
                match STARTERS.split(' ').any(|starter| starter == program) || is_variable(program) {
                    true => format!("starts codex through `{program}`"),
                    false => "starts codex through another program".to_owned(),
                }
            }),
            self.has_arguments.then(|| "gives codex other arguments".to_owned()),
            self.does_more.then(|| "does more that was not understood".to_owned()),
            (self.program.is_none() && !self.does_more).then(|| "starts no codex that was recognized".to_owned()),
        ];
        all.into_iter().flatten().collect()
    }

    /// Returns what would be lost, each in words, if the launcher replaced it under these settings.
    pub fn lost(&self, settings: &Settings) -> Vec<String> {
        let (person, personal) = (settings.person_home.as_deref(), settings.personal_home.as_deref());
        let mut lost = self.losses();
        if self.has_other_home(person, personal) {
            lost.push("sets `CODEX_HOME`, for which the launcher has the setting `personal_home`".to_owned());
        }
        let is_variable = self.through.is_none() && self.program.as_deref().is_some_and(|it| it.contains('$'));
        if is_variable && self.codex(person).is_none() {
            lost.push("starts a codex that a variable names, which was not found".to_owned());
        }
        lost
    }

    /// Returns whether all that it does is start codex: in the home and with the arguments that it was given.
    pub fn only_starts_codex(&self) -> bool {
        self.home.is_none() && self.losses().is_empty()
    }

    /// Returns what it does, in words; `~` and `$HOME` are `home`.
    pub fn description(&self, home: Option<&Path>) -> String {
        let interpreter = self.interpreter.as_str();
        let is_known = SHELLS.contains(&interpreter) || INTERPRETERS.contains(&interpreter);
        let mut text = if is_known { format!("a script for `{interpreter}`") } else { "a script".to_owned() };
        let understood: Vec<_> = self.sets_home(home).into_iter().chain(self.starts(home)).collect();
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
        match self.missing.as_deref() {
            // A script that came from Windows: the carriage return is part of the name.
            Some(path) if path.to_string_lossy().ends_with('\r') => {
                text.push_str("; its first line ends with a carriage return, and there is no such interpreter");
            }
            Some(_) => text.push_str("; there is no such interpreter"),
            None => {}
        }
        text
    }
}

/// Returns an absolute path that a script names; `~` and `$HOME` are `home`.
fn absolute(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let below = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|start| text.strip_prefix(start));
    let path = below.map_or_else(|| Some(PathBuf::from(text)), |below| Some(home?.join(below)))?;
    (path.is_absolute() && !text.trim_start_matches("$HOME/").trim_start_matches("${HOME}/").contains('$'))
        .then_some(path)
}

/// Returns whether an installer puts codex there on every machine.
fn is_usual_place(program: &str) -> bool {
    let mut places = INSTALLERS.iter().flat_map(|installer| {
        installer.roots.iter().flat_map(|root| installer.below.iter().map(move |below| (root.path, *below)))
    });
    program == "/usr/bin/codex"
        || places.any(|(root, below)| program.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')) == Some(below))
}

/// Returns names of variables as a sentence has them.
fn shown_names(names: &[String]) -> String {
    let shown: Vec<_> =
        names.iter().filter(|name| is_shown_name(name)).take(NAMES).map(|name| format!("`{name}`")).collect();
    match (shown.len(), names.len() - shown.len()) {
        (0, 1) => "a variable".to_owned(),
        (0, more) => format!("{more} variables"),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns whether a word is the name of a variable and does not look like a secret.
fn is_shown_name(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    is_name(word) && word.len() <= LONGEST_NAME && !(has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase))
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

/// Returns whether a word is `$NAME`, the value of a variable.
fn is_variable(word: &str) -> bool {
    let name = word.strip_prefix('$').unwrap_or_default();
    is_shown_name(name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name))
}

/// Returns whether bytes are text, and not a program.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && !bytes.contains(&0)
}

/// Returns the path of the interpreter that a script names, as the kernel takes it: also with a carriage return at its end.
pub fn interpreter(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let word = line.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(PathBuf::from(word)).filter(|path| path.is_absolute())
}
