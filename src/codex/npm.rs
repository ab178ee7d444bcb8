//! The native codex that npm's script `@openai/codex/bin/codex.js` would start, and the variables that it would set.
//!
//! Under node that script costs 45 ms and, before node 24, a second process; if it is killed, the codex that it started lives on.
//! Follows the scripts of 0.123.0, 0.150.1 and 0.169.0.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Codex, Unfit, program, script};
use crate::fs::{self, ReadError};
use crate::invocation::Invocation;

/// npm's script, in its package.
pub(super) const SCRIPT: &str = "@openai/codex/bin/codex.js";
/// The variables by which the script says who installed codex.
const MANAGERS: [&str; 4] =
    ["CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_BY_BUN", "CODEX_MANAGED_BY_PNPM", "CODEX_MANAGED_BY_VITE_PLUS"];

/// npm's script, found through a candidate.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The package, without symlinks.
    pub package: PathBuf,
    /// The script under the name that node would be given.
    entrypoint: PathBuf,
    /// The `NODE_PATH` that a shim exports.
    node_path: Option<OsString>,
}

impl Entry {
    /// Returns the package of the script at `entrypoint`; `None` if it is not npm's script, or does not exist.
    pub fn of(entrypoint: PathBuf) -> Option<Self> {
        let package = package_of(&fs::canonicalize(&entrypoint)?)?.to_owned();
        Some(Self { package, entrypoint, node_path: None })
    }
}

/// Returns npm's script if a candidate leads to it, by symlinks or through a shim that `cmd-shim` made. `real` is the candidate
/// without symlinks, `head` its beginning.
///
/// # Errors
/// [`Unfit::AnotherPackage`].
pub(super) fn entry(hit: &Path, real: &Path, head: &[u8], invocation: &Invocation) -> Result<Option<Entry>, Unfit> {
    if let Some(package) = package_of(real) {
        return Ok(Some(Entry { package: package.to_owned(), entrypoint: hit.to_owned(), node_path: None }));
    }
    check_package(real)?;
    if !head.starts_with(b"#!") {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(head);
    let Some((target, node_path)) = script::shim_target(&text, real.parent().unwrap_or(real)) else { return Ok(None) };
    check_package(&target)?;
    let node_path = node_path.map(|value| script::node_path(&value, invocation));
    match fs::stat(&target) {
        Err(ReadError::Absent) if target.ends_with(SCRIPT) => Err(Unfit::NoNative),
        Err(ReadError::Transient(errno) | ReadError::Denied(errno)) => Err(Unfit::NotRead(errno)),
        _ => Ok(Entry::of(target).map(|entry| Entry { node_path, ..entry })),
    }
}

/// Returns the package of npm's script.
pub(super) fn package_of(real: &Path) -> Option<&Path> {
    if real.ends_with(SCRIPT) { real.ancestors().nth(2) } else { None }
}

/// Checks that a file is not part of npm's package `codex`. Codex itself may have been installed under that name.
fn check_package(path: &Path) -> Result<(), Unfit> {
    let package = path.ancestors().find(|path| path.ends_with("node_modules/codex"));
    match package.and_then(manifest) {
        Some(package) if package.name != "@openai/codex" => Err(Unfit::AnotherPackage),
        _ => Ok(()),
    }
}

/// Returns the native codex behind npm's script, with the variables that the script would set. It must not belong to another
/// user unless `is_chosen`.
///
/// # Errors
/// [`Unfit::NoNative`] if this platform's package is not installed, [`Unfit::NotRead`] if that is unknown, or why the native codex
/// cannot be started.
pub(super) fn native(entry: &Entry, invocation: &Invocation, is_chosen: bool) -> Result<Codex, Unfit> {
    let package = &entry.package;
    let triple = invocation.platform.triple;
    let mut unfit = Unfit::NoNative;
    for root in roots(entry, invocation) {
        let is_own = root == *package;
        // From 0.136 on, and up to 0.128.
        for (binary, is_new) in [("bin/codex", true), ("codex/codex", false)] {
            let path = root.join("vendor").join(triple).join(binary);
            let probe = match fs::probe(&path) {
                Ok(probe) => probe,
                Err(ReadError::Absent) => continue,
                Err(ReadError::WrongKind | ReadError::TooLarge) => return Err(Unfit::NotAFile),
                Err(ReadError::Transient(errno)) => return Err(Unfit::NotRead(errno)),
                // node goes on to the next directory and may be right, but it was not seen that this one has no codex.
                Err(ReadError::Denied(errno)) => {
                    unfit = Unfit::NotRead(errno);
                    continue;
                }
            };
            if !is_chosen && !probe.stat.is_owned_by(invocation.uid) {
                return Err(Unfit::NotOwned);
            }
            if !fs::is_executable(&path, &probe.stat) {
                return Err(Unfit::NotExecutable);
            }
            program::check(&probe, &invocation.platform.programs)?;
            let (set, unset) = surroundings(entry, &probe.real_path, is_new, invocation);
            let path = probe.real_path.clone();
            // exec closes the file.
            std::mem::forget(probe);
            return Ok(Codex { set, unset, package: Some(package.to_owned()), ..Codex::at(path, "npm") });
        }
        // The first package that node finds is the one that the script takes.
        if !is_own && fs::exists(&root.join("package.json")) {
            break;
        }
    }
    Err(unfit)
}

/// Returns the places in which node looks for this platform's package: the `node_modules` of every directory above the script,
/// then NODE_PATH. The script's own package, which held the native codex once, comes last.
fn roots(entry: &Entry, invocation: &Invocation) -> impl Iterator<Item = PathBuf> {
    let name = Path::new("@openai").join(invocation.platform.npm_package);
    let above = entry.package.ancestors().filter(|directory| !directory.ends_with("node_modules"));
    let above: Vec<_> = above.map(|directory| directory.join("node_modules").join(&name)).collect();
    let node_path = entry.node_path.as_deref().or(invocation.var("NODE_PATH")).unwrap_or_default();
    let named = std::env::split_paths(node_path).filter(|directory| directory.is_absolute());
    let named: Vec<_> = named.map(|directory| directory.join(&name)).collect();
    above.into_iter().chain(named).chain([entry.package.clone()])
}

/// Returns the variables that the script sets for the native codex, and those that it removes; `NODE_PATH` is its shim's.
fn surroundings(
    entry: &Entry,
    native: &Path,
    is_new: bool,
    invocation: &Invocation,
) -> (Vec<(&'static str, OsString)>, Vec<&'static str>) {
    // Up to 0.136 the script puts ripgrep on PATH, which later versions find by themselves.
    let is_newest = is_new && !puts_on_path(entry);
    let manager = manager(entry, is_newest, invocation);
    let mut set = vec![(manager, OsString::from("1"))];
    set.extend(entry.node_path.clone().map(|value| ("NODE_PATH", value)));
    if is_new {
        set.push(("CODEX_MANAGED_PACKAGE_ROOT", entry.package.clone().into()));
    }
    if is_newest {
        return (set, MANAGERS.into_iter().filter(|name| *name != manager).collect());
    }
    let tools = if is_new { "codex-path" } else { "path" };
    let tools = native.ancestors().nth(2).unwrap_or(native).join(tools);
    let path = invocation.var("PATH").unwrap_or_default();
    let directories = std::env::split_paths(path).filter(|directory| !directory.as_os_str().is_empty());
    if fs::exists(&tools)
        && let Ok(path) = std::env::join_paths([tools].into_iter().chain(directories))
    {
        set.push(("PATH", path));
    }
    (set, Vec::new())
}

/// Returns whether the script puts the directory of ripgrep on PATH.
fn puts_on_path(entry: &Entry) -> bool {
    let script = fs::read(&entry.package.join("bin/codex.js"), 1 << 20);
    let name = b"codex-path";
    script.is_ok_and(|script| script.bytes.windows(name.len()).any(|bytes| bytes == name))
}

/// Returns the variable that names the installer of codex.
fn manager(entry: &Entry, is_new: bool, invocation: &Invocation) -> &'static str {
    let says =
        |name: &str, word: &str| invocation.var(name).is_some_and(|value| value.to_string_lossy().contains(word));
    let starts = [entry.package.as_path(), entry.entrypoint.parent().unwrap_or(&entry.entrypoint)];
    // The file that pnpm or Vite+ leaves may be several directories above either.
    let mut above = starts.iter().flat_map(|start| start.ancestors());
    let is_owned_by_pnpm = |modules: &Path| {
        fs::exists(&modules.join(".modules.yaml"))
            && fs::canonicalize(&modules.join("@openai/codex")).as_ref() == Some(&entry.package)
    };
    let is_owned_by_vite_plus = |packages: &Path| {
        let Some(note) = read_json::<ViteNote>(&packages.join("@openai/codex.json")) else { return false };
        let id = note.install_id.unwrap_or_default();
        let scope = packages.join("@openai");
        let root = if id.starts_with('#') { scope.join(format!("codex{id}")) } else { scope.join("codex").join(id) };
        let is_this = |modules: &str| {
            fs::canonicalize(&root.join(modules).join("@openai/codex")).as_ref() == Some(&entry.package)
        };
        note.name == "@openai/codex" && (is_this("lib/node_modules") || is_this("node_modules"))
    };
    let owner = above.find_map(|directory| {
        if directory.ends_with("packages") && is_owned_by_vite_plus(directory) {
            Some("CODEX_MANAGED_BY_VITE_PLUS")
        } else {
            is_owned_by_pnpm(&directory.join("node_modules")).then_some("CODEX_MANAGED_BY_PNPM")
        }
    });
    let agent = invocation.var("npm_config_user_agent").unwrap_or_default().to_string_lossy();
    let is_bun = agent.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').any(|word| word.starts_with("bun/"))
        || says("npm_execpath", "bun")
        || entry.package.to_string_lossy().contains("/.bun/install/global");
    match owner {
        Some(owner) if is_new => owner,
        _ if is_bun => "CODEX_MANAGED_BY_BUN",
        _ => "CODEX_MANAGED_BY_NPM",
    }
}

/// Returns the version of the npm package that holds a native codex: the platform's (`0.169.0-linux-x64`) or, up to 0.123, the
/// script's.
pub(super) fn version_around(native: &Path) -> Option<String> {
    let vendor = native.ancestors().find(|path| path.file_name().is_some_and(|name| name == "vendor"))?;
    let package = vendor.parent().filter(|package| package.parent().is_some_and(|scope| scope.ends_with("@openai")))?;
    let version = version(package)?;
    let platform = ["-linux-", "-darwin-"].iter().find_map(|platform| version.find(platform));
    version.get(..platform.unwrap_or(version.len())).map(str::to_owned)
}

/// A package's `package.json`.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    name: String,
    version: String,
}

/// What Vite+ notes about a package.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ViteNote {
    name: String,
    install_id: Option<String>,
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path, 1 << 20).ok()?.bytes).ok()
}

fn manifest(package: &Path) -> Option<Manifest> {
    read_json(&package.join("package.json"))
}

/// Returns the version in a package's `package.json`.
pub(super) fn version(package: &Path) -> Option<String> {
    manifest(package).map(|package| package.version)
}

/// Returns the sort key of a version: by number, a release after its previews, anything else first.
pub(super) fn order(version: &str) -> (Vec<u64>, bool, Vec<Result<u64, String>>) {
    let (numbers, preview) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map_while(|number| number.parse().ok()).collect();
    (numbers, preview.is_empty(), preview.split('.').map(|part| part.parse().map_err(|_| part.to_owned())).collect())
}
