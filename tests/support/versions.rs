//! The real releases that the tests run: `tests/versions.json`, which the scripts read too.

use std::collections::BTreeMap;
use std::env;
use std::sync::LazyLock;

use semver::Version;
use serde::Deserialize;

/// The variable that names the codex to be tried as the newest one; `tests/drift` sets it.
const NEWEST: &str = "CODEX_HOME_SHIM_NEWEST_CODEX";

#[derive(Deserialize)]
struct Versions<'a> {
    #[serde(borrow)]
    codex: Codex<'a>,
    #[serde(borrow)]
    openclaw: OpenClaw<'a>,
}

#[derive(Deserialize)]
struct Codex<'a> {
    /// The codex of openclaw#70511.
    reported: &'a str,
    /// The newest one that was looked at.
    newest: &'a str,
    /// Others that judge our judge.
    #[serde(borrow)]
    judges: Vec<&'a str>,
}

/// The releases of OpenClaw.
#[derive(Deserialize)]
pub struct OpenClaw<'a> {
    /// The one of openclaw#70511.
    pub reported: &'a str,
    /// The newest one that was looked at.
    pub newest: &'a str,
    /// The last release whose dependencies are taken as they were before a day, because some of them have moved on since.
    #[serde(borrow)]
    dependencies: BTreeMap<&'a str, &'a str>,
}

static VERSIONS: LazyLock<Versions<'static>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../versions.json")).unwrap());

fn number(version: &str) -> Version {
    Version::parse(version).unwrap()
}

/// The codex that is tried as the newest one: it is told apart from those that are known.
fn tried() -> Option<&'static str> {
    static TRIED: LazyLock<Option<String>> = LazyLock::new(|| env::var(NEWEST).ok().filter(|tried| !tried.is_empty()));
    TRIED.as_deref()
}

/// Returns whether `codex` is not known yet, and is tried as the newest one.
pub fn is_tried(codex: &str) -> bool {
    tried() == Some(codex)
}

/// Returns the codex of the report (openclaw#70511) and the newest one: every turn is tried on both.
pub fn codex() -> [&'static str; 2] {
    [VERSIONS.codex.reported, tried().unwrap_or(VERSIONS.codex.newest)]
}

/// Returns the releases of codex that judge our judge, the oldest first.
pub fn judges() -> Vec<&'static str> {
    let known = VERSIONS.codex.judges.iter().copied().chain([VERSIONS.codex.reported, VERSIONS.codex.newest]);
    let mut judges: Vec<_> = known.chain(tried()).collect();
    judges.sort_by_key(|judge| number(judge));
    judges.dedup();
    judges
}

/// Returns the releases of OpenClaw.
pub fn openclaw() -> &'static OpenClaw<'static> {
    &VERSIONS.openclaw
}

impl OpenClaw<'_> {
    /// Returns the day before which a release takes its dependencies, if there is one.
    pub fn dependencies_before(&self, release: &str) -> Option<&str> {
        let mut days: Vec<_> = self.dependencies.iter().map(|(last, day)| (number(last), *day)).collect();
        days.sort();
        days.into_iter().find(|(last, _)| number(release) <= *last).map(|(_, day)| day)
    }
}
