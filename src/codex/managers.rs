//! The shims of volta, asdf and mise, each of which starts the codex of one of its versions of node.
//!
//! If there is only one, npm's script in it is what the shim starts. Of several the manager chooses, if it can: it needs a version
//! that is set outside a project, and asdf itself.

use std::path::{Path, PathBuf};

use super::locations::expand;
use super::npm::{Entry, SCRIPT};
use super::{Unfit, script};
use crate::fs;
use crate::invocation::Invocation;

/// How many versions of a manager are looked at.
const VERSIONS: usize = 256;

/// Returns npm's script behind a shim, if that needs no choice. `hit` is the shim, `real` the same without symlinks, `head` how it
/// begins.
///
/// # Errors
/// [`Unfit::NoVersionSet`] if the manager has to choose and has nothing to choose by.
pub(super) fn entry(hit: &Path, real: &Path, head: &[u8], invocation: &Invocation) -> Result<Option<Entry>, Unfit> {
    let named = |name: &str| real.file_name().is_some_and(|file| file == name);
    // `~/.volta/bin/codex`, `~/.asdf/shims/codex`, `~/.local/share/mise/shims/codex`
    let Some(root) = hit.ancestors().nth(2) else { return Ok(None) };
    if named("volta-shim") {
        let image = root.join("tools/image/packages/@openai/codex/lib/node_modules");
        return Ok(Entry::of(image.join(SCRIPT)));
    }
    if named("mise") && root.join("shims") == hit.parent().unwrap_or(hit) {
        // Of another origin than npm's: not ours to look for.
        if !fs::is_absent(&root.join("installs/codex")) {
            return Ok(None);
        }
        let found = ["installs/npm-openai-codex", "installs/node"].map(|tool| fs::list(&root.join(tool), VERSIONS));
        return only(found.into_iter().flatten(), "mise", || {
            let places = ["$XDG_CONFIG_HOME/mise", "~/.mise.toml", "~/mise.toml", "~/.tool-versions", "/etc/mise"];
            invocation.has_var_with_prefix("MISE_") || is_any_there(&places, invocation)
        });
    }
    if !head.starts_with(b"#!") {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(head);
    let Some(versions) = script::asdf_versions(&text) else { return Ok(None) };
    let nodejs = root.join("installs/nodejs");
    let found = versions.iter().map(|version| nodejs.join(version));
    only(found, "asdf", || invocation.has_var_with_prefix("ASDF_") || is_any_there(&["~/.tool-versions"], invocation))
}

fn is_any_there(places: &[&str], invocation: &Invocation) -> bool {
    let home = invocation.person_home();
    home.is_none()
        || places.iter().filter_map(|place| expand(place, invocation, home.as_deref())).any(|p| !fs::is_absent(&p))
}

/// Returns npm's script in the one of these versions of node that has it.
fn only(
    versions: impl Iterator<Item = PathBuf>,
    manager: &'static str,
    may_choose: impl FnOnce() -> bool,
) -> Result<Option<Entry>, Unfit> {
    let modules = ["lib/node_modules", ".npm/lib/node_modules"];
    let scripts = versions.flat_map(|version| modules.map(|modules| version.join(modules).join(SCRIPT)));
    let mut found: Vec<Entry> = scripts.filter_map(Entry::of).collect();
    // mise has several names for one version.
    found.sort_by(|a, b| a.package.cmp(&b.package));
    found.dedup_by(|a, b| a.package == b.package);
    match found.len() {
        1 => Ok(found.pop()),
        0 => Ok(None),
        _ if may_choose() => Ok(None),
        _ => Err(Unfit::NoVersionSet(manager)),
    }
}
