//! Compares our answers with those of real codex, started in a scratch home.
//!
//! Releases differ, and the launcher may not know which release will read a home. So *usable* means that every release accepts the
//! file, and *broken* that some release does not. What is judged by the release is judged for the one that is asked. If a release rejects a file that we call usable, the case fails at once. If a
//! release accepts a file that we call broken, the others are asked, and the case fails only if all of them accept it. *Not judged*
//! agrees with everything, but fails the case if it is more than one answer in six.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use chrono::Utc;
use codex_home::home::Home;
use codex_home::home::auth::Login;
use codex_home::observe;
use codex_home::reason::ReasonCode;
use codex_home::request::Overrides;
use nix::unistd::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mutants::redacted;
use crate::support::app_server::AppServer;
use crate::support::backend::{Backend, RENEWED};
use crate::support::fixture::{UNPRIVILEGED, place};
use crate::support::{Fixture, npm, versions};

/// Begins every message about what could end a login, or have a home called usable that codex does not use. `tests/drift` looks
/// for these words.
pub const UNSAFE: &str = "unsafe: ";

/// One release.
#[derive(Clone, Debug)]
pub struct Codex {
    pub version: &'static str,
    pub binary: PathBuf,
}

/// Every release that judges.
pub fn codexes() -> &'static [Codex] {
    static CODEXES: OnceLock<Vec<Codex>> = OnceLock::new();
    CODEXES.get_or_init(|| {
        let fetched = |version| Codex { version, binary: npm::codex(version).unwrap() };
        versions::judges().into_iter().map(fetched).collect()
    })
}

impl Codex {
    pub fn of(version: &'static str) -> Codex {
        codexes().iter().find(|codex| codex.version == version).unwrap().clone()
    }

    /// The same at a place where every user may execute it, for as long as the place is kept.
    pub fn for_everyone(&self) -> (Codex, TempDir) {
        let directory = TempDir::with_prefix("codex-home-codex-").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let binary = directory.path().join("codex");
        place(&self.binary, &binary);
        (Codex { version: self.version, binary }, directory)
    }

    /// Whether this release gets every file. The oldest and the newest do; for all of them it would take too long.
    pub fn sees_all(&self) -> bool {
        let judges = versions::judges();
        judges.first() == Some(&self.version) || judges.last() == Some(&self.version)
    }

    /// Returns this release's share of items that are divided among all releases. A release that is not in the list gets all.
    pub fn share<T>(&self, items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let judges = versions::judges();
        let first = judges.iter().position(|version| *version == self.version).unwrap();
        let (first, step) = if versions::is_tried(self.version) { (0, 1) } else { (first, judges.len()) };
        items.into_iter().skip(first).step_by(step)
    }
}

/// A home of its own and a stand-in for OpenAI, for one start of codex.
pub struct Probe {
    pub person: Fixture,
    pub backend: Backend,
}

impl Probe {
    pub fn new() -> Probe {
        let person = Fixture::new();
        fs::create_dir(person.root().join("tmp")).unwrap();
        Probe { person, backend: Backend::renewing() }
    }

    /// A home with a file in it.
    pub fn with(name: &str, bytes: &[u8]) -> Probe {
        let probe = Probe::new();
        fs::create_dir(probe.home()).unwrap();
        fs::write(probe.home().join(name), bytes).unwrap();
        probe
    }

    /// The home in question. It does not exist at first.
    pub fn home(&self) -> PathBuf {
        self.person.root().join("codex")
    }

    pub fn judged(&self) -> Home {
        observe::home(&self.home(), Utc::now(), geteuid().as_raw())
    }

    /// The home as it is judged for this release.
    pub fn judged_for(&self, codex: &Codex) -> Home {
        let mut home = self.judged();
        home.judge_for(|| Some(codex.version.to_owned()));
        home
    }

    /// Starts app-server in the home, or in what `prepare` makes of it.
    pub fn serve(&self, codex: &Codex, prepare: impl FnOnce(&mut Command)) -> AppServer {
        let mut command = self.command(codex, prepare);
        command.args(["app-server", "--listen", "stdio://"]);
        AppServer::spawn(command)
    }

    /// A start of codex likewise, to be given arguments.
    pub fn command(&self, codex: &Codex, prepare: impl FnOnce(&mut Command)) -> Command {
        let mut command = self.person.command(&codex.binary);
        command.env("CODEX_HOME", self.home()).env("TMPDIR", self.person.root().join("tmp"));
        prepare(&mut command);
        self.backend.fence(&mut command);
        command.args(self.backend.args());
        command
    }

    /// The token that codex says it would send. Takes a fifth of a second; a turn that fails takes ten.
    pub fn token(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize()).ok()?;
        token(&mut server)
    }

    /// The token that codex really sends first. If it is rejected, codex renews its login.
    pub fn bearer(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        // A turn that fails is an answer too.
        let _ = answered(server.turn("ping"));
        self.backend.bearers().into_iter().next().flatten()
    }

    /// Whether it starts a thread, or its error.
    pub fn thread(&self, codex: &Codex) -> Result<(), String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize())?;
        answered(server.start_thread()).map(drop)
    }
}

/// Makes a command run as a user without privileges, even if root starts it.
pub fn unprivileged(command: &mut Command) {
    if geteuid().is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
}

/// Returns the answer of a server, which may be an error. No answer for a minute is not an error.
pub fn answered<T>(answer: Result<T, String>) -> Result<T, String> {
    if let Err(silence) = &answer {
        assert!(!silence.starts_with("no answer in"), "{silence}");
    }
    answer
}

/// Returns the token of a running server, if an HTTP header can carry it.
pub fn token(server: &mut AppServer) -> Option<String> {
    let asked = answered(server.request("getAuthStatus", json!({"includeToken": true, "refreshToken": false})));
    let token = asked.ok()?.get("authToken")?.as_str()?.to_owned();
    let is_sendable = !token.trim().is_empty() && token.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f));
    is_sendable.then_some(token)
}

/// Whether codex can use this `auth.json`.
///
/// codex sends a token past its end if it cannot renew it, and no server takes that. So if we call a login usable that is past
/// its end, codex must renew it; and if we call it broken for that, codex must find it past its end too: with all that a
/// renewal needs, it renews it.
pub fn uses(codex: &Codex, bytes: &[u8], ours: &Home) -> bool {
    let token = Probe::with("auth.json", bytes).token(codex);
    let is_renewed = |token: Option<String>| token.as_deref() == Some(RENEWED);
    let Some(auth) = ours.auth() else { return token.is_some() };
    let lives_on = auth.access_token_end.is_some_and(|end| end > Utc::now());
    match auth.login.reason().code {
        ReasonCode::OkChatgpt if auth.renewed_at_start && !lives_on => is_renewed(token),
        ReasonCode::StaleWithoutAccount | ReasonCode::StaleWithoutRefreshToken => {
            let mut whole: Value = serde_json::from_slice(bytes).unwrap();
            whole["auth_mode"] = json!("chatgpt");
            whole["tokens"]["refresh_token"] = json!("synthetic");
            whole["tokens"]["account_id"] = json!("synthetic");
            let whole = Probe::with("auth.json", whole.to_string().as_bytes());
            !is_renewed(token) && !is_renewed(whole.token(codex))
        }
        _ => token.is_some(),
    }
}

/// The comparison with one release in one case.
pub struct Agreement<'a> {
    codex: &'a Codex,
    agreed: usize,
    not_judged: Vec<String>,
    /// Files that we call broken and that only some releases reject.
    differ: Vec<String>,
    wrong: Vec<String>,
}

/// Our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    Usable,
    Broken,
    NotJudged,
}

impl From<&Login> for Ours {
    fn from(login: &Login) -> Ours {
        match login {
            Login::Usable(_) => Ours::Usable,
            Login::Broken(_) => Ours::Broken,
            Login::NotJudged(_) => Ours::NotJudged,
        }
    }
}

impl Agreement<'_> {
    pub fn of(codex: &Codex) -> Agreement<'_> {
        Agreement { codex, agreed: 0, not_judged: Vec::new(), differ: Vec::new(), wrong: Vec::new() }
    }

    /// Counts one agreement.
    pub fn agree(&mut self) {
        self.agreed += 1;
    }

    /// Notes a failure.
    pub fn note(&mut self, wrong: String) {
        self.wrong.push(wrong);
    }

    /// Compares our answer with that of this release and, if needed, of the others. Returns why our answer is wrong, if it is.
    #[must_use]
    pub fn compare(&mut self, what: &str, ours: Ours, ask: impl Fn(&Codex) -> bool) -> Option<String> {
        let version = self.codex.version;
        match (ours, ask(self.codex)) {
            (Ours::NotJudged, _) => self.not_judged.push(what.to_owned()),
            (Ours::Usable, true) | (Ours::Broken, false) => self.agreed += 1,
            (Ours::Usable, false) => return Some(format!("{UNSAFE}judged usable, and codex {version} cannot use it")),
            (Ours::Broken, true) => {
                if codexes().iter().filter(|other| other.version != version).all(ask) {
                    return Some("judged broken, and every codex uses it".to_owned());
                }
                self.differ.push(what.to_owned());
            }
        }
        None
    }

    /// Fails with every failure, and if more than one answer in six is not judged.
    pub fn assert(self, of: &str, may_be_not_judged: bool) {
        let Agreement { codex, agreed, not_judged, differ, wrong } = self;
        eprintln!(
            "codex {}: {of}: {agreed} agree; not judged: {not_judged:?}; releases differ: {differ:?}",
            codex.version
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        assert!(may_be_not_judged || not_judged.len() * 5 <= agreed.max(20), "too many are not judged");
    }
}

/// Describes a file that was judged wrongly, without its content.
pub fn about(what: impl fmt::Display, why: &str, home: &Home, bytes: &[u8]) -> String {
    let login = home.login(&Overrides::default());
    let config = home.own_config(&Overrides::default());
    format!("{what}: {why}\n  ours: {}, {:#}; config: {config:?}\n{}", login.name(), login.reason(), redacted(bytes))
}
