//! The end of the launcher: this process becomes codex.
//!
//! The process, its arguments and its descriptors stay. The environment gains the recursion guard, the variables that npm's
//! script would have set and, on a redirect, another `CODEX_HOME`.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::codex::{self, Codex};
use crate::failure::Failure;
use crate::fs;
use crate::invocation::Invocation;

/// The variable of the recursion guard.
pub const GUARD_VARIABLE: &str = "CODEX_HOME_SHIM_GUARD";
/// The most nested starts.
pub const DEPTH: u32 = 16;

/// Becomes codex, in `home` if that is another home than the injected one. Returns only if that fails.
///
/// # Errors
/// [`Failure::Exec`].
pub fn exec(codex: &Codex, home: Option<&Path>, invocation: &Invocation) -> Result<Infallible, Failure> {
    let depth = RecursionGuard::read(invocation).map_or(0, |guard| guard.depth.saturating_add(1));
    let guard = RecursionGuard { pid: invocation.pid, depth, time: time_since_boot(), codex: codex.program.clone() };
    let execute = |mut command: Command| {
        // Programs read the first value of a repeated name; std would keep the last.
        command.args(&invocation.args).env_clear();
        command.envs(invocation.env().iter().rev().map(|(name, value)| (name, value)));
        for name in &codex.unset {
            command.env_remove(name);
        }
        command.envs(codex.set.iter().map(|(name, value)| (*name, value)));
        command.env(GUARD_VARIABLE, guard.to_value());
        if let Some(home) = home {
            command.env("CODEX_HOME", home);
        }
        command.exec()
    };
    let mut error = execute(program(&codex.program));
    // A script without `#!`: musl does not do this by itself. The bytes of a damaged program are no script.
    if error.raw_os_error() == Some(Errno::ENOEXEC as i32) && codex::is_script(&codex.program) {
        let mut shell = program("/bin/sh");
        shell.arg(&codex.program);
        error = execute(shell);
    }
    // std has reset SIGPIPE for codex. The refusal is still to be written, perhaps to a host that is gone.
    let _ = [Signal::SIGPIPE].into_iter().collect::<SigSet>().thread_block();
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EINVAL as i32));
    Err(Failure::Exec { codex: codex.path.clone(), errno, is_there: fs::exists(&codex.path) })
}

#[expect(clippy::disallowed_methods, reason = "the one place that executes")]
fn program(path: impl AsRef<OsStr>) -> Command {
    Command::new(path)
}

/// Checks that this start is not part of a loop: codex that starts the launcher again.
///
/// # Errors
/// [`Failure::Loop`], [`Failure::TooDeep`].
pub fn check_recursion(codex: &Codex, invocation: &Invocation) -> Result<(), Failure> {
    match RecursionGuard::read(invocation) {
        Some(guard) if guard.is_loop(invocation, &codex.program) => {
            Err(Failure::Loop { codex: guard.codex, launcher: invocation.program.clone() })
        }
        Some(guard) if guard.depth.saturating_add(1) >= DEPTH => Err(Failure::TooDeep { codex: guard.codex }),
        _ => Ok(()),
    }
}

/// The value that a start leaves in the environment for nested starts. A wrapper that clears the environment removes it; such a
/// wrapper is recognised by its text, see [`crate::codex`].
#[derive(Debug)]
struct RecursionGuard {
    pid: u32,
    /// The number of starts above; 0 if the process has ended, because a bot may start its own gateway anew.
    depth: u32,
    /// The time of the start, in hundredths of a second since boot; 0 if unknown.
    time: u64,
    codex: PathBuf,
}

impl RecursionGuard {
    /// `<pid>:<depth>:<time>:<path>`.
    fn read(invocation: &Invocation) -> Option<Self> {
        let mut parts = invocation.var(GUARD_VARIABLE)?.as_bytes().splitn(4, |b| *b == b':');
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
        let (pid, depth, time) = (number()?, number()?, number()?);
        let codex = PathBuf::from(OsStr::from_bytes(parts.next()?));
        let is_gone = i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH));
        let depth = if is_gone { 0 } else { depth.try_into().ok()? };
        Some(Self { pid: pid.try_into().ok()?, depth, time, codex })
    }

    fn to_value(&self) -> OsString {
        let mut value = OsString::from(format!("{}:{}:{}:", self.pid, self.depth, self.time));
        value.push(&self.codex);
        value
    }

    /// Returns whether the codex that we started has started us.
    ///
    /// A process keeps its id over `exec`, so our own id means that codex became us again, unless another namespace has the same
    /// number. A script that calls us is our parent and still runs as a script; a codex that calls us, for a server of its own, is
    /// not a script. If the system does not show what runs, the depth ends a loop after a few milliseconds.
    fn is_loop(&self, invocation: &Invocation, codex: &Path) -> bool {
        let is_same = self.codex == codex;
        (self.pid == invocation.pid && is_same && !self.is_of_another_process())
            || (is_same && self.pid == (invocation.parent)() && runs_as_script(self.pid, codex))
    }

    /// Returns whether this process began after the guard was made. Then another process with the same id made it. Within one
    /// hundredth of a second that is unknown, and the third start counts as a loop.
    fn is_of_another_process(&self) -> bool {
        process_start_time().is_some_and(|start| start > self.time || (start == self.time && self.depth < 2))
    }
}

/// Returns the time in hundredths of a second since boot.
#[cfg(target_os = "linux")]
fn time_since_boot() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
    time.map_or(0, |time| u64::try_from(time.as_millis() / 10).unwrap_or(0))
}

/// Returns 0: macOS has no pid namespaces, so the time is not needed.
#[cfg(not(target_os = "linux"))]
const fn time_since_boot() -> u64 {
    0
}

/// Returns the start time of this process, in hundredths of a second since boot: field 22 of `/proc/self/stat`, in the unit that
/// Linux uses there on every architecture. `None` on other systems and without `/proc`.
fn process_start_time() -> Option<u64> {
    let stat = fs::read_pseudo(Path::new("/proc/self/stat"), 4096)?;
    // The second field, the name, may hold spaces and parentheses.
    let after_name = stat.rsplit(|b| *b == b')').next()?;
    let field = after_name.split(|b| *b == b' ').filter(|field| !field.is_empty()).nth(19)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Returns whether the process is an interpreter that runs `script`. Only Linux tells.
fn runs_as_script(pid: u32, script: &Path) -> bool {
    let path = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let arguments = fs::read_pseudo(&path, 8192).unwrap_or_default();
    // The first is the interpreter; an `argv[0]` of that name would be codex itself.
    arguments.split(|b| *b == 0).skip(1).take(3).any(|argument| argument == script.as_os_str().as_bytes())
}
