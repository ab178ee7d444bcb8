//! One gateway: what is known of it, and the commands that mean it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;

use super::environment::Environment;
use super::known::Known;
use super::process::Process;
use super::service::Service;
use super::starts::Start;
use super::{DEFAULT, Elsewhere, OpenClawCommand, path};
use crate::disk;

/// How it is known that a gateway has other files than this program, as in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// The gateway's process.
    Process(u32),
    /// The file of the service that starts the container.
    Service(PathBuf),
}

/// A gateway, or the place of one.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// `default`, the name of its profile, or its state directory.
    pub name: String,
    pub profile: Option<String>,
    /// Its state directory, whether it exists or not; `None` if no place for one is known.
    pub state: Option<PathBuf>,
    /// How it is known that this is a gateway's state directory.
    pub known: Known,
    /// Its environment, without what is assumed.
    pub environment: Environment,
    pub pid: Option<u32>,
    /// The command line of that process, or of its service.
    pub program: Vec<String>,
    /// The node that it runs in.
    pub node: Option<PathBuf>,
    /// Whether it has other files than this program.
    pub container: Option<Container>,
    /// When it was started, or when its service was last changed, in seconds since 1970.
    pub since: i64,
    /// The service that starts it.
    pub service: Option<Service>,
    /// The last starts that the launcher recorded for it, the newest first.
    pub starts: Vec<Start>,
}

impl Gateway {
    /// Takes over the facts of a running process.
    pub(super) fn run(&mut self, process: Process, environment: Environment) {
        if self.pid.is_some() {
            return;
        }
        // The files of this gateway are still its own if another one runs in a container.
        self.container = None;
        (self.environment, self.known, self.pid) = (environment, Known::Seen, Some(process.pid));
        self.since = i64::try_from(process.since).unwrap_or_default();
        if !process.has_title() {
            self.program.clone_from(&process.command);
        }
        self.node = process.node;
    }

    /// Adds the PATH of the last start, unless the gateway was changed since.
    pub(super) fn learn(&mut self) {
        let Some(start) = self.starts.first() else { return };
        let is_newer = DateTime::parse_from_rfc3339(&start.time).is_ok_and(|time| time.timestamp() >= self.since);
        if let Some(path) = start.host.as_ref().and_then(|host| host.path.as_ref()).filter(|_| is_newer) {
            self.environment.set("PATH", path, Known::Seen);
            self.environment.set(path::IS_DONE, "1", Known::Seen);
        }
    }

    /// Returns an invocation in the known environment of the gateway.
    pub fn invocation(&self, base: &Invocation) -> Invocation {
        let mut env: Vec<(OsString, OsString)> =
            self.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        if !self.environment.is_set("HOME") {
            env.extend(base.person_home().map(|home| ("HOME".into(), home.into())));
        }
        base.with_env(env)
    }

    /// Returns an invocation as the gateway makes it: with the PATH that OpenClaw gives codex. `is_new` is whether OpenClaw is
    /// 2026.7.1 or later.
    pub fn start(&self, base: &Invocation, is_new: bool) -> Invocation {
        self.invocation(base).with_var("PATH", Some(&path::of_codex(self, base, is_new)))
    }

    /// Returns why nothing here tells about it and where to run the command `verb`, if it has other files than are seen here.
    pub fn hidden(&self, verb: &str) -> Option<Elsewhere> {
        let state = self.state.as_deref().map(plain_text).unwrap_or_default();
        let gateway = format!("the gateway with its state in `{state}`");
        Some(Elsewhere::with_other_files(&gateway, self.container.as_ref()?, verb))
    }

    /// Returns whether this is its state directory, by whatever path.
    pub fn has_state(&self, state: Option<&Path>) -> bool {
        match (self.state.as_deref(), state) {
            (Some(own), Some(state)) => own == state || disk::is_same(own, state),
            (own, state) => own == state,
        }
    }

    /// Returns how a variable of its environment is known.
    pub fn known(&self, variable: &str) -> Known {
        self.environment.known(variable)
    }

    /// Returns whether it is the gateway of `openclaw` without any option.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT
    }

    /// Returns the option by which `codex-home` picks this gateway; empty for the default one.
    pub fn option(&self) -> String {
        match (&self.profile, &self.state) {
            (Some(profile), _) => format!(" --profile {}", shell_word(Path::new(profile), None)),
            (None, Some(state)) if !self.is_default() => format!(" --state-dir {}", shell_word(state, None)),
            _ => String::new(),
        }
    }

    /// Returns the option that picks this gateway among several.
    pub fn picked(&self) -> String {
        match (&self.state, self.is_default()) {
            (Some(state), true) => format!(" --state-dir {}", shell_word(state, None)),
            _ => self.option(),
        }
    }

    /// Returns the `openclaw` command for this gateway.
    pub fn command(&self, program: &Path) -> OpenClawCommand {
        let mut command = OpenClawCommand { program: program.to_owned(), env: Vec::new(), options: Vec::new() };
        match (&self.profile, &self.state) {
            (Some(profile), _) => command.options = vec!["--profile".to_owned(), profile.clone()],
            (None, Some(state)) if !self.is_default() => command.env.push(("OPENCLAW_STATE_DIR", state.clone())),
            _ => {}
        }
        let named = self.environment.path("OPENCLAW_CONFIG_PATH", None);
        let usual = self.state.as_ref().map(|state| state.join("openclaw.json"));
        command
            .env
            .extend(named.filter(|named| Some(named) != usual.as_ref()).map(|path| ("OPENCLAW_CONFIG_PATH", path)));
        command
    }

    /// Returns a text with its `openclaw` and `codex-home` commands changed to mean this gateway.
    pub fn addressed(&self, text: &str) -> String {
        let openclaw = self.command(Path::new("openclaw")).shown();
        let mut text = text.replace("`openclaw ", &format!("`{openclaw} "));
        for command in ["install", "uninstall", "verify", "doctor"] {
            let plain = format!("`codex-home {command}`");
            text = text.replace(&plain, &format!("`codex-home {command}{}`", self.option()));
        }
        text
    }
}
