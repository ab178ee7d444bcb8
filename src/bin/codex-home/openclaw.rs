//! OpenClaw on the disk, as one gateway uses it: its package, its configuration, its homes.
//!
//! Reads, decides nothing, runs nothing. What is not found is `None`, never a guess. Names and places: OpenClaw 2026.4.21 to
//! 2026.9.6.

pub mod config;
mod include;
pub mod package;
pub mod variable;
pub mod version;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use codex_home::display::shell_word;
use codex_home::invocation::Invocation;

use crate::disk;
use crate::gateways::Gateway;
use crate::gateways::environment::{Environment, expanded};
use config::OpenClawConfig;
use package::Package;
use version::Version;

/// The largest `openclaw.json` that is read.
pub const CONFIG_LIMIT: u64 = 4 << 20;
/// How many agents are examined.
const AGENTS: usize = 128;
/// How many homes of one kind are examined in one directory.
const HOMES: usize = 32;
/// How many homes are examined in all.
const ALL_HOMES: usize = 128;

/// What one gateway uses of OpenClaw.
#[derive(Clone, Debug)]
pub struct OpenClaw {
    /// The `openclaw` command.
    pub command: Option<PathBuf>,
    pub package: Option<Package>,
    /// Its version, if that can be read.
    pub version: Option<Version>,
    /// Its configuration file, whether it exists or not.
    pub config_file: Option<PathBuf>,
    /// What the file says about codex; `Ok(None)` if there is no file.
    pub config: Result<Option<OpenClawConfig>, String>,
    /// The homes in its state directory, and those that its agents have elsewhere.
    pub homes: Vec<FoundHome>,
    /// Homes that were not examined, in words.
    pub unexamined: Vec<String>,
    pub gateway: Gateway,
}

/// A home that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHome {
    pub path: PathBuf,
    /// What OpenClaw made it for.
    pub purpose: Purpose,
}

/// What OpenClaw makes a home for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `codex app-server`, with a login in the file: 2026.4.20–4.22.
    HarnessAuth,
    /// `codex exec`, with a login in the file: 2026.4.20–4.22.
    CliAuth,
    /// An ACP adapter, with a login in the file: 2026.4.22.
    AcpAuth,
    /// `codex app-server`, with a login over RPC: 2026.5.2 and later.
    Agent,
    /// An ACP adapter, which nothing logs in: 2026.4.25 and later.
    Acpx,
    /// A coding agent with a login of its own: 2026.8.2 and later.
    CodingAgent,
}

impl Purpose {
    /// Returns whether this version still uses such a home; `None` if the version is not known.
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

    /// Returns the arguments that codex is started with in such a home.
    pub fn arguments(self, version: Option<&Version>) -> Vec<&'static str> {
        match self {
            Self::CliAuth => vec!["exec", "--json"],
            Self::Agent => version.map_or(version::DEFAULT_ARGUMENTS.as_slice(), Version::arguments).to_vec(),
            Self::HarnessAuth | Self::AcpAuth | Self::Acpx | Self::CodingAgent => version::DEFAULT_ARGUMENTS.to_vec(),
        }
    }
}

impl OpenClaw {
    /// Reads everything that this gateway uses of OpenClaw.
    pub fn observe(invocation: &Invocation, gateway: Gateway) -> Self {
        let person = invocation.person_home();
        // `OPENCLAW_HOME` moves all of it.
        let home = gateway.environment.path("OPENCLAW_HOME", person.as_deref()).or_else(|| person.clone());
        let command = disk::on_path(invocation, "openclaw").or_else(|| package::command_off_path(person.as_deref()));
        // A gateway whose command line does not tell what it runs was started by the command on its PATH.
        let its_own = disk::on_path(&gateway.invocation(invocation), "openclaw");
        let commands: Vec<_> = its_own.into_iter().chain(command.clone()).collect();
        let package = package::find(&commands, &gateway.program, person.as_deref());
        let command = command.or_else(|| commands.into_iter().next());
        let config_file = config_file(&gateway, home.as_deref());
        let config = config_file.as_deref().map_or(Ok(None), |path| read_config(path, &gateway.environment));
        let version = package.as_ref().and_then(|package| Version::parse(&package.version));
        let mut openclaw =
            Self { command, package, version, config_file, config, homes: Vec::new(), unexamined: Vec::new(), gateway };
        openclaw.find_homes(home.as_deref(), person.as_deref());
        openclaw
    }

    /// Returns whether there is any trace of OpenClaw.
    pub fn is_there(&self) -> bool {
        self.command.is_some()
            || self.package.is_some()
            || self.gateway.known.is_certain()
            || self.config_file.as_deref().is_some_and(disk::is_there)
    }

    /// Returns what makes it start codex once, as one thing to do.
    pub fn send_a_message(&self) -> String {
        if self.command.is_none() {
            return "send the bot a message".to_owned();
        }
        let agent = self.readable_config().and_then(|config| config.agent.as_deref()).unwrap_or(config::AGENT);
        let agent = shell_word(Path::new(agent), None);
        self.gateway.addressed(&format!("run `openclaw agent --agent {agent} --message ping`"))
    }

    /// Returns whether its version is known, and is one of which this holds.
    pub fn is(&self, holds: impl FnOnce(&Version) -> bool) -> bool {
        self.version.as_ref().is_some_and(holds)
    }

    /// Returns an invocation as the gateway makes it.
    pub fn start(&self, base: &Invocation) -> Invocation {
        self.gateway.start(base, self.is(Version::puts_system_first))
    }

    /// Returns what its configuration says about codex, if it could be read.
    pub fn readable_config(&self) -> Option<&OpenClawConfig> {
        self.config.as_ref().ok().and_then(Option::as_ref)
    }

    fn find_homes(&mut self, home: Option<&Path>, person: Option<&Path>) {
        let Some(state) = self.gateway.state.clone() else { return };
        let (agents, has_more) = disk::list(&state.join("agents"), AGENTS);
        if has_more {
            self.unexamined.push(format!("the directories of more than {AGENTS} agents"));
        }
        // The main agent comes first, so that it is never among those that are too many.
        let main = [state.join("agents/main")].into_iter().filter(|main| disk::is_directory(main));
        let mut agent_dirs: Vec<_> = main.chain(agents).map(|agent| agent.join("agent")).collect();
        let elsewhere = self.readable_config().map(|config| config.agent_dirs.clone()).unwrap_or_default();
        for agent in &elsewhere {
            match expanded(&agent.text, home) {
                Some(directory) if agent.is_complete => agent_dirs.push(directory),
                _ => self.unexamined.push(format!("the `agentDir` `{}`", agent.text)),
            }
        }
        let mut done = HashSet::new();
        for directory in agent_dirs.into_iter().filter(|directory| done.insert(directory.clone())) {
            self.add_all(&directory.join("harness-auth/codex"), "", Purpose::HarnessAuth);
            self.add_all(&directory.join("cli-auth/codex"), "", Purpose::CliAuth);
            self.add_all(&directory.join("acp-auth"), "codex", Purpose::AcpAuth);
            self.add(directory.join("codex-home"), Purpose::Agent);
        }
        self.add_all(&state.join("acp-auth"), "codex", Purpose::AcpAuth);
        self.add(state.join("acpx/codex-home"), Purpose::Acpx);
        if let Some(person) = person {
            self.add(person.join(".codex-coding-agent"), Purpose::CodingAgent);
        }
    }

    fn add_all(&mut self, directory: &Path, beginning: &str, purpose: Purpose) {
        let (paths, has_more) = disk::list(directory, HOMES);
        if has_more {
            self.unexamined.push(format!("more than {HOMES} homes in `{}`", directory.display()));
        }
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
        for path in paths.into_iter().filter(named) {
            self.add(path, purpose);
        }
    }

    fn add(&mut self, path: PathBuf, purpose: Purpose) {
        // A file beside the homes is not a home; a dangling symlink is a home that does not exist.
        if !disk::is_directory(&path) && !disk::is_symlink(&path) {
            return;
        }
        if self.homes.len() < ALL_HOMES {
            self.homes.push(FoundHome { path, purpose });
            return;
        }
        let more = format!("more than {ALL_HOMES} homes in all");
        if !self.unexamined.contains(&more) {
            self.unexamined.push(more);
        }
    }
}

/// Returns the configuration file: the one that a variable names, else the first that is there, else where one would be.
fn config_file(gateway: &Gateway, home: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = gateway.environment.path("OPENCLAW_CONFIG_PATH", home) {
        return Some(named);
    }
    let state = gateway.state.as_deref()?;
    // Up to 2026.5.12 the old name is read too.
    let [new, old] = ["openclaw.json", "clawdbot.json"].map(|name| state.join(name));
    Some(if !disk::is_there(&new) && disk::is_there(&old) { old } else { new })
}

fn read_config(path: &Path, environment: &Environment) -> Result<Option<OpenClawConfig>, String> {
    let Some(bytes) = disk::read(path, CONFIG_LIMIT)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    OpenClawConfig::parse(&text, path, environment).map(Some)
}
