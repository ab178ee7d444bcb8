//! Our own settings: `codex-home-shim/config.toml` and the `CODEX_HOME_SHIM_*` variables → [`Settings`].
//!
//! One serde definition for both. A variable wins over the file, the file over the default. A wrong value is an error that names
//! it, because a launcher that ignored a misspelt `codex = …` would start a program that the person did not choose.

mod file;
mod pattern;

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;
use crate::invocation::Invocation;

pub use file::{FileProblem, LIMIT as FILE_LIMIT};
pub use pattern::Pattern;

/// What may be done about a home that cannot log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Redirect if that is certain; otherwise repair.
    #[default]
    Auto,
    /// Never repair. The person says that the bots are their own, so an unknown account is accepted.
    Redirect,
    /// Never redirect.
    Repair,
    /// Judge nothing.
    Off,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Redirect, Self::Repair, Self::Off];

    /// Returns the name in settings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Redirect => "redirect",
            Self::Repair => "repair",
            Self::Off => "off",
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The codex to start.
    Codex,
    /// More directories in which codex may be.
    Search,
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
    /// Whether starts are written to the journal.
    Journal,
}

impl Key {
    /// Every key, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Codex,
        Self::Search,
        Self::PersonalHome,
        Self::Strategy,
        Self::Bridges,
        Self::Leave,
        Self::NpmNative,
        Self::Journal,
    ];

    /// Returns the name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::Search => "search",
            Self::PersonalHome => "personal_home",
            Self::Strategy => "strategy",
            Self::Bridges => "bridges",
            Self::Leave => "leave",
            Self::NpmNative => "npm_native",
            Self::Journal => "journal",
        }
    }

    /// Returns the variable that wins over the file.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Codex => "CODEX_HOME_SHIM_CODEX",
            Self::Search => "CODEX_HOME_SHIM_SEARCH",
            Self::PersonalHome => "CODEX_HOME_SHIM_PERSONAL_HOME",
            Self::Strategy => "CODEX_HOME_SHIM_STRATEGY",
            Self::Bridges => "CODEX_HOME_SHIM_BRIDGES",
            Self::Leave => "CODEX_HOME_SHIM_LEAVE",
            Self::NpmNative => "CODEX_HOME_SHIM_NPM_NATIVE",
            Self::Journal => "CODEX_HOME_SHIM_JOURNAL",
        }
    }
}

/// The source of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The default.
    #[default]
    Default,
    /// The settings file.
    File,
    /// The key's variable.
    Variable,
}

/// The variable that names another settings file.
pub const FILE_VARIABLE: &str = "CODEX_HOME_SHIM_CONFIG";

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What may be done about a home that cannot log in.
    pub strategy: Strategy,
    /// The codex to start.
    pub codex: Option<PathBuf>,
    /// Directories in which codex may be, looked at after PATH.
    pub search: Vec<PathBuf>,
    /// The person's own home, by default `.codex` in the person's home directory; `None` if that is not known.
    pub personal_home: Option<PathBuf>,
    /// The person's home directory, which messages write as `~`.
    pub person_home: Option<PathBuf>,
    /// Homes to treat as bridges.
    pub bridges: Vec<Pattern>,
    /// Homes to leave alone; wins over `bridges`.
    pub leave: Vec<Pattern>,
    /// Whether npm's script is replaced by the native codex behind it.
    pub npm_native: bool,
    /// Whether starts are written to the journal.
    pub journal: bool,
    /// The settings file, whether it exists or not; `None` if no place for it is known.
    pub file: Option<PathBuf>,
    /// Whether [`FILE_VARIABLE`] names a file that does not exist.
    pub file_is_missing: bool,
    /// The source of each value, in the order of [`Key::ALL`].
    sources: [Source; 8],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            codex: None,
            search: Vec::new(),
            personal_home: None,
            person_home: None,
            bridges: Vec::new(),
            leave: Vec::new(),
            npm_native: true,
            journal: true,
            file: None,
            file_is_missing: false,
            sources: [Source::Default; 8],
        }
    }
}

impl Settings {
    /// Reads the settings: the valid values, and the errors in the others. If there is an error, nothing may be started.
    ///
    /// An empty variable counts as unset; a missing file is no error. If it is unknown whether the journal is on, it is off.
    #[must_use]
    pub fn read(invocation: &Invocation) -> (Self, Vec<Failure>) {
        let person_home = invocation.person_home();
        let mut settings = Self {
            personal_home: person_home.as_ref().map(|home| home.join(".codex")),
            person_home,
            ..Self::default()
        };
        let mut problems = Vec::new();
        if let Err(failure) = settings.read_file(invocation) {
            settings.journal = false;
            problems.push(failure);
        }
        for key in Key::ALL {
            let Some(value) = invocation.var(key.variable()) else { continue };
            let taken = Raw::from_variable(key, value)
                .and_then(|raw| settings.take(raw, Source::Variable).map_err(|(_, cause)| cause));
            if let Err(cause) = taken {
                settings.journal &= key != Key::Journal;
                problems.push(Failure::Setting { name: key.variable(), cause });
            }
        }
        (settings, problems)
    }

    /// Returns the source of the value of `key`.
    #[must_use]
    pub fn source(&self, key: Key) -> Source {
        self.sources.get(key as usize).copied().unwrap_or_default()
    }

    fn read_file(&mut self, invocation: &Invocation) -> Result<(), Failure> {
        let named = invocation.var(FILE_VARIABLE);
        let path = match named {
            Some(value) => {
                let path = expand(Key::Codex, &value.to_string_lossy(), self.person_home.as_deref());
                Some(path.map_err(|(_, cause)| Failure::Setting { name: FILE_VARIABLE, cause })?)
            }
            None => {
                invocation.config_directory().map(|directory| directory.join("codex-home-shim").join("config.toml"))
            }
        };
        let Some(path) = path else { return Ok(()) };
        self.file = Some(path.clone());
        let problem = |problem: FileProblem| Failure::SettingsFile { path: path.clone(), problem };
        let Some(text) = file::read(&path, invocation.uid).map_err(problem)? else {
            self.file_is_missing = named.is_some();
            return Ok(());
        };
        self.take_text(&text).map_err(problem)
    }

    /// Takes the values of a settings file.
    fn take_text(&mut self, text: &str) -> Result<(), FileProblem> {
        self.take(file::parse(text)?, Source::File)
            .map_err(|(key, cause)| FileProblem::Invalid { at: file::position_of(text, key.name()), cause })
    }

    /// Takes over the values that are set.
    fn take(&mut self, raw: Raw, source: Source) -> Result<(), (Key, String)> {
        let expand = |key: Key, text: String| expand(key, &text, self.person_home.as_deref());
        let expand_all = |key: Key, texts: Vec<String>| {
            let pattern = |text| Pattern::new(&expand(key, text)?).map_err(|rule| (key, format!("expected {rule}")));
            texts.into_iter().map(pattern).collect::<Result<Vec<_>, _>>()
        };
        let codex = raw.codex.map(|text| expand(Key::Codex, text)).transpose()?;
        let search = raw.search.map(|texts| texts.into_iter().map(|text| expand(Key::Search, text)).collect());
        let search: Option<Vec<_>> = search.transpose()?;
        let personal_home = raw.personal_home.map(|text| expand(Key::PersonalHome, text)).transpose()?;
        let bridges = raw.bridges.map(|texts| expand_all(Key::Bridges, texts)).transpose()?;
        let leave = raw.leave.map(|texts| expand_all(Key::Leave, texts)).transpose()?;
        let given = [
            codex.is_some(),
            search.is_some(),
            personal_home.is_some(),
            raw.strategy.is_some(),
            bridges.is_some(),
            leave.is_some(),
            raw.npm_native.is_some(),
            raw.journal.is_some(),
        ];
        for (slot, _) in self.sources.iter_mut().zip(given).filter(|(_, is_given)| *is_given) {
            *slot = source;
        }
        self.codex = codex.or(self.codex.take());
        self.search = search.unwrap_or(std::mem::take(&mut self.search));
        self.personal_home = personal_home.or(self.personal_home.take());
        self.strategy = raw.strategy.unwrap_or(self.strategy);
        self.bridges = bridges.unwrap_or(std::mem::take(&mut self.bridges));
        self.leave = leave.unwrap_or(std::mem::take(&mut self.leave));
        self.npm_native = raw.npm_native.unwrap_or(self.npm_native);
        self.journal = raw.journal.unwrap_or(self.journal);
        Ok(())
    }
}

/// Checks the text of a settings file as a start does: its keys, the types of their values, and the values themselves, in the
/// home directory of the person.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_for(text: &str, person_home: Option<&Path>) -> Result<(), FileProblem> {
    Settings { person_home: person_home.map(Path::to_owned), ..Settings::default() }.take_text(text)
}

/// The settings in their written form: one definition for the file and for variables.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    codex: Option<String>,
    search: Option<Vec<String>>,
    personal_home: Option<String>,
    strategy: Option<Strategy>,
    bridges: Option<Vec<String>>,
    leave: Option<Vec<String>>,
    npm_native: Option<bool>,
    journal: Option<bool>,
}

impl Raw {
    /// Parses the value of a variable. A list of paths is separated by colons, and a switch may be `1` or `0`.
    fn from_variable(key: Key, value: &OsStr) -> Result<Self, String> {
        let text = value.to_str().ok_or("it is not UTF-8")?;
        let value = match (key, text) {
            (Key::Search | Key::Bridges | Key::Leave, _) => {
                toml::Value::Array(text.split(':').filter(|path| !path.is_empty()).map(Into::into).collect())
            }
            (Key::NpmNative | Key::Journal, "1" | "true" | "on") => true.into(),
            (Key::NpmNative | Key::Journal, "0" | "false" | "off") => false.into(),
            _ => text.into(),
        };
        let table = toml::Table::from_iter([(key.name().to_owned(), value)]);
        table.try_into().map_err(|error: toml::de::Error| file::redact(error.message()))
    }
}

/// Returns the absolute path that a setting means.
fn expand(key: Key, text: &str, person_home: Option<&Path>) -> Result<PathBuf, (Key, String)> {
    let path = Path::new(text);
    match (path.strip_prefix("~"), person_home) {
        (Ok(below), Some(home)) => Ok(lexically_normal(&home.join(below))),
        (Err(_), _) if path.is_absolute() => Ok(lexically_normal(path)),
        _ => Err((key, "expected an absolute path, or one that begins with `~/`".to_owned())),
    }
}

/// Returns `path` without trailing slashes and `.` components, so that two spellings of one place are equal.
#[must_use]
pub fn lexically_normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
