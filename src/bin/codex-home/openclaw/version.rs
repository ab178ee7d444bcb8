//! The version of OpenClaw, and the behaviour of each release.
//!
//! Pure. The only module that knows what changed in which release of OpenClaw; each row was read in a release or tried on it
//! (`docs/design.md`).

use std::fmt;

use semver::Version as Number;

/// A version of OpenClaw.
///
/// Compared by its three numbers alone. A preview (`2026.8.1-beta.3`) counts as its release, because it may already have the
/// changes. A correction (`2026.7.1-2`), which semver orders before its release, counts as that release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(Number);

/// The three numbers of a release.
pub type Release = (u64, u64, u64);

/// The lowest codex that OpenClaw accepts from a release on, by codex's answer to `initialize`.
const MINIMUMS: [(Release, [u64; 3]); 4] = [
    ((2026, 4, 15), [0, 118, 0]),
    ((2026, 4, 25), [0, 125, 0]),
    ((2026, 7, 1), [0, 143, 0]),
    ((2026, 8, 1), [0, 149, 0]),
];
/// The latest release that was examined.
const LATEST_KNOWN: Release = (2026, 9, 6);

impl Version {
    pub fn parse(text: &str) -> Option<Self> {
        Number::parse(text.trim().trim_start_matches('v')).ok().map(Self)
    }

    /// Returns its three numbers.
    pub const fn release(&self) -> Release {
        (self.0.major, self.0.minor, self.0.patch)
    }

    /// Returns whether it is this release or a later one.
    pub fn since(&self, release: Release) -> bool {
        self.release() >= release
    }

    /// Returns whether it lies between two releases, both included.
    pub fn between(&self, first: Release, last: Release) -> bool {
        (first..=last).contains(&self.release())
    }

    /// Returns whether it writes each bridge's `auth.json` itself, and fails if there is a symlink.
    pub fn writes_bridges(&self) -> bool {
        self.between((2026, 4, 20), (2026, 4, 22))
    }

    /// Returns whether it makes a bridge only beside a login of the same account in `~/.codex`, whose `id_token` it takes.
    pub fn borrows_id_token(&self) -> bool {
        self.between((2026, 4, 22), (2026, 4, 22))
    }

    /// Returns whether the launcher has something to do for it: it makes a bridge that may lack what codex needs.
    pub fn needs_launcher(&self) -> bool {
        self.writes_bridges() && !self.borrows_id_token()
    }

    /// Returns whether it can share the person's own home (`appServer.homeScope`).
    pub fn has_home_scope(&self) -> bool {
        self.since((2026, 7, 1))
    }

    /// Returns whether it is one of the previews in which `homeScope: "user"` does not work: 2026.7.2-beta.1 to beta.3.
    pub fn has_broken_home_scope(&self) -> bool {
        let beta = self.0.pre.as_str().strip_prefix("beta.").and_then(|number| number.parse::<u64>().ok());
        self.release() == (2026, 7, 2) && beta.is_some_and(|beta| (1..=3).contains(&beta))
    }

    /// Returns whether the services that it makes have the system's directories before the user's on their PATH.
    pub fn puts_system_first(&self) -> bool {
        self.since((2026, 7, 1))
    }

    /// Returns whether it logs codex in itself, in memory only, and fails if there is an `auth.json` in its own homes.
    pub fn has_own_login(&self) -> bool {
        self.since((2026, 8, 1))
    }

    /// Returns how it can log codex in without the launcher, as one thing to do; `None` if it cannot.
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

    /// Returns the lowest codex that it accepts; `None` if that is not known.
    pub fn lowest_codex(&self) -> Option<Number> {
        let minimum = MINIMUMS.iter().rev().find(|(since, _)| self.since(*since));
        minimum.map(|(_, [major, minor, patch])| Number::new(*major, *minor, *patch))
    }

    /// Returns whether it is later than every release that was examined, so that it may demand a later codex.
    pub fn is_beyond_known(&self) -> bool {
        self.release() > LATEST_KNOWN
    }

    /// Returns the arguments that it starts codex's app-server with by default.
    pub fn arguments(&self) -> &'static [&'static str] {
        if self.has_own_login() {
            &["-c", r#"cli_auth_credentials_store="ephemeral""#, "app-server", "--listen", "stdio://"]
        } else {
            &DEFAULT_ARGUMENTS
        }
    }
}

/// The arguments that OpenClaw starts codex's app-server with by default, up to 2026.7.
pub const DEFAULT_ARGUMENTS: [&str; 3] = ["app-server", "--listen", "stdio://"];

/// Returns whether OpenClaw accepts a codex: by its three numbers alone, as OpenClaw 2026.4.21 compares them.
pub fn is_accepted(codex: &Number, lowest: &Number) -> bool {
    let numbers = |version: &Number| (version.major, version.minor, version.patch);
    numbers(codex) >= numbers(lowest)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
