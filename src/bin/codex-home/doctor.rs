//! `codex-home doctor`: what is right, what is wrong, and what repairs it.
//!
//! [`findings`] reads, [`checks`] decides, this module prints. Runs nothing but `systemctl show`, writes nothing, uses no network.

pub mod app_server;
mod checks;
mod findings;
mod homes;
pub mod wrapper;

use std::cmp::Reverse;
use std::path::Path;

use codex_home::invocation::Invocation;
use serde_json::{Map, Value, json};

use crate::error::{CliError, CliResult};
use crate::gateways::{Gateway, Gateways, Pick, pick};
use crate::inspect::mark;
use crate::printer::{BAD, DIM, DOUBTFUL, GOOD, HEAD, Printer, painted};
use checks::{Check, Status};
use findings::Findings;
use homes::JudgedHome;

/// How many homes the table shows.
const ROWS: usize = 12;
/// How many lines with the same id and status are shown.
const LINES: usize = 4;

/// One gateway, examined.
struct Examined {
    findings: Findings,
    checks: Vec<Check>,
}

/// Examines every gateway or the one that is picked, and prints what was found.
pub fn run(invocation: &Invocation, pick: &Pick, json: bool, printer: &mut Printer) -> CliResult {
    let gateways = Gateways::find(invocation, pick).map_err(|names| pick::none(&names))?;
    let person_home = invocation.person_home().filter(|_| !json);
    let examine = |gateway: &Gateway| {
        let findings = Findings::observe(invocation, gateway.clone());
        let checks = checks::all(&findings, person_home.as_deref());
        Examined { findings, checks }
    };
    let mut examined: Vec<_> = gateways.all.iter().map(examine).collect();
    let mut common = checks::about_others(&gateways, pick);
    if let [_, _, ..] = examined.as_slice() {
        common.extend(take_common(&mut examined));
    } else if let Some(only) = examined.first_mut() {
        common.append(&mut only.checks);
    }
    common.sort_by_key(|check| Reverse(check.status));
    let all = || common.iter().chain(examined.iter().flat_map(|one| &one.checks));
    let status = all().map(|check| check.status).max().unwrap_or(Status::Ok);
    if json {
        printer.json(&to_json(&examined, &common, status))?;
    } else {
        print_checks(&common, printer)?;
        let are_several = examined.len() > 1;
        for Examined { findings, checks } in &examined {
            if are_several {
                printer.line("")?;
                printer.line(painted(HEAD, &heading(&findings.openclaw.gateway, printer)))?;
            }
            print_checks(checks, printer)?;
            print_homes(findings, printer)?;
        }
    }
    Ok(u8::from(status == Status::Fail))
}

/// Removes the lines that every gateway has, and returns them.
fn take_common(examined: &mut [Examined]) -> Vec<Check> {
    let Some((first, others)) = examined.split_first() else { return Vec::new() };
    let in_all = |check: &&Check| others.iter().all(|other| other.checks.contains(check));
    let common: Vec<_> = first.checks.iter().filter(in_all).cloned().collect();
    for one in examined {
        one.checks.retain(|check| !common.contains(check));
    }
    common
}

/// Returns the line over what is said about one of several gateways.
fn heading(gateway: &Gateway, printer: &Printer) -> String {
    let state = gateway.state.as_deref().map(|state| printer.path(state)).unwrap_or_default();
    let how = match (gateway.pid, &gateway.service) {
        (Some(pid), _) => format!("running as process {pid}"),
        (None, Some(service)) => format!("started by `{}`", printer.path(&service.file)),
        (None, None) => "not running here".to_owned(),
    };
    match gateway.name == state || gateway.name.starts_with('/') {
        true => format!("gateway with its state in `{state}`, {how}"),
        false => format!("gateway `{}`, its state in `{state}`, {how}", gateway.name),
    }
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
            Status::Unknown => painted(DOUBTFUL, "?"),
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

fn to_json(examined: &[Examined], common: &[Check], status: Status) -> Value {
    let checks = common.iter().map(|check| check_to_json(check, None));
    let own = |one: &Examined| {
        let name = one.findings.openclaw.gateway.name.clone();
        one.checks.iter().map(move |check| check_to_json(check, Some(&name))).collect::<Vec<_>>()
    };
    let checks: Vec<_> = checks.chain(examined.iter().flat_map(own)).collect();
    let gateways: Vec<_> = examined.iter().map(|one| gateway_to_json(&one.findings)).collect();
    // What was there before there were several is about the first one.
    let mut fields = match gateways.first() {
        Some(Value::Object(first)) => first.clone(),
        _ => Map::new(),
    };
    fields.remove("gateway");
    fields.insert("status".to_owned(), status.name().into());
    fields.insert("checks".to_owned(), checks.into());
    fields.insert("gateways".to_owned(), gateways.into());
    fields.into()
}

fn check_to_json(check: &Check, gateway: Option<&str>) -> Value {
    json!({
        "id": check.id,
        "status": check.status.name(),
        "text": check.text,
        "help": check.help,
        "gateway": gateway,
    })
}

fn gateway_to_json(findings: &Findings) -> Value {
    let codex = findings.codex.as_ref().ok().map(|codex| {
        let minimum = findings.version.as_ref().and_then(|version| version.lowest_codex());
        json!({
            "path": text(&codex.path),
            "version": codex.version(),
            "found_by": codex.found_by,
            "lowest": minimum.map(|minimum| minimum.to_string()),
            "under_service": findings.codex_of_gateway.as_ref().ok().map(|codex| text(&codex.path)),
        })
    });
    let gateway = &findings.openclaw.gateway;
    json!({
        "gateway": {
            "name": gateway.name,
            "profile": gateway.profile,
            "state": gateway.state.as_deref().map(text),
            "pid": gateway.pid,
            "service": gateway.service.as_ref().map(|service| text(&service.file)),
            "known": gateway.known.name(),
            "path": findings.path.to_string_lossy(),
            "path_known": gateway.known("PATH").name(),
            "last_start": gateway.last_start.as_ref().map(|start| &start.time),
        },
        "launcher": findings.launcher.as_ref().map(|launcher| json!({
            "path": text(&launcher.path),
            "stable_path": text(&launcher.stable),
        })),
        "openclaw": findings.openclaw.is_there().then(|| openclaw_to_json(findings)),
        "codex": codex,
        "personal": findings.personal,
        "homes": findings.homes.iter().map(home_to_json).collect::<Vec<_>>(),
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
        "service": openclaw.gateway.service.as_ref().map(|service| text(&service.file)),
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
