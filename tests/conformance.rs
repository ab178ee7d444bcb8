//! Real codex as the judge of our judge: five releases, the files of `tests/vectors`, and as many files again that nobody
//! has seen before.
//!
//! Three questions, each asked of the program and of us about the same bytes: does a turn carry a bearer (`auth.json`)? does
//! `thread/start` succeed (`config.toml`)? does codex start, and in which home (`CODEX_HOME` itself)?
//!
//! Releases differ, and a home is judged before anybody knows which of them will read it. So one rule for all of it:
//! *usable* is what **every** release takes, and *unusable* what **some** release does not take. A release that does not take
//! what we call usable is a failure at once. One that takes what we call unusable has the others asked: only where all of them
//! take it are we wrong. *Unknown* agrees with everything, is counted and named, and a run with more than one in six fails. What
//! only later releases take, and people of theirs have, is [`TAKEN_LATER`]: a home is not broken for it.
//!
//! Not asked: a `config.toml` that is wrong where no login is decided. Its types are codex's to check, and differ.
//!
//! The mutants of a run come from one number: printed in front, and set by `CODEX_HOME_SHIM_SEED`. How many there are is set
//! by `CODEX_HOME_SHIM_MUTANTS` (of `auth.json`; a quarter as many of `config.toml`). What a failing file holds is shown without
//! its long words. Which codex cannot be had is ignored with the reason; a non-empty `CODEX_HOME_SHIM_REQUIRE_CODEX` makes
//! that a failure.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

#[path = "support/mutants.rs"]
mod mutants;
mod support;
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use chrono::{DateTime, Utc};
use codex_home::home::Home;
use codex_home::home::auth::{Auth, Usable};
use codex_home::home::config::Provider;
use codex_home::invocation::Invocation;
use codex_home::reason::Reason;
use codex_home::start::Overrides;
use codex_home::survey;
use libtest_mimic::{Arguments, Failed, Trial};
use mutants::{Mutant, redacted};
use nix::unistd::geteuid;
use serde_json::{Value, json};
use support::app_server::AppServer;
use support::backend::{Backend, RENEWED};
use support::{World, npm};
use tempfile::TempDir;
use vectors::vectors;

/// The oldest that a host with a bridge takes, the one of the bug report, the first of each change since, the newest known.
const VERSIONS: [&str; 5] = ["0.118.0", "0.123.0", "0.136.0", "0.150.1", "0.169.0"];

/// Somebody without privileges: root reads and writes everything, and so does its codex.
const NOBODY: u32 = 65534;

// ---- The oracle ----

/// One release.
#[derive(Clone, Debug)]
struct Codex {
    version: &'static str,
    binary: PathBuf,
}

/// A home of its own and a stand-in for OpenAI, for one start of codex.
struct Probe {
    world: World,
    backend: Backend,
}

impl Probe {
    fn new() -> Probe {
        let world = World::new();
        for dir in ["work", "tmp"] {
            fs::create_dir(world.root().join(dir)).unwrap();
        }
        Probe { world, backend: Backend::renewing() }
    }

    /// A home with a file in it.
    fn with(name: &str, bytes: &[u8]) -> Probe {
        let probe = Probe::new();
        fs::create_dir(probe.home()).unwrap();
        fs::write(probe.home().join(name), bytes).unwrap();
        probe
    }

    /// The home in question; not there until it is made.
    fn home(&self) -> PathBuf {
        self.world.root().join("codex")
    }

    fn judged(&self) -> Home {
        survey::home(&self.home(), &Overrides::default(), Utc::now())
    }

    /// An app-server in the home, or in what `prepare` makes of it.
    fn serve(&self, codex: &Codex, prepare: impl FnOnce(&mut Command)) -> AppServer {
        let mut command = self.world.command(&codex.binary);
        command
            .env("CODEX_HOME", self.home())
            .env("TMPDIR", self.world.root().join("tmp"))
            .current_dir(self.world.root().join("work"));
        prepare(&mut command);
        self.backend.attach(&mut command);
        command.args(["app-server", "--listen", "stdio://"]);
        AppServer::spawn(command)
    }

    /// What codex would send, by its own word. Costs a fifth of a second, and a turn that fails ten.
    fn token(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize()).ok()?;
        token(&mut server)
    }

    /// What it does send, at once: with nothing to send it is turned away, and renews what it has.
    fn bearer(&self, codex: &Codex) -> Option<String> {
        let mut server = self.serve(codex, |_| ());
        // A turn that fails is as good an answer.
        let _ = answered(server.turn("ping"));
        self.backend.bearers().into_iter().next().flatten()
    }

    /// Whether it starts a thread, and what it says where it does not.
    fn thread(&self, codex: &Codex) -> Result<(), String> {
        let mut server = self.serve(codex, |_| ());
        answered(server.initialize())?;
        answered(server.start_thread()).map(drop)
    }
}

/// What a server said, be it no; one that says nothing for a minute has not said no.
fn answered<T>(answer: Result<T, String>) -> Result<T, String> {
    if let Err(silence) = &answer {
        assert!(!silence.starts_with("no answer in"), "{silence}");
    }
    answer
}

/// The token of a running server, where an HTTP header can carry it.
fn token(server: &mut AppServer) -> Option<String> {
    let asked = answered(server.request("getAuthStatus", json!({"includeToken": true, "refreshToken": false})));
    let token = asked.ok()?.get("authToken")?.as_str()?.to_owned();
    let is_sendable = !token.trim().is_empty() && token.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f));
    is_sendable.then_some(token)
}

/// Whether `codex` can use this `auth.json`, as far as `ours` needs to be told.
///
/// What has passed its end codex sends all the same, if it cannot renew it; no server takes that. So where we call a login
/// usable that has passed its end, codex must renew it; and where we call it unusable for that, codex must find it past its
/// end too: with all that a renewal needs, it renews it.
fn uses(codex: &Codex, bytes: &[u8], ours: &Home) -> bool {
    let token = Probe::with("auth.json", bytes).token(codex);
    let is_renewed = |token: Option<String>| token.as_deref() == Some(RENEWED);
    match ours.auth() {
        Some(auth) if auth.because.reason == Reason::OkChatgpt && auth.stale => is_renewed(token),
        Some(Auth { because, .. })
            if matches!(because.reason, Reason::StaleWithoutAccount | Reason::StaleWithoutRefreshToken) =>
        {
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

// ---- Agreeing ----

/// What came of a run, for the line at its end.
#[derive(Default)]
struct Tally {
    agreed: AtomicUsize,
    unknown: Mutex<Vec<String>>,
    /// Where releases differ.
    differ: Mutex<Vec<String>>,
}

/// The codexes that could be had, and how they and we got along.
struct Bench {
    codexes: Vec<Codex>,
    tallies: Mutex<BTreeMap<&'static str, Arc<Tally>>>,
    now: DateTime<Utc>,
    seed: u64,
    mutants: u64,
}

impl Bench {
    fn tally(&self, of: &'static str) -> Arc<Tally> {
        Arc::clone(self.tallies.lock().unwrap().entry(of).or_default())
    }

    /// Whether our answer stands beside that of `codex`, and of the others where they matter; else, why not.
    fn compare(
        &self,
        of: &'static str,
        what: &str,
        codex: &Codex,
        ours: Usable,
        ask: impl Fn(&Codex) -> bool,
    ) -> Result<(), String> {
        let tally = self.tally(of);
        let note = |list: &Mutex<Vec<String>>| list.lock().unwrap().push(what.to_owned());
        match (ours, ask(codex)) {
            (Usable::Unknown, _) => note(&tally.unknown),
            (Usable::Yes, true) | (Usable::No, false) => _ = tally.agreed.fetch_add(1, Ordering::Relaxed),
            (Usable::Yes, false) => return Err(format!("judged usable, and codex {} cannot use it", codex.version)),
            (Usable::No, true) => {
                let refused = self.codexes.iter().find(|other| other.version != codex.version && !ask(other));
                if refused.is_none() {
                    return Err("judged unusable, and every codex uses it".to_owned());
                }
                note(&tally.differ);
            }
        }
        Ok(())
    }
}

/// Fails with all of `wrong`.
fn none(wrong: &[String]) -> Result<(), Failed> {
    if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n\n"))) }
}

/// Something about a file that came to light, without what is in it.
fn about(what: impl fmt::Display, why: &str, home: &Home, bytes: &[u8]) -> String {
    let (usable, because) = home.can_log_in();
    let config = match &home.config {
        Ok(config) => format!("{config:?}"),
        Err(because) => because.to_string(),
    };
    format!("{what}: {why}\n  ours: {}, {because:#}; config: {config}\n{}", usable.name(), redacted(bytes))
}

fn every_vector(bench: &Bench, codex: &Codex) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let vectors = vectors();
    let mine: Vec<_> = share(vectors.len() as u64, codex).collect();
    for (number, vector) in vectors.iter().enumerate() {
        // Those that are the same to all are shared out. And codex waits for ever for somebody to write into a FIFO.
        let is_mine = vector.tells_versions_apart() || mine.contains(&(number as u64));
        if !is_mine || vector.name == "fs_fifo" {
            continue;
        }
        let look = |codex: &Codex| {
            let probe = Probe::new();
            vector.lay(&probe.home(), bench.now);
            let home = probe.judged();
            let token = probe.token(codex);
            fs::set_permissions(probe.home(), fs::Permissions::from_mode(0o700)).unwrap();
            (home, token)
        };
        let (home, token) = look(codex);
        let ask = |other: &Codex| {
            if other.version == codex.version { token.is_some() } else { look(other).1.is_some() }
        };
        if let Err(why) = bench.compare("vectors", &vector.name, codex, home.can_log_in().0, ask) {
            wrong.push(about(&vector.name, &why, &home, &[]));
        }
    }
    none(&wrong)
}

/// Whether this codex sees everything where the cost forbids that all of them do: the oldest and the newest.
fn sees_all(codex: &Codex) -> bool {
    codex.version == VERSIONS[0] || codex.version == VERSIONS[4]
}

/// The share of so many files that this codex sees.
fn share(of: u64, codex: &Codex) -> impl Iterator<Item = u64> {
    let first = VERSIONS.iter().position(|version| *version == codex.version).unwrap_or_default();
    (first as u64..of).step_by(VERSIONS.len())
}

fn mutants_of_auth(bench: &Bench, codex: &Codex) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for number in share(bench.mutants, codex) {
        let mutant = mutants::auth(bench.seed.wrapping_add(number), bench.now);
        let home = Probe::with("auth.json", &mutant.bytes).judged();
        let ask = |codex: &Codex| uses(codex, &mutant.bytes, &home);
        if let Err(why) = bench.compare("auth.json", &mutant.how, codex, home.can_log_in().0, ask) {
            wrong.push(about(format_args!("mutant {number} ({})", mutant.how), &why, &home, &mutant.bytes));
        }
    }
    none(&wrong)
}

/// `getAuthStatus` is believed only because of this: files of each kind, by both oracles.
fn a_turn_carries_what_the_status_says(bench: &Bench, codex: &Codex) -> Result<(), Failed> {
    /// One of each way in which a file fails or does not, and those where the two oracles could differ.
    const SAMPLE: &[&str] = &[
        "fs_missing",
        "json_empty_object",
        "ok_chatgpt_legacy",
        "openclaw_70511",
        "refresh_token_empty",
        "access_token_empty",
        "access_token_newline",
        "access_token_unicode",
        "access_token_expired",
        "last_refresh_null",
        "account_id_mismatch",
        "key_only",
        "key_empty_string",
        "key_whitespace_only",
        "key_unicode",
        "tokens_array_form",
    ];
    let shared: Vec<_> = share(SAMPLE.len() as u64, codex).collect();
    let mut files: Vec<_> = SAMPLE
        .iter()
        .enumerate()
        .filter(|(number, _)| sees_all(codex) || shared.contains(&(*number as u64)))
        .map(|(_, name)| Mutant { bytes: vectors::vector(name).bytes(bench.now), how: (*name).to_owned() })
        .collect();
    files.extend(share(30, codex).map(|number| mutants::auth(bench.seed.wrapping_add(number), bench.now)));
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    // A turn that fails is waiting most of the time: codex tries again.
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let lay = || match file.how.as_str() {
                        "fs_missing" => Probe::with("elsewhere.json", b""),
                        _ => Probe::with("auth.json", &file.bytes),
                    };
                    let (says, does) = (lay().token(codex), lay().bearer(codex));
                    if says != does {
                        let [says, does] = [says.is_some(), does.is_some()];
                        let text = format!("{}: says {says}, does {does}\n{}", file.how, file.redacted());
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    bench.tally("status and turn").agreed.fetch_add(files.len() - wrong.lock().unwrap().len(), Ordering::Relaxed);
    none(&wrong.into_inner().unwrap())
}

/// What only later releases take (a list from 0.136.0 on), and what people of theirs have: a home is not broken for it.
const TAKEN_LATER: [&str; 2] = ["workspace list", "workspace empty list"];

fn every_config(bench: &Bench, codex: &Codex) -> Result<(), Failed> {
    let lines = mutants::config_lines().collect::<Vec<_>>();
    let drawn = (0..bench.mutants / 4).map(|number| mutants::config(bench.seed.wrapping_add(number)));
    let files = lines.into_iter().chain(drawn).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for number in share(files.len() as u64, codex) {
        let file = &files[usize::try_from(number).unwrap()];
        let home = Probe::with("config.toml", &file.bytes).judged();
        let ours = match &home.config {
            Err(_) => Usable::No,
            // Whether such a provider or profile is there, and is whole, is nobody's login.
            Ok(config) if config.selects_profile || config.provider != Provider::OpenAi => Usable::Unknown,
            Ok(_) if file.how.split("; ").any(|what| what.starts_with("profiles") || TAKEN_LATER.contains(&what)) => {
                Usable::Unknown
            }
            Ok(_) => Usable::Yes,
        };
        let ask = |codex: &Codex| Probe::with("config.toml", &file.bytes).thread(codex).is_ok();
        if let Err(why) = bench.compare("config.toml", &file.how, codex, ours, ask) {
            let said = Probe::with("config.toml", &file.bytes).thread(codex).err().unwrap_or_default();
            let why = format!("{why}: {}", said.lines().next().unwrap_or_default());
            wrong.push(about(format_args!("config {number} ({})", file.how), &why, &home, &file.bytes));
        }
    }
    none(&wrong)
}

// ---- CODEX_HOME itself ----

/// A home that is spelled, laid or closed in some way, as somebody without privileges finds it.
struct Place {
    what: &'static str,
    /// What to lay in the scratch directory, where `codex` is a home that can log in.
    lay: fn(&Path),
    /// What to put into `CODEX_HOME`; `{}` is the scratch directory.
    value: Option<&'static [u8]>,
    /// What to put into `HOME` likewise.
    home: Option<&'static [u8]>,
}

const NOTHING: fn(&Path) = |_| ();
const HOME: Option<&[u8]> = Some(b"{}/home");

const fn place(what: &'static str, value: &'static [u8], lay: fn(&Path)) -> Place {
    Place { what, lay, value: Some(value), home: HOME }
}

fn chmod(path: PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const PLACES: &[Place] = &[
    place("a directory", b"{}/codex", NOTHING),
    place("a trailing slash", b"{}/codex/", NOTHING),
    place("many slashes", b"{}//codex///", NOTHING),
    place("a trailing dot", b"{}/codex/.", NOTHING),
    place("a way up and down again", b"{}/work/../codex", NOTHING),
    place("a relative path", b"../codex", NOTHING),
    place("a relative path from here", b"./../codex/", NOTHING),
    place("a dot", b".", NOTHING),
    place("a link", b"{}/link", |root| symlink("codex", root.join("link")).unwrap()),
    place("a link with a slash", b"{}/link/", |root| symlink("codex", root.join("link")).unwrap()),
    place("a link to a link", b"{}/second", |root| {
        symlink("codex", root.join("link")).unwrap();
        symlink("link", root.join("second")).unwrap();
    }),
    place("a way up behind a link", b"{}/far/../codex", |root| {
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("a/b", root.join("far")).unwrap();
    }),
    place("a dangling link", b"{}/link", |root| symlink("nowhere", root.join("link")).unwrap()),
    place("a link to itself", b"{}/link", |root| symlink("link", root.join("link")).unwrap()),
    place("a link to a file", b"{}/link", |root| symlink("codex/auth.json", root.join("link")).unwrap()),
    place("nothing", b"{}/nowhere", NOTHING),
    place("nothing under nothing", b"{}/nowhere/at/all", NOTHING),
    place("a file", b"{}/codex/auth.json", NOTHING),
    place("below a file", b"{}/codex/auth.json/x", NOTHING),
    place("a file with a slash", b"{}/codex/auth.json/", NOTHING),
    place("a device", b"/dev/null", NOTHING),
    place("blanks", b"  ", NOTHING),
    place("a tilde", b"~/codex", NOTHING),
    place("a tilde in the name", b"{}/~", |root| fs::rename(root.join("codex"), root.join("~")).unwrap()),
    place("blanks in the name", b"{}/ co dex ", |root| fs::rename(root.join("codex"), root.join(" co dex ")).unwrap()),
    place("a blank behind the name", b"{}/codex ", NOTHING),
    place("a newline in the name", b"{}/co\ndex", |root| fs::rename(root.join("codex"), root.join("co\ndex")).unwrap()),
    place("another alphabet", "{}/c\u{f6}dex".as_bytes(), |root| {
        fs::rename(root.join("codex"), root.join("c\u{f6}dex")).unwrap();
    }),
    // macOS has no such names.
    #[cfg(not(target_os = "macos"))]
    place("not UTF-8", b"{}/c\xf6dex", |root| {
        fs::rename(root.join("codex"), root.join(OsStr::from_bytes(b"c\xf6dex"))).unwrap();
    }),
    place("quotes in the name", b"{}/\"codex\"", |root| {
        fs::rename(root.join("codex"), root.join("\"codex\"")).unwrap()
    }),
    place("a name too long", &[b'x'; 300], NOTHING),
    place("nothing at all", b"", NOTHING),
    Place { what: "unset", lay: NOTHING, value: None, home: HOME },
    Place { what: "unset, and a home to log in from", lay: lay_default, value: None, home: HOME },
    Place { what: "empty, and a home to log in from", lay: lay_default, value: Some(b""), home: HOME },
    Place { what: "unset, with a relative HOME", lay: lay_default, value: None, home: Some(b"../home") },
    #[cfg(not(target_os = "macos"))]
    Place { what: "unset, with a HOME that is not UTF-8", lay: lay_latin, value: None, home: Some(b"{}/h\xf6me") },
    Place { what: "unset, with a HOME behind a link", lay: lay_linked, value: None, home: Some(b"{}/linked") },
    place("mode 0500", b"{}/codex", |root| chmod(root.join("codex"), 0o500)),
    place("mode 0300", b"{}/codex", |root| chmod(root.join("codex"), 0o300)),
    place("mode 0600", b"{}/codex", |root| chmod(root.join("codex"), 0o600)),
    place("mode 0400", b"{}/codex", |root| chmod(root.join("codex"), 0o400)),
    place("mode 0100", b"{}/codex", |root| chmod(root.join("codex"), 0o100)),
    place("mode 0000", b"{}/codex", |root| chmod(root.join("codex"), 0o000)),
    place("mode 0777", b"{}/codex", |root| chmod(root.join("codex"), 0o777)),
    place("in a closed directory", b"{}/closed/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex"), root.join("closed/codex")).unwrap();
        chmod(root.join("closed"), 0o000);
    }),
    place("in a directory that cannot be listed", b"{}/closed/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex"), root.join("closed/codex")).unwrap();
        chmod(root.join("closed"), 0o100);
    }),
    place("auth.json of mode 0400", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o400)),
    place("auth.json of mode 0200", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o200)),
    place("auth.json of mode 0000", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o000)),
    place("auth.json of mode 0777", b"{}/codex", |root| chmod(root.join("codex/auth.json"), 0o777)),
    place("auth.json behind a closed directory", b"{}/codex", |root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::rename(root.join("codex/auth.json"), root.join("closed/auth.json")).unwrap();
        symlink("../closed/auth.json", root.join("codex/auth.json")).unwrap();
        chmod(root.join("closed"), 0o000);
    }),
    place("config.toml of mode 0000", b"{}/codex", |root| lay_config(root, 0o000)),
    place("config.toml of mode 0200", b"{}/codex", |root| lay_config(root, 0o200)),
    place("config.toml of mode 0400", b"{}/codex", |root| lay_config(root, 0o400)),
    place("config.toml that is a directory", b"{}/codex", |root| {
        fs::create_dir(root.join("codex/config.toml")).unwrap();
    }),
    place("config.toml that is a dangling link", b"{}/codex", |root| {
        symlink("nowhere", root.join("codex/config.toml")).unwrap();
    }),
    place("config.toml that is a link to itself", b"{}/codex", |root| {
        symlink("config.toml", root.join("codex/config.toml")).unwrap();
    }),
    place(TAKEN_BY_SOME, b"{}/codex", |root| {
        symlink("/dev/null", root.join("codex/config.toml")).unwrap();
    }),
    place("auth.json that is a device", b"{}/codex", |root| {
        fs::remove_file(root.join("codex/auth.json")).unwrap();
        symlink("/dev/null", root.join("codex/auth.json")).unwrap();
    }),
];

fn lay_config(root: &Path, mode: u32) {
    fs::write(root.join("codex/config.toml"), "model = \"gpt-5\"\n").unwrap();
    chmod(root.join("codex/config.toml"), mode);
}

fn lay_default(root: &Path) {
    fs::rename(root.join("codex"), root.join("home/.codex")).unwrap();
}

#[cfg(not(target_os = "macos"))]
fn lay_latin(root: &Path) {
    lay_default(root);
    fs::rename(root.join("home"), root.join(OsStr::from_bytes(b"h\xf6me"))).unwrap();
}

fn lay_linked(root: &Path) {
    lay_default(root);
    symlink("home", root.join("linked")).unwrap();
}

impl Place {
    fn value(text: &[u8], root: &Path) -> OsString {
        let root = root.as_os_str().as_bytes();
        match text.strip_prefix(b"{}") {
            Some(rest) => OsStr::from_bytes(&[root, rest].concat()).to_owned(),
            None => OsStr::from_bytes(text).to_owned(),
        }
    }

    /// The same circumstances for codex and for us.
    fn set(&self, root: &Path, command: &mut Command) {
        for (name, value) in [("CODEX_HOME", self.value), ("HOME", self.home)] {
            match value {
                Some(value) => command.env(name, Place::value(value, root)),
                None => command.env_remove(name),
            };
        }
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
    }

    fn lay(&self) -> Probe {
        let probe = Probe::new();
        let root = probe.world.root();
        fs::create_dir(probe.home()).unwrap();
        let auth = support::auth::healthy(support::tokens::ACCOUNT, "here", "spare");
        fs::write(probe.home().join("auth.json"), auth).unwrap();
        chmod(probe.home().join("auth.json"), 0o600);
        (self.lay)(root);
        if geteuid().is_root() {
            give_away(root);
        }
        probe
    }
}

/// Makes a tree somebody else's.
fn give_away(path: &Path) {
    lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        for child in fs::read_dir(path).unwrap() {
            give_away(&child.unwrap().path());
        }
    }
}

/// Where releases differ: up to 0.136.0 codex reads any device, from 0.150.1 on regular files alone.
const TAKEN_BY_SOME: &str = "config.toml that is a device";

/// The variable that makes this program the judge of the home it was started with, as a launcher would be.
const JUDGE: &str = "CODEX_HOME_SHIM_TEST_JUDGE";

/// What we say of the home that is in our environment.
fn judge() -> Value {
    let invocation = Invocation::capture();
    let named = invocation.codex_home();
    let path = named.clone().or_else(|| invocation.default_home()).unwrap();
    let home = survey::home(&path, &Overrides::default(), Utc::now());
    json!({
        "named": named.is_some(),
        "home": fs::canonicalize(&path).unwrap_or(path).to_string_lossy(),
        "directory": home.directory.is_ok(),
        "config": home.config.is_ok(),
        "auth": home.auth().is_some_and(|auth| auth.usable == Usable::Yes),
        "says": format!("{:#}", home.can_log_in().1),
    })
}

fn every_place(bench: &Bench, codex: &Codex) -> Result<(), Failed> {
    // Where anybody may execute them.
    let programs = TempDir::with_prefix("codex-home-programs-").unwrap();
    chmod(programs.path().to_owned(), 0o755);
    let lay = |from: &Path, name: &str| {
        let to = programs.path().join(name);
        if fs::hard_link(from, &to).is_err() {
            fs::copy(from, &to).unwrap();
        }
        to
    };
    let codex = &Codex { version: codex.version, binary: lay(&codex.binary, "codex") };
    let judge = lay(&std::env::current_exe().unwrap(), "judge");
    let mut wrong = Vec::new();
    let shared: Vec<_> = share(PLACES.len() as u64, codex).collect();
    for (number, place) in PLACES.iter().enumerate() {
        if !sees_all(codex) && !shared.contains(&(number as u64)) {
            continue;
        }
        let probe = place.lay();
        let root = probe.world.root();
        let mut command = probe.world.command(&judge);
        command.env(JUDGE, "1").current_dir(root.join("work"));
        place.set(root, &mut command);
        let said = support::run(&mut command);
        let ours: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}: {said:?}", place.what));

        let mut server = probe.serve(codex, |command| place.set(root, command));
        let answer = answered(server.initialize());
        let (starts, home) = (answer.is_ok(), answer.as_ref().ok().and_then(|answer| answer.get("codexHome")));
        let thread = starts && answered(server.start_thread()).is_ok();
        let token = starts && token(&mut server).is_some();
        let theirs = json!({"starts": starts, "home": home, "config": thread, "auth": token});
        drop(server);
        // So that it can be taken away again.
        for path in ["codex", "closed", "closed/codex"] {
            let _ = fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o700));
        }

        let is_named = ours["named"] == true;
        let mut differ = Vec::new();
        // codex makes its default home, and no other.
        if is_named && ours["directory"] != starts {
            differ.push("whether it starts");
        }
        // A named home is answered by its canonical path, the default one by its own.
        let home = home.and_then(Value::as_str).map(|home| fs::canonicalize(home).unwrap_or_else(|_| home.into()));
        if starts && home.as_deref().and_then(Path::to_str) != ours["home"].as_str() {
            differ.push("which home");
        }
        let is_taken_by_some = place.what == TAKEN_BY_SOME && ours["config"] == false;
        if starts && ours["config"] != thread && !is_taken_by_some {
            differ.push("whether a thread starts");
        }
        if starts && ours["auth"] != token {
            differ.push("whether it logs in");
        }
        if differ.is_empty() {
            bench.tally("CODEX_HOME").agreed.fetch_add(1, Ordering::Relaxed);
        } else {
            let said = answer.err().unwrap_or_default();
            wrong.push(format!("{}: {}\n  ours {ours}\n  codex {theirs} {said}", place.what, differ.join(", ")));
        }
    }
    none(&wrong)
}

// ---- The run ----

type Question = (&'static str, fn(&Bench, &Codex) -> Result<(), Failed>);

const QUESTIONS: &[Question] = &[
    ("a turn carries a bearer where the status tells of a token", a_turn_carries_what_the_status_says),
    ("every vector is judged as it is read", every_vector),
    ("no mutant of auth.json is judged otherwise than it is read", mutants_of_auth),
    ("no mutant of config.toml is judged otherwise than it is read", every_config),
    ("every CODEX_HOME is taken for what codex takes it for", every_place),
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() -> ExitCode {
    if std::env::var_os(JUDGE).is_some() {
        println!("{}", judge());
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let fetching = VERSIONS.map(|version| thread::spawn(move || npm::codex(version)));
    let required = std::env::var_os("CODEX_HOME_SHIM_REQUIRE_CODEX").is_some_and(|v| !v.is_empty());
    let fetched: Vec<_> = VERSIONS.into_iter().zip(fetching.map(|thread| thread.join().unwrap())).collect();
    let codexes =
        fetched.iter().filter_map(|(version, binary)| Some(Codex { version, binary: binary.as_ref().ok()?.clone() }));
    let bench = Arc::new(Bench {
        codexes: codexes.collect(),
        tallies: Mutex::default(),
        now: Utc::now(),
        seed: number("CODEX_HOME_SHIM_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32)),
        mutants: number("CODEX_HOME_SHIM_MUTANTS").unwrap_or(300),
    });
    let mut trials = Vec::new();
    for (question, ask) in QUESTIONS {
        for (version, binary) in &fetched {
            let (bench, binary, ask, version) = (Arc::clone(&bench), binary.clone(), *ask, *version);
            let ignored = binary.is_err() && !required;
            let kind = binary.as_ref().err().map(|reason| format!("no codex: {reason}")).unwrap_or_default();
            let trial = Trial::test(format!("codex {version}: {question}"), move || {
                ask(&bench, &Codex { version, binary: binary.map_err(Failed::from)? })
            });
            trials.push(trial.with_ignored_flag(ignored).with_kind(kind));
        }
    }
    let say = |text: String| _ = writeln!(std::io::stderr(), "{text}");
    say(format!("CODEX_HOME_SHIM_SEED={} CODEX_HOME_SHIM_MUTANTS={}", bench.seed, bench.mutants));
    let since = Instant::now();
    let mut code = libtest_mimic::run(&arguments, trials).exit_code();
    for (of, tally) in bench.tallies.lock().unwrap().iter() {
        let agreed = tally.agreed.load(Ordering::Relaxed);
        let [unknown, differ] = [&tally.unknown, &tally.differ].map(|list| list.lock().unwrap().clone());
        say(format!("{of}: {agreed} agree, {} unknown, {} where releases differ", unknown.len(), differ.len()));
        // Some of the vectors are there because they cannot be told.
        if of != &"vectors" && unknown.len() * 5 > agreed.max(100) {
            say(format!("{of}: too many are unknown"));
            code = ExitCode::FAILURE;
        }
        for (what, list) in [("unknown", unknown), ("differ", differ)] {
            list.iter().for_each(|name| say(format!("  {what}: {name}")));
        }
    }
    say(format!("{:.0} s", since.elapsed().as_secs_f64()));
    code
}
