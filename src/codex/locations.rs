//! Where installers put codex, as a table: a row a place, in the order in which they are looked at.
//!
//! Each is looked at only if everything before it came to nothing. Only the directories of version managers are listed, because
//! only they know the names in them.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::npm;
use crate::fs;
use crate::invocation::Invocation;

/// How many versions of a version manager are looked at.
const VERSIONS: usize = 256;

/// A place where an installer puts codex.
#[derive(Clone, Copy, Debug)]
pub struct Location {
    /// The installer, as JSON and messages name it.
    pub id: &'static str,
    /// The variable that moves the place, and the part of `path` that it replaces.
    pub moved_by: Option<(&'static str, &'static str)>,
    /// The place: `~` is the person's home; of what `*` stands for the newest codex comes first.
    pub path: &'static str,
}

const fn at(id: &'static str, path: &'static str) -> Location {
    Location { id, moved_by: None, path }
}

const fn moved(id: &'static str, variable: &'static str, root: &'static str, path: &'static str) -> Location {
    Location { id, moved_by: Some((variable, root)), path }
}

/// Every place.
pub const LOCATIONS: &[Location] = &[
    at("local-bin", "~/.local/bin/codex"),
    at("standalone", "~/.codex/packages/standalone/current/bin/codex"),
    at("standalone", "~/.codex/packages/standalone/current/codex"),
    at("homebrew", "/opt/homebrew/bin/codex"),
    at("homebrew", "/usr/local/bin/codex"),
    at("homebrew", "/home/linuxbrew/.linuxbrew/bin/codex"),
    at("npm", "~/.npm-global/bin/codex"),
    at("npm", "/opt/homebrew/lib/node_modules/@openai/codex/bin/codex.js"),
    at("npm", "/usr/local/lib/node_modules/@openai/codex/bin/codex.js"),
    moved("pnpm", "PNPM_HOME", "~/Library/pnpm", "~/Library/pnpm/codex"),
    at("pnpm", "~/.local/share/pnpm/codex"),
    moved("bun", "BUN_INSTALL", "~/.bun", "~/.bun/bin/codex"),
    moved("volta", "VOLTA_HOME", "~/.volta", "~/.volta/bin/codex"),
    moved("asdf", "ASDF_DATA_DIR", "~/.asdf", "~/.asdf/shims/codex"),
    moved("mise", "MISE_DATA_DIR", "~/.local/share/mise", "~/.local/share/mise/shims/codex"),
    moved("nvm", "NVM_DIR", "~/.nvm", "~/.nvm/versions/node/*/bin/codex"),
    moved("fnm", "FNM_DIR", "~/.local/share/fnm", "~/.local/share/fnm/node-versions/*/installation/bin/codex"),
    at("fnm", "~/.fnm/node-versions/*/installation/bin/codex"),
    at("fnm", "~/Library/Application Support/fnm/node-versions/*/installation/bin/codex"),
    at("application", "/Applications/ChatGPT.app/Contents/Resources/codex"),
    at("application", "/Applications/Codex.app/Contents/Resources/codex"),
    at("application", "~/Applications/ChatGPT.app/Contents/Resources/codex"),
    at("application", "~/Applications/Codex.app/Contents/Resources/codex"),
];

/// Returns every place with its installer, in order; those below a home only if one is known.
pub(super) fn candidates<'a>(
    invocation: &'a Invocation,
    home: Option<&'a Path>,
) -> impl Iterator<Item = (&'static str, PathBuf)> {
    LOCATIONS.iter().flat_map(move |location| {
        let paths = location.expand(invocation, home).map_or_else(Vec::new, |path| versions(&path));
        paths.into_iter().map(|path| (location.id, path))
    })
}

impl Location {
    fn expand(&self, invocation: &Invocation, home: Option<&Path>) -> Option<PathBuf> {
        if let Some((variable, root)) = self.moved_by
            && let Some(moved) = invocation.var(variable).map(Path::new).filter(|path| path.is_absolute())
            && let Ok(below) = Path::new(self.path).strip_prefix(root)
        {
            return Some(moved.join(below));
        }
        match self.path.strip_prefix("~/") {
            Some(below) => Some(home?.join(below)),
            None => Some(PathBuf::from(self.path)),
        }
    }
}

/// Returns what a pattern stands for, the newest codex first: a directory's name is node's version, not codex's.
fn versions(pattern: &Path) -> Vec<PathBuf> {
    let mut root = PathBuf::new();
    let mut parts = pattern.components();
    for part in parts.by_ref() {
        if part.as_os_str() == "*" {
            break;
        }
        root.push(part);
    }
    if root == pattern {
        return vec![root];
    }
    let mut found: Vec<_> = fs::list(&root, VERSIONS)
        .into_iter()
        .map(|entry| entry.join(parts.as_path()))
        .filter_map(|path| {
            let real = fs::canonicalize(&path)?;
            let version =
                npm::package(&path, &real, &[]).and_then(|package| npm::version(&package)).unwrap_or_default();
            Some((npm::order(&version), path))
        })
        .collect();
    found.sort_by(|a, b| (Reverse(&a.0), &a.1).cmp(&(Reverse(&b.0), &b.1)));
    found.into_iter().map(|(_, path)| path).collect()
}
