//! WHAT CAN STOP US: every end that is not codex, with what to do about it and the exit code.
//!
//! Pure. A text names the path, the cause and the command that mends it, in three lines at most. It holds none of the
//! words that OpenClaw and ACP adapters act upon (`401`, `expired`, `timeout`, `log out`, …), for it may end up in a
//! chat window.

/// Why no codex was started. Paths are held as messages show them.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting of ours is wrong.
    #[error("`{name}` is `{value}`, not {rule}\n  help: correct `{name}` or unset it, where the gateway is started")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        rule: &'static str,
    },

    /// No home can log in.
    #[error(
        "no usable Codex home: bridge `{bridge}`: {bridge_because}\n  personal `{personal}`: {personal_because}\n  help: {help}"
    )]
    NoUsableHome {
        /// The id of what stood in the way.
        reason: crate::reason::Reason,
        /// The injected home.
        bridge: String,
        /// Why it cannot log in.
        bridge_because: String,
        /// The personal home.
        personal: String,
        /// Why it cannot stand in.
        personal_because: String,
        /// What to do.
        help: String,
    },

    /// The codex that the settings name is not one we could start.
    #[error("`{name}` is `{path}`, and {cause}\n  help: set `{name}` to the absolute path of codex, or unset it")]
    CodexSetting {
        /// The variable.
        name: &'static str,
        /// What it names.
        path: String,
        /// What is wrong with it.
        cause: String,
        /// Whether there is something at that path.
        is_there: bool,
    },

    /// There is no codex.
    #[error(
        "codex is not found: no executable `codex` other than this launcher in {looked}\n  help: run `npm i -g @openai/codex`, or set `CODEX_HOME_SHIM_CODEX` to its absolute path"
    )]
    CodexNotFound {
        /// Where was looked.
        looked: String,
    },

    /// The codex we started has started us again, in the same process.
    #[error(
        "`{codex}` starts this launcher (`{launcher}`) again, and so no codex ever starts\n  help: set `CODEX_HOME_SHIM_CODEX` to the absolute path of the real codex"
    )]
    Loop {
        /// What we started.
        codex: String,
        /// What it started.
        launcher: String,
    },

    /// The system would not execute codex.
    #[error(
        "`{codex}` cannot be executed: {cause}{remark}\n  help: reinstall it, or set `CODEX_HOME_SHIM_CODEX` to another codex"
    )]
    Exec {
        /// What was to be executed.
        codex: String,
        /// What the system said.
        cause: String,
        /// What that usually means.
        remark: &'static str,
        /// Whether the file is there.
        is_there: bool,
    },
}

impl Failure {
    /// As shells have it: 127 where codex is not found, 126 where it cannot be executed; else 78, `EX_CONFIG` of
    /// `sysexits.h`.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } | Self::NoUsableHome { .. } => 78,
            Self::CodexNotFound { .. }
            | Self::CodexSetting { is_there: false, .. }
            | Self::Exec { is_there: false, .. } => 127,
            Self::Loop { .. } | Self::CodexSetting { .. } | Self::Exec { .. } => 126,
        }
    }
}
