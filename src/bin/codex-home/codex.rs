//! A codex that a gateway would start: whether OpenClaw accepts its version, and the path to it that an upgrade does not remove.

use std::path::{Path, PathBuf};

use codex_home::codex::{self, Codex};
use codex_home::invocation::Invocation;
use codex_home::settings::Settings;
use semver::Version as Number;

use crate::launcher::is_stable;
use crate::openclaw::version::{Version, is_accepted};

/// Whether OpenClaw accepts a codex.
pub enum Gate {
    /// OpenClaw accepts it, or accepts any.
    Passes,
    /// It is older than this.
    Fails(Number),
    /// Its version is not known, and this is the lowest.
    Unknown(Number),
}

/// Returns whether OpenClaw accepts a codex.
pub fn gate(codex: &Codex, openclaw: Option<&Version>) -> Gate {
    let number = codex.version().and_then(|version| Number::parse(&version).ok());
    match (openclaw.and_then(Version::lowest_codex), number) {
        (None, _) => Gate::Passes,
        (Some(lowest), Some(number)) if is_accepted(&number, &lowest) => Gate::Passes,
        (Some(lowest), Some(_)) => Gate::Fails(lowest),
        (Some(lowest), None) => Gate::Unknown(lowest),
    }
}

/// Returns whether OpenClaw is known to accept a codex.
pub fn passes(codex: &Codex, openclaw: Option<&Version>) -> bool {
    matches!(gate(codex, openclaw), Gate::Passes)
}

/// Returns the codex at a path, if the settings named it.
pub fn at(path: &Path, start: &Invocation, settings: &Settings) -> Option<Codex> {
    let mut settings = settings.clone();
    settings.codex = Some(path.to_owned());
    codex::find(start, &settings).ok()
}

/// Returns the first of these paths that leads to a codex and that an upgrade does not remove.
pub fn stable(codex: &Codex, paths: &[PathBuf], start: &Invocation, settings: &Settings) -> Option<PathBuf> {
    let leads_there = |path: &&PathBuf| at(path, start, settings).is_some_and(|other| other.path == codex.path);
    paths.iter().filter(|path| is_stable(path)).find(leads_there).cloned()
}
