//! OUR OWN COMMAND LINE.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::screen::{Ended, Screen};

/// Explains, diagnoses and installs codex-home-shim, the launcher that gives codex a home that can log in.
#[derive(Parser)]
#[command(name = "codex-home", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Where a bot stopped answering, begin with `codex-home doctor`.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Tell whether one home can log in
    ///
    /// Exit codes: 0 it can, 1 it cannot, 3 its files cannot tell, 78 the settings are wrong.
    Inspect {
        /// The home [default: $CODEX_HOME, else your own]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell what the launcher would do now, and why; changes nothing
    ///
    /// Exit codes: 0 where it would start codex, else the one it would end with (78, 126 or 127).
    Explain {
        /// Explain a start with this CODEX_HOME instead of the one in the environment
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// What codex is started with [default: app-server --listen stdio://]
        #[arg(last = true, value_name = "CODEX-ARGS")]
        args: Option<Vec<OsString>>,
    },
    /// Tell what is right and what is not, the worst first; changes nothing, runs nothing
    ///
    /// Exit codes: 0 where nothing is marked ✗, else 1.
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have OpenClaw start the launcher in codex's place
    ///
    /// Runs `openclaw config set` and keeps the value from before, which `uninstall` puts back. Refuses where OpenClaw has a
    /// way of its own (2026.7.1 and later). Exit codes: 0 it is installed, 1 it is not, 3 there is no `openclaw` command and
    /// what to write by hand was printed.
    Install {
        /// Print the commands, run none
        #[arg(long)]
        dry_run: bool,
        /// Install it also where OpenClaw's own way is better
        #[arg(long)]
        force: bool,
    },
    /// Have OpenClaw start what it started before `install`
    ///
    /// Exit codes: 0 the launcher is not installed any more, 1 it is or the setting is somebody else's, 3 there is no
    /// `openclaw` command and what to do by hand was printed.
    Uninstall {
        /// Print the commands, run none
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the starts that were noted down, the last at the bottom
    Log {
        /// How many
        #[arg(short = 'n', value_name = "N", default_value_t = 20)]
        count: usize,
        /// Go on and show new ones as they come
        #[arg(short, long)]
        follow: bool,
        /// Print them as they are noted down, a line of JSON each
        #[arg(long)]
        json: bool,
    },
    /// Show the settings: where they are, what is in force, whether they are right
    Config {
        /// What to show [default: show]
        #[command(subcommand)]
        command: Option<Config>,
        /// Print JSON
        #[arg(long, global = true)]
        json: bool,
    },
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
}

/// What to show of the settings.
#[derive(Clone, Copy, Default, Subcommand)]
pub enum Config {
    /// Where the settings file is, whether it is there or not
    Path,
    /// What is in force, and where each value comes from
    #[default]
    Show,
    /// Whether everything is right; exit code 78 where it is not
    Check,
}

/// Prints a completion script.
pub fn completions(shell: Shell, screen: &mut Screen) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "codex-home", &mut script);
    screen.raw(&script)?;
    Ok(0)
}
