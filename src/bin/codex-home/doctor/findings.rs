//! Everything that the doctor's checks rest on, read once. Decides nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::inspection::Inspection;
use codex_home::codex::{self, Codex};
use codex_home::failure::Failure;
use codex_home::fs;
use codex_home::invocation::Invocation;
use codex_home::observe::WORKLOAD_IDENTITY;
use codex_home::request::Request;
use codex_home::settings::{Key, Settings};

use super::app_server::Configured;
use super::homes::{HomeFiles, JudgedHome, judge_all, start_in};
use crate::disk;
use crate::dry_run::DryRun;
use crate::gateways::{Gateway, Known, OUR_PREFIX};
use crate::launcher::Launcher;
use crate::openclaw::OpenClaw;
use crate::openclaw::version::{DEFAULT_ARGUMENTS, Version};

/// Variables that codex takes a login from: any of its programs, and `codex exec`.
const LOGIN_VARIABLES: [&str; 4] = ["CODEX_ACCESS_TOKEN", WORKLOAD_IDENTITY[0], WORKLOAD_IDENTITY[1], "CODEX_API_KEY"];

/// Everything that was read.
pub struct Findings {
    pub launcher: Option<Launcher>,
    pub openclaw: OpenClaw,
    /// What OpenClaw runs as codex's app-server.
    pub command: Configured,
    /// What OpenClaw 2026.4 runs as `codex exec`.
    pub cli_command: Configured,
    /// Why the launcher would pass a start with the configured arguments through, if it would.
    pub passed_through: Option<String>,
    /// The settings in the gateway's environment.
    pub settings: Settings,
    /// The start that the gateway makes.
    pub start: Invocation,
    /// This shell.
    here: Invocation,
    /// The settings of this shell.
    pub settings_here: Settings,
    /// What is wrong with the settings.
    pub problems: Vec<Failure>,
    /// The codex that the launcher would start here.
    pub codex: Result<Codex, Failure>,
    /// The paths that a codex could have on this shell's PATH and in the user's own directories.
    pub codex_links: Vec<PathBuf>,
    /// The gateway's codex or its directory with its owner, if other users can write to it.
    pub codex_writable_by_others: Option<(PathBuf, u32)>,
    /// The codex that the launcher would start in the gateway's environment.
    pub codex_of_gateway: Result<Codex, Failure>,
    /// How that codex is known.
    pub codex_known: Known,
    /// The codex that OpenClaw starts without the launcher, if it is configured to.
    pub codex_of_openclaw: Option<Codex>,
    /// Variables of the launcher that are set here and not for the gateway.
    pub only_here: Vec<String>,
    /// Variables that hold a login and are set for the gateway, or here if its environment is not known.
    pub login_variables: Vec<&'static str>,
    pub personal: Inspection,
    /// Who may do what with the files of the personal home.
    pub personal_files: HomeFiles,
    /// OpenClaw's homes, and the one that the environment names.
    pub homes: Vec<JudgedHome>,
    /// Where starts are recorded; `None` if they are not.
    pub journal: Option<PathBuf>,
}

impl Findings {
    /// Reads everything about one gateway.
    pub fn observe(invocation: &Invocation, gateway: Gateway) -> Self {
        let openclaw = OpenClaw::observe(invocation, gateway);
        let launcher = Launcher::find(invocation);
        let settings_here = Settings::read(invocation).0;
        let gateway = &openclaw.gateway;
        // In the environment of the gateway, not in this shell's.
        let start = start_in(&openclaw.start(invocation), None, &DEFAULT_ARGUMENTS);
        let observed = DryRun::new(&start).observed;
        let settings = observed.settings;
        let personal = Inspection::of_personal(invocation, &settings);
        let journal = codex_home::journal::path(&start).filter(|_| settings.journal);
        let codex_known = codex_known(gateway, &settings, observed.codex.as_ref().ok());
        let command = Configured::app_server(&openclaw, &start, launcher.as_ref());
        Self {
            codex_of_openclaw: command.program().and_then(|program| crate::codex::at(program, &start, &settings)),
            command,
            cli_command: Configured::cli(&openclaw, &start, launcher.as_ref()),
            personal_files: HomeFiles::observe(personal.home.as_deref(), &personal, invocation.uid),
            personal,
            homes: judge_all(invocation, &start, &openclaw, &settings),
            passed_through: openclaw.readable_config().and_then(|config| passed_through(config.args.as_deref()?)),
            codex: codex::find(invocation, &settings_here),
            settings_here,
            codex_links: codex_links(invocation),
            codex_writable_by_others: observed.codex.as_ref().ok().and_then(|codex| writable(codex, invocation.uid)),
            codex_of_gateway: observed.codex,
            codex_known,
            only_here: only_here(invocation, gateway),
            login_variables: login_variables(invocation, gateway),
            journal,
            start: start.clone(),
            here: invocation.clone(),
            launcher,
            problems: observed.problems,
            settings,
            openclaw,
        }
    }

    /// Returns the values that this shell's variable gives a key.
    pub fn values_here(&self, key: Key) -> Vec<String> {
        let value = self.here.var(key.variable()).map(|value| value.to_string_lossy().into_owned());
        let is_list = matches!(key, Key::Search | Key::Bridges | Key::Leave);
        let separator = if is_list { ':' } else { '\0' };
        value
            .iter()
            .flat_map(|value| value.split(separator))
            .filter(|value| !value.is_empty())
            .map(Into::into)
            .collect()
    }

    /// Returns how OpenClaw can log codex in without the launcher, if it can.
    pub fn own_way(&self) -> Option<&'static str> {
        self.openclaw.version.as_ref().and_then(Version::own_way)
    }
}

/// Returns the paths that a codex could have on PATH and in the user's own directories.
fn codex_links(invocation: &Invocation) -> Vec<PathBuf> {
    let own = invocation.person_home().map(|home| home.join(".local/bin/codex"));
    disk::candidates(invocation, "codex").into_iter().chain(own).collect()
}

/// Returns how it is known that the gateway would start this codex.
fn codex_known(gateway: &Gateway, settings: &Settings, codex: Option<&Codex>) -> Known {
    let last = gateway.starts.first().and_then(|start| start.codex.as_ref());
    if codex.is_some_and(|codex| last == Some(&codex.path)) {
        return Known::Seen;
    }
    let of_setting = gateway.known(Key::Codex.variable());
    match settings.codex {
        Some(_) => of_setting,
        None => of_setting.and(gateway.known("PATH")).and(gateway.known(Key::Search.variable())),
    }
}

/// Returns the launcher's variables that are set in this shell and not for the gateway, if its environment is known.
fn only_here(invocation: &Invocation, gateway: &Gateway) -> Vec<String> {
    if !gateway.environment.others.is_certain() {
        return Vec::new();
    }
    let set = invocation.env().iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.to_string_lossy());
    let ours = set.filter(|name| name.starts_with(OUR_PREFIX) && !gateway.environment.is_set(name));
    ours.map(|name| name.into_owned()).collect()
}

/// Returns the variables that hold a login: the gateway's, or this shell's if the gateway's are not known.
fn login_variables(invocation: &Invocation, gateway: &Gateway) -> Vec<&'static str> {
    // As the launcher does: a variable of a workload identity counts even if it is empty.
    let is_set = |name: &&str| match (gateway.known(name).is_certain(), WORKLOAD_IDENTITY.contains(name)) {
        (true, true) => gateway.environment.is_set(name),
        (true, false) => gateway.environment.text(name).is_some(),
        (false, true) => invocation.var(name).is_some(),
        (false, false) => invocation.is_not_blank(name),
    };
    LOGIN_VARIABLES.into_iter().filter(is_set).collect()
}

/// Returns the codex or else its directory, with its owner, if other users can write to it.
fn writable(codex: &Codex, uid: u32) -> Option<(PathBuf, u32)> {
    let paths = [Some(codex.path.as_path()), codex.path.parent()];
    let path = paths.into_iter().flatten().find(|path| disk::writable_by_others(path, uid))?;
    Some((path.to_owned(), fs::stat(path).ok()?.uid))
}

/// Returns why the launcher would pass a start with these arguments through, if it would.
fn passed_through(args: &[String]) -> Option<String> {
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    match Request::parse(&args) {
        Request::Judged(_) => None,
        Request::PassThrough(reason) => Some(format!("{reason:#}")),
    }
}
