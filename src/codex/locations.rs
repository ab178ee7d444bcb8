//! The places in which installers put codex: a table with a row for each installer, in the order of the search.
//!
//! A row is looked at only if the rows before it had no codex. Directories are listed only for version managers, because only they
//! know the names in them.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::{Skipped, Unfit, npm};
use crate::display::shell_word;
use crate::fs::{self, ReadError};
use crate::invocation::Invocation;
use crate::platform::Os;

/// The command that installs codex if there is none.
pub const INSTALL: &str = "npm i -g @openai/codex@latest";
/// The command that updates or repairs what npm installed; `PREFIX` is what holds its `lib/node_modules`.
pub const NPM: &str = "npm i -g --include=optional --prefix PREFIX @openai/codex@latest";
/// The most versions of a version manager that are looked at.
pub(super) const VERSIONS: usize = 4096;

/// An installer and the places in which it puts codex.
#[derive(Clone, Copy, Debug)]
pub struct Installer {
    /// Its id in JSON, messages and the journal.
    pub id: &'static str,
    /// The directories that it may use, in order.
    pub roots: &'static [Root],
    /// The paths of codex below each of them. `*` stands for any name, the newest codex first; `$TRIPLE` is this machine's target.
    pub below: &'static [&'static str],
    /// Parts of the real path by which its codex is recognised.
    pub marks: &'static [&'static str],
    /// The command that updates codex, if one command does.
    pub update: Option<&'static str>,
    /// What the command needs in addition, to reinstall the version that is already there.
    pub force: Option<&'static str>,
}

/// A directory that an installer may use.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    /// Its path: `~` is the person's home, `$NAME` a variable. `$XDG_CONFIG_HOME`, `$XDG_DATA_HOME` and `$XDG_STATE_HOME` have
    /// their defaults; if any other variable is unset, the root is skipped.
    pub path: &'static str,
    /// The systems on which it is looked at; `None` for all.
    pub os: Option<Os>,
}

const fn on_all(path: &'static str) -> Root {
    Root { path, os: None }
}

const fn on(os: Os, path: &'static str) -> Root {
    Root { path, os: Some(os) }
}

/// An installer whose codex lies in `bin`.
const fn in_bin(id: &'static str, roots: &'static [Root]) -> Installer {
    Installer { id, roots, below: &["bin/codex"], marks: &[], update: None, force: None }
}

/// Every installer.
pub const INSTALLERS: &[Installer] = &[
    in_bin("local-bin", &[on_all("~/.local"), on_all("~")]),
    Installer {
        below: &["current/bin/codex", "current/codex"],
        ..in_bin("standalone", &[on_all("~/.codex/packages/standalone")])
    },
    // The cask is the current codex; the formula stays at 0.46.0.
    Installer {
        below: &["Caskroom/codex/*/bin/codex", "Caskroom/codex/*/codex-$TRIPLE", "bin/codex"],
        marks: &["/Caskroom/codex/"],
        update: Some("brew upgrade --cask codex"),
        ..in_bin(
            "homebrew",
            &[on(Os::MacOs, "/opt/homebrew"), on(Os::MacOs, "/usr/local"), on(Os::Linux, "/home/linuxbrew/.linuxbrew")],
        )
    },
    Installer {
        marks: &["/Cellar/codex/"],
        update: Some("brew uninstall codex && brew install --cask codex"),
        ..in_bin("homebrew-formula", &[])
    },
    Installer {
        below: &["bin/codex", "lib/node_modules/@openai/codex/bin/codex.js"],
        ..in_bin(
            "npm",
            &[
                on_all("~/.npm-global"),
                on_all("~/.npm-packages"),
                on_all("/usr/local/share/npm-global"),
                on(Os::MacOs, "/opt/homebrew"),
                on_all("/usr/local"),
            ],
        )
    },
    // From 11 on in `bin`.
    Installer {
        below: &["bin/codex", "codex"],
        marks: &["/.pnpm/", "/pnpm/"],
        update: Some("pnpm add -g @openai/codex@latest"),
        force: Some("--force"),
        ..in_bin("pnpm", &[on_all("$PNPM_HOME"), on_all("~/Library/pnpm"), on_all("$XDG_DATA_HOME/pnpm")])
    },
    Installer {
        marks: &["/yarn/global/"],
        update: Some("yarn global add @openai/codex@latest"),
        force: Some("--force"),
        ..in_bin("yarn", &[on_all("~/.yarn")])
    },
    Installer {
        marks: &["/install/global/node_modules/"],
        update: Some("bun add -g @openai/codex@latest"),
        force: Some("--force"),
        ..in_bin("bun", &[on_all("$BUN_INSTALL"), on_all("~/.bun")])
    },
    Installer {
        marks: &["/tools/image/packages/"],
        update: Some("volta install @openai/codex@latest"),
        ..in_bin("volta", &[on_all("$VOLTA_HOME"), on_all("~/.volta")])
    },
    Installer {
        marks: &["/.vite-plus/"],
        update: Some("vp install -g @openai/codex@latest"),
        ..in_bin("vite-plus", &[on_all("~/.vite-plus")])
    },
    // The programs of a manager come before its shims, because a shim needs the manager and a selected version.
    Installer {
        below: &["installs/nodejs/*/bin/codex", "installs/nodejs/*/.npm/bin/codex", "shims/codex"],
        ..in_bin("asdf", &[on_all("$ASDF_DATA_DIR"), on_all("~/.asdf")])
    },
    Installer {
        below: &["installs/npm-openai-codex/*/bin/codex", "installs/node/*/bin/codex", "shims/codex"],
        marks: &["/installs/npm-openai-codex/"],
        update: Some("mise use -g npm:@openai/codex@latest"),
        force: Some("--force"),
        ..in_bin("mise", &[on_all("$MISE_DATA_DIR"), on_all("$XDG_DATA_HOME/mise")])
    },
    Installer {
        below: &["versions/node/*/bin/codex"],
        ..in_bin("nvm", &[on_all("$NVM_DIR"), on_all("$XDG_CONFIG_HOME/nvm"), on_all("~/.nvm")])
    },
    Installer {
        below: &["aliases/default/bin/codex", "node-versions/*/installation/bin/codex"],
        ..in_bin(
            "fnm",
            &[
                on_all("$FNM_DIR"),
                on_all("$XDG_DATA_HOME/fnm"),
                on_all("~/.fnm"),
                on_all("~/Library/Application Support/fnm"),
            ],
        )
    },
    in_bin("n", &[on_all("$N_PREFIX"), on_all("~/n")]),
    Installer {
        below: &["versions/*/bin/codex", "shims/codex"],
        ..in_bin("nodenv", &[on_all("$NODENV_ROOT"), on_all("~/.nodenv")])
    },
    Installer {
        below: &["current/bin/codex"],
        ..in_bin("nodebrew", &[on_all("$NODEBREW_ROOT"), on_all("~/.nodebrew")])
    },
    Installer { below: &["shims/codex"], ..in_bin("proto", &[on_all("$PROTO_HOME"), on_all("~/.proto")]) },
    Installer {
        marks: &["/nix/store/"],
        ..in_bin(
            "nix",
            &[
                on_all("~/.nix-profile"),
                on_all("$XDG_STATE_HOME/nix/profile"),
                on_all("/etc/profiles/per-user/$USER"),
                on(Os::Linux, "/run/current-system/sw"),
            ],
        )
    },
    in_bin("cargo", &[on_all("$CARGO_HOME"), on_all("~/.cargo")]),
    // ChatGPT.app has replaced Codex.app.
    Installer {
        below: &["Contents/Resources/codex"],
        ..in_bin(
            "application",
            &[
                on(Os::MacOs, "/Applications/ChatGPT.app"),
                on_all("~/Applications/ChatGPT.app"),
                on(Os::MacOs, "/Applications/Codex.app"),
                on_all("~/Applications/Codex.app"),
                on(Os::MacOs, "/Applications/Codex (Beta).app"),
                on_all("~/Applications/Codex (Beta).app"),
            ],
        )
    },
];

/// Returns the directory of the `lib/node_modules` that holds `real_path`.
#[must_use]
pub fn npm_prefix(real_path: &Path) -> Option<PathBuf> {
    real_path.ancestors().find(|path| path.ends_with("lib/node_modules"))?.ancestors().nth(2).map(Path::to_owned)
}

/// Returns the command that updates the codex at `real_path`; `None` if the path does not tell who installed it.
#[must_use]
pub fn update(real_path: &Path, person_home: Option<&Path>) -> Option<String> {
    command(real_path, person_home, false)
}

/// Returns the command that reinstalls the codex at `real_path`, whichever version it has.
#[must_use]
pub fn repair(real_path: &Path, person_home: Option<&Path>) -> Option<String> {
    command(real_path, person_home, true)
}

fn command(real_path: &Path, person_home: Option<&Path>, is_repair: bool) -> Option<String> {
    let text = real_path.to_string_lossy();
    let marked = INSTALLERS.iter().find(|installer| installer.marks.iter().any(|mark| text.contains(mark)));
    let force = |installer: &Installer| installer.force.filter(|_| is_repair).map(|force| format!(" {force}"));
    match (marked, npm_prefix(real_path)) {
        (Some(installer), _) => {
            installer.update.map(|update| update.to_owned() + &force(installer).unwrap_or_default())
        }
        (None, Some(prefix)) => Some(NPM.replace("PREFIX", &shell_word(&prefix, person_home))),
        (None, None) => None,
    }
}

/// Returns the candidates in each place, in order, with the id of the installer. Places below a home need a known home. A place
/// that does not exist costs one system call.
pub(super) fn candidates<'a>(
    invocation: &'a Invocation,
    home: Option<&'a Path>,
) -> impl Iterator<Item = (&'static str, Result<PathBuf, Skipped>)> {
    INSTALLERS.iter().flat_map(move |installer| {
        let mut roots: Vec<PathBuf> = Vec::new();
        for root in installer.roots.iter().filter(|root| root.os.is_none_or(|os| os == invocation.platform.os)) {
            roots.extend(expand(root.path, invocation, home).filter(|root| !roots.contains(root)));
        }
        roots.into_iter().flat_map(move |root| {
            let is_one = installer.below.len() == 1;
            let below = if is_one || !fs::is_absent(&root) { installer.below } else { &[] };
            below.iter().flat_map(move |below| {
                versions(&root, &below.replace("$TRIPLE", invocation.platform.triple))
                    .into_iter()
                    .map(|path| (installer.id, path))
            })
        })
    })
}

/// Returns the directory that a root stands for; `None` if the root is skipped.
pub(super) fn expand(root: &str, invocation: &Invocation, home: Option<&Path>) -> Option<PathBuf> {
    let (first, below) = root.split_once('/').unwrap_or((root, ""));
    let start = match first.strip_prefix('$') {
        None if first == "~" => home?.to_owned(),
        None => PathBuf::from("/"),
        Some(variable) => {
            let named = invocation.var(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            let default = match variable {
                "XDG_CONFIG_HOME" => Some(".config"),
                "XDG_DATA_HOME" => Some(".local/share"),
                "XDG_STATE_HOME" => Some(".local/state"),
                _ => None,
            };
            named.or_else(|| Some(home?.join(default?)))?
        }
    };
    let user = || invocation.var("USER")?.to_str().filter(|user| !user.contains('/'));
    let below = if below.contains("$USER") { below.replace("$USER", user()?) } else { below.to_owned() };
    Some(if below.is_empty() { start } else { start.join(below) })
}

/// Returns what a pattern below a root stands for, the newest codex first.
fn versions(root: &Path, pattern: &str) -> Vec<Result<PathBuf, Skipped>> {
    let Some((before, behind)) = pattern.split_once("/*/") else { return vec![Ok(root.join(pattern))] };
    let root = root.join(before);
    let entries = match fs::entries(&root, VERSIONS) {
        Ok(entries) => entries,
        Err(ReadError::Absent | ReadError::Denied(Errno::EACCES)) => return Vec::new(),
        Err(error) => {
            let unfit = Unfit::NotRead(error.errno());
            return vec![Err(Skipped { real_path: root.clone(), path: root, unfit })];
        }
    };
    let below = entries.into_iter().map(|entry| entry.join(behind));
    let mut found: Vec<_> = below
        .filter(|path| !fs::is_absent(path))
        .map(|path| {
            let real = fs::canonicalize(&path).unwrap_or_else(|| path.clone());
            let version = npm::package_of(&real).and_then(npm::version).or_else(|| version_in(&real));
            (npm::order(&version.unwrap_or_default()), real, path)
        })
        .collect();
    found.sort_by(|a, b| (Reverse(&a.0), &a.2).cmp(&(Reverse(&b.0), &b.2)));
    // Managers have several names for one version.
    let mut seen = Vec::new();
    found.retain(|(_, real, _)| {
        !seen.contains(real) && {
            seen.push(real.clone());
            true
        }
    });
    found.into_iter().map(|(_, _, path)| Ok(path)).collect()
}

/// Returns the version that the path of a codex names: Homebrew's (`Cellar/codex/<version>`, `Caskroom/codex/<version>`) and the
/// standalone installer's (`releases/<version>-<target>`).
pub(super) fn version_in(path: &Path) -> Option<String> {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let version = parts.windows(3).find_map(|parts| match parts {
        [cellar, codex, version] if (cellar == "Cellar" || cellar == "Caskroom") && codex == "codex" => Some(version),
        [_, releases, version] if releases == "releases" => Some(version),
        _ => None,
    })?;
    // The target follows the version: `0.150.1-x86_64-unknown-linux-musl`.
    let target = ["-x86_64-", "-aarch64-"].iter().find_map(|target| version.find(target));
    let version = version.get(..target.unwrap_or(version.len())).unwrap_or_default();
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}
