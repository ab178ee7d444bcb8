//! The launcher: becomes codex, in a home that can log in. It has no options of its own.

use std::process::ExitCode;

use codex_home::invocation::Invocation;
use codex_home::journal;

fn main() -> ExitCode {
    let invocation = Invocation::capture();
    journal::open(&invocation);
    match codex_home::run(&invocation) {
        Ok(never) => match never {},
        Err(failure) => {
            journal::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
