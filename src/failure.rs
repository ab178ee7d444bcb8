//! Everything that stops a start, with its exit code and its reason.
//!
//! Holds paths and system errors; the words are in [`crate::describe`], formatted once, at the edge.

use std::fmt;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::codex::{Skipped, Unfit};
use crate::describe;
use crate::home::Kind;
use crate::home::auth::Login;
use crate::reason::{Reason, ReasonCode};
use crate::settings::FileProblem;

/// Why no codex was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// This process has rights that its caller does not have.
    Privileged,
    /// A variable of ours is wrong.
    Setting {
        /// The variable.
        name: &'static str,
        /// What is wrong with its value, which may be a secret that came there by mistake.
        cause: String,
    },
    /// Our settings file is wrong.
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// Neither home can be used.
    NoUsableHome(Box<NoUsableHome>),
    /// The codex that the settings name cannot be started.
    CodexSetting {
        /// The settings file that names it; `None` if the variable does.
        file: Option<PathBuf>,
        /// The codex, and why it cannot be started.
        skipped: Skipped,
    },
    /// There is no codex that can be started.
    CodexNotFound {
        /// The directories on PATH that were searched.
        searched: Vec<PathBuf>,
        /// The candidates that were skipped, in order.
        skipped: Vec<Skipped>,
        /// The settings file that could name one, whether it exists or not; `None` if no place for it is known.
        settings_file: Option<PathBuf>,
    },
    /// The codex that the launcher started has started the launcher again.
    Loop {
        /// The codex.
        codex: PathBuf,
        /// This launcher.
        launcher: Option<PathBuf>,
    },
    /// Too many starts are above this one, each below the one before.
    TooDeep {
        /// The codex that the last of them started.
        codex: PathBuf,
    },
    /// The system did not execute codex.
    Exec {
        /// The codex.
        codex: PathBuf,
        /// Why not.
        errno: Errno,
        /// Whether the file exists. If it does, its interpreter is missing.
        is_there: bool,
    },
}

/// Two homes, and why neither can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoUsableHome {
    /// The injected home.
    pub bridge: UnusableHome,
    /// Why the bridge is not repaired.
    pub repair: Reason,
    /// The personal home, or why none is known.
    pub personal: Result<UnusableHome, Reason>,
    /// What to do.
    pub help: String,
}

/// A home, and why it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableHome {
    /// Its path.
    pub path: PathBuf,
    /// Whose home it is.
    pub kind: Kind,
    /// Whether codex could log in there.
    pub login: Login,
    /// Why it cannot be used here.
    pub reason: Reason,
}

impl NoUsableHome {
    /// Returns the code of the refusal: the personal home's if that home could log in, else the bridge's.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match &self.personal {
            Ok(personal) if matches!(personal.login, Login::Usable(_)) => personal.reason.code,
            _ => self.bridge.reason.code,
        }
    }
}

impl Failure {
    /// Returns the exit code. As in a shell, 127 means that codex was not found and 126 that it could not be executed; anything
    /// else is 78, `EX_CONFIG` of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } | Self::SettingsFile { .. } | Self::NoUsableHome(_) => 78,
            Self::CodexNotFound { skipped, .. } if skipped.is_empty() => 127,
            Self::CodexSetting { skipped: Skipped { unfit: Unfit::Missing, .. }, .. }
            | Self::Exec { is_there: false, .. } => 127,
            Self::Privileged
            | Self::Loop { .. }
            | Self::TooDeep { .. }
            | Self::CodexNotFound { .. }
            | Self::CodexSetting { .. }
            | Self::Exec { .. } => 126,
        }
    }

    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::Privileged => ReasonCode::PrivilegedStart,
            Self::Setting { .. } | Self::SettingsFile { .. } => ReasonCode::SettingInvalid,
            Self::NoUsableHome(homes) => homes.code(),
            Self::CodexSetting { .. } => ReasonCode::CodexSettingInvalid,
            Self::CodexNotFound { skipped, .. } if skipped.is_empty() => ReasonCode::CodexNotFound,
            Self::Loop { .. } => ReasonCode::ExecLoop,
            Self::TooDeep { .. } => ReasonCode::StartTooDeep,
            Self::CodexNotFound { .. } | Self::Exec { .. } => ReasonCode::CodexNotExecutable,
        }
    }
}

impl fmt::Display for Failure {
    /// What is wrong, on one line, with whole paths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe::problem(self, None).join("; "))
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::SettingsFile { problem, .. } => Some(problem),
            Self::CodexSetting { skipped, .. } => Some(&skipped.unfit),
            Self::CodexNotFound { skipped, .. } => skipped.first().map(|one| &one.unfit as _),
            Self::Exec { errno, .. } => Some(errno),
            _ => None,
        }
    }
}
