//! The launcher in front of the real codex: does the credential that leaves the machine change, and does
//! nothing else? Every sentence is tried on the release the bug was reported on and on the newest one known,
//! against a stand-in for OpenAI on the loopback.
//!
//! Where npm cannot bring a codex its sentences are ignored, with the reason in front of each. A non-empty
//! `CODEX_HOME_SHIM_REQUIRE_CODEX` makes that a failure instead.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use support::app_server::{AppServer, Turn};
use support::backend::Backend;
use support::tokens::{self, ACCOUNT};
use support::{Finished, World, auth, entry, npm, run, snapshot};

/// The release of the bug report, and the newest one these sentences were read against.
const VERSIONS: [&str; 2] = ["0.123.0", "0.169.0"];

type Sentence = (&'static str, fn(&Lab));

const SENTENCES: &[Sentence] = &[
    ("without the launcher, the bridge of issue 70511 makes codex send no bearer", the_bug_itself),
    ("with a personal login, initialize answers with the personal home", initialize_names_the_personal_home),
    ("with a personal login, login status says logged in", login_status_speaks_for_the_personal_home),
    (
        "with a personal login, a turn carries its bearer and leaves both files as they were",
        a_turn_carries_the_personal_bearer,
    ),
    (
        "without a personal login, login status says logged in on the completed bridge",
        login_status_speaks_for_the_completed_bridge,
    ),
    (
        "without a personal login, a turn carries the bridge's own bearer and no personal home appears",
        a_turn_carries_the_completed_bridges_bearer,
    ),
    ("a bridge that can log in is left alone, however healthy the personal home", a_healthy_bridge_is_left_alone),
    ("with no usable login at all, the launcher exits 78 and codex never starts", with_neither_codex_never_starts),
    ("logout never reaches the personal home", logout_never_reaches_the_personal_home),
    ("version prints what codex itself prints", version_prints_what_codex_prints),
    (
        "two starts in a row work, with the bridge rewritten in between, by the personal login",
        two_starts_with_a_personal_login,
    ),
    (
        "two starts in a row work, with the bridge rewritten in between, by completing it twice",
        two_starts_without_a_personal_login,
    ),
    ("a running server goes on working when the bridge is rewritten under it", a_rewrite_under_a_running_server),
    ("exec with a bridge of its own carries the personal bearer", exec_carries_the_personal_bearer),
    (
        "a forced login method never signs the personal home out",
        a_forced_login_method_never_signs_the_personal_home_out,
    ),
    ("a profile never signs the personal home out", a_profile_never_signs_the_personal_home_out),
];

// ---- The bug, and what becomes of it ----

fn the_bug_itself(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    lab.world.lay_personal(&personal());

    let (turn, answer) = lab.turn(lab.codex_in(&bridge));

    assert_eq!(answer["codexHome"].as_str(), bridge.to_str());
    assert_eq!(turn.status, "failed", "{turn:?}");
    assert!(turn.error.contains("Missing bearer"), "{turn:?}");
    let sent = lab.backend.bearers();
    assert!(!sent.is_empty(), "{:?}", lab.backend.requests());
    assert!(sent.iter().all(Option::is_none), "{sent:?}");
}

fn initialize_names_the_personal_home(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());

    let mut server = lab.serve(lab.launcher_in(&bridge));
    let answer = server.initialize().unwrap();

    assert_eq!(answer["codexHome"].as_str(), home.to_str());
    let (code, stderr) = server.close().unwrap();
    assert_eq!(code, Some(0), "{stderr}");
}

fn login_status_speaks_for_the_personal_home(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    lab.world.lay_personal(&personal());
    let before = snapshot(&bridge);

    let status = lab.run(lab.launcher_in(&bridge), &["login", "status"]);

    assert_logged_in(&status);
    assert_eq!(snapshot(&bridge), before);
}

fn a_turn_carries_the_personal_bearer(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());
    let before = entry(&home.join("auth.json"));
    let bridge_before = snapshot(&bridge);

    let (turn, answer) = lab.turn(lab.launcher_in(&bridge));

    assert_pong(&turn);
    assert_eq!(answer["codexHome"].as_str(), home.to_str());
    assert_sent(lab, 1, &personal_bearer());
    assert_eq!(entry(&home.join("auth.json")), before);
    assert_eq!(snapshot(&bridge), bridge_before);
}

fn login_status_speaks_for_the_completed_bridge(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());

    let status = lab.run(lab.launcher_in(&bridge), &["login", "status"]);

    assert_logged_in(&status);
    assert_eq!(entry(&lab.world.personal()), None);
}

fn a_turn_carries_the_completed_bridges_bearer(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());

    let (turn, answer) = lab.turn(lab.launcher_in(&bridge));

    assert_pong(&turn);
    assert_eq!(answer["codexHome"].as_str(), bridge.to_str());
    assert_sent(lab, 1, &bridge_bearer());
    assert_eq!(entry(&lab.world.personal()), None);
}

fn a_healthy_bridge_is_left_alone(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&auth::healthy(ACCOUNT, BRIDGE, "spare"));
    let home = lab.world.lay_personal(&personal());
    let bridge_before = entry(&bridge.join("auth.json"));
    let before = snapshot(&home);

    let (turn, answer) = lab.turn(lab.launcher_in(&bridge));

    assert_pong(&turn);
    assert_eq!(answer["codexHome"].as_str(), bridge.to_str());
    assert_sent(lab, 1, &bridge_bearer());
    assert_eq!(entry(&bridge.join("auth.json")), bridge_before);
    assert_eq!(snapshot(&home), before);
}

fn with_neither_codex_never_starts(lab: &Lab) {
    // Neither an id token nor an access token that could stand in for one.
    let bridge = lab.world.lay_bridge(&auth::issue_70511("opaque", "refresh"));
    let before = snapshot(&bridge);

    let refused = lab.run(lab.launcher_in(&bridge), &["login", "status"]);

    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert_eq!(refused.stdout, "", "{refused:?}");
    assert_ne!(refused.stderr, "", "{refused:?}");
    assert_eq!(entry(&lab.world.personal()), None);
    assert_eq!(snapshot(&bridge), before);
    // Which says that codex never started, for no codex starts without a trace in its home:
    lab.run(lab.codex_in(&bridge), &["login", "status"]);
    assert_ne!(snapshot(&bridge), before);
}

// ---- What must reach codex as it came ----

fn logout_never_reaches_the_personal_home(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());
    let before = snapshot(&home);

    let through = lab.run(lab.launcher_in(&bridge), &["logout"]);

    assert_eq!(snapshot(&home), before, "{through:?}");
    // As it came: the bridge ends as it does without the launcher.
    let left = entry(&bridge.join("auth.json"));
    lab.world.lay_bridge(&broken_bridge());
    let without = lab.run(lab.codex_in(&bridge), &["logout"]);
    assert_eq!(through.code, without.code, "{through:?} {without:?}");
    assert_eq!(left, entry(&bridge.join("auth.json")));
}

fn version_prints_what_codex_prints(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    lab.world.lay_personal(&personal());

    let without = run(lab.codex_in(&bridge).arg("--version"));
    let through = run(lab.launcher_in(&bridge).arg("--version"));

    assert_eq!(through.code, Some(0), "{through:?}");
    assert_eq!(through.stdout, without.stdout);
}

fn a_forced_login_method_never_signs_the_personal_home_out(lab: &Lab) {
    let bridge = lab.world.lay_cli_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());
    let before = entry(&home.join("auth.json"));
    let words = ["exec", "-c", "forced_login_method=\"api\""];
    let words = [&words[..], &EXEC[1..]].concat();

    let through = lab.run(lab.launcher_in(&bridge), &words);

    assert_eq!(entry(&home.join("auth.json")), before, "{through:?}");
    // The danger is real: given that home, codex deletes the login.
    let without = lab.run(lab.codex_in(&home), &words);
    assert_eq!(entry(&home.join("auth.json")), None, "{without:?}");
}

fn a_profile_never_signs_the_personal_home_out(lab: &Lab) {
    let bridge = lab.world.lay_cli_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());
    fs::write(home.join("work.config.toml"), "forced_login_method = \"api\"\n").unwrap();
    let before = entry(&home.join("auth.json"));
    let words = [&["exec", "-p", "work"], &EXEC[1..]].concat();

    let through = lab.run(lab.launcher_in(&bridge), &words);

    assert_eq!(entry(&home.join("auth.json")), before, "{through:?}");
    // The danger is real where codex lays that file over config.toml; 0.123.0 knows no such file.
    let without = lab.run(lab.codex_in(&home), &words);
    let is_layered = lab.version != "0.123.0";
    assert_eq!(entry(&home.join("auth.json")).is_none(), is_layered, "{without:?}");
}

// ---- One start after another, as OpenClaw makes them ----

fn two_starts_with_a_personal_login(lab: &Lab) {
    lab.world.lay_personal(&personal());
    for _ in 0..2 {
        let bridge = lab.world.lay_bridge(&broken_bridge());
        let (turn, _) = lab.turn(lab.launcher_in(&bridge));
        assert_pong(&turn);
    }
    assert_sent(lab, 2, &personal_bearer());
}

fn two_starts_without_a_personal_login(lab: &Lab) {
    for _ in 0..2 {
        let bridge = lab.world.lay_bridge(&broken_bridge());
        let (turn, _) = lab.turn(lab.launcher_in(&bridge));
        assert_pong(&turn);
    }
    assert_sent(lab, 2, &bridge_bearer());
    assert_eq!(entry(&lab.world.personal()), None);
}

fn a_rewrite_under_a_running_server(lab: &Lab) {
    let bridge = lab.world.lay_bridge(&broken_bridge());
    let mut server = lab.serve(lab.launcher_in(&bridge));
    assert_pong(&server.turn("ping").unwrap());

    lab.world.lay_bridge(&broken_bridge());
    let thread = server.start_thread().unwrap();
    assert_pong(&server.say(&thread, "ping again").unwrap());

    assert_sent(lab, 2, &bridge_bearer());
}

fn exec_carries_the_personal_bearer(lab: &Lab) {
    let bridge = lab.world.lay_cli_bridge(&broken_bridge());
    let home = lab.world.lay_personal(&personal());
    let before = entry(&home.join("auth.json"));
    let bridge_before = snapshot(&bridge);

    let finished = lab.run(lab.launcher_in(&bridge), &EXEC);

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("pong"), "{finished:?}");
    assert_sent(lab, 1, &personal_bearer());
    assert_eq!(entry(&home.join("auth.json")), before);
    assert_eq!(snapshot(&bridge), bridge_before);
}

// ---- The words the sentences are made of ----

/// What OpenClaw's command-line backend runs.
const EXEC: [&str; 4] = ["exec", "--json", "--skip-git-repo-check", "ping"];

/// Tells the bridge's access token from the personal one: same account, two logins.
const BRIDGE: &str = "bridge";
const PERSONAL: &str = "personal";

fn bridge_bearer() -> String {
    tokens::access_token(ACCOUNT, BRIDGE)
}

fn personal_bearer() -> String {
    tokens::access_token(ACCOUNT, PERSONAL)
}

/// The bridge as OpenClaw leaves it.
fn broken_bridge() -> Vec<u8> {
    auth::issue_70511_with_account(&bridge_bearer(), "bridge-refresh", ACCOUNT)
}

fn personal() -> Vec<u8> {
    auth::healthy(ACCOUNT, PERSONAL, "personal-refresh")
}

/// Each turn carried this credential; nothing else of anybody's went anywhere, and no refresh token was spent.
#[track_caller]
fn assert_sent(lab: &Lab, turns: usize, bearer: &str) {
    let requests = lab.backend.requests();
    assert_eq!(lab.backend.bearers(), vec![Some(bearer.to_owned()); turns], "{requests:?}");
    for request in &requests {
        assert!(request.bearer().is_none_or(|sent| sent == bearer), "{request:?}");
        assert!(request.account.as_deref().is_none_or(|account| account == ACCOUNT), "{request:?}");
        assert_ne!(request.path, "/oauth/token");
    }
}

#[track_caller]
fn assert_pong(turn: &Turn) {
    assert_eq!(turn.status, "completed", "{turn:?}");
    assert_eq!(turn.said, "pong", "{turn:?}");
}

#[track_caller]
fn assert_logged_in(status: &Finished) {
    assert_eq!(status.code, Some(0), "{status:?}");
    // Releases differ in the stream they say it on.
    let said = format!("{}{}", status.stdout, status.stderr);
    assert!(said.contains("Logged in using ChatGPT"), "{status:?}");
}

/// A world, a stand-in for OpenAI, and one real codex.
struct Lab {
    world: World,
    backend: Backend,
    codex: PathBuf,
    version: &'static str,
}

impl Lab {
    fn with(codex: &Path, version: &'static str) -> Lab {
        let world = World::new();
        for dir in ["work", "tmp"] {
            fs::create_dir(world.root().join(dir)).unwrap();
        }
        Lab { world, backend: Backend::start(), codex: codex.to_owned(), version }
    }

    /// The launcher as OpenClaw starts it: with the bridge for a home.
    fn launcher_in(&self, bridge: &Path) -> Command {
        let mut launcher = self.world.launcher();
        launcher.env("CODEX_HOME_SHIM_CODEX", &self.codex);
        self.at_home(launcher, bridge)
    }

    /// The same start without the launcher.
    fn codex_in(&self, home: &Path) -> Command {
        self.at_home(self.world.command(&self.codex), home)
    }

    fn at_home(&self, mut command: Command, home: &Path) -> Command {
        command
            .env("CODEX_HOME", home)
            // In a home below the temporary directory codex leaves out some of what it does.
            .env("TMPDIR", self.world.root().join("tmp"))
            .current_dir(self.world.root().join("work"));
        self.backend.fence(&mut command);
        command
    }

    fn run(&self, mut command: Command, words: &[&str]) -> Finished {
        self.backend.attach(&mut command);
        run(command.args(words))
    }

    fn serve(&self, mut command: Command) -> AppServer {
        self.backend.attach(&mut command);
        command.args(["app-server", "--listen", "stdio://"]);
        AppServer::spawn(command)
    }

    /// One turn from spawn to exit, and what `initialize` answered.
    fn turn(&self, command: Command) -> (Turn, Value) {
        let mut server = self.serve(command);
        let answer = server.initialize().unwrap();
        let thread = server.start_thread().unwrap();
        let turn = server.say(&thread, "ping").unwrap();
        let (code, stderr) = server.close().unwrap();
        assert_eq!(code, Some(0), "{stderr}");
        (turn, answer)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let fetching = VERSIONS.map(|version| thread::spawn(move || npm::codex(version)));
    let required = std::env::var_os("CODEX_HOME_SHIM_REQUIRE_CODEX").is_some_and(|v| !v.is_empty());
    let trials = VERSIONS
        .iter()
        .zip(fetching)
        .flat_map(|(version, fetched)| trials(version, fetched.join().unwrap(), required))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every sentence about one codex; without that codex, every sentence with the reason.
fn trials(version: &'static str, codex: Result<PathBuf, String>, required: bool) -> Vec<Trial> {
    let kind = match &codex {
        Ok(_) => String::new(),
        Err(reason) => format!("no codex: {reason}"),
    };
    let trial = |(sentence, test): &Sentence| {
        let (test, codex) = (*test, codex.clone());
        let ignored = codex.is_err() && !required;
        Trial::test(format!("codex {version}: {sentence}"), move || {
            test(&Lab::with(&codex.map_err(Failed::from)?, version));
            Ok(())
        })
        .with_ignored_flag(ignored)
        .with_kind(kind.clone())
    };
    SENTENCES.iter().map(trial).collect()
}
