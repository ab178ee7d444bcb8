//! The start that OpenClaw's gateway would make: program, arguments, environment, home.
//!
//! Only reads. An unknown fact is an error or a stated assumption, never a guess.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::display::plain_text;
use codex_home::fs::canonicalize;
use codex_home::home::Kind;
use codex_home::invocation::Invocation;
use codex_home::settings::lexically_normal;

use super::UNKNOWN;
use crate::disk;
use crate::doctor::app_server::{AppServerCommand, Configured};
use crate::doctor::wrapper::Wrapper;
use crate::error::CliError;
use crate::gateways::{Pick, the_gateway};
use crate::launcher::{Launcher, is_versioned};
use crate::openclaw::config::KEY;
use crate::openclaw::version::{DEFAULT_ARGUMENTS, Version};
use crate::openclaw::{OpenClaw, Purpose};

/// The variable with the arguments, if `appServer` has none (OpenClaw 2026.4.21).
const ARGUMENTS: &str = "OPENCLAW_CODEX_APP_SERVER_ARGS";

/// A start as the gateway would make it.
pub struct GatewayStart {
    pub program: PathBuf,
    /// What OpenClaw runs.
    command: AppServerCommand,
    /// Arguments and environment, with the injected home.
    pub invocation: Invocation,
    /// The source of the environment: a process, or the file of a service; `None` for this shell.
    pub environment_of: Option<String>,
    /// The version of OpenClaw, if it is known.
    pub version: Option<String>,
    /// Whether the host logs codex in after the start, which `verify` does not do.
    pub host_logs_in: bool,
    /// How to make the host itself start codex, as one thing to do.
    pub message: String,
    pub assumed: Vec<String>,
}

impl GatewayStart {
    /// Returns whether it starts the launcher.
    pub const fn is_launcher(&self) -> bool {
        matches!(self.command, AppServerCommand::Launcher { .. })
    }

    /// Returns the script that it starts, if it is one.
    pub const fn script(&self) -> Option<&Wrapper> {
        match &self.command {
            AppServerCommand::Wrapper(_, script) => Some(script),
            _ => None,
        }
    }

    /// Returns the home in which codex is started if the launcher changes nothing; `None` if it is not known.
    pub fn home(&self) -> Option<PathBuf> {
        let given = || self.invocation.codex_home().or_else(|| self.invocation.default_home());
        let Some(script) = self.script() else { return given() };
        if script.does_more || script.through.is_some() || script.sets.iter().any(|name| name == "HOME") {
            return None;
        }
        match script.home.as_deref() {
            None => given(),
            Some("") => self.invocation.default_home(),
            Some(_) => script.directory(self.invocation.person_home().as_deref()),
        }
    }
}

/// Returns the start that the gateway would make, in `home` or else in the home that it would inject.
///
/// # Errors
/// With exit code [`UNKNOWN`] if the start is not known, and 126 or 127 if the program cannot be started.
pub fn what_the_gateway_starts(
    invocation: &Invocation,
    home: Option<PathBuf>,
    pick: &Pick,
) -> Result<GatewayStart, CliError> {
    let home = home.map(|home| lexically_normal(&invocation.absolute(home)));
    let gateway = the_gateway(invocation, pick, "verify").map_err(|error| error.with_code(UNKNOWN))?;
    let mut assumed = Vec::new();
    let openclaw = OpenClaw::observe(invocation, gateway);
    let (mut start, environment_of) = environment(invocation, &openclaw, &mut assumed);
    let (program, args, command) = program(&start, &openclaw, &mut assumed)?;
    let home = match home {
        Some(home) => Some(home),
        None => injected(&start, &openclaw, &mut assumed)?,
    };
    let host_logs_in =
        home.as_deref().is_some_and(|home| Kind::of_path(home, start.person_home().as_deref()) == Kind::HostLogin)
            || args.iter().any(|arg| arg.to_string_lossy().contains("ephemeral"));
    if let Some(home) = &home {
        start = start.with_var("CODEX_HOME", Some(home.as_os_str()));
        if openclaw.is(|version| version.between((2026, 5, 2), (2026, 5, 7))) {
            start = start.with_var("HOME", Some(home.join("home").as_os_str()));
        }
    }
    start.args = args;
    if matches!(command, AppServerCommand::Launcher { .. }) {
        start.program = canonicalize(&program);
    }
    let message = openclaw.send_a_message();
    let version = openclaw.package.map(|package| package.version);
    Ok(GatewayStart { program, command, invocation: start, environment_of, version, host_logs_in, message, assumed })
}

/// Returns the error for an unknown fact.
fn unknown(message: impl Into<String>, help: impl Into<String>) -> CliError {
    CliError::Other { message: message.into(), help: help.into(), code: UNKNOWN }
}

/// Returns a start in the environment of the gateway, and the source of that environment.
fn environment(
    invocation: &Invocation,
    openclaw: &OpenClaw,
    assumed: &mut Vec<String>,
) -> (Invocation, Option<String>) {
    let (gateway, start) = (&openclaw.gateway, openclaw.start(invocation));
    if gateway.environment.others.is_certain() {
        if !gateway.known("PATH").is_certain() {
            assumed.push("the gateway's PATH, which its service does not set".to_owned());
        }
        let of_service = || gateway.service.as_ref().map(|service| format!("`{}`", plain_text(&service.file)));
        return (start, gateway.pid.map(|pid| format!("process {pid}")).or_else(of_service));
    }
    assumed.push("the environment of this shell: no gateway runs, and no service of one is found".to_owned());
    // The gateway's own places override this shell's.
    let is_set = |name: &OsString| name != "PATH" && start.env().iter().any(|(other, _)| other == name);
    let others = invocation.env().iter().filter(|(name, _)| !is_set(name)).cloned();
    let known = start.env().iter().filter(|(name, _)| is_set(name)).cloned();
    (start.with_env(known.chain(others)), None)
}

/// Returns the program that would be started, with its arguments, and what it is.
fn program(
    start: &Invocation,
    openclaw: &OpenClaw,
    assumed: &mut Vec<String>,
) -> Result<(PathBuf, Vec<OsString>, AppServerCommand), CliError> {
    // In the person's own home logins are kept.
    let usual = openclaw.version.as_ref().filter(|_| !is_shared(openclaw));
    let usual = usual.map_or(DEFAULT_ARGUMENTS.as_slice(), Version::arguments);
    let usual: Vec<_> = usual.iter().map(OsString::from).collect();
    if !openclaw.is_there() {
        assumed.push("another host that starts the launcher: OpenClaw is not found".to_owned());
        let launcher = Launcher::find(start)
            .ok_or_else(|| unknown("neither OpenClaw nor the launcher is found", "reinstall codex-home-shim"))?;
        let command =
            AppServerCommand::Launcher { path: launcher.path.clone(), is_versioned: is_versioned(&launcher.path) };
        return Ok((launcher.path, usual, command));
    }
    let gateway = &openclaw.gateway;
    let launcher = Launcher::find(start);
    let configured = Configured::app_server(openclaw, start, launcher.as_ref());
    if !configured.known.is_certain() {
        assumed.push(format!("that `{KEY}` is what this gateway reads"));
    }
    let words = gateway.environment.text(ARGUMENTS).filter(|_| !has_app_server(openclaw));
    let words = words.map(|words| words.split_whitespace().map(OsString::from).collect());
    let set = openclaw.readable_config().and_then(|config| config.args.as_ref());
    let args = set.map(|args| args.iter().map(OsString::from).collect()).or(words).unwrap_or(usual);
    let doctor = "run `codex-home doctor`";
    let missing = |path: &Path| {
        let code = if disk::is_there(path) { 126 } else { 127 };
        let message = format!("OpenClaw would start `{}`, and there is no such program for it", plain_text(path));
        CliError::Other { message, help: "run `codex-home install`".to_owned(), code }
    };
    let program = match &configured.command {
        AppServerCommand::Launcher { path, .. }
        | AppServerCommand::Wrapper(path, _)
        | AppServerCommand::Program(path) => Ok(path.clone()),
        AppServerCommand::Missing(path) => Err(missing(path)),
        AppServerCommand::Unset if openclaw.is(Version::writes_bridges) => {
            disk::on_path(start, "codex").ok_or_else(|| missing(Path::new("codex")))
        }
        AppServerCommand::Unset => {
            Err(unknown(format!("`{KEY}` is not set, and which codex this OpenClaw brings is not known"), doctor))
        }
        AppServerCommand::Nothing { why, .. } => Err(unknown(format!("OpenClaw starts no codex: {why}"), doctor)),
        AppServerCommand::Variable(text) | AppServerCommand::Relative(text) => {
            Err(unknown(format!("`{KEY}` is `{}`, which does not tell the program", plain_text(text)), doctor))
        }
        AppServerCommand::Unknown => Err(unknown("OpenClaw's configuration could not be read completely", doctor)),
    };
    Ok((program?, args, configured.command))
}

fn has_app_server(openclaw: &OpenClaw) -> bool {
    openclaw.readable_config().is_some_and(|config| config.has_app_server)
}

/// Returns whether OpenClaw has codex use the person's own home.
fn is_shared(openclaw: &OpenClaw) -> bool {
    openclaw.readable_config().is_some_and(|config| config.home_scope.as_deref() == Some("user"))
}

/// Returns the home that OpenClaw would inject; `None` if it would inject none.
fn injected(
    invocation: &Invocation,
    openclaw: &OpenClaw,
    assumed: &mut Vec<String>,
) -> Result<Option<PathBuf>, CliError> {
    if !openclaw.is_there() {
        return Ok(invocation.codex_home());
    }
    let injects = |version: &Version| version.writes_bridges() || version.since((2026, 5, 2));
    if is_shared(openclaw) || openclaw.is(|version| !injects(version)) {
        return Ok(invocation.codex_home());
    }
    let is_for_server = |purpose: Purpose| matches!(purpose, Purpose::HarnessAuth | Purpose::Agent);
    let homes = openclaw.homes.iter().filter(|home| is_for_server(home.purpose));
    let mut homes = homes.filter(|home| home.purpose.is_used_by(openclaw.version.as_ref()) != Some(false));
    let Some(first) = homes.next() else {
        let state =
            openclaw.gateway.state.as_deref().map(|state| format!(" in `{}`", plain_text(state.join("agents"))));
        let place = state.unwrap_or_default();
        let mut message = format!("OpenClaw makes codex's home at the first message, and there is none{place} yet");
        let mut help = format!("{}, then this again", openclaw.send_a_message());
        if openclaw.is(Version::borrows_id_token) {
            message.push_str("; this release makes one only if `~/.codex` holds a login of the same account");
            help.push_str("; if there is still none, run `codex-home verify --home ~/.codex`");
        }
        return Err(unknown(message, help));
    };
    let more = homes.count();
    if more > 0 {
        assumed.push(format!("OpenClaw has {more} more homes for codex; `--home` picks one"));
    }
    Ok(Some(first.path.clone()))
}
