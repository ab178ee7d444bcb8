//! The shims of volta, asdf, mise and nodenv, each of which starts the codex of one of its versions of node.
//!
//! If only one version of node has a codex, the shim starts npm's script there. If several have one, the manager chooses, provided
//! that a version is set outside a project.

use std::path::{Path, PathBuf};

use super::locations::{VERSIONS, expand};
use super::npm::{Entry, SCRIPT};
use super::{Unfit, script};
use crate::fs::{self, ReadError};
use crate::invocation::Invocation;

/// Returns npm's script behind a shim if there is no choice. `hit` is the shim, `real` the same without symlinks, `head` its
/// beginning.
///
/// # Errors
/// [`Unfit::NoVersionSet`] if there are several and no version is set, [`Unfit::ShimWithoutCodex`] if there is none.
pub(super) fn entry(hit: &Path, real: &Path, head: &[u8], invocation: &Invocation) -> Result<Option<Entry>, Unfit> {
    // `~/.volta/bin/codex`, `~/.asdf/shims/codex`, `~/.local/share/mise/shims/codex`
    let Some(root) = hit.ancestors().nth(2) else { return Ok(None) };
    match real.file_name().and_then(|name| name.to_str()) {
        Some("volta-shim") => {
            let image = root.join("tools/image/packages/@openai/codex");
            only("volta", &[image], || false)
        }
        Some("mise") if hit.parent().is_some_and(|directory| directory.ends_with("shims")) => mise(root, invocation),
        _ if head.starts_with(b"#!") => of_script(root, &String::from_utf8_lossy(head), invocation),
        _ => Ok(None),
    }
}

fn mise(root: &Path, invocation: &Invocation) -> Result<Option<Entry>, Unfit> {
    const OF_NPM: &str = "npm-openai-codex";
    let installs = root.join("installs");
    let is_codex = |tool: &PathBuf| tool.file_name().is_some_and(|name| name.to_string_lossy().contains("codex"));
    // Not npm's codex, so nothing is known about it.
    if listed(&installs)?.iter().any(|tool| is_codex(tool) && !tool.ends_with(OF_NPM)) {
        return Ok(None);
    }
    let versions = [listed(&installs.join(OF_NPM))?, listed(&installs.join("node"))?].concat();
    only("mise", &versions, || {
        let places = ["$XDG_CONFIG_HOME/mise", "~/.mise.toml", "~/mise.toml", "~/.tool-versions", "/etc/mise"];
        let home = invocation.person_home();
        let mut places = places.iter().filter_map(|place| expand(place, invocation, home.as_deref()));
        ["MISE_NODE_VERSION", "MISE_CONFIG_DIR", "MISE_GLOBAL_CONFIG_FILE"]
            .iter()
            .any(|name| invocation.is_not_blank(name))
            || places.any(|place| !fs::is_absent(&place))
    })
}

/// Returns npm's script behind the shell script of asdf or nodenv.
fn of_script(root: &Path, text: &str, invocation: &Invocation) -> Result<Option<Entry>, Unfit> {
    let Some(manager) = script::manager(text) else { return Ok(None) };
    if script::name_of(&manager) == "nodenv" {
        return only("nodenv", &listed(&root.join("versions"))?, || {
            invocation.is_not_blank("NODENV_VERSION") || !fs::is_absent(&root.join("version"))
        });
    }
    // Not the plugin nodejs, so nothing is known about it.
    let is_other = |line: &str| line.starts_with("# asdf-plugin: ") && !line.starts_with("# asdf-plugin: nodejs ");
    if text.lines().any(is_other) {
        return Ok(None);
    }
    let versions: Vec<_> =
        script::asdf_versions(text).map(|version| root.join("installs/nodejs").join(version)).collect();
    only("asdf", &versions, || {
        let names_node = |file: fs::File| {
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            text.lines().any(|line| line.trim_start().starts_with("nodejs "))
        };
        let file = invocation.person_home().map(|home| fs::read(&home.join(".tool-versions"), 1 << 20));
        invocation.is_not_blank("ASDF_NODEJS_VERSION") || file.is_none_or(|file| file.is_ok_and(names_node))
    })
}

/// Returns the entries of a directory; none if it does not exist.
///
/// # Errors
/// [`Unfit::NotRead`], because a directory that could not be listed may hold codex.
fn listed(directory: &Path) -> Result<Vec<PathBuf>, Unfit> {
    match fs::entries(directory, VERSIONS) {
        Ok(entries) => Ok(entries),
        Err(ReadError::Absent) => Ok(Vec::new()),
        Err(error) => Err(Unfit::NotRead(error.errno())),
    }
}

/// Returns npm's script if exactly one of these versions of node has it.
fn only(
    manager: &'static str,
    versions: &[PathBuf],
    may_choose: impl FnOnce() -> bool,
) -> Result<Option<Entry>, Unfit> {
    let modules = ["lib/node_modules", ".npm/lib/node_modules"];
    let scripts = versions.iter().flat_map(|version| modules.map(|modules| version.join(modules).join(SCRIPT)));
    let mut found: Vec<Entry> = Vec::new();
    for script in scripts {
        match fs::stat(&script) {
            Ok(_) => found.extend(Entry::of(script)),
            Err(ReadError::Absent) => {}
            Err(error) => return Err(Unfit::NotRead(error.errno())),
        }
    }
    // mise has several names for one version.
    found.sort_by(|a, b| a.package.cmp(&b.package));
    found.dedup_by(|a, b| a.package == b.package);
    match found.len() {
        1 => Ok(found.pop()),
        0 => Err(Unfit::ShimWithoutCodex(manager)),
        _ if may_choose() => Ok(None),
        _ => Err(Unfit::NoVersionSet(manager)),
    }
}
