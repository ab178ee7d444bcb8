//! `codex-home report`: what to paste into an issue, as Markdown, without names of the person's.

mod redact;

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::{ARCH, OS};

use codex_home::invocation::Invocation;
use codex_home::settings::{Key, Source};
use jiff::Timestamp;
use serde_json::Value;

use crate::doctor::checks::Check;
use crate::doctor::findings::Findings;
use crate::doctor::{Examination, Examined};
use crate::error::{CliError, CliResult};
use crate::gateways::Pick;
use crate::printer::Printer;
use redact::Redactor;

/// How many of the last starts are shown.
const STARTS: usize = 5;
/// How many lines of the doctor with the same id and status are shown.
const ALIKE: usize = 4;

pub fn run(invocation: &Invocation, pick: &Pick, printer: &mut Printer) -> CliResult {
    let examination = Examination::new(invocation, pick, None)?;
    let mut report = Report { redactor: Redactor::new(invocation), printer };
    report.heading("codex-home report")?;
    report.row(&format!("codex-home {}, {OS} {ARCH}", env!("CARGO_PKG_VERSION")))?;
    for Examined { findings, .. } in &examination.gateways {
        report.versions(findings)?;
    }
    report.heading("doctor")?;
    let names = examination.gateways.iter().map(|one| one.findings.openclaw.gateway.name.as_str());
    let own = names.zip(&examination.gateways).map(|(name, one)| (Some(name), one.checks.as_slice()));
    for (name, checks) in [(None, examination.common.as_slice())].into_iter().chain(own) {
        report.checks(name, checks)?;
    }
    report.heading("last starts")?;
    // Several gateways may write to one journal.
    let journals: BTreeSet<_> = examination.gateways.iter().filter_map(|one| one.findings.journal.as_deref()).collect();
    let lines: Vec<_> = journals.into_iter().flat_map(|path| crate::log::last(path, STARTS)).collect();
    for start in lines.iter().filter_map(|line| serde_json::from_str(line).ok()) {
        report.start(&start)?;
    }
    if lines.is_empty() {
        report.row("none is recorded")?;
    }
    printer.remark("read it before you post it: your names are replaced by `name1`, `name2` and so on");
    Ok(0)
}

struct Report<'a> {
    redactor: Redactor,
    printer: &'a mut Printer,
}

impl Report<'_> {
    fn heading(&mut self, heading: &str) -> Result<(), CliError> {
        ["", &format!("### {heading}"), ""].iter().try_for_each(|line| self.printer.line(line))
    }

    /// Prints one item, redacted.
    fn row(&mut self, text: &str) -> Result<(), CliError> {
        let text = self.redactor.text(text);
        self.printer.line(format!("- {text}"))
    }

    /// Prints what is installed, and the settings that are not the default.
    fn versions(&mut self, findings: &Findings) -> Result<(), CliError> {
        let gateway = &findings.openclaw.gateway;
        let openclaw = match (&findings.openclaw.version, &findings.openclaw.package) {
            (Some(version), _) => format!("OpenClaw {version}"),
            (None, Some(_)) => "OpenClaw without a readable version".to_owned(),
            (None, None) => "no OpenClaw".to_owned(),
        };
        let codex = match &findings.codex_of_gateway {
            Ok(codex) => {
                let version = codex.version().filter(|version| semver::Version::parse(version).is_ok());
                format!("codex {}, found by {}", version.as_deref().unwrap_or("of unknown version"), codex.found_by)
            }
            Err(failure) => format!("no codex ({})", failure.code()),
        };
        let state = match (gateway.pid, &gateway.service) {
            (Some(_), _) => "which runs",
            (None, Some(_)) => "which is a service",
            (None, None) => "which does not run here",
        };
        self.row(&format!("gateway `{}`, {state}: {openclaw}, {codex}", gateway.name))?;
        for key in Key::ALL.into_iter().filter(|key| findings.settings.source(*key) != Source::Default) {
            let value = crate::config::value(&findings.settings, key);
            self.row(&format!("setting `{} = {value}`", key.name()))?;
        }
        Ok(())
    }

    fn checks(&mut self, gateway: Option<&str>, checks: &[Check]) -> Result<(), CliError> {
        let of = gateway.map(|name| format!(" (gateway `{name}`)")).unwrap_or_default();
        let mut alike = BTreeMap::new();
        for check in checks {
            let count: &mut usize = alike.entry((check.id, check.status)).or_default();
            *count += 1;
            if *count <= ALIKE {
                let help = check.advice().map(|help| format!(" — {help}")).unwrap_or_default();
                self.row(&format!("**{}** `{}`{of}: {}{help}", check.status.name(), check.id, check.text))?;
            }
        }
        for ((id, status), count) in alike.into_iter().filter(|(_, count)| *count > ALIKE) {
            self.row(&format!("**{}** `{id}`{of}: {} more", status.name(), count - ALIKE))?;
        }
        Ok(())
    }

    /// Prints one line of the journal; as `codex-home log`, none without a time.
    fn start(&mut self, start: &Value) -> Result<(), CliError> {
        let text = |name: &str| start.get(name).and_then(Value::as_str).unwrap_or_default();
        let Ok(when) = text("time").parse::<Timestamp>() else { return Ok(()) };
        let when = when.strftime("%Y-%m-%d %H:%M:%S");
        let mut line = format!("{when} UTC, `{}`: `{}` `{}`", text("subcommand"), text("decision"), text("reason"));
        for (name, label) in [("home", "home"), ("effective_home", "used"), ("codex", "codex"), ("version", "launcher")]
        {
            if !text(name).is_empty() {
                line.push_str(&format!(", {label} `{}`", text(name)));
            }
        }
        if !text("error").is_empty() {
            line.push_str(&format!("; {}", text("error")));
        }
        self.row(&line)
    }
}
