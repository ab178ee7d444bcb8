//! `codex-home inspect`: one home.

use std::path::PathBuf;

use crate::inspection::Inspection;
use codex_home::home::auth::Login;
use codex_home::home::{AUTH_FILE, CONFIG_FILE};
use codex_home::invocation::Invocation;
use codex_home::settings::lexically_normal;

use crate::config;
use crate::error::CliResult;
use crate::printer::{BAD, DIM, DOUBTFUL, GOOD, Printer, painted};

/// Describes the home in `directory`, else `$CODEX_HOME`, else the personal one.
pub fn run(invocation: &Invocation, directory: Option<PathBuf>, json: bool, printer: &mut Printer) -> CliResult {
    let settings = config::read(invocation)?;
    let directory = directory.map(|directory| lexically_normal(&invocation.absolute(directory)));
    let inspection = match directory.or_else(|| invocation.codex_home()) {
        Some(home) => Inspection::of(&home, invocation, &settings),
        None => Inspection::of_personal(invocation, &settings),
    };
    if let Some(home) = &inspection.home {
        tracing::debug!("read `{AUTH_FILE}` and `{CONFIG_FILE}` in `{}`", home.display());
    }
    if json {
        printer.json(&inspection)?;
    } else {
        for line in described(&inspection, printer) {
            printer.line(line)?;
        }
    }
    Ok(match inspection.login {
        Login::Usable(_) => 0,
        Login::Broken(_) => 1,
        Login::NotJudged(_) => 3,
    })
}

/// Returns a home in a few lines.
fn described(inspection: &Inspection, printer: &Printer) -> Vec<String> {
    let (mark, can) = mark(&inspection.login);
    let home = inspection.home.as_deref().map_or_else(|| "no home".to_owned(), |home| printer.path(home));
    let mut lines = vec![
        format!("{mark} {home} {}", painted(DIM, &format!("({})", inspection.kind.name()))),
        format!("  {can}: {:#}", inspection.reason()),
    ];
    if let Some(account) = &inspection.account {
        lines.push(format!("  {} login of account {account}", inspection.holds));
    }
    lines.extend(inspection.remarks.iter().map(|remark| format!("  note: {remark}")));
    if inspection.repairable {
        lines.push("  the launcher could repair its auth.json".to_owned());
    }
    lines.extend(inspection.help.iter().map(|help| format!("  help: {help}")));
    lines
}

/// Returns the mark of an answer, and its words.
pub fn mark(login: &Login) -> (String, &'static str) {
    match login {
        Login::Usable(_) => (painted(GOOD, "✓"), "can log in"),
        Login::Broken(_) => (painted(BAD, "✗"), "cannot log in"),
        Login::NotJudged(_) => (painted(DOUBTFUL, "!"), "cannot be judged from its files"),
    }
}
