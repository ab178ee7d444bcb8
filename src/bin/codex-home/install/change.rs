//! One change to OpenClaw's configuration, made by `openclaw config`: the only program that `codex-home` runs.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use codex_home::display::{cause, plain_text, shell_word};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::error::CliError;
use crate::gateways::OpenClawCommand;
use crate::openclaw::config::KEY;
use crate::printer::Printer;

/// How long OpenClaw may take. It usually needs ten seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take to end after a SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How long its last output may take to arrive after it has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

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
    #[expect(clippy::disallowed_methods, reason = "runs `openclaw`, the only program that is run")]
    pub fn run(&self, openclaw: &OpenClawCommand, printer: &mut Printer) -> Result<RestartHint, CliError> {
        let failed = |cause: String| {
            let message = format!("`{}` {cause}", self.shown(openclaw));
            CliError::new(message, "see its output above; `codex-home` changed nothing itself")
        };
        let mut command = Command::new(&openclaw.program);
        command.envs(openclaw.env.iter().map(|(name, value)| (name, value))).args(&openclaw.options);
        command.args(self.arguments()).stdin(Stdio::null()).stdout(Stdio::piped());
        tracing::debug!("running `{}`", self.shown(openclaw));
        let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {}", cause(&error))))?;
        let lines = lines_of(child.stdout.take());
        let mut hint = RestartHint::default();
        // The process is waited for even if our own output cannot be written: its result must be known.
        let mut printed = Ok(());
        let mut print = |line: &str| {
            hint.read(line);
            if printed.is_ok() {
                printed = printer.line(plain_text(line.trim_end()));
            }
        };
        let status = wait(&mut child, &lines, &mut print).map_err(failed)?;
        // Its last output may still arrive; a process that it left behind may hold stdout open, and go on writing.
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline
            && let Ok(line) = lines.recv_timeout(LAST_OUTPUT)
        {
            print(&line);
        }
        printed?;
        match status.code() {
            Some(0) => Ok(hint),
            Some(code) => Err(failed(format!("failed with exit code {code}"))),
            None => Err(failed("was killed".to_owned())),
        }
    }
}

/// Reads lines in a thread of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a process that `openclaw` leaves behind can hold its stdout open for ever"
)]
fn lines_of(output: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.into_iter().flat_map(|output| BufReader::new(output).split(b'\n').map_while(Result::ok)) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

/// Waits for the process, and passes on each line that it prints.
fn wait(child: &mut Child, lines: &Receiver<String>, print: &mut impl FnMut(&str)) -> Result<ExitStatus, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut next_check = Instant::now() + LAST_OUTPUT;
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => {
                print(&line);
                // However much is printed, the process is checked from time to time.
                if Instant::now() < next_check {
                    continue;
                }
            }
            // stdout can stay open after the process ended, if a process that it started holds it.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        next_check = Instant::now() + LAST_OUTPUT;
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                stop(child);
                return Err(format!("was stopped: it had not ended after {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {}", cause(&error))),
        }
    }
}

/// Ends a process: by SIGTERM, then by SIGKILL.
fn stop(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
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
