//! `codex-home` from outside: the output of each command, as text and as JSON, in a pipe and in a terminal. Only `install`,
//! `uninstall` and `config` change anything, and no secret is ever printed.

#![allow(
    clippy::disallowed_methods,
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's boundaries are not the tests'"
)]

#[path = "../launcher/decisions.rs"]
mod decisions;
#[path = "../support/mod.rs"]
mod support;

mod advice;
mod cli;
mod completions;
mod config;
mod config_edit;
mod doctor;
mod explain;
mod inspect;
mod install;
mod log;
mod man;
mod openclaw_stand_in;
mod report;
mod screens;
mod verify;

use std::process::{Command, ExitCode};

use serde_json::Value;
use snapbox::{Assert, IntoData, Redactions};
use support::{Finished, Fixture, assert_same, fixture, harness, run, snapshot, stand_in};

/// `codex-home` with a codex on PATH, and UTC.
fn codex_home(person: &Fixture, args: &[&str]) -> Command {
    let mut command = person.codex_home(args);
    command.env("PATH", person.root().join("bin")).env("TZ", "UTC");
    command
}

/// Runs a command that changes nothing, and that prints no secret.
fn ask(person: &Fixture, command: &mut Command) -> Finished {
    let trees = || ["home", "state", "work", "out"].map(|tree| snapshot(&person.root().join(tree)));
    let before = trees();
    let finished = run(command);
    before.iter().zip(&trees()).for_each(|(before, after)| assert_same(before, after));
    person.assert_no_secret(&person.secrets(), &[finished.stdout.as_bytes(), finished.stderr.as_bytes()]);
    finished
}

/// As [`ask`], for a command that prints JSON and nothing else.
fn ask_json(person: &Fixture, command: &mut Command) -> (i32, Value) {
    let finished = ask(person, command);
    assert_eq!(finished.stderr, "", "{finished:?}");
    let value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.code.unwrap(), value)
}

/// Runs a command that prints this on stdout, and nothing on stderr.
#[track_caller]
fn prints(person: &Fixture, command: &mut Command, code: i32, expected: impl IntoData) {
    let finished = ask(person, command);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(code), ""), "{finished:?}");
    compare(person, &finished.stdout, expected);
}

/// Runs a command that prints this on stderr, and nothing on stdout.
#[track_caller]
fn complains(person: &Fixture, command: &mut Command, code: i32, expected: impl IntoData) {
    let finished = ask(person, command);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{finished:?}");
    compare(person, &finished.stderr, expected);
}

#[track_caller]
fn compare(person: &Fixture, text: &str, expected: impl IntoData) {
    let mut redactions = Redactions::new();
    redactions.insert("[ROOT]", person.root().to_path_buf()).unwrap();
    Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).redact_with(redactions).eq(text, expected);
}

fn main() -> ExitCode {
    // This program is also the stand-in for codex, and the one for `openclaw`.
    if let Some(code) = openclaw_stand_in::act().or_else(stand_in::act) {
        return code;
    }
    let cases = [
        ("inspect", inspect::cases()),
        ("explain", explain::cases()),
        ("log", log::cases()),
        ("config", config::cases()),
        ("config_edit", config_edit::cases()),
        ("cli", cli::cases()),
        ("completions", completions::cases()),
        ("report", report::cases()),
        ("screens", screens::cases()),
        ("doctor", doctor::cases()),
        ("advice", advice::cases()),
        ("install", install::cases()),
        ("man", man::cases()),
        ("verify", verify::cases()),
    ];
    let code = harness::main(cases);
    fixture::remove_programs();
    code
}
