//! What OpenClaw's gateway would start as codex, and how: program, arguments, environment, home.
//!
//! Reads; starts nothing. What is not known is an error or an assumption that is said, never a guess.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::display::{plain_text, short_path};
use codex_home::fs::{canonicalize, is_program};
use codex_home::home::Kind;
use codex_home::invocation::Invocation;
use codex_home::settings::lexically_normal;

use super::UNKNOWN;
use crate::disk;
use crate::error::CliError;
use crate::launcher;
use crate::openclaw::config::{Includes, KEY, has_variable};
use crate::openclaw::version::{DEFAULT_ARGUMENTS, Version};
use crate::openclaw::{OpenClaw, Purpose};

/// The variables that OpenClaw asks if `appServer` has no `command` and no `args` (2026.4.21).
const VARIABLES: [&str; 2] = ["OPENCLAW_CODEX_APP_SERVER_BIN", "OPENCLAW_CODEX_APP_SERVER_ARGS"];

/// Which start is asked about.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The home to inject, in place of the one that OpenClaw would.
    pub home: Option<PathBuf>,
    /// The profile of the gateway.
    pub gateway: Option<String>,
}

/// A start as the gateway would make it.
pub struct GatewayStart {
    /// What it would start.
    pub program: PathBuf,
    /// Whether that is the launcher.
    pub is_launcher: bool,
    /// Arguments and environment, the injected home among them.
    pub invocation: Invocation,
    /// The file of the gateway's service; `None` if there is none, so that the environment is this shell's.
    pub service: Option<PathBuf>,
    /// The version of OpenClaw, if it is known.
    pub version: Option<String>,
    /// Whether the host logs codex in after the start, which `verify` does not do.
    pub host_logs_in: bool,
    /// What is not known and was assumed.
    pub assumed: Vec<String>,
}

/// Returns what the gateway would start.
///
/// # Errors
/// If that is not known, with [`UNKNOWN`] as the exit code; if it cannot be started, with 126 or 127.
pub fn what_the_gateway_starts(invocation: &Invocation, asked: &Asked) -> Result<GatewayStart, CliError> {
    let home = asked.home.clone().map(|home| lexically_normal(&invocation.absolute(home)));
    let mut assumed = Vec::new();
    let (invocation, service) = in_gateway(invocation, asked.gateway.as_deref(), &mut assumed)?;
    let openclaw = OpenClaw::observe(&invocation);
    let version = openclaw.version();
    let (program, args) = program(&invocation, &openclaw, &mut assumed)?;
    let home = match home {
        Some(home) => Some(home),
        None => injected(&invocation, &openclaw, &mut assumed)?,
    };
    let host_logs_in = home.as_deref().is_some_and(|home| Kind::of_path(home) == Kind::HostLogin)
        || args.iter().any(|arg| arg.to_string_lossy().contains("ephemeral"));
    let real = canonicalize(&program).unwrap_or_else(|| program.clone());
    let is_launcher = real.file_name().is_some_and(|name| name == launcher::NAME)
        || launcher::find(&invocation).is_some_and(|launcher| launcher == real);
    let mut start = match &home {
        Some(home) => invocation.with_var("CODEX_HOME", Some(home.as_os_str())),
        None => invocation,
    };
    if let (Some(home), true) =
        (&home, version.as_ref().is_some_and(|version| version.between((2026, 5, 2), (2026, 5, 7))))
    {
        start = start.with_var("HOME", Some(home.join("home").as_os_str()));
    }
    start.args = args;
    if is_launcher {
        start.program = Some(real);
    }
    let version = openclaw.package.map(|package| package.version);
    Ok(GatewayStart { program, is_launcher, invocation: start, service, version, host_logs_in, assumed })
}

/// Returns an error for what is not known.
fn unknown(message: impl Into<String>, help: impl Into<String>) -> CliError {
    CliError::Other { message: message.into(), help: help.into(), code: UNKNOWN }
}

/// Returns the invocation in the environment of the gateway, and the file of the service that sets it.
fn in_gateway(
    invocation: &Invocation,
    profile: Option<&str>,
    assumed: &mut Vec<String>,
) -> Result<(Invocation, Option<PathBuf>), CliError> {
    let person_home = invocation.person_home();
    let invocation = match profile {
        Some(profile) => &in_profile(invocation, profile, person_home.as_deref())?,
        None => invocation,
    };
    let service = OpenClaw::observe(invocation).service;
    let Some(file) = service.file.clone() else {
        assumed.push("no service of the gateway is found: it would have the environment of this shell".to_owned());
        return Ok((invocation.clone(), None));
    };
    if service.has_environment_file {
        assumed.push(format!("`{}` names an `EnvironmentFile`, which was not read", plain_text(&file)));
    }
    let kept = ["HOME", "USER", "LOGNAME", "OPENCLAW_PROFILE", "OPENCLAW_STATE_DIR"];
    let kept = kept.into_iter().filter(|name| profile.is_some() || !name.starts_with("OPENCLAW"));
    let mut env: BTreeMap<OsString, OsString> =
        kept.filter_map(|name| Some((name.into(), invocation.var(name)?.into()))).collect();
    env.extend(service.env.iter().map(|(name, value)| (name.into(), value.into())));
    env.insert("PATH".into(), service.path(invocation, person_home.as_deref()));
    Ok((invocation.with_env(env), Some(file)))
}

/// Returns the invocation for a profile, which keeps everything in `~/.openclaw-<profile>` (`openclaw --profile`, 2026.5.12–9.5).
fn in_profile(invocation: &Invocation, profile: &str, home: Option<&Path>) -> Result<Invocation, CliError> {
    let is_name = !profile.is_empty() && profile.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let directory = match profile {
        "default" => ".openclaw".to_owned(),
        profile => format!(".openclaw-{profile}"),
    };
    let state = home.map(|home| home.join(directory)).filter(|_| is_name);
    let named = invocation.with_var("OPENCLAW_PROFILE", Some(profile.as_ref()));
    let named = named.with_var("OPENCLAW_STATE_DIR", state.as_deref().map(Path::as_os_str));
    let named = named.with_var("OPENCLAW_CONFIG_PATH", None);
    let is_there = state.is_some_and(|state| disk::is_directory(&state));
    if is_name && (is_there || OpenClaw::observe(&named).service.file.is_some()) {
        return Ok(named);
    }
    let message =
        format!("no gateway `{}` is found: it has neither a service nor a state directory", plain_text(profile));
    Err(unknown(message, "run `ls -d ~/.openclaw*`: the name of a profile is behind the dash"))
}

/// Returns the program that would be started, with its arguments.
fn program(
    invocation: &Invocation,
    openclaw: &OpenClaw,
    assumed: &mut Vec<String>,
) -> Result<(PathBuf, Vec<OsString>), CliError> {
    let version = openclaw.version();
    // In the person's own home logins are kept.
    let usual = version.as_ref().filter(|_| !is_shared(openclaw));
    let usual = usual.map_or(DEFAULT_ARGUMENTS.as_slice(), Version::arguments);
    let usual: Vec<_> = usual.iter().map(OsString::from).collect();
    if !openclaw.is_there() {
        assumed.push("OpenClaw is not found: another host would start the launcher".to_owned());
        let launcher = launcher::find(invocation)
            .ok_or_else(|| unknown("neither OpenClaw nor the launcher is found", "reinstall codex-home-shim"))?;
        return Ok((launcher, usual));
    }
    let person_home = invocation.person_home();
    let config = openclaw.config.as_ref().map_err(|error| {
        let file = openclaw.config_file.as_deref().unwrap_or(Path::new("openclaw.json"));
        let message = format!("`{}` cannot be used: {}", short_path(file, person_home.as_deref()), plain_text(error));
        unknown(message, "run `openclaw config validate`")
    })?;
    let config = config.clone().unwrap_or_default();
    let get = || format!("run `openclaw config get {KEY}`");
    if config.includes == Includes::AroundCodex {
        return Err(unknown("`openclaw.json` includes other files (`$include`) around its settings for codex", get()));
    }
    let [bin, words] = VARIABLES.map(|name| invocation.var(name).map(|value| value.to_string_lossy().into_owned()));
    let words = words.filter(|_| config.args.is_none()).map(|words| words.split_whitespace().map(Into::into).collect());
    let args = config.args.as_ref().map(|args| args.iter().map(OsString::from).collect()).or(words).unwrap_or(usual);
    let Some(name) = config.program().map(str::to_owned).or(bin) else {
        // Later releases bring a codex of their own.
        if !version.as_ref().is_some_and(Version::writes_bridges) {
            let message = format!("`{KEY}` is not set, and which codex this OpenClaw brings is not known");
            return Err(unknown(message, "run `codex-home doctor`"));
        }
        return Ok((found("codex", invocation)?, args));
    };
    if has_variable(&name) {
        let name = plain_text(&name);
        return Err(unknown(format!("`{KEY}` is `{name}`, which depends on the gateway's environment"), get()));
    }
    Ok((found(&name, invocation)?, args))
}

/// Returns the program of this name, as a spawn finds it.
fn found(name: &str, invocation: &Invocation) -> Result<PathBuf, CliError> {
    let path = match name.contains('/') {
        true => Some(PathBuf::from(name)).filter(|path| path.is_absolute()),
        false => disk::on_path(invocation, name),
    };
    let code = match &path {
        Some(path) if is_program(path) => return Ok(path.clone()),
        Some(path) if disk::is_there(path) => 126,
        _ => 127,
    };
    let message = format!("OpenClaw would start `{}`, and there is no such program for it", plain_text(name));
    Err(CliError::Other { message, help: "run `codex-home install`".to_owned(), code })
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
    let version = openclaw.version();
    if !openclaw.is_there() {
        return Ok(invocation.codex_home());
    }
    let injects = |version: &Version| version.writes_bridges() || version.since((2026, 5, 2));
    if is_shared(openclaw) || version.as_ref().is_some_and(|version| !injects(version)) {
        return Ok(invocation.codex_home());
    }
    let is_for_server = |purpose: Purpose| matches!(purpose, Purpose::HarnessAuth | Purpose::Agent);
    let homes = openclaw.homes.iter().filter(|home| is_for_server(home.purpose));
    let mut homes = homes.filter(|home| home.purpose.is_used_by(version.as_ref()) != Some(false));
    let Some(first) = homes.next() else {
        let message = "OpenClaw has not made a home for codex yet, or it is not found";
        return Err(unknown(message, "send the bot a message, then run `codex-home verify` again"));
    };
    let more = homes.count();
    if more > 0 {
        assumed.push(format!("OpenClaw has {more} more homes for codex; `--home` picks one"));
    }
    Ok(Some(first.path.clone()))
}
