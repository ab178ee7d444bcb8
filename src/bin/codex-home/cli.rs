//! The command line of `codex-home`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use codex_home::settings::Key;

use crate::error::CliResult;
use crate::gateways::Pick;
use crate::printer::Printer;

/// Explains, diagnoses and installs codex-home-shim, the launcher that gives codex a home that can log in.
#[derive(Parser)]
#[command(name = "codex-home", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "If a bot stopped answering, begin with `codex-home doctor`.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Show whether one home can log in
    ///
    /// Exit codes: 0 it can, 1 it cannot, 3 it cannot be judged from its files, 78 the settings are wrong.
    Inspect {
        /// The home [default: $CODEX_HOME, else your own]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the launcher would do now, and why; changes nothing
    ///
    /// Exit codes: 0 if it would start codex, else the one it would end with (78, 126 or 127).
    Explain {
        /// Explain a start with this CODEX_HOME instead of the one in the environment
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The arguments that codex is started with [default: app-server --listen stdio://]
        #[arg(last = true, value_name = "CODEX-ARGS")]
        args: Option<Vec<OsString>>,
    },
    /// Show what is right and what is wrong, the worst first; changes nothing, runs nothing but `systemctl show`
    ///
    /// Shows every gateway of this user, unless one is picked. Exit codes: 0 if nothing is marked ✗, else 1.
    Doctor {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Configure OpenClaw to run codex through the launcher
    ///
    /// Runs `openclaw config set`, and keeps what was there for `uninstall`. Refuses if the launcher does nothing for this release
    /// of OpenClaw, would start no codex that OpenClaw accepts, or would replace a script that does more. Exit codes: 0 it is
    /// installed, 1 it is not, 3 OpenClaw did not make the change and what to write by hand was printed.
    Install {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print the command, do not run it
        #[arg(long)]
        dry_run: bool,
        /// Install it whatever speaks against it, and say what does
        #[arg(long)]
        force: bool,
    },
    /// Restore what OpenClaw ran before `install`
    ///
    /// Exit codes: 0 the launcher is no longer installed, 1 it still is or the setting was changed since, 3 OpenClaw did not make
    /// the change and what to do by hand was printed.
    Uninstall {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print the command, do not run it
        #[arg(long)]
        dry_run: bool,
        /// Remove the settings and the journal of the launcher too
        #[arg(long)]
        purge: bool,
    },
    /// Start what the gateway would start, and show which login codex says it holds
    ///
    /// Starts it in the gateway's environment and in the home that OpenClaw would inject, asks it over stdio, and ends it. codex
    /// writes into its home at any start; what may be written is printed first. Exit codes: 0 codex says that it is logged in, 1 it
    /// is not, or it does not answer, 3 it cannot be told, 78, 126 or 127 the launcher starts nothing.
    Verify {
        /// Inject this home instead of OpenClaw's
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// Which gateway is meant.
        #[command(flatten)]
        pick: Pick,
        /// Ask the model one short question too, and show the answer
        #[arg(long)]
        turn: bool,
        /// End it after this many seconds [default: 30, with --turn 180]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=crate::verify::MOST))]
        limit: Option<u64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show recent starts, newest last
    Log {
        /// How many starts to show
        #[arg(short = 'n', value_name = "N", default_value_t = 20)]
        count: usize,
        /// Keep running and show new starts as they happen
        #[arg(short, long)]
        follow: bool,
        /// Print the journal's own lines, one JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Show the settings, or change one of them
    ///
    /// Exit codes: 0 it was shown or changed, 1 the file cannot be written, 78 the settings or the value are wrong.
    Config {
        /// What to do [default: show]
        #[command(subcommand)]
        command: Option<ConfigCommand>,
        /// Print JSON
        #[arg(long, global = true)]
        json: bool,
    },
    /// Print a completion script
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What to do with the settings.
#[derive(Clone, Default, Subcommand)]
pub enum ConfigCommand {
    /// Print the path of the settings file, whether it exists or not
    Path,
    /// Show the values in force, and where each comes from
    #[default]
    Show,
    /// Check the settings; exit code 78 if something is wrong
    Check,
    /// Set one key in the settings file, and keep the rest of it
    Set {
        /// The key
        #[arg(value_parser = PossibleValuesParser::new(Key::ALL.map(Key::name)))]
        key: String,
        /// Its value; several make a list
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Remove one key from the settings file, so that its default is in force
    Unset {
        /// The key; also one that is not known, which makes the file invalid
        key: String,
    },
}

/// Prints a completion script.
pub fn completions(shell: Shell, printer: &mut Printer) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "codex-home", &mut script);
    printer.raw(&script)?;
    Ok(0)
}
