//! `codex-home`: run it when a bot stopped answering, and once to set the launcher up.
//!
//! | module | job | may touch |
//! |---|---|---|
//! | [`cli`] | our own command line | |
//! | [`printer`], [`error`] | output and exit codes | stdout, stderr |
//! | [`child`] | a program that is run, and ended with this one | starts and ends processes |
//! | [`launcher`], [`codex`] | where the launcher is; a codex as a gateway would start it | [`disk`] |
//! | [`dry_run`] | what a start would do: the library's `observe` and `decide` | the library |
//! | [`inspect`], [`explain`] | one home, one start | the library |
//! | [`gateways`] | the gateways of this machine, each fact with how it is known | [`disk`], processes, runs `systemctl show` |
//! | [`hosts`] | what a redirect of a host's home would risk | |
//! | [`openclaw`] | OpenClaw's places, files and versions | [`disk`] |
//! | [`doctor`] | what is wrong, and what repairs it | [`disk`], the library |
//! | [`install`] | sets and restores one setting of OpenClaw | [`child`], [`write`] |
//! | [`verify`] | starts what the gateway would start, and asks it | [`child`] |
//! | [`report`] | what to paste into an issue, without names of the person's | |
//! | [`log`] | shows the journal | [`disk`] |
//! | [`config`] | shows the settings, changes one of them | the library, [`write`] |
//! | [`write`] | replaces a file of this program's own | the disk, writing |
//! | [`disk`] | reads for the modules above | the disk, reading |
//!
//! What is deliberately absent: a policy. Everything that is said about a home or a start comes from the library, from the same
//! functions that a start calls.

mod child;
mod cli;
mod codex;
mod config;
mod disk;
mod doctor;
mod dry_run;
mod error;
mod explain;
mod gateways;
mod hosts;
mod inspect;
mod inspection;
mod install;
mod launcher;
mod log;
mod openclaw;
mod printer;
mod report;
mod verify;
mod write;

use std::process::ExitCode;

use codex_home::failure::Failure;
use codex_home::invocation::Invocation;

use crate::cli::{Cli, Command};
use crate::error::{CliError, CliResult};
use crate::explain::Question;
use crate::install::Options;
use crate::printer::Printer;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and ends with 0, a wrong argument to stderr with 2. There is no other place to report a failure to.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut invocation = Invocation::capture();
    invocation.program = invocation.program.as_deref().and_then(codex_home::fs::canonicalize);
    if invocation.is_privileged {
        // Its caller would decide what is read, run and written with rights that the caller does not have.
        let failure = CliError::Other {
            message: "this program is setuid, setgid or has file capabilities, and does not use them for its caller"
                .to_owned(),
            help: "run `chmod ug-s` and `setcap -r` on it".to_owned(),
            code: Failure::Privileged.exit_code(),
        };
        return Printer::new(None).finish(Err(failure));
    }
    let invocation = launcher::as_launcher(invocation);
    let mut printer = Printer::new(invocation.person_home());
    let result = run(cli, invocation, &mut printer);
    printer.finish(result)
}

fn run(cli: Cli, invocation: Invocation, printer: &mut Printer) -> CliResult {
    match cli.command {
        Command::Doctor { pick, all, json } => doctor::run(&invocation, &pick, all, json, printer),
        Command::Install { pick, dry_run, force } => {
            install::install(&invocation, &pick, Options { dry_run, force, purge: false }, printer)
        }
        Command::Verify { home, pick, turn, limit, json } => {
            let options = verify::Options { home, pick, turn, limit, json };
            verify::run(&invocation, options, printer)
        }
        Command::Explain { reason, home, pick, json, args } => {
            let question = Question { reason, home, pick, args, json };
            explain::run(&invocation, question, printer)
        }
        Command::Log { count, follow, json } => log::run(&invocation, count, follow, json, printer),
        Command::Inspect { directory, json } => inspect::run(&invocation, directory, json, printer),
        Command::Config { command, json } => config::run(&invocation, command.unwrap_or_default(), json, printer),
        Command::Uninstall { pick, dry_run, purge } => {
            install::uninstall(&invocation, &pick, Options { dry_run, force: false, purge }, printer)
        }
        Command::Report { pick } => report::run(&invocation, &pick, printer),
        Command::Completions { shell } => cli::completions(shell, printer),
    }
}
