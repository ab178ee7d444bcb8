//! THE END OF US: this process becomes codex.
//!
//! The only room that names `Command`. Same process, same arguments, same descriptors; the environment as it was but for
//! the mark and, on a redirect, `CODEX_HOME`. Nothing comes after it.
#![expect(clippy::disallowed_methods, reason = "this is the one room that executes")]

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::codex::Codex;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::settings::Settings;
use crate::words::short_path;

/// The mark we leave for ourselves: our process id, and what we started. The process id outlives `exec`, so that
/// whoever finds its own there was started by what it started.
const MARK: &str = "CODEX_HOME_SHIM_MARK";

/// What is left of a start once everything is settled.
#[derive(Debug)]
pub struct Launch {
    /// The program.
    pub codex: Codex,
    /// The home it is to use, where that is not the one it was given.
    pub home: Option<PathBuf>,
}

/// Becomes codex. Comes back only where that is not possible.
///
/// # Errors
/// [`Failure::Loop`] where this very process was codex already; [`Failure::Exec`] where the system would not.
pub fn become_codex(launch: &Launch, invocation: &Invocation, settings: &Settings) -> Result<Infallible, Failure> {
    let shown = |path| short_path(path, settings.person_home.as_deref());
    let pid = invocation.pid.to_string();
    if let Some(started) = marked_by(invocation, &pid) {
        return Err(Failure::Loop {
            codex: shown(&started),
            launcher: invocation.program.as_deref().map_or_else(|| "codex-home-shim".to_owned(), shown),
        });
    }
    let path = &launch.codex.path;
    let mut mark = std::ffi::OsString::from(pid);
    mark.push(":");
    mark.push(path);

    let mut command = Command::new(path);
    command.args(&invocation.args);
    // Of a name that stands twice std would keep the last, and every program reads the first.
    command.env_clear().envs(&invocation.env).env(MARK, mark);
    if let Some(home) = &launch.home {
        command.env("CODEX_HOME", home);
    }
    let source = command.exec();
    let is_there = path.exists();
    let remark = match source.raw_os_error() {
        Some(nix::libc::ENOENT) if is_there => ": the interpreter it names is not there",
        Some(nix::libc::ENOEXEC) => ": it was built for another machine",
        _ => "",
    };
    Err(Failure::Exec { codex: shown(path), cause: crate::words::cause(&source), remark, is_there })
}

/// What this process started before, where it was the launcher once already.
fn marked_by(invocation: &Invocation, pid: &str) -> Option<PathBuf> {
    let mark = invocation.var(MARK)?.as_encoded_bytes();
    let path = mark.strip_prefix(pid.as_bytes())?.strip_prefix(b":")?;
    Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path)))
}
