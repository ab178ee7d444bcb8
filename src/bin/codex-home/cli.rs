//! The command line of `codex-home`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use codex_home::reason::ReasonCode;
use codex_home::settings::{Key, Strategy};

use crate::error::CliResult;
use crate::gateways::Pick;
use crate::printer::Printer;

/// Where the documentation is.
macro_rules! docs {
    ($page:literal) => {
        concat!("https://github.com/codex-home-shim/codex-home-shim/blob/main/", $page)
    };
}

/// What follows the help of a command: an example, and where to read on.
macro_rules! example {
    ($command:literal, $page:literal) => {
        concat!("Example: ", $command, "\n\nDocumentation: ", docs!($page))
    };
}

/// Explains, diagnoses and installs codex-home-shim, the launcher that gives codex a home that can log in.
#[derive(Parser)]
#[command(name = "codex-home", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = example!("codex-home doctor", "README.md"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do, in the order in which people need it.
#[derive(Subcommand)]
pub enum Command {
    /// Show what is wrong, and what repairs it; changes nothing
    ///
    /// Examines every gateway of this user, or the one that is picked. Runs nothing but `systemctl show`. Exit codes: 0 nothing is
    /// marked ✗, 1 something is.
    #[command(after_help = example!("codex-home doctor --all", "docs/doctor.md"))]
    Doctor {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Also show what is right
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Configure OpenClaw to run codex through the launcher
    ///
    /// Runs `openclaw config set`, and keeps what was there for `uninstall`. Refuses if the launcher would do nothing for this
    /// release of OpenClaw, would find no codex that OpenClaw accepts, or would replace a script that does more. Exit codes: 0 the
    /// launcher is installed, 1 it is not, 3 OpenClaw did not make the change, and what to write by hand was printed.
    #[command(after_help = example!("codex-home install --dry-run", "README.md#use"))]
    Install {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print the command without running it
        #[arg(long)]
        dry_run: bool,
        /// Install even if something speaks against it, and say what does
        #[arg(long)]
        force: bool,
    },
    /// Start codex as the gateway would, and show which login codex says it has
    ///
    /// Starts codex in the gateway's environment and in the home that OpenClaw would inject, asks it over stdio, and ends it. codex
    /// writes into its home at any start; `verify` first prints what may be written. Exit codes: 0 codex says that it is logged in,
    /// 1 it says that it is not, or does not answer, 3 not known, 78, 126 or 127 the launcher starts nothing.
    #[command(after_help = example!("codex-home verify --turn", "docs/verify.md"))]
    Verify {
        /// Verify a start with this CODEX_HOME [default: the one that OpenClaw would inject]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        home: Option<PathBuf>,
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Also ask the model one short question, and show the answer
        #[arg(long)]
        turn: bool,
        /// End codex after this many seconds [default: 30, with --turn 180]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=crate::verify::MOST))]
        limit: Option<u64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the launcher would do, and why; changes nothing
    ///
    /// Without a home, explains each home that a gateway injects. With the id of a reason, such as `missing-id-token`, prints what
    /// the reason means. Exit codes: 0 the launcher would start codex, 78, 126 or 127 it would not.
    #[command(after_help = example!("codex-home explain missing-id-token", "docs/failure-modes.md"))]
    Explain {
        /// Print what this reason means
        #[arg(value_name = "REASON-ID", value_parser = reasons(), hide_possible_values = true)]
        #[arg(conflicts_with_all = ["home", "args", "profile", "dev", "state_dir"])]
        reason: Option<String>,
        /// Explain a start with this CODEX_HOME [default: $CODEX_HOME, else each home that a gateway injects]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
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
    /// Show recent starts, newest last
    #[command(after_help = example!("codex-home log --follow", "docs/settings.md#the-journal"))]
    Log {
        /// Show this many starts
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
        count: usize,
        /// Keep running, and show new starts as they happen
        #[arg(short, long)]
        follow: bool,
        /// Print the journal's own lines, one JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Show whether one home can log in
    ///
    /// Exit codes: 0 it can log in, 1 it cannot, 3 its files do not tell, 78 the settings are wrong.
    #[command(after_help = example!("codex-home inspect ~/.codex", "docs/failure-modes.md#by-id"))]
    Inspect {
        /// The home [default: $CODEX_HOME, else your own]
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the settings, or change one of them
    ///
    /// Exit codes: 0 the settings were shown or changed, 1 the file cannot be written, 78 the settings or the value are wrong.
    #[command(after_help = example!("codex-home config set strategy redirect", "docs/settings.md"))]
    Config {
        /// What to do [default: show]
        #[command(subcommand)]
        command: Option<ConfigCommand>,
        /// Print JSON
        #[arg(long, global = true)]
        json: bool,
    },
    /// Restore what OpenClaw ran before `install`
    ///
    /// Exit codes: 0 the launcher is no longer installed, 1 it still is, or the setting was changed since, 3 OpenClaw did not make
    /// the change, and what to do by hand was printed.
    #[command(after_help = example!("codex-home uninstall --dry-run", "README.md#use"))]
    Uninstall {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
        /// Print the command without running it
        #[arg(long)]
        dry_run: bool,
        /// Also remove the launcher's settings and journal
        #[arg(long)]
        purge: bool,
    },
    /// Print what to paste into an issue, without your names
    ///
    /// Markdown: versions, what `doctor` found, and the last starts. Replaces your home directory, user and host names, account ids,
    /// and each name in a path that is not in the documentation.
    #[command(after_help = example!("codex-home report > report.md", "docs/doctor.md#report"))]
    Report {
        /// Which gateway
        #[command(flatten)]
        pick: Pick,
    },
    /// Print a completion script
    #[command(after_help = example!("codex-home completions bash", "README.md#use"))]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Parses the ids of reasons.
fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(ReasonCode::ALL.iter().map(|code| code.id()))
}

/// What people ask for by another name, and what they are looking for.
const MEANT: [(&str, &str); 8] = [
    ("status", "codex-home doctor"),
    ("check", "codex-home doctor"),
    ("fix", "codex-home doctor"),
    ("repair", "codex-home doctor"),
    ("test", "codex-home verify"),
    ("why", "codex-home explain"),
    ("remove", "codex-home uninstall"),
    ("version", "codex-home --version"),
];

/// What helps if a home is taken for the id of a reason.
const HOME_TIP: &str = "for a home, run `codex-home explain --home DIR`";

/// How many possible values an error names.
const MOST: usize = 12;

impl Cli {
    /// Parses the command line of this process.
    ///
    /// # Errors
    /// If it is wrong, or asks for help: what clap prints.
    pub fn read() -> Result<Self, clap::Error> {
        Self::try_parse().map_err(|mut error| {
            if matches!(error.get(ContextKind::ValidValue), Some(ContextValue::Strings(all)) if all.len() > MOST) {
                // Only the ids of reasons are so many.
                error.remove(ContextKind::ValidValue);
                let tips = [concat!("the ids are listed in ", docs!("docs/failure-modes.md#by-id")), HOME_TIP];
                let tips = tips.map(|tip| StyledStr::from(tip.to_owned()));
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips.into()));
            }
            let asked = match error.get(ContextKind::InvalidSubcommand) {
                Some(ContextValue::String(asked)) => MEANT.iter().find(|(name, _)| name == asked),
                _ => None,
            };
            if let Some((_, meant)) = asked {
                error.remove(ContextKind::SuggestedSubcommand);
                let did_you_mean = StyledStr::from(format!("did you mean `{meant}`?"));
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![did_you_mean]));
            }
            error
        })
    }
}

/// What to do with the settings.
#[derive(Clone, Default, Subcommand)]
pub enum ConfigCommand {
    /// Print the path of the settings file, whether it exists or not
    Path,
    /// Show the settings in force, and the source of each
    #[default]
    Show,
    /// Check the settings; exit code 78 if something is wrong
    Check,
    /// Set one key in the settings file, and keep its comments and order
    ///
    /// `strategy` is `auto`, `redirect`, `repair` or `off`. `npm_native` and `journal` are `true` or `false`. The others are paths,
    /// absolute or with `~/`; `search`, `bridges` and `leave` take several.
    #[command(after_help = example!("codex-home config set strategy redirect", "docs/settings.md"))]
    Set {
        /// The key
        #[arg(value_parser = PossibleValuesParser::new(Key::ALL.map(Key::name)))]
        key: String,
        /// The value; several values make a list
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Remove one key from the settings file, so that its default applies
    Unset {
        /// The key; it may be an unknown one, which makes the file invalid
        key: String,
    },
}

/// Prints a completion script.
pub fn completions(shell: Shell, printer: &mut Printer) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "codex-home", &mut script);
    if shell == Shell::Bash {
        // clap_complete 4.6 spells a hyphen in the program's name in two ways, so that nothing is found behind a subcommand.
        let text = String::from_utf8_lossy(&script).replace("codex__subcmd__home", "codex__home");
        script = with_bash_values(&text).into_bytes();
    }
    if shell == Shell::Fish {
        script.extend(fish_values().into_bytes());
    }
    printer.raw(&script)?;
    Ok(0)
}

/// Returns bash's script with the values of a setting, in place of the keys that clap_complete 4.6 offers again. A path has none, so
/// that bash offers files.
fn with_bash_values(script: &str) -> String {
    const SET: &str = "        codex__home__subcmd__config__subcmd__set)\n";
    const PREVIOUS: &str = "            case \"${prev}\" in\n";
    let strategies = Strategy::ALL.map(Strategy::name).join(" ");
    let opts =
        [("set|--json", "${opts}"), ("strategy", strategies.as_str()), ("npm_native|journal", "true false"), ("*", "")];
    let opts: String =
        opts.iter().map(|(prev, opts)| format!("                {prev}) opts=\"{opts}\" ;;\n")).collect();
    let (before, set) = script.split_at(script.find(SET).unwrap_or(script.len()));
    let values = format!("{PREVIOUS}{opts}            esac\n{PREVIOUS}");
    format!("{before}{}", set.replacen(PREVIOUS, &values, 1))
}

/// Returns what clap_complete 4.6 leaves out of fish's script: the values of arguments that are no options.
fn fish_values() -> String {
    let mut lines = String::new();
    let mut add = |command: &clap::Command, condition: &str| {
        let values = command.get_positionals().flat_map(clap::Arg::get_possible_values);
        let values: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            lines.push_str(&format!("complete -c codex-home -n \"{condition}\" -f -a \"{}\"\n", values.join(" ")));
        }
    };
    for command in Cli::command().get_subcommands() {
        let condition = format!("__fish_codex_home_using_subcommand {}", command.get_name());
        add(command, &condition);
        for inner in command.get_subcommands() {
            add(inner, &format!("{condition}; and __fish_seen_subcommand_from {}", inner.get_name()));
        }
    }
    lines
}
