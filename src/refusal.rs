//! Tells a JSON-RPC host why codex was not started, as the answer to every request.
//!
//! The only writer of stdout, and only if no codex is going to run. OpenClaw shows the answer to `initialize` word for word. Of a
//! child that merely exits it shows almost nothing (2026.4.21: `write EPIPE`, or `codex app-server exited: code=78 signal=null`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::describe;
use crate::display::json_line;
use crate::failure::Failure;

/// `Internal error`: OpenClaw shows its message. -32001 would mean "overloaded", and OpenClaw would retry.
const CODE: i32 = -32603;
/// The longest line that is read, in bytes; a longer one is skipped.
const LONGEST: usize = 1 << 20;
/// The time that a host has to finish writing a prompt.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers every request on stdin with the failure, until stdin ends or the host stops reading stdout.
#[expect(clippy::disallowed_methods, reason = "the one writer of stdout")]
pub fn answer(failure: &Failure, person_home: Option<&Path>, message: String) {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    // A host that is gone needs no answer.
    let _ = converse(
        &mut Host { stdin: stdin.as_fd(), stdout: stdout.as_fd() },
        &mut Stdout(stdout.as_fd()),
        failure,
        person_home,
        message,
    );
}

/// Answers every request on `input` with the failure, until it ends.
///
/// # Errors
/// If reading or writing fails.
pub fn converse(
    input: &mut impl Read,
    output: &mut impl Write,
    failure: &Failure,
    person_home: Option<&Path>,
    message: String,
) -> io::Result<()> {
    let error = ErrorObject { code: CODE, message, data: describe::data(failure, person_home) };
    let mut lines = Lines { input, buffer: Vec::new(), is_too_long: false };
    while let Some(line) = lines.next()? {
        if let Some(reply) = reply(&line, &error) {
            output.write_all(reply.as_bytes())?;
        }
    }
    Ok(())
}

/// The lines of an input, each at most [`LONGEST`] bytes.
struct Lines<'a, R> {
    input: &'a mut R,
    /// What was read and not yet returned.
    buffer: Vec<u8>,
    /// Whether the beginning of this line was dropped because it is too long.
    is_too_long: bool,
}

impl<R: Read> Lines<'_, R> {
    /// Returns the next line without its newline. A line that is too long is returned empty.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let newline = self.buffer.iter().skip(searched).position(|b| *b == b'\n').map(|at| at + searched);
            if let Some(end) = newline {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                let is_too_long = std::mem::take(&mut self.is_too_long);
                return Ok(Some(if is_too_long { Vec::new() } else { line }));
            }
            searched = self.buffer.len();
            if searched > LONGEST {
                self.buffer.clear();
                (self.is_too_long, searched) = (true, 0);
            }
            let mut chunk = [0; 8192];
            let read = self.input.read(&mut chunk)?;
            if read == 0 {
                let last = std::mem::take(&mut self.buffer);
                return Ok((!last.is_empty() && !self.is_too_long).then_some(last));
            }
            self.buffer.extend(chunk.iter().take(read));
        }
    }
}

/// The members of a JSON-RPC message that are read.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    jsonrpc: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Reply<'a> {
    /// Present if the host sends it; OpenClaw does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    jsonrpc: Option<&'static str>,
    id: &'a RawValue,
    error: &'a ErrorObject,
}

#[derive(Serialize)]
struct ErrorObject {
    code: i32,
    message: String,
    data: Value,
}

/// Returns the line that answers a request; `None` for anything else.
fn reply(line: &[u8], error: &ErrorObject) -> Option<String> {
    let message: Message<'_> = serde_json::from_slice(line).ok()?;
    message.method?;
    let id = message.id.filter(|id| id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()))?;
    let reply = Reply { jsonrpc: message.jsonrpc.map(|_| "2.0"), id, error };
    Some(json_line(&reply).ok()? + "\n")
}

/// stdin, until the host stops reading stdout. A host that has closed its reading end waits for us to exit.
struct Host<'a> {
    stdin: BorrowedFd<'a>,
    stdout: BorrowedFd<'a>,
}

impl Read for Host<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // macOS reports only the events that were asked for; Linux always reports a hang-up.
            let mut fds = [PollFd::new(self.stdin, PollFlags::POLLIN), PollFd::new(self.stdout, PollFlags::POLLHUP)];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                polled => polled?,
            };
            let [input, output] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
            if output.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
                return Ok(0);
            }
            if input.is_empty() {
                continue;
            }
            match read(self.stdin, buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                read => return Ok(read?),
            }
        }
    }
}

/// stdout, even if the host made it non-blocking.
struct Stdout<'a>(BorrowedFd<'a>);

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match write(self.0, bytes) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let mut fds = [PollFd::new(self.0, PollFlags::POLLOUT)];
                    match poll(&mut fds, PollTimeout::NONE) {
                        Err(Errno::EINTR) => {}
                        polled => drop(polled?),
                    }
                }
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads for a moment what a host is writing, because a host that writes a prompt to `codex exec` could die of EPIPE.
#[expect(clippy::disallowed_methods, reason = "there is no codex to read stdin")]
pub fn drain() {
    let stdin = io::stdin();
    // A file or a terminal has no writer that could die. (OpenClaw's pipes are sockets.)
    let kind = stdin.as_fd().try_clone_to_owned().and_then(|fd| Ok(File::from(fd).metadata()?.file_type()));
    if !kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        return;
    }
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; 8192];
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            Ok(0) => return,
            Err(Errno::EINTR) => {}
            Err(_) => return,
            Ok(_) => match read(stdin.as_fd(), &mut buffer) {
                Ok(0) => return,
                Err(Errno::EINTR | Errno::EAGAIN) | Ok(_) => {}
                Err(_) => return,
            },
        }
    }
}
