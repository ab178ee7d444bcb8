//! WHERE THE LAUNCHER IS: beside this program, else on PATH.
//!
//! Looks for that one file and runs nothing.
#![expect(clippy::disallowed_methods, reason = "this is the room that looks for the launcher on the disk")]

use std::fs;
use std::path::{Path, PathBuf};

use codex_home::invocation::Invocation;
use nix::unistd::{AccessFlags, access};

/// The launcher's name.
pub const NAME: &str = "codex-home-shim";

/// The launcher, links resolved; `None` where it is nowhere.
pub fn find(invocation: &Invocation) -> Option<PathBuf> {
    let own = invocation.program.as_deref().and_then(Path::parent).map(|directory| directory.join(NAME));
    own.into_iter().chain(on_path(invocation)).find_map(|path| {
        let real = fs::canonicalize(&path).ok()?;
        (real.is_file() && access(&real, AccessFlags::X_OK).is_ok()).then_some(real)
    })
}

/// Where PATH could have it.
pub fn on_path(invocation: &Invocation) -> Vec<PathBuf> {
    let path = invocation.var("PATH").unwrap_or_default();
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(NAME))
        .collect()
}

/// `invocation` as the launcher would have it: what it looks for is never itself.
pub fn as_the_launcher(invocation: Invocation) -> Invocation {
    let program = find(&invocation).or_else(|| invocation.program.clone());
    Invocation { program, ..invocation }
}
