//! Everything that the doctor's checks rest on, read once. Decides nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use codex_home::codex::{self, Codex};
use codex_home::failure::Failure;
use codex_home::fs;
use codex_home::invocation::Invocation;
use codex_home::journal;
use codex_home::request::Request;
use codex_home::settings::Settings;
use serde_json::Value;

use super::app_server::AppServerCommand;
use super::homes::{HomeFiles, JudgedHome, judge_all, start_in};
use crate::disk;
use crate::dry_run::DryRun;
use crate::launcher;
use crate::openclaw::OpenClaw;
use crate::openclaw::version::{DEFAULT_ARGUMENTS, Version};

/// Variables that codex takes a login from: any of its programs, and `codex exec`.
const LOGIN_VARIABLES: [&str; 2] = ["CODEX_ACCESS_TOKEN", "CODEX_API_KEY"];
/// How the launcher's variables begin.
const OUR_PREFIX: &str = "CODEX_HOME_SHIM_";
/// How many of the last starts are examined.
const STARTS: usize = 20;

/// Everything that was read.
pub struct Findings {
    /// The launcher.
    pub launcher: Option<Launcher>,
    /// OpenClaw.
    pub openclaw: OpenClaw,
    /// The version of OpenClaw.
    pub version: Option<Version>,
    /// What OpenClaw runs as codex.
    pub command: AppServerCommand,
    /// Why the launcher would pass a start with the configured arguments through, if it would.
    pub passed_through: Option<String>,
    /// The settings.
    pub settings: Settings,
    /// What is wrong with the settings.
    pub problems: Vec<Failure>,
    /// The codex that the launcher would start.
    pub codex: Result<Codex, Failure>,
    /// That codex or its directory with its owner, if other users can write to it.
    pub codex_writable_by_others: Option<(PathBuf, u32)>,
    /// The codex that the launcher would start in the environment of the gateway's service.
    pub codex_of_service: Result<Codex, Failure>,
    /// The settings file in the environment of the gateway's service.
    pub settings_of_service: Option<PathBuf>,
    /// Variables of the launcher that are set here and not in that service.
    pub only_here: Vec<String>,
    /// Variables that hold a login and are set here.
    pub login_variables: Vec<&'static str>,
    /// The personal home.
    pub personal: Inspection,
    /// Who may do what with the files of the personal home.
    pub personal_files: HomeFiles,
    /// OpenClaw's homes, and the one that the environment names.
    pub homes: Vec<JudgedHome>,
    /// The last starts.
    pub starts: Vec<PastStart>,
    /// The user who asks.
    pub uid: u32,
}

/// The launcher.
pub struct Launcher {
    /// Its path.
    pub path: PathBuf,
    /// A path to it that an upgrade does not remove.
    pub stable: PathBuf,
    /// Whether it is setuid or setgid, so that it starts nothing.
    pub is_setuid: bool,
}

/// One start of the journal.
pub struct PastStart {
    /// When it was.
    pub time: String,
    /// What kept codex from being started, if anything did.
    pub error: Option<String>,
}

impl Findings {
    /// Reads everything.
    pub fn observe(invocation: &Invocation) -> Self {
        let openclaw = OpenClaw::observe(invocation);
        let version = openclaw.version();
        let launcher = launcher::find(invocation).map(|path| Launcher {
            stable: launcher::stable(invocation, &path),
            is_setuid: disk::is_setuid(&path, invocation.uid),
            path,
        });
        let observed = DryRun::new(&start_in(invocation, None, &DEFAULT_ARGUMENTS)).observed;
        let settings = observed.settings;
        let service = in_service(invocation, &openclaw);
        let (service_settings, _) = Settings::read(&service);
        let command = AppServerCommand::observe(&openclaw, &service, launcher.as_ref());
        let personal = Inspection::of_personal(invocation, &settings);
        let starts = journal::path(invocation).filter(|_| settings.journal);
        Self {
            personal_files: HomeFiles::observe(personal.home.as_deref(), &personal, invocation.uid),
            personal,
            homes: judge_all(invocation, &openclaw, version.as_ref(), &settings),
            passed_through: openclaw.readable_config().and_then(|config| passed_through(config.args.as_deref()?)),
            codex_writable_by_others: observed.codex.as_ref().ok().and_then(|codex| writable(codex, invocation.uid)),
            codex_of_service: codex::find(&service, &service_settings),
            settings_of_service: service_settings.file,
            only_here: only_here(invocation, &openclaw),
            login_variables: LOGIN_VARIABLES.into_iter().filter(|name| invocation.is_not_blank(name)).collect(),
            starts: starts.map(|path| past_starts(&path)).unwrap_or_default(),
            uid: invocation.uid,
            launcher,
            version,
            command,
            problems: observed.problems,
            codex: observed.codex,
            settings,
            openclaw,
        }
    }

    /// Returns how OpenClaw can log codex in without the launcher, if it can.
    pub fn own_way(&self) -> Option<&'static str> {
        self.version.as_ref().and_then(Version::own_way)
    }
}

/// Returns the start that the gateway's service makes: in the service's environment, not in this shell's.
///
/// If there is no service, the gateway may have been started from this shell, and has its `CODEX_HOME_SHIM_*`.
fn in_service(invocation: &Invocation, openclaw: &OpenClaw) -> Invocation {
    let service = &openclaw.service;
    let person_home = invocation.person_home();
    let of_user =
        ["HOME", "USER", "LOGNAME"].into_iter().filter_map(|name| Some((name.into(), invocation.var(name)?.into())));
    let mut env: BTreeMap<OsString, OsString> = of_user.collect();
    if let Some(home) = &person_home {
        env.insert("HOME".into(), home.into());
    }
    if service.file.is_some() {
        env.extend(service.env.iter().map(|(name, value)| (name.into(), value.into())));
    } else {
        env.extend(invocation.env().iter().filter(|(name, _)| is_ours(&name.to_string_lossy())).cloned());
    }
    env.insert("PATH".into(), service.path(invocation, person_home.as_deref()));
    start_in(&invocation.with_env(env), None, &DEFAULT_ARGUMENTS)
}

fn is_ours(name: &str) -> bool {
    name.starts_with(OUR_PREFIX)
}

/// Returns the launcher's variables that are set in this shell and not in the gateway's service, if there is a service.
fn only_here(invocation: &Invocation, openclaw: &OpenClaw) -> Vec<String> {
    let service = &openclaw.service;
    if service.file.is_none() || service.has_environment_file {
        return Vec::new();
    }
    let set = invocation.env().iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.to_string_lossy());
    let ours = set.filter(|name| is_ours(name) && !service.env.contains_key(name.as_ref()));
    ours.map(|name| name.into_owned()).collect()
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

/// Returns the last starts of the journal.
fn past_starts(journal: &Path) -> Vec<PastStart> {
    let start = |line: &String| {
        let start: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| start.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(PastStart { time: text("time")?, error: text("error") })
    };
    crate::log::last(journal, STARTS).iter().filter_map(start).collect()
}
