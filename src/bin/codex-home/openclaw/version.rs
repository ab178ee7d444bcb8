//! WHICH OPENCLAW, and what follows from it.
//!
//! Pure. The one room of this program that knows what changed in which release of OpenClaw; each row was read off releases
//! or run (`docs/design.md`).

use std::fmt;

use semver::Version as Number;

/// A version of OpenClaw.
///
/// Compared by its three numbers alone. A preview (`2026.8.1-beta.3`) counts as the release that it leads to, whose changes it
/// may already have; a correction (`2026.7.1-2`), which semver would put before its release, as the release that it corrects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(Number);

/// The three numbers of a release.
pub type Release = (u64, u64, u64);

/// Since when an OpenClaw takes which codex at least, in what codex answers to `initialize`.
const GATES: [(Release, [u64; 3]); 4] = [
    ((2026, 4, 15), [0, 118, 0]),
    ((2026, 4, 25), [0, 125, 0]),
    ((2026, 7, 1), [0, 143, 0]),
    ((2026, 8, 1), [0, 149, 0]),
];
/// The last release that was looked at.
const KNOWN: Release = (2026, 9, 6);

impl Version {
    /// Reads a version; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Number::parse(text.trim().trim_start_matches('v')).ok().map(Self)
    }

    /// Its three numbers.
    pub const fn release(&self) -> Release {
        (self.0.major, self.0.minor, self.0.patch)
    }

    /// Whether it is this release or a later one.
    pub fn since(&self, release: Release) -> bool {
        self.release() >= release
    }

    /// Whether it lies between two releases, both included.
    pub fn between(&self, first: Release, last: Release) -> bool {
        (first..=last).contains(&self.release())
    }

    /// Whether it writes each bridge's `auth.json` itself, and dies over a link there.
    pub fn writes_bridges(&self) -> bool {
        self.between((2026, 4, 20), (2026, 4, 22))
    }

    /// Whether it can share the person's own home (`appServer.homeScope`).
    pub fn has_home_scope(&self) -> bool {
        self.since((2026, 7, 1))
    }

    /// Whether it is one of the previews whose `homeScope: "user"` does not work: 2026.7.2-beta.1 to beta.3.
    pub fn has_broken_home_scope(&self) -> bool {
        let beta = self.0.pre.as_str().strip_prefix("beta.").and_then(|number| number.parse::<u64>().ok());
        self.release() == (2026, 7, 2) && beta.is_some_and(|beta| (1..=3).contains(&beta))
    }

    /// Whether it keeps logins of its own for codex, in memory only, and dies over an `auth.json` in its own homes.
    pub fn has_own_login(&self) -> bool {
        self.since((2026, 8, 1))
    }

    /// What it offers by itself in the launcher's place, as one thing to do; `None` where it offers nothing.
    pub fn own_way(&self) -> Option<&'static str> {
        if self.has_own_login() {
            Some(
                "run `openclaw models auth login --provider openai`, or `openclaw migrate apply codex --from ~/.codex --agent \
                 main --include-secrets --item auth:openai`",
            )
        } else if self.has_broken_home_scope() {
            Some("update OpenClaw, whose `homeScope` does not work in 2026.7.2-beta.1 to beta.3")
        } else if self.has_home_scope() {
            Some("run `openclaw config set plugins.entries.codex.config.appServer.homeScope user`")
        } else {
            None
        }
    }

    /// The lowest codex that it takes; `None` where that is not known.
    pub fn lowest_codex(&self) -> Option<Number> {
        let gate = GATES.iter().rev().find(|(since, _)| self.since(*since));
        gate.map(|(_, [major, minor, patch])| Number::new(*major, *minor, *patch))
    }

    /// Whether it is later than all that were looked at, so that it may ask for more.
    pub fn is_beyond_known(&self) -> bool {
        self.release() > KNOWN
    }

    /// What it starts codex's app-server with where nothing is configured.
    pub fn arguments(&self) -> &'static [&'static str] {
        if self.has_own_login() {
            &["-c", r#"cli_auth_credentials_store="ephemeral""#, "app-server", "--listen", "stdio://"]
        } else {
            &DEFAULT_ARGUMENTS
        }
    }
}

/// What OpenClaw starts codex's app-server with, up to 2026.7.
pub const DEFAULT_ARGUMENTS: [&str; 3] = ["app-server", "--listen", "stdio://"];

/// Whether a codex passes: by its three numbers alone, as OpenClaw compares them (2026.4.21).
pub fn passes(codex: &Number, lowest: &Number) -> bool {
    let numbers = |version: &Number| (version.major, version.minor, version.patch);
    numbers(codex) >= numbers(lowest)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
