//! The PATH that a gateway gives codex: neither the PATH of its service nor the PATH that the gateway was started with.
//!
//! OpenClaw 2026.4.21 to 2026.9.6 put node's directory and the system's before it, and those of installers after it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;

use super::Gateway;
use crate::disk;

/// The variable with which OpenClaw marks that it has done so.
pub const IS_DONE: &str = "OPENCLAW_PATH_BOOTSTRAPPED";
/// The directories that OpenClaw puts before the PATH, after node's directory.
const BEFORE: [&str; 2] = ["/usr/bin", "/bin"];
/// The directories of Homebrew that it puts after the PATH; `~` is the home.
const HOMEBREW: [&str; 6] = [
    "~/.linuxbrew/bin",
    "~/.linuxbrew/sbin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/home/linuxbrew/.linuxbrew/sbin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
];
/// Then these, those that are marked from 2026.7.1 on.
const BEHIND: [(&str, bool); 7] = [
    (".local/share/mise/shims", false),
    (".local/bin", false),
    (".npm-global/bin", true),
    (".local/share/pnpm/bin", true),
    (".local/share/pnpm", false),
    (".bun/bin", false),
    (".yarn/bin", false),
];

/// Returns the PATH that codex is started with. `is_new` is whether OpenClaw is 2026.7.1 or later.
pub fn of_codex(gateway: &Gateway, invocation: &Invocation, is_new: bool) -> OsString {
    let given = match gateway.environment.get("PATH") {
        Some(path) => path.to_owned(),
        None => of_service(gateway, invocation, is_new),
    };
    if gateway.environment.text(IS_DONE).is_some() {
        return given;
    }
    let home = invocation.person_home();
    let at_home = |below: &str| home.as_ref().map(|home| home.join(below));
    let variable = |name: &str, below: &str| gateway.environment.get(name).map(|root| Path::new(root).join(below));
    let node = node(gateway, &given);
    let before = node.into_iter().chain(BEFORE.iter().map(PathBuf::from));
    let mut behind: Vec<_> = ["bin", "sbin"].iter().filter_map(|below| variable("HOMEBREW_PREFIX", below)).collect();
    behind.extend(HOMEBREW.iter().filter_map(|path| match path.strip_prefix("~/") {
        Some(below) => at_home(below),
        None => Some(PathBuf::from(path)),
    }));
    if is_new {
        let managers = [("PNPM_HOME", ""), ("PNPM_HOME", "bin"), ("NPM_CONFIG_PREFIX", "bin")];
        behind.extend(managers.iter().filter_map(|(name, below)| variable(name, below)));
    }
    behind.extend(variable("XDG_BIN_HOME", ""));
    behind.extend(BEHIND.iter().filter(|(_, since)| is_new || !since).filter_map(|(below, _)| at_home(below)));
    let known = |path: &PathBuf| disk::is_directory(path);
    let given = std::env::split_paths(&given).filter(|path| !path.as_os_str().is_empty());
    let mut directories: Vec<PathBuf> = Vec::new();
    for path in before.filter(known).chain(given).chain(behind.into_iter().filter(known)) {
        let path = path.components().collect();
        if !directories.contains(&path) {
            directories.push(path);
        }
    }
    std::env::join_paths(directories).unwrap_or_default()
}

/// Returns the directory of the node that the gateway runs in.
fn node(gateway: &Gateway, path: &OsStr) -> Option<PathBuf> {
    let program =
        gateway.program.first().map(PathBuf::from).filter(|path| path.is_absolute() && path.ends_with("node"));
    let node = gateway.node.clone().or(program).or_else(|| {
        let found = std::env::split_paths(path).map(|directory| directory.join("node"));
        found.filter(|path| path.is_absolute()).find(|path| codex_home::fs::is_program(path))
    });
    node?.parent().map(Path::to_owned)
}

/// Returns the PATH of the services that OpenClaw makes: node's directory, the user's and the system's; from 2026.7.1 on the
/// system's before the user's.
fn of_service(gateway: &Gateway, invocation: &Invocation, is_new: bool) -> OsString {
    let node = node(gateway, invocation.var("PATH").unwrap_or_default());
    let home = invocation.person_home();
    let services = invocation.platform.service_path;
    let own = services.of_user.iter();
    let own: Vec<_> = own.filter_map(|below| Some(home.as_ref()?.join(below))).collect();
    let system: Vec<_> = services.of_system.iter().map(PathBuf::from).collect();
    let (first, second) = if is_new { (system, own) } else { (own, system) };
    std::env::join_paths(node.into_iter().chain(first).chain(second)).unwrap_or_default()
}
