//! `codex-home inspect`: one home.

use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use codex_home::display::{is_control, plain_text};
use codex_home::home::Kind;
use codex_home::home::auth::Login;
use codex_home::invocation::Invocation;
use codex_home::settings::{Settings, lexically_normal};

use crate::config;
use crate::error::{CliError, CliResult};
use crate::printer::{DIM, Printer, painted};

/// Describes the home in `directory`, else `$CODEX_HOME`, else the personal one.
pub fn run(invocation: &Invocation, directory: Option<PathBuf>, json: bool, printer: &mut Printer) -> CliResult {
    let settings = config::read(invocation)?;
    let directory = directory.map(|directory| lexically_normal(&invocation.absolute(directory)));
    let is_named = directory.is_some();
    let mut inspection = match directory.or_else(|| invocation.codex_home()) {
        Some(home) => Inspection::of(&home, invocation, &settings),
        None => Inspection::of_personal(invocation, &settings),
    };
    if !is_named {
        suspect_variable(&mut inspection, invocation, &settings, printer);
    }
    if json {
        printer.json(&inspection)?;
    } else {
        print(&inspection, printer)?;
    }
    Ok(match inspection.login {
        Login::Usable(_) => 0,
        Login::Broken(_) => 1,
        Login::NotJudged(_) => 3,
    })
}

/// Says that `CODEX_HOME` names a home that cannot log in, and that no host made: it may be set by mistake.
fn suspect_variable(inspection: &mut Inspection, invocation: &Invocation, settings: &Settings, printer: &Printer) {
    let Some(value) = invocation.var("CODEX_HOME") else { return };
    let is_own = matches!(inspection.kind, Kind::Other | Kind::Personal);
    if !is_own || !matches!(inspection.login, Login::Broken(_)) {
        return;
    }
    let is_relative = !Path::new(value).is_absolute();
    let remark = match (value.to_string_lossy().starts_with('~'), is_relative) {
        (true, _) => ", in which nothing has expanded the `~`",
        (false, true) => ", which is relative",
        (false, false) => "",
    };
    inspection.remarks.push(format!("`CODEX_HOME` is set to `{}`{remark}", plain_text(value)));
    let personal = Inspection::of_personal(invocation, settings);
    let path = personal.home.as_deref().map(|home| printer.path(home)).unwrap_or_default();
    inspection.help = match (&personal.login, inspection.kind) {
        // codex makes its own home only if the variable does not name it.
        (_, Kind::Personal) => Some("run `unset CODEX_HOME`, then `codex login`".to_owned()),
        (Login::Usable(_), _) => Some(format!("run `unset CODEX_HOME`: `{path}` can log in")),
        _ if is_relative || value.to_string_lossy().chars().any(is_control) => {
            Some("run `unset CODEX_HOME`, then `codex login`".to_owned())
        }
        _ => inspection.help.take(),
    };
}

/// Prints a home in a few lines.
fn print(inspection: &Inspection, printer: &mut Printer) -> Result<(), CliError> {
    let (mark, can) = answer(&inspection.login);
    let home = inspection.home.as_deref().map(|home| format!("`{}`", printer.path(home)));
    let home = home.unwrap_or_else(|| "no home".to_owned());
    let kind = painted(DIM, &format!("({})", inspection.kind.name()));
    printer.marked(mark, &format!("{home} {kind} {can}: {:#}", inspection.reason()))?;
    if let Some(account) = &inspection.account {
        printer.sentence("  ", 2, &format!("{} login of account {account}", inspection.holds))?;
    }
    for remark in &inspection.remarks {
        printer.sentence("  note: ", 8, remark)?;
    }
    if inspection.repairable {
        printer.line("  the launcher could repair its auth.json")?;
    }
    inspection.help.iter().try_for_each(|help| printer.help(2, help))
}

/// Returns the mark of an answer, and its words.
pub const fn answer(login: &Login) -> (char, &'static str) {
    match login {
        Login::Usable(_) => ('✓', "can log in"),
        Login::Broken(_) => ('✗', "cannot log in"),
        Login::NotJudged(_) => ('!', "cannot be judged from its files"),
    }
}
