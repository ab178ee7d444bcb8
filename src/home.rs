//! THE NOUNS: a home, its kind, and what its files are good for.
//!
//! Pure. Knows the file names inside a home and the shapes of the paths that hosts make; looks at nothing itself.

pub mod auth;
pub mod claims;
pub mod completion;
pub mod config;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::reason::{Because, Reason};
use auth::{Auth, Login, Owners, Ownership, Usable};
use completion::{Sealed, refresh_token_is_in};
use config::{Config, Provider, Store};

/// The file a login is kept in.
pub const AUTH_FILE: &str = "auth.json";
/// The file that says where else it may be kept.
pub const CONFIG_FILE: &str = "config.toml";

/// Whose home it is, by path, argv and settings alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that the settings leave alone, whatever else it is.
    LeftAlone,
    /// The person's own.
    Personal,
    /// One whose host logs in after the start; a missing `auth.json` is normal there.
    HostLogin,
    /// One that a host filled from its own store, and that has no other way to log in.
    Bridge,
    /// Any other.
    Other,
}

impl Kind {
    /// As it is written in messages and JSON.
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

    /// The kind that the shape of a path gives away, [`Kind::Other`] where it gives away nothing.
    ///
    /// Bridges: `*/harness-auth/codex/<16 hex>` and `*/cli-auth/codex/<16 hex>` (OpenClaw 2026.4.20–4.22),
    /// `*/acp-auth/codex*` (4.22). Host logins: `codex-home` (5.2 and later), `.codex-coding-agent` (8.2 and later).
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        let mut parts = path.components().rev().map(Component::as_os_str);
        let mut next = || parts.next().unwrap_or_default();
        let (last, parent, grandparent) = (next(), next(), next());
        let is_file_bridge =
            parent == "codex" && (grandparent == "harness-auth" || grandparent == "cli-auth") && is_short_hash(last);
        if is_file_bridge || (parent == "acp-auth" && last.as_encoded_bytes().starts_with(b"codex")) {
            Self::Bridge
        } else if last == "codex-home" || last == ".codex-coding-agent" {
            Self::HostLogin
        } else {
            Self::Other
        }
    }
}

/// Sixteen lowercase hexadecimal digits.
fn is_short_hash(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.len() == 16 && bytes.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
}

/// How many of the last parts of a bridge's path its host made, and may therefore never be links
/// (OpenClaw 2026.4.20–4.22 refuses to start behind one).
#[must_use]
pub fn parts_made_by_host(path: &Path) -> usize {
    let by_shape = |name: &str| path.parent().and_then(Path::file_name).is_some_and(|parent| parent == name);
    if Kind::of_path(path) != Kind::Bridge {
        1
    } else if by_shape("acp-auth") {
        2
    } else {
        3
    }
}

/// What identifies a file or directory while it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A home, as it was found.
#[derive(Clone, Debug)]
pub struct Home {
    /// Its path, absolute.
    pub path: PathBuf,
    /// What codex would say to the directory.
    pub directory: Result<FileId, Because>,
    /// Its `config.toml`, under the overrides of argv.
    pub config: Result<Config, Because>,
    /// Its `auth.json`.
    pub auth: AuthFile,
}

/// An `auth.json`, as it was found.
#[derive(Clone, Debug)]
pub struct AuthFile {
    /// What it is good for, or why it could not be read.
    pub read: Result<Auth, Because>,
    /// Which file it is, links followed.
    pub id: Option<FileId>,
    /// Whether codex could write a renewed login back: codex 0.118.0–0.169.0 loses the login where the file is not
    /// writable, 0.169.0 also where it has a second hard link.
    pub can_be_renewed: bool,
    /// Its bytes.
    pub bytes: Sealed,
}

impl AuthFile {
    /// One that could not be read.
    #[must_use]
    pub fn unread(because: impl Into<Because>, id: Option<FileId>) -> Self {
        Self { read: Err(because.into()), id, can_be_renewed: true, bytes: Sealed::default() }
    }
}

impl Home {
    /// Whether codex would send a credential from here, and why.
    #[must_use]
    pub fn can_log_in(&self) -> (Usable, Because) {
        if let Err(because) = &self.directory {
            return (Usable::No, because.clone());
        }
        let config = match &self.config {
            Ok(config) => config,
            Err(because) if because.reason == Reason::ConfigTooLarge => return (Usable::Unknown, because.clone()),
            Err(because) => return (Usable::No, because.clone()),
        };
        if config.selects_profile {
            return (Usable::Unknown, Reason::ConfigProfile.into());
        }
        if config.provider == Provider::Own {
            return (Usable::Unknown, Reason::CustomProvider.into());
        }
        match config.store {
            Store::Keyring | Store::Auto => return (Usable::Unknown, Reason::KeyringStore.into()),
            Store::Ephemeral => return (Usable::Unknown, Reason::EphemeralStore.into()),
            Store::File => {}
        }
        match &self.auth.read {
            Ok(auth) => (auth.usable, auth.because.clone()),
            Err(because) if self.is_auth_too_large() => (Usable::Unknown, because.clone()),
            Err(because) => (Usable::No, because.clone()),
        }
    }

    /// Whether its `auth.json` is one that codex would read and we did not.
    #[must_use]
    pub fn is_auth_too_large(&self) -> bool {
        self.auth.read.as_ref().is_err_and(|because| because.reason == Reason::AuthTooLarge)
    }

    /// What its `auth.json` says, where it could be read.
    #[must_use]
    pub fn auth(&self) -> Option<&Auth> {
        self.auth.read.as_ref().ok()
    }

    /// The kind of login it is for; what codex takes it for where there is nothing to read.
    #[must_use]
    pub fn login(&self) -> Login {
        self.auth().map(|auth| auth.login).unwrap_or_default()
    }

    /// How the owners of two homes compare.
    #[must_use]
    pub fn ownership(&self, other: &Self) -> Ownership {
        let nobody = Owners::default();
        let owners = |home: &'_ Self| home.auth().map(|auth| auth.owners.clone()).unwrap_or_default();
        let (mine, theirs) = (owners(self), owners(other));
        if mine == nobody || theirs == nobody { Ownership::Unknown } else { mine.compare(&theirs) }
    }

    /// Whether the refresh token of this home is also in the other one, even where the file there is torn.
    #[must_use]
    pub fn shares_refresh_token(&self, other: &Self) -> bool {
        let token = |home: &Self| home.auth().and_then(|auth| auth.refresh);
        token(self).is_some_and(|mine| token(other) == Some(mine))
            || refresh_token_is_in(&self.auth.bytes, &other.auth.bytes)
    }

    /// Whether both log in from one and the same `auth.json`.
    #[must_use]
    pub fn is_linked_to(&self, other: &Self) -> bool {
        self.auth.id.is_some() && self.auth.id == other.auth.id
    }
}
