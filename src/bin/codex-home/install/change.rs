//! One change to OpenClaw's configuration, made by `openclaw config`.

use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use codex_home::display::{cause, plain_text, shell_word};
use serde_json::Value;

use crate::child::{Child, Event, command};
use crate::error::CliError;
use crate::gateways::OpenClawCommand;
use crate::openclaw::config::KEY;
use crate::printer::Printer;

/// How long to wait for OpenClaw. It usually needs ten seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// The time it has to end after a SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// The number of lines of its output that are kept.
const LINES: usize = 200;

/// A change of [`KEY`].
#[derive(Clone, Debug)]
pub enum Change {
    /// Set it to this value.
    Set(String),
    /// Remove this setting, which holds nothing but the key.
    Unset(String),
}

/// The result of a change.
pub enum Outcome {
    /// OpenClaw reports that it is made.
    Made,
    /// OpenClaw did not make it, and said so.
    Refused {
        /// What happened, in words.
        cause: String,
        /// What OpenClaw printed.
        output: Vec<String>,
    },
}

impl Change {
    /// Returns what is configured after the change.
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Unset(_) => None,
        }
    }

    /// Returns the arguments of `openclaw`.
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Set(value) => {
                // OpenClaw reads a value as JSON5 if it is that, else as text, and refuses one that looks like an option
                // (`OpenClaw does not recognize option`, 2026.9.6).
                let is_text = json5::from_str::<Value>(value).is_err() && value.trim() == value;
                let is_text = is_text && !value.is_empty() && !value.starts_with('-');
                let value = if is_text { value.clone() } else { Value::from(value.as_str()).to_string() };
                ["config", "set", KEY, &value].map(str::to_owned).into()
            }
            Self::Unset(key) => ["config", "unset", key].map(str::to_owned).into(),
        }
    }

    /// Returns the command as a shell takes it.
    pub fn shown(&self, openclaw: &OpenClawCommand) -> String {
        let words = self.arguments().into_iter().map(|word| shell_word(Path::new(&word), None));
        [openclaw.shown()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs `openclaw` and keeps its output.
    ///
    /// # Errors
    /// If the result is not known.
    pub fn run(&self, openclaw: &OpenClawCommand, printer: &Printer) -> Result<Outcome, CliError> {
        let mut command = command(&openclaw.program);
        command.envs(openclaw.env.iter().map(|(name, value)| (name, value))).args(&openclaw.options);
        let mut child = match Child::listen(command.args(self.arguments()), GRACE) {
            Ok(child) => child,
            Err(error) => {
                let cause = format!("`{}` cannot be started: {}", self.shown(openclaw), cause(&error));
                return Ok(Outcome::Refused { cause, output: Vec::new() });
            }
        };
        let spinner = printer.spinner("waiting for `openclaw`");
        let mut output = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match child.next(deadline) {
                Event::Line(line) => {
                    if output.len() < LINES {
                        output.push(plain_text(line.trim_end()));
                    }
                }
                Event::Ended(status) => break status,
                Event::Interrupted(signal) => return Err(CliError::Interrupted(signal)),
                Event::Late => {
                    let message = format!(
                        "`{}` was stopped: it had not ended after {} s",
                        self.shown(openclaw),
                        PATIENCE.as_secs()
                    );
                    return Err(CliError::new(message, "run that command yourself, and read what it prints"));
                }
            }
        };
        drop(spinner);
        Ok(if status.success() {
            Outcome::Made
        } else {
            Outcome::Refused { cause: format!("`{}` {}", self.shown(openclaw), failure(status)), output }
        })
    }
}

/// Returns how a program ended, in words.
fn failure(status: ExitStatus) -> String {
    status.code().map_or_else(|| "was killed".to_owned(), |code| format!("failed with exit code {code}"))
}
