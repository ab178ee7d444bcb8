//! `codex-home log`: recent starts, from the journal and the one before it. Writes nothing, takes no lock.

mod reader;

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use codex_home::display::{plain_text, shell_word, short_path};
use codex_home::invocation::Invocation;
use codex_home::journal;
use codex_home::reason::{Reason, ReasonCode};
use codex_home::settings::{Key, Source};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::config;
use crate::error::{CliError, CliResult};
use crate::printer::{BAD, DIM, GOOD, Printer, painted};
use reader::Reader;

/// How often `--follow` looks for new starts.
const INTERVAL: Duration = Duration::from_millis(250);

/// Shows the last `count` starts and, with `follow`, those to come.
pub fn run(invocation: &Invocation, count: usize, follow: bool, json: bool, printer: &mut Printer) -> CliResult {
    let settings = config::read(invocation)?;
    if !settings.journal {
        let help = match (settings.source(Key::Journal), &settings.file) {
            (Source::File, Some(file)) => format!("set `journal = true` in `{}`", printer.path(file)),
            _ => format!("set `{}=true` or unset it", Key::Journal.variable()),
        };
        return Err(CliError::new("the settings turn the journal off", help));
    }
    let Some(path) = journal::path(invocation) else {
        let message = "no place for a journal is known: this user has no home directory that could be found";
        return Err(CliError::new(message, "set `HOME` to an absolute path"));
    };
    let unreadable = |cause: String| {
        let person_home = settings.person_home.as_deref();
        let message = format!("the journal `{}` cannot be read: {cause}", short_path(&path, person_home));
        CliError::new(message, format!("run `ls -l {}`", shell_word(&path, person_home)))
    };
    let mut current = Reader::at_end(path.clone());
    let mut lines: VecDeque<String> = current.read().map_err(unreadable)?.into();
    if lines.len() < count {
        let mut before = Reader::at_end(journal::rotated(&path)).read().map_err(unreadable)?;
        before.extend(lines);
        lines = before.into();
    }
    let is_empty = lines.is_empty();
    lines.drain(..lines.len().saturating_sub(count));
    if is_empty && !follow {
        printer.remark(&format!("no start is recorded yet in `{}`", printer.path(&path)));
    }
    print(lines.make_contiguous(), json, printer)?;
    if !follow {
        return Ok(0);
    }
    loop {
        std::thread::sleep(INTERVAL);
        print(&current.read().map_err(unreadable)?, json, printer)?;
    }
}

/// Returns the last `count` lines of the journal at `path` and the one before it, as far as they can be read.
pub fn last(path: &Path, count: usize) -> Vec<String> {
    let mut lines = Reader::at_end(path.to_owned()).read().unwrap_or_default();
    if lines.len() < count {
        let before = Reader::at_end(journal::rotated(path)).read().unwrap_or_default();
        lines.splice(..0, before);
    }
    lines.split_off(lines.len().saturating_sub(count))
}

/// Prints lines unchanged, or in words.
fn print(lines: &[String], json: bool, printer: &mut Printer) -> Result<(), CliError> {
    if json {
        return lines.iter().try_for_each(|line| printer.json_text(line));
    }
    for start in lines.iter().filter_map(|line| serde_json::from_str(line).ok()) {
        if let Some([heading, sentence]) = shown(&start, printer) {
            printer.line(heading)?;
            printer.sentence("  ", 2, &sentence)?;
        }
    }
    Ok(())
}

/// Returns a start as a heading, in local time, and a sentence; `None` if it is not a start.
fn shown(start: &Value, printer: &Printer) -> Option<[String; 2]> {
    let text = |name: &str| start.get(name).and_then(Value::as_str);
    let path = |name: &str| text(name).map(|path| format!("`{}`", printer.path(Path::new(path))));
    let plain = |name: &str| text(name).map(plain_text).filter(|text| !text.is_empty());
    let when: Timestamp = text("time")?.parse().ok()?;
    let when = when.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let subcommand = plain("subcommand").unwrap_or_else(|| "codex".to_owned());
    let decision = plain("decision").unwrap_or_else(|| "none".to_owned());
    let style = match (decision.as_str(), plain("error")) {
        (_, Some(_)) => BAD,
        ("keep", None) => DIM,
        _ => GOOD,
    };
    let home = path("home");
    let reason = plain("reason").unwrap_or_default();
    let reason = match ReasonCode::ALL.iter().find(|code| code.id() == reason) {
        Some(code) => format!("{:#}", Reason::from(*code)),
        None => reason,
    };
    let sentence = match (plain("error"), path("effective_home")) {
        (Some(error), _) => error,
        (None, Some(effective)) => match home.filter(|home| *home != effective) {
            Some(home) => format!("used {effective}, not {home}: {reason}"),
            None => format!("used {effective}: {reason}"),
        },
        (None, None) => format!("used the default home: {reason}"),
    };
    Some([format!("{when}  {subcommand}  {}", painted(style, &decision)), sentence])
}
