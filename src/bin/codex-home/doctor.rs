//! `codex-home doctor`: one screen of what is right and what is not, with what mends it.
//!
//! [`look`] looks, [`checks`] decides, this shows. Runs nothing, writes nothing, asks no network.

pub mod checks;
mod look;
mod wrapper;

use codex_home::invocation::Invocation;
use serde_json::{Map, Value, json};

use crate::inspect::mark;
use crate::screen::{ASIDE, BAD, DOUBTFUL, Ended, GOOD, Screen, Trouble, painted};
use checks::{Check, Status};
use look::{Home, Seen};

/// How many homes are shown in the table.
const ROWS: usize = 12;
/// How many lines of one kind are shown.
const LINES: usize = 4;

/// Looks at everything, and tells.
pub fn run(invocation: &Invocation, json: bool, screen: &mut Screen) -> Ended {
    let seen = Seen::look(invocation);
    let checks = checks::all(&seen, seen.settings.person_home.as_deref().filter(|_| !json));
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    if json {
        screen.json(&to_json(&seen, &checks, status))?;
    } else {
        tell(&seen, &checks, screen)?;
    }
    Ok(u8::from(status == Status::Fail))
}

fn tell(seen: &Seen, checks: &[Check], screen: &mut Screen) -> Result<(), Trouble> {
    for (at, check) in checks.iter().enumerate() {
        // One screen: what is wrong a hundred times is said a few times.
        let is_like = |other: &&Check| (other.id, other.status) == (check.id, check.status);
        let before = checks.iter().take(at).filter(is_like).count();
        if before >= LINES {
            if before == LINES {
                let more = checks.iter().skip(at).filter(is_like).count();
                screen.line(painted(ASIDE, &format!("  and {more} more like it: see `codex-home doctor --json`")))?;
            }
            continue;
        }
        let mark = match check.status {
            Status::Ok => painted(GOOD, "✓"),
            Status::Warn => painted(DOUBTFUL, "!"),
            Status::Fail => painted(BAD, "✗"),
        };
        screen.line(format!("{mark} {}", check.text))?;
        if let Some(help) = &check.help {
            screen.line(format!("  help: {help}"))?;
        }
    }
    if seen.homes.is_empty() {
        return Ok(());
    }
    screen.line("")?;
    let homes = checks::in_order(&seen.homes);
    let rows = homes.iter().take(ROWS).map(|home| {
        let inspection = &home.inspection;
        vec![
            screen.path(&home.path),
            inspection.kind.name().to_owned(),
            mark(inspection.usable).1.to_owned(),
            home.verdict.0.to_owned(),
            checks::would(home, |home| screen.path(home)),
        ]
    });
    let rows = rows.collect();
    screen.table(&["home", "kind", "by its files", "verdict", "the launcher"], rows)?;
    if let Some(more @ 1..) = homes.len().checked_sub(ROWS) {
        screen.line(painted(ASIDE, &format!("and {more} more: see `codex-home doctor --json`")))?;
    }
    Ok(())
}

fn to_json(seen: &Seen, checks: &[Check], status: Status) -> Value {
    let openclaw = &seen.openclaw;
    let config = openclaw.read_config();
    let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    let codex = seen.codex.as_ref().ok().map(|codex| {
        json!({
            "path": path(&codex.path),
            "version": codex.version(),
            "found_by": codex.found_by.name(),
            "lowest": seen.version.as_ref().and_then(|version| version.lowest_codex()).map(|lowest| lowest.to_string()),
            "under_service": seen.codex_of_service.as_ref().ok().map(|codex| path(&codex.path)),
        })
    });
    json!({
        "status": status.name(),
        "launcher": seen.launcher.as_ref().map(|launcher| json!({
            "path": path(&launcher.path),
            "stable_path": path(&launcher.stable),
            "version": launcher.version,
        })),
        "openclaw": openclaw.is_there().then(|| json!({
            "version": openclaw.package.as_ref().map(|package| &package.version),
            "package": openclaw.package.as_ref().map(|package| path(&package.root)),
            "command": openclaw.command.as_ref().map(path),
            "state": openclaw.state.as_ref().map(path),
            "config": openclaw.config_file.as_ref().map(path),
            "service": openclaw.service.file.as_ref().map(path),
            "app_server": {
                "command": config.and_then(|config| config.command.as_ref()),
                "args": config.and_then(|config| config.args.as_ref()).map(|args| args.iter().map(|arg| argument(arg)).collect::<Vec<_>>()),
                "home_scope": config.and_then(|config| config.home_scope.as_ref()),
            },
            "own_way": checks::own_way(seen),
        })),
        "codex": codex,
        "personal": seen.personal,
        "homes": seen.homes.iter().map(home).collect::<Vec<_>>(),
        "checks": checks.iter().map(|check| json!({
            "id": check.id,
            "status": check.status.name(),
            "text": check.text,
            "help": check.help,
        })).collect::<Vec<_>>(),
    })
}

/// An argument as it may be shown: what stands behind `=` may be a key of somebody's.
fn argument(arg: &str) -> String {
    arg.split_once('=').map_or_else(|| arg.to_owned(), |(name, _)| format!("{name}=…"))
}

/// A home as `codex-home inspect` has it, and what would become of a start in it.
fn home(home: &Home) -> Value {
    let mut fields = match serde_json::to_value(&home.inspection) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let launch =
        home.outcome.as_ref().ok().map(|outcome| outcome.home.as_ref().map(|home| home.to_string_lossy().into_owned()));
    fields.insert("in_use".to_owned(), home.is_used.into());
    fields.insert("verdict".to_owned(), home.verdict.0.into());
    fields.insert("because".to_owned(), home.verdict.1.clone().into());
    fields.insert("codex_home".to_owned(), launch.flatten().into());
    fields.into()
}
