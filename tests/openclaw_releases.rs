//! `docs/openclaw-versions.md` names for each home a test that lays it out; and what it tells of real releases they do:
//! real releases of OpenClaw make one turn without and one with the launcher: `tests/openclaw/run`, which see.
//!
//! `CODEX_HOME_SHIM_OPENCLAW=1` asks for those that take less than a minute once npm has brought them; any other value names
//! the releases, parted by spaces. Without it they are listed as ignored: npm fetches some hundred megabytes for each.
//! A release that cannot be shown here is a failure, with the reason: it was asked for.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the launcher's rooms are not the tests'"
)]

mod support;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use support::{npm, run_within};

const VARIABLE: &str = "CODEX_HOME_SHIM_OPENCLAW";
/// The bug, and the two kinds of homes that came after it.
const QUICK: &str = "2026.4.21 2026.5.2 2026.7.1";
/// npm's share included.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs the script; what it says is the reason where it fails.
fn shown(words: &[&str]) -> Result<String, Failed> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openclaw/run");
    let mut command = Command::new("python3");
    command.arg(script).args(words);
    command.args(["--launcher", env!("CARGO_BIN_EXE_codex-home-shim"), "--cache"]).arg(npm::cache()?);
    let said = run_within(&mut command, PATIENCE)?;
    if said.code == Some(0) { Ok(said.stdout) } else { Err(format!("{}{}", said.stdout, said.stderr).into()) }
}

fn example(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)).unwrap()
}

/// `appServer` of an example, with this build's launcher in it.
fn app_server(path: &str) -> String {
    let settings: Value = json5::from_str(&example(path)).unwrap();
    let mut app_server = settings["plugins"]["entries"]["codex"]["config"]["appServer"].clone();
    app_server["command"] = env!("CARGO_BIN_EXE_codex-home-shim").into();
    app_server.to_string()
}

fn takes(path: &str) -> Result<(), Failed> {
    let said = shown(&["2026.4.21", "--only", "with", "--check-config", "--app-server", &app_server(path)])?;
    assert!(said.contains("OpenClaw of its settings: exit code 0: Config valid"), "{said}");
    Ok(())
}

fn takes_the_variable() -> Result<(), Failed> {
    let text = example("openclaw-by-variable.env");
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let variable = line.replace("/usr/local/bin/codex-home-shim", "{launcher}");
    shown(&["2026.4.21", "--only", "with", "--app-server", "null", "--env", &variable])?;
    Ok(())
}

/// Each row about a home is whole, and each test it names is there.
fn the_page_is_whole() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/openclaw-versions.md"))?;
    let (homes, releases) = page.split_once("## What real releases did").unwrap();
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: Vec<_> =
        homes.lines().filter(|line| line.contains("`tests/") && line.starts_with('|')).map(cells).collect();
    assert!(rows.len() >= 10, "{rows:#?}");
    for row in &rows {
        assert_eq!(row.len(), 6, "{row:?}");
        for named in row[5].split("<br>") {
            let (file, test) = named.trim_matches('`').split_once(": ").unwrap();
            let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
            let is_there = text.contains(&format!("(\"{test}\"")) || text.contains(&format!("fn {test}("));
            assert!(is_there, "{file} has no `{test}`");
        }
    }
    // What is shown by every run is told of there.
    for version in QUICK.split_whitespace() {
        assert!(releases.lines().any(|line| line.starts_with(&format!("| {version} | "))), "{version}");
    }
    Ok(())
}

fn main() -> ExitCode {
    let asked = env::var(VARIABLE).unwrap_or_default();
    let is_asked_for = !asked.is_empty();
    let named = if asked.len() > 1 { &asked } else { QUICK };
    let turns = named.split_whitespace().map(|version| {
        let version = version.to_owned();
        Trial::test(
            format!("OpenClaw {version}: a turn without and a turn with the launcher end as they should"),
            move || shown(&[&version]).map(|_| ()),
        )
    });
    let examples = [
        (
            "OpenClaw 2026.4.21 without a personal login: the bridge is repaired, and the turn is answered by it",
            (|| shown(&["2026.4.21", "--personal", "none"]).map(|_| ())) as fn() -> _,
        ),
        ("OpenClaw 2026.4.21 takes openclaw.json, and the turn is answered", || takes("openclaw.json")),
        ("OpenClaw 2026.4.21 takes openclaw-with-args.json, and the turn is answered", || {
            takes("openclaw-with-args.json")
        }),
        ("OpenClaw 2026.4.21 takes the variable, and the turn is answered", takes_the_variable),
    ];
    let examples = examples.into_iter().map(|(sentence, test)| Trial::test(sentence, test));
    let trials = turns.chain(examples).map(|trial| {
        let trial = trial.with_ignored_flag(!is_asked_for);
        if is_asked_for { trial } else { trial.with_kind(format!("{VARIABLE}=1 fetches and runs it")) }
    });
    let page =
        Trial::test("each home of docs/openclaw-versions.md is laid out by a test that is there", the_page_is_whole);
    // Each wants most of a machine, and all of them the same directory of npm's.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, [page].into_iter().chain(trials).collect()).exit_code()
}
