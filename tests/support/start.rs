//! A start of the launcher in front of the stand-in, and its possible ends.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use super::fixture::{Fixture, UNPRIVILEGED};
use super::stand_in::{self, Bytes, Report};
use super::tree::{Content, assert_same};
use super::{forking, snapshot};

/// The longest time for a start.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A check around a start: it looks before, and compares with the end.
pub type Beside = fn(&Fixture, &Command) -> Box<dyn FnOnce(&Ended)>;

/// The check beside every start of this test program, if it has one.
pub static BESIDE: OnceLock<Beside> = OnceLock::new();

/// A start that is being laid out.
pub struct Start<'a> {
    fixture: &'a Fixture,
    /// What is started; tests may change anything.
    pub command: Command,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    patience: Duration,
    personal_may_change: bool,
}

/// How a start ended.
#[derive(Debug)]
pub struct Ended {
    /// The process of the launcher, which became codex.
    pub pid: u32,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of stdout.
    pub stdout: Vec<u8>,
    /// All of stderr.
    pub stderr: String,
    /// The stand-in's report; `None` if it was not started.
    pub report: Option<Report>,
    /// The line that the start left in the journal.
    pub journal: Option<Value>,
    args: Vec<Bytes>,
}

#[allow(clippy::wrong_self_convention, reason = "a start is laid out and then read as a sentence")]
impl<'a> Start<'a> {
    pub(super) fn new(fixture: &'a Fixture, args: &[&str]) -> Start<'a> {
        let mut command = fixture.command(fixture.launcher());
        command
            .args(args)
            .env("XDG_STATE_HOME", fixture.state())
            .env("CODEX_HOME_SHIM_CODEX", fixture.codex())
            .env(stand_in::REPORT, fixture.report());
        if fixture.is_unprivileged {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        let args = args.iter().map(OsString::from).collect();
        Start { fixture, command, args, stdin: Vec::new(), patience: PATIENCE, personal_may_change: false }
    }

    /// Injects a home.
    pub fn home(self, home: impl AsRef<OsStr>) -> Self {
        self.env("CODEX_HOME", home)
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets a setting by its variable: `strategy`, `bridges`, …
    pub fn setting(self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env(&format!("CODEX_HOME_SHIM_{}", key.to_uppercase()), value)
    }

    /// Lets the launcher find codex on this PATH.
    pub fn path(self, path: impl AsRef<OsStr>) -> Self {
        self.env("PATH", path).env_remove("CODEX_HOME_SHIM_CODEX")
    }

    /// Works in another directory.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it as [`in_namespace`] does.
    pub fn in_namespace(mut self, script: &str) -> Self {
        self.command = in_namespace(&self.command, script);
        self
    }

    /// Starts it as [`with_etc_codex`] does.
    pub fn with_etc_codex(mut self, files: &[(&str, &str)]) -> Self {
        self.command = with_etc_codex(&self.command, self.fixture, files);
        self
    }

    /// Starts behind a shell that runs `script`, in which `"$@"` is the launcher with its arguments.
    pub fn behind(mut self, script: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.command.get_current_dir().unwrap());
        if self.fixture.is_unprivileged {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        self.command = command;
        self
    }

    /// Writes this to stdin.
    pub fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_owned();
        self
    }

    /// Sets the longest time for this start.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Declares that another program writes to the personal home meanwhile.
    pub fn personal_may_change(mut self) -> Self {
        self.personal_may_change = true;
        self
    }

    /// Starts, and waits for the end. Checks that the personal home is unchanged and that no secret was printed or journaled.
    pub fn run(mut self) -> Ended {
        let fixture = self.fixture;
        let beside = BESIDE.get().map(|beside| beside(fixture, &self.command));
        let personal = snapshot(&fixture.personal());
        let mut secrets = fixture.secrets();
        let _ = fs::remove_file(fixture.report());
        let journaled = fixture.journal_lines().len();
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = {
            let _alone = forking();
            self.command.process_group(0).spawn().unwrap_or_else(|error| panic!("{error}: {:?}", self.command))
        };
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let (mut to, from, said) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let stdin = &self.stdin;
        let (status, stdout, stderr) = thread::scope(|scope| {
            scope.spawn(move || {
                // A start that does not read stdin does not need it.
                let _ = to.as_mut().map(|pipe| pipe.write_all(stdin));
            });
            let stdout = scope.spawn(move || all(from));
            let stderr = scope.spawn(move || all(said));
            let deadline = Instant::now() + self.patience;
            let status = loop {
                match child.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if Instant::now() >= deadline => break None,
                    None => thread::sleep(Duration::from_millis(2)),
                }
            };
            // A group that is gone already need not be killed.
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
            (status, stdout.join().unwrap(), stderr.join().unwrap())
        });
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let Some(status) = status else {
            panic!("still running after {:?}: {:?}\n{stderr}", self.patience, self.command)
        };
        if !self.personal_may_change {
            assert_same(&personal, &snapshot(&fixture.personal()));
        }
        secrets.extend(fixture.secrets());
        let journal = fixture.journal_text();
        fixture.assert_no_secret(&secrets, &[&stdout, stderr.as_bytes(), journal.as_bytes()]);
        let ended = Ended {
            pid: group.as_raw().unsigned_abs(),
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            report: Report::read(&fixture.report()),
            journal: fixture.journal_lines().into_iter().skip(journaled).last(),
            args: self.args.iter().map(Bytes::from).collect(),
        };
        if let Some(compare) = beside {
            compare(&ended);
        }
        ended
    }

    /// Runs, and expects codex in the injected home, for this reason, with nothing on stdout or stderr and nothing changed.
    pub fn is_kept(self, reason: &str) -> Ended {
        self.expect("keep", Some(reason), false)
    }

    /// As [`Start::is_kept`], with a warning.
    pub fn is_kept_with_warning(self, reason: &str) -> Ended {
        self.expect("keep", Some(reason), true)
    }

    /// Runs, and expects codex in the injected home, and no line in the journal, because the start is not judged.
    pub fn is_passed_through(self) -> Ended {
        self.expect("keep", None, false)
    }

    /// Runs, and expects codex in the personal home, with no message and nothing changed.
    pub fn is_redirected(self, reason: &str) -> Ended {
        self.expect("redirect", Some(reason), false)
    }

    /// As [`Start::is_redirected`], with a warning.
    pub fn is_redirected_with_warning(self, reason: &str) -> Ended {
        self.expect("redirect", Some(reason), true)
    }

    /// Runs, and expects codex in the injected home, with its `auth.json` repaired and nothing else changed.
    pub fn is_repaired(self, reason: &str) -> Ended {
        self.expect("repair", Some(reason), false)
    }

    fn expect(self, decision: &str, reason: Option<&str>, warns: bool) -> Ended {
        let fixture = self.fixture;
        let injected = self.given("CODEX_HOME").map(PathBuf::from);
        let is_loud = self.given("CODEX_HOME_SHIM_LOG").is_some();
        let before = snapshot(&fixture.home());
        let ended = self.run();
        let after = snapshot(&fixture.home());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.is_empty(), "nothing on stdout: {ended:?}");
        let report = ended.report.as_ref().unwrap_or_else(|| panic!("codex was not started: {ended:?}"));
        assert_eq!(report.argv[1..], ended.args, "every argument arrives");
        match (&ended.journal, reason) {
            (None, None) => {}
            (Some(line), Some(reason)) => {
                assert_eq!(
                    (line["decision"].as_str(), line["reason"].as_str()),
                    (Some(decision), Some(reason)),
                    "{line:#}"
                );
                let used = report.var("CODEX_HOME").map(|home| home.to_string_lossy().into_owned());
                if used.as_deref().is_some_and(|home| home.starts_with('/')) {
                    assert_eq!(line["effective_home"].as_str(), used.as_deref(), "{line:#}");
                }
                assert_eq!(!line["warnings"].is_null(), warns, "{line:#}");
            }
            (line, reason) => panic!("the journal has {line:?}, not {reason:?}"),
        }
        if warns {
            assert!(ended.stderr.starts_with("codex-home-shim: warning: "), "{}", ended.stderr);
            assert!(is_loud || ended.stderr.lines().count() == 1, "{}", ended.stderr);
        } else {
            assert!(is_loud || ended.stderr.is_empty(), "{}", ended.stderr);
        }
        let expected = if decision == "redirect" { Some(fixture.personal()) } else { injected.clone() };
        assert_eq!(report.var("CODEX_HOME"), expected, "{}", ended.stderr);
        if decision == "repair" {
            let path = injected.unwrap().join("auth.json");
            let path = path.strip_prefix(fixture.home()).unwrap();
            assert_repaired(&before[path].content, &after[path].content);
            assert_eq!((after[path].mode, after[path].nlink), (0o600, 1));
            let others = |tree: &std::collections::BTreeMap<PathBuf, super::Entry>| {
                tree.clone().into_iter().filter(|(other, _)| other != path).collect()
            };
            assert_same(&others(&before), &others(&after));
        } else {
            assert_same(&before, &after);
        }
        ended
    }

    /// Runs, and expects no codex: this reason, this exit code, and a message with each of `parts`; nothing changed.
    pub fn is_refused(self, reason: &str, code: i32, parts: &[&str]) -> Ended {
        let fixture = self.fixture;
        let before = snapshot(&fixture.home());
        let ended = self.run();
        assert_same(&before, &snapshot(&fixture.home()));
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.report.is_none(), "codex was started: {ended:?}");
        if let Some(line) = &ended.journal {
            assert_eq!(
                (line["decision"].as_str(), line["reason"].as_str()),
                (Some("refuse"), Some(reason)),
                "{line:#}"
            );
        }
        let lines: Vec<_> =
            ended.stderr.lines().filter(|line| !line.starts_with("codex-home-shim: warning: ")).collect();
        let said = lines.join("\n");
        assert!(said.starts_with("codex-home-shim: "), "{}", ended.stderr);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in:\n{said}");
        }
        // Hosts act on these words.
        for word in codex_home::display::TRIGGER_WORDS {
            assert!(!said.to_lowercase().contains(word), "`{word}` is in:\n{said}");
        }
        ended
    }

    fn given(&self, name: &str) -> Option<OsString> {
        self.command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value.map(OsStr::to_owned))
    }
}

/// Returns a command in a mount namespace of its own, behind a shell that runs `script` first.
pub fn in_namespace(inner: &Command, script: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("{{ {script}; }} >&2 && exec \"$@\"");
    command.args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(inner.get_current_dir().unwrap());
    command
}

/// Returns a command with these files in `/etc/codex` and nothing else: in a mount namespace, with another `/etc`.
pub fn with_etc_codex(inner: &Command, fixture: &Fixture, files: &[(&str, impl AsRef<[u8]>)]) -> Command {
    let etc = fixture.root().join("etc-codex");
    let _ = fs::remove_dir_all(&etc);
    fs::create_dir(&etc).unwrap();
    for (name, text) in files {
        fs::write(etc.join(name), text).unwrap();
    }
    let etc = etc.display();
    in_namespace(inner, &format!("mount -t tmpfs -o mode=755 none /etc && cp -a {etc} /etc/codex"))
}

/// Checks that one `auth.json` is the repair of the other: everything that codex needs, no refresh token, and the rest unchanged.
pub fn assert_repaired(before: &Content, after: &Content) {
    let value = |content: &Content| -> Value {
        let Content::File(bytes) = content else { panic!("not a file: {content:?}") };
        serde_json::from_slice(bytes).unwrap()
    };
    let (mut old, mut new) = (value(before), value(after));
    let tokens = new["tokens"].as_object().unwrap().clone();
    assert!(tokens["id_token"].as_str().is_some_and(|token| token.split('.').count() == 3), "an identity token");
    assert_eq!(tokens["refresh_token"], "", "OpenClaw's refresh token is not codex's to spend");
    assert!(tokens["account_id"].as_str().is_some_and(|account| !account.is_empty()), "an account");
    chrono::DateTime::parse_from_rfc3339(new["last_refresh"].as_str().unwrap()).unwrap();
    for file in [&mut old, &mut new] {
        file.as_object_mut().unwrap().remove("last_refresh");
        let tokens = file["tokens"].as_object_mut().unwrap();
        ["id_token", "refresh_token", "account_id"].iter().for_each(|key| drop(tokens.remove(*key)));
    }
    assert_eq!(old, new, "everything else is as it was");
}

fn all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).unwrap();
    }
    bytes
}
