//! A scratch person: a `$HOME`, the homes that OpenClaw and a person would lay in it, a stand-in for codex, and a launcher.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{
    DirBuilderExt, DirEntryExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::unistd::geteuid;
use serde_json::Value;
use tempfile::TempDir;

use super::start::Start;
use super::tokens::{self, ACCOUNT};
use super::{auth, forking, snapshot};

/// A user without privileges, and another one.
pub const UNPRIVILEGED: u32 = 65534;
/// Another user than the person.
pub const MALLORY: u32 = 4002;

/// Refresh tokens and other secrets, none of which is ever printed or moved.
pub const BRIDGE_REFRESH: &str = "rt.bridge-canary-0123456789";
/// The person's refresh token.
pub const PERSONAL_REFRESH: &str = "rt.person-canary-0123456789";
/// An access token that is no JWT.
pub const OPAQUE_ACCESS: &str = "opaque-access-canary-0123456789";
/// An API key.
pub const KEY: &str = "sk-proj-canary-0123456789";

/// A scratch person. Everything is removed when it is dropped.
pub struct Fixture {
    root: PathBuf,
    /// Whether starts are those of [`UNPRIVILEGED`].
    pub is_unprivileged: bool,
    _scratch: TempDir,
}

impl Fixture {
    /// Makes a person with an empty `$HOME`, a stand-in called `codex` in `bin`, and the launcher.
    pub fn new() -> Fixture {
        let scratch = TempDir::with_prefix("codex-home-").unwrap();
        // codex answers with canonical paths, and macOS puts temporary files behind a symlink.
        let root = fs::canonicalize(scratch.path()).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        for directory in ["home", "bin", "work", "out", "state", "launcher"] {
            fs::create_dir(root.join(directory)).unwrap();
        }
        let fixture = Fixture { root, is_unprivileged: false, _scratch: scratch };
        place(&programs().join("codex"), &fixture.codex());
        for name in ["codex-home-shim", "codex-home"] {
            // The demonstration has other programs.
            if programs().join(name).exists() {
                place(&programs().join(name), &fixture.launcher().with_file_name(name));
            }
        }
        fixture
    }

    /// A bridge as OpenClaw 2026.4.21 left it (openclaw#70511), beside a person who is logged in with the same account.
    pub fn issue_70511() -> Fixture {
        let fixture = Fixture::new();
        fixture.log_in(ACCOUNT);
        fixture.break_bridge(ACCOUNT);
        fixture
    }

    /// The scratch directory, for what belongs beside the home.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `$HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The working directory of every start.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The stand-in.
    pub fn codex(&self) -> PathBuf {
        self.root.join("bin/codex")
    }

    /// The launcher; `codex-home` is beside it.
    pub fn launcher(&self) -> PathBuf {
        self.root.join("launcher/codex-home-shim")
    }

    /// The stand-in's report about the last start.
    pub fn report(&self) -> PathBuf {
        self.root.join("out/report.json")
    }

    /// `$XDG_STATE_HOME`: beside the home, which is compared whole.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        let state =
            if cfg!(target_os = "macos") { self.home().join("Library/Application Support") } else { self.state() };
        state.join("codex-home-shim/journal.jsonl")
    }

    /// The text of the journal; empty if it is not a regular file, which could block.
    pub fn journal_text(&self) -> String {
        let is_file = fs::symlink_metadata(self.journal()).is_ok_and(|metadata| metadata.is_file());
        if is_file { fs::read_to_string(self.journal()).unwrap_or_default() } else { String::new() }
    }

    /// The lines of the journal.
    pub fn journal_lines(&self) -> Vec<Value> {
        self.journal_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The person's own home; absent until it is laid.
    pub fn personal(&self) -> PathBuf {
        self.home().join(".codex")
    }

    /// The home that OpenClaw 2026.4.20–4.22 injects into `codex app-server`.
    pub fn bridge(&self) -> PathBuf {
        self.agent().join("harness-auth/codex/06bfb5171eff0241")
    }

    /// The home that the same versions inject into `codex exec`.
    pub fn cli_bridge(&self) -> PathBuf {
        self.agent().join("cli-auth/codex/5d41402abc4b2a76")
    }

    /// The directory of OpenClaw's main agent.
    pub fn agent(&self) -> PathBuf {
        self.home().join(".openclaw/agents/main/agent")
    }

    /// A home that no host's shape fits.
    pub fn other(&self) -> PathBuf {
        self.home().join("elsewhere")
    }

    /// Writes `auth.json` of a home, as codex and OpenClaw do, over what may be there already; makes the home.
    pub fn write_auth(&self, home: &Path, bytes: &[u8]) -> PathBuf {
        lay_home(home.to_owned(), bytes)
    }

    /// Writes the person's login.
    pub fn log_in(&self, account: &str) -> PathBuf {
        self.write_auth(&self.personal(), &auth::healthy(account, "personal", PERSONAL_REFRESH))
    }

    /// Writes the bridge of openclaw#70511: no `id_token`, no `last_refresh`; its access token is a JWT.
    pub fn break_bridge(&self, account: &str) -> PathBuf {
        self.write_auth(&self.bridge(), &broken(account))
    }

    /// Writes a bridge that cannot be repaired: its access token is opaque, and nothing names an account.
    pub fn break_bridge_for_good(&self) -> PathBuf {
        self.write_auth(&self.bridge(), &auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH))
    }

    /// Writes `config.toml` of a home; makes the home.
    pub fn write_config(&self, home: &Path, toml: &str) -> PathBuf {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(home).unwrap();
        let path = home.join("config.toml");
        fs::write(&path, toml).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes the launcher's settings file.
    pub fn write_settings(&self, toml: &str) -> PathBuf {
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let directory = self.home().join(below).join("codex-home-shim");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap();
        let path = directory.join("config.toml");
        fs::write(&path, toml).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Puts a program at `path`.
    pub fn write_program(&self, path: &Path, text: &str) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _alone = forking();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_owned()
    }

    /// Puts another stand-in at `path`.
    pub fn place_codex(&self, path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        place(&programs().join("codex"), path);
        path.to_owned()
    }

    /// Makes a symlink; its parent directory if that is missing.
    pub fn link(&self, target: &Path, link: &Path) {
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
    }

    /// Gives everything here to [`UNPRIVILEGED`], whose starts they are from now on. For root; otherwise starts are unprivileged
    /// anyway.
    pub fn become_unprivileged(&mut self) {
        if geteuid().is_root() {
            self.give_to(&self.root.clone(), UNPRIVILEGED);
            self.is_unprivileged = true;
        }
    }

    /// Gives a tree to a user, except the programs, which every fixture shares and which stay root's.
    pub fn give_to(&self, tree: &Path, uid: u32) {
        let programs: Vec<u64> = fs::read_dir(programs()).unwrap().map(|entry| entry.unwrap().ino()).collect();
        for path in snapshot(tree).keys() {
            let path = if path.as_os_str().is_empty() { tree.to_owned() } else { tree.join(path) };
            if !programs.contains(&fs::symlink_metadata(&path).unwrap().ino()) {
                lchown(path, Some(uid), Some(uid)).unwrap();
            }
        }
    }

    /// Gives one path to a user.
    pub fn chown(&self, path: &Path, uid: u32) {
        chown(path, Some(uid), Some(uid)).unwrap();
    }

    /// Sets permission bits.
    pub fn chmod(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A start of the launcher with these arguments for codex, in an environment that holds nothing of the machine's.
    pub fn start(&self, args: &[&str]) -> Start<'_> {
        Start::new(self, args)
    }

    /// `codex app-server` as OpenClaw starts it in the bridge.
    pub fn serve(&self) -> Start<'_> {
        self.start(&["app-server", "--listen", "stdio://"]).home(self.bridge())
    }

    /// Any program in the empty environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home()).env("PATH", "/usr/bin:/bin").current_dir(self.work());
        command
    }

    /// `codex-home` with these arguments.
    pub fn codex_home(&self, args: &[&str]) -> Command {
        let mut command = self.command(self.launcher().with_file_name("codex-home"));
        // A machine with a browser.
        command.args(args).env("XDG_STATE_HOME", self.state()).env("DISPLAY", ":0");
        command
    }

    /// Every string that may never be printed: the canaries, and every long string in any `auth.json` and in the tokens there.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = [BRIDGE_REFRESH, PERSONAL_REFRESH, OPAQUE_ACCESS, KEY].map(str::to_owned).to_vec();
        for (path, entry) in snapshot(&self.home()) {
            if let (super::Content::File(bytes), true) = (entry.content, path.ends_with("auth.json")) {
                gather(&serde_json::from_slice(&bytes).unwrap_or_default(), &mut secrets);
            }
        }
        secrets
    }

    /// Checks that no output holds a part of a secret.
    pub fn assert_no_secret(&self, secrets: &[String], outputs: &[&[u8]]) {
        let outputs: Vec<_> = outputs.iter().map(|output| String::from_utf8_lossy(output)).collect();
        for secret in secrets {
            for piece in secret.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() >= 8) {
                assert!(!outputs.iter().any(|output| output.contains(piece)), "`{piece}` was printed");
            }
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // A directory that is closed to us could not be removed.
        for home in [self.bridge(), self.personal(), self.home()] {
            let _ = fs::set_permissions(home, fs::Permissions::from_mode(0o700));
        }
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

/// What OpenClaw 2026.4.21 wrote for `account`.
pub fn broken(account: &str) -> Vec<u8> {
    auth::issue_70511(&tokens::access_token(account, "bridge"), BRIDGE_REFRESH)
}

/// The launcher, `codex-home` and the stand-in (this test program), where every user may execute them.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // Other threads use it until the end, when `remove_programs` takes it away.
        let programs = TempDir::with_prefix("codex-home-programs-").unwrap().keep();
        fs::set_permissions(&programs, fs::Permissions::from_mode(0o755)).unwrap();
        place(&std::env::current_exe().unwrap(), &programs.join("codex"));
        if let Some(launcher) = option_env!("CARGO_BIN_EXE_codex-home-shim") {
            place(Path::new(launcher), &programs.join("codex-home-shim"));
        }
        if let Some(codex_home) = option_env!("CARGO_BIN_EXE_codex-home") {
            place(Path::new(codex_home), &programs.join("codex-home"));
        }
        programs
    })
}

/// Removes what [`programs`] made.
pub fn remove_programs() {
    let _ = fs::remove_dir_all(programs());
}

/// Puts a program at `to`: the same file if that is possible.
pub fn place(from: &Path, to: &Path) {
    let _alone = forking();
    let is_for_all = fs::metadata(from).unwrap().mode() & 0o005 == 0o005;
    if !is_for_all || fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Gathers every string of a secret's length in `value`, and in the JWTs among them.
fn gather(value: &Value, secrets: &mut Vec<String>) {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
