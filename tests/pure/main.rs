//! The library without a start: its judge, its policy, its messages and its tables.

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

#[path = "../support/mutants.rs"]
mod mutants;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/targets.rs"]
mod targets;
#[path = "../support/vectors.rs"]
mod vectors;

mod config;
mod decide;
mod display;
mod judge;
mod messages;
mod parsers;
mod platform;
mod repair;
mod request;
mod settings;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use codex_home::invocation::Invocation;
use support::{fixture, harness, stand_in};

fn main() -> ExitCode {
    if let Some(home) = env::var_os(judge::JUDGED) {
        return judge::judge_as_other_user(&home);
    }
    // Under the name of codex this program is the stand-in.
    if let Some(code) = stand_in::act() {
        return code;
    }
    let cases = [
        ("decide", decide::cases()),
        ("judge", judge::cases()),
        ("config", config::cases()),
        ("request", request::cases()),
        ("settings", settings::cases()),
        ("repair", repair::cases()),
        ("messages", messages::cases()),
        ("display", display::cases()),
        ("platform", platform::cases()),
        ("parsers", parsers::cases()),
    ];
    let code = harness::main(cases);
    fixture::remove_programs();
    code
}

/// A start with these arguments in this environment, without anything of this machine's.
fn invocation(env: &[(&str, &str)], args: &[&str]) -> Invocation {
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let mut invocation = Invocation::capture();
    invocation.args = args.iter().map(OsString::from).collect();
    (invocation.user_database, invocation.cwd, invocation.program) = (|| None, || None, None);
    invocation.with_env(env)
}
