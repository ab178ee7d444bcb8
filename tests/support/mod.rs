//! The world an integration test happens in: a scratch `$HOME`, the homes OpenClaw and a person would
//! lay there, and the programs that meet in it. Nothing here touches the real `$HOME` or the network
//! beyond 127.0.0.1, except [`npm`], which fetches the real codex.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "every test crate includes this module and uses its own part of it"
)]

pub mod app_server;
pub mod backend;
pub mod npm;
pub mod openclaw;
pub mod strace;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// No child outlives this, however it hangs. Real codex on a busy machine needs a few seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One scratch directory with a `$HOME` in it, gone when dropped.
pub struct World {
    root: PathBuf,
    _scratch: TempDir,
}

impl World {
    /// An empty world: a home directory and nothing in it.
    pub fn new() -> World {
        let scratch = TempDir::with_prefix("codex-home-").unwrap();
        // codex answers with canonical paths, and macOS puts temporary files behind a link.
        let root = fs::canonicalize(scratch.path()).unwrap();
        fs::create_dir(root.join("home")).unwrap();
        World { root, _scratch: scratch }
    }

    /// The scratch directory itself, for what belongs beside the home.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `$HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The person's own codex home. Absent until it is laid.
    pub fn personal(&self) -> PathBuf {
        self.home().join(".codex")
    }

    /// The home OpenClaw 2026.4.20 to 2026.4.22 injects into `codex app-server`.
    pub fn bridge(&self) -> PathBuf {
        self.agent().join("harness-auth/codex/06bfb5171eff0241")
    }

    /// The home the same versions inject into `codex exec`.
    pub fn cli_bridge(&self) -> PathBuf {
        self.agent().join("cli-auth/codex/5d41402abc4b2a76")
    }

    fn agent(&self) -> PathBuf {
        self.home().join(".openclaw/agents/main/agent")
    }

    /// Writes the bridge home as OpenClaw does, over what may be there already.
    pub fn lay_bridge(&self, auth_json: &[u8]) -> PathBuf {
        lay_home(self.bridge(), auth_json)
    }

    /// Writes the `codex exec` bridge as OpenClaw does, over what may be there already.
    pub fn lay_cli_bridge(&self, auth_json: &[u8]) -> PathBuf {
        lay_home(self.cli_bridge(), auth_json)
    }

    /// Writes the person's own home, as `codex login` leaves it.
    pub fn lay_personal(&self, auth_json: &[u8]) -> PathBuf {
        lay_home(self.personal(), auth_json)
    }

    /// The launcher, in an environment that holds nothing of the machine's.
    pub fn launcher(&self) -> Command {
        let Some(launcher) = option_env!("CARGO_BIN_EXE_codex-home-shim") else {
            panic!("cargo names the launcher to tests only; an example builds its own");
        };
        self.command(launcher)
    }

    /// Any program, in the same empty environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home()).env("PATH", "/usr/bin:/bin");
        command
    }
}

/// A home directory only its owner can enter, with an `auth.json` only its owner can read.
pub fn lay_home(home: PathBuf, auth_json: &[u8]) -> PathBuf {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&home).unwrap();
    // A new file, renamed into place, as OpenClaw writes it: an older one's mode must not survive.
    let fresh = home.join(".auth.json.fresh");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).unwrap();
    file.write_all(auth_json).unwrap();
    fs::rename(&fresh, home.join("auth.json")).unwrap();
    home
}

/// Held while a program is written and while a process is started: a child that is born while a program is open for
/// writing keeps it open until it has become something else, and what is open for writing cannot be executed.
pub fn forking() -> MutexGuard<'static, ()> {
    static FORKING: Mutex<()> = Mutex::new(());
    FORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A script that can be executed.
pub fn write_executable(path: &Path, text: &str) {
    let _alone = forking();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What comes of a test that may find out that it cannot be made here: `Err` is why, and it is listed as ignored.
pub type Tried = Result<(), Unable>;

/// Why something cannot be tried here.
#[derive(Debug)]
pub struct Unable(pub String);

impl<T: fmt::Display> From<T> for Unable {
    fn from(reason: T) -> Self {
        Self(reason.to_string())
    }
}

/// What a test comes to.
pub trait Outcome {
    /// For the harness.
    fn outcome(self) -> Result<Completion, Failed>;
}

impl Outcome for () {
    fn outcome(self) -> Result<Completion, Failed> {
        Ok(Completion::Completed)
    }
}

impl Outcome for Tried {
    fn outcome(self) -> Result<Completion, Failed> {
        Ok(self.map_or_else(|Unable(reason)| Completion::ignored_with(reason), |()| Completion::Completed))
    }
}

/// Runs functions as tests, each under its own name: what `#[test]` does, but that a test may say why it cannot be made here.
macro_rules! run_tests {
    ($($test:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            use crate::support::Outcome as _;
            let tests = vec![$(libtest_mimic::Trial::ignorable_test(stringify!($test), || $test().outcome())),+];
            libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
        }
    };
}
pub(crate) use run_tests;

/// What a path is, in everything a test may want to find unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// Hard links, so that a link made to a file shows on the file.
    pub nlink: u64,
    /// Kind, and what is in it.
    pub content: Content,
}

/// The kind of a path, with its bytes or where it leads.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory; what is in it has entries of its own.
    Directory,
    /// A regular file's bytes.
    File(Vec<u8>),
    /// A regular file that is closed to us: its mode is all that can be compared.
    Unreadable,
    /// Where a symbolic link points.
    Link(PathBuf),
    /// A socket, FIFO or device.
    Other,
}

impl fmt::Debug for Content {
    // As text: a failed comparison of byte lists tells nobody anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Directory => f.write_str("Directory"),
            Content::File(bytes) => write!(f, "File({:?})", String::from_utf8_lossy(bytes)),
            Content::Unreadable => f.write_str("Unreadable"),
            Content::Link(to) => write!(f, "Link({})", to.display()),
            Content::Other => f.write_str("Other"),
        }
    }
}

/// One path as it is now; links are not followed. `None` when there is nothing.
pub fn entry(path: &Path) -> Option<Entry> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let kind = metadata.file_type();
    let content = if kind.is_dir() {
        Content::Directory
    } else if kind.is_file() {
        match fs::read(path) {
            Ok(bytes) => Content::File(bytes),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Content::Unreadable,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    } else if kind.is_symlink() {
        Content::Link(fs::read_link(path).unwrap())
    } else {
        Content::Other
    };
    Some(Entry { mode: metadata.permissions().mode() & 0o7777, nlink: metadata.nlink(), content })
}

/// A whole tree by path relative to `dir`, itself included as the empty path; empty when it is absent.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(relative) = ahead.pop() {
        // `join("")` would leave a trailing slash, and a link with one is followed.
        let path = if relative.as_os_str().is_empty() { dir.to_path_buf() } else { dir.join(&relative) };
        let Some(entry) = entry(&path) else { continue };
        let directory = entry.content == Content::Directory;
        found.insert(relative.clone(), entry);
        if directory {
            let children = match fs::read_dir(&path) {
                Ok(children) => children,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            for child in children {
                ahead.push(relative.join(child.unwrap().file_name()));
            }
        }
    }
    found
}

/// How a child ended and what it said.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// Runs a command with nothing on stdin to its end; one that outlives [`PATIENCE`] is killed and fails the test.
pub fn run(command: &mut Command) -> Finished {
    run_within(command, PATIENCE).unwrap_or_else(|reason| panic!("{reason}\n{command:?}"))
}

/// As [`run`], for those who would rather be told than fail.
pub fn run_within(command: &mut Command, patience: Duration) -> Result<Finished, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let spawned = {
        let _alone = forking();
        command.spawn()
    };
    let mut child = spawned.map_err(|error| format!("{program}: {error}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait_within(&mut child, patience);
    // Grandchildren hold the pipes open too; whoever is left of the group ends here.
    end(&mut child);
    let stdout = stdout.text();
    let stderr = stderr.text();
    let Some(status) = status else {
        return Err(format!("{program}: still running after {patience:?}\nstdout: {stdout}\nstderr: {stderr}"));
    };
    Ok(Finished { code: status.code(), signal: status.signal(), stdout, stderr })
}

/// What a pipe has brought so far, read beside us so that a talkative child never blocks.
struct Drained {
    bytes: Arc<Mutex<Vec<u8>>>,
    done: Receiver<()>,
}

impl Drained {
    /// All of it. A descendant that left the process group may hold the pipe open: it is not waited for long.
    fn text(self) -> String {
        let _ = self.done.recv_timeout(Duration::from_secs(5));
        let bytes = self.bytes.lock().unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drained {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (finished, done) = mpsc::channel();
    let sink = Arc::clone(&bytes);
    thread::spawn(move || {
        // Dropped at the end, which is all that is waited for.
        let _finished: Sender<()> = finished;
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            let read = buffer.get(..length).unwrap_or_default();
            sink.lock().unwrap().extend_from_slice(read);
        }
    });
    Drained { bytes, done }
}

/// Waits for a child, but not for ever.
pub fn wait_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a child that leads its own process group, with the group, and reaps it.
fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // Gone already is as good as killed.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// Tokens of the right shape and no use: built at run time, signed by nobody.
pub mod tokens {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    /// The account both homes of one person belong to.
    pub const ACCOUNT: &str = "acc-11111111-2222-3333-4444-555555555555";
    /// Somebody else's.
    pub const OTHER_ACCOUNT: &str = "acc-99999999-8888-7777-6666-555555555555";

    /// 2100-01-01.
    const FAR: i64 = 4_102_444_800;
    /// 2020-01-01.
    const PAST: i64 = 1_577_836_800;

    /// A JWT around any payload.
    pub fn jwt(payload: &Value) -> String {
        let header = json!({"alg": "none", "typ": "JWT"});
        let [header, payload] = [&header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{payload}.c2ln")
    }

    /// An access token that is good until 2100; `jti` tells two of one account apart.
    pub fn access_token(account: &str, jti: &str) -> String {
        jwt(&access_claims(account, jti, FAR))
    }

    /// An access token that ended in 2020.
    pub fn expired_access_token(account: &str, jti: &str) -> String {
        jwt(&access_claims(account, jti, PAST))
    }

    /// An id token: who it is, in the claims codex reads.
    pub fn id_token(account: &str) -> String {
        jwt(&json!({
            "exp": FAR,
            "email": email(account),
            "https://api.openai.com/auth": auth_claims(account),
        }))
    }

    fn access_claims(account: &str, jti: &str, exp: i64) -> Value {
        json!({
            "exp": exp,
            "jti": jti,
            "https://api.openai.com/auth": auth_claims(account),
            "https://api.openai.com/profile": {"email": email(account), "email_verified": true},
        })
    }

    fn auth_claims(account: &str) -> Value {
        json!({
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": format!("user-of-{account}"),
            "user_id": format!("user-of-{account}"),
            "chatgpt_account_id": account,
        })
    }

    fn email(account: &str) -> String {
        format!("{account}@example.com")
    }
}

/// The bytes of `auth.json`, as OpenClaw and as codex write it.
pub mod auth {
    use chrono::{SecondsFormat, TimeDelta, Utc};
    use serde_json::{Value, json};

    use super::tokens;

    /// What OpenClaw 2026.4.21 wrote (openclaw/openclaw#70511): no `id_token`, no `last_refresh`.
    pub fn issue_70511(access: &str, refresh: &str) -> Vec<u8> {
        bytes(&json!({
            "auth_mode": "chatgpt",
            "tokens": {"access_token": access, "refresh_token": refresh},
        }))
    }

    /// The same when OpenClaw knew the account.
    pub fn issue_70511_with_account(access: &str, refresh: &str, account: &str) -> Vec<u8> {
        bytes(&json!({
            "auth_mode": "chatgpt",
            "tokens": {"access_token": access, "refresh_token": refresh, "account_id": account},
        }))
    }

    /// What `codex login` writes with ChatGPT, a few minutes after it did.
    pub fn healthy(account: &str, jti: &str, refresh: &str) -> Vec<u8> {
        bytes(&healthy_value(account, jti, refresh))
    }

    /// [`healthy`] before it becomes bytes, for tests that spoil one field of it.
    pub fn healthy_value(account: &str, jti: &str, refresh: &str) -> Value {
        let refreshed = Utc::now() - TimeDelta::minutes(5);
        json!({
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": null,
            "tokens": {
                "id_token": tokens::id_token(account),
                "access_token": tokens::access_token(account, jti),
                "refresh_token": refresh,
                "account_id": account,
            },
            "last_refresh": refreshed.to_rfc3339_opts(SecondsFormat::Micros, true),
        })
    }

    /// What `codex login --with-api-key` writes.
    pub fn api_key(key: &str) -> Vec<u8> {
        bytes(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": key}))
    }

    /// Two spaces of indent and no newline at the end: both write it so.
    pub fn bytes(value: &Value) -> Vec<u8> {
        serde_json::to_vec_pretty(value).unwrap()
    }
}
