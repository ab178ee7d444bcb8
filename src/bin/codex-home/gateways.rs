//! The gateways of this machine, as data: processes, services, and state directories.
//!
//! One state directory is one gateway. Every fact carries how it is known ([`Known`]): seen in a running process or in the journal,
//! read from a file or from systemd, or assumed.

mod command;
pub mod environment;
mod gateway;
mod known;
mod launchd;
mod locks;
mod path;
pub mod pick;
mod process;
mod service;
mod starts;
mod systemd;
mod unit;

use std::path::{Path, PathBuf};

use codex_home::display::{plain_text, shell_word};
use codex_home::invocation::Invocation;

use crate::disk;
use crate::error::CliError;
use environment::Environment;
use process::Process;

pub use command::OpenClawCommand;
pub use gateway::{Container, Gateway};
pub use known::Known;
pub use pick::{Pick, the_gateway};
pub use service::Service;

/// The prefix of the launcher's variables.
pub const OUR_PREFIX: &str = "CODEX_HOME_SHIM_";
/// The variables that a gateway started from this shell would inherit.
const OF_USER: [&str; 3] = ["HOME", "USER", "LOGNAME"];
/// The variables by which OpenClaw and the launcher find their files.
const OF_PLACES: [&str; 5] =
    ["OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
/// The name of the default gateway.
const DEFAULT: &str = "default";
/// The most entries of the home directory that are looked at.
const ENTRIES: usize = 4096;

/// A gateway that another environment has to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// What it is, in words.
    pub what: String,
    /// How to ask.
    pub help: String,
    /// Whether it may have files of this user's home directory: then what is right about them is not known.
    pub may_be_here: bool,
}

impl Elsewhere {
    /// Returns what is said of a gateway that has other files than are seen here; `verb` is the command that was asked for.
    fn with_other_files(gateway: &str, container: &Container, verb: &str) -> Self {
        let (what, place) = match container {
            Container::Process(pid) => (
                format!("{gateway} sees other files than this shell (process {pid})"),
                "where that process runs, such as in its container",
            ),
            Container::Service(file) => (
                format!(
                    "{gateway} is started in a container by `{}`, which has other files than are seen here",
                    plain_text(file)
                ),
                "in that container",
            ),
        };
        Self { what, help: format!("run `codex-home {verb}` {place}"), may_be_here: true }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Gateways {
    /// The gateways of this user's home directory: at least one, or those that were picked.
    pub all: Vec<Gateway>,
    /// Others, of another user or another home directory, or of which that is not known.
    pub elsewhere: Vec<Elsewhere>,
    /// Those that were not picked.
    pub others: Vec<Gateway>,
}

/// Who asks, and where OpenClaw's files are by default.
pub(crate) struct Asker<'a> {
    invocation: &'a Invocation,
    /// This user's home directory.
    person: Option<PathBuf>,
    /// The state directories that are where OpenClaw puts them.
    directories: Vec<PathBuf>,
}

impl Gateways {
    /// Finds every gateway, and picks one if asked to.
    ///
    /// # Errors
    /// If none of them is the one that was asked for.
    pub fn find(invocation: &Invocation, pick: &Pick) -> Result<Self, CliError> {
        let person = invocation.person_home();
        let asker = Asker { invocation, directories: directories(invocation, person.as_deref()), person };
        let mut found = Self::default();
        let mut untold = Vec::new();
        for process in process::gateways(invocation.uid, asker.person.as_deref()) {
            untold.extend(asker.add_process(process, &mut found));
        }
        for service in service::find(invocation, asker.person.as_deref()) {
            asker.add_service(service, &mut found);
        }
        for directory in &asker.directories {
            found.gateway(&asker, Some(directory.clone()));
        }
        asker.add_untold(untold, &mut found);
        found.pick(&asker, pick)?;
        for gateway in found.all.iter_mut().chain(&mut found.others) {
            gateway.starts = starts::of(gateway, invocation);
            gateway.learn();
        }
        Ok(found)
    }

    /// Keeps those that were asked for.
    fn pick(&mut self, asker: &Asker<'_>, pick: &Pick) -> Result<(), CliError> {
        let wanted = pick.state(asker.invocation, asker.person.as_deref());
        self.all.sort_by_key(|gateway| (gateway.name != DEFAULT, gateway.name.clone()));
        if let Some(wanted) = &wanted {
            let all = std::mem::take(&mut self.all);
            (self.all, self.others) = all.into_iter().partition(|gateway| gateway.has_state(Some(wanted)));
            if self.all.is_empty() {
                if !pick.is_from_shell() && !disk::is_directory(wanted) {
                    return Err(pick::none(&self.others));
                }
                self.all.push(asker.assumed(Some(wanted.clone())));
            }
        } else if self.all.is_empty() {
            self.all.push(asker.assumed(asker.default_state(&Environment::new(Known::Assumed))));
        }
        Ok(())
    }

    /// Adds what one source says, to the gateway with the same state directory if there is one.
    fn gateway(&mut self, asker: &Asker<'_>, state: Option<PathBuf>) -> &mut Gateway {
        let at = self.all.iter().position(|gateway| gateway.has_state(state.as_deref())).unwrap_or_else(|| {
            self.all.push(asker.assumed(state));
            self.all.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position of an element, or of the one that was just added")]
        &mut self.all[at]
    }
}

impl Asker<'_> {
    /// Returns a gateway of which nothing is known but where its state would be.
    fn assumed(&self, state: Option<PathBuf>) -> Gateway {
        let (name, profile) = self.name(state.as_deref());
        let known = if state.as_deref().is_some_and(disk::is_directory) { Known::Read } else { Known::Assumed };
        let mut environment = Environment::new(Known::Assumed);
        for name in OF_USER.iter().chain(&OF_PLACES) {
            if let Some(value) = self.invocation.var(name) {
                environment.set(*name, value, Known::Assumed);
            }
        }
        if let Some(home) =
            self.person.as_ref().filter(|home| state.as_ref().is_some_and(|state| state.starts_with(home)))
        {
            // OpenClaw has put its state there because this is its home.
            environment.set("HOME", home, known);
        }
        // It may have been started from this shell.
        for (name, value) in self.invocation.env() {
            if name.to_string_lossy().starts_with(OUR_PREFIX) {
                environment.set(name, value, Known::Assumed);
            }
        }
        Gateway {
            name,
            profile,
            known,
            state,
            environment,
            pid: None,
            program: Vec::new(),
            node: None,
            container: None,
            since: 0,
            service: None,
            starts: Vec::new(),
        }
    }

    /// Returns whether a directory is this user's home directory, by whatever path.
    fn is_home(&self, directory: &Path) -> bool {
        self.person.as_deref().is_some_and(|home| home == directory || disk::is_same(home, directory))
    }

    /// Returns the name of the gateway with this state directory, and its profile if it is one's.
    fn name(&self, state: Option<&Path>) -> (String, Option<String>) {
        let Some(state) = state else { return (DEFAULT.to_owned(), None) };
        let state = self.directories.iter().find(|usual| disk::is_same(usual, state)).map_or(state, PathBuf::as_path);
        let name = state.file_name().unwrap_or_default().to_string_lossy();
        let is_at_home = state.parent().is_some_and(|parent| self.is_home(parent));
        match name.strip_prefix(".openclaw-") {
            Some(profile) if is_at_home => (profile.to_owned(), Some(profile.to_owned())),
            _ if is_at_home && matches!(name.as_ref(), ".openclaw" | ".clawdbot") => (DEFAULT.to_owned(), None),
            _ => (state.display().to_string(), None),
        }
    }

    /// Adds a running gateway; returns it if it does not tell which state directory it has.
    fn add_process(&self, process: Process, found: &mut Gateways) -> Option<Process> {
        let environment = Environment::of(process.env.iter().cloned(), Known::Seen);
        let home = environment.text("HOME").map(PathBuf::from);
        let pid = process.pid;
        let temporary = ["TMPDIR", "TMP", "TEMP"].iter().find_map(|name| environment.text(name));
        let temporary = PathBuf::from(temporary.unwrap_or("/tmp"));
        // A service may have a `/tmp` of its own.
        let temporary = [process.seen(&temporary), temporary];
        let locks: Vec<_> = self.directories.iter().map(|state| state.join("tmp")).chain(temporary).collect();
        let configuration = locks::configuration(&process, &locks, self.invocation.uid);
        if !process.is_certain && configuration.is_none() {
            return None;
        }
        if process.is_contained {
            self.add_contained(&process, &environment, found);
            return None;
        }
        if let Some(home) = home.filter(|home| !self.is_home(home)) {
            let word = shell_word(&home, None);
            found.elsewhere.push(Elsewhere {
                what: format!("a gateway with another home directory runs (process {pid})"),
                help: format!("run `HOME={word} codex-home doctor`"),
                may_be_here: false,
            });
            return None;
        }
        let named = environment.text("OPENCLAW_STATE_DIR").or_else(|| environment.text("OPENCLAW_CONFIG_PATH"));
        let state = match (named, configuration.as_deref().and_then(Path::parent)) {
            (None, Some(state)) => Some(state.to_owned()),
            // A title hides `--profile`.
            (None, None) if process.has_title() => return Some(process),
            _ => self.state(&environment, &process.command),
        };
        found.gateway(self, state).run(process, environment);
        None
    }

    /// Adds a gateway that sees other files than this program: to the one whose state directory is the same directory there.
    fn add_contained(&self, process: &Process, environment: &Environment, found: &mut Gateways) {
        let home = environment.path("HOME", None);
        let named = environment.path("OPENCLAW_STATE_DIR", home.as_deref());
        let inside = named
            .or_else(|| pick::of_profile(profile(&process.command).as_deref().unwrap_or(DEFAULT), home.as_deref()));
        let seen = inside.map(|inside| process.seen(&inside));
        let state = seen.and_then(|seen| self.directories.iter().find(|state| disk::is_same(state, &seen)));
        match state {
            Some(state) => {
                let gateway = found.gateway(self, Some(state.clone()));
                gateway.container = Some(Container::Process(process.pid)).filter(|_| gateway.pid.is_none());
            }
            None => {
                let container = Container::Process(process.pid);
                found.elsewhere.push(Elsewhere::with_other_files("a gateway", &container, "doctor"));
            }
        }
    }

    /// Adds running gateways that do not tell which state directory they have, if there is only one that it can be.
    fn add_untold(&self, untold: Vec<Process>, found: &mut Gateways) {
        if found.all.is_empty() && !untold.is_empty() {
            found.gateway(self, self.default_state(&Environment::new(Known::Assumed)));
        }
        let are_several = untold.len() > 1;
        for process in untold {
            match found.all.as_mut_slice() {
                [only] if only.pid.is_none() && !are_several => {
                    let environment = Environment::of(process.env.iter().cloned(), Known::Seen);
                    only.run(process, environment);
                }
                _ => found.elsewhere.push(Elsewhere {
                    what: format!(
                        "a gateway runs, and which state directory it has is not known (process {})",
                        process.pid
                    ),
                    help: "set `OPENCLAW_STATE_DIR` where it is started".to_owned(),
                    may_be_here: true,
                }),
            }
        }
    }

    fn add_service(&self, mut service: Service, found: &mut Gateways) {
        let home = service.environment.text("HOME").map(PathBuf::from);
        let shown = service.file.display().to_string();
        let is_of_root = service.is_system && service.user.is_none() && self.invocation.uid != 0;
        let names_other = service.user.as_deref().is_some_and(|user| {
            let own = ["USER", "LOGNAME"].iter().find_map(|name| self.invocation.var(name));
            own.is_none_or(|own| own != user)
        });
        match home {
            Some(home) if self.is_home(&home) => {}
            None if !is_of_root && !names_other => {}
            home => {
                let user = shell_word(Path::new(service.user.as_deref().unwrap_or("root")), None);
                let user = (is_of_root || names_other).then(|| format!("sudo -u {user} "));
                let home = home.map(|home| format!("HOME={} ", shell_word(&home, None)));
                let command = match (user, home) {
                    (Some(sudo), None) => format!("{sudo}-H "),
                    (Some(sudo), Some(home)) => format!("{sudo}env {home}"),
                    (None, home) => home.unwrap_or_default(),
                };
                found.elsewhere.push(Elsewhere {
                    what: format!("the service `{shown}` starts a gateway for another user or home directory"),
                    help: format!("run `{command}codex-home doctor`"),
                    may_be_here: false,
                });
                return;
            }
        }
        let environment = &mut service.environment;
        for name in OF_USER {
            if let Some(value) = self.invocation.var(name) {
                environment.set_default(name, value, Known::Read);
            }
        }
        if service.starts_container() {
            self.add_container_service(&service, found);
            return;
        }
        let state = self.state(&service.environment, &service.program);
        let gateway = found.gateway(self, state);
        if gateway.service.is_some() || gateway.container.is_some() {
            return;
        }
        if gateway.pid.is_none() {
            gateway.environment = service.environment.clone();
            gateway.known = Known::Read;
        }
        // A process that gave itself a title does not show what it runs.
        if gateway.program.is_empty() {
            gateway.program = service.program.clone();
        }
        if gateway.pid.is_none() {
            gateway.since = service.since;
        }
        gateway.service = Some(service);
    }

    /// Adds a service that starts a container: to the gateways whose state directories it names, as mounts do.
    fn add_container_service(&self, service: &Service, found: &mut Gateways) {
        let mut is_named = false;
        for state in &self.directories {
            let text = state.to_string_lossy();
            let is_mounted = |word: &String| word.split([':', '=', ',']).any(|part| part == text);
            if service.program.iter().any(is_mounted) {
                let gateway = found.gateway(self, Some(state.clone()));
                if gateway.pid.is_none() && gateway.container.is_none() {
                    gateway.container = Some(Container::Service(service.file.clone()));
                }
                is_named = true;
            }
        }
        if !is_named {
            let container = Container::Service(service.file.clone());
            found.elsewhere.push(Elsewhere::with_other_files("a gateway", &container, "doctor"));
        }
    }

    /// Returns the state directory of a gateway with this environment and command line, as OpenClaw 2026.4.21 finds it.
    fn state(&self, environment: &Environment, command: &[String]) -> Option<PathBuf> {
        let home = self.openclaw_home(environment);
        if let Some(state) = environment.path("OPENCLAW_STATE_DIR", home.as_deref()) {
            return Some(state);
        }
        match profile(command) {
            Some(profile) => pick::of_profile(&profile, home.as_deref()),
            None => self.default_state(environment),
        }
    }

    fn openclaw_home(&self, environment: &Environment) -> Option<PathBuf> {
        let home = environment.path("HOME", None).or_else(|| self.person.clone());
        environment.path("OPENCLAW_HOME", home.as_deref()).or(home)
    }

    /// Returns the state directory without a profile: the old one if there is no new one.
    fn default_state(&self, environment: &Environment) -> Option<PathBuf> {
        let home = self.openclaw_home(environment)?;
        let [new, old] = [".openclaw", ".clawdbot"].map(|name| home.join(name));
        Some(if !disk::is_there(&new) && disk::is_directory(&old) { old } else { new })
    }
}

/// Returns the state directories that are where OpenClaw puts them, `home` being this user's home directory.
fn directories(invocation: &Invocation, home: Option<&Path>) -> Vec<PathBuf> {
    let moved = invocation.var("OPENCLAW_HOME").map(|home| Path::new(home).join(".openclaw"));
    let (entries, _) = home.map(|home| disk::list(home, ENTRIES)).unwrap_or_default();
    let is_state = |path: &PathBuf| {
        // OpenClaw runs in node, which has no argument or variable that is not UTF-8: such a name is no profile's.
        match path.file_name().and_then(|name| name.to_str()) {
            Some(".openclaw" | ".clawdbot") => disk::is_directory(path),
            Some(name) => name.starts_with(".openclaw-") && is_used(path),
            None => false,
        }
    };
    let mut directories: Vec<_> = entries.into_iter().filter(is_state).collect();
    directories.extend(moved.filter(|path| disk::is_directory(path)));
    // OpenClaw uses the old one only without the new one.
    if directories.iter().any(|path| path.ends_with(".openclaw") && path.parent() == home) {
        directories.retain(|path| !path.ends_with(".clawdbot"));
    }
    directories
}

/// Returns the profile that a command line names.
fn profile(command: &[String]) -> Option<String> {
    let mut words = command.iter().take_while(|word| *word != "gateway");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--dev" => return Some("dev".to_owned()),
            "--profile" => return words.next().cloned(),
            word => {
                if let Some(profile) = word.strip_prefix("--profile=") {
                    return Some(profile.to_owned());
                }
            }
        }
    }
    None
}

/// Returns whether a directory holds what OpenClaw puts into a state directory: a copy of one may be kept beside it.
fn is_used(directory: &Path) -> bool {
    ["openclaw.json", "clawdbot.json", "agents"].iter().any(|name| disk::is_there(&directory.join(name)))
}
