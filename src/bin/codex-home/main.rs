//! `codex-home`: what a person runs when a bot stopped answering, and once to set the launcher up.
//!
//! | the line…                                     | lives in                                          |
//! |-----------------------------------------------|---------------------------------------------------|
//! | knows our own command line                    | [`cli`]                                           |
//! | writes to stdout or stderr                    | [`screen`], and nowhere else                      |
//! | knows where the launcher is                   | [`launcher`]                                      |
//! | knows what other hosts do with their homes    | [`hosts`]                                         |
//! | tells about one home, or one start            | [`inspect`], [`explain`]                          |
//! | looks at the disk for the others              | [`disk`]                                          |
//! | knows OpenClaw: its places, files, versions   | [`openclaw`]                                      |
//! | tells what is right and what is not           | [`doctor`]                                        |
//! | runs a program, writes                        | [`install`], and nowhere else                     |
//! | reads the journal                             | [`log`]                                           |
//! | tells about the settings                      | [`config`]                                        |
//!
//! What is deliberately absent: a judgement. Everything that is said of a home or a start comes from the library, from the
//! same rooms that a start goes through.

mod cli;
mod config;
mod disk;
mod doctor;
mod explain;
mod hosts;
mod inspect;
mod install;
mod launcher;
mod log;
mod openclaw;
mod screen;

use std::process::ExitCode;

use clap::Parser as _;
use codex_home::invocation::Invocation;

use crate::cli::{Cli, Command};
use crate::install::Asked;
use crate::screen::{Ended, Screen, Trouble};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let invocation = Invocation::capture();
    if invocation.is_privileged {
        // Whoever calls it would say what is read, run and written with them.
        let message =
            "this program is setuid, setgid or has file capabilities: it will not use them for whoever calls it";
        let help = Some("take them away (`chmod ug-s`, `setcap -r`)".to_owned());
        return Screen::new(None).end(Err(Trouble::Other { message: message.to_owned(), help, code: 126 }));
    }
    let invocation = launcher::as_the_launcher(invocation);
    let mut screen = Screen::new(invocation.person_home());
    let ended = run(cli, invocation, &mut screen);
    screen.end(ended)
}

fn run(cli: Cli, invocation: Invocation, screen: &mut Screen) -> Ended {
    match cli.command {
        Command::Inspect { directory, json } => inspect::run(&invocation, directory, json, screen),
        Command::Explain { home, json, args } => explain::run(invocation, home, args, json, screen),
        Command::Doctor { json } => doctor::run(&invocation, json, screen),
        Command::Install { dry_run, force } => install::install(&invocation, Asked { dry_run, force }, screen),
        Command::Uninstall { dry_run } => install::uninstall(&invocation, Asked { dry_run, force: false }, screen),
        Command::Log { count, follow, json } => log::run(&invocation, count, follow, json, screen),
        Command::Config { command, json } => config::run(&invocation, command.unwrap_or_default(), json, screen),
        Command::Completions { shell } => cli::completions(shell, screen),
    }
}
