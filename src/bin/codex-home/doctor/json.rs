//! What the doctor found, as JSON: a public contract, with whole paths.

use std::path::Path;

use codex_home::request::without_values;
use serde_json::{Map, Value, json};

use super::Examination;
use super::app_server::without_arguments;
use super::checks::Check;
use super::findings::Findings;
use super::homes::JudgedHome;

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Returns everything that was found.
pub fn of(examination: &Examination) -> Value {
    let checks = examination.common.iter().map(|check| check_to_json(check, None));
    let own = examination.gateways.iter().flat_map(|one| {
        let name = one.findings.openclaw.gateway.name.as_str();
        one.checks.iter().map(move |check| check_to_json(check, Some(name)))
    });
    let checks: Vec<_> = checks.chain(own).collect();
    let gateways: Vec<_> = examination.gateways.iter().map(|one| gateway_to_json(&one.findings)).collect();
    json!({ "status": examination.status().name(), "checks": checks, "gateways": gateways })
}

fn check_to_json(check: &Check, gateway: Option<&str>) -> Value {
    json!({
        "id": check.id,
        "status": check.status.name(),
        "text": check.text,
        "help": check.advice(),
        "gateway": gateway,
    })
}

fn gateway_to_json(findings: &Findings) -> Value {
    let codex = findings.codex.as_ref().ok().map(|codex| {
        let minimum = findings.openclaw.version.as_ref().and_then(|version| version.lowest_codex());
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
            "path": findings.start.var("PATH").unwrap_or_default().to_string_lossy(),
            "path_known": gateway.known("PATH").name(),
            "last_start": gateway.starts.first().map(|start| &start.time),
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
        "config": openclaw.config_file.as_deref().map(text),
        "app_server": {
            "command": config.and_then(|config| config.command.as_deref()).map(without_arguments),
            "args": args.map(|args| without_values(args)),
            "home_scope": config.and_then(|config| config.home_scope.as_ref()),
        },
        "own_way": findings.own_way(),
    })
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
