//! Which codex: the one the settings name, else the first on PATH or in an installer's place that can start.
//!
//! Reads where a codex may be and nothing else; runs nothing, and looks at nothing after the first hit. `docs/finding-codex.md`
//! has each installation.

pub mod locations;
mod npm;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::display::plain_text;
use crate::failure::Failure;
use crate::fs::{self, FileId, Probe, ReadError};
use crate::invocation::Invocation;
use crate::platform::Platform;
use crate::settings::{Key, Settings, Source};

/// The codex to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codex {
    /// The file to execute, also its `argv[0]`.
    pub path: PathBuf,
    /// Where it was found: `setting`, `path`, or the id of an installer in [`locations`].
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

/// A candidate that was skipped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path.
    pub path: PathBuf,
    /// Why it cannot start codex.
    pub unfit: Unfit,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", plain_text(&self.path), self.unfit)
    }
}

/// Why a file is not a codex that can be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// This user may not look at it.
    #[error("this user may not look at it")]
    Closed,
    /// In the person's home, and another user's.
    #[error("it belongs to another user")]
    NotOwned,
    /// The system failed to tell.
    #[error("it could not be looked at: {}", .0.desc().to_lowercase())]
    NotRead(Errno),
    /// A directory, a socket, a FIFO.
    #[error("it is not a regular file")]
    NotAFile,
    /// It lacks the permission to be executed.
    #[error("it is not executable")]
    NotExecutable,
    /// It is this program, or a copy of it.
    #[error("it is this launcher")]
    Ourselves,
    /// A script that starts this launcher.
    #[error("it is a script that starts this launcher")]
    StartsUs,
    /// A program for another machine or another system.
    #[error("it is a program for another machine")]
    OtherMachine,
    /// A script whose interpreter is missing.
    #[error("its interpreter `{}` is missing", plain_text(.0))]
    NoInterpreter(PathBuf),
    /// npm's script without its native package, and no node to say so.
    #[error("it is npm's script, its native package is not installed, and there is no node on PATH")]
    NoNative,
}

impl Unfit {
    /// Returns whether a candidate with this fault is one that PATH would have started, so that skipping it is said.
    const fn is_worth_saying(&self) -> bool {
        !matches!(self, Self::Missing | Self::Closed | Self::NotAFile | Self::NotExecutable | Self::Ourselves)
    }
}

impl Codex {
    /// Returns the version as far as it is known without running codex: from its `package.json`, or from the path that
    /// Homebrew (`Cellar/codex/<version>`, `Caskroom/codex/<version>`) and the standalone installer (`releases/<version>…`)
    /// give it.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        if let Some(package) = &self.package {
            return npm::version(package);
        }
        let parts: Vec<_> = self.path.iter().map(|part| part.to_string_lossy()).collect();
        let version = parts.windows(3).find_map(|parts| match parts {
            [cellar, codex, version] if (cellar == "Cellar" || cellar == "Caskroom") && codex == "codex" => {
                Some(version)
            }
            [_, releases, version] if releases == "releases" => Some(version),
            _ => None,
        })?;
        // A release has its target behind the version: `0.150.1-x86_64-unknown-linux-musl`.
        let target = ["-x86_64-", "-aarch64-"].iter().find_map(|target| version.find(target));
        let version = version.get(..target.unwrap_or(version.len())).unwrap_or_default();
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    }
}

/// Finds codex.
///
/// # Errors
/// [`Failure::CodexSetting`] if the settings name one that cannot be started: nothing else is tried.
/// [`Failure::CodexNotFound`] if there is none anywhere.
pub fn find(invocation: &Invocation, settings: &Settings) -> Result<Codex, Failure> {
    let finder = Finder { invocation, settings, ourselves: Ourselves::new(invocation) };
    if let Some(path) = &settings.codex {
        return finder.examine(path, "setting", true).map_err(|unfit| Failure::CodexSetting {
            file: settings.file.clone().filter(|_| settings.source(Key::Codex) == Source::File),
            path: path.clone(),
            unfit,
        });
    }
    let directories = path_directories(invocation);
    let on_path = directories.iter().map(|directory| ("path", directory.join("codex")));
    let mut skipped = Vec::new();
    for (found_by, path) in on_path.chain(locations::candidates(invocation, settings.person_home.as_deref())) {
        match finder.examine(&path, found_by, false) {
            Ok(codex) => return Ok(Codex { skipped, ..codex }),
            Err(unfit) if unfit.is_worth_saying() => skipped.push(Skipped { path, unfit }),
            Err(_) => {}
        }
    }
    Err(Failure::CodexNotFound { searched: directories, skipped: skipped.into_iter().next() })
}

/// Returns the absolute directories on PATH: a relative or empty entry means another program in every directory.
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
    /// Returns what to execute for a candidate; `is_chosen` if the person chose it.
    fn examine(&self, path: &Path, found_by: &'static str, is_chosen: bool) -> Result<Codex, Unfit> {
        let probe = fs::probe(path).map_err(|error| match error {
            ReadError::Absent => Unfit::Missing,
            ReadError::WrongKind | ReadError::TooLarge => Unfit::NotAFile,
            ReadError::Denied(Errno::EACCES) => Unfit::Closed,
            ReadError::Denied(errno) | ReadError::Transient(errno) => Unfit::NotRead(errno),
        })?;
        // PATH is the caller's choice; a place that only we look at must not be another user's.
        if found_by != "path" && !is_chosen && !probe.stat.is_owned_by(self.invocation.uid) && self.is_below_home(path)
        {
            return Err(Unfit::NotOwned);
        }
        if !fs::is_executable(path, &probe.stat, self.invocation.uid) {
            return Err(Unfit::NotExecutable);
        }
        if self.ourselves.is(path, &probe) {
            return Err(Unfit::Ourselves);
        }
        if is_for_another_machine(&probe.head, &self.invocation.platform) {
            return Err(Unfit::OtherMachine);
        }
        let script = Codex {
            path: name_for_exec(path, &probe.real_path),
            found_by,
            set: Vec::new(),
            unset: Vec::new(),
            skipped: Vec::new(),
            package: None,
        };
        let found = match npm::package(path, &probe.real_path, &probe.head) {
            Some(package) => self.behind_npm(path, Codex { package: Some(package.clone()), ..script }, &package)?,
            None => {
                self.can_be_interpreted(&probe.head, is_chosen)?;
                script
            }
        };
        // exec closes the file.
        std::mem::forget(probe);
        Ok(found)
    }

    fn is_below_home(&self, path: &Path) -> bool {
        self.settings.person_home.as_deref().is_some_and(|home| path.starts_with(home))
    }

    /// Returns the native codex behind npm's script, else the script with a node to run it.
    fn behind_npm(&self, path: &Path, mut script: Codex, package: &Path) -> Result<Codex, Unfit> {
        if self.settings.npm_native
            && let Some(native) = npm::native(package, self.invocation)
        {
            return Ok(Codex { found_by: script.found_by, ..native });
        }
        let is_node = |directory: &Path| fs::is_program(&directory.join("node"));
        let mut directories = path_directories(self.invocation);
        if directories.iter().any(|directory| is_node(directory)) {
            return Ok(script);
        }
        // nvm, fnm and Homebrew keep node beside what npm installs.
        let beside = path.parent().filter(|directory| is_node(directory)).ok_or(Unfit::NoNative)?;
        directories.insert(0, beside.to_owned());
        script.set.extend(std::env::join_paths(directories).map(|path| ("PATH", path)));
        Ok(script)
    }

    /// Checks that the interpreter of a script is there, and that the script does not start us: such a wrapper, if it clears the
    /// environment, would never end.
    fn can_be_interpreted(&self, head: &[u8], is_chosen: bool) -> Result<(), Unfit> {
        let Some(rest) = head.strip_prefix(b"#!") else { return Ok(()) };
        let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
        let interpreter = line.split(|b| b" \t\r".contains(b)).find(|word| !word.is_empty()).unwrap_or_default();
        let interpreter = Path::new(std::ffi::OsStr::from_bytes(interpreter));
        if interpreter.is_absolute() && !fs::exists(interpreter) {
            return Err(Unfit::NoInterpreter(interpreter.to_owned()));
        }
        // By the name it was started with, which may be a symlink's, or by its own.
        let started_as = self.invocation.program.as_deref().and_then(Path::file_name).unwrap_or_default().as_bytes();
        let names = [b"codex-home-shim", started_as];
        let names =
            names.into_iter().filter(|name| !name.is_empty() && !name.starts_with(b"codex.") && *name != b"codex");
        let names: Vec<_> = names.collect();
        let names_us =
            |line: &[u8]| !line.trim_ascii_start().starts_with(b"#") && names.iter().any(|name| has_word(line, name));
        // The person's own choice may come back to us: the guard ends that, unless the environment is cleared.
        let clears_environment = [&b"env -i"[..], b"exec -c"].iter().any(|words| has_word(rest, words));
        if (!is_chosen || clears_environment) && rest.split(|b| *b == b'\n').any(names_us) {
            return Err(Unfit::StartsUs);
        }
        Ok(())
    }
}

/// Returns whether `word` stands in `text` as a word of its own.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    let is_part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    text.windows(word.len()).enumerate().filter(|(_, window)| *window == word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        !is_part(before) && !is_part(text.get(at + word.len()))
    })
}

/// What we are, to be recognised under another name.
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

    /// Returns whether a file is this program: by its identity, through symlinks and hard links; or a copy, by its bytes.
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

/// Returns whether a program, by its beginning, is not one for this machine.
fn is_for_another_machine(head: &[u8], platform: &Platform) -> bool {
    const MACH_O: [&[u8]; 3] = [b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe"];
    let is_elf = head.starts_with(b"\x7fELF");
    match platform.elf_machine {
        Some(machine) => {
            (is_elf && head.get(18..20) != Some(&machine.to_le_bytes()))
                || head.starts_with(b"MZ")
                || MACH_O.iter().any(|magic| head.starts_with(magic))
        }
        None => is_elf || head.starts_with(b"MZ"),
    }
}

/// Returns the path to execute and to pass as `argv[0]`: the real one. If a symlink named `codex` leads to a program of another
/// name (the shims of volta and mise, a multi-call binary), that program goes by the name it is called, and keeps it.
fn name_for_exec(path: &Path, real: &Path) -> PathBuf {
    let is_codex = |path: &Path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"codex"));
    if is_codex(real) || !is_codex(path) { real.to_owned() } else { path.to_owned() }
}
