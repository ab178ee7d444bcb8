//! The environment of a gateway, each variable with how it is known.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use codex_home::settings::lexically_normal;

use super::known::Known;

/// The environment of a gateway.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<OsString, (OsString, Known)>,
    /// How far it is known that no other variable is set.
    pub others: Known,
}

impl Environment {
    /// Returns an empty environment.
    pub const fn new(others: Known) -> Self {
        Self { variables: BTreeMap::new(), others }
    }

    /// Returns an environment with these variables.
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>, known: Known) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name, (value, known)));
        Self { variables: variables.collect(), others: known }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>, known: Known) {
        self.variables.insert(name.into(), (value.into(), known));
    }

    /// Sets a variable, unless it is set.
    pub fn set_default(&mut self, name: &str, value: impl Into<OsString>, known: Known) {
        if !self.is_set(name) {
            self.set(name, value, known);
        }
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
    }

    /// Makes every variable uncertain, because something that was not read may have changed it.
    pub fn doubt(&mut self) {
        self.others = Known::Assumed;
        self.variables.values_mut().for_each(|(_, known)| *known = Known::Assumed);
    }

    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let (value, _) = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns whether a variable is set, even if it is empty.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(OsStr::new(name))
    }

    /// Returns a variable that is not blank, trimmed.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns how a variable's value, or its absence, is known.
    pub fn known(&self, name: &str) -> Known {
        self.variables.get(OsStr::new(name)).map_or(self.others, |(_, known)| *known)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter().map(|(name, (value, _))| (name, value))
    }

    /// Returns the path that a variable names, as OpenClaw reads it: with `~` for the home.
    pub fn path(&self, name: &str, home: Option<&Path>) -> Option<PathBuf> {
        expanded(self.text(name)?, home).map(|path| lexically_normal(&path))
    }
}

/// Returns an absolute path, or one under `~`; `None` if the text is neither.
pub fn expanded(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = match text.strip_prefix('~') {
        Some("") => home?.to_owned(),
        Some(below) if below.starts_with('/') => home?.join(below.trim_start_matches('/')),
        _ => PathBuf::from(text),
    };
    path.is_absolute().then_some(path)
}
