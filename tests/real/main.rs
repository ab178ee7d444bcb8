//! The launcher in front of real programs: codex from npm, real OpenClaw, and the examples as they are.
//!
//! Whatever codex sends goes to a stand-in for OpenAI on the loopback.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mutants.rs"]
mod mutants;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/vectors.rs"]
mod vectors;

mod conformance;
mod examples;
mod help;
mod hosts;
mod judge;
mod lab;
mod layers;
mod logins;
mod openclaw;
mod places;
mod recorder;
mod turns;
mod verify;

use std::process::ExitCode;

use support::{fixture, harness, stand_in};

fn main() -> ExitCode {
    if places::judge_here() {
        return ExitCode::SUCCESS;
    }
    if let Some(code) = stand_in::act() {
        return code;
    }
    let cases = [
        ("turns", turns::cases()),
        ("logins", logins::cases()),
        ("layers", layers::cases()),
        ("conformance", conformance::cases()),
        ("places", places::cases()),
        ("examples", examples::cases()),
        ("hosts", hosts::cases()),
        ("openclaw", openclaw::cases()),
        ("verify", verify::cases()),
        ("recorder", recorder::cases()),
        ("help", help::cases()),
    ];
    let code = harness::main(cases);
    fixture::remove_programs();
    code
}
