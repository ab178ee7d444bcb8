//! What OpenClaw runs as codex: `appServer.command`, and for `codex exec` the command of the backend `codex-cli`.

use std::path::{Path, PathBuf};

use codex_home::display::plain_text;
use codex_home::fs::{canonicalize, is_absent, is_program};
use codex_home::invocation::Invocation;
use codex_home::settings::Settings;

use super::wrapper::{self, Wrapper};
use crate::gateways::Known;
use crate::launcher::{Launcher, is_launcher, is_versioned};
use crate::openclaw::OpenClaw;
use crate::openclaw::config::{Includes, OpenClawConfig};
use crate::openclaw::variable::Resolved;
use crate::openclaw::version::Version;
use crate::{codex, disk};

/// The variable that names the program if `appServer.command` does not.
pub const VARIABLE: &str = "OPENCLAW_CODEX_APP_SERVER_BIN";

/// What OpenClaw runs as codex.
pub enum AppServerCommand {
    /// Nothing, on purpose.
    Nothing {
        /// Why, in words that follow a colon.
        why: String,
        /// The setting that turns the codex plugin off, if that is why.
        plugin_off: Option<&'static str>,
    },
    /// Nothing is configured: OpenClaw runs a codex that it brings or finds itself.
    Unset,
    /// The configuration could not be read completely.
    Unknown,
    /// A path that depends on variables that are not known.
    Variable(String),
    /// A path that is relative, or begins with `~`.
    Relative(String),
    /// A path without a program.
    Missing(PathBuf),
    Launcher {
        /// The path as configured.
        path: PathBuf,
        /// Whether the next upgrade removes that path.
        is_versioned: bool,
    },
    Wrapper(PathBuf, Wrapper),
    /// Any other program, presumably a codex, or an installer's script for it.
    Program(PathBuf),
}

/// What OpenClaw runs, and how that is known.
pub struct Configured {
    pub command: AppServerCommand,
    pub known: Known,
    /// Whether [`VARIABLE`] names it.
    pub is_by_variable: bool,
}

/// What a command is searched with.
struct Search<'a> {
    openclaw: &'a OpenClaw,
    /// A start in the environment of the gateway.
    start: &'a Invocation,
    launcher: Option<&'a Launcher>,
}

impl Configured {
    fn new(command: AppServerCommand, known: Known) -> Self {
        Self { command, known, is_by_variable: false }
    }

    /// Reads what OpenClaw runs as codex's app-server; `start` is one in the environment of the gateway.
    pub fn app_server(openclaw: &OpenClaw, start: &Invocation, launcher: Option<&Launcher>) -> Self {
        let search = Search { openclaw, start, launcher };
        let of_place = openclaw.gateway.known;
        let Ok(config) = &openclaw.config else { return Self::new(AppServerCommand::Unknown, of_place) };
        let (none, config) = (OpenClawConfig::default(), config.as_ref());
        let config = config.unwrap_or(&none);
        if config.unfollowed == Includes::AroundCodex && config.program.is_none() {
            return Self::new(AppServerCommand::Unknown, of_place);
        }
        let plugin_off = config.plugin_off.map(|setting| format!("its codex plugin is off (`{setting}`)"));
        let connects = || {
            let address = config.websocket.as_deref().map(without_credentials)?;
            Some(format!("it connects to `{}`", plain_text(address)))
        };
        if let Some(why) = plugin_off.or_else(connects) {
            return Self::new(AppServerCommand::Nothing { why, plugin_off: config.plugin_off }, of_place);
        }
        if let Some(program) = &config.program {
            return search.judge(program, of_place);
        }
        // With any `appServer`, 2026.4.20 to 4.22 fill in `codex` and do not ask for the variable.
        let asks = !(config.has_app_server && openclaw.is(Version::writes_bridges));
        let environment = &openclaw.gateway.environment;
        match environment.text(VARIABLE).filter(|_| asks) {
            Some(program) => {
                let text = program.to_owned();
                let program = Resolved { text, known: environment.known(VARIABLE), is_complete: true };
                Self { is_by_variable: true, ..search.judge(&program, of_place) }
            }
            None if asks => Self::new(AppServerCommand::Unset, of_place.and(environment.known(VARIABLE))),
            None => Self::new(AppServerCommand::Unset, of_place),
        }
    }

    /// Reads what OpenClaw 2026.4 runs as `codex exec`.
    pub fn cli(openclaw: &OpenClaw, start: &Invocation, launcher: Option<&Launcher>) -> Self {
        let of_place = openclaw.gateway.known;
        let Ok(config) = &openclaw.config else { return Self::new(AppServerCommand::Unknown, of_place) };
        let program = config.as_ref().and_then(|config| config.cli_program.clone());
        match program {
            Some(program) => Search { openclaw, start, launcher }.judge(&program, of_place),
            None => Self::new(AppServerCommand::Unset, of_place),
        }
    }

    /// Returns whether it is the launcher.
    pub const fn is_launcher(&self) -> bool {
        matches!(self.command, AppServerCommand::Launcher { .. })
    }

    /// Returns the program, if it is neither the launcher nor a script.
    pub fn program(&self) -> Option<&Path> {
        match &self.command {
            AppServerCommand::Program(path) => Some(path),
            _ => None,
        }
    }

    /// Returns whether OpenClaw starts no codex at all.
    pub const fn starts_nothing(&self) -> bool {
        matches!(self.command, AppServerCommand::Nothing { .. })
    }

    /// Returns whether it is known what OpenClaw runs.
    pub fn is_certain(&self) -> bool {
        let is_known = !matches!(self.command, AppServerCommand::Unknown | AppServerCommand::Variable(_));
        is_known && self.known.is_certain()
    }
}

impl Search<'_> {
    /// Finds out what a configured program is.
    fn judge(&self, program: &Resolved, known: Known) -> Configured {
        let known = known.and(program.known);
        if !program.is_complete {
            return Configured::new(AppServerCommand::Variable(without_arguments(&program.text)), known);
        }
        let (text, path) = (program.text.trim(), PathBuf::from(program.text.trim()));
        match (path.is_absolute(), text.contains('/')) {
            (true, _) => Configured::new(self.at(path), known),
            // As execvp does: a bare name is searched for on the gateway's PATH.
            (false, false) => {
                let found = disk::on_path(self.start, text);
                let missing = || AppServerCommand::Missing(without_arguments(text).into());
                let command = found.map_or_else(missing, |found| self.at(found));
                Configured::new(command, known.and(self.openclaw.gateway.known("PATH")))
            }
            (false, true) => Configured::new(AppServerCommand::Relative(without_arguments(text)), known),
        }
    }

    fn at(&self, path: PathBuf) -> AppServerCommand {
        if !is_program(&path) {
            return AppServerCommand::Missing(without_arguments(&path.to_string_lossy()).into());
        }
        if is_launcher(&path, self.launcher.map(|launcher| launcher.path.as_path())) {
            let is_versioned = is_versioned(&path);
            return AppServerCommand::Launcher { path, is_versioned };
        }
        let head = disk::head(&path);
        match Wrapper::parse(&head).filter(|_| !self.is_installers(&path)) {
            Some(wrapper) => {
                let missing = wrapper::interpreter(&head).filter(|path| is_absent(path));
                AppServerCommand::Wrapper(path, Wrapper { missing, ..wrapper })
            }
            None => AppServerCommand::Program(path),
        }
    }

    /// Returns whether a script is an installer's for codex, and not a person's own: npm's, or one that leads to a native program
    /// elsewhere.
    fn is_installers(&self, script: &Path) -> bool {
        let real = canonicalize(script);
        let is_npms = real.as_ref().is_some_and(|real| real.ends_with("@openai/codex/bin/codex.js"));
        let codex = || codex::at(script, self.start, &Settings::read(self.start).0);
        is_npms || codex().is_some_and(|codex| codex.version().is_some() && Some(&codex.path) != real.as_ref())
    }
}

/// Returns a command without what may be an argument. OpenClaw takes all of it as one path, and a directory may have a space in
/// its name.
pub fn without_arguments(command: &str) -> String {
    let name = command.rfind('/').map_or(0, |at| at + 1);
    let (directory, _) = command.split_at(name);
    let begin = if disk::is_directory(Path::new(directory)) { name } else { 0 };
    match command.get(begin..).and_then(|rest| rest.find(' ')) {
        Some(space) => format!("{} …", command.get(..begin + space).unwrap_or_default()),
        None => command.to_owned(),
    }
}

/// Returns an address without a user, a password, a path and a query.
fn without_credentials(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}
