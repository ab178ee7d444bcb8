//! `strace`: what a start asks of the system, and what becomes of it when the system does not answer.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a missing `strace` is a failure.
pub fn is_required() -> bool {
    env::var_os("CODEX_HOME_SHIM_REQUIRE_STRACE").is_some()
}

/// `strace`, where it is there and may trace.
pub fn program() -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let strace = env::split_paths(&path).map(|directory| directory.join("strace")).find(|path| path.is_file());
    let strace = strace.ok_or("there is no `strace` here to count with")?;
    let tried = Command::new(&strace).args(["-qq", "-o", "/dev/null", "--", "true"]).output();
    match tried {
        Ok(tried) if tried.status.success() => Ok(strace),
        Ok(tried) => Err(format!("`strace` may not trace here: {}", String::from_utf8_lossy(&tried.stderr).trim())),
        Err(error) => Err(format!("`strace` cannot be started: {error}")),
    }
}

/// `command` under `strace`, which lets go of it when it becomes something else. What is written of it goes to `output`;
/// `calls` are the names of the calls that are looked at, or `all`.
pub fn under(strace: &Path, command: &Command, calls: &str, inject: &[String], output: &Path) -> Command {
    let mut traced = Command::new(strace);
    // The tracer is a grandchild: who is started is who is traced.
    traced.args(["-D", "-f", "-s", "4096", "-e", &format!("trace={calls}"), "-o"]).arg(output);
    // It lets go before anything can be done to that call.
    if calls != "execve" {
        traced.args(["-b", "execve"]);
    }
    for inject in inject {
        traced.args(["-e", &format!("inject={inject}")]);
    }
    traced.arg("--").arg(command.get_program()).args(command.get_args()).env_clear();
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = command.get_current_dir() {
        traced.current_dir(directory);
    }
    traced
}

/// A moment of a start: a call, and the how many-th of its name it is.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The call's name.
    pub name: String,
    /// From one.
    pub nth: usize,
    /// All that was written of it.
    pub line: String,
    /// Whether the launcher made it, not the loader or the language's runtime.
    pub is_own: bool,
}

/// Every moment of a start, from the loader's first call to the `execve` that ends us. The one that begins it is not ours, and
/// is not counted by `strace` either.
pub fn moments(text: &str) -> Vec<Moment> {
    let calls: Vec<_> = text.lines().filter_map(Call::parse).skip(1).collect();
    let first_own = first_own(&calls);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut moments = Vec::new();
    for (at, call) in calls.into_iter().enumerate() {
        let nth = seen.entry(call.name.clone()).or_default();
        *nth += 1;
        moments.push(Moment { nth: *nth, name: call.name, line: call.line, is_own: at >= first_own });
    }
    moments
}

/// One system call, as `strace` writes it.
#[derive(Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// All that was written of it.
    pub line: String,
}

impl Call {
    /// `None` for what is not a call: signals, ends.
    pub fn parse(line: &str) -> Option<Call> {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let (name, _) = line.split_once('(')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_name.then(|| Call { name: name.to_owned(), line: line.to_owned() })
    }

    /// The path it names, where it names one.
    pub fn path(&self) -> Option<&Path> {
        self.line.split('"').nth(1).map(Path::new)
    }
}

/// Where `main` begins: behind the runtime's last act on Linux, its handler for SIGBUS, which nobody else sets.
fn first_own(calls: &[Call]) -> usize {
    let is_last_act = |call: &Call| call.name == "rt_sigaction" && call.line.starts_with("rt_sigaction(SIGBUS, {");
    match calls.iter().rposition(is_last_act) {
        Some(last) => last + 1,
        None => panic!("the runtime's start is not what it was, and nobody knows any longer where `main` begins"),
    }
}

/// What the launcher asked itself, from the beginning of `main`.
pub fn own(calls: &[Call]) -> Vec<&Call> {
    // A build with debug assertions asks whether a descriptor is open before it closes it.
    let is_assertion = |call: &Call| call.name == "fcntl" && call.line.contains("F_GETFD");
    calls[first_own(calls)..].iter().filter(|call| !is_assertion(call)).collect()
}
