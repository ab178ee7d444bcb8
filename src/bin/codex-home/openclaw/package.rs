//! OpenClaw's package: found from the gateway's command line, from the command on PATH, or in an installer's directory.

use std::path::{Path, PathBuf};

use codex_home::fs::{canonicalize, is_program};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::disk;

/// The largest `package.json` that is read.
const LIMIT: u64 = 1 << 20;
/// The most directories above a program that are looked at.
const LEVELS: usize = 4;
/// The programs of the package that a script may start.
const ENTRIES: [&str; 4] = ["dist/entry.js", "dist/entry.mjs", "dist/index.js", "openclaw.mjs"];

/// OpenClaw's npm package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its directory.
    pub root: PathBuf,
    /// Its version, as `package.json` has it.
    pub version: String,
}

/// Returns the package that a gateway with this command line runs, else the one behind one of the commands, else the one in an
/// installer's directory.
pub fn find(commands: &[PathBuf], program: &[String], home: Option<&Path>) -> Option<Package> {
    let started = program.iter().map(PathBuf::from).filter(|path| path.is_absolute());
    let behind = started.chain(commands.iter().cloned()).find_map(|path| behind(&path));
    let own = [
        ".npm-global/lib/node_modules",
        ".volta/tools/image/packages/openclaw/lib/node_modules",
        ".bun/install/global/node_modules",
        ".local/share/pnpm/global/5/node_modules",
        "Library/pnpm/global/5/node_modules",
    ];
    let own = own.iter().filter_map(|below| Some(home?.join(below)));
    let system = ["/opt/homebrew/lib/node_modules", "/usr/local/lib/node_modules", "/usr/lib/node_modules"];
    let modules = own.chain(system.iter().map(PathBuf::from));
    behind.or_else(|| modules.map(|modules| modules.join("openclaw")).find_map(|root| in_directory(&root)))
}

/// Returns the command in an installer's directory that PATH lacks.
pub fn command_off_path(home: Option<&Path>) -> Option<PathBuf> {
    let own = [".npm-global/bin", ".local/bin", ".volta/bin", ".bun/bin"];
    let own = own.iter().filter_map(|below| Some(home?.join(below)));
    let system = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"];
    let directories = own.chain(system.iter().map(PathBuf::from));
    directories.map(|directory| directory.join("openclaw")).find(|path| is_program(path))
}

/// Returns the package of a program, or the one that a script of this name starts.
fn behind(path: &Path) -> Option<Package> {
    let above = |path: &Path| path.ancestors().skip(1).take(LEVELS).find_map(in_directory);
    let real = canonicalize(path)?;
    above(&real).or_else(|| {
        let text = String::from_utf8_lossy(&disk::head(&real)).into_owned();
        let is_script = text.starts_with("#!") && path.ends_with("openclaw");
        named_in_script(text.as_str(), real.parent()?)
            .filter(|_| is_script)
            .and_then(|entry| above(&canonicalize(&entry).unwrap_or(entry)))
    })
}

/// Returns OpenClaw's program that a shell script names: `exec node "/…/dist/entry.js" "$@"` of a git install, `"$basedir/…"` of
/// pnpm.
fn named_in_script(text: &str, directory: &Path) -> Option<PathBuf> {
    let commands = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = commands.filter_map(shlex::split).flatten();
    let entry = words.into_iter().find(|word| ENTRIES.iter().any(|entry| word.ends_with(&format!("/{entry}"))))?;
    let relative = ["$basedir/", "${basedir}/", "$(dirname $0)/"].iter().find_map(|prefix| entry.strip_prefix(prefix));
    let path = relative.map_or_else(|| PathBuf::from(&entry), |below| directory.join(below));
    path.is_absolute().then_some(path)
}

/// Returns the package in a directory, if it is OpenClaw's or a translation of it: if it has the command `openclaw`.
fn in_directory(root: &Path) -> Option<Package> {
    #[derive(Deserialize)]
    struct PackageJson {
        name: String,
        version: String,
        #[serde(default)]
        bin: Value,
    }
    let bytes = disk::read(&root.join("package.json"), LIMIT).ok()??;
    let file: PackageJson = serde_json::from_slice(&bytes).ok()?;
    let has_command = file.bin.as_object().is_some_and(|bin: &Map<_, _>| bin.contains_key("openclaw"));
    (file.name == "openclaw" || has_command).then(|| Package { root: root.to_owned(), version: file.version })
}
