//! The one harness: named cases of a module, each with what it needs. A case whose needs are not met is listed as ignored, with
//! the reason.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::unistd::geteuid;

use super::{npm, strace, versions};

/// Which cases were asked for, by libtest's own options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// What takes minutes at most.
    Quick,
    /// `--ignored`: the deep checks, and those that can be deeper.
    Deep,
    /// `--include-ignored`: everything.
    All,
}

static ASKED: OnceLock<Asked> = OnceLock::new();

/// One case: a sentence, what it needs, and what shows that it holds.
pub struct Case {
    name: String,
    needs: Vec<Need>,
    can_be_deeper: bool,
    run: Box<dyn FnOnce() + Send>,
}

/// What a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Minutes: many starts, real programs, or the network.
    Deep,
    /// To be root, for other users' files and mount namespaces.
    Root,
    /// A mount namespace of one's own.
    MountNamespace,
    /// Root, on a file system where a setuid program gets its owner's rights.
    Setuid,
    /// `cc`, for a library that is preloaded.
    Compiler,
    /// `strace`, with the right to trace.
    Strace,
    /// The real codex of both [`versions::codex`], which npm brings.
    Codex,
    /// `npm` and the registry.
    Npm,
    /// `sudo`.
    Sudo,
    /// This shell.
    Shell(&'static str),
    /// Linux.
    Linux,
    /// No codex in the places of installers outside any home, which would be found before one in a home.
    NoSystemCodex,
    /// No `openclaw` in the directories of the system, which would be found beside the one in a home.
    NoSystemOpenClaw,
}

/// Makes a case that needs nothing.
pub fn case(name: impl Into<String>, run: impl FnOnce() + Send + 'static) -> Case {
    Case { name: name.into(), needs: Vec::new(), can_be_deeper: false, run: Box::new(run) }
}

impl Case {
    /// Puts words before the name: the same case, run for another purpose.
    pub fn prefixed(mut self, prefix: &str) -> Case {
        self.name.insert_str(0, prefix);
        self
    }

    /// Adds a need.
    pub fn needs(mut self, need: Need) -> Case {
        self.needs.push(need);
        self
    }

    /// A quick case that tries more if [`is_deep`].
    pub fn can_be_deeper(mut self) -> Case {
        self.can_be_deeper = true;
        self
    }

    fn is_of(&self, asked: Asked) -> bool {
        asked != Asked::Deep || self.can_be_deeper || self.needs.contains(&Need::Deep)
    }
}

/// Runs the cases of these modules under libtest's command line. `'[faults]'` filters for the module `faults`.
///
/// In a deep run as root a need that is not met is a failure: there everything can be laid out.
pub fn main(modules: impl IntoIterator<Item = (&'static str, Vec<Case>)>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let asked = *ASKED.get_or_init(|| match &arguments {
        Arguments { include_ignored: true, .. } => Asked::All,
        Arguments { ignored: true, .. } => Asked::Deep,
        _ => Asked::Quick,
    });
    // A case knows only when it runs whether it is ignored, and why.
    (arguments.ignored, arguments.include_ignored) = (false, false);
    // Starts and hosts wait more than they compute.
    arguments.test_threads.get_or_insert(8);
    let trials = modules.into_iter().flat_map(|(module, cases)| {
        let cases = cases.into_iter().filter(move |case| case.is_of(asked));
        cases.map(move |Case { name, needs, run, .. }| {
            let run = move || match unmet(&needs) {
                None => {
                    run();
                    Ok(Completion::Completed)
                }
                Some(reason) if is_deep() && geteuid().is_root() => Err(Failed::from(reason)),
                Some(reason) => Ok(Completion::ignored_with(reason)),
            };
            Trial::ignorable_test(name, run).with_kind(module)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Whether the deep checks were asked for.
pub fn is_deep() -> bool {
    ASKED.get().is_some_and(|asked| *asked != Asked::Quick)
}

/// Why the first need that is not met is not.
fn unmet(needs: &[Need]) -> Option<String> {
    needs.iter().find_map(|need| need.check().err())
}

impl Need {
    fn check(self) -> Result<(), String> {
        static CODEX: OnceLock<Result<(), String>> = OnceLock::new();
        static STRACE: OnceLock<Result<(), String>> = OnceLock::new();
        static MOUNTS: OnceLock<Result<(), String>> = OnceLock::new();
        match self {
            Self::Deep if is_deep() => Ok(()),
            Self::Deep => Err("a deep check: pass `--ignored`".to_owned()),
            Self::Root if geteuid().is_root() => Ok(()),
            Self::Root => Err("needs root".to_owned()),
            Self::Setuid => honours_setuid(),
            Self::Compiler => has("cc"),
            Self::Shell(name) => {
                match Command::new(name).args(["-c", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status() {
                    Ok(status) if status.success() => Ok(()),
                    _ => Err(format!("needs {name}")),
                }
            }
            Self::Linux if cfg!(target_os = "linux") => Ok(()),
            Self::Linux => Err("needs Linux".to_owned()),
            Self::NoSystemCodex => no_system_codex(),
            Self::NoSystemOpenClaw => {
                let system =
                    ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin", "/home/linuxbrew/.linuxbrew/bin"];
                let found = system.map(|bin| Path::new(bin).join("openclaw")).into_iter().find(|path| path.exists());
                found.map_or(Ok(()), |path| Err(format!("`{}` is on this machine", path.display())))
            }
            Self::MountNamespace => MOUNTS.get_or_init(can_mount).clone(),
            Self::Strace => STRACE.get_or_init(|| strace::program().map(drop)).clone(),
            Self::Codex => CODEX
                .get_or_init(|| versions::codex().iter().try_for_each(|version| npm::codex(version).map(drop)))
                .clone(),
            Self::Npm => has("npm"),
            Self::Sudo => has("sudo"),
        }
    }
}

fn has(program: &str) -> Result<(), String> {
    match Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("needs {program}")),
    }
}

fn honours_setuid() -> Result<(), String> {
    use nix::sys::statvfs::{FsFlags, statvfs};
    if !geteuid().is_root() {
        return Err("needs root".to_owned());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_nosuid = statvfs(&env::temp_dir()).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOSUID));
    if is_nosuid || status.lines().any(|line| line.starts_with("NoNewPrivs:") && line.ends_with('1')) {
        return Err("needs a file system and a process with setuid".to_owned());
    }
    Ok(())
}

fn can_mount() -> Result<(), String> {
    let unshared = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    match unshared {
        Ok(status) if status.success() => Ok(()),
        _ => Err("needs a mount namespace (root and `unshare`)".to_owned()),
    }
}

fn no_system_codex() -> Result<(), String> {
    let places = codex_home::codex::locations::INSTALLERS.iter().flat_map(|installer| {
        installer.roots.iter().flat_map(|root| installer.below.iter().map(|below| format!("{}/{below}", root.path)))
    });
    let system = ["/usr/bin/codex", "/bin/codex"].map(str::to_owned);
    let found = places.chain(system).find(|path| path.starts_with('/') && Path::new(path).exists());
    found.map_or(Ok(()), |path| Err(format!("`{path}` is on this machine")))
}
