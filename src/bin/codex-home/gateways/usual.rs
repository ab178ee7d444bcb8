//! The PATH that OpenClaw gives the services it makes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;

use super::Gateway;
use crate::disk;

/// The directories of the user.
const OWN: [&str; 6] = [".local/bin", ".npm-global/bin", "bin", ".volta/bin", ".asdf/shims", ".bun/bin"];

/// Returns node's directory, the user's and the system's; from OpenClaw 2026.7.1 on the system's before the user's.
pub fn path(gateway: &Gateway, invocation: &Invocation, system_first: bool) -> OsString {
    let node = gateway.program.first().map(PathBuf::from).filter(|path| path.is_absolute() && path.ends_with("node"));
    let node = node.or_else(|| disk::on_path(invocation, "node"));
    let node = node.as_deref().and_then(Path::parent).map(Path::to_owned);
    let home = invocation.person_home();
    let own = OWN.iter().filter(|_| !cfg!(target_os = "macos")).filter_map(|below| Some(home.as_ref()?.join(below)));
    let system: &[&str] = if cfg!(target_os = "macos") {
        &["/opt/homebrew/bin", "/opt/homebrew/sbin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    } else {
        &["/usr/local/bin", "/usr/bin", "/bin"]
    };
    let system = system.iter().map(PathBuf::from);
    let (own, system): (Vec<_>, Vec<_>) = (own.collect(), system.collect());
    let (first, second) = if system_first { (system, own) } else { (own, system) };
    std::env::join_paths(node.into_iter().chain(first).chain(second)).unwrap_or_default()
}
