//! The launcher from outside, with a stand-in for codex: a specification of its decisions and of everything it leaves alone.

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

#[path = "../support/mod.rs"]
mod support;

mod certain;
mod cost;
mod crowds;
mod decisions;
mod faults;
mod field;
mod finding;
mod journal;
mod passthrough;
mod recursion;
mod refusal;
mod settings;
mod surroundings;

use std::process::ExitCode;

use support::{fixture, harness, stand_in};

fn main() -> ExitCode {
    // Under the name of codex this program is the stand-in.
    if let Some(code) = crowds::act().or_else(finding::act).or_else(stand_in::act) {
        return code;
    }
    let code = harness::main([
        ("decisions", decisions::cases()),
        ("certain", certain::cases()),
        ("passthrough", passthrough::cases()),
        ("surroundings", surroundings::cases()),
        ("recursion", recursion::cases()),
        ("journal", journal::cases()),
        ("refusal", refusal::cases()),
        ("settings", settings::cases()),
        ("finding", finding::cases()),
        ("field", field::cases()),
        ("cost", cost::cases()),
        ("faults", faults::cases()),
        ("crowds", crowds::cases()),
    ]);
    fixture::remove_programs();
    code
}
