//! The native codex that npm's script `@openai/codex/bin/codex.js` would start, and the variables that it would set.
//!
//! Under node that script costs 45 ms and a second process, and the codex it started survives a SIGKILL to it. Follows the
//! scripts of 0.123.0 and 0.169.0.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Codex;
use crate::fs;
use crate::invocation::Invocation;

/// npm's script, in its package.
const SCRIPT: &str = "@openai/codex/bin/codex.js";
/// What the script sets to say who installed codex.
const MANAGERS: [&str; 4] =
    ["CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_BY_BUN", "CODEX_MANAGED_BY_PNPM", "CODEX_MANAGED_BY_VITE_PLUS"];

/// Returns the directory of the npm package that a candidate belongs to, if it is npm's script or leads to it: behind symlinks,
/// through pnpm's or asdf's shell script, or volta's shim. `real` is the candidate without symlinks, `head` how it begins.
pub(super) fn package(hit: &Path, real: &Path, head: &[u8]) -> Option<PathBuf> {
    if real.ends_with(SCRIPT) {
        return real.ancestors().nth(2).map(Path::to_owned);
    }
    let named = |name: &str| real.file_name().is_some_and(|file| file == name);
    let script = if named("volta-shim") {
        // `~/.volta/bin/codex`
        hit.ancestors().nth(2)?.join("tools/image/packages/@openai/codex/lib/node_modules").join(SCRIPT)
    } else if head.starts_with(b"#!") {
        named_in_script(hit, real, head)?
    } else {
        return None;
    };
    // Through pnpm's store, whose links lead to the package and its native neighbour.
    let script = fs::canonicalize(&script)?;
    script.ends_with(SCRIPT).then(|| script.ancestors().nth(2).map(Path::to_owned))?
}

/// Returns npm's script as a shell script of pnpm's or asdf's names it.
fn named_in_script(hit: &Path, real: &Path, head: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(head);
    if text.contains("asdf exec") {
        // `# asdf-plugin: nodejs 22.1.0`, a line for each node that has one. Of several, asdf chooses.
        let mut versions = text.lines().filter_map(|line| line.strip_prefix("# asdf-plugin: nodejs "));
        let (version, None) = (versions.next()?.trim(), versions.next()) else { return None };
        // `~/.asdf/shims/codex`
        let installs = hit.ancestors().nth(2)?.join("installs/nodejs");
        let modules = ["lib/node_modules", ".npm/lib/node_modules"];
        return modules
            .iter()
            .map(|modules| installs.join(version).join(modules).join(SCRIPT))
            .find(|path| fs::exists(path));
    }
    // `exec node "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"`
    // Any other script is a person's own, and may do more than that.
    if !text.contains("\nbasedir=$(dirname ") {
        return None;
    }
    let end = text.find(SCRIPT)? + SCRIPT.len();
    let before = text.get(..end)?;
    let start = before.rfind(['"', '\'', ' ', '\n']).map_or(0, |at| at + 1);
    Some(real.parent()?.join(before.get(start..)?.strip_prefix("$basedir/")?))
}

/// Returns the native codex of a package, with what the script would set; `None` if this platform's package is not installed.
pub(super) fn native(package: &Path, invocation: &Invocation) -> Option<Codex> {
    let (platform, triple) = (invocation.platform.npm_package, invocation.platform.triple);
    let nested = package.join("node_modules/@openai").join(platform);
    let hoisted = package.parent()?.join(platform);
    for vendor in [nested, hoisted, package.to_owned()].map(|root| root.join("vendor").join(triple)) {
        // From 0.136 on, and up to 0.128.
        for (binary, is_new) in [("bin/codex", true), ("codex/codex", false)] {
            let path = vendor.join(binary);
            if fs::is_program(&path) {
                let path = fs::canonicalize(&path).unwrap_or(path);
                let (set, unset) = surroundings(package, &path, is_new, invocation);
                let package = Some(package.to_owned());
                return Some(Codex { path, found_by: "npm", set, unset, skipped: Vec::new(), package });
            }
        }
    }
    None
}

/// Returns the variables that the script sets for the native codex, and those that it removes.
fn surroundings(
    package: &Path,
    native: &Path,
    is_new: bool,
    invocation: &Invocation,
) -> (Vec<(&'static str, OsString)>, Vec<&'static str>) {
    let says =
        |name: &str, word: &str| invocation.var(name).is_some_and(|value| value.to_string_lossy().contains(word));
    let in_package = |word: &str| package.to_string_lossy().contains(word);
    let is_bun =
        says("npm_config_user_agent", "bun/") || says("npm_execpath", "bun") || in_package("/.bun/install/global");
    let modules = package.ancestors().nth(2).unwrap_or(package);
    let is_noted_by_pnpm = is_new && fs::exists(&modules.join(".modules.yaml"));
    let manager = match (is_new, is_bun) {
        (true, _) if in_package("/.pnpm/") || in_package("/pnpm/global/") || is_noted_by_pnpm => {
            "CODEX_MANAGED_BY_PNPM"
        }
        (_, true) => "CODEX_MANAGED_BY_BUN",
        (_, false) => "CODEX_MANAGED_BY_NPM",
    };
    let mut set = vec![(manager, OsString::from("1"))];
    if is_new {
        set.push(("CODEX_MANAGED_PACKAGE_ROOT", package.into()));
        return (set, MANAGERS.into_iter().filter(|name| *name != manager).collect());
    }
    // ripgrep, which later versions find by themselves.
    let tools = native.ancestors().nth(2).unwrap_or(native).join("path");
    let path = invocation.var("PATH").unwrap_or_default();
    let directories = std::env::split_paths(path).filter(|directory| !directory.as_os_str().is_empty());
    if fs::exists(&tools)
        && let Ok(path) = std::env::join_paths([tools].into_iter().chain(directories))
    {
        set.push(("PATH", path));
    }
    (set, Vec::new())
}

/// Returns the version in a package's `package.json`.
pub(super) fn version(package: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let file = fs::read(&package.join("package.json"), 1 << 20).ok()?;
    serde_json::from_slice::<Package>(&file.bytes).ok().map(|package| package.version)
}

/// Returns the key by which versions are ordered: by number, a release after its previews, anything else first.
pub(super) fn order(version: &str) -> (Vec<u64>, bool, Vec<Result<u64, String>>) {
    let (numbers, preview) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map_while(|number| number.parse().ok()).collect();
    (numbers, preview.is_empty(), preview.split('.').map(|part| part.parse().map_err(|_| part.to_owned())).collect())
}
