//! WHAT WE SAY: `tracing`, to stderr by level and to the journal one line a judged start.
//!
//! The only room that writes to stderr, and the only writer of the journal. Silence is success: by default stderr gets
//! warnings only. Hosts hide stderr, which is what the journal is for. The journal is not worth a start: what cannot be
//! written is let go, and nothing is waited for.
#![expect(clippy::disallowed_methods, reason = "this is the one room that writes to stderr and to the journal")]

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, IntoRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::failure::Failure;
use crate::home::Kind;
use crate::invocation::Invocation;
use crate::reason::Reason;
use crate::settings::{Journal, Settings};
use crate::words::{cause, plain_text};

/// The variable that sets the level of stderr.
const SETTING: &str = "CODEX_HOME_SHIM_LOG";
/// The name every line on stderr begins with.
const NAME: &str = "codex-home-shim";
/// What marks an event as a line of the journal.
const TARGET: &str = "codex_home::journal::line";
/// The journal, in its directory.
const FILE: &str = "journal.jsonl";
/// The one before it.
const OLDER: &str = "journal.1.jsonl";
/// How large the journal grows, in bytes, before it becomes the older one.
const LIMIT: u64 = 512 << 10;
/// How every journal begins.
const BEGIN: &[u8; 9] = b"{\"time\":\"";

/// Starts saying things: to stderr at the level of `CODEX_HOME_SHIM_LOG` (`error`, `warn`, `info`, `debug`, `trace`), and to
/// the journal that the settings name.
///
/// A level that is none of these is said and costs nothing else: no bot falls silent over it.
pub fn open(invocation: &Invocation, settings: &Settings) {
    let asked = invocation.var(SETTING);
    let level = asked.map(|asked| level(asked.to_str().unwrap_or_default()));
    let stderr = Stderr { level: level.flatten().unwrap_or(Level::WARN) };
    let journal = &settings.journal;
    let lines = Lines { path: path(invocation, journal), is_ours: *journal == Journal::Default };
    // Somebody who calls us twice in one process has the first one's.
    let _ = tracing::subscriber::set_global_default(Said { stderr, lines });
    if let (Some(asked), Some(None)) = (asked, level) {
        let asked = plain_text(asked);
        tracing::warn!("`{SETTING}` is `{asked}`, not one of `error`, `warn`, `info`, `debug`, `trace`: using `warn`");
    }
}

fn level(name: &str) -> Option<Level> {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(name))
}

/// Where the journal is; `None` where there is none.
#[must_use]
pub fn path(invocation: &Invocation, journal: &Journal) -> Option<PathBuf> {
    match journal {
        Journal::Off => None,
        Journal::File(path) => Some(path.clone()),
        Journal::Default => Some(invocation.state_directory()?.join(NAME).join(FILE)),
    }
}

/// The journal before the one at `path`.
#[must_use]
pub fn older(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(if name == FILE {
        OsStr::new(OLDER).to_owned()
    } else {
        [name, OsStr::new(".1")].into_iter().collect()
    })
}

/// Says `text` at a level that is known only now.
pub fn say(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        Level::DEBUG => tracing::debug!("{text}"),
        Level::TRACE => tracing::trace!("{text}"),
    }
}

/// One judged start, as the journal has it. Paths and stable ids only.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// As it is written on the command line; empty for the interactive program.
    pub subcommand: &'static str,
    /// Whose home the injected one is.
    pub kind: Option<Kind>,
    /// The injected home.
    pub home: Option<PathBuf>,
    /// What was decided.
    pub verdict: Option<&'static str>,
    /// Why.
    pub reason: Option<Reason>,
    /// The home codex gets, where it is started in one that is named.
    pub effective_home: Option<PathBuf>,
    /// The codex that is started.
    pub codex: Option<PathBuf>,
    /// Each codex before it that anybody could have put another program in the place of, and why that is so.
    pub passed_over: Vec<String>,
}

impl Record {
    /// Writes the line; `failure` is what kept codex from being started.
    pub fn write(&self, invocation: &Invocation, failure: Option<&Failure>) {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let error = failure.map(|failure| format!("{}: {}", failure.reason(), failure.message()));
        tracing::info!(
            target: TARGET,
            time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true),
            pid = invocation.pid,
            version = env!("CARGO_PKG_VERSION"),
            subcommand = self.subcommand,
            kind = self.kind.map(Kind::name),
            home = self.home.as_deref().map(text),
            verdict = self.verdict,
            reason = failure.map(Failure::reason).or(self.reason).map(Reason::id),
            effective_home = self.effective_home.as_deref().map(text),
            codex = self.codex.as_deref().map(text),
            passed_over = (!self.passed_over.is_empty()).then(|| self.passed_over.join("; ")),
            took_us = u64::try_from(invocation.since.elapsed().as_micros()).unwrap_or(u64::MAX),
            error,
        );
    }
}

/// Where everything goes that is said: a line of the journal into the journal, any other message to stderr.
///
/// Nothing here ever happens within a span. The registry that would keep them is the better part of what a start would
/// allocate: 32 KiB, as a page fault each page.
struct Said {
    stderr: Stderr,
    lines: Lines,
}

impl Subscriber for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && (metadata.target() == TARGET || *metadata.level() <= self.stderr.level)
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == TARGET { self.lines.take(event) } else { self.stderr.take(event) }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Values<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// One line a message on stderr.
struct Stderr {
    level: Level,
}

impl Stderr {
    fn take(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = NAME.to_owned();
        match *metadata.level() {
            Level::WARN => line.push_str(": warning"),
            Level::DEBUG => line.push_str(": debug"),
            Level::TRACE => line.push_str(": trace"),
            _ => {}
        }
        event.record(&mut Message(&mut line));
        line.push('\n');
        // One write, so that lines of many starts do not mix; nobody is left to tell if it fails.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Appends the message of an event.
struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, ": {value:?}");
        }
    }
}

/// One line of JSON a record, in the journal.
struct Lines {
    path: Option<PathBuf>,
    /// Whether the directory is one we made, so that it may not be a link.
    is_ours: bool,
}

impl Lines {
    fn take(&self, event: &Event<'_>) {
        let Some(path) = &self.path else { return };
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        let Ok(mut line) = serde_json::to_vec(&fields) else { return };
        line.push(b'\n');
        if let Err(error) = append(path, self.is_ours, &line) {
            let path = plain_text(path.as_os_str());
            tracing::debug!("the journal `{path}` cannot be written: {}", cause(&error));
        }
    }
}

/// The fields of an event, in their order.
struct Fields(Vec<(&'static str, serde_json::Value)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Appends one line to the journal, in one write.
///
/// Neither the file nor a directory of ours may be a link; a file that is not a regular one of this user's is left
/// alone. Opened so that a FIFO does not wait for a reader.
fn append(path: &Path, is_ours: bool, line: &[u8]) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = directory(parent, is_ours)?;
    let (mut file, mut size) = open_journal(&directory, name, is_ours)?;
    // One that cannot be set aside is written on.
    if size + line.len() as u64 > LIMIT && set_aside(&directory, name, &file, is_ours).unwrap_or(false) {
        (file, size) = open_journal(&directory, name, is_ours)?;
    }
    let written = file.write(line)?;
    if written == line.len() {
        // Left to be closed by `exec`, which comes next: two calls less.
        let _ = (file.into_raw_fd(), directory.into_raw_fd());
        return Ok(());
    }
    // A full disk took half of it. The next line is to begin a line of its own; what somebody else wrote stays.
    if file.metadata()?.len() == size + written as u64 {
        file.set_len(size)?;
    }
    Err(io::ErrorKind::StorageFull.into())
}

/// Opens the journal's directory, and makes it where it is not there.
///
/// One of ours is no link. Where somebody named another, a link to it is followed if this user or root laid it: nobody
/// else says where we write.
fn directory(path: &Path, is_ours: bool) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let open = |flags| openat(AT_FDCWD, path, flags, Mode::empty());
    match open(flags | OFlag::O_NOFOLLOW) {
        Err(Errno::ENOENT) => {
            // Whatever the caller's umask says, which codex gets back: one that forbids us too could not be mended afterwards.
            let callers = umask(Mode::S_IRWXG | Mode::S_IRWXO);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            umask(callers);
            made?;
            Ok(open(flags | OFlag::O_NOFOLLOW)?)
        }
        Err(Errno::ELOOP | Errno::ENOTDIR)
            if !is_ours && [0, Uid::effective().as_raw()].contains(&fs::symlink_metadata(path)?.uid()) =>
        {
            Ok(open(flags)?)
        }
        opened => Ok(opened?),
    }
}

/// Opens the journal; its size in bytes.
///
/// Where somebody named it, it may be anything of theirs, an `auth.json` by mistake: only what is empty or begins as a journal
/// does is written on.
fn open_journal(directory: impl AsFd, name: &OsStr, is_ours: bool) -> io::Result<(File, u64)> {
    let flags = if is_ours { OFlag::O_WRONLY } else { OFlag::O_RDWR }
        | OFlag::O_APPEND
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = File::from(openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != Uid::effective().as_raw() || metadata.nlink() > 1 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a regular file of this user's"));
    }
    if !is_ours && metadata.len() > 0 {
        let mut begin = [0; BEGIN.len()];
        if file.read_exact_at(&mut begin, 0).is_err() || begin != *BEGIN {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a journal"));
        }
    }
    if metadata.mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok((file, metadata.len()))
}

/// Makes a full journal the older one. Of many starts that find it full one does it; the others write on where they are.
/// Returns whether there is a new one to be opened.
fn set_aside(directory: &OwnedFd, name: &OsStr, full: &File, is_ours: bool) -> io::Result<bool> {
    let Ok(_lock) = Flock::lock(full.try_clone()?, FlockArg::LockExclusiveNonblock) else { return Ok(false) };
    let is_current = open_journal(directory, name, is_ours)?.0.metadata()?.ino() == full.metadata()?.ino();
    if is_current {
        renameat(directory, name, directory, &older(Path::new(name)))?;
    }
    Ok(true)
}
