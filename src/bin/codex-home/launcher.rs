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

/// Whether a path has a version in it, so that the next upgrade takes it away: Homebrew's Cellar, Nix's store, `1.2.3` or
/// `v1.2` as a directory of a version manager's, `name@1.2` as one of pnpm's.
pub fn is_versioned(path: &Path) -> bool {
    let directories: Vec<_> = path.parent().into_iter().flatten().map(|part| part.to_string_lossy()).collect();
    let begins_as_version = |text: &str| {
        let (major, rest) = text.trim_start_matches('v').split_once('.').unwrap_or_default();
        let is_number = !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit());
        is_number && rest.starts_with(|c: char| c.is_ascii_digit())
    };
    let is_version = |part: &str| {
        begins_as_version(part) || part.rsplit_once('@').is_some_and(|(_, after)| begins_as_version(after))
    };
    let is_store = directories.windows(2).any(|pair| matches!(pair, [nix, store] if nix == "nix" && store == "store"));
    let is_keg = directories.iter().any(|part| part == "Cellar" || part == "Caskroom");
    is_keg || is_store || directories.iter().any(|part| is_version(part))
}

/// A path to the launcher at `real` that outlives an upgrade: Homebrew's link in `opt`; where `real` has a version in it or
/// is in a package of npm's, a link on PATH that leads there; else `real` itself.
pub fn stable(invocation: &Invocation, real: &Path) -> PathBuf {
    let is_package = real.iter().any(|part| part == "node_modules");
    if !is_versioned(real) && !is_package {
        return real.to_owned();
    }
    let leads_there = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|path| path == real);
    let lasts = |path: &PathBuf| !is_versioned(path) && path.iter().all(|part| part != "node_modules");
    let linked = || on_path(invocation).into_iter().filter(lasts).find(leads_there);
    in_opt(real).filter(leads_there).or_else(linked).unwrap_or_else(|| real.to_owned())
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
