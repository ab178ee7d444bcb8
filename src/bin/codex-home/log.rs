//! `codex-home log`: the starts that were noted down.
//!
//! Reads the journal and the one before it; writes nothing, takes no lock.
#![expect(clippy::disallowed_methods, reason = "this is the room that reads the journal")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Local};
use codex_home::invocation::Invocation;
use codex_home::journal;
use codex_home::settings::{Journal, Settings};
use serde_json::Value;

use crate::screen::{Ended, Screen, Trouble, plain};

/// How often somebody who follows looks for more.
const INTERVAL: Duration = Duration::from_millis(250);
/// How much of a journal is its end, in bytes.
const END: u64 = 1 << 20;
/// The columns.
const HEADINGS: [&str; 6] = ["when", "start", "verdict", "reason", "home", "then"];

/// Shows the last `count` starts, and with `follow` those to come.
pub fn run(invocation: &Invocation, count: usize, follow: bool, json: bool, screen: &mut Screen) -> Ended {
    let settings = Settings::read(invocation)?;
    let Some(path) = journal::path(invocation, &settings.journal) else {
        let (message, help) = if settings.journal == Journal::Off {
            ("no starts are noted down: the settings say so", "set `journal = true`")
        } else {
            ("no place for a journal is known", "set `CODEX_HOME_SHIM_JOURNAL` to an absolute path")
        };
        return Err(Trouble::new(message, help));
    };
    let mut current = Reader::at_end(path.clone());
    let mut lines: VecDeque<String> = current.read()?.into();
    if lines.len() < count {
        let mut older = Reader::at_end(journal::older(&path)).read()?;
        older.extend(lines);
        lines = older.into();
    }
    lines.drain(..lines.len().saturating_sub(count));
    if lines.is_empty() && !follow {
        let path = screen.path(&path);
        screen.aside(&format!("no start was noted down yet in `{path}`"));
    }
    show(lines.make_contiguous(), json, true, screen)?;
    if !follow {
        return Ok(0);
    }
    loop {
        thread::sleep(INTERVAL);
        show(&current.read()?, json, false, screen)?;
    }
}

/// The last `count` lines of the journal at `path` and the one before it, as far as they can be read; of a file that
/// somebody let grow only its end.
pub fn last(path: &Path, count: usize) -> Vec<String> {
    let mut lines = Reader::at_end(path.to_owned()).read().unwrap_or_default();
    if lines.len() < count {
        let older = Reader::at_end(journal::older(path)).read().unwrap_or_default();
        lines.splice(..0, older);
    }
    lines.split_off(lines.len().saturating_sub(count))
}

/// Shows lines, as they are or as rows.
fn show(lines: &[String], json: bool, with_headings: bool, screen: &mut Screen) -> Result<(), Trouble> {
    if json {
        return lines.iter().try_for_each(|line| screen.json_text(line));
    }
    let rows: Vec<_> = lines.iter().filter_map(|line| row(line, screen)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    screen.table(if with_headings { &HEADINGS } else { &[] }, rows)
}

/// One start as a row; `None` for what is none.
fn row(line: &str, screen: &Screen) -> Option<Vec<String>> {
    let start: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| start.get(name).and_then(Value::as_str);
    let path = |name: &str| text(name).map(|path| screen.path(Path::new(path)));
    let when = DateTime::parse_from_rfc3339(text("time")?).ok()?;
    let home = path("home").unwrap_or_else(|| "none given".to_owned());
    let then = match (text("error"), path("effective_home")) {
        // The reason stands in a column of its own.
        (Some(error), _) => plain(error.split_once(": ").map_or(error, |(_, message)| message)),
        (None, Some(effective)) if effective != home => format!("used {effective}"),
        _ => String::new(),
    };
    Some(vec![
        when.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
        plain(text("subcommand").filter(|name| !name.is_empty()).unwrap_or("codex")),
        plain(text("verdict").unwrap_or("none")),
        plain(text("reason").unwrap_or_default()),
        home,
        then,
    ])
}

/// Whether a line is one that a start could have left: a disk that was full, or an editor, leaves others.
fn is_start(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|start| start.is_object())
}

/// Reads what was added to a file that may be set aside for a new one at any time.
struct Reader {
    path: PathBuf,
    /// The file, and how far it was read.
    at: Option<(u64, u64)>,
}

impl Reader {
    /// One that skips all but the end: a journal that we wrote is shorter, and what somebody else let grow may be larger than
    /// the memory.
    fn at_end(path: PathBuf) -> Self {
        let metadata = path.metadata().ok();
        let at = metadata.map(|metadata| (metadata.ino(), metadata.len().saturating_sub(END)));
        Self { path, at }
    }

    /// The starts since the last time.
    fn read(&mut self) -> Result<Vec<String>, Trouble> {
        let rest = self.rest_of_older();
        let mut lines = self.read_file()?;
        lines.splice(..0, rest);
        Ok(lines)
    }

    /// What was added to the file since the last time, before another took its place.
    fn rest_of_older(&self) -> Vec<String> {
        let inode = |path: &Path| path.metadata().ok().map(|metadata| metadata.ino());
        let older = journal::older(&self.path);
        match self.at {
            Some((was, _)) if inode(&self.path) != Some(was) && inode(&older) == Some(was) => {
                Self { path: older, at: self.at }.read_file().unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn read_file(&mut self) -> Result<Vec<String>, Trouble> {
        let trouble = |error: &std::io::Error| {
            let cause = codex_home::words::cause(error);
            let path = plain(&self.path.to_string_lossy());
            Trouble::new(format!("`{path}` cannot be read: {cause}"), "see who owns it")
        };
        if self.path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(trouble(&ErrorKind::InvalidInput.into()));
        }
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(trouble(&error)),
        };
        let metadata = file.metadata().map_err(|error| trouble(&error))?;
        let from = match self.at {
            Some((inode, at)) if inode == metadata.ino() && at <= metadata.len() => at,
            _ => 0,
        };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)).map_err(|error| trouble(&error))?;
        // The last line may be half written.
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        self.at = Some((metadata.ino(), from + whole as u64));
        // The first one may be the end of one that was skipped.
        Ok(String::from_utf8_lossy(&bytes).lines().filter(|line| is_start(line)).map(str::to_owned).collect())
    }
}
