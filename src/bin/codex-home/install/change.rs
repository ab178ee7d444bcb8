//! One change to OpenClaw's configuration, made by `openclaw config`.

use std::path::Path;
use std::time::{Duration, Instant};

use codex_home::display::{cause, plain_text, shell_word};
use serde_json::Value;

use crate::child::{Child, Event, command};
use crate::error::CliError;
use crate::gateways::OpenClawCommand;
use crate::openclaw::config::KEY;
use crate::printer::Printer;

/// How long OpenClaw may take. It usually needs ten seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take to end after a SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// A change of `appServer.command`.
pub enum Change {
    /// Set it to this value.
    Set(String),
    /// Remove it.
    Unset,
}

impl Change {
    /// Returns the change after which `value` is configured.
    pub fn to(value: Option<String>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }

    /// Returns what is configured after the change.
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Unset => None,
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
            Self::Unset => ["config", "unset", KEY].map(str::to_owned).into(),
        }
    }

    /// Returns the command as a shell takes it.
    pub fn shown(&self, openclaw: &OpenClawCommand) -> String {
        let words = self.arguments();
        let words = words.iter().map(|word| match word.strip_prefix('~') {
            // The shell must not expand a literal `~`.
            Some(_) => format!("'{}'", word.replace('\'', r"'\''")),
            None => shell_word(Path::new(word), None),
        });
        [openclaw.shown()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs `openclaw`, prints its output, and returns what it says about a restart.
    pub fn run(&self, openclaw: &OpenClawCommand, printer: &mut Printer) -> Result<RestartHint, CliError> {
        let failed = |cause: String| {
            let message = format!("`{}` {cause}", self.shown(openclaw));
            CliError::new(message, "see its output above; `codex-home` changed nothing itself")
        };
        let mut command = command(&openclaw.program);
        command.envs(openclaw.env.iter().map(|(name, value)| (name, value))).args(&openclaw.options);
        tracing::debug!("running `{}`", self.shown(openclaw));
        let mut child = Child::start(command.args(self.arguments()), GRACE)
            .map_err(|error| failed(format!("cannot be started: {}", cause(&error))))?;
        let spinner = printer.spinner("waiting for `openclaw`");
        let mut hint = RestartHint::default();
        // The process is waited for even if our own output cannot be written: its result must be known.
        let mut printed = Ok(());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match child.next(deadline) {
                Event::Line(line) => {
                    hint.read(&line);
                    if printed.is_ok() {
                        printed = spinner.above(|| printer.line(plain_text(line.trim_end())));
                    }
                }
                Event::Ended(status) => break status,
                Event::Interrupted(signal) => return Err(CliError::Interrupted(signal)),
                Event::Late => {
                    let seconds = PATIENCE.as_secs();
                    return Err(failed(format!("was stopped: it had not ended after {seconds} s")));
                }
            }
        };
        printed?;
        match status.code() {
            Some(0) => Ok(hint),
            Some(code) => Err(failed(format!("failed with exit code {code}"))),
            None => Err(failed("was killed".to_owned())),
        }
    }
}

/// What OpenClaw says about a restart of its gateway.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartHint {
    is_needed: bool,
    is_needless: bool,
}

impl RestartHint {
    /// `Restart the gateway to apply.` (2026.4.21), `Change will apply without restarting the gateway.` (2026.9.6).
    fn read(&mut self, line: &str) {
        let line = line.to_lowercase();
        self.is_needed |= line.contains("restart the gateway");
        self.is_needless |= line.contains("without restarting");
    }

    /// Returns the hint in words.
    pub const fn text(self) -> &'static str {
        match (self.is_needed, self.is_needless) {
            (false, true) => "the gateway applies it without a restart",
            (true, _) => "restart the gateway to apply it: run `openclaw gateway restart`",
            (false, false) => {
                "OpenClaw does not say whether its gateway must be restarted: run `openclaw gateway restart`"
            }
        }
    }
}
