//! WHICH CODEX: the one the settings name, else the first there is that is not this program.
//!
//! Reads where a codex may be and nothing else; runs nothing to find out, and looks at nothing after the first hit.
//! `docs/finding-codex.md` has each installation, where it is found and what is executed.
#![expect(clippy::disallowed_methods, reason = "this is the room that looks for codex on the disk")]

mod npm;
mod places;

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, Uid, access};

use crate::failure::Failure;
use crate::home::FileId;
use crate::invocation::Invocation;
use crate::settings::{Key, Settings};
use crate::words::{cause, short_path};

pub use places::FoundBy;

/// How many of the directories that were looked into a message names.
const SHOWN: usize = 4;

/// The codex to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codex {
    /// Its path, links resolved; also what it is to see as its own name.
    pub path: PathBuf,
    /// Where it was found.
    pub found_by: FoundBy,
    /// How it is executed.
    pub program: Program,
    /// What it is started with beside the environment it would have anyway: what npm's script would have set.
    pub set: Vec<(&'static str, OsString)>,
    /// What it is started without: what that script would have removed.
    pub unset: Vec<&'static str>,
    /// What would have been found before it, had not anybody been able to put another program in its place: each with why.
    pub passed_over: Vec<String>,
    /// The directory of its npm package, whose `package.json` names the version.
    package: Option<PathBuf>,
}

/// How a file is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// By the kernel.
    Native,
    /// By the interpreter it names.
    Script,
    /// Not here: it was built for another machine, though the kernel may have an emulator for it.
    Foreign,
}

impl Program {
    /// What a file is, by its beginning.
    fn of(head: &[u8]) -> Self {
        let machine: &[u8] = match (cfg!(target_os = "linux"), cfg!(target_arch = "x86_64")) {
            (true, true) => &[62, 0],
            (true, false) => &[183, 0],
            (false, _) => &[],
        };
        if head.starts_with(b"#!") {
            Self::Script
        } else if head.starts_with(b"\x7fELF") && head.get(18..20) != Some(machine) {
            Self::Foreign
        } else {
            Self::Native
        }
    }
}

impl Codex {
    /// Its version, as far as it can be had without running it: from its `package.json`, or from the path that Homebrew
    /// (`Cellar/codex/<version>`, `Caskroom/codex/<version>`) and the standalone installer (`releases/<version>…`) give it.
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
        // A release carries its target behind the version: `0.150.1-x86_64-unknown-linux-musl`.
        let target = ["-x86_64-", "-aarch64-"].iter().find_map(|target| version.find(target));
        let version = version.get(..target.unwrap_or(version.len())).unwrap_or_default();
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    }
}

/// Finds codex.
///
/// # Errors
/// [`Failure::CodexSetting`] where the settings name one that cannot be started: there is no silent fallback.
/// [`Failure::CodexNotFound`] where there is none anywhere. [`Failure::Exec`] where there is npm's script, but neither the
/// native codex behind it nor a node to run it.
pub fn find(invocation: &Invocation, settings: &Settings) -> Result<Codex, Failure> {
    let this = Ourselves::new(invocation);
    let home = settings.person_home.as_deref();
    let found = |path: &Path, found_by| {
        let hit = candidate(path, &this).map_err(Missed::Unfit)?;
        what_to_execute(hit, found_by, invocation, settings)
    };
    if let Some(path) = &settings.codex {
        return found(path, FoundBy::Setting).map_err(|missed| match missed {
            Missed::Unfit(unfit) => Failure::CodexSetting {
                name: settings.place_of(Key::Codex),
                path: short_path(path, home),
                cause: unfit.to_string(),
                is_there: !matches!(unfit, Unfit::Missing),
            },
            Missed::Dead(failure) => failure,
        });
    }
    let directories = path_directories(invocation);
    let on_path = directories.iter().map(|directory| (FoundBy::Path, directory.join("codex")));
    let mut passed_over = Vec::new();
    for (found_by, path) in on_path.chain(places::all(home)) {
        match found(&path, found_by) {
            Ok(codex) => return Ok(Codex { passed_over, ..codex }),
            Err(Missed::Dead(failure)) => return Err(failure),
            // One that would have been started is never passed over in silence.
            Err(Missed::Unfit(unfit @ Unfit::Exposed(_))) => {
                passed_over.push(format!("`{}`: {unfit}", short_path(&path, home)));
            }
            Err(Missed::Unfit(_)) => {}
        }
    }
    Err(Failure::CodexNotFound { looked: looked(&directories, home), passed_over: passed_over.into_iter().next() })
}

/// The absolute directories on PATH: a relative entry, or an empty one, means another program in every directory.
fn path_directories(invocation: &Invocation) -> Vec<PathBuf> {
    let path = invocation.var("PATH").unwrap_or_default();
    std::env::split_paths(path).filter(|directory| directory.is_absolute()).collect()
}

/// Where was looked, shortened.
fn looked(directories: &[PathBuf], home: Option<&Path>) -> String {
    let mut looked: Vec<_> =
        directories.iter().take(SHOWN).map(|directory| format!("`{}`", short_path(directory, home))).collect();
    match directories.len().saturating_sub(SHOWN) {
        0 => {}
        more => looked.push(format!("{more} more directories on PATH")),
    }
    looked.push("the usual places of installers".to_owned());
    looked.join(", ")
}

/// Why a file is not a codex that can be started.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("there is no such file")]
    Missing,
    #[error("it cannot be looked at: {0}")]
    Unreachable(String),
    #[error("that is not a file")]
    NotAFile,
    #[error("that file is not executable")]
    NotExecutable,
    #[error("that is this launcher")]
    Ourselves,
    #[error("anybody may write to {0}")]
    Exposed(&'static str),
}

/// Why there is no codex to execute behind a path.
enum Missed {
    /// This one will not do; the next one may.
    Unfit(Unfit),
    /// It is the one, and cannot be started.
    Dead(Failure),
}

/// What we are, to be recognised under another name.
struct Ourselves {
    path: Option<PathBuf>,
    id: Option<FileId>,
    size: u64,
}

impl Ourselves {
    fn new(invocation: &Invocation) -> Self {
        let metadata = invocation.program.as_deref().and_then(|path| fs::metadata(path).ok());
        Self {
            path: invocation.program.clone(),
            id: metadata.as_ref().map(FileId::from),
            size: metadata.map_or(0, |metadata| metadata.len()),
        }
    }

    /// Whether a file is this program: by its identity, through links and hard links; or as a copy, by its bytes.
    fn is(&self, file: Option<&mut File>, metadata: &Metadata) -> bool {
        if Some(FileId::from(metadata)) == self.id {
            return true;
        }
        // Only a file of our own size is read.
        if metadata.len() != self.size {
            return false;
        }
        let (Some(own), Some(file)) = (self.path.as_deref().and_then(|own| fs::read(own).ok()), file) else {
            return false;
        };
        let mut other = Vec::new();
        let read = file.take(self.size).read_to_end(&mut other).and_then(|_| file.rewind());
        read.is_ok() && own == other
    }
}

/// A file that can be executed, is not this program, and that not anybody can put another program in the place of.
///
/// Opened before anything else, so that what is looked at, read and named is one file; and so that opening never waits,
/// whatever stands there.
fn candidate(path: &Path, this: &Ourselves) -> Result<Hit, Unfit> {
    let unreachable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unfit::Missing,
        _ => Unfit::Unreachable(cause(&error)),
    };
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => Some(file),
        // To be executed a file need not be readable. A socket cannot be opened at all.
        Err(error) if error.kind() == ErrorKind::PermissionDenied || error.raw_os_error() == Some(nix::libc::ENXIO) => {
            None
        }
        Err(error) => return Err(unreachable(error)),
    };
    let metadata = file.as_ref().map_or_else(|| fs::metadata(path), File::metadata).map_err(unreachable)?;
    if !metadata.is_file() {
        return Err(Unfit::NotAFile);
    }
    if access(path, AccessFlags::X_OK).is_err() {
        return Err(Unfit::NotExecutable);
    }
    if this.is(file.as_mut(), &metadata) {
        return Err(Unfit::Ourselves);
    }
    let hit = Hit::of(path, file);
    exposed(&metadata, &[path, &hit.real])?;
    Ok(hit)
}

/// Settles that not anybody can put another program in the place of a file: not in it, and not in a directory of `paths`, by
/// which it was found and where it lies.
///
/// A directory like `/tmp`, where nobody can take away what is another's, is none of those for what is ours or root's. Members
/// of a group are not anybody: Homebrew and Debian let administrators write to `bin` that way.
fn exposed(metadata: &Metadata, paths: &[&Path; 2]) -> Result<(), Unfit> {
    const OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    if metadata.mode() & OTHERS != 0 {
        return Err(Unfit::Exposed("that file"));
    }
    let [found, real] = paths.map(|path| (path, path.parent()));
    for (path, directory) in [Some(found), (real.1 != found.1).then_some(real)].into_iter().flatten() {
        let mode = directory.and_then(|directory| fs::metadata(directory).ok()).map_or(0, |metadata| metadata.mode());
        let is_kept = || {
            let owner = fs::symlink_metadata(path).map(|metadata| metadata.uid());
            mode & STICKY != 0 && owner.is_ok_and(|owner| owner == 0 || owner == Uid::effective().as_raw())
        };
        if mode & OTHERS != 0 && !is_kept() {
            return Err(Unfit::Exposed("the directory it is in"));
        }
    }
    Ok(())
}

/// A file that can be executed.
struct Hit {
    /// As it was found.
    path: PathBuf,
    /// With its links resolved.
    real: PathBuf,
    /// Its beginning: enough of a native program to know its machine, and of a script to know whose it is. Empty where it
    /// cannot be read, which executing it need not.
    head: Vec<u8>,
}

impl Hit {
    fn of(path: &Path, mut file: Option<File>) -> Self {
        let real = file.as_ref().and_then(path_of).or_else(|| fs::canonicalize(path).ok());
        let mut head = Vec::new();
        if let Some(file) = &mut file {
            let _ = file.take(20).read_to_end(&mut head);
            if head.starts_with(b"#!") {
                let _ = file.take(4096).read_to_end(&mut head);
            }
        }
        Self { path: path.to_owned(), real: real.unwrap_or_else(|| path.to_owned()), head }
    }

    /// The path to execute and to pass as `argv[0]`: the real one. Where a link named `codex` leads to a program of another
    /// name (the shims of volta and mise, a multi-call binary), that program goes by the name it is called, and keeps it.
    fn name_for_exec(&self) -> PathBuf {
        let is_codex = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"codex"));
        if is_codex(&self.real) || !is_codex(&self.path) { self.real.clone() } else { self.path.clone() }
    }
}

/// The path of an open file, without a link in it. Linux says it at once, however long it is.
fn path_of(file: &File) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    // A file without a name has another text there; one that was removed, the mark of it.
    (path.is_absolute() && !path.as_os_str().as_encoded_bytes().ends_with(b" (deleted)")).then_some(path)
}

/// What is to be executed for a hit: itself, or the native codex behind npm's script.
fn what_to_execute(hit: Hit, found_by: FoundBy, invocation: &Invocation, settings: &Settings) -> Result<Codex, Missed> {
    let program = Program::of(&hit.head);
    let codex = |path| Codex {
        path,
        found_by,
        program,
        set: Vec::new(),
        unset: Vec::new(),
        passed_over: Vec::new(),
        package: None,
    };
    let Some(package) = npm::package(&hit.path, &hit.real, &hit.head) else { return Ok(codex(hit.name_for_exec())) };
    if settings.npm_native
        && let Some(native) = npm::native(&package, invocation)
    {
        let metadata = fs::metadata(&native.path).map_err(|error| Missed::Unfit(Unfit::Unreachable(cause(&error))))?;
        exposed(&metadata, &[&native.path; 2]).map_err(Missed::Unfit)?;
        return Ok(Codex { found_by, ..native });
    }
    // The script itself, which node must run.
    let is_node = |directory: &Path| {
        let node = directory.join("node");
        node.is_file() && access(&node, AccessFlags::X_OK).is_ok()
    };
    let mut directories = path_directories(invocation);
    let mut script = Codex { package: Some(package), ..codex(hit.name_for_exec()) };
    if directories.iter().any(|directory| is_node(directory)) {
        return Ok(script);
    }
    // nvm, fnm and Homebrew keep it beside what npm installs.
    let Some(beside) = hit.path.parent().filter(|directory| is_node(directory)) else {
        return Err(Missed::Dead(Failure::Exec {
            codex: short_path(&script.path, settings.person_home.as_deref()),
            cause: "it is npm's script, its native codex is not installed".to_owned(),
            remark: ", and there is no node on PATH",
            is_there: true,
        }));
    };
    directories.insert(0, beside.to_owned());
    if let Ok(path) = std::env::join_paths(directories) {
        script.set.push(("PATH", path));
    }
    Ok(script)
}
