//! `codex-home explain`: shows what the launcher would do now, and why; and what the id of a reason means.

mod reason;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use codex_home::codex::Codex;
use codex_home::decide::Decision;
use codex_home::display::plain_text;
use codex_home::home::AUTH_FILE;
use codex_home::home::auth::Login;
use codex_home::home::repaired::IdTokenFrom;
use codex_home::invocation::Invocation;
use codex_home::reason::Reason;
use codex_home::request::Request;
use codex_home::settings::Strategy;
use codex_home::{describe, failure::Failure};
use serde_json::{Value, json};

use crate::dry_run::DryRun;
use crate::error::{CliError, CliResult};
use crate::gateways::{Gateways, Pick};
use crate::hosts;
use crate::inspect::answer;
use crate::openclaw::OpenClaw;
use crate::openclaw::version::DEFAULT_ARGUMENTS;
use crate::printer::{BAD, GOOD, INDENT, Printer, mark, painted};

pub struct Question {
    /// A reason, and no start.
    pub reason: Option<String>,
    /// The home that is injected.
    pub home: Option<PathBuf>,
    pub pick: Pick,
    pub args: Option<Vec<OsString>>,
    pub json: bool,
}

/// Explains a reason, a start in one home, or a start in each home that a gateway injects.
pub fn run(invocation: &Invocation, question: Question, printer: &mut Printer) -> CliResult {
    if let Some(id) = &question.reason {
        return reason::run(id, question.json, printer);
    }
    let json = question.json;
    let all = explanations(invocation, question, printer)?;
    if json {
        printer.json(&json!({ "starts": all.iter().map(Explanation::to_json).collect::<Vec<_>>() }))?;
    } else if let [only] = all.as_slice() {
        only.print(true, printer)?;
        only.print_messages(printer)?;
        printer.line("")?;
        only.print_strategies(printer)?;
    } else {
        for (at, one) in all.iter().enumerate() {
            if at > 0 {
                printer.line("")?;
            }
            let is_personal_said =
                at > 0 && all.get(at - 1).is_some_and(|before| before.personal.home == one.personal.home);
            one.print(!is_personal_said, printer)?;
        }
    }
    Ok(all.iter().find_map(|one| one.start.failure()).map_or(0, Failure::exit_code))
}

/// Explains the start in question, or those that the gateways make.
fn explanations(invocation: &Invocation, question: Question, printer: &Printer) -> Result<Vec<Explanation>, CliError> {
    let Question { home, pick, .. } = question;
    // `--` alone means codex without arguments.
    let is_bare = invocation.args.iter().any(|arg| arg == "--");
    let args = question.args.or(is_bare.then(Vec::new));
    let is_here = pick.is_from_shell() && (home.is_some() || args.is_some() || invocation.codex_home().is_some());
    if is_here {
        return Ok(vec![Explanation::new(&asked(invocation, home.as_deref(), args), None)]);
    }
    let gateways = Gateways::find(invocation, &pick)?;
    let mut all = Vec::new();
    for gateway in gateways.all {
        if let Some(hidden) = gateway.hidden("explain") {
            if !pick.is_from_shell() {
                return Err(CliError::new(hidden.what, hidden.help));
            }
            printer.remark(&format!("not explained: {}\n  help: {}", hidden.what, hidden.help));
            continue;
        }
        let name = gateway.name.clone();
        let openclaw = OpenClaw::observe(invocation, gateway);
        let (start, version) = (openclaw.start(invocation), openclaw.version.as_ref());
        if home.is_some() {
            return Ok(vec![Explanation::new(&asked(&start, home.as_deref(), args), Some(name))]);
        }
        let used = openclaw.homes.iter().filter(|home| home.purpose.is_used_by(version) != Some(false));
        all.extend(used.map(|home| {
            let usual = || home.purpose.arguments(version).into_iter().map(OsString::from).collect();
            let args = args.clone().unwrap_or_else(usual);
            Explanation::new(&asked(&start, Some(&home.path), Some(args)), Some(name.clone()))
        }));
        if all.is_empty() && !pick.is_from_shell() {
            all.push(Explanation::new(&asked(&start, None, args.clone()), Some(name)));
        }
    }
    if all.is_empty() {
        all.push(Explanation::new(&asked(invocation, None, args), None));
    }
    Ok(all)
}

/// Returns a start with these arguments in this home, else in the one that the environment names.
fn asked(invocation: &Invocation, home: Option<&Path>, args: Option<Vec<OsString>>) -> Invocation {
    let mut start = invocation.clone();
    start.args = args.unwrap_or_else(|| DEFAULT_ARGUMENTS.map(OsString::from).into());
    match home.map(|home| invocation.absolute(home.to_owned())) {
        Some(home) => start.with_var("CODEX_HOME", Some(home.as_os_str())),
        None => start,
    }
}

struct Explanation {
    /// The gateway that makes it, if one does.
    gateway: Option<String>,
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
    fn new(invocation: &Invocation, gateway: Option<String>) -> Self {
        let start = DryRun::new(invocation);
        let settings = &start.observed.settings;
        Self {
            gateway,
            injected: invocation.codex_home().map(|home| Inspection::of(&home, invocation, settings)),
            personal: Inspection::of_personal(invocation, settings),
            strategies: Strategy::ALL.map(|strategy| start.under(strategy, invocation)),
            start,
        }
    }

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
            "gateway": self.gateway,
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
            "not_used": self.not_used().map(|(_, reason)| format!("{reason:#}")),
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

    /// Returns the personal home and why codex is not started there, if the bridge is repaired instead.
    fn not_used(&self) -> Option<(Option<&Path>, &Reason)> {
        let is_repaired = matches!(self.start.decision, Decision::Repair(_));
        let redirect = self.strategies.iter().find(|other| other.observed.settings.strategy == Strategy::Redirect)?;
        match redirect.failure().filter(|_| is_repaired)? {
            Failure::NoUsableHome(homes) => Some(match &homes.personal {
                Ok(home) => (Some(home.path.as_path()), &home.reason),
                Err(reason) => (None, reason),
            }),
            _ => None,
        }
    }

    fn print(&self, with_personal: bool, printer: &mut Printer) -> Result<(), CliError> {
        let start = match &self.start.observed.request {
            Request::Judged(judged) if judged.subcommand.name().is_empty() => "codex".to_owned(),
            Request::Judged(judged) => format!("codex {}", judged.subcommand.name()),
            Request::PassThrough(reason) => format!("a start that is passed through unchanged: {reason:#}"),
        };
        let by = self.gateway.as_ref().map(|name| format!(", by the gateway `{}`", plain_text(name)));
        printer.item("asked for", &format!("{start}{}", by.unwrap_or_default()))?;
        print_home("injected", self.injected.as_ref(), printer)?;
        if with_personal {
            print_home("personal", Some(&self.personal), printer)?;
        }
        let style = if self.start.failure().is_none() { GOOD } else { BAD };
        let decision = painted(style, self.start.decision.name());
        match self.start.failure() {
            // What is wrong is said below.
            Some(_) => printer.item("decision", &decision)?,
            None => printer.item("decision", &format!("{decision}: {}", self.start.because()))?,
        }
        if let Some((path, reason)) = self.not_used() {
            let path = path.map_or_else(|| "your own home".to_owned(), |path| format!("`{}`", printer.path(path)));
            printer.item("not used", &format!("{path}, because {reason:#}"))?;
        }
        self.print_launch(printer)?;
        if let (Some(risk), Some(path)) = (self.risk(), &self.start.observed.codex_home) {
            let path = printer.path(path);
            let note = format!(
                "with `bridges = [\"{path}\"]` in the settings it is treated as a bridge. What that risks: {risk}."
            );
            printer.item("note", &note)?;
        }
        Ok(())
    }

    fn print_launch(&self, printer: &mut Printer) -> Result<(), CliError> {
        if let Some(failure) = self.start.failure() {
            printer.item("starts", &format!("nothing, exit code {}", failure.exit_code()))?;
            let person_home = self.start.observed.settings.person_home.as_deref();
            for problem in describe::problem(failure, person_home) {
                printer.sentence(&" ".repeat(INDENT), INDENT, &problem)?;
            }
            return printer.help(INDENT, &describe::help(failure, person_home));
        }
        let Some(codex) = self.codex() else { return Ok(()) };
        let version = codex.version().unwrap_or_else(|| "of unknown version".to_owned());
        printer.item("starts", &format!("`{}` ({version}, found by {})", printer.path(&codex.path), codex.found_by))?;
        let home = self.start.home();
        let home = home.map_or_else(|| "its default home".to_owned(), |home| format!("`{}`", printer.path(home)));
        printer.item("in", &home)
    }

    fn print_messages(&self, printer: &mut Printer) -> Result<(), CliError> {
        if self.start.failure().is_some() {
            return Ok(());
        }
        self.start.messages().iter().try_for_each(|message| printer.item("says", message))
    }

    /// Prints what the other strategies would do.
    fn print_strategies(&self, printer: &mut Printer) -> Result<(), CliError> {
        let in_force = self.start.observed.settings.strategy;
        printer.line(format!("the strategy in force is `{}`; with another one:", in_force.name()))?;
        let others = self.strategies.iter().filter(|other| other.observed.settings.strategy != in_force);
        for other in others {
            let home = other.home();
            let home = home.map_or_else(|| "its default home".to_owned(), |home| format!("`{}`", printer.path(home)));
            let text = match &other.decision {
                Decision::Keep { .. } => format!("codex is started in {home}, which is left as it is"),
                Decision::Redirect(_) => format!("codex is started in {home} instead"),
                Decision::Repair(_) => format!("codex is started in {home}, which is repaired first"),
                Decision::Refuse(_) if other.because() == self.start.because() => {
                    "nothing is started, for the same reason".to_owned()
                }
                Decision::Refuse(_) => format!("nothing is started: {}", other.because()),
            };
            printer.item(other.observed.settings.strategy.name(), &text)?;
        }
        Ok(())
    }
}

fn print_home(heading: &str, home: Option<&Inspection>, printer: &mut Printer) -> Result<(), CliError> {
    let Some(home) = home else { return printer.item(heading, "none") };
    let (sign, can) = answer(&home.login);
    let path = home.home.as_deref().map_or_else(|| "none known".to_owned(), |path| format!("`{}`", printer.path(path)));
    let account = home.account.as_ref().map(|account| format!(", account {account}")).unwrap_or_default();
    printer.item(heading, &format!("{} {path} ({}) {can}: {:#}{account}", mark(sign), home.kind.name(), home.reason()))
}
