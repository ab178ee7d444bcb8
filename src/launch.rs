//! THE END OF US: this process becomes codex.
//!
//! The only room that names `Command`. Same process, same arguments, same descriptors; the environment as it was but for
//! the mark, what npm's script would have set where codex is started behind it and, on a redirect, `CODEX_HOME`. Nothing
//! comes after it.
#![expect(clippy::disallowed_methods, reason = "this is the one room that executes")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::execve;

use crate::codex::{Codex, Program};
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::settings::Settings;
use crate::words::short_path;

/// The mark we leave for ourselves: our process id, how many of us there are above, and what we started.
const MARK: &str = "CODEX_HOME_SHIM_MARK";
/// How many starts may lie within one another.
const DEPTH: u32 = 16;

/// What is left of a start once everything is settled.
#[derive(Debug)]
pub struct Launch {
    /// The program.
    pub codex: Codex,
    /// The home it is to use, where that is not the one it was given.
    pub home: Option<PathBuf>,
}

/// Settles that what is about to be started is not what started us.
///
/// # Errors
/// [`Failure::Loop`].
pub fn check(codex: &Codex, invocation: &Invocation, settings: &Settings) -> Result<(), Failure> {
    let shown = |path: &Path| short_path(path, settings.person_home.as_deref());
    match Mark::read(invocation) {
        Some(mark) if mark.is_loop(invocation, &codex.path) => Err(Failure::Loop {
            codex: shown(&mark.codex),
            launcher: invocation.program.as_deref().map_or_else(|| "codex-home-shim".to_owned(), shown),
        }),
        _ => Ok(()),
    }
}

/// Settles that the system would execute it, as far as that can be seen beforehand: a script's interpreter is there.
///
/// For those who explain; a start finds out.
///
/// # Errors
/// [`Failure::Exec`], as [`become_codex`] would have it.
pub fn foresee(codex: &Codex, settings: &Settings) -> Result<(), Failure> {
    if codex.program != Program::Script {
        return Ok(());
    }
    let mut head = Vec::new();
    // What cannot be read can still be executed.
    let _ = File::open(&codex.path).and_then(|file| file.take(256).read_to_end(&mut head));
    let line = head.strip_prefix(b"#!").and_then(|rest| rest.split(|b| *b == b'\n').next()).unwrap_or_default();
    let interpreter = line.split(|b| b" \t".contains(b)).find(|word| !word.is_empty());
    let missing = interpreter.and_then(|path| Path::new(OsStr::from_bytes(path)).symlink_metadata().err());
    match missing {
        Some(error) if error.kind() == io::ErrorKind::NotFound => Err(not_executed(&codex.path, &error, settings)),
        _ => Ok(()),
    }
}

/// Becomes codex. Comes back only where that is not possible.
///
/// # Errors
/// [`Failure::Exec`] where the system would not.
pub fn become_codex(launch: &Launch, invocation: &Invocation, settings: &Settings) -> Result<Infallible, Failure> {
    let path = launch.codex.path.as_path();
    let depth = Mark::read(invocation).map_or(0, |mark| mark.depth.saturating_add(1));
    let mark = Mark { pid: invocation.pid, depth, codex: path.to_owned() };

    // Of a name that stands twice std would keep the last, and every program reads the first.
    let mut env = invocation.env.clone();
    for name in &launch.codex.unset {
        env.remove(OsStr::new(name));
    }
    for (name, value) in &launch.codex.set {
        env.insert(name.into(), value.clone());
    }
    env.insert(MARK.into(), mark.to_value());
    if let Some(home) = &launch.home {
        env.insert("CODEX_HOME".into(), home.into());
    }
    let source = if launch.codex.program == Program::Foreign {
        strict_exec(path, invocation, &env)
    } else {
        Command::new(path).args(&invocation.args).env_clear().envs(&env).exec()
    };
    // std has set SIGPIPE to its default for codex; we have something left to say, perhaps to nobody.
    let _ = [Signal::SIGPIPE].into_iter().collect::<SigSet>().thread_block();
    Err(not_executed(path, &source, settings))
}

/// Why the system did not execute a codex.
fn not_executed(path: &Path, source: &io::Error, settings: &Settings) -> Failure {
    let is_there = path.exists();
    let remark = match source.raw_os_error() {
        Some(nix::libc::ENOENT) if is_there => ": the interpreter it names is not there",
        Some(nix::libc::ENOEXEC) => ": it was built for another machine",
        _ => "",
    };
    let codex = short_path(path, settings.person_home.as_deref());
    Failure::Exec { codex, cause: crate::words::cause(source), remark, is_there }
}

/// Executes what is for another machine: the kernel may know what to do with it. std's `execvp` would give what the kernel
/// does not know to `/bin/sh`, which would read it as a script.
fn strict_exec(path: &Path, invocation: &Invocation, env: &BTreeMap<OsString, OsString>) -> io::Error {
    let c_string = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| Errno::EINVAL);
    let pair = |(name, value): (&OsString, &OsString)| c_string([name.as_bytes(), b"=", value.as_bytes()].concat());
    let executed = (|| {
        let path = c_string(path.as_os_str().as_bytes().to_vec())?;
        let args = invocation.args.iter().map(|arg| c_string(arg.as_bytes().to_vec()));
        let args = [Ok(path.clone())].into_iter().chain(args).collect::<Result<Vec<_>, _>>()?;
        execve(&path, &args, &env.iter().map(pair).collect::<Result<Vec<_>, _>>()?)
    })();
    match executed {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}

/// What an earlier one of us left for us.
struct Mark {
    pid: u32,
    depth: u32,
    codex: PathBuf,
}

impl Mark {
    /// `<pid>:<depth>:<path>`.
    fn read(invocation: &Invocation) -> Option<Self> {
        let mut parts = invocation.var(MARK)?.as_bytes().splitn(3, |b| *b == b':');
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
        let (pid, depth) = (number()?, number()?);
        Some(Self { pid, depth, codex: PathBuf::from(OsStr::from_bytes(parts.next()?)) })
    }

    fn to_value(&self) -> OsString {
        let mut value = OsString::from(format!("{}:{}:", self.pid, self.depth));
        value.push(&self.codex);
        value
    }

    /// Whether what we started has started us.
    ///
    /// A process keeps its id over `exec`: our own id means that codex became us again. A script that calls us is our
    /// parent and still runs as a script; a codex that does so, for a server of its own, does not. Where the system does
    /// not say what runs, the depth does, after a few milliseconds.
    fn is_loop(&self, invocation: &Invocation, codex: &Path) -> bool {
        let is_same = self.codex == codex;
        (self.pid == invocation.pid && is_same)
            || (is_same && self.pid == (invocation.parent)() && runs_as_script(self.pid, codex))
            || self.depth >= DEPTH
    }
}

/// Whether the process is an interpreter that runs `script`, as far as the system says (Linux does).
fn runs_as_script(pid: u32, script: &Path) -> bool {
    let mut arguments = Vec::new();
    let opened = File::open(format!("/proc/{pid}/cmdline"));
    let _ = opened.and_then(|file| file.take(8192).read_to_end(&mut arguments));
    // The first is the interpreter; an `argv[0]` of that name would be codex itself.
    arguments.split(|b| *b == 0).skip(1).take(3).any(|argument| argument == script.as_os_str().as_bytes())
}
