//! The laboratory of the launcher's tests: one start in a world with a stand-in for codex, and what may become of it.

#![allow(dead_code, reason = "every test crate includes this module and uses its own part of it")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;
use tempfile::TempDir;

use self::Want::{Redirected, Refused, Repaired, Warned};
use crate::stand_in::{self, Bytes, Report};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Content, Entry, World, auth, snapshot};

/// No start outlives this.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A start that could hang must be over by then.
pub const AT_ONCE: Duration = Duration::from_secs(2);

/// Somebody without privileges.
pub const NOBODY: u32 = 65534;

/// The mark the launcher leaves for itself, and all that it may add to an environment.
pub const MARK: &str = "CODEX_HOME_SHIM_MARK";

pub const BRIDGE_REFRESH: &str = "rt.bridge-canary-0123456789";
const PERSONAL_REFRESH: &str = "rt.person-canary-0123456789";
pub const OPAQUE_ACCESS: &str = "opaque-access-canary-0123456789";
pub const KEY: &str = "sk-proj-canary-0123456789";
pub const IN_CONFIG: &str = "sk-config-canary-0123456789";

/// The launcher and the stand-in, where everybody may execute them.
pub static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();

/// Held while a program is written and while a process is started: a child that is born while a program is open for
/// writing keeps it open until it has become something else, and what is open for writing cannot be executed.
pub fn forking() -> MutexGuard<'static, ()> {
    static FORKING: Mutex<()> = Mutex::new(());
    FORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a program at `to`: the same file where that is possible.
pub fn place(from: &Path, to: &Path) {
    let _alone = forking();
    let is_for_all = fs::metadata(from).unwrap().mode() & 0o005 == 0o005;
    if !is_for_all || fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Puts the launcher and the stand-in, which is the test program itself, where everybody may execute them.
pub fn lay_programs() -> TempDir {
    let programs = TempDir::with_prefix("codex-home-programs-").unwrap();
    fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    place(&std::env::current_exe().unwrap(), &programs.path().join("codex"));
    place(Path::new(env!("CARGO_BIN_EXE_codex-home-shim")), &programs.path().join("codex-home-shim"));
    place(Path::new(env!("CARGO_BIN_EXE_codex-home")), &programs.path().join("codex-home"));
    PROGRAMS.set(programs.path().to_owned()).unwrap();
    programs
}

pub fn write_program(path: &Path, bytes: &[u8]) {
    let _alone = forking();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A world with a codex in it, and everything one start needs.
pub struct Lab {
    pub world: World,
    /// The stand-in.
    pub codex: PathBuf,
    /// Where it reports.
    pub report: PathBuf,
    /// Whether the personal home may change under the start: only where somebody else writes to it.
    pub personal_moves: Cell<bool>,
    /// Whether starts are somebody's without privileges.
    is_nobody: Cell<bool>,
}

/// How a start ended.
#[derive(Debug)]
pub struct Ended {
    pub pid: u32,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// What the stand-in wrote down, where it was started.
    pub report: Option<Report>,
}

impl Lab {
    pub fn new() -> Lab {
        let world = World::new();
        for dir in ["bin", "work", "out"] {
            fs::create_dir(world.root().join(dir)).unwrap();
        }
        let codex = world.root().join("bin/codex");
        place(&PROGRAMS.get().unwrap().join("codex"), &codex);
        let report = world.root().join("out/report.json");
        Lab { world, codex, report, personal_moves: Cell::new(false), is_nobody: Cell::new(false) }
    }

    pub fn root(&self) -> &Path {
        self.world.root()
    }

    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// `command` in front of the stand-in.
    pub fn aimed(&self, mut command: Command) -> Command {
        command.env("CODEX_HOME_SHIM_CODEX", &self.codex).env(stand_in::REPORT, &self.report).current_dir(self.work());
        // Beside the homes, which are compared whole.
        command.env("CODEX_HOME_SHIM_JOURNAL", self.journal());
        command
    }

    /// Where starts are noted down.
    fn journal(&self) -> PathBuf {
        self.root().join("out/journal.jsonl")
    }

    pub fn launcher(&self) -> Command {
        self.aimed(self.world.launcher())
    }

    /// The start without the launcher.
    pub fn direct(&self) -> Command {
        self.aimed(self.world.command(&self.codex))
    }

    /// The launcher at a path in this world, so that links to it can be made.
    pub fn own_launcher(&self) -> PathBuf {
        let path = self.root().join("own/codex-home-shim");
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            for name in ["codex-home-shim", "codex-home"] {
                place(&PROGRAMS.get().unwrap().join(name), &path.with_file_name(name));
            }
        }
        path
    }

    /// [`Lab::own_launcher`], which is to find codex on a PATH of these directories.
    pub fn on_path(&self, path: impl AsRef<OsStr>) -> Command {
        let mut command = self.aimed(self.world.command(self.own_launcher()));
        command.env_remove("CODEX_HOME_SHIM_CODEX").env("PATH", path);
        command
    }

    /// codex as somebody starts it in `home`.
    pub fn codex(&self, home: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = self.launcher();
        command.args(args).env("CODEX_HOME", home);
        command
    }

    /// codex as OpenClaw starts it in `home`.
    pub fn serve(&self, home: impl AsRef<OsStr>) -> Command {
        self.codex(home, &["app-server", "--listen", "stdio://"])
    }

    /// The bridge of issue 70511.
    pub fn broken(&self) -> PathBuf {
        self.world.lay_bridge(&broken(ACCOUNT))
    }

    /// The same, and a person who is logged in.
    pub fn broken_beside_person(&self) -> PathBuf {
        self.person(ACCOUNT);
        self.broken()
    }

    /// A bridge that nothing can be completed from.
    pub fn hopeless(&self) -> PathBuf {
        self.world.lay_bridge(&hopeless())
    }

    /// A person who is logged in.
    pub fn person(&self, account: &str) -> PathBuf {
        self.world.lay_personal(&auth::healthy(account, "personal", PERSONAL_REFRESH))
    }

    /// A person who keeps the login in the keyring.
    pub fn keyring_person(&self) -> PathBuf {
        let home = self.world.personal();
        fs::create_dir(&home).unwrap();
        self.config(home, "cli_auth_credentials_store = \"keyring\"\n")
    }

    /// Any other home.
    pub fn other(&self, auth_json: Option<&[u8]>) -> PathBuf {
        let home = self.world.home().join("elsewhere");
        fs::create_dir(&home).unwrap();
        if let Some(bytes) = auth_json {
            fs::write(home.join("auth.json"), bytes).unwrap();
        }
        home
    }

    /// The settings file of the person.
    pub fn settings(&self, toml: &str) -> PathBuf {
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let directory = self.world.home().join(below).join("codex-home-shim");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap();
        let path = directory.join("config.toml");
        fs::write(&path, toml).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn config(&self, home: PathBuf, toml: &str) -> PathBuf {
        fs::write(home.join("config.toml"), toml).unwrap();
        home
    }

    /// `command` for somebody without privileges, who owns what is in this world.
    pub fn as_nobody(&self, mut command: Command) -> Command {
        if geteuid().is_root() {
            for dir in ["home", "out", "work"] {
                let dir = self.root().join(dir);
                for path in snapshot(&dir).keys() {
                    lchown(dir.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
            chown(self.root(), Some(NOBODY), Some(NOBODY)).unwrap();
            self.is_nobody.set(true);
            // What a world is started from may stand where nobody else can go.
            let mut own = self.world.command(self.own_launcher());
            own.args(command.get_args()).current_dir(self.work()).uid(NOBODY).gid(NOBODY);
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => own.env(name, value),
                    None => own.env_remove(name),
                };
            }
            command = own;
        }
        command
    }

    /// `codex-home explain` for the start that `command` is, where that is a start of the launcher itself: what it says
    /// would be done. It changes nothing and says no secret.
    fn explained(&self, command: &Command) -> Option<Value> {
        if command.get_program() == "/bin/sh" {
            return None;
        }
        let trees = || ["home", "work", "out"].map(|tree| snapshot(&self.root().join(tree)));
        let before = trees();
        let [json, text] = [&["explain", "--json", "--"][..], &["explain", "--"]].map(|words| {
            let program = match Path::new(command.get_program()).with_file_name("codex-home") {
                beside if beside.exists() => beside,
                _ => PROGRAMS.get().unwrap().join("codex-home"),
            };
            let mut explain = Command::new(program);
            explain.args(words).args(command.get_args()).env_clear().stdin(Stdio::null());
            explain.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            explain.current_dir(command.get_current_dir().unwrap());
            if self.is_nobody.get() {
                explain.uid(NOBODY).gid(NOBODY);
            }
            let _alone = forking();
            explain.output().unwrap()
        });
        before.iter().zip(&trees()).for_each(|(before, after)| assert_same(before, after));
        self.says_no_secret(&[&json.stdout, &json.stderr, &text.stdout, &text.stderr]);
        assert_eq!(json.status.code(), text.status.code());
        let said = String::from_utf8_lossy(&json.stderr);
        let explained = serde_json::from_slice::<Value>(&json.stdout);
        let explained = explained.unwrap_or_else(|error| panic!("{error}: {json:?}"));
        assert_eq!(said, "", "nothing is said aside");
        let code = explained["exit_code"].as_i64().unwrap_or(0);
        assert_eq!(json.status.code().map(i64::from), Some(code), "it ends as it says a start would");
        Some(explained)
    }

    fn says_no_secret(&self, outputs: &[&[u8]]) {
        for secret in self.secrets() {
            for piece in secret.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() >= 8) {
                let said = outputs.iter().any(|output| contains(output, piece.as_bytes()));
                assert!(!said, "`{piece}` was said");
            }
        }
    }

    /// Starts and waits; whatever is left of the process group then ends.
    pub fn start(&self, command: &mut Command) -> Ended {
        self.start_within(command, Some(&[]), PATIENCE)
    }

    /// `stdin` is `None` where the command brings its own descriptors.
    pub fn start_within(&self, command: &mut Command, stdin: Option<&[u8]>, patience: Duration) -> Ended {
        let personal = snapshot(&self.world.personal());
        let mut secrets = self.secrets();
        let _ = fs::remove_file(&self.report);
        if stdin.is_some() {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = {
            let _alone = forking();
            command.process_group(0).spawn().unwrap_or_else(|error| panic!("{error}: {command:?}"))
        };
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let (mut to, from, said) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (status, stdout, stderr) = thread::scope(|scope| {
            scope.spawn(move || {
                if let (Some(pipe), Some(bytes)) = (&mut to, stdin) {
                    // Who does not read does not want it.
                    let _ = pipe.write_all(bytes);
                }
            });
            let stdout = scope.spawn(move || all(from));
            let stderr = scope.spawn(move || all(said));
            let deadline = Instant::now() + patience;
            let status = loop {
                match child.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if Instant::now() >= deadline => break None,
                    None => thread::sleep(Duration::from_millis(2)),
                }
            };
            // Gone already is as good as killed.
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
            (status, stdout.join().unwrap(), stderr.join().unwrap())
        });
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let Some(status) = status else { panic!("still running after {patience:?}: {command:?}\n{stderr}") };

        if !self.personal_moves.get() {
            assert_eq!(snapshot(&self.world.personal()), personal, "the personal home is as it was");
        }
        secrets.extend(self.secrets());
        let journal = fs::read_to_string(self.journal()).unwrap_or_default();
        // In pieces, for a part of a secret is one too.
        let pieces = secrets.iter().flat_map(|secret| secret.split(|c: char| !c.is_ascii_alphanumeric()));
        for piece in pieces.filter(|piece| piece.len() >= 8) {
            let said = contains(&stdout, piece.as_bytes()) || stderr.contains(piece) || journal.contains(piece);
            assert!(!said, "`{piece}` was said\n{stderr}{journal}");
        }
        Ended {
            pid: group.as_raw().unsigned_abs(),
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            report: Report::read(&self.report),
        }
    }

    /// Everything that must never be said: the canaries, and every long string in any `auth.json` and in the tokens
    /// there.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> =
            [BRIDGE_REFRESH, PERSONAL_REFRESH, OPAQUE_ACCESS, KEY, IN_CONFIG, ACCOUNT, OTHER_ACCOUNT]
                .map(str::to_owned)
                .to_vec();
        for (path, entry) in snapshot(&self.world.home()) {
            if let (Content::File(bytes), true) = (entry.content, path.ends_with("auth.json")) {
                gather(&serde_json::from_slice(&bytes).unwrap_or_default(), &mut secrets);
            }
        }
        secrets
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A directory that is closed to us could not be removed.
        for home in [self.world.bridge(), self.world.personal()] {
            let _ = fs::set_permissions(home, fs::Permissions::from_mode(0o700));
        }
    }
}

fn all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Every string of a secret's length in `value`, and in the JWTs among them.
fn gather(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 12 => {
            secrets.push(text.clone());
            for segment in text.split('.') {
                let payload = URL_SAFE_NO_PAD.decode(segment).unwrap_or_default();
                if let Ok(payload @ Value::Object(_)) = serde_json::from_slice(&payload) {
                    secrets.push(segment.to_owned());
                    gather(&payload, secrets);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, secrets)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, secrets)),
        _ => {}
    }
}

/// Whether a start as somebody without privileges is possible here.
pub fn nobody() -> Result<(), String> {
    static POSSIBLE: OnceLock<Result<(), String>> = OnceLock::new();
    let probe = || {
        if !geteuid().is_root() {
            return Ok(());
        }
        let lab = Lab::new();
        let mut command = lab.as_nobody(lab.serve(lab.other(None)));
        let status = {
            let _alone = forking();
            command.stderr(Stdio::null()).status()
        };
        match status {
            Ok(status) if status.success() && lab.report.exists() => Ok(()),
            Ok(status) => Err(format!("user {NOBODY} cannot start a program here: {status}")),
            Err(error) => Err(format!("user {NOBODY} cannot start a program here: {error}")),
        }
    };
    POSSIBLE.get_or_init(probe).clone()
}

/// `command`, with one variable more.
pub fn with(mut command: Command, name: &str, value: impl AsRef<OsStr>) -> Command {
    command.env(name, value);
    command
}

pub fn without(mut command: Command, name: &str) -> Command {
    command.env_remove(name);
    command
}

fn given(command: &Command, name: &str) -> Option<OsString> {
    command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value.map(OsStr::to_owned))
}

/// What OpenClaw 2026.4.21 wrote.
pub fn broken(account: &str) -> Vec<u8> {
    auth::issue_70511(&tokens::access_token(account, "bridge"), BRIDGE_REFRESH)
}

pub fn hopeless() -> Vec<u8> {
    auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH)
}

pub fn healthy(account: &str) -> Vec<u8> {
    auth::healthy(account, "bridge", BRIDGE_REFRESH)
}

/// A login that lacks one field.
pub fn spoiled(jti: &str, refresh: &str, field: &str) -> Vec<u8> {
    let mut value = auth::healthy_value(ACCOUNT, jti, refresh);
    value["tokens"].as_object_mut().unwrap().remove(field).unwrap();
    auth::bytes(&value)
}

/// Makes `path`, whatever was there, into something else.
pub fn replace(path: &Path, make: impl FnOnce(&Path)) {
    let _ = fs::remove_file(path);
    make(path);
}

/// What is to become of a start, with what is to be said about it.
#[derive(Clone, Copy)]
pub enum Want {
    /// codex has the home it was given, and nothing is said.
    Trusted,
    /// codex has the home it was given, and a warning holds these words.
    Warned(&'static str),
    /// codex has the personal home, and nothing is said.
    Redirected,
    /// codex has the home it was given, which is whole now, and nothing is said.
    Repaired,
    /// There is no codex, and the message holds all of these.
    Refused(&'static [&'static str]),
}

/// A sentence: what becomes of the start that is laid out.
pub type Row = (&'static str, Want, fn(&Lab) -> Command);

/// Makes one start and compares everything.
pub fn check(lab: &Lab, want: Want, command: Command) {
    check_within(lab, want, command, PATIENCE);
}

pub fn check_within(lab: &Lab, want: Want, mut command: Command, patience: Duration) {
    let home = lab.world.home();
    let (injected, args) = (given(&command, "CODEX_HOME"), command.get_args().map(Bytes::from).collect::<Vec<_>>());
    let is_loud = given(&command, "CODEX_HOME_SHIM_LOG").is_some();
    let before = snapshot(&home);
    let explained = if lab.personal_moves.get() { None } else { lab.explained(&command) };

    let ended = lab.start_within(&mut command, Some(&[]), patience);
    if let Some(explained) = explained {
        is_what_was_done(&explained, want, &ended);
    }

    let after = snapshot(&home);
    assert!(ended.stdout.is_empty(), "nothing on stdout");
    if let Refused(parts) = want {
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.report.is_none(), "codex is not started");
        assert_same(&before, &after);
        refusal_says(lab, &command, &ended.stderr, parts);
        return;
    }
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.report.as_ref().unwrap_or_else(|| panic!("codex was not started: {ended:?}"));
    // A shell in front has words of its own.
    let own = if command.get_program() == "/bin/sh" { 3 } else { 0 };
    assert_eq!(report.argv[1..], args[own..], "every argument arrives");
    match want {
        Warned(words) => {
            assert!(ended.stderr.starts_with("codex-home-shim: warning: "), "{}", ended.stderr);
            assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
            assert!(is_loud || ended.stderr.lines().count() == 1, "{}", ended.stderr);
        }
        _ => assert!(is_loud || ended.stderr.is_empty(), "{}", ended.stderr),
    }
    let wanted = match want {
        Redirected => Some(personal_of(lab, &command).into_os_string()),
        _ => injected.clone(),
    };
    assert_eq!(report.var("CODEX_HOME").map(PathBuf::into_os_string), wanted, "{}", ended.stderr);
    if let Repaired = want {
        let path = Path::new(injected.as_ref().unwrap()).join("auth.json");
        let path = path.strip_prefix(&home).unwrap();
        is_completed(&before[path], &after[path]);
        let others = |tree: &BTreeMap<_, _>| -> BTreeMap<PathBuf, Entry> {
            tree.clone().into_iter().filter(|(other, _)| other != path).collect()
        };
        assert_same(&others(&before), &others(&after));
    } else {
        assert_same(&before, &after);
    }
}

/// Whether what was explained is what was done.
fn is_what_was_done(explained: &Value, want: Want, ended: &Ended) {
    let verdict = match want {
        Want::Trusted | Warned(_) => "trust",
        Redirected => "redirect",
        Repaired => "repair",
        Refused(_) => "refuse",
    };
    assert_eq!(explained["verdict"], verdict, "{explained:#}");
    assert_eq!(explained["mends"].as_array().map(Vec::len), Some(usize::from(verdict == "repair")), "{explained:#}");
    assert_eq!(
        explained["exit_code"].as_i64().map(|code| i32::try_from(code).ok()),
        ended.code.filter(|code| *code != 0).map(Some)
    );
    match &ended.report {
        None => {
            assert_eq!(explained["launch"], Value::Null, "{explained:#}");
            let first = ended.stderr.lines().find(|line| !line.starts_with("codex-home-shim: warning: ")).unwrap();
            let beginning = explained["message"].as_str().unwrap().split(": ").next().unwrap();
            assert!(first.contains(beginning), "{first}\n{explained:#}");
            if ended.stderr.lines().count() == 1 {
                assert_eq!(
                    ended.stderr.trim_end(),
                    format!("codex-home-shim: {}", explained["message"].as_str().unwrap())
                );
            }
        }
        Some(report) => {
            let home = report.var("CODEX_HOME").map(|home| home.to_string_lossy().into_owned());
            let (said, injected) = (&explained["launch"]["codex_home"], &explained["invocation"]["codex_home"]);
            // What codex makes of a home that is empty or relative it makes itself.
            if verdict == "redirect" || home.as_deref().is_some_and(|home| injected == home) {
                assert_eq!(said.as_str(), home.as_deref(), "{explained:#}");
            }
            let program = report.argv.first().map(|program| String::from_utf8_lossy(&program.0));
            assert_eq!(explained["launch"]["codex"].as_str(), program.as_deref(), "{explained:#}");
        }
    }
}

fn personal_of(lab: &Lab, command: &Command) -> PathBuf {
    given(command, "CODEX_HOME_SHIM_PERSONAL_HOME").map_or_else(|| lab.world.personal(), PathBuf::from)
}

/// Two trees, compared entry by entry so that a difference can be read.
pub fn assert_same(before: &BTreeMap<PathBuf, Entry>, after: &BTreeMap<PathBuf, Entry>) {
    for path in before.keys().chain(after.keys()) {
        assert_eq!(before.get(path), after.get(path), "`{}` is as it was", path.display());
    }
}

/// Whether one `auth.json` is the other, completed.
pub fn is_completed(before: &Entry, after: &Entry) {
    let value = |entry: &Entry| -> Value {
        let Content::File(bytes) = &entry.content else { panic!("not a file: {entry:?}") };
        serde_json::from_slice(bytes).unwrap()
    };
    let (old, new) = (value(before), value(after));
    assert_eq!((after.mode, after.nlink), (0o600, 1));
    assert!(new["tokens"]["id_token"].is_string(), "an identity token");
    assert!(new["tokens"]["account_id"].is_string(), "an account");
    DateTime::parse_from_rfc3339(new["last_refresh"].as_str().unwrap()).unwrap();
    for field in ["access_token", "refresh_token"] {
        assert_eq!(new["tokens"][field], old["tokens"][field], "the bridge's own {field}");
    }
    assert_eq!(new["auth_mode"], old["auth_mode"]);
}

/// One line that names both homes and what to do for an `app-server`, three for anybody else, after any warnings.
fn refusal_says(lab: &Lab, command: &Command, stderr: &str, parts: &[&str]) {
    let lines: Vec<_> = stderr.lines().skip_while(|line| line.starts_with("codex-home-shim: warning: ")).collect();
    let short = |path: &Path| match path.strip_prefix(lab.world.home()) {
        Ok(rest) => format!("`~/{}`", rest.display()),
        Err(_) => format!("`{}`", path.display()),
    };
    let bridge = lab.work().join(given(command, "CODEX_HOME").unwrap());
    let (bridge, personal) = (short(&bridge), short(&personal_of(lab, command)));
    let beginning = "codex-home-shim: no usable Codex home: ";
    match lines[..] {
        [line] => {
            assert!(line.starts_with(beginning), "{line}");
            // Of a path that is too long for a chat window the end is left.
            let end =
                |path: &str| path.chars().rev().take(16).collect::<Vec<_>>().into_iter().rev().collect::<String>();
            assert!(line.contains(&end(&bridge)) && line.contains(&end(&personal)), "{line}");
        }
        [first, second, third] => {
            assert!(first.starts_with(beginning) && first.contains(&bridge), "{first}");
            assert!(second.contains(&personal), "{second}");
            assert!(third.starts_with("  help: "), "{third}");
        }
        _ => panic!("neither one line nor three:\n{stderr}"),
    }
    let serves = command.get_args().any(|arg| arg == "app-server");
    assert_eq!(lines.len(), if serves { 1 } else { 3 }, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
    }
    // Hosts act upon these words when they read them in what codex says.
    for word in ["401", "expired", "timeout", "timed out", "log out", "unauthorized"] {
        assert!(!lines.concat().to_lowercase().contains(word), "`{word}` is in:\n{stderr}");
    }
}
