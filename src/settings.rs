//! WHAT WE WERE TOLD: our own `config.toml` and the `CODEX_HOME_SHIM_*` variables → [`Settings`].
//!
//! Decides nothing about homes. The environment wins over the file, the file over the defaults. A value that is wrong is
//! an error that names it: a launcher that went on without `codex = …` would start a program that nobody asked for.

mod file;
mod pattern;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::words::{plain_text, short_path};

pub use file::{LIMIT as FILE_LIMIT, parse};
pub use pattern::Pattern;

/// What may be done about a home that cannot log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Redirect where that is right, else repair.
    #[default]
    Auto,
    /// Never repair.
    Redirect,
    /// Never redirect.
    Repair,
    /// Do nothing, say what would be done.
    Observe,
    /// Do not even look.
    Off,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Redirect, Self::Repair, Self::Observe, Self::Off];

    /// As it is written in settings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Redirect => "redirect",
            Self::Repair => "repair",
            Self::Observe => "observe",
            Self::Off => "off",
        }
    }
}

/// One setting: a key of the file, and the variable that wins over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The codex to start.
    Codex,
    /// The person's own home.
    PersonalHome,
    /// What may be done about a home that cannot log in.
    Strategy,
    /// More homes to treat as bridges.
    Bridges,
    /// Homes to leave alone.
    Leave,
    /// Whether npm's script is replaced by the native codex behind it.
    NpmNative,
    /// Where starts are noted down.
    Journal,
}

impl Key {
    /// Every key, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Codex, Self::PersonalHome, Self::Strategy, Self::Bridges, Self::Leave, Self::NpmNative, Self::Journal];

    /// As it is written in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::PersonalHome => "personal_home",
            Self::Strategy => "strategy",
            Self::Bridges => "bridges",
            Self::Leave => "leave",
            Self::NpmNative => "npm_native",
            Self::Journal => "journal",
        }
    }

    /// The variable that wins over the file.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Codex => "CODEX_HOME_SHIM_CODEX",
            Self::PersonalHome => "CODEX_HOME_SHIM_PERSONAL_HOME",
            Self::Strategy => "CODEX_HOME_SHIM_STRATEGY",
            Self::Bridges => "CODEX_HOME_SHIM_BRIDGES",
            Self::Leave => "CODEX_HOME_SHIM_LEAVE",
            Self::NpmNative => "CODEX_HOME_SHIM_NPM_NATIVE",
            Self::Journal => "CODEX_HOME_SHIM_JOURNAL",
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    #[default]
    Default,
    /// The settings file, in this line, counted from 1.
    File(usize),
    /// The key's variable.
    Variable,
}

/// The variable that names another settings file.
pub const FILE_VARIABLE: &str = "CODEX_HOME_SHIM_CONFIG";

/// What we were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What may be done about a home that cannot log in.
    pub strategy: Strategy,
    /// The codex to start.
    pub codex: Option<PathBuf>,
    /// The person's own home, by default `.codex` in the person's home directory; `None` where that is not known.
    pub personal_home: Option<PathBuf>,
    /// The person's home directory, which messages write as `~`.
    pub person_home: Option<PathBuf>,
    /// Homes to treat as bridges.
    pub bridges: Vec<Pattern>,
    /// Homes to leave alone; stronger than `bridges`.
    pub leave: Vec<Pattern>,
    /// Whether npm's script is replaced by the native codex behind it.
    pub npm_native: bool,
    /// Where starts are noted down.
    pub journal: Journal,
    /// The settings file, whether it is there or not; `None` where no place for it is known.
    pub file: Option<PathBuf>,
    /// Whether somebody named a settings file that is not there.
    pub file_is_missed: bool,
    /// Where the values come from that nobody left at their default.
    pub sources: BTreeMap<Key, Source>,
}

/// Where starts are noted down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Journal {
    /// In `codex-home-shim/journal.jsonl` of the state directory.
    #[default]
    Default,
    /// Nowhere.
    Off,
    /// In this file.
    File(PathBuf),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            codex: None,
            personal_home: None,
            person_home: None,
            bridges: Vec::new(),
            leave: Vec::new(),
            npm_native: true,
            journal: Journal::default(),
            file: None,
            file_is_missed: false,
            sources: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Gathers the settings: those that are right, and everything that is wrong with the others. With one that is wrong
    /// nothing may be started.
    ///
    /// A variable that is set but empty is not set; a file that is missing is no error. Where it cannot be told whether
    /// starts are to be noted down, they are not.
    #[must_use]
    pub fn gather(invocation: &Invocation) -> (Self, Vec<Failure>) {
        let person_home = invocation.person_home();
        let mut settings = Self {
            personal_home: person_home.as_ref().map(|home| home.join(".codex")),
            person_home,
            ..Self::default()
        };
        let mut problems = Vec::new();
        settings.read_file(invocation, &mut problems);
        settings.read_variables(invocation, &mut problems);
        (settings, problems)
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// The first thing that is wrong with them: [`Failure::Setting`] for a variable, [`Failure::SettingsFile`] for the file.
    pub fn read(invocation: &Invocation) -> Result<Self, Failure> {
        let (settings, problems) = Self::gather(invocation);
        problems.into_iter().next().map_or(Ok(settings), Err)
    }

    /// Where the value of `key` comes from.
    #[must_use]
    pub fn source(&self, key: Key) -> Source {
        self.sources.get(&key).copied().unwrap_or_default()
    }

    /// What somebody would have to change to change `key`, in words.
    #[must_use]
    pub fn place_of(&self, key: Key) -> String {
        match (self.source(key), &self.file) {
            (Source::File(line), Some(file)) => {
                format!("`{}` in `{}`, line {line},", key.name(), short_path(file, self.person_home.as_deref()))
            }
            _ => format!("`{}`", key.variable()),
        }
    }

    fn read_file(&mut self, invocation: &Invocation, problems: &mut Vec<Failure>) {
        let named = match invocation.var(FILE_VARIABLE) {
            None => None,
            Some(value) => match absolute(Path::new(value), self.person_home.as_deref()) {
                Ok(path) => Some(path),
                Err(rule) => {
                    problems.push(Failure::Setting { name: FILE_VARIABLE, value: plain_text(value), rule });
                    self.journal = Journal::Off;
                    return;
                }
            },
        };
        let is_named = named.is_some();
        let default = || Some(invocation.config_directory()?.join("codex-home-shim").join("config.toml"));
        let Some(path) = named.or_else(default) else { return };
        self.file = Some(path.clone());
        let shown = short_path(&path, self.person_home.as_deref());
        let text = match file::read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.file_is_missed = is_named;
                return;
            }
            Err(unfit) => {
                problems.push(Failure::SettingsFile {
                    help: unfit.help(&path, self.person_home.as_deref()),
                    path: shown,
                    at: None,
                    cause: unfit.to_string(),
                });
                self.journal = Journal::Off;
                return;
            }
        };
        let (entries, wrong) = parse(&text);
        let mut wrong: Vec<_> = wrong.into_iter().map(|wrong| (wrong.at, wrong.cause)).collect();
        if !wrong.is_empty() && entries.is_empty() {
            self.journal = Journal::Off;
        }
        for entry in entries {
            if let Err(cause) = self.set(entry.key, entry.value) {
                wrong.push((entry.at, cause));
            } else {
                self.sources.insert(entry.key, Source::File(entry.line));
            }
        }
        wrong.sort();
        // A parser that goes on after an error says it of every bracket behind it.
        wrong.dedup();
        problems.extend(wrong.into_iter().map(|(at, cause)| Failure::SettingsFile {
            path: shown.clone(),
            at: Some(at),
            cause,
            help: "correct that line, then run `codex-home config check`".to_owned(),
        }));
    }

    /// Takes one value of the file.
    fn set(&mut self, key: Key, value: file::Value) -> Result<(), String> {
        use file::Value::{Bool, Other, Text, Texts};
        let home = self.person_home.clone();
        let path = |text: &str| {
            let path = absolute(Path::new(text), home.as_deref());
            path.map_err(|rule| format!("`{}` is `{}`, not {rule}", key.name(), plain_text(OsStr::new(text))))
        };
        let patterns = |texts: Vec<String>| {
            let pattern = |text: &String| {
                let pattern = Pattern::new(&path(text)?);
                pattern.map_err(|rule| format!("`{}` is `{}`, not {rule}", key.name(), plain_text(OsStr::new(text))))
            };
            texts.iter().map(pattern).collect::<Result<Vec<_>, String>>()
        };
        match (key, value) {
            (Key::Codex, Text(text)) => self.codex = Some(path(&text)?),
            (Key::PersonalHome, Text(text)) => self.personal_home = Some(path(&text)?),
            (Key::Strategy, Text(text)) => {
                self.strategy = strategy(OsStr::new(&text))
                    .ok_or_else(|| format!("`strategy` is `{}`, not {STRATEGIES}", plain_text(OsStr::new(&text))))?;
            }
            (Key::Bridges, Texts(texts)) => self.bridges = patterns(texts)?,
            (Key::Leave, Texts(texts)) => self.leave = patterns(texts)?,
            (Key::NpmNative, Bool(switch)) => self.npm_native = switch,
            (Key::Journal, Bool(switch)) => self.journal = if switch { Journal::Default } else { Journal::Off },
            (Key::Journal, Text(text)) => match path(&text) {
                Ok(path) => self.journal = Journal::File(path),
                Err(cause) => {
                    self.journal = Journal::Off;
                    return Err(cause);
                }
            },
            (key, value) => {
                let wanted = match key {
                    Key::Codex | Key::PersonalHome | Key::Strategy => "a string",
                    Key::Bridges | Key::Leave => "an array of strings",
                    Key::NpmNative => "`true` or `false`",
                    Key::Journal => {
                        self.journal = Journal::Off;
                        "`true`, `false` or a path"
                    }
                };
                let found = match value {
                    Text(_) => "a string",
                    Texts(_) => "an array",
                    Bool(_) => "a boolean",
                    Other(found) => found,
                };
                return Err(format!("`{}` is {found}, not {wanted}", key.name()));
            }
        }
        Ok(())
    }

    fn read_variables(&mut self, invocation: &Invocation, problems: &mut Vec<Failure>) {
        for key in Key::ALL {
            let name = key.variable();
            let Some(value) = invocation.var(name) else { continue };
            if let Err(rule) = self.set_from_variable(key, value) {
                problems.push(Failure::Setting { name, value: plain_text(value), rule });
                if key == Key::Journal {
                    self.journal = Journal::Off;
                }
            } else {
                self.sources.insert(key, Source::Variable);
            }
        }
    }

    /// Takes the value of one variable.
    fn set_from_variable(&mut self, key: Key, value: &OsStr) -> Result<(), &'static str> {
        let home = self.person_home.clone();
        let path = |value: &OsStr| absolute(Path::new(value), home.as_deref());
        let patterns = || {
            let list = std::env::split_paths(value).filter(|path| !path.as_os_str().is_empty());
            list.map(|text| Pattern::new(&path(text.as_os_str())?)).collect::<Result<Vec<_>, _>>()
        };
        match key {
            Key::Codex => self.codex = Some(path(value)?),
            Key::PersonalHome => self.personal_home = Some(path(value)?),
            Key::Strategy => self.strategy = strategy(value).ok_or(STRATEGIES)?,
            Key::Bridges => self.bridges = patterns()?,
            Key::Leave => self.leave = patterns()?,
            Key::NpmNative => self.npm_native = switch(value).ok_or("one of `1`, `0`")?,
            // `1` and `0` as everywhere, and the words people write.
            Key::Journal if value == "off" || switch(value) == Some(false) => self.journal = Journal::Off,
            Key::Journal if switch(value) == Some(true) => self.journal = Journal::Default,
            Key::Journal => self.journal = Journal::File(path(value)?),
        }
        Ok(())
    }
}

/// A switch as variables have it.
fn switch(value: &OsStr) -> Option<bool> {
    match value.to_str() {
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        _ => None,
    }
}

/// What a strategy may be, in words.
const STRATEGIES: &str = "one of `auto`, `redirect`, `repair`, `observe`, `off`";

fn strategy(value: &OsStr) -> Option<Strategy> {
    Strategy::ALL.into_iter().find(|strategy| value == strategy.name())
}

/// A path of the settings: absolute, or under `~`; else the rule.
fn absolute(path: &Path, person_home: Option<&Path>) -> Result<PathBuf, &'static str> {
    let expanded = match (path.strip_prefix("~"), person_home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    };
    if expanded.is_absolute() { Ok(plain(&expanded)) } else { Err("an absolute path, or one that begins with `~/`") }
}

/// `path` without trailing slashes and `.` parts, so that two spellings of one place compare as equal.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
