//! Running gateways: processes of this user.
//!
//! Sends them no signal, and reads nothing of them but command line and environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use codex_home::fs::{self, ReadError};
#[cfg(target_os = "linux")]
use nix::fcntl::readlink;
use sysinfo::{Pid, Process as Listed, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// The commands after `gateway` that run the gateway itself. Any other ends soon.
const RUN: &str = "run";
/// The programs that run OpenClaw's script.
const RUNTIMES: [&str; 2] = ["node", "bun"];

/// A running gateway, or what may be one.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    /// Whether its title, its command line or its environment says that it is a gateway. The title of a gateway of 2026.5.2 to
    /// 2026.6.11 is that of every `openclaw`, and only its lock tells.
    pub is_certain: bool,
    /// Its command line, or its title if it gave itself one.
    pub command: Vec<String>,
    /// Its environment when it was started.
    pub env: Vec<(OsString, OsString)>,
    /// Its program.
    pub node: Option<PathBuf>,
    /// When it was started, in seconds since 1970.
    pub since: u64,
    /// Whether it sees other files than this program, as in a container.
    pub is_contained: bool,
}

impl Process {
    /// Returns the path by which this program sees what the process has at `path`.
    pub fn seen(&self, path: &Path) -> PathBuf {
        in_root_of(self.pid, path)
    }

    /// Returns whether it gave itself a title, which hides its arguments.
    pub fn has_title(&self) -> bool {
        self.command.first().is_some_and(|title| title.starts_with("openclaw"))
    }
}

/// Returns this user's running gateways, and what may be one. `person` is the user's home directory.
pub fn gateways(uid: u32, person: Option<&Path>) -> Vec<Process> {
    let mut system = System::new();
    let listed = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).with_user(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, listed.without_tasks());
    let is_ours = |process: &Listed| process.effective_user_id().is_some_and(|user| **user == uid);
    let mut candidates: Vec<Pid> = system
        .processes()
        .iter()
        .filter(|(_, process)| is_ours(process) && may_be_gateway(&command(process)))
        .map(|(pid, _)| *pid)
        .collect();
    // OpenClaw's command stays as the parent of its gateway.
    let parents: Vec<Pid> = candidates.iter().filter_map(|pid| system.process(*pid)?.parent()).collect();
    candidates.retain(|pid| !parents.contains(pid));
    if candidates.is_empty() {
        return Vec::new();
    }
    let environ = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).with_exe(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&candidates), false, environ.without_tasks());
    let mut found: Vec<_> = candidates.iter().filter_map(|pid| gateway(*pid, system.process(*pid)?, person)).collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn gateway(pid: Pid, process: &Listed, person: Option<&Path>) -> Option<Process> {
    let variable = |text: &OsString| {
        let text = text.to_str()?;
        text.split_once('=').map(|(name, value)| (name.into(), value.into()))
    };
    let env: Vec<(OsString, OsString)> = process.environ().iter().filter_map(variable).collect();
    let command = command(process);
    let is_service = || env.iter().any(|(name, value)| name == "OPENCLAW_SERVICE_KIND" && value == "gateway");
    let is_certain = is_gateway(&command) || is_service();
    // Without an environment nothing is known: it is another user's process, or has just ended.
    let pid = pid.as_u32();
    let is_node = |path: &&Path| path.ends_with("node");
    let node = process.exe().filter(is_node).map(Path::to_owned);
    (!env.is_empty()).then(|| Process {
        is_contained: is_contained(pid, &env, person),
        since: process.start_time(),
        pid,
        is_certain,
        command,
        env,
        node,
    })
}

/// Returns the words of a command line. A title that a process gave itself ends with padding.
fn command(process: &Listed) -> Vec<String> {
    let words = process.cmd().iter().map(|word| word.to_string_lossy().trim().to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

fn file_name(word: &str) -> &str {
    Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Returns whether a command line is a gateway's, or OpenClaw's own before it starts one.
fn may_be_gateway(command: &[String]) -> bool {
    is_gateway(command) || command.first().is_some_and(|title| title == "openclaw")
}

/// Returns whether a command line is a gateway's: `openclaw-gateway`, or `node …/openclaw/dist/index.js … gateway`.
pub fn is_gateway(command: &[String]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    if program == "openclaw-gateway" {
        return true;
    }
    if !RUNTIMES.contains(&file_name(program)) {
        return false;
    }
    let mut arguments = arguments.iter().skip_while(|argument| argument.starts_with('-'));
    arguments.next().is_some_and(|script| script.to_lowercase().contains("openclaw"))
        && runs_gateway(arguments.map(String::as_str))
}

/// Returns whether arguments of OpenClaw run a gateway, and not one of its other commands.
pub fn runs_gateway<'a>(arguments: impl Iterator<Item = &'a str>) -> bool {
    let mut arguments = arguments;
    arguments.any(|argument| argument == "gateway")
        && arguments.next().is_none_or(|next| next == RUN || next.starts_with('-'))
}

/// Returns whether a process sees other files than this program in the places that matter. A service with mounts of its own, such as
/// a private `/tmp`, does not. Without `HOME` its home directory is that of its user, `person`.
#[cfg(target_os = "linux")]
fn is_contained(pid: u32, env: &[(OsString, OsString)], person: Option<&Path>) -> bool {
    let link = |process: &str, name: &str| readlink(format!("/proc/{process}/{name}").as_str()).ok();
    let differs = |name: &str| {
        let pair = (link(&pid.to_string(), name), link("self", name));
        matches!(pair, (Some(theirs), Some(ours)) if theirs != ours)
    };
    if !differs("ns/mnt") && !differs("root") {
        return false;
    }
    let is_same = |path: &Path| match (fs::stat(path), fs::stat(&in_root_of(pid, path))) {
        (Ok(ours), Ok(theirs)) => ours.id == theirs.id,
        (Err(ReadError::Absent), Err(ReadError::Absent)) => true,
        _ => false,
    };
    let variable = |wanted: &str| {
        let value = env.iter().find(|(name, _)| name == wanted).map(|(_, value)| PathBuf::from(value));
        value.filter(|path| path.is_absolute())
    };
    let home = variable("HOME").or_else(|| person.map(Path::to_owned));
    let of_home = home.iter().flat_map(|home| ["", ".openclaw", ".codex", ".config"].map(|name| home.join(name)));
    let places = ["/", "/usr", "/etc"].map(PathBuf::from).into_iter().chain(of_home);
    !places.chain(variable("OPENCLAW_STATE_DIR")).all(|path| is_same(&path))
}

#[cfg(not(target_os = "linux"))]
const fn is_contained(_pid: u32, _env: &[(OsString, OsString)], _person: Option<&Path>) -> bool {
    false
}

/// Returns the path by which this program sees what a process has at `path`.
fn in_root_of(pid: u32, path: &Path) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root").join(path.strip_prefix("/").unwrap_or(path))
}
