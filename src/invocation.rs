//! WHAT WE WERE ASKED: argv, environment, directory and process, captured once.
//!
//! The only room that asks the process about itself. Everything after it is handed an [`Invocation`].
#![expect(clippy::disallowed_methods, reason = "this is where the process is asked about itself, once")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::unistd::{Pid, Uid, User};

/// One start, as it came. Arguments and environment may hold prompts and keys, so `Debug` shows neither.
#[derive(Clone)]
pub struct Invocation {
    /// What follows `argv[0]`, byte for byte.
    pub args: Vec<OsString>,
    /// The environment; of a name that stands twice the first, as `getenv` has it.
    pub env: BTreeMap<OsString, OsString>,
    /// Asks for the directory we were started in, which only a relative path needs; `None` where it is gone.
    pub cwd: fn() -> Option<PathBuf>,
    /// Asks the user database for this user's home: only where `$HOME` does not answer, for it can be a network away.
    pub user_database: fn() -> Option<PathBuf>,
    /// The file this program was started from, as the system names it; `None` where it cannot say.
    pub program: Option<PathBuf>,
    /// Our process, which becomes codex.
    pub pid: u32,
    /// Asks for the process that started us, which only a mark of ours needs.
    pub parent: fn() -> u32,
    /// Whether we run with rights that whoever started us does not have: setuid, setgid, file capabilities, or what the
    /// system otherwise calls secure execution. Environment and arguments are then somebody else's.
    pub is_privileged: bool,
    /// When we were asked.
    pub since: Instant,
}

impl Invocation {
    /// Asks the process, once.
    #[must_use]
    pub fn capture() -> Self {
        let since = Instant::now();
        let mut env = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            env.entry(name).or_insert(value);
        }
        Self {
            args: std::env::args_os().skip(1).collect(),
            env,
            cwd: || std::env::current_dir().ok(),
            user_database: home_in_user_database,
            program: std::env::current_exe().ok(),
            pid: Pid::this().as_raw().unsigned_abs(),
            parent: || Pid::parent().as_raw().unsigned_abs(),
            is_privileged: secure_execution::requires_secure_execution(),
            since,
        }
    }

    /// The directory for what programs note down: `$XDG_STATE_HOME` or `~/.local/state`, on macOS
    /// `~/Library/Application Support`; under the person's real home also where `$HOME` was rewritten.
    #[must_use]
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.under_person_home(dirs::state_dir().or_else(dirs::data_local_dir)?)
    }

    /// The directory for what programs are told: `$XDG_CONFIG_HOME` or `~/.config`, on macOS
    /// `~/Library/Application Support`; under the person's real home also where `$HOME` was rewritten.
    #[must_use]
    pub fn config_directory(&self) -> Option<PathBuf> {
        self.under_person_home(dirs::config_dir()?)
    }

    /// A directory under `$HOME`, moved to under the person's real one.
    fn under_person_home(&self, directory: PathBuf) -> Option<PathBuf> {
        match self.var("HOME").and_then(|home| directory.strip_prefix(home).ok()) {
            Some(below) => Some(self.person_home()?.join(below)),
            None => Some(directory),
        }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to something other than white space.
    #[must_use]
    pub fn is_not_blank(&self, name: &str) -> bool {
        self.var(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
    }

    /// The injected home: `CODEX_HOME` where codex would use it. Unset, empty or not UTF-8 it is `None`, for codex
    /// then falls back to its default (codex 0.118.0–0.169.0).
    #[must_use]
    pub fn codex_home(&self) -> Option<PathBuf> {
        let value = self.var("CODEX_HOME")?.to_str()?;
        Some(self.absolute(value.into()))
    }

    /// `path` against the directory we were started in, as codex resolves it.
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

    /// The home codex uses where none is injected: `.codex` in `$HOME`, or in the user database's home where that is unset
    /// or empty.
    #[must_use]
    pub fn default_home(&self) -> Option<PathBuf> {
        let home = match self.var("HOME") {
            Some(home) => self.absolute(home.into()),
            None => (self.user_database)()?,
        };
        Some(home.join(".codex"))
    }

    /// The person's home directory: `$HOME`, unless it is unset, empty, relative or inside the injected home, as
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

/// Whether `home` is `injected` or lies inside it, also where one of them is spelled through a link.
fn is_inside(home: &Path, injected: &Path) -> bool {
    if home.starts_with(injected) {
        return true;
    }
    // Links are only followed where one spelling hints at the other.
    let hints = injected.file_name().is_some_and(|name| home.components().any(|part| part.as_os_str() == name));
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    hints && real(injected).is_some_and(|injected| real(home).is_some_and(|home| home.starts_with(injected)))
}

/// This user's home, where the user database has an absolute one. A static build asks `/etc/passwd` alone; no entry
/// there is a fact.
fn home_in_user_database() -> Option<PathBuf> {
    let user = User::from_uid(Uid::current()).ok().flatten()?;
    user.dir.is_absolute().then_some(user.dir)
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("args", &self.args.len())
            .field("env", &self.env.keys())
            .field("program", &self.program)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}
