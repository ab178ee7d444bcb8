//! `codex-home inspect`: one home.

use std::path::PathBuf;

use codex_home::home::auth::Usable;
use codex_home::inspection::Inspection;
use codex_home::invocation::Invocation;
use codex_home::settings::{Settings, plain};

use crate::screen::{ASIDE, BAD, DOUBTFUL, Ended, GOOD, Screen, painted};

/// Tells about the home in `directory`, else `$CODEX_HOME`, else the personal one.
pub fn run(invocation: &Invocation, directory: Option<PathBuf>, json: bool, screen: &mut Screen) -> Ended {
    let settings = Settings::read(invocation)?;
    let directory = directory.map(|directory| plain(&invocation.absolute(directory)));
    let inspection = match directory.or_else(|| invocation.codex_home()) {
        Some(home) => Inspection::of(&home, &settings),
        None => Inspection::of_personal(&settings),
    };
    if json {
        screen.json(&inspection)?;
    } else {
        for line in told(&inspection, screen) {
            screen.line(line)?;
        }
    }
    Ok(match inspection.usable {
        Usable::Yes => 0,
        Usable::No => 1,
        Usable::Unknown => 3,
    })
}

/// A home in a few lines.
fn told(inspection: &Inspection, screen: &Screen) -> Vec<String> {
    let (mark, can) = mark(inspection.usable);
    let home = inspection.home.as_deref().map_or_else(|| "no home".to_owned(), |home| screen.path(home));
    let mut lines = vec![
        format!("{mark} {home} {}", painted(ASIDE, &format!("({})", inspection.kind.name()))),
        format!("  {can}: {:#}", inspection.because),
    ];
    if let Some(account) = &inspection.account {
        lines.push(format!("  {} login of account {account}", inspection.login));
    }
    if inspection.completable {
        lines.push("  the launcher could complete its auth.json".to_owned());
    }
    if let Some(help) = &inspection.help {
        lines.push(format!("  help: {help}"));
    }
    lines
}

/// How an answer is marked, and said.
pub fn mark(usable: Usable) -> (String, &'static str) {
    match usable {
        Usable::Yes => (painted(GOOD, "✓"), "can log in"),
        Usable::No => (painted(BAD, "✗"), "cannot log in"),
        Usable::Unknown => (painted(DOUBTFUL, "!"), "its files cannot tell"),
    }
}
