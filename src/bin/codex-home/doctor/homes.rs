//! The homes that the doctor examines, each with a dry run of a start in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use codex_home::decide::Decision;
use codex_home::failure::Failure;
use codex_home::home::auth::Login;
use codex_home::home::{AUTH_FILE, CONFIG_FILE, Kind, components_made_by_host};
use codex_home::invocation::Invocation;
use codex_home::reason::ReasonCode;
use codex_home::settings::Settings;

use crate::disk::{self, Access};
use crate::dry_run::DryRun;
use crate::openclaw::version::DEFAULT_ARGUMENTS;
use crate::openclaw::{OpenClaw, Purpose};

/// A home, and a dry run of a start in it.
pub struct JudgedHome {
    pub path: PathBuf,
    pub inspection: Inspection,
    /// What OpenClaw made it for; `None` for the home that the environment names.
    pub purpose: Option<Purpose>,
    /// Whether this OpenClaw uses it; `None` if that is not known.
    pub is_used: Option<bool>,
    /// What the launcher would do.
    pub start: DryRun,
    /// The components of its path that its host made and that are symlinks, `auth.json` included.
    pub symlinks: Vec<PathBuf>,
    /// Who may do what with its files.
    pub files: HomeFiles,
    /// Whether there is an `auth.json`.
    pub has_auth: bool,
}

impl JudgedHome {
    fn new(invocation: &Invocation, path: &Path, arguments: &[&str], settings: &Settings) -> Self {
        let inspection = Inspection::of(path, invocation, settings);
        Self {
            path: path.to_owned(),
            start: DryRun::new(&start_in(invocation, Some(path), arguments)),
            symlinks: symlinks(path),
            files: HomeFiles::observe(Some(path), &inspection, invocation.uid),
            has_auth: disk::is_there(&path.join(AUTH_FILE)),
            inspection,
            purpose: None,
            is_used: None,
        }
    }

    /// Returns whether it is in use and cannot log in without the launcher.
    pub fn needs_launcher(&self) -> bool {
        let is_needed = match &self.start.decision {
            Decision::Redirect(_) | Decision::Repair(_) => true,
            // Without a codex to start, the launcher decides nothing about the homes.
            Decision::Refuse(Failure::CodexNotFound { .. } | Failure::CodexSetting { .. }) => self.is_broken_bridge(),
            Decision::Refuse(_) | Decision::Keep { .. } => false,
        };
        is_needed && self.is_used != Some(false)
    }

    /// Returns whether it is a bridge that cannot log in.
    pub const fn is_broken_bridge(&self) -> bool {
        matches!((self.inspection.kind, &self.inspection.login), (Kind::Bridge, Login::Broken(_)))
    }
}

/// Who may do what with a home and its files.
#[derive(Default)]
pub struct HomeFiles {
    /// The directory, `auth.json` and `config.toml`; those that do not exist or belong to another user are left out.
    pub all: Vec<Access>,
    /// Whether `auth.json` holds a login that codex renews.
    pub is_renewed: bool,
}

impl HomeFiles {
    /// Reads modes and links.
    pub fn observe(home: Option<&Path>, inspection: &Inspection, uid: u32) -> Self {
        Self {
            all: home.map(|home| disk::access(home, &[AUTH_FILE, CONFIG_FILE], uid)).unwrap_or_default(),
            is_renewed: inspection.reason().code == ReasonCode::OkChatgpt,
        }
    }

    /// Returns the `auth.json` with a login that codex renews, if it is one.
    pub fn renewed(&self) -> Option<&Access> {
        self.all.iter().find(|file| file.path.ends_with(AUTH_FILE)).filter(|_| self.is_renewed)
    }
}

/// Returns a start of codex with `args` in `home`.
pub fn start_in(invocation: &Invocation, home: Option<&Path>, args: &[&str]) -> Invocation {
    let mut start = invocation.with_var("CODEX_HOME", home.map(Path::as_os_str));
    start.args = args.iter().map(OsString::from).collect();
    start
}

/// Judges OpenClaw's homes in the gateway's environment, and the one that this environment names.
pub fn judge_all(
    invocation: &Invocation,
    start: &Invocation,
    openclaw: &OpenClaw,
    settings: &Settings,
) -> Vec<JudgedHome> {
    let of_openclaw = openclaw.homes.iter().map(|found| {
        let version = openclaw.version.as_ref();
        let (arguments, is_used) = (found.purpose.arguments(version), found.purpose.is_used_by(version));
        let home = JudgedHome::new(start, &found.path, &arguments, settings);
        JudgedHome { is_used, purpose: Some(found.purpose), ..home }
    });
    let mut homes: Vec<_> = of_openclaw.collect();
    let injected = invocation.codex_home().filter(|path| !openclaw.homes.iter().any(|found| found.path == *path));
    if let Some(path) = injected {
        homes.push(JudgedHome::new(invocation, &path, &DEFAULT_ARGUMENTS, settings));
    }
    homes
}

/// Returns the components of a bridge's path that its host made and that are symlinks, `auth.json` included.
fn symlinks(home: &Path) -> Vec<PathBuf> {
    // The agent's directory too: OpenClaw 2026.4.21 checks it and everything below.
    let made = home.ancestors().take(components_made_by_host(home) + 1).map(Path::to_owned);
    made.chain([home.join(AUTH_FILE)]).filter(|path| disk::is_symlink(path)).collect()
}
