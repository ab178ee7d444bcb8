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

/// Whether a path has a version in it, so that the next upgrade takes it away: Homebrew's Cellar, Nix's store, a package
/// of npm's, and what version managers install.
pub fn is_versioned(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let has = |name: &str| parts.iter().any(|part| part == name);
    let has_both =
        |one: &str, other: &str| parts.windows(2).any(|pair| matches!(pair, [a, b] if a == one && b == other));
    has("Cellar") || has("Caskroom") || has("node_modules") || has_both("nix", "store") || has("installs")
}

/// A path to the launcher at `real` that outlives an upgrade: Homebrew's link in `opt`; where `real` has a version in it, a
/// link on PATH that leads there; else `real` itself.
pub fn stable(invocation: &Invocation, real: &Path) -> PathBuf {
    let leads_there = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|path| path == real);
    let opt = in_opt(real).filter(leads_there);
    let linked = || on_path(invocation).into_iter().find(|path| !is_versioned(path) && leads_there(path));
    if !is_versioned(real) {
        return real.to_owned();
    }
    opt.or_else(linked).unwrap_or_else(|| real.to_owned())
}

/// `<prefix>/Cellar/<formula>/<version>/…` as `<prefix>/opt/<formula>/…`.
fn in_opt(real: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = real.iter().collect();
    let at = parts.iter().position(|part| *part == "Cellar")?;
    let (prefix, below) = parts.split_at_checked(at)?;
    let [_, formula, _, rest @ ..] = below else { return None };
    let opt: PathBuf = prefix.iter().collect();
    Some(opt.join("opt").join(formula).join(rest.iter().collect::<PathBuf>()))
}

/// `invocation` as the launcher would have it: what it looks for is never itself.
pub fn as_the_launcher(invocation: Invocation) -> Invocation {
    let program = find(&invocation).or_else(|| invocation.program.clone());
    Invocation { program, ..invocation }
}
