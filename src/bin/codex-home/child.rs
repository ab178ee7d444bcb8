//! Runs a program that does not outlive this one: `openclaw` for `install`, the gateway's codex for `verify`.
//!
//! The only module that starts processes. A child leads its own process group, so a signal from the terminal reaches this program
//! alone, which then ends the whole group: by SIGTERM and, if that does not help, by SIGKILL.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The interval at which a silent child is checked for its end.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait for the last output after the child has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// How long to read what a process that the child left behind still writes.
const LEFT_BEHIND: Duration = Duration::from_secs(5);
/// The longest line that is not split, in bytes.
const LONGEST: u64 = 4 << 20;

/// The signals that ask this program to end.
const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// An event while a child runs.
#[derive(Debug)]
pub enum Event {
    /// It has printed this line on stdout, or on stderr if that is read too.
    Line(String),
    /// It has ended, and its output is complete.
    Ended(ExitStatus),
    /// This program was asked to end.
    Interrupted(Signal),
    /// Nothing happened in time.
    Late,
}

/// A message from a thread.
enum Message {
    Line(Output, String),
    /// Stdout has ended.
    Closed,
    Signal(Signal),
}

/// The stream of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Stdout,
    Stderr,
}

/// The end of a child.
struct End {
    status: ExitStatus,
    /// The time until which its output may still arrive.
    until: Instant,
}

impl End {
    fn now(status: ExitStatus) -> Self {
        Self { status, until: Instant::now() + LEFT_BEHIND }
    }
}

pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Message>,
    /// Its end, once it has ended.
    end: Option<End>,
    next_check: Instant,
    /// Whether its stdout has ended.
    is_closed: bool,
    /// The time it has to end after a SIGTERM.
    grace: Duration,
    /// The last line on stderr, if that is read.
    last_words: String,
    /// Whether stderr is read like stdout.
    tells_stderr: bool,
}

/// Returns a command that a [`Child`] can be made of.
#[expect(clippy::disallowed_methods, reason = "the one door to another process")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Runs a program and returns its output; `None` if it fails or does not end in time.
pub fn output(command: &mut Command, patience: Duration) -> Option<String> {
    let mut child = Child::spawn(command.stdin(Stdio::null()).stderr(Stdio::null()), Duration::ZERO).ok()?;
    let (deadline, mut lines) = (Instant::now() + patience, String::new());
    loop {
        match child.next(deadline) {
            Event::Line(line) => lines.extend([&line, "\n"]),
            Event::Ended(status) => return status.success().then_some(lines),
            Event::Late => return None,
            Event::Interrupted(signal) => {
                child.stop();
                let _ = emulate_default_handler(signal as i32);
            }
        }
    }
}

impl Child {
    /// Starts a program without stdin, and reads all of its output.
    pub fn listen(command: &mut Command, grace: Duration) -> io::Result<Self> {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = Self::spawn(command, grace)?;
        child.tells_stderr = true;
        Ok(child)
    }

    /// Starts a program with a pipe to its stdin, and does not show its stderr.
    pub fn converse(command: &mut Command, grace: Duration) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn(command, grace)
    }

    fn spawn(command: &mut Command, grace: Duration) -> io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        // Before the child, so that no signal ends this program and leaves the child.
        watch(sender.clone())?;
        let mut process = command.stdout(Stdio::piped()).process_group(0).spawn()?;
        pass_on(process.stdout.take(), Output::Stdout, sender.clone());
        pass_on(process.stderr.take(), Output::Stderr, sender);
        let stdin = process.stdin.take();
        Ok(Self {
            process,
            stdin,
            messages,
            end: None,
            next_check: Instant::now(),
            is_closed: false,
            grace,
            last_words: String::new(),
            tells_stderr: false,
        })
    }

    /// Writes one line to its stdin.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Closes its stdin, which ends an app-server.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Returns the last line that it printed on stderr, if that is read.
    pub fn last_words(&self) -> &str {
        &self.last_words
    }

    /// Returns the next event until `deadline`.
    ///
    /// A process that the child left behind can hold stdout open for ever, so after the child's end it is read only for a moment.
    pub fn next(&mut self, deadline: Instant) -> Event {
        loop {
            self.check();
            let now = Instant::now();
            match &self.end {
                Some(end) if now >= end.until => return Event::Ended(end.status),
                None if now >= deadline => return Event::Late,
                _ => {}
            }
            let patience = if self.end.is_some() && !self.is_closed { LAST_OUTPUT } else { INTERVAL };
            match self.messages.recv_timeout(patience) {
                Ok(Message::Signal(signal)) => return Event::Interrupted(signal),
                Ok(Message::Line(Output::Stdout, line)) => return Event::Line(line),
                Ok(Message::Line(Output::Stderr, line)) if self.tells_stderr => return Event::Line(line),
                Ok(Message::Line(Output::Stderr, line)) => {
                    if !line.trim().is_empty() {
                        self.last_words = line;
                    }
                }
                Ok(Message::Closed) => self.is_closed = true,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(end) = &self.end {
                        return Event::Ended(end.status);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(INTERVAL),
            }
        }
    }

    /// Checks from time to time whether it has ended, however much it prints.
    fn check(&mut self) {
        if self.end.is_none() && self.next_check <= Instant::now() {
            self.end = self.process.try_wait().ok().flatten().map(End::now);
            self.next_check = Instant::now() + INTERVAL;
        }
    }

    /// Ends it with its process group: by SIGTERM, then by SIGKILL.
    pub fn stop(&mut self) {
        self.close();
        let Ok(pid) = i32::try_from(self.process.id()) else { return };
        let group = Pid::from_raw(pid);
        if self.end.is_none() {
            // It may have ended already.
            let _ = killpg(group, Signal::SIGTERM);
        }
        let deadline = Instant::now() + self.grace;
        while self.end.is_none() && Instant::now() < deadline {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(status) => self.end = status.map(End::now),
                Err(_) => break,
            }
        }
        // The rest of the group too, because npm's script starts codex as its child.
        let _ = killpg(group, Signal::SIGKILL);
        if self.end.is_none() {
            self.end = self.process.wait().ok().map(End::now);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A program that ended by itself may leave processes behind.
        if self.end.is_none() {
            self.stop();
        }
    }
}

/// Reads lines in a thread of its own, because a process that the child leaves behind can hold its output open for ever.
#[expect(clippy::disallowed_methods, reason = "a pipe is read while the child is waited for")]
fn pass_on(output: Option<impl Read + Send + 'static>, from: Output, to: Sender<Message>) {
    let Some(output) = output else { return };
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            match output.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
            }
            let line = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            if to.send(Message::Line(from, line)).is_err() {
                return;
            }
        }
        if from == Output::Stdout {
            let _ = to.send(Message::Closed);
        }
    });
}

/// Waits for signals in a thread of its own. Once the child is gone, they have their default effect.
///
/// Uses handlers because a started program does not inherit them, unlike blocked signals.
#[expect(clippy::disallowed_methods, reason = "a signal is waited for beside the child")]
fn watch(to: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new(ENDING)?;
    std::thread::spawn(move || {
        for number in signals.forever() {
            let signal = Signal::try_from(number).unwrap_or(Signal::SIGTERM);
            if to.send(Message::Signal(signal)).is_err() {
                let _ = emulate_default_handler(number);
            }
        }
    });
    Ok(())
}
