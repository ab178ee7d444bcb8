//! WHAT THE DOCTOR LOOKS AT, gathered once.
//!
//! Looks and decides nothing. What the launcher would do in a home comes from a [`Rehearsal`], the walk that a start goes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::codex::{self, Codex};
use codex_home::failure::Failure;
use codex_home::home::{AUTH_FILE, CONFIG_FILE, parts_made_by_host};
use codex_home::inspection::Inspection;
use codex_home::invocation::Invocation;
use codex_home::journal;
use codex_home::plan::Step;
use codex_home::rehearsal::{Outcome, Rehearsal};
use codex_home::settings::Settings;
use codex_home::start::Start;
use serde_json::Value;

use super::wrapper::Wrapper;
use crate::disk::{self, Access};
use crate::launcher::{self, is_versioned};
use crate::openclaw::config::has_variable;
use crate::openclaw::version::{DEFAULT_ARGUMENTS, Version};
use crate::openclaw::{MadeFor, OpenClaw};

/// How much of a program is read to tell what it is.
const HEAD: u64 = 64 << 10;
/// Variables that codex takes a login from: any of its programs, and `codex exec`.
const LOGINS: [&str; 2] = ["CODEX_ACCESS_TOKEN", "CODEX_API_KEY"];
/// How the launcher's variables begin.
const OURS: &str = "CODEX_HOME_SHIM_";
/// How many of the last starts are looked at.
const STARTS: usize = 20;

/// Everything that was looked at.
pub struct Seen {
    /// The launcher.
    pub launcher: Option<Launcher>,
    /// OpenClaw.
    pub openclaw: OpenClaw,
    /// Its version.
    pub version: Option<Version>,
    /// What it starts as codex.
    pub command: Command,
    /// Why the launcher would pass a start with the configured arguments on as it comes.
    pub passed_on: Option<String>,
    /// What we were told.
    pub settings: Settings,
    /// What is wrong with that.
    pub problems: Vec<Failure>,
    /// The codex that the launcher would start.
    pub codex: Result<Codex, Failure>,
    /// The codex that it would start under the PATH of the gateway's service.
    pub codex_of_service: Result<Codex, Failure>,
    /// Variables of the launcher's that are set here and not in that service.
    pub only_here: Vec<String>,
    /// Variables that hold a login and are set here.
    pub logins: Vec<&'static str>,
    /// The personal home.
    pub personal: Inspection,
    /// What others could do to it.
    pub personal_files: Vec<File>,
    /// The homes of OpenClaw, and the one in the environment.
    pub homes: Vec<Home>,
    /// The last starts.
    pub starts: Vec<Noted>,
}

/// The launcher.
pub struct Launcher {
    /// Where it is.
    pub path: PathBuf,
    /// Where it will be after an upgrade, too.
    pub stable: PathBuf,
    /// Its version, where that is known: it was installed with this program.
    pub version: Option<&'static str>,
    /// Whether it is setuid or setgid, so that it starts nothing.
    pub lends_rights: bool,
}

/// What OpenClaw starts as codex.
pub enum Command {
    /// What it brings or finds itself: nothing is configured.
    Unset,
    /// It is in the configuration, which could not be read to the end.
    Unknown,
    /// A path that depends on the gateway's environment.
    Variable(String),
    /// A path that is relative, or begins with `~`.
    Relative(String),
    /// Nothing that could be started.
    Missing(PathBuf),
    /// The launcher.
    Launcher {
        /// As configured.
        path: PathBuf,
        /// Whether the next upgrade takes it away.
        is_versioned: bool,
    },
    /// A script.
    Wrapper(PathBuf, Wrapper),
    /// Anything else, which is a codex if it is right.
    Program(PathBuf),
}

/// A home, and what would become of a start in it.
pub struct Home {
    /// The home.
    pub inspection: Inspection,
    /// Where it is.
    pub path: PathBuf,
    /// What OpenClaw made it for; `None` for the one in the environment.
    pub made_for: Option<MadeFor>,
    /// Whether this OpenClaw uses it; `None` where that is not known.
    pub is_used: Option<bool>,
    /// The verdict's name and why.
    pub verdict: (&'static str, String),
    /// What would become of the start.
    pub outcome: Result<Outcome, Failure>,
    /// Why the launcher would start nothing in it, where the homes are the reason.
    pub refusal: Option<Failure>,
    /// The parts of its path that its host made and that are links.
    pub links: Vec<PathBuf>,
    /// What others could do to it.
    pub files: Vec<File>,
    /// Whether there is an `auth.json`.
    pub has_auth: bool,
}

/// A home or a file in it.
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it is like to others.
    pub access: Access,
    /// Whether it is a home's `auth.json` with a login that is renewed.
    pub is_renewed: bool,
}

/// One start of the journal.
pub struct Noted {
    /// When.
    pub time: String,
    /// What kept codex from being started.
    pub error: Option<String>,
}

impl Seen {
    /// Looks.
    pub fn look(invocation: &Invocation) -> Self {
        let openclaw = OpenClaw::look(invocation);
        let version = openclaw.version();
        let launcher = launcher::find(invocation).map(|path| Launcher {
            stable: launcher::stable(invocation, &path),
            lends_rights: disk::lends_rights(&path),
            version: (path.parent() == invocation.program.as_deref().and_then(Path::parent))
                .then_some(env!("CARGO_PKG_VERSION")),
            path,
        });
        let start = started(invocation, None, &DEFAULT_ARGUMENTS);
        let rehearsal = Rehearsal::of(&start);
        let settings = rehearsal.settings.clone();
        let person = settings.person_home.as_deref();
        let of_service = in_service(invocation, &openclaw, person);
        let command = command(&openclaw, &of_service, launcher.as_ref());
        let homes = homes(invocation, &openclaw, version.as_ref(), &settings);
        let personal = Inspection::of_personal(&settings);
        Self {
            personal_files: personal.home.as_deref().map(|home| files(home, &personal)).unwrap_or_default(),
            personal,
            homes,
            passed_on: openclaw.read_config().and_then(|config| config.args.as_deref()).and_then(passed_on),
            codex_of_service: codex::find(&of_service, &Settings::gather(&of_service).0),
            only_here: only_here(invocation, &openclaw),
            logins: LOGINS.into_iter().filter(|name| invocation.is_not_blank(name)).collect(),
            starts: journal::path(invocation, &settings.journal).map(|path| starts(&path)).unwrap_or_default(),
            launcher,
            version,
            command,
            problems: rehearsal.problems,
            codex: rehearsal.codex,
            settings,
            openclaw,
        }
    }
}

/// The start of codex with `args` in `home`.
fn started(invocation: &Invocation, home: Option<&Path>, args: &[&str]) -> Invocation {
    let mut start = Invocation { args: args.iter().map(OsString::from).collect(), ..invocation.clone() };
    match home {
        Some(home) => start.env.insert("CODEX_HOME".into(), home.into()),
        None => start.env.remove(&OsString::from("CODEX_HOME")),
    };
    start
}

/// The same person, in the environment of the gateway's service.
fn in_service(invocation: &Invocation, openclaw: &OpenClaw, person: Option<&Path>) -> Invocation {
    let mut of_service = started(invocation, None, &DEFAULT_ARGUMENTS);
    of_service.env.insert("PATH".into(), openclaw.service.path(invocation, person));
    let service = &openclaw.service;
    if service.file.is_some() {
        let is_ours = |name: &str| name.starts_with(OURS);
        of_service.env.retain(|name, _| !is_ours(&name.to_string_lossy()));
        let set = service.env.iter().filter(|(name, _)| is_ours(name));
        of_service.env.extend(set.map(|(name, value)| (name.into(), value.into())));
    }
    of_service
}

/// The launcher's variables that this shell has and the gateway's service, where there is one, has not.
fn only_here(invocation: &Invocation, openclaw: &OpenClaw) -> Vec<String> {
    let service = &openclaw.service;
    if service.file.is_none() || service.has_more {
        return Vec::new();
    }
    let ours = invocation.env.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.to_string_lossy());
    let ours = ours.filter(|name| name.starts_with(OURS));
    ours.filter(|name| !service.env.contains_key(name.as_ref())).map(|name| name.into_owned()).collect()
}

/// What OpenClaw starts as codex.
fn command(openclaw: &OpenClaw, of_service: &Invocation, launcher: Option<&Launcher>) -> Command {
    let Ok(config) = &openclaw.config else { return Command::Unknown };
    let Some(program) = config.as_ref().and_then(|config| config.program()) else {
        let is_all = config.as_ref().is_none_or(|config| config.includes < crate::openclaw::config::Includes::OnTheWay);
        return if is_all { Command::Unset } else { Command::Unknown };
    };
    if has_variable(program) {
        return Command::Variable(program.to_owned());
    }
    let path = PathBuf::from(program);
    let path = match (path.is_absolute(), program.contains('/')) {
        (true, _) => path,
        // The kernel's way: a name is looked for on the gateway's PATH.
        (false, false) => match disk::on_path(of_service, program) {
            Some(found) => found,
            None => return Command::Missing(path),
        },
        (false, true) => return Command::Relative(program.to_owned()),
    };
    if !disk::is_program(&path) {
        return Command::Missing(path);
    }
    let real = disk::real(&path);
    let is_named = real.as_deref().is_some_and(|real| real.file_name().is_some_and(|name| name == launcher::NAME));
    if is_named || launcher.is_some_and(|launcher| disk::is_same(&launcher.path, &path)) {
        let is_versioned = is_versioned(&path);
        return Command::Launcher { path, is_versioned };
    }
    let is_codex = real.is_some_and(|real| real.ends_with("@openai/codex/bin/codex.js"));
    match disk::head(&path, HEAD).ok().filter(|_| !is_codex).and_then(|head| Wrapper::read(&head)) {
        Some(wrapper) => Command::Wrapper(path, wrapper),
        None => Command::Program(path),
    }
}

/// Why a start with these arguments would not be judged.
fn passed_on(args: &[String]) -> Option<String> {
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    match Start::read(&args) {
        Start::Judged { .. } => None,
        Start::Passed(because) => Some(format!("{because:#}")),
    }
}

/// Every home, with what would become of a start in it.
fn homes(invocation: &Invocation, openclaw: &OpenClaw, version: Option<&Version>, settings: &Settings) -> Vec<Home> {
    let mut homes: Vec<_> = openclaw
        .homes
        .iter()
        .map(|found| {
            let arguments = found.made_for.arguments(version);
            let is_used = found.made_for.is_used_by(version);
            Home { is_used, made_for: Some(found.made_for), ..home(invocation, &found.path, &arguments, settings) }
        })
        .collect();
    // Whoever runs this where another host's codex would start.
    let injected = invocation.codex_home().filter(|path| !openclaw.homes.iter().any(|found| found.path == *path));
    if let Some(path) = injected {
        homes.push(home(invocation, &path, &DEFAULT_ARGUMENTS, settings));
    }
    homes
}

fn home(invocation: &Invocation, path: &Path, arguments: &[&str], settings: &Settings) -> Home {
    let rehearsal = Rehearsal::of(&started(invocation, Some(path), arguments));
    let verdict = rehearsal.verdict();
    let because = match rehearsal.outcome() {
        Err(failure) => failure.message(),
        Ok(_) => {
            let says: Vec<_> = rehearsal.plan().says.into_iter().map(|(_, text)| text).collect();
            says.join("; ")
        }
    };
    let refusal = match rehearsal.plan().step {
        Step::Stop(failure) => Some(failure),
        Step::Start | Step::StartIn(_) | Step::Mend { .. } => None,
    };
    let inspection = Inspection::of(path, settings);
    Home {
        refusal,
        verdict: (if rehearsal.problems.is_empty() { verdict.name() } else { "refuse" }, because),
        outcome: rehearsal.outcome(),
        links: links(path),
        files: files(path, &inspection),
        has_auth: disk::is_there(&path.join(AUTH_FILE)),
        inspection,
        path: path.to_owned(),
        made_for: None,
        is_used: None,
    }
}

/// The parts of a bridge's path that its host made and that are links, its `auth.json` included.
fn links(home: &Path) -> Vec<PathBuf> {
    // The directory of the agent, too: OpenClaw 2026.4.21 looks at it and at all below it.
    let made = home.ancestors().take(parts_made_by_host(home) + 1).map(Path::to_owned);
    made.chain([home.join(AUTH_FILE)]).filter(|path| disk::is_link(path)).collect()
}

/// A home and its files, as others find them.
fn files(home: &Path, inspection: &Inspection) -> Vec<File> {
    let is_renewed = inspection.because.reason == codex_home::reason::Reason::OkChatgpt;
    let paths = [(home.to_owned(), false), (home.join(AUTH_FILE), is_renewed), (home.join(CONFIG_FILE), false)];
    let file =
        |(path, is_renewed): (PathBuf, bool)| disk::access_to(&path).map(|access| File { path, access, is_renewed });
    paths.into_iter().filter_map(file).collect()
}

/// The last starts of the journal.
fn starts(journal: &Path) -> Vec<Noted> {
    let noted = |line: &String| {
        let start: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| start.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Noted { time: text("time")?, error: text("error") })
    };
    crate::log::last(journal, STARTS).iter().filter_map(noted).collect()
}
