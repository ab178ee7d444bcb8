//! `codex-home doctor`: what is right, what is wrong, and what repairs it.
//!
//! [`findings`] reads, [`checks`] decides, this module prints. Runs nothing, writes nothing, uses no network.

mod app_server;
mod checks;
mod findings;
mod homes;
mod wrapper;

use std::path::Path;

use codex_home::invocation::Invocation;
use serde_json::{Map, Value, json};

use crate::error::{CliError, CliResult};
use crate::inspect::mark;
use crate::printer::{BAD, DIM, DOUBTFUL, GOOD, Printer, painted};
use checks::{Check, Status};
use findings::Findings;
use homes::JudgedHome;

/// How many homes the table shows.
const ROWS: usize = 12;
/// How many lines with the same id and status are shown.
const LINES: usize = 4;

/// Examines everything, and prints what was found.
pub fn run(invocation: &Invocation, json: bool, printer: &mut Printer) -> CliResult {
    let findings = Findings::observe(invocation);
    let person_home = findings.settings.person_home.as_deref().filter(|_| !json);
    let checks = checks::all(&findings, person_home);
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    if json {
        printer.json(&to_json(&findings, &checks, status))?;
    } else {
        print_checks(&checks, printer)?;
        print_homes(&findings, printer)?;
    }
    Ok(u8::from(status == Status::Fail))
}

fn print_checks(checks: &[Check], printer: &mut Printer) -> Result<(), CliError> {
    for (at, check) in checks.iter().enumerate() {
        // The answer fits one terminal: what is wrong with a hundred homes is shown for a few.
        let is_alike = |other: &&Check| (other.id, other.status) == (check.id, check.status);
        let before = checks.iter().take(at).filter(is_alike).count();
        if before >= LINES {
            if before == LINES {
                let more = checks.iter().skip(at).filter(is_alike).count();
                printer.line(painted(DIM, &format!("  and {more} more like it: run `codex-home doctor --json`")))?;
            }
            continue;
        }
        let mark = match check.status {
            Status::Ok => painted(GOOD, "✓"),
            Status::Warn => painted(DOUBTFUL, "!"),
            Status::Fail => painted(BAD, "✗"),
        };
        printer.line(format!("{mark} {}", check.text))?;
        if let Some(help) = &check.help {
            printer.line(format!("  help: {help}"))?;
        }
    }
    Ok(())
}

fn print_homes(findings: &Findings, printer: &mut Printer) -> Result<(), CliError> {
    if findings.homes.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    let homes = checks::in_order(&findings.homes);
    let rows = homes.iter().take(ROWS).map(|home| {
        vec![
            printer.path(&home.path),
            home.inspection.kind.name().to_owned(),
            mark(&home.inspection.login).1.to_owned(),
            home.start.decision.name().to_owned(),
            checks::outcome(home, |home| printer.path(home)),
        ]
    });
    let rows = rows.collect();
    printer.table(&["home", "kind", "login", "decision", "the launcher"], rows)?;
    if let Some(more @ 1..) = homes.len().checked_sub(ROWS) {
        printer.line(painted(DIM, &format!("and {more} more: run `codex-home doctor --json`")))?;
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn to_json(findings: &Findings, checks: &[Check], status: Status) -> Value {
    let codex = findings.codex.as_ref().ok().map(|codex| {
        let minimum = findings.version.as_ref().and_then(|version| version.lowest_codex());
        json!({
            "path": text(&codex.path),
            "version": codex.version(),
            "found_by": codex.found_by,
            "lowest": minimum.map(|minimum| minimum.to_string()),
            "under_service": findings.codex_of_service.as_ref().ok().map(|codex| text(&codex.path)),
        })
    });
    json!({
        "status": status.name(),
        "launcher": findings.launcher.as_ref().map(|launcher| json!({
            "path": text(&launcher.path),
            "stable_path": text(&launcher.stable),
        })),
        "openclaw": findings.openclaw.is_there().then(|| openclaw_to_json(findings)),
        "codex": codex,
        "personal": findings.personal,
        "homes": findings.homes.iter().map(home_to_json).collect::<Vec<_>>(),
        "checks": checks.iter().map(|check| json!({
            "id": check.id,
            "status": check.status.name(),
            "text": check.text,
            "help": check.help,
        })).collect::<Vec<_>>(),
    })
}

fn openclaw_to_json(findings: &Findings) -> Value {
    let openclaw = &findings.openclaw;
    let config = openclaw.readable_config();
    let args = config.and_then(|config| config.args.as_ref());
    json!({
        "version": openclaw.package.as_ref().map(|package| &package.version),
        "package": openclaw.package.as_ref().map(|package| text(&package.root)),
        "command": openclaw.command.as_deref().map(text),
        "state": openclaw.state.as_deref().map(text),
        "config": openclaw.config_file.as_deref().map(text),
        "service": openclaw.service.file.as_deref().map(text),
        "app_server": {
            "command": config.and_then(|config| config.command.as_ref()),
            "args": args.map(|args| args.iter().map(|arg| redacted(arg)).collect::<Vec<_>>()),
            "home_scope": config.and_then(|config| config.home_scope.as_ref()),
        },
        "own_way": findings.own_way(),
    })
}

/// Returns an argument without what follows `=`, which may be a key.
fn redacted(arg: &str) -> String {
    arg.split_once('=').map_or_else(|| arg.to_owned(), |(name, _)| format!("{name}=…"))
}

/// Returns a home as `codex-home inspect` has it, and what the launcher would do.
fn home_to_json(home: &JudgedHome) -> Value {
    let mut fields = match serde_json::to_value(&home.inspection) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.insert("in_use".to_owned(), home.is_used.into());
    fields.insert("decision".to_owned(), home.start.decision.name().into());
    fields.insert("because".to_owned(), home.start.messages().join("; ").into());
    fields.insert("codex_home".to_owned(), home.start.home().map(text).into());
    fields.into()
}
