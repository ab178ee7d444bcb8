//! The starts that the launcher recorded, with what a gateway really gave it.

use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;
use codex_home::journal;
use serde::Deserialize;

use super::Gateway;

/// The number of the last starts that are looked at.
const LINES: usize = 200;
/// The most starts of one gateway.
const STARTS: usize = 20;

/// One start of the journal.
#[derive(Clone, Debug, Deserialize)]
pub struct Start {
    pub time: String,
    /// The injected home.
    pub home: Option<PathBuf>,
    /// The codex that was started.
    pub codex: Option<PathBuf>,
    /// What kept codex from being started, if anything did.
    pub error: Option<String>,
    /// The host; earlier versions did not record it.
    pub host: Option<Host>,
}

/// The host of a start.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Host {
    /// `OPENCLAW_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<String>,
}

/// Returns the last starts that this gateway made, the newest first.
pub fn of(gateway: &Gateway, invocation: &Invocation) -> Vec<Start> {
    let Some(path) = journal::path(&gateway.invocation(invocation)) else { return Vec::new() };
    let lines = crate::log::last(&path, LINES);
    let starts = lines.iter().rev().filter_map(|line| serde_json::from_str(line).ok());
    starts.filter(|start| is_of(start, gateway)).take(STARTS).collect()
}

/// Returns whether a start was made by this gateway, by its state directory, else by the injected home, else by default.
fn is_of(start: &Start, gateway: &Gateway) -> bool {
    let Some(state) = &gateway.state else { return false };
    let named = start.host.as_ref().and_then(|host| host.state_dir.as_deref());
    let is_inside = |path: &Path| path.starts_with(state);
    match (named, start.home.as_deref()) {
        (Some(named), _) => gateway.has_state(Some(named)),
        (None, Some(home)) if is_inside(home) => true,
        // A home outside every state directory says nothing; a home of another gateway does.
        (None, home) => gateway.is_default() && !home.is_some_and(is_of_another),
    }
}

fn is_of_another(home: &Path) -> bool {
    home.iter().any(|part| part.to_string_lossy().starts_with(".openclaw-"))
}
