//! `codex-home explain`: what the launcher would do now, and why.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use codex_home::codex::Codex;
use codex_home::decide::Decision;
use codex_home::home::AUTH_FILE;
use codex_home::home::auth::Login;
use codex_home::home::repaired::IdTokenFrom;
use codex_home::invocation::Invocation;
use codex_home::request::Request;
use codex_home::settings::Strategy;
use codex_home::{describe, failure::Failure};
use serde_json::{Value, json};

use crate::dry_run::DryRun;
use crate::error::{CliError, CliResult};
use crate::gateways::{Gateways, Pick, pick};
use crate::hosts;
use crate::inspect::mark;
use crate::openclaw::OpenClaw;
use crate::openclaw::version::DEFAULT_ARGUMENTS;
use crate::printer::{BAD, DIM, GOOD, HEAD, Printer, painted};

/// Explains the start of codex with `args` in `home`, or in the home that the environment names.
pub fn run(
    invocation: Invocation,
    pick: &Pick,
    home: Option<PathBuf>,
    args: Option<Vec<OsString>>,
    json: bool,
    printer: &mut Printer,
) -> CliResult {
    let invocation = if pick.is_from_shell() { invocation } else { of_gateway(&invocation, pick)? };
    let invocation = asked(invocation, home, args);
    let start = DryRun::new(&invocation);
    let settings = &start.observed.settings;
    let explanation = Explanation {
        injected: invocation.codex_home().map(|home| Inspection::of(&home, &invocation, settings)),
        personal: Inspection::of_personal(&invocation, settings),
        strategies: Strategy::ALL.map(|strategy| start.under(strategy, &invocation)),
        start,
    };
    if json {
        printer.json(&explanation.to_json())?;
    } else {
        explanation.print(printer)?;
    }
    Ok(explanation.start.failure().map_or(0, Failure::exit_code))
}

/// Returns a start in the environment of the gateway that is picked.
fn of_gateway(invocation: &Invocation, pick: &Pick) -> Result<Invocation, CliError> {
    let gateways = Gateways::find(invocation, pick).map_err(|names| pick::none(&names))?;
    let mut start = invocation.clone();
    if let Some(gateway) = gateways.all.into_iter().next() {
        let openclaw = OpenClaw::observe(invocation, gateway);
        let is_new = openclaw.version().is_some_and(|version| version.puts_system_first());
        start = openclaw.gateway.start(invocation, is_new);
    }
    Ok(start)
}

/// Returns the start that is asked about.
fn asked(mut invocation: Invocation, home: Option<PathBuf>, args: Option<Vec<OsString>>) -> Invocation {
    // `--` alone means codex without arguments.
    let is_bare = invocation.args.iter().any(|arg| arg == "--");
    invocation.args = match args {
        Some(args) => args,
        None if is_bare => Vec::new(),
        None => DEFAULT_ARGUMENTS.map(OsString::from).into(),
    };
    match home.map(|home| invocation.absolute(home)) {
        Some(home) => invocation.with_var("CODEX_HOME", Some(home.as_os_str())),
        None => invocation,
    }
}

/// Everything that is said about one start.
struct Explanation {
    start: DryRun,
    injected: Option<Inspection>,
    personal: Inspection,
    /// The same start under each strategy.
    strategies: [DryRun; 4],
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Explanation {
    fn repairs(&self) -> Vec<Value> {
        let Decision::Repair(repair) = &self.start.decision else { return Vec::new() };
        vec![json!({
            "file": text(&repair.home.join(AUTH_FILE)),
            "id_token_from": match repair.repaired.id_token {
                IdTokenFrom::Itself => "itself",
                IdTokenFrom::AccessToken => "access-token",
            },
        })]
    }

    /// Returns the codex that would be started, if one would be.
    fn codex(&self) -> Option<&Codex> {
        self.start.observed.codex.as_ref().ok().filter(|_| self.start.failure().is_none())
    }

    fn to_json(&self) -> Value {
        let DryRun { observed, decision, .. } = &self.start;
        let launch = self.codex().map(|codex| {
            json!({
                "codex": text(&codex.path),
                "codex_version": codex.version(),
                "found_by": codex.found_by,
                "codex_home": self.start.home().map(text),
                "skipped": codex.skipped.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        });
        json!({
            "invocation": {
                "subcommand": observed.request.name(),
                "judged": matches!(observed.request, Request::Judged(_)),
                "codex_home": observed.codex_home.as_deref().map(text),
            },
            "injected": self.injected,
            "personal": self.personal,
            "decision": decision.name(),
            "reason": decision.code().id(),
            "because": self.start.because(),
            "repairs": self.repairs(),
            "launch": launch,
            "message": self.start.messages().join("; "),
            "exit_code": self.start.failure().map(Failure::exit_code),
            "risk": self.risk(),
            "strategies": self.strategies.iter().map(|other| json!({
                "strategy": other.observed.settings.strategy.name(),
                "decision": other.decision.name(),
                "reason": other.decision.code().id(),
                "codex_home": other.home().map(text),
            })).collect::<Vec<_>>(),
        })
    }

    /// Returns what a redirect of this home would risk, if the home is kept although it cannot log in.
    fn risk(&self) -> Option<&'static str> {
        let injected = self.injected.as_ref().filter(|injected| matches!(injected.login, Login::Broken(_)))?;
        let is_kept = matches!(self.start.decision, Decision::Keep { .. });
        hosts::risk(injected.home.as_deref()?, injected.kind).filter(|_| is_kept)
    }

    fn print(&self, printer: &mut Printer) -> Result<(), CliError> {
        let start = match &self.start.observed.request {
            Request::Judged(judged) if judged.subcommand.name().is_empty() => "codex".to_owned(),
            Request::Judged(judged) => format!("codex {}", judged.subcommand.name()),
            Request::PassThrough(reason) => format!("a start that is passed through unchanged: {reason:#}"),
        };
        item("asked for", &start, printer)?;
        print_home("injected", self.injected.as_ref(), printer)?;
        print_home("personal", Some(&self.personal), printer)?;
        let style = if self.start.failure().is_none() { GOOD } else { BAD };
        let decision = painted(style, self.start.decision.name());
        item("decision", &format!("{decision}: {}", self.start.because()), printer)?;
        self.print_launch(printer)?;
        if let (Some(risk), Some(path)) = (self.risk(), &self.start.observed.codex_home) {
            let path = printer.path(path);
            let note = format!(
                "with `bridges = [\"{path}\"]` in the settings it is treated as a bridge. What that risks: {risk}."
            );
            item("note", &note, printer)?;
        }
        printer.line("")?;
        self.print_strategies(printer)
    }

    fn print_launch(&self, printer: &mut Printer) -> Result<(), CliError> {
        if let Some(failure) = self.start.failure() {
            item("starts", &format!("nothing, exit code {}", failure.exit_code()), printer)?;
            let failure = describe::terminal(failure, self.start.observed.settings.person_home.as_deref());
            return failure.lines().try_for_each(|line| printer.line(format!("  {}", line.trim_start())));
        }
        let Some(codex) = self.codex() else { return Ok(()) };
        let version = codex.version().unwrap_or_else(|| "of unknown version".to_owned());
        let found = painted(DIM, &format!("({version}, found by {})", codex.found_by));
        item("starts", &format!("{} {found}", printer.path(&codex.path)), printer)?;
        let home = self.start.home().map_or_else(|| "its default home".to_owned(), |home| printer.path(home));
        item("in", &home, printer)?;
        self.start.messages().iter().try_for_each(|message| item("says", message, printer))
    }

    fn print_strategies(&self, printer: &mut Printer) -> Result<(), CliError> {
        let in_force = self.start.observed.settings.strategy;
        let rows = self.strategies.iter().map(|other| {
            let home = match (other.failure(), other.home()) {
                (Some(failure), _) => format!("none: {}", failure.code()),
                (None, Some(home)) => printer.path(home),
                (None, None) => "codex's default".to_owned(),
            };
            let strategy = other.observed.settings.strategy;
            let mark = if strategy == in_force { "in force" } else { "" };
            vec![strategy.name().to_owned(), other.decision.name().to_owned(), home, mark.to_owned()]
        });
        let rows = rows.collect();
        printer.table(&["strategy", "decision", "home", ""], rows)
    }
}

/// Prints a heading and a text beside it.
fn item(heading: &str, text: &str, printer: &mut Printer) -> Result<(), CliError> {
    printer.line(format!("{} {text}", painted(HEAD, &format!("{heading:9}"))))
}

fn print_home(heading: &str, home: Option<&Inspection>, printer: &mut Printer) -> Result<(), CliError> {
    let Some(home) = home else { return item(heading, "none", printer) };
    let (mark, can) = mark(&home.login);
    let path = home.home.as_deref().map_or_else(|| "none known".to_owned(), |path| printer.path(path));
    let kind = painted(DIM, &format!("({})", home.kind.name()));
    item(heading, &format!("{mark} {path} {kind}"), printer)?;
    let account = home.account.as_ref().map(|account| format!(", account {account}")).unwrap_or_default();
    printer.line(format!("            {can}: {:#}{account}", home.reason()))
}
