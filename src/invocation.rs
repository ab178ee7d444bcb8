//! The process: argv, environment, user, clock and base directories, captured once.
//!
//! The only module that reads them from the process. All others get an [`Invocation`].

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Utc};
use nix::unistd::{Pid, Uid, User};

use crate::display::plain_text;
use crate::platform::{PLATFORM, Platform};

/// One start. Arguments and environment may hold prompts and keys, so `Debug` shows neither.
#[derive(Clone)]
pub struct Invocation {
    /// The arguments after `argv[0]`, byte for byte.
    pub args: Vec<OsString>,
    /// The environment in its order; the first of a repeated name counts, as for `getenv`.
    env: Vec<(OsString, OsString)>,
    /// Returns the working directory, which only a relative path needs; `None` if it was removed.
    pub cwd: fn() -> Option<PathBuf>,
    /// Returns this user's home according to the user database. It is asked only if `$HOME` is no answer, because it may use the
    /// network.
    pub user_database: fn() -> Option<PathBuf>,
    /// The file of this program, under the name it was started with (Linux) or without symlinks; `None` if unknown.
    pub program: Option<PathBuf>,
    /// The id of this process, which becomes codex.
    pub pid: u32,
    /// Returns the id of the parent process, which only the recursion guard needs.
    pub parent: fn() -> u32,
    /// The effective user id.
    pub uid: u32,
    /// Whether this process has rights that its caller does not have: setuid, setgid, file capabilities (`AT_SECURE`).
    pub is_privileged: bool,
    /// The monotonic time of the start.
    pub since: Instant,
    /// The wall-clock time of the start.
    pub now: DateTime<Utc>,
    /// The places of the system and of codex.
    pub platform: Platform,
    /// `$XDG_CONFIG_HOME` and `$XDG_STATE_HOME`, or this platform's directories for them, from `dirs`.
    base: Option<BaseDirectories>,
}

/// The directories for settings and for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BaseDirectories {
    config: PathBuf,
    state: PathBuf,
}

impl Invocation {
    /// Captures the running process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the process")]
    pub fn capture() -> Self {
        Self {
            since: Instant::now(),
            now: clock(),
            args: std::env::args_os().skip(1).collect(),
            env: std::env::vars_os().collect(),
            cwd: || std::env::current_dir().ok(),
            user_database: home_in_user_database,
            program: program(),
            pid: Pid::this().as_raw().unsigned_abs(),
            parent: || Pid::parent().as_raw().unsigned_abs(),
            uid: Uid::effective().as_raw(),
            is_privileged: secure_execution::requires_secure_execution(),
            platform: PLATFORM,
            base: dirs::config_dir()
                .zip(dirs::state_dir().or_else(dirs::data_local_dir))
                .map(|(config, state)| BaseDirectories { config, state }),
        }
    }

    /// Returns the same invocation in another environment, with the base directories of that environment.
    #[must_use]
    pub fn with_env(&self, env: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut other = Self { env: env.into_iter().collect(), ..self.clone() };
        let home = match other.var("HOME") {
            Some(home) => Some(PathBuf::from(home)),
            None => (other.user_database)(),
        };
        other.base = home.map(|home| {
            let base = |name: &str, default: &str| {
                let named =
                    other.var(name).map(PathBuf::from).filter(|path| path.is_absolute() && self.platform.has_xdg);
                named.unwrap_or_else(|| home.join(default))
            };
            BaseDirectories {
                config: base("XDG_CONFIG_HOME", self.platform.config_directory),
                state: base("XDG_STATE_HOME", self.platform.state_directory),
            }
        });
        other
    }

    /// Returns the same invocation with one variable set, or removed if `value` is `None`.
    #[must_use]
    pub fn with_var(&self, name: &str, value: Option<&OsStr>) -> Self {
        let others = self.env.iter().filter(|(other, _)| other != name).cloned();
        self.with_env(others.chain(value.map(|value| (name.into(), value.to_owned()))))
    }

    /// Returns the environment in its order.
    #[must_use]
    pub fn env(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// Returns the directory for state files: `$XDG_STATE_HOME` or `~/.local/state`, on macOS `~/Library/Application Support`. It
    /// is under the person's real home even if OpenClaw rewrote `$HOME`.
    #[must_use]
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.under_person_home(&self.base.as_ref()?.state)
    }

    /// Returns the directory for settings: `$XDG_CONFIG_HOME` or `~/.config`, on macOS `~/Library/Application Support`. It is under
    /// the person's real home even if OpenClaw rewrote `$HOME`.
    #[must_use]
    pub fn config_directory(&self) -> Option<PathBuf> {
        self.under_person_home(&self.base.as_ref()?.config)
    }

    /// Moves a directory under `$HOME` to the person's real home.
    fn under_person_home(&self, directory: &Path) -> Option<PathBuf> {
        match self.var("HOME").and_then(|home| directory.strip_prefix(home).ok()) {
            Some(below) => Some(self.person_home()?.join(below)),
            None => Some(directory.to_owned()),
        }
    }

    /// Returns a variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self.env.iter().find(|(other, _)| other == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns this user for a message: the name if the environment has it, else the number. The user database, which may use the
    /// network, is not asked.
    #[must_use]
    pub fn user(&self) -> String {
        let name = ["USER", "LOGNAME"].iter().find_map(|name| self.var(name)?.to_str());
        name.map_or_else(|| format!("uid {}", self.uid), |name| format!("user `{}`", plain_text(name)))
    }

    /// Returns whether a variable is set to something other than white space.
    #[must_use]
    pub fn is_not_blank(&self, name: &str) -> bool {
        self.var(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
    }

    /// Returns the injected home: `CODEX_HOME`, if codex would use it. `None` if it is unset, empty or not UTF-8; codex
    /// 0.118.0–0.169.0 then falls back to its default.
    #[must_use]
    pub fn codex_home(&self) -> Option<PathBuf> {
        let value = self.var("CODEX_HOME")?.to_str()?;
        Some(self.absolute(value.into()))
    }

    /// Resolves `path` against the working directory, as codex does.
    #[must_use]
    pub fn absolute(&self, path: PathBuf) -> PathBuf {
        if path.is_absolute() {
            return path;
        }
        match (self.cwd)() {
            Some(cwd) => cwd.join(path),
            None => path,
        }
    }

    /// Returns the home that codex uses if none is injected: `.codex` in `$HOME`, or in the user database's home if that is
    /// unset or empty.
    #[must_use]
    pub fn default_home(&self) -> Option<PathBuf> {
        let home = match self.var("HOME") {
            Some(home) => self.absolute(home.into()),
            None => (self.user_database)()?,
        };
        Some(home.join(".codex"))
    }

    /// Returns the person's home directory: `$HOME`, unless it is unset, empty, relative or inside the injected home, as
    /// OpenClaw 2026.5.2–2026.5.7 sets it; then the one in the user database.
    #[must_use]
    pub fn person_home(&self) -> Option<PathBuf> {
        let home = self.var("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        match (home, self.codex_home()) {
            (Some(home), Some(injected)) if is_inside(&home, &injected) => (self.user_database)(),
            (Some(home), _) => Some(home),
            (None, _) => (self.user_database)(),
        }
    }
}

/// Returns whether `home` is `injected` or inside it, even if one of the paths goes through a symlink.
fn is_inside(home: &Path, injected: &Path) -> bool {
    if home.starts_with(injected) {
        return true;
    }
    // Symlinks are followed only if one spelling hints at the other.
    let hints = injected.file_name().is_some_and(|name| home.components().any(|part| part.as_os_str() == name));
    let real = crate::fs::canonicalize;
    hints && real(injected).is_some_and(|injected| real(home).is_some_and(|home| home.starts_with(injected)))
}

/// Returns the file of this program: the path that `execve` got, which needs no look at `/proc`.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the one place that asks for the program")]
fn program() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;

    let path = rustix::param::linux_execfn().to_bytes();
    if path.is_empty() { std::env::current_exe().ok() } else { Some(PathBuf::from(OsStr::from_bytes(path))) }
}

/// Returns the file of this program.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "the one place that asks for the program")]
fn program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// Returns this user's home if the user database has an absolute one. A static build reads `/etc/passwd` only.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the user database")]
fn home_in_user_database() -> Option<PathBuf> {
    let user = User::from_uid(Uid::current()).ok().flatten()?;
    user.dir.is_absolute().then_some(user.dir)
}

/// Returns the time. A clock before 1970 counts as 1970, and a clock too late to be written counts as the last writable time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn clock() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("args", &self.args.len())
            .field("env", &self.env.len())
            .field("program", &self.program)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}
