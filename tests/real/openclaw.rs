//! Real releases of OpenClaw make one turn without and one with the launcher: `tests/openclaw/run`.
//!
//! `CODEX_HOME_SHIM_OPENCLAW` names further releases, separated by spaces. npm fetches some hundred megabytes for each.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::examples::{app_server, example, root};
use crate::support::{Case, Finished, Need, case, npm, run_within, versions};

const VARIABLE: &str = "CODEX_HOME_SHIM_OPENCLAW";
/// npm's share included.
const PATIENCE: Duration = Duration::from_secs(900);

/// The release of openclaw#70511.
fn reported() -> &'static str {
    versions::openclaw().reported
}

pub fn cases() -> Vec<Case> {
    let named = env::var(VARIABLE).unwrap_or_default();
    let turns = named.split_whitespace().map(|version| {
        let version = version.to_owned();
        let name = format!("OpenClaw {version}: a turn without and a turn with the launcher end as they should");
        case(name, move || drop(shown(&[&version])))
    });
    let turns = turns.collect::<Vec<_>>().into_iter();
    // A turn takes half a minute, so that each shows more than one thing.
    let rest = [
        case(
            "OpenClaw 2026.4.21 accepts openclaw-with-args.json: a turn is answered with the launcher, and not without",
            || accepts("openclaw-with-args.json", &[]),
        ),
        case(
            "OpenClaw 2026.4.21 accepts openclaw.json: with strategy `repair` the turn is answered, and ~/.codex not touched",
            || accepts("openclaw.json", &["--only", "with", "--strategy", "repair"]),
        ),
        case(
            "OpenClaw 2026.4.21 reads openclaw-by-variable.env: without a personal login the bridge is repaired, and the turn answered",
            reads_the_variable,
        ),
        case(
            "OpenClaw 2026.4.21 as a gateway: its own API answers a message with the launcher, and not without",
            || drop(shown(&[reported(), "--gateway"])),
        ),
        case("codex-home doctor sees two running gateways of OpenClaw 2026.4.21 as they are", || {
            let programs = Path::new(env!("CARGO_BIN_EXE_codex-home")).parent().unwrap();
            let said = run_script("tests/openclaw/seen", &[reported(), "--programs", programs.to_str().unwrap()]);
            // There may be no namespaces here.
            assert!(matches!(said.code, Some(0 | 77)), "{}{}", said.stdout, said.stderr);
        }),
    ];
    turns.chain(rest).map(|case| case.needs(Need::Deep).needs(Need::Npm)).collect()
}

/// Runs the script and returns what it said; fails if it does.
fn shown(args: &[&str]) -> String {
    let launcher = ["--launcher", env!("CARGO_BIN_EXE_codex-home-shim")];
    let said = run_script("tests/openclaw/run", &[args, &launcher].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

/// Runs a script; two at once, for each waits as long as it computes.
fn run_script(script: &str, args: &[&str]) -> Finished {
    static FIRST: Mutex<()> = Mutex::new(());
    static SECOND: Mutex<()> = Mutex::new(());
    let _slot = FIRST.try_lock().unwrap_or_else(|_| SECOND.lock().unwrap_or_else(PoisonError::into_inner));
    let mut command = Command::new("python3");
    command.arg(root().join(script)).args(args).arg("--cache").arg(npm::cache().unwrap());
    run_within(&mut command, PATIENCE).unwrap()
}

fn accepts(path: &str, args: &[&str]) {
    let mut app_server = app_server(path);
    app_server["command"] = env!("CARGO_BIN_EXE_codex-home-shim").into();
    let laid = [reported(), "--check-config", "--app-server", &app_server.to_string()];
    let said = shown(&[&laid, args].concat());
    assert!(said.contains("Config valid"), "{said}");
}

fn reads_the_variable() {
    let text = example("openclaw-by-variable.env");
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let variable = line.replace("/usr/local/bin/codex-home-shim", "{launcher}");
    shown(&[reported(), "--only", "with", "--personal", "none", "--app-server", "null", "--env", &variable]);
}
