//! A home: its directory, `config.toml` and `auth.json`, and what they say about its login.
//!
//! Pure. Knows the file names inside a home and the shapes of the paths that hosts make; reads nothing itself.

pub mod auth;
pub mod claims;
pub mod config;
pub mod repaired;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::fs::{FileId, Stat};
use crate::reason::{Reason, ReasonCode};
use auth::{Auth, Login, LoginKind, Owners};
use config::{Config, ConfigFile, Layer, Provider, Store};
use repaired::Repaired;

/// The file that holds a login.
pub const AUTH_FILE: &str = "auth.json";
/// The file that may move the login elsewhere.
pub const CONFIG_FILE: &str = "config.toml";
/// The file that codex 0.169 reads and writes at every start.
pub const INSTALLATION_ID_FILE: &str = "installation_id";

/// A fact about the disk, and how far it is known.
#[derive(Clone, Debug)]
pub enum Fact<T> {
    /// It was read.
    Seen(T),
    /// It does not exist.
    Absent,
    /// It exists, and neither this launcher nor codex can use it.
    Unusable(Reason),
    /// It could not be determined, and codex may well succeed.
    Unknown(Reason),
}

impl<T> Fact<T> {
    /// Returns what was read.
    pub const fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Absent | Self::Unusable(_) | Self::Unknown(_) => None,
        }
    }

    /// Returns why it is unknown.
    pub const fn unknown(&self) -> Option<&Reason> {
        match self {
            Self::Unknown(reason) => Some(reason),
            Self::Seen(_) | Self::Absent | Self::Unusable(_) => None,
        }
    }

    /// Returns why it cannot be used.
    pub const fn unusable(&self) -> Option<&Reason> {
        match self {
            Self::Unusable(reason) => Some(reason),
            Self::Seen(_) | Self::Absent | Self::Unknown(_) => None,
        }
    }
}

/// Bytes that may hold tokens: they can be compared and written, never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBytes(pub(crate) Vec<u8>);

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// The kind of a home, by path, argv and settings alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The settings say to leave it alone. This comes before every other kind.
    LeftAlone,
    /// The person's own.
    Personal,
    /// Its host logs in over RPC after the start, so a missing `auth.json` is normal.
    HostLogin,
    /// A host fills it from its own store, and codex has no other login there.
    Bridge,
    /// Any other.
    Other,
}

impl Kind {
    /// Returns the name in messages and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftAlone => "left-alone",
            Self::Personal => "personal",
            Self::HostLogin => "host-login",
            Self::Bridge => "bridge",
            Self::Other => "other",
        }
    }

    /// Returns the kind of a home by its place; [`Kind::Other`] if the place is no host's. `person_home` is the person's home
    /// directory.
    #[must_use]
    pub fn of_path(path: &Path, person_home: Option<&Path>) -> Self {
        let is_there = |shape: &&HomeShape| !shape.is_at_home || path.parent() == person_home;
        let shape = HOME_SHAPES.iter().filter(is_there).find(|shape| shape.matches(path));
        shape.map_or(Self::Other, |shape| shape.kind)
    }
}

/// The last components of the path of a home that a host makes.
struct HomeShape {
    kind: Kind,
    /// The last components, the first of them first.
    components: &'static [Name],
    /// How many of the last components the host made. None of them may be a symlink; OpenClaw 2026.4.20–4.22 stops if one is.
    made_by_host: usize,
    /// Whether it is in the person's home directory, and only there.
    is_at_home: bool,
}

enum Name {
    Is(&'static str),
    StartsWith(&'static str),
    /// Sixteen lowercase hexadecimal digits.
    ShortHash,
}

/// The homes that hosts make. Adding a host is a row here and a case in the tests.
const HOME_SHAPES: &[HomeShape] = {
    use Name::{Is, ShortHash, StartsWith};
    &[
        // OpenClaw 2026.4.20–4.22, `codex app-server`.
        HomeShape {
            kind: Kind::Bridge,
            components: &[Is("harness-auth"), Is("codex"), ShortHash],
            made_by_host: 3,
            is_at_home: false,
        },
        // OpenClaw 2026.4.20–4.22, `codex exec`.
        HomeShape {
            kind: Kind::Bridge,
            components: &[Is("cli-auth"), Is("codex"), ShortHash],
            made_by_host: 3,
            is_at_home: false,
        },
        // OpenClaw 2026.4.22.
        HomeShape {
            kind: Kind::Bridge,
            components: &[Is("acp-auth"), StartsWith("codex")],
            made_by_host: 2,
            is_at_home: false,
        },
        // OpenClaw 5.2 and later: `<agentDir>/codex-home`.
        HomeShape {
            kind: Kind::HostLogin,
            components: &[Is("agent"), Is("codex-home")],
            made_by_host: 1,
            is_at_home: false,
        },
        // OpenClaw 6.9 and later.
        HomeShape {
            kind: Kind::HostLogin,
            components: &[StartsWith("codex-bounded-turn-"), Is("codex-home")],
            made_by_host: 1,
            is_at_home: false,
        },
        // OpenClaw 8.2 and later.
        HomeShape {
            kind: Kind::HostLogin,
            components: &[Is(".codex-coding-agent")],
            made_by_host: 1,
            is_at_home: true,
        },
    ]
};

impl HomeShape {
    fn matches(&self, path: &Path) -> bool {
        let mut parts = path.components().rev().map(Component::as_os_str);
        self.components.iter().rev().all(|name| parts.next().is_some_and(|part| name.matches(part)))
    }
}

impl Name {
    fn matches(&self, part: &OsStr) -> bool {
        let bytes = part.as_encoded_bytes();
        match self {
            Self::Is(name) => part == *name,
            Self::StartsWith(beginning) => bytes.starts_with(beginning.as_bytes()),
            Self::ShortHash => bytes.len() == 16 && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        }
    }
}

/// Returns how many of the last components of a home's path its host made. None of them may be a symlink.
#[must_use]
pub fn components_made_by_host(path: &Path) -> usize {
    HOME_SHAPES.iter().find(|shape| shape.matches(path)).map_or(1, |shape| shape.made_by_host)
}

/// A home as it was found.
#[derive(Clone, Debug)]
pub struct Home {
    /// Its path, absolute.
    pub path: PathBuf,
    /// Its directory.
    pub directory: Fact<HomeDirectory>,
    /// Its `config.toml`.
    pub config: Fact<ConfigFile>,
    /// Owner, mode and identity of its `config.toml`, if that was read.
    pub config_stat: Option<Stat>,
    /// Its `auth.json`.
    pub auth: Fact<AuthFile>,
}

/// The directory of a home.
#[derive(Clone, Debug)]
pub struct HomeDirectory {
    /// Its path without any symlink in it.
    pub real_path: PathBuf,
    /// Owner, mode and identity.
    pub stat: Stat,
    /// Why codex cannot create files in it, if it cannot.
    pub not_writable: Option<Reason>,
}

/// An `auth.json` that was read.
#[derive(Clone, Debug)]
pub struct AuthFile {
    /// What it says.
    pub auth: Auth,
    /// Owner, mode, links and identity.
    pub stat: Stat,
    /// Its bytes.
    pub bytes: SecretBytes,
}

impl Home {
    /// Returns whether it has no `auth.json`, or an empty one.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        let directory_is_known = matches!(self.directory, Fact::Seen(_) | Fact::Absent);
        directory_is_known
            && match &self.auth {
                Fact::Absent => true,
                Fact::Seen(file) => file.bytes.0.is_empty(),
                Fact::Unusable(_) | Fact::Unknown(_) => false,
            }
    }

    /// Judges its login for the codex of this version, which is asked for only if that matters.
    pub fn judge_for(&mut self, version: impl FnOnce() -> Option<String>) {
        if let Fact::Seen(file) = &mut self.auth {
            file.auth.judge_for(version);
        }
    }

    /// Returns its `auth.json` as a repair would leave it.
    ///
    /// # Errors
    /// Why it is not repaired.
    pub fn repaired(&self, now: DateTime<Utc>, person_home: Option<&Path>) -> Result<Repaired, Reason> {
        let Fact::Seen(file) = &self.auth else { return Err(ReasonCode::NotRepairable.into()) };
        let repaired = repaired::repair(&file.bytes, now)?;
        // A repair removes the refresh token. It is known only of OpenClaw's own bridges that OpenClaw holds a copy.
        if file.auth.has_refresh_token && Kind::of_path(&self.path, person_home) != Kind::Bridge {
            return Err(ReasonCode::OnlyRefreshToken.into());
        }
        Ok(repaired)
    }

    /// Returns values that change whenever the directory or `auth.json` is written.
    #[must_use]
    pub fn fingerprint(&self) -> [Option<(FileId, [i64; 4])>; 2] {
        let of = |stat: Stat| (stat.id, stat.changed);
        [self.directory.seen().map(|directory| of(directory.stat)), self.auth.seen().map(|file| of(file.stat))]
    }

    /// Returns the configuration of its own `config.toml` and `overrides`.
    ///
    /// # Errors
    /// [`Login::NotJudged`] if that is unknown, [`Login::Broken`] if codex cannot load it.
    pub fn own_config(&self, overrides: &crate::request::Overrides) -> Result<Config, Login> {
        use ReasonCode::{HomeNotOwned, HomeUnreadable};
        match &self.directory {
            // The content of a directory that cannot be entered is unknown.
            Fact::Unusable(reason) if matches!(reason.code, HomeUnreadable | HomeNotOwned) => {
                return Err(Login::Broken(reason.clone()));
            }
            Fact::Unknown(reason) => return Err(Login::NotJudged(reason.clone())),
            Fact::Seen(_) | Fact::Absent | Fact::Unusable(_) => {}
        }
        let file = match &self.config {
            Fact::Seen(file) => Some(file),
            Fact::Absent => None,
            Fact::Unusable(reason) => return Err(Login::Broken(reason.clone())),
            Fact::Unknown(reason) => return Err(Login::NotJudged(reason.clone())),
        };
        let layers = file.filter(|_| !overrides.ignores_config).map(|file| Layer::File(file, &self.path)).into_iter();
        Config::of(layers.chain([Layer::Argv(overrides)])).map_err(Login::Broken)
    }

    /// Returns whether codex would send a credential from here, by the home's own files and argv.
    #[must_use]
    pub fn login(&self, overrides: &crate::request::Overrides) -> Login {
        match &self.directory {
            Fact::Seen(HomeDirectory { not_writable: None, .. }) => {}
            Fact::Seen(HomeDirectory { not_writable: Some(reason), .. }) | Fact::Unusable(reason) => {
                return Login::Broken(reason.clone());
            }
            Fact::Absent => return Login::Broken(ReasonCode::HomeMissing.into()),
            Fact::Unknown(reason) => return Login::NotJudged(reason.clone()),
        }
        match self.own_config(overrides) {
            Ok(config) => self.login_under(&config),
            Err(login) => login,
        }
    }

    /// Returns whether codex would send the credential of `auth.json` under this configuration.
    #[must_use]
    pub fn login_under(&self, config: &Config) -> Login {
        if config.selects_profile {
            return Login::NotJudged(ReasonCode::ConfigProfile.into());
        }
        match config.provider {
            Provider::OpenAi | Provider::WithOpenAiLogin => {}
            Provider::Own => return Login::NotJudged(ReasonCode::CustomProvider.into()),
            Provider::Undefined => return Login::NotJudged(ReasonCode::ProviderUndefined.into()),
        }
        match config.store {
            Store::Keyring | Store::Auto => return Login::NotJudged(ReasonCode::KeyringStore.into()),
            Store::Ephemeral => return Login::NotJudged(ReasonCode::EphemeralStore.into()),
            Store::File => {}
        }
        match &self.auth {
            Fact::Seen(file) => match &file.auth.login {
                Login::Usable(_) if !config.forced.admits(&file.auth) => {
                    Login::Broken(ReasonCode::LoginForbidden.into())
                }
                login => login.clone(),
            },
            Fact::Absent => Login::Broken(ReasonCode::AuthMissing.into()),
            Fact::Unusable(reason) => Login::Broken(reason.clone()),
            Fact::Unknown(reason) => Login::NotJudged(reason.clone()),
        }
    }

    /// Returns the content of its `auth.json`, if it could be read.
    #[must_use]
    pub const fn auth(&self) -> Option<&Auth> {
        match &self.auth {
            Fact::Seen(file) => Some(&file.auth),
            _ => None,
        }
    }

    /// Returns the kind of its login. Without an `auth.json` that is a ChatGPT login, codex's default.
    #[must_use]
    pub fn login_kind(&self) -> LoginKind {
        self.auth().map(|auth| auth.kind).unwrap_or_default()
    }

    /// Returns the owners of its login; `None` if `auth.json` was not read.
    #[must_use]
    pub fn owners(&self) -> Option<&Owners> {
        self.auth().map(|auth| &auth.owners)
    }
}
