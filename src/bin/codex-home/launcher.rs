//! Where the launcher is: beside this program, else on PATH. Looks for that one file and runs nothing.

use std::path::{Path, PathBuf};

use codex_home::fs::{canonicalize, is_program};
use codex_home::invocation::Invocation;

use crate::disk;

/// The launcher's name.
pub const NAME: &str = "codex-home-shim";

pub struct Launcher {
    pub path: PathBuf,
    /// A path to it that an upgrade does not remove.
    pub stable: PathBuf,
    /// Whether it is setuid or setgid, so that it starts nothing.
    pub is_setuid: bool,
}

impl Launcher {
    pub fn find(invocation: &Invocation) -> Option<Self> {
        let path = find(invocation)?;
        let is_setuid = disk::is_setuid(&path, invocation.uid);
        Some(Self { stable: stable(invocation, &path), is_setuid, path })
    }
}

/// Returns the launcher, symlinks resolved; `None` if it is not found.
pub fn find(invocation: &Invocation) -> Option<PathBuf> {
    let beside = invocation.program.as_deref().and_then(Path::parent).map(|directory| directory.join(NAME));
    let on_path = disk::candidates(invocation, NAME);
    beside.into_iter().chain(on_path).find_map(|path| canonicalize(&path).filter(|real| is_program(real)))
}

/// Returns whether a program is the launcher: the one at `launcher`, another copy of it, or npm's script for it.
pub fn is_launcher(program: &Path, launcher: Option<&Path>) -> bool {
    let is_named = |real: PathBuf| real.file_name().is_some_and(|name| name == NAME);
    program.is_absolute()
        && is_program(program)
        && (canonicalize(program).is_some_and(is_named)
            || launcher.is_some_and(|launcher| disk::is_same(launcher, program)))
}

/// Returns whether a path has a version in it, so that the next upgrade removes it: Homebrew's Cellar, Nix's store, `1.2.3` or
/// `v1.2` as a directory of a version manager, `name@1.2` as one of pnpm.
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

/// Returns whether an upgrade keeps a path.
pub fn is_stable(path: &Path) -> bool {
    !is_versioned(path) && !path.iter().any(|part| part == "node_modules")
}

/// Returns a path to the launcher at `real` that an upgrade does not remove: Homebrew's symlink in `opt`; if `real` has a version
/// in it or is in an npm package, a symlink on PATH that leads there; else `real` itself.
pub fn stable(invocation: &Invocation, real: &Path) -> PathBuf {
    if is_stable(real) {
        return real.to_owned();
    }
    let leads_there = |path: &PathBuf| canonicalize(path).is_some_and(|path| path == real);
    let on_path = || disk::candidates(invocation, NAME).into_iter().filter(|path| is_stable(path)).find(leads_there);
    in_opt(real).filter(leads_there).or_else(on_path).unwrap_or_else(|| real.to_owned())
}

/// Returns `<prefix>/Cellar/<formula>/<version>/…` as `<prefix>/opt/<formula>/…`.
fn in_opt(real: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = real.iter().collect();
    let at = parts.iter().position(|part| *part == "Cellar")?;
    let (prefix, below) = parts.split_at_checked(at)?;
    let [_, formula, _, rest @ ..] = below else { return None };
    let opt: PathBuf = prefix.iter().collect();
    Some(opt.join("opt").join(formula).join(rest.iter().collect::<PathBuf>()))
}

/// Returns `invocation` as the launcher has it: a codex that is searched for is never the launcher itself.
pub fn as_launcher(mut invocation: Invocation) -> Invocation {
    if let Some(launcher) = find(&invocation) {
        invocation.program = Some(launcher);
    }
    invocation
}
