//! OPENCLAW ON THE DISK: its package, its configuration, its homes, its service.
//!
//! Looks, and decides nothing; runs nothing, changes nothing. What was not found is `None`, never a guess. Names and places:
//! OpenClaw 2026.4.21 to 2026.9.6.

pub mod config;
pub mod service;
pub mod version;

use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;
use codex_home::settings::plain;
use serde::Deserialize;

use crate::disk::{self, Unread};
use config::{Config, has_variable};
use service::Service;
use version::Version;

/// The largest `openclaw.json` that is read.
const CONFIG_LIMIT: u64 = 4 << 20;
/// The largest `package.json` that is read.
const PACKAGE_LIMIT: u64 = 1 << 20;
/// How many agents are looked at.
const AGENTS: usize = 128;
/// How many homes of one kind are looked at in one directory.
const HOMES: usize = 32;
/// How many homes are looked at in all.
const ALL_HOMES: usize = 128;

/// What there is of OpenClaw.
#[derive(Clone, Debug)]
pub struct OpenClaw {
    /// The `openclaw` command.
    pub command: Option<PathBuf>,
    /// Its package.
    pub package: Option<Package>,
    /// Its state directory, whether it is there or not; `None` where no place for it is known.
    pub state: Option<PathBuf>,
    /// Its configuration file, whether it is there or not.
    pub config_file: Option<PathBuf>,
    /// What that says about codex; `Ok(None)` where there is no file.
    pub config: Result<Option<Config>, String>,
    /// The homes in its state directory, and those its agents have elsewhere.
    pub homes: Vec<Found>,
    /// What of them was not looked at, in words.
    pub unseen: Vec<String>,
    /// The service that starts its gateway.
    pub service: Service,
}

/// Its package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it is.
    pub root: PathBuf,
    /// Its version, as it is written there.
    pub version: String,
}

/// A home that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What OpenClaw made it for.
    pub made_for: MadeFor,
}

/// What OpenClaw makes a home for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeFor {
    /// `codex app-server`, with a login in the file: 2026.4.20–4.22.
    HarnessAuth,
    /// `codex exec`, with a login in the file: 2026.4.20–4.22.
    CliAuth,
    /// An ACP adapter, with a login in the file: 2026.4.22.
    AcpAuth,
    /// `codex app-server`, with a login over RPC: 2026.5.2 and later.
    Agent,
    /// An ACP adapter, for which nobody brings a login: 2026.4.25 and later.
    Acpx,
    /// A coding agent with a login of its own: 2026.8.2 and later.
    CodingAgent,
}

impl MadeFor {
    /// Whether this version still uses such a home; `None` where the version is not known.
    pub fn is_used_by(self, version: Option<&Version>) -> Option<bool> {
        let version = version?;
        Some(match self {
            Self::HarnessAuth | Self::CliAuth => version.writes_bridges(),
            Self::AcpAuth => version.between((2026, 4, 22), (2026, 4, 22)),
            Self::Agent => version.since((2026, 5, 2)),
            Self::Acpx => version.since((2026, 4, 25)),
            Self::CodingAgent => version.since((2026, 8, 2)),
        })
    }

    /// What codex is started with in such a home.
    pub fn arguments(self, version: Option<&Version>) -> Vec<&'static str> {
        match self {
            Self::CliAuth => vec!["exec", "--json"],
            Self::Agent => version.map_or(version::DEFAULT_ARGUMENTS.as_slice(), Version::arguments).to_vec(),
            Self::HarnessAuth | Self::AcpAuth | Self::Acpx | Self::CodingAgent => version::DEFAULT_ARGUMENTS.to_vec(),
        }
    }
}

impl OpenClaw {
    /// Looks at everything there is of OpenClaw.
    pub fn look(invocation: &Invocation) -> Self {
        let person = invocation.person_home();
        // `OPENCLAW_HOME` moves all of it.
        let home = variable(invocation, "OPENCLAW_HOME", person.as_deref()).or_else(|| person.clone());
        let home = home.as_deref();
        let service = Service::look(invocation, person.as_deref());
        let command = disk::on_path(invocation, "openclaw").or_else(|| commands(person.as_deref()));
        let package = package(command.as_deref(), &service, person.as_deref());
        let state = variable(invocation, "OPENCLAW_STATE_DIR", home).or_else(|| Some(home?.join(".openclaw")));
        let config_file = variable(invocation, "OPENCLAW_CONFIG_PATH", home)
            .or_else(|| Some(state.as_deref()?.join("openclaw.json")));
        let config = config_file.as_deref().map_or(Ok(None), read_config);
        let mut this =
            Self { command, package, state, config_file, config, homes: Vec::new(), unseen: Vec::new(), service };
        this.look_for_homes(home, person.as_deref());
        this
    }

    /// Whether there is anything of it.
    pub fn is_there(&self) -> bool {
        self.command.is_some()
            || self.package.is_some()
            || self.state.as_deref().is_some_and(disk::is_directory)
            || self.config_file.as_deref().is_some_and(disk::is_there)
    }

    /// Its version, where it is known.
    pub fn version(&self) -> Option<Version> {
        self.package.as_ref().and_then(|package| Version::parse(&package.version))
    }

    /// What its configuration says about codex, where it could be read.
    pub fn read_config(&self) -> Option<&Config> {
        self.config.as_ref().ok().and_then(Option::as_ref)
    }

    fn look_for_homes(&mut self, home: Option<&Path>, person: Option<&Path>) {
        let Some(state) = self.state.clone() else { return };
        let (agents, has_more) = disk::list(&state.join("agents"), AGENTS);
        if has_more {
            self.unseen.push(format!("the directories of more than {AGENTS} agents"));
        }
        // The one that everybody has comes first, and is never among those that are too many.
        let main = [state.join("agents/main")].into_iter().filter(|main| disk::is_directory(main));
        let mut agent_dirs: Vec<_> = main.chain(agents).map(|agent| agent.join("agent")).collect();
        let elsewhere = self.read_config().map(|config| config.agent_dirs.clone()).unwrap_or_default();
        for written in elsewhere.iter().map(|written| written.trim()) {
            match expanded(written, home) {
                Some(directory) if !has_variable(written) => agent_dirs.push(directory),
                _ => self.unseen.push(format!("the `agentDir` that is written `{written}`")),
            }
        }
        let mut seen = Vec::new();
        for directory in agent_dirs {
            if seen.contains(&directory) {
                continue;
            }
            self.add_all(&directory.join("harness-auth/codex"), "", MadeFor::HarnessAuth);
            self.add_all(&directory.join("cli-auth/codex"), "", MadeFor::CliAuth);
            self.add_all(&directory.join("acp-auth"), "codex", MadeFor::AcpAuth);
            self.add(directory.join("codex-home"), MadeFor::Agent);
            seen.push(directory);
        }
        self.add_all(&state.join("acp-auth"), "codex", MadeFor::AcpAuth);
        self.add(state.join("acpx/codex-home"), MadeFor::Acpx);
        if let Some(person) = person {
            self.add(person.join(".codex-coding-agent"), MadeFor::CodingAgent);
        }
    }

    fn add_all(&mut self, directory: &Path, begin: &str, made_for: MadeFor) {
        let (paths, has_more) = disk::list(directory, HOMES);
        if has_more {
            self.unseen.push(format!("more than {HOMES} homes in `{}`", directory.display()));
        }
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin));
        for path in paths.into_iter().filter(named) {
            self.add(path, made_for);
        }
    }

    fn add(&mut self, path: PathBuf, made_for: MadeFor) {
        // Files beside the homes are none; a link to nothing is a home that is not there.
        if !disk::is_directory(&path) && !disk::is_link(&path) {
            return;
        }
        if self.homes.len() < ALL_HOMES {
            self.homes.push(Found { path, made_for });
            return;
        }
        let more = format!("more than {ALL_HOMES} homes in all");
        if !self.unseen.contains(&more) {
            self.unseen.push(more);
        }
    }
}

/// A variable that names a path, as OpenClaw reads it: trimmed, `~` for the home.
fn variable(invocation: &Invocation, name: &str, home: Option<&Path>) -> Option<PathBuf> {
    let value = invocation.var(name)?.to_str()?.trim();
    if value.is_empty() {
        return None;
    }
    let path = expanded(value, home).unwrap_or_else(|| invocation.absolute(value.into()));
    Some(plain(&path))
}

/// An absolute path, or one under `~`.
fn expanded(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = match text.strip_prefix('~') {
        Some("") => home?.to_owned(),
        Some(below) if below.starts_with('/') => home?.join(below.trim_start_matches('/')),
        _ => PathBuf::from(text),
    };
    path.is_absolute().then_some(path)
}

fn read_config(path: &Path) -> Result<Option<Config>, String> {
    match disk::read(path, CONFIG_LIMIT) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
            Config::read(&text).map(Some)
        }
        Err(Unread::Missing) => Ok(None),
        Err(unread) => Err(unread.to_string()),
    }
}

/// Where installers put the command, for a PATH that lacks it.
fn commands(home: Option<&Path>) -> Option<PathBuf> {
    let own = [".npm-global/bin", ".local/bin", ".volta/bin", ".bun/bin"];
    let own = own.iter().filter_map(|below| Some(home?.join(below)));
    let system = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"];
    let directories = own.chain(system.iter().map(PathBuf::from));
    directories.map(|directory| directory.join("openclaw")).find(|path| disk::is_program(path))
}

/// The package behind the command; else the one that the service starts; else where installers put it.
fn package(command: Option<&Path>, service: &Service, home: Option<&Path>) -> Option<Package> {
    let started = service.program.iter().map(PathBuf::from).filter(|path| path.is_absolute());
    let behind = command.map(Path::to_owned).into_iter().chain(started);
    let behind = behind
        .filter_map(|path| disk::real(&path))
        .find_map(|path| path.ancestors().skip(1).take(4).find_map(package_in));
    let own = [
        ".npm-global/lib/node_modules",
        ".volta/tools/image/packages/openclaw/lib/node_modules",
        ".bun/install/global/node_modules",
        ".local/share/pnpm/global/5/node_modules",
        "Library/pnpm/global/5/node_modules",
    ];
    let own = own.iter().filter_map(|below| Some(home?.join(below)));
    let system = ["/opt/homebrew/lib/node_modules", "/usr/local/lib/node_modules", "/usr/lib/node_modules"];
    let modules = own.chain(system.iter().map(PathBuf::from));
    behind.or_else(|| modules.map(|modules| modules.join("openclaw")).find_map(|root| package_in(&root)))
}

/// The package in a directory, where it is OpenClaw's.
fn package_in(root: &Path) -> Option<Package> {
    #[derive(Deserialize)]
    struct File {
        name: String,
        version: String,
    }
    let bytes = disk::read(&root.join("package.json"), PACKAGE_LIMIT).ok()?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    (file.name == "openclaw").then(|| Package { root: root.to_owned(), version: file.version })
}
