//! Finds codex: the one that the settings name, else the first that can start, on PATH, in `search`, or in an installer's place.
//!
//! Runs nothing, and looks at nothing after the first hit. `docs/finding-codex.md` has every installation.

pub mod locations;
mod managers;
mod npm;
mod program;
mod script;
mod skipped;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::failure::Failure;
use crate::fs::{self, FileId, Probe, ReadError};
use crate::invocation::Invocation;
use crate::settings::{Key, Settings, Source};

pub(crate) use program::is_script;
pub use skipped::{Skipped, Unfit};

/// The codex to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codex {
    /// Its file.
    pub path: PathBuf,
    /// The path to execute, which is its `argv[0]` too: of a script other than npm's, the one that was found, maybe a symlink.
    pub program: PathBuf,
    /// Where it was found: `setting`, `path`, `search`, or the id of an installer in [`locations`].
    pub found_by: &'static str,
    /// The variables that npm's script would have set.
    pub set: Vec<(&'static str, OsString)>,
    /// The variables that npm's script would have removed.
    pub unset: Vec<&'static str>,
    /// Candidates that were skipped because they cannot start codex.
    pub skipped: Vec<Skipped>,
    /// The directory of its npm package, whose `package.json` names the version.
    package: Option<PathBuf>,
}

impl Codex {
    fn at(path: PathBuf, found_by: &'static str) -> Self {
        Self {
            program: path.clone(),
            path,
            found_by,
            set: Vec::new(),
            unset: Vec::new(),
            skipped: Vec::new(),
            package: None,
        }
    }

    /// Returns the version if it is known without running codex: from npm's `package.json`, or from the paths of Homebrew and of
    /// the standalone installer.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        match &self.package {
            Some(package) => npm::version(package),
            None => npm::version_around(&self.path).or_else(|| locations::version_in(&self.path)),
        }
    }

    /// Returns the command that updates it; `None` if its path does not tell who installed it.
    #[must_use]
    pub fn update(&self, person_home: Option<&Path>) -> Option<String> {
        locations::update(self.package.as_deref().unwrap_or(&self.path), person_home)
    }
}

/// Finds codex.
///
/// # Errors
/// [`Failure::CodexSetting`] if the settings name one that cannot be started; nothing else is tried then.
/// [`Failure::CodexNotFound`] if there is none anywhere.
pub fn find(invocation: &Invocation, settings: &Settings) -> Result<Codex, Failure> {
    let finder = Finder { invocation, settings, ourselves: Ourselves::new(invocation) };
    if let Some(path) = &settings.codex {
        return finder.examine(path, "setting").map_err(|skipped| Failure::CodexSetting {
            file: settings.file.clone().filter(|_| settings.source(Key::Codex) == Source::File),
            skipped,
        });
    }
    let directories = path_directories(invocation);
    let named = directories.iter().map(|directory| ("path", directory));
    let named = named.chain(settings.search.iter().map(|directory| ("search", directory)));
    let named = named.map(|(found_by, directory)| (found_by, Ok(directory.join("codex"))));
    let mut skipped: Vec<Skipped> = Vec::new();
    for (found_by, path) in named.chain(locations::candidates(invocation, settings.person_home.as_deref())) {
        match path.and_then(|path| finder.examine(&path, found_by)) {
            Ok(codex) => {
                skipped.retain(|one| one.unfit.would_be_started());
                return Ok(Codex { skipped, ..codex });
            }
            Err(one) if one.unfit == Unfit::Missing || skipped.iter().any(|other| other.is_same(&one)) => {}
            Err(one) => skipped.push(one),
        }
    }
    skipped.retain(|one| one.unfit != Unfit::Ourselves && one.unfit != Unfit::NotAFile);
    // A directory that is closed to this user may hold no codex at all.
    skipped.sort_by_key(|one| !one.unfit.would_be_started());
    Err(Failure::CodexNotFound { searched: directories, skipped, settings_file: settings.file.clone() })
}

/// Returns the absolute directories on PATH. A relative or empty entry would mean another program in every directory.
fn path_directories(invocation: &Invocation) -> Vec<PathBuf> {
    let path = invocation.var("PATH").unwrap_or_default();
    std::env::split_paths(path).filter(|directory| directory.is_absolute()).collect()
}

struct Finder<'a> {
    invocation: &'a Invocation,
    settings: &'a Settings,
    ourselves: Ourselves,
}

impl Finder<'_> {
    /// Returns what to execute for a candidate.
    fn examine(&self, path: &Path, found_by: &'static str) -> Result<Codex, Skipped> {
        let skipped = |real_path: &Path, unfit| Skipped { path: path.into(), real_path: real_path.into(), unfit };
        let probe = fs::probe(path).map_err(|error| {
            let unfit = match error {
                ReadError::Absent => Unfit::Missing,
                ReadError::WrongKind | ReadError::TooLarge => Unfit::NotAFile,
                ReadError::Denied(Errno::EACCES) => Unfit::Closed,
                ReadError::Denied(errno) | ReadError::Transient(errno) => Unfit::NotRead(errno),
            };
            skipped(path, unfit)
        })?;
        let codex = self.fit(path, &probe, found_by).map_err(|unfit| skipped(&probe.real_path, unfit))?;
        // exec closes the file.
        std::mem::forget(probe);
        Ok(codex)
    }

    fn fit(&self, path: &Path, probe: &Probe, found_by: &'static str) -> Result<Codex, Unfit> {
        // PATH and the settings are the caller's choice. A place that only we look at must not belong to another user.
        let is_chosen = ["path", "search", "setting"].contains(&found_by) || !self.is_below_home(path);
        if !is_chosen && !probe.stat.is_owned_by(self.invocation.uid) {
            return Err(Unfit::NotOwned);
        }
        if !fs::is_executable(path, &probe.stat) {
            return Err(Unfit::NotExecutable);
        }
        if self.ourselves.is(path, probe) {
            return Err(Unfit::Ourselves);
        }
        program::check(probe, &self.invocation.platform.programs)?;
        let as_it_is = Codex::at(name_for_exec(path, &probe.real_path), found_by);
        let entry = match npm::entry(path, &probe.real_path, &probe.head, self.invocation)? {
            None => managers::entry(path, &probe.real_path, &probe.head, self.invocation)?,
            entry => entry,
        };
        let Some(entry) = entry else {
            self.check_script(&probe.head, found_by == "setting")?;
            // A script may look for files beside the path by which it is executed.
            let program = if program::is_text(&probe.head) { path.to_owned() } else { as_it_is.path.clone() };
            return Ok(Codex { program, ..as_it_is });
        };
        // Without its native package the script ends at once.
        let native = npm::native(&entry, self.invocation, is_chosen)?;
        if self.settings.npm_native {
            return Ok(Codex { found_by, ..native });
        }
        self.with_node(path, Codex { package: Some(entry.package), ..as_it_is })
    }

    fn is_below_home(&self, path: &Path) -> bool {
        self.settings.person_home.as_deref().is_some_and(|home| path.starts_with(home))
    }

    /// Returns npm's script with a node to run it.
    fn with_node(&self, path: &Path, mut script: Codex) -> Result<Codex, Unfit> {
        if !script::is_missing("node".as_ref(), self.invocation) {
            return Ok(script);
        }
        // nvm, fnm and Homebrew keep node beside what npm installs.
        let beside = path.parent().filter(|directory| fs::is_program(&directory.join("node")));
        let mut directories = path_directories(self.invocation);
        directories.insert(0, beside.ok_or_else(|| Unfit::NoInterpreter("node".into()))?.to_owned());
        script.set.extend(std::env::join_paths(directories).map(|path| ("PATH", path)));
        Ok(script)
    }

    /// Checks that a script can start its target, and that the target is not us: a wrapper that starts us and clears the
    /// environment would never end.
    fn check_script(&self, head: &[u8], is_named: bool) -> Result<(), Unfit> {
        let Some(text) = head.strip_prefix(b"#!") else { return Ok(()) };
        script::check_interpreter(head, self.invocation)?;
        // The person's own choice may lead back to us. The guard ends that loop, unless the environment is cleared.
        let started_as = self.invocation.program.as_deref().and_then(Path::file_name).unwrap_or_default();
        let matters = !is_named || script::clears_environment(text);
        if matters && script::starts_launcher(text, started_as.as_bytes()) {
            return Err(Unfit::StartsUs);
        }
        script::check_manager(&String::from_utf8_lossy(head), self.invocation)
    }
}

/// This program's identity, by which it is recognised under another name.
struct Ourselves {
    path: Option<PathBuf>,
    id: Option<FileId>,
    size: u64,
}

impl Ourselves {
    fn new(invocation: &Invocation) -> Self {
        let stat = invocation.program.as_deref().and_then(|path| fs::stat(path).ok());
        Self { path: invocation.program.clone(), id: stat.map(|stat| stat.id), size: stat.map_or(0, |stat| stat.size) }
    }

    /// Returns whether a file is this program, through symlinks and hard links, or a copy with the same bytes.
    fn is(&self, path: &Path, probe: &Probe) -> bool {
        if Some(probe.stat.id) == self.id {
            return true;
        }
        // Only a file of our own size is read.
        if probe.stat.size != self.size {
            return false;
        }
        let read = |path: &Path| fs::read(path, self.size).ok().map(|file| file.bytes);
        self.path.as_deref().and_then(read).is_some_and(|own| read(path) == Some(own))
    }
}

/// Returns the path of a program: the real path, because a native codex goes by the name in `argv[0]`. But if a symlink named
/// `codex` leads to a program of another name (the shims of volta and mise, a multi-call binary), that program depends on the
/// name, so the symlink is kept.
fn name_for_exec(path: &Path, real: &Path) -> PathBuf {
    let is_codex = |path: &Path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"codex"));
    if is_codex(real) || !is_codex(path) { real.to_owned() } else { path.to_owned() }
}
