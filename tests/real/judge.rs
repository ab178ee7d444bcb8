//! Real codex as the judge of our judge: a start in a scratch home, and the comparison of both answers.
//!
//! Releases differ, and a home is judged before it is known which of them will read it. So one rule for all of it: *usable* is
//! what every release takes, and *broken* what some release does not take. A release that does not take what we call usable is
//! a failure at once; if one takes what we call broken, the others are asked, and we are wrong only if all of them take it.
//! What is *not judged* agrees with everything, and a case in which it is more than one in six fails.

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

    /// Whether this release is given everything: the oldest and the newest are; for all of them it would take too long.
    pub fn sees_all(&self) -> bool {
        let judges = versions::judges();
        judges.first() == Some(&self.version) || judges.last() == Some(&self.version)
    }

    /// Returns the items that this release is given of those that are divided among all. One that is not known yet is given all.
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

    /// The home in question, which is not there until it is made.
    pub fn home(&self) -> PathBuf {
        self.person.root().join("codex")
    }

    pub fn judged(&self) -> Home {
        observe::home(&self.home(), Utc::now(), geteuid().as_raw())
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

    /// What codex says that it would send. Costs a fifth of a second; a turn that fails costs ten.
    pub fn token(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize()).ok()?;
        token(&mut server)
    }

    /// What it does send at first: with nothing to send it is turned away, and renews what it has.
    pub fn bearer(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        // A turn that fails is as good an answer.
        let _ = answered(server.turn("ping"));
        self.backend.bearers().into_iter().next().flatten()
    }

    /// Whether it starts a thread, and what it says if it does not.
    pub fn thread(&self, codex: &Codex) -> Result<(), String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize())?;
        answered(server.start_thread()).map(drop)
    }
}

/// Has a command run by a user without privileges, also if root starts it.
pub fn unprivileged(command: &mut Command) {
    if geteuid().is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
}

/// Returns what a server said, also if it was no; silence for a minute is not a no.
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

/// How one release and we got along in one case.
pub struct Agreement<'a> {
    codex: &'a Codex,
    agreed: usize,
    not_judged: Vec<String>,
    /// What we call broken, and only some releases take.
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

    /// Notes something that is wrong.
    pub fn note(&mut self, wrong: String) {
        self.wrong.push(wrong);
    }

    /// Compares our answer with that of this release, and of the others if they matter. Returns why it does not stand.
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

    /// Fails with all that is wrong, and if more than one in six is not judged.
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

/// Describes a file that was judged wrongly, without what is in it.
pub fn about(what: impl fmt::Display, why: &str, home: &Home, bytes: &[u8]) -> String {
    let login = home.login(&Overrides::default());
    let config = home.own_config(&Overrides::default());
    format!("{what}: {why}\n  ours: {}, {:#}; config: {config:?}\n{}", login.name(), login.reason(), redacted(bytes))
}
