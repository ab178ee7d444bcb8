//! SAYING WHY, where the host looks: a reason in answer to every request, until the host has heard enough.
//!
//! The only room that writes to stdout, and only after all hope of a codex is gone. OpenClaw shows the answer to
//! `initialize` word for word, and of a child that merely exits next to nothing (2026.4.21: `write EPIPE`, or
//! `codex app-server exited: code=78 signal=null`). Holds one line's ids at a time, whatever is sent.
#![expect(clippy::disallowed_methods, reason = "this is the one room that talks to a host")]

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// `Internal error`: OpenClaw passes its message on. (-32001 would mean "overloaded", and be tried again.)
const CODE: i32 = -32603;
/// How many requests of one batch are answered.
const BATCH: usize = 4096;
/// How long a host that writes a prompt is given to finish.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers every request on stdin with the failure, until stdin ends or nobody reads stdout.
pub fn answer(failure: &Failure) {
    let error = ErrorObject { code: CODE, message: failure.message(), data: failure.data() };
    let mut input = BufReader::new(Host);
    while let Ok(Some(requests)) = next_line(&mut input) {
        let Some(reply) = requests.reply(&error) else { continue };
        let mut stdout = io::stdout().lock();
        if stdout.write_all(&reply).and_then(|()| stdout.flush()).is_err() {
            return;
        }
    }
}

/// Takes what a host is writing to us, for a moment: one that writes a prompt to `codex exec` may die of EPIPE.
pub fn drain() {
    let stdin = io::stdin();
    // A file or a terminal has nobody at the other end who could be hurt. (OpenClaw's pipes are sockets.)
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

/// stdin, as long as somebody reads stdout: a host that has closed its reading end waits for us to go.
struct Host;

impl Read for Host {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        loop {
            let mut fds =
                [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(stdout.as_fd(), PollFlags::empty())];
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
            match read(stdin.as_fd(), buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                read => return Ok(read?),
            }
        }
    }
}

/// One line of `input`, up to its newline, as it comes.
struct Line<'a, R> {
    input: &'a mut R,
    is_over: bool,
}

impl<R: BufRead> Read for Line<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over {
            return Ok(0);
        }
        let chunk = self.input.fill_buf()?;
        let chunk = chunk.get(..buffer.len()).unwrap_or(chunk);
        let end = chunk.iter().position(|b| *b == b'\n');
        let count = end.unwrap_or(chunk.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), chunk.get(..count)) {
            to.copy_from_slice(from);
        }
        self.is_over = end.is_some() || chunk.is_empty();
        self.input.consume(if end.is_some() { count + 1 } else { count });
        Ok(count)
    }
}

/// The requests of one line.
#[derive(Debug, Default)]
struct Requests {
    requests: Vec<Request>,
    is_batch: bool,
}

#[derive(Debug)]
struct Request {
    /// A number or a string, as it stands in the text.
    id: Box<RawValue>,
    /// Whether the host writes the `jsonrpc` member (OpenClaw does not).
    says_version: bool,
}

/// Reads one line; nothing of it but ids is kept, however long it is. `None` at the end of input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Requests>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut line = Line { input, is_over: false };
    // The parser asks for byte after byte.
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(&mut line));
    let requests = Message { is_batch: false }.deserialize(&mut json);
    // A line that is not one JSON value is no request.
    let requests = requests.and_then(|requests| json.end().map(|()| requests)).unwrap_or_default();
    // What is left of such a line.
    io::copy(&mut line, &mut io::sink())?;
    Ok(Some(requests))
}

impl Requests {
    /// The answer: a line of its own for a request, an array on one line for a batch.
    fn reply(&self, error: &ErrorObject) -> Option<Vec<u8>> {
        let replies: Vec<_> = self
            .requests
            .iter()
            .map(|request| Reply { jsonrpc: request.says_version.then_some("2.0"), id: &request.id, error })
            .collect();
        let json = match replies.as_slice() {
            [] => return None,
            [reply] if !self.is_batch => serde_json::to_vec(reply),
            replies => serde_json::to_vec(replies),
        };
        let mut line = json.ok()?;
        line.push(b'\n');
        Some(line)
    }
}

#[derive(Serialize)]
struct Reply<'a> {
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

/// A JSON-RPC message, of which only the ids of its requests are kept.
#[derive(Clone, Copy)]
struct Message {
    /// Whether it stands in a batch, where no other batch may.
    is_batch: bool,
}

impl<'de> DeserializeSeed<'de> for Message {
    type Value = Requests;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Requests, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Message {
    type Value = Requests;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Requests, A::Error> {
        let (mut id, mut is_request, mut says_version) = (None, false, false);
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Id => id = Some(map.next_value::<Box<RawValue>>()?),
                Key::Method => {
                    is_request = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Jsonrpc => {
                    says_version = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let is_id = |id: &RawValue| id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
        let request = id.filter(|id| is_request && is_id(id.as_ref())).map(|id| Request { id, says_version });
        Ok(Requests { requests: request.into_iter().collect(), is_batch: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Requests, A::Error> {
        let mut requests = Vec::new();
        while let Some(message) = seq.next_element_seed(Message { is_batch: true })? {
            if !self.is_batch && requests.len() < BATCH {
                requests.extend(message.requests);
            }
        }
        Ok(Requests { requests, is_batch: true })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Requests, E> {
        Ok(Requests::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Requests, E> {
        Ok(Requests::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Requests, E> {
        Ok(Requests::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Requests, E> {
        Ok(Requests::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Requests, E> {
        Ok(Requests::default())
    }

    fn visit_unit<E>(self) -> Result<Requests, E> {
        Ok(Requests::default())
    }
}

/// The members that matter.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Id,
    Method,
    Jsonrpc,
    #[serde(other)]
    Other,
}
