//! WHAT CAN STOP US: every end that is not codex, with what to do about it and the exit code.
//!
//! Pure. A text names the path, the cause and the command that mends it, as one line for a chat window or as a few for a
//! terminal, and holds none of the words in [`ROUTED`](crate::words::ROUTED).

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::home::Kind;
use crate::home::auth::Usable;
use crate::reason::{Because, Reason};
use crate::words::{tail, unrouted};

/// The longest one-line message, in characters: what a chat window shows without folding it.
const LIMIT: usize = 400;

/// Why no codex was started. Paths are held as messages show them, except in [`Ailing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// We run with rights that our caller does not have.
    Privileged,
    /// A setting of ours is wrong.
    Setting {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        rule: &'static str,
    },
    /// Our settings file is wrong.
    SettingsFile {
        /// The file.
        path: String,
        /// Line and column, both from 1; `None` where it is not about a line.
        at: Option<(usize, usize)>,
        /// What is wrong with it.
        cause: String,
        /// What to do about it.
        help: String,
    },
    /// No home can log in.
    NoUsableHome(Box<NoUsableHome>),
    /// The codex that the settings name is not one we could start.
    CodexSetting {
        /// Which setting, as it stands in a sentence.
        name: String,
        /// What it names.
        path: String,
        /// What is wrong with it.
        cause: String,
        /// Whether there is something at that path.
        is_there: bool,
    },
    /// There is no codex.
    CodexNotFound {
        /// Where was looked.
        looked: String,
        /// The first one that was passed over because anybody could have put another program in its place, and why.
        passed_over: Option<String>,
    },
    /// The codex we started has started us again, in the same process.
    Loop {
        /// What we started.
        codex: String,
        /// What it started.
        launcher: String,
    },
    /// The system would not execute codex.
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

/// Both homes, and why neither will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoUsableHome {
    /// What stood in the way.
    pub reason: Reason,
    /// The injected home.
    pub bridge: Ailing,
    /// Why the bridge is not completed, where that says more than that there is nothing to complete it from.
    pub unmended: Option<Because>,
    /// The personal home; `None` where none is known.
    pub personal: Option<Ailing>,
    /// What to do.
    pub help: String,
}

/// A home, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ailing {
    /// Its path.
    pub home: PathBuf,
    /// Its path as a message shows it.
    pub shown: String,
    /// Whose it is.
    pub kind: Kind,
    /// Whether it could log in by itself.
    pub usable: Usable,
    /// Why it will not do.
    pub because: Because,
}

impl Ailing {
    fn text(&self, path_limit: usize) -> String {
        format!("{} `{}`: {:#}", self.kind.name(), tail(&self.shown, path_limit), self.because)
    }

    fn to_json(&self) -> Value {
        json!({
            "home": self.home.to_string_lossy(),
            "kind": self.kind.name(),
            "usable": self.usable.name(),
            "reason": self.because.reason.id(),
            "detail": unrouted(&self.because.to_string()),
        })
    }
}

impl Failure {
    /// As shells have it: 127 where codex is not found, 126 where it cannot be executed; else 78, `EX_CONFIG` of
    /// `sysexits.h`.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } | Self::SettingsFile { .. } | Self::NoUsableHome(_) => 78,
            Self::CodexNotFound { .. }
            | Self::CodexSetting { is_there: false, .. }
            | Self::Exec { is_there: false, .. } => 127,
            Self::Privileged | Self::Loop { .. } | Self::CodexSetting { .. } | Self::Exec { .. } => 126,
        }
    }

    /// The stable reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Privileged => Reason::PrivilegedStart,
            Self::Setting { .. } | Self::SettingsFile { .. } => Reason::SettingInvalid,
            Self::NoUsableHome(homes) => homes.reason,
            Self::CodexSetting { .. } => Reason::CodexSettingInvalid,
            Self::CodexNotFound { .. } => Reason::CodexNotFound,
            Self::Loop { .. } => Reason::ExecLoop,
            Self::Exec { .. } => Reason::CodexNotExecutable,
        }
    }

    /// What to do about it: one command, or one thing to set.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Privileged => {
                "take them away (`chmod ug-s`, `setcap -r`), or start codex without the launcher".to_owned()
            }
            Self::Setting { name, .. } => format!("correct `{name}` or unset it, where the gateway is started"),
            Self::SettingsFile { help, .. } => help.clone(),
            Self::NoUsableHome(homes) => homes.help.clone(),
            Self::CodexSetting { name, .. } => {
                format!("set {} to the absolute path of codex, or unset it", name.trim_end_matches(','))
            }
            Self::CodexNotFound { passed_over: Some(_), .. } => {
                "take the right to write there from others (`chmod o-w`), or set `CODEX_HOME_SHIM_CODEX` to another codex"
                    .to_owned()
            }
            Self::CodexNotFound { .. } => {
                "run `npm i -g @openai/codex`, or set `CODEX_HOME_SHIM_CODEX` to the absolute path of codex".to_owned()
            }
            Self::Loop { .. } => "set `CODEX_HOME_SHIM_CODEX` to the absolute path of the real codex".to_owned(),
            Self::Exec { .. } => "reinstall codex, or set `CODEX_HOME_SHIM_CODEX` to another one".to_owned(),
        }
    }

    /// What is wrong, a thought a piece, no path longer than `path_limit` characters; terse where there is no room.
    fn pieces(&self, path_limit: usize, is_terse: bool) -> Vec<String> {
        let short = |path: &String| tail(path, path_limit);
        match self {
            Self::Privileged => vec![
                "the launcher is setuid, setgid or has file capabilities: it will not use them for whoever calls it"
                    .to_owned(),
            ],
            Self::Setting { name, value, rule } => vec![format!("`{name}` is `{}`, not {rule}", short(value))],
            Self::SettingsFile { path, at, cause, .. } => vec![match at {
                Some((line, column)) => format!("`{}`, line {line}, column {column}: {cause}", short(path)),
                None => format!("`{}`: {cause}", short(path)),
            }],
            Self::NoUsableHome(homes) => {
                let personal = homes.personal.as_ref().map_or_else(
                    || format!("personal home: {:#}", Because::from(Reason::HomeUnknown)),
                    |home| home.text(path_limit),
                );
                let mut bridge = format!("no usable Codex home: {}", homes.bridge.text(path_limit));
                match &homes.unmended {
                    Some(because) if is_terse => bridge.push_str(&format!("; not completed ({})", because.reason)),
                    Some(because) => bridge.push_str(&format!("; not completed: {because:#}")),
                    None => {}
                }
                vec![bridge, personal]
            }
            Self::CodexSetting { name, path, cause, .. } => vec![format!("{name} is `{}`, and {cause}", short(path))],
            Self::CodexNotFound { looked, passed_over } => {
                let looked = short(looked);
                let not_found =
                    format!("codex is not found: no executable `codex` other than this launcher in {looked}");
                let passed_over = passed_over.as_ref().map(|one| format!("passed over {}", tail(one, path_limit)));
                [not_found].into_iter().chain(passed_over).collect()
            }
            Self::Loop { codex, launcher } => vec![format!(
                "`{}` starts this launcher (`{}`) again, so that no codex ever starts",
                short(codex),
                short(launcher)
            )],
            Self::Exec { codex, cause, remark, .. } => {
                vec![format!("`{}` cannot be executed: {cause}{remark}", short(codex))]
            }
        }
    }

    /// One line of at most 400 characters, made for a chat window.
    #[must_use]
    pub fn message(&self) -> String {
        let text = |(path_limit, is_terse)| {
            let mut pieces = self.pieces(path_limit, is_terse);
            pieces.push(self.help());
            unrouted(&pieces.join("; "))
        };
        let fits = |text: &String| text.chars().count() <= LIMIT;
        let widths = [(usize::MAX, false), (80, false), (48, false), (80, true), (48, true), (24, true)];
        widths.into_iter().map(text).find(fits).unwrap_or_else(|| {
            // A home whose own path in the command is longer than all of the message may be.
            text((24, true)).chars().take(LIMIT - 1).chain(['…']).collect()
        })
    }

    /// What stands under `error.data` where the reason is answered over JSON-RPC.
    #[must_use]
    pub fn data(&self) -> Value {
        let (bridge, personal) = match self {
            Self::NoUsableHome(homes) => {
                (homes.bridge.to_json(), homes.personal.as_ref().map_or(Value::Null, Ailing::to_json))
            }
            _ => (Value::Null, Value::Null),
        };
        json!({
            "source": "codex-home-shim",
            "reason": self.reason().id(),
            "bridge": bridge,
            "personal": personal,
            "help": self.help(),
        })
    }
}

impl fmt::Display for Failure {
    /// A few lines for a terminal: what is wrong, and the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.pieces(usize::MAX, false) {
            writeln!(f, "{}", unrouted(&piece))?;
            f.write_str("  ")?;
        }
        write!(f, "help: {}", unrouted(&self.help()))
    }
}

impl std::error::Error for Failure {}
