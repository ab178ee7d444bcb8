//! stderr by `tracing`, and the journal: one line of JSON for each judged start.
//!
//! Silence is success: by default stderr gets warnings only. Hosts hide stderr, which is what the journal is for. Journal errors
//! never delay or fail a start; a line that cannot be written is dropped.

use std::fmt;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Once;

use chrono::{DateTime, SecondsFormat, Utc};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, umask};
use serde::Serialize;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::decide::Decision;
use crate::display::{cause, json_line, plain_text};
use crate::failure::Failure;
use crate::home::Kind;
use crate::invocation::Invocation;
use crate::observe::Observed;
use crate::repair::{may_write, unlock};
use crate::request::Request;
use crate::settings::{Settings, Strategy};
use crate::{describe, fs};

/// The variable that sets the level of stderr.
const LEVEL_VARIABLE: &str = "CODEX_HOME_SHIM_LOG";
/// The name of the launcher's directories, and the beginning of every line on stderr.
const NAME: &str = "codex-home-shim";
/// The journal.
const FILE: &str = "journal.jsonl";
/// The previous journal.
const ROTATED: &str = "journal.1.jsonl";
/// The longest PATH that is recorded, in bytes.
const PATH_LIMIT: usize = 4 << 10;
/// The longest other value that is recorded, in bytes.
const NAME_LIMIT: usize = 1 << 10;
/// How large the journal grows, in bytes, before it is rotated.
const LIMIT: u64 = 512 << 10;

/// Writes those of `messages` to stderr that `CODEX_HOME_SHIM_LOG` asks for (`error`, `warn`, `info`, `debug`, `trace`; the
/// default is `warn`). An unknown level is reported and otherwise ignored.
pub fn say(invocation: &Invocation, messages: &[(Level, String)]) {
    let asked = invocation.var(LEVEL_VARIABLE).map(|value| value.to_string_lossy());
    let level = asked.as_deref().map_or(Some(Level::WARN), level);
    let max = level.unwrap_or(Level::WARN);
    let is_silent = level.is_some() && messages.iter().all(|(level, _)| *level > max);
    if is_silent || !fs::stderr_may_grow() {
        return;
    }
    if level.is_none() {
        init(max);
        tracing::warn!("`{LEVEL_VARIABLE}` is not one of `error`, `warn`, `info`, `debug`, `trace`: using `warn`");
    }
    for (level, text) in messages.iter().filter(|(level, _)| *level <= max) {
        // Only now, so that a silent start pays nothing for it.
        init(max);
        event(*level, text);
    }
}

fn level(name: &str) -> Option<Level> {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(name))
}

/// Sends `tracing` events up to `level` to stderr; the first call counts.
#[expect(clippy::disallowed_methods, reason = "the one writer of stderr")]
fn init(level: Level) {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            // The layer would report its own errors on stderr, and panic if that fails.
            .log_internal_errors(false)
            .event_format(Line)
            .finish();
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

fn event(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        Level::DEBUG => tracing::debug!("{text}"),
        Level::TRACE => tracing::trace!("{text}"),
    }
}

/// `codex-home-shim: warning: …`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::WARN => "warning: ",
            Level::DEBUG => "debug: ",
            Level::TRACE => "trace: ",
            _ => "",
        };
        write!(writer, "{NAME}: {level}")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// One judged start. Paths, stable ids and our own words only.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// When, in RFC 3339 with microseconds.
    pub time: String,
    /// The process id, which codex keeps.
    pub pid: u32,
    /// Our version.
    pub version: &'static str,
    /// The subcommand; empty for the interactive program.
    pub subcommand: &'static str,
    /// Whose home the injected one is.
    pub kind: Option<&'static str>,
    /// The injected home.
    pub home: Option<String>,
    /// What was decided.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The home in which codex was started; `None` if codex was not started.
    pub effective_home: Option<String>,
    /// The codex that was started.
    pub codex: Option<String>,
    /// Candidates that were skipped, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'a str>,
    /// The host.
    pub host: Host<'a>,
    /// How long the launcher took, in microseconds.
    pub took_us: u64,
    /// What kept codex from being started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The part of the host's environment that `codex-home doctor` needs to know afterwards. Nothing in it is secret.
#[derive(Debug, Serialize)]
pub struct Host<'a> {
    /// `OPENCLAW_STATE_DIR`.
    pub state_dir: Option<&'a str>,
    /// `OPENCLAW_PROFILE`.
    pub profile: Option<&'a str>,
    /// Whether `OPENCLAW_SERVICE_MARKER` or `OPENCLAW_SERVICE_KIND` is set: OpenClaw's service started the host.
    pub service: bool,
    /// `PATH`; also `None` if it is longer than 4 KiB or not UTF-8, because a part of it would be another PATH.
    pub path: Option<&'a str>,
}

impl<'a> Host<'a> {
    fn of(invocation: &'a Invocation) -> Self {
        let short = |name: &str, limit: usize| {
            invocation.var(name).and_then(|value| value.to_str()).filter(|value| value.len() <= limit)
        };
        Self {
            state_dir: short("OPENCLAW_STATE_DIR", NAME_LIMIT),
            profile: short("OPENCLAW_PROFILE", NAME_LIMIT),
            service: ["OPENCLAW_SERVICE_MARKER", "OPENCLAW_SERVICE_KIND"]
                .iter()
                .any(|name| invocation.is_not_blank(name)),
            path: short("PATH", PATH_LIMIT),
        }
    }
}

impl<'a> Record<'a> {
    /// Describes a start; `None` if the start is not judged, or nothing was looked at.
    #[must_use]
    pub fn new(
        invocation: &'a Invocation,
        observed: &Observed,
        decision: &Decision,
        messages: &'a [(Level, String)],
    ) -> Option<Self> {
        let is_judged = matches!(observed.request, Request::Judged(_)) && observed.settings.strategy != Strategy::Off;
        if !is_judged {
            return None;
        }
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let codex = observed.codex.as_ref().ok();
        let mut record = Self {
            time: rfc3339(invocation.now),
            pid: invocation.pid,
            version: env!("CARGO_PKG_VERSION"),
            subcommand: observed.request.name(),
            kind: observed.kind.map(Kind::name),
            home: observed.codex_home.as_deref().map(text),
            decision: decision.name(),
            reason: decision.code().id(),
            effective_home: observed.home_of(decision).map(text),
            codex: codex.map(|codex| text(&codex.path)),
            skipped: observed.skipped().iter().map(ToString::to_string).collect(),
            warnings: messages
                .iter()
                .filter(|(level, _)| *level == Level::WARN)
                .map(|(_, text)| text.as_str())
                .collect(),
            host: Host::of(invocation),
            took_us: micros(invocation),
            error: None,
        };
        if let Decision::Refuse(failure) = decision {
            record.fail(failure, &observed.settings);
        }
        Some(record)
    }

    /// Notes what kept codex from being started.
    pub fn fail(&mut self, failure: &Failure, settings: &Settings) {
        self.reason = failure.code().id();
        self.error = Some(describe::chat_line(failure, settings.person_home.as_deref()));
        self.effective_home = None;
        if !matches!(failure, Failure::Exec { .. }) {
            self.codex = None;
        }
    }
}

fn micros(invocation: &Invocation) -> u64 {
    u64::try_from(invocation.since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Returns the path of the journal; `None` if no place for it is known.
#[must_use]
pub fn path(invocation: &Invocation) -> Option<PathBuf> {
    Some(invocation.state_directory()?.join(NAME).join(FILE))
}

/// Returns the path of the previous journal.
#[must_use]
pub fn rotated(path: &Path) -> PathBuf {
    path.with_file_name(ROTATED)
}

/// Appends a record to the journal, unless the settings turn it off.
pub fn append(invocation: &Invocation, settings: &Settings, record: &Record<'_>) {
    let Some(path) = path(invocation).filter(|_| settings.journal) else { return };
    let Ok(mut line) = json_line(record) else { return };
    line.push('\n');
    if let Err(error) = append_line(&path, line.as_bytes(), invocation.uid) {
        let text = format!("the journal `{}` cannot be written: {}", plain_text(&path), cause(&error));
        say(invocation, &[(Level::DEBUG, text)]);
    }
}

/// Appends one line in one write.
fn append_line(path: &Path, line: &[u8], uid: u32) -> io::Result<()> {
    let (mut file, mut size) = match open(path, OFlag::empty(), uid) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, uid)?,
        opened => opened?,
    };
    // If it cannot be rotated, it grows.
    if size + line.len() as u64 > LIMIT && rotate(path, &file, uid).unwrap_or(false) {
        (file, size) = create(path, uid)?;
    }
    if !may_write(size + line.len() as u64) {
        return Err(Errno::EFBIG.into());
    }
    let written = file.write(line)?;
    if written == line.len() {
        // exec closes it.
        let _ = file.into_raw_fd();
        return Ok(());
    }
    // The disk is full and holds half of the line. The next record begins on a new line; the lines of other starts stay.
    if file.metadata()?.len() == size + written as u64 {
        file.set_len(size)?;
    }
    Err(io::ErrorKind::StorageFull.into())
}

/// Opens the journal and returns its size in bytes. It must be a regular file of this user with one link, and no symlink; anything
/// else is left alone. A FIFO without a reader does not block.
#[expect(clippy::disallowed_methods, reason = "opens the journal, for appending")]
fn open(path: &Path, flags: OFlag, uid: u32) -> io::Result<(File, u64)> {
    let flags = flags
        | OFlag::O_WRONLY
        | OFlag::O_APPEND
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let file = File::from(openat(AT_FDCWD, path, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != uid || metadata.nlink() > 1 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a regular file of this user's"));
    }
    if metadata.mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok((file, metadata.len()))
}

/// Creates the journal and, if needed, its directory. Nothing is created in a directory of another user, so root leaves nothing
/// in another user's `HOME`.
fn create(path: &Path, uid: u32) -> io::Result<(File, u64)> {
    let directory = path.parent().unwrap_or(path);
    let existing = directory.ancestors().find_map(|ancestor| fs::stat(ancestor).ok().map(|stat| (ancestor, stat)));
    match existing {
        Some((ancestor, stat)) if stat.uid == uid => {
            if ancestor != directory {
                // The mode must not depend on the caller's umask, which is restored because codex inherits it.
                let callers = umask(Mode::S_IRWXG | Mode::S_IRWXO);
                let created = DirBuilder::new().recursive(true).mode(0o700).create(directory);
                umask(callers);
                created?;
            }
        }
        _ => return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its directory belongs to another user")),
    }
    open(path, OFlag::O_CREAT, uid)
}

/// Rotates a full journal. If many starts find it full, one of them rotates it and the others append. Returns whether there is a
/// new journal to open.
#[expect(clippy::disallowed_methods, reason = "rotates the journal")]
fn rotate(path: &Path, full: &File, uid: u32) -> io::Result<bool> {
    let Ok(lock) = Flock::lock(full.try_clone()?, FlockArg::LockExclusiveNonblock) else { return Ok(false) };
    let rotated = open(path, OFlag::empty(), uid).and_then(|(current, _)| {
        if current.metadata()?.ino() == full.metadata()?.ino() {
            renameat(AT_FDCWD, path, AT_FDCWD, &rotated(path))?;
        }
        Ok(true)
    });
    unlock(lock);
    rotated
}
