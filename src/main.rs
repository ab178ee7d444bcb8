//! The launcher: becomes codex in a home that can log in. It has no options of its own.

use std::process::ExitCode;

use codex_home::invocation::Invocation;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let invocation = Invocation::capture();
    match codex_home::run(&invocation) {
        Ok(never) => match never {},
        Err(failure) => {
            codex_home::refuse(&failure, &invocation);
            ExitCode::from(failure.exit_code())
        }
    }
}
