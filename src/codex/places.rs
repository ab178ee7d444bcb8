//! THE USUAL PLACES: where installers put codex, in the order in which they are looked at.
//!
//! Each is looked at only where all before it came to nothing. The one directory that is listed is a version manager's, for
//! it alone knows the names in it.
#![expect(clippy::disallowed_methods, reason = "this is the room that looks for codex on the disk")]

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use super::npm;

/// How many versions of node are looked at, of those that a version manager keeps.
const VERSIONS: usize = 256;

/// Where a codex was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// The settings name it.
    Setting,
    /// PATH.
    Path,
    /// `~/.local/bin`.
    LocalBin,
    /// codex's own installer.
    Standalone,
    /// Homebrew.
    Homebrew,
    /// npm's global prefix.
    Npm,
    /// pnpm.
    Pnpm,
    /// bun.
    Bun,
    /// volta.
    Volta,
    /// asdf.
    Asdf,
    /// mise.
    Mise,
    /// nvm.
    Nvm,
    /// fnm.
    Fnm,
    /// An application of macOS.
    Application,
}

impl FoundBy {
    /// As it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Path => "path",
            Self::LocalBin => "local-bin",
            Self::Standalone => "standalone",
            Self::Homebrew => "homebrew",
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Bun => "bun",
            Self::Volta => "volta",
            Self::Asdf => "asdf",
            Self::Mise => "mise",
            Self::Nvm => "nvm",
            Self::Fnm => "fnm",
            Self::Application => "application",
        }
    }
}

/// Every place, in order; those under a home only where one is known.
pub(super) fn all(home: Option<&Path>) -> impl Iterator<Item = (FoundBy, PathBuf)> {
    use FoundBy::{Application, Asdf, Bun, Fnm, Homebrew, LocalBin, Mise, Npm, Nvm, Pnpm, Standalone, Volta};
    let fixed = [
        (LocalBin, "~/.local/bin/codex"),
        (Standalone, "~/.codex/packages/standalone/current/bin/codex"),
        (Standalone, "~/.codex/packages/standalone/current/codex"),
        (Homebrew, "/opt/homebrew/bin/codex"),
        (Homebrew, "/usr/local/bin/codex"),
        (Homebrew, "/home/linuxbrew/.linuxbrew/bin/codex"),
        (Npm, "~/.npm-global/bin/codex"),
        (Npm, "/opt/homebrew/lib/node_modules/@openai/codex/bin/codex.js"),
        (Npm, "/usr/local/lib/node_modules/@openai/codex/bin/codex.js"),
        (Pnpm, "~/Library/pnpm/codex"),
        (Pnpm, "~/.local/share/pnpm/codex"),
        (Bun, "~/.bun/bin/codex"),
        (Volta, "~/.volta/bin/codex"),
        (Asdf, "~/.asdf/shims/codex"),
        (Mise, "~/.local/share/mise/shims/codex"),
    ];
    let versions = [
        (Nvm, "~/.nvm/versions/node", "bin/codex"),
        (Fnm, "~/.local/share/fnm/node-versions", "installation/bin/codex"),
        (Fnm, "~/.fnm/node-versions", "installation/bin/codex"),
        (Fnm, "~/Library/Application Support/fnm/node-versions", "installation/bin/codex"),
    ];
    let applications = ["Codex", "ChatGPT"]
        .map(|app| (Application, PathBuf::from(format!("/Applications/{app}.app/Contents/Resources/codex"))));
    let expand = move |path: &str| match path.strip_prefix("~/") {
        Some(below) => Some(home?.join(below)),
        None => Some(PathBuf::from(path)),
    };
    fixed
        .into_iter()
        .filter_map(move |(found_by, path)| Some((found_by, expand(path)?)))
        .chain(versions.into_iter().flat_map(move |(found_by, root, codex)| {
            expand(root).into_iter().flat_map(move |root| newest_first(found_by, &root, codex))
        }))
        .chain(applications)
}

/// The codex of each version of node in `root`, the newest codex first: a directory's name is node's version, not codex's.
fn newest_first(found_by: FoundBy, root: &Path, codex: &str) -> Vec<(FoundBy, PathBuf)> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten().take(VERSIONS);
    let mut found: Vec<_> = entries
        .map(|entry| entry.path().join(codex))
        .filter_map(|path| {
            let real = fs::canonicalize(&path).ok()?;
            let version =
                npm::package(&path, &real, &[]).and_then(|package| npm::version(&package)).unwrap_or_default();
            Some((npm::order(&version), path))
        })
        .collect();
    found.sort_by(|a, b| (Reverse(&a.0), &a.1).cmp(&(Reverse(&b.0), &b.1)));
    found.into_iter().map(|(_, path)| (found_by, path)).collect()
}
