//! WHAT IS THERE: the only reader of homes → [`Facts`].
//!
//! Total: what cannot be read is a fact. Looks at each thing once, opens nothing that could block, changes nothing and
//! prefers nothing. Where a home that can log in settles the matter, no other home is opened.
#![expect(clippy::disallowed_methods, reason = "this is the one room that reads the disk and asks the clock")]

use std::cell::OnceCell;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access};

use crate::home::auth::{Auth, Usable};
use crate::home::completion::{Completion, Sealed, complete};
use crate::home::config::Config;
use crate::home::{AUTH_FILE, AuthFile, CONFIG_FILE, FileId, Home, Kind};
use crate::invocation::Invocation;
use crate::reason::{Because, Reason};
use crate::repair::Unmended;
use crate::settings::{Pattern, Settings, Strategy, plain};
use crate::start::{Overrides, Start};
use crate::words::cause;

/// The largest `auth.json` that is read, in bytes. Real ones have a few thousand. codex has no limit (50 MiB were tried), so
/// that a larger one is not judged.
const AUTH_LIMIT: u64 = 256 << 10;
/// The largest `config.toml` that is read, in bytes. A larger one is not judged either.
const CONFIG_LIMIT: u64 = 1 << 20;
/// How long a file that may be half written is given, once.
const SECOND_LOOK: Duration = Duration::from_millis(75);

/// Everything that a verdict rests on. Holds no secret that could be printed.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What was asked for.
    pub start: Start,
    /// What may be done.
    pub strategy: Strategy,
    /// Whose home the injected one is.
    pub kind: Kind,
    /// The injected home, where the kind does not settle the matter.
    pub injected: Option<Home>,
    /// The personal home, where the injected one does not settle the matter; `None` also where there is none known.
    pub personal: Option<Home>,
    /// `CODEX_ACCESS_TOKEN` is not blank: from codex 0.136 it is stronger than any home.
    pub access_token_in_environment: bool,
    /// `CODEX_API_KEY` is not blank: `codex exec` prefers it to any home.
    pub api_key_in_environment: bool,
    /// When this was looked at.
    pub now: DateTime<Utc>,
    /// What the injected `auth.json` would be if it were completed; see [`Facts::completion`].
    pub completion: OnceCell<Result<Completion, Because>>,
}

impl Facts {
    /// What the injected `auth.json` would be if it were completed. Made from the bytes that were read, and only for whom
    /// it matters: it costs as much as all the rest.
    ///
    /// # Errors
    /// Why it cannot be completed, or must not be.
    pub fn completion(&self) -> Result<&Completion, Because> {
        let made = self.completion.get_or_init(|| {
            let injected = self.injected.as_ref().ok_or(Reason::NotCompletable)?;
            let personal = self.personal.as_ref().map(|personal| &personal.auth.bytes);
            complete(&injected.auth.bytes, personal, self.now)
        });
        made.as_ref().map_err(Because::clone)
    }

    /// Takes note that the bridge was not completed, although it could have been.
    pub fn not_completed(&mut self, unmended: &Unmended) {
        let detail = format!("auth.json could not be completed: {unmended}");
        self.completion = Err(Because::of(Reason::RepairFailed, detail)).into();
    }
}

/// Looks at everything that this start depends on, once.
#[must_use]
pub fn look(invocation: &Invocation, settings: &Settings, start: &Start) -> Facts {
    let mut facts = Facts {
        start: start.clone(),
        strategy: settings.strategy,
        kind: Kind::Personal,
        injected: None,
        personal: None,
        access_token_in_environment: invocation.is_not_blank("CODEX_ACCESS_TOKEN"),
        api_key_in_environment: invocation.is_not_blank("CODEX_API_KEY"),
        now: Utc::now(),
        completion: OnceCell::new(),
    };
    let (Start::Judged { overrides, .. }, Some(path)) = (start, invocation.codex_home()) else { return facts };
    let injected = Place::at(plain(&path));
    let personal = settings.personal_home.clone().map(Place::at);
    facts.kind = kind(&injected, personal.as_ref(), settings, overrides);
    if !matches!(facts.kind, Kind::Bridge | Kind::Other) || facts.access_token_in_environment {
        return facts;
    }
    let injected = injected.look(overrides, facts.now);
    if injected.can_log_in().0 == Usable::No {
        facts.personal = personal.map(|place| place.look(overrides, facts.now));
    }
    facts.injected = Some(injected);
    facts
}

/// A path, and what stands there, looked up once.
struct Place {
    path: PathBuf,
    metadata: io::Result<Metadata>,
}

impl Place {
    fn at(path: PathBuf) -> Self {
        Self { metadata: fs::metadata(&path), path }
    }

    fn id(&self) -> Option<FileId> {
        self.metadata.as_ref().ok().map(FileId::from)
    }

    /// Whether both are one place, by their spelling or by what stands there.
    fn is(&self, other: &Self) -> bool {
        plain(&self.path) == plain(&other.path) || (self.id().is_some() && self.id() == other.id())
    }

    /// Whether it is one of the places that a pattern means, by its spelling or by what stands there.
    fn matches(&self, pattern: &Pattern) -> bool {
        let lies_below = |path: &Path| {
            let above = pattern.above(path).map(|above| Self::at(above.to_owned()));
            above.is_some_and(|above| above.is(&Self::at(pattern.place().to_owned())))
        };
        if !pattern.has_star() {
            return self.is(&Self::at(pattern.place().to_owned()));
        }
        // A link to such a place has a name of its own.
        lies_below(&self.path) || fs::canonicalize(&self.path).is_ok_and(|real| lies_below(&real))
    }

    /// Looks at it as a home.
    fn look(self, overrides: &Overrides, now: DateTime<Utc>) -> Home {
        let Self { path, metadata } = self;
        let directory = directory(&path, metadata);
        let (config, auth) = match directory.as_ref().map_err(|because| because.reason) {
            // What codex cannot write into can still hold a login.
            Ok(_) | Err(Reason::HomeNotWritable) => {
                (config(&path.join(CONFIG_FILE), overrides), auth_file(&path.join(AUTH_FILE), now))
            }
            Err(Reason::HomeUnreadable) => (Ok(Config::default()), AuthFile::unread(Reason::AuthUnreadable, None)),
            Err(_) => (Ok(Config::default()), AuthFile::unread(Reason::AuthMissing, None)),
        };
        Home { path, directory, config, auth }
    }
}

/// Whose home it is; the first that applies.
fn kind(injected: &Place, personal: Option<&Place>, settings: &Settings, overrides: &Overrides) -> Kind {
    let is_one_of = |patterns: &[Pattern]| patterns.iter().any(|pattern| injected.matches(pattern));
    if is_one_of(&settings.leave) {
        Kind::LeftAlone
    } else if personal.is_some_and(|personal| injected.is(personal)) {
        Kind::Personal
    } else if overrides.get("cli_auth_credentials_store").and_then(toml::Value::as_str) == Some("ephemeral") {
        Kind::HostLogin
    } else if is_one_of(&settings.bridges) {
        Kind::Bridge
    } else {
        Kind::of_path(&injected.path)
    }
}

/// Whose home the one at `path` is.
#[must_use]
pub fn kind_of(path: &Path, settings: &Settings, overrides: &Overrides) -> Kind {
    let personal = settings.personal_home.clone().map(Place::at);
    kind(&Place::at(plain(path)), personal.as_ref(), settings, overrides)
}

/// The time.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Looks at one home.
#[must_use]
pub fn home(path: &Path, overrides: &Overrides, now: DateTime<Utc>) -> Home {
    Place::at(path.to_owned()).look(overrides, now)
}

/// What codex would say to a directory: it must be there, and codex must be able to write into it.
fn directory(path: &Path, metadata: io::Result<Metadata>) -> Result<FileId, Because> {
    let metadata = metadata.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Reason::HomeMissing,
        _ => Reason::HomeUnreadable,
    })?;
    if !metadata.is_dir() {
        return Err(Reason::HomeNotDirectory.into());
    }
    if access(path, AccessFlags::X_OK | AccessFlags::W_OK).is_err() {
        let can_enter = access(path, AccessFlags::X_OK).is_ok();
        return Err(if can_enter { Reason::HomeNotWritable } else { Reason::HomeUnreadable }.into());
    }
    Ok(FileId::from(&metadata))
}

fn config(path: &Path, overrides: &Overrides) -> Result<Config, Because> {
    match read(path, CONFIG_LIMIT) {
        Ok((bytes, _)) => Config::read(Some(&bytes), overrides),
        Err(Unread::Missing) => Config::read(None, overrides),
        Err(Unread::NotRegular) => Err(Because::of(Reason::ConfigUnreadable, "config.toml is not a regular file")),
        Err(Unread::TooLarge) => Err(Reason::ConfigTooLarge.into()),
        Err(Unread::Denied(error)) => {
            Err(Because::of(Reason::ConfigUnreadable, format!("config.toml cannot be read: {error}")))
        }
    }
}

fn auth_file(path: &Path, now: DateTime<Utc>) -> AuthFile {
    let first = auth_file_once(path, now);
    match &first.read {
        Ok(auth) if auth.may_be_torn() => {
            std::thread::sleep(SECOND_LOOK);
            auth_file_once(path, now)
        }
        _ => first,
    }
}

fn auth_file_once(path: &Path, now: DateTime<Utc>) -> AuthFile {
    // Of a file that is not read; who it is may matter all the same.
    let id = || fs::metadata(path).ok().map(|metadata| FileId::from(&metadata));
    match read(path, AUTH_LIMIT) {
        Ok((bytes, metadata)) => {
            let auth = Auth::read(&bytes, now);
            // Only a login that is used is ever renewed.
            let is_used = auth.because.reason == Reason::OkChatgpt;
            // One that another took the place of while it was read has no link at all.
            let can_be_renewed = !is_used || (metadata.nlink() <= 1 && access(path, AccessFlags::W_OK).is_ok());
            AuthFile { read: Ok(auth), id: Some(FileId::from(&metadata)), can_be_renewed, bytes: Sealed(bytes) }
        }
        Err(Unread::Missing) => AuthFile::unread(Reason::AuthMissing, None),
        Err(Unread::NotRegular) => AuthFile::unread(Reason::AuthNotRegularFile, id()),
        Err(Unread::TooLarge) => AuthFile::unread(Reason::AuthTooLarge, id()),
        Err(Unread::Denied(error)) => {
            AuthFile::unread(Because::of(Reason::AuthUnreadable, format!("auth.json cannot be read: {error}")), id())
        }
    }
}

/// Why a file was not read.
enum Unread {
    Missing,
    NotRegular,
    TooLarge,
    Denied(String),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Denied(cause(&error)),
        }
    }
}

/// Reads a regular file, links followed. Asks what it is before it opens it, for opening a FIFO can wait for ever;
/// and opens it so that it would not wait if it became one in between.
fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), Unread> {
    if !fs::metadata(path)?.is_file() {
        return Err(Unread::NotRegular);
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unread::NotRegular);
    }
    if metadata.len() > limit {
        return Err(Unread::TooLarge);
    }
    Ok((read_all(file, metadata.len(), limit)?, metadata))
}

/// Reads to the end, which may be further than `size` where somebody is writing. A file that gives just its size, with room
/// for more, is not asked whether that was all.
fn read_all(mut file: File, size: u64, limit: u64) -> Result<Vec<u8>, Unread> {
    let size = usize::try_from(size).map_err(|_| Unread::TooLarge)?;
    let mut bytes = vec![0; size + 1];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    if read != size {
        file.take(limit + 1 - read as u64).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > limit { Err(Unread::TooLarge) } else { Ok(bytes) }
}
