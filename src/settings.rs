//! WHAT WE WERE TOLD: the `CODEX_HOME_SHIM_*` variables → [`Settings`].
//!
//! Pure. A value that is wrong is an error that names it: a launcher that went on without `CODEX_HOME_SHIM_CODEX`
//! would start a program that nobody asked for.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::words::plain_text;

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

/// What we were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `CODEX_HOME_SHIM_STRATEGY`.
    pub strategy: Strategy,
    /// `CODEX_HOME_SHIM_CODEX`: the codex to start.
    pub codex: Option<PathBuf>,
    /// `CODEX_HOME_SHIM_PERSONAL_HOME`, else `.codex` in the person's home; `None` where that is not known.
    pub personal_home: Option<PathBuf>,
    /// The person's home directory, which messages write as `~`.
    pub person_home: Option<PathBuf>,
    /// `CODEX_HOME_SHIM_BRIDGES`, paths parted by colons: homes to treat as bridges.
    pub bridges: Vec<PathBuf>,
    /// `CODEX_HOME_SHIM_LEAVE`, paths parted by colons: homes to leave alone; stronger than `bridges`.
    pub leave: Vec<PathBuf>,
    /// `CODEX_HOME_SHIM_NPM_NATIVE`: whether npm's script is replaced by the native codex behind it (`1`, the default, or
    /// `0`).
    pub npm_native: bool,
    /// `CODEX_HOME_SHIM_JOURNAL`: where starts are noted down.
    pub journal: Journal,
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
        }
    }
}

impl Settings {
    /// Reads the settings out of the environment. A variable that is set but empty is not set.
    ///
    /// # Errors
    /// [`Failure::Setting`] for a value that is not one of its variable's.
    pub fn read(invocation: &Invocation) -> Result<Self, Failure> {
        let person_home = invocation.person_home();
        let path = |name: &'static str| {
            let value = invocation.var(name);
            value.map(|value| absolute(name, Path::new(value), person_home.as_deref())).transpose()
        };
        let paths = |name: &'static str| {
            let list = std::env::split_paths(invocation.var(name).unwrap_or_default());
            let list = list.filter(|path| !path.as_os_str().is_empty());
            list.map(|path| absolute(name, &path, person_home.as_deref())).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            strategy: strategy(invocation.var("CODEX_HOME_SHIM_STRATEGY"))?,
            codex: path("CODEX_HOME_SHIM_CODEX")?,
            personal_home: path("CODEX_HOME_SHIM_PERSONAL_HOME")?
                .or_else(|| person_home.as_ref().map(|home| home.join(".codex"))),
            bridges: paths("CODEX_HOME_SHIM_BRIDGES")?,
            leave: paths("CODEX_HOME_SHIM_LEAVE")?,
            npm_native: switch(invocation, "CODEX_HOME_SHIM_NPM_NATIVE")?.unwrap_or(true),
            journal: match invocation.var("CODEX_HOME_SHIM_JOURNAL") {
                Some(value) if value == "off" => Journal::Off,
                _ => path("CODEX_HOME_SHIM_JOURNAL")?.map_or_else(Journal::default, Journal::File),
            },
            person_home,
        })
    }
}

/// A switch; `None` where it is not set.
fn switch(invocation: &Invocation, name: &'static str) -> Result<Option<bool>, Failure> {
    let Some(value) = invocation.var(name) else { return Ok(None) };
    match value.to_str() {
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        _ => Err(Failure::Setting { name, value: plain_text(value), rule: "one of `1`, `0`" }),
    }
}

fn strategy(value: Option<&OsStr>) -> Result<Strategy, Failure> {
    let Some(value) = value else { return Ok(Strategy::default()) };
    Strategy::ALL.into_iter().find(|strategy| value == strategy.name()).ok_or_else(|| Failure::Setting {
        name: "CODEX_HOME_SHIM_STRATEGY",
        value: plain_text(value),
        rule: "one of `auto`, `redirect`, `repair`, `observe`, `off`",
    })
}

/// A path of the settings: absolute, or under `~`.
fn absolute(name: &'static str, path: &Path, person_home: Option<&Path>) -> Result<PathBuf, Failure> {
    let expanded = match (path.strip_prefix("~"), person_home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    };
    if expanded.is_absolute() {
        return Ok(plain(&expanded));
    }
    Err(Failure::Setting {
        name,
        value: plain_text(path.as_os_str()),
        rule: "an absolute path, or one that begins with `~/`",
    })
}

/// `path` without trailing slashes and `.` parts, so that two spellings of one place compare as equal.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
