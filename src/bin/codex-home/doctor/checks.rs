//! What is right and what is wrong: [`Findings`] → lines, each with what repairs it.
//!
//! Pure: the same findings, the same lines. The ids are a public contract: they are added, never renamed.

mod app_server;
mod codex;
mod environment;
mod homes;
mod openclaw;
mod settings;

use std::cmp::Reverse;
use std::path::Path;

use codex_home::describe;
use codex_home::display::{shell_word, short_path};
use codex_home::failure::Failure;
use codex_home::settings::{FILE_VARIABLE, Key};

use super::findings::Findings;
use crate::gateways::{Elsewhere, Gateways, Known, Pick};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It is right.
    Ok,
    /// It rests on an assumption.
    Unknown,
    /// It deserves a look.
    Warn,
    /// Something does not work.
    Fail,
}

impl Status {
    /// Returns the name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The id of what is said about a gateway that is not examined.
pub const ELSEWHERE: &str = "service-elsewhere";

/// How to find out what rests on an assumption.
pub const FIND_OUT: &str = "run `codex-home verify`, or `codex-home doctor` again while the gateway runs";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// What was checked.
    pub id: &'static str,
    pub status: Status,
    pub text: String,
    /// How to find out whether it is so, if that rests on an assumption.
    pub find_out: Option<String>,
    /// What repairs it.
    pub help: Option<String>,
}

impl Check {
    /// Returns all that can be done about it.
    pub fn advice(&self) -> Option<String> {
        let parts: Vec<_> = [&self.find_out, &self.help].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Returns every line, the worst first. Paths have `person_home` as `~`.
pub fn all(findings: &Findings, person_home: Option<&Path>) -> Vec<Check> {
    if let Some(hidden) = findings.openclaw.gateway.hidden("doctor") {
        return vec![not_examined(&hidden)];
    }
    let mut checks = Checks { findings, person_home, all: Vec::new() };
    checks.settings();
    checks.own_way();
    checks.openclaw();
    checks.openclaw_config();
    checks.app_server_command();
    checks.app_server_args();
    checks.launcher();
    checks.codex();
    checks.codex_gate();
    checks.codex_under_service();
    checks.personal_home();
    checks.homes();
    checks.environment();
    checks.journal();
    let mut all = checks.all;
    all.sort_by_key(|check| Reverse(check.status));
    all
}

/// Returns the line about a gateway that another environment has to be asked about.
fn not_examined(other: &Elsewhere) -> Check {
    let status = if other.may_be_here { Status::Unknown } else { Status::Ok };
    Check { id: ELSEWHERE, status, text: other.what.clone(), find_out: None, help: Some(other.help.clone()) }
}

/// Returns the lines about gateways that are not examined here.
pub fn about_others(gateways: &Gateways, pick: &Pick) -> Vec<Check> {
    let elsewhere = gateways.elsewhere.iter().map(not_examined);
    // An option says what is meant; a variable may be forgotten.
    let others = gateways.others.iter().filter(|_| pick.is_from_shell()).filter_map(|other| {
        // With `OPENCLAW_HOME` in this shell, a profile's name would mean another directory.
        let state = shell_word(other.state.as_deref()?, None);
        Some(Check {
            id: ELSEWHERE,
            status: Status::Ok,
            text: format!("OpenClaw's variables in this shell pick one gateway, and not `{}`", other.name),
            find_out: None,
            help: Some(format!("run `codex-home doctor --state-dir {state}`")),
        })
    });
    elsewhere.chain(others).collect()
}

struct Checks<'a> {
    findings: &'a Findings,
    person_home: Option<&'a Path>,
    all: Vec<Check>,
}

impl Checks<'_> {
    fn add(&mut self, id: &'static str, status: Status, text: impl Into<String>, help: Option<String>) {
        let help = help.map(|help| self.findings.openclaw.gateway.addressed(&help));
        self.all.push(Check { id, status, text: text.into(), find_out: None, help });
    }

    /// Adds a line about something that is not known; `help` is what to do if it is so.
    fn unknown(&mut self, id: &'static str, text: impl Into<String>, help: Option<String>) {
        self.add(id, Status::Unknown, text, help);
        if let Some(added) = self.all.last_mut() {
            added.find_out = Some(self.findings.openclaw.gateway.addressed(FIND_OUT));
        }
    }

    fn ok(&mut self, id: &'static str, text: impl Into<String>) {
        self.add(id, Status::Ok, text, None);
    }

    fn warn(&mut self, id: &'static str, text: impl Into<String>, help: impl Into<String>) {
        self.add(id, Status::Warn, text, Some(help.into()));
    }

    fn fail(&mut self, id: &'static str, text: impl Into<String>, help: impl Into<String>) {
        self.add(id, Status::Fail, text, Some(help.into()));
    }

    /// Adds a line that rests on how something is known: without certainty it says so, and how to find out.
    fn known(&mut self, id: &'static str, known: Known, status: Status, text: impl Into<String>, help: Option<String>) {
        if known.is_certain() {
            self.add(id, status, text, help);
            return;
        }
        let help = help.filter(|_| status != Status::Ok).map(|help| format!("if it is so, {help}"));
        self.unknown(id, format!("presumably {}", text.into()), help);
    }

    fn failure(&mut self, id: &'static str, status: Status, failure: &Failure) {
        let text = describe::problem(failure, self.person_home).join("; ");
        self.add(id, status, text, Some(describe::help(failure, self.person_home)));
    }

    /// Returns the advice to change a setting of the launcher that this gateway starts.
    fn set(&self, key: Key, values: &[String]) -> String {
        let words =
            values.iter().map(|value| shell_word(Path::new(value), self.person_home)).collect::<Vec<_>>().join(" ");
        let command = format!("codex-home config set {} {words}", key.name());
        // The gateway may read another file than this shell.
        match &self.findings.settings.file {
            Some(file) if self.findings.settings_here.file.as_ref() != Some(file) => {
                format!("run `{FILE_VARIABLE}={} {command}`", self.word(file))
            }
            _ => format!("run `{command}`"),
        }
    }

    /// Returns a path for a sentence.
    fn path(&self, path: &Path) -> String {
        short_path(path, self.person_home)
    }

    /// Returns a path for a command.
    fn word(&self, path: &Path) -> String {
        shell_word(path, self.person_home)
    }

    /// Returns [`Status::Fail`] if OpenClaw runs the launcher, so that the problem stops its starts.
    const fn fail_if_launcher_runs(&self) -> Status {
        if self.findings.command.is_launcher() { Status::Fail } else { Status::Warn }
    }

    /// Returns how it is known which codex the gateway's starts lead to.
    fn codex_known(&self) -> Known {
        self.findings.codex_known.and(self.findings.command.known)
    }
}
