//! `strace`: the system calls of a start, and faults in them.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Start;

/// Returns `strace`, or why it cannot be used, in one line.
pub fn program() -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let strace = env::split_paths(&path).map(|directory| directory.join("strace")).find(|path| path.is_file());
    let strace = strace.ok_or("needs strace")?;
    let tried = Command::new(&strace).args(["-qq", "-o", "/dev/null", "--", "true"]).output();
    match tried {
        Ok(tried) if tried.status.success() => Ok(strace),
        Ok(tried) => Err(format!("strace may not trace here: {}", String::from_utf8_lossy(&tried.stderr).trim())),
        Err(error) => Err(format!("strace cannot be started: {error}")),
    }
}

/// Runs a start under `strace`, which writes to `output` and detaches when the launcher becomes codex. `calls` are the names of
/// the traced calls, or `all`.
pub fn under<'a>(mut start: Start<'a>, calls: &str, inject: &[String], output: &Path) -> Start<'a> {
    let command = &start.command;
    let mut traced = Command::new(program().unwrap());
    // The tracer is a grandchild, so that the traced process is our child.
    traced.args(["-D", "-f", "-s", "4096", "-e", &format!("trace={calls}"), "-o"]).arg(output);
    // strace would detach before it could inject a fault into that call.
    if calls != "execve" {
        traced.args(["-b", "execve"]);
    }
    for inject in inject {
        traced.args(["-e", &format!("inject={inject}")]);
    }
    traced.arg("--").arg(command.get_program()).args(command.get_args()).env_clear();
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.current_dir(command.get_current_dir().unwrap());
    start.command = traced;
    start
}

/// Puts a command under `strace` with one fault: `<call>:error=<errno>:when=<nth>`, or `signal=KILL` in place of the error. Only
/// the command's own calls count, unless `follows`.
pub fn inject(command: &Command, what: &str, follows: bool) -> Command {
    let call = what.split(':').next().unwrap();
    let mut traced = Command::new(program().unwrap());
    traced.args(follows.then_some("-f"));
    traced.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &format!("inject={what}"), "--"]);
    traced.arg(command.get_program()).args(command.get_args()).env_clear();
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.current_dir(command.get_current_dir().unwrap());
    traced
}

/// One system call, as `strace` writes it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The whole line.
    pub line: String,
    /// Its number among the calls of its name, from one, as in `when=` of `strace`.
    pub nth: usize,
    /// Whether the launcher's `main` makes it, rather than the loader or the runtime.
    pub is_own: bool,
}

impl Call {
    /// Returns the path that the call names, if it names one.
    pub fn path(&self) -> Option<&Path> {
        self.line.split('"').nth(1).map(Path::new)
    }

    /// Returns whether the call names a path that ends so.
    pub fn names(&self, end: &str) -> bool {
        self.line.contains(&format!("{end}\""))
    }
}

/// Returns every call of a start, up to and including the `execve` of codex. The first `execve`, by which the launcher itself is
/// started, is not among them, and `strace` does not count it either.
pub fn calls(text: &str) -> Vec<Call> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut calls = Vec::new();
    for line in text.lines().map(without_pid) {
        // Signals and exits have another form.
        let Some((name, _)) = line.split_once('(') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let nth = counts.entry(name).or_default();
        *nth += 1;
        calls.push(Call { name: name.to_owned(), line: line.to_owned(), nth: *nth, is_own: false });
    }
    calls.remove(0);
    calls.iter_mut().filter(|call| call.name == "execve").for_each(|call| call.nth -= 1);
    // The runtime's last act on Linux is to install its handler for SIGBUS, which no other code does.
    let last_of_runtime = calls.iter().rposition(|call| call.line.starts_with("rt_sigaction(SIGBUS, {"));
    // If there is none, the runtime no longer starts as it did, and the begin of `main` must be told by something else.
    let last_of_runtime = last_of_runtime.unwrap();
    for call in &mut calls[last_of_runtime + 1..] {
        // A build with debug assertions asks whether a descriptor is open before it closes it.
        call.is_own = !(call.name == "fcntl" && call.line.contains("F_GETFD"));
    }
    calls
}

fn without_pid(line: &str) -> &str {
    line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start()
}
