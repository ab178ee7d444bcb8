//! SAYING WHY, where the host looks: a reason in answer to every request, until the host has heard enough.
//!
//! The only room that writes to stdout, and only after all hope of a codex is gone. OpenClaw shows the answer to
//! `initialize` word for word, and of a child that merely exits next to nothing (2026.4.21: `write EPIPE`, or
//! `codex app-server exited: code=78 signal=null`). Holds the beginning of one line and its ids, whatever is sent.
#![expect(clippy::disallowed_methods, reason = "this is the one room that talks to a host")]

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
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
/// From how many bytes on a line is cut down before it is read.
const LONG: u64 = 1 << 20;
/// How long an id may be, in bytes, to be answered.
const ID: usize = 1024;
/// How long a host that writes a prompt is given to finish.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers every request on stdin with the failure, until stdin ends or nobody reads stdout.
pub fn answer(failure: &Failure) {
    // Whoever is gone needs no answer.
    let _ = converse(&mut BufReader::new(Host), &mut io::stdout(), failure);
}

/// Answers every request on `input` with the failure, until it ends.
///
/// # Errors
/// Whatever keeps us from hearing more, or from being heard.
pub fn converse(input: &mut impl BufRead, output: &mut impl Write, failure: &Failure) -> io::Result<()> {
    let error = ErrorObject { code: CODE, message: failure.message(), data: failure.data() };
    while let Some(requests) = next_line(input)? {
        let Some(reply) = requests.reply(&error) else { continue };
        output.write_all(&reply)?;
        output.flush()?;
    }
    Ok(())
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
            // macOS watches only what is asked for; Linux tells of an end unasked.
            let mut fds =
                [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(stdout.as_fd(), PollFlags::POLLHUP)];
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

/// Reads one line, holding no more than its beginning and its ids, however long it is. `None` at the end of input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Requests>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut line = Line { input, is_over: false };
    let mut beginning = Vec::new();
    line.by_ref().take(LONG).read_to_end(&mut beginning)?;
    let requests = if (beginning.len() as u64) < LONG {
        parse(&mut serde_json::Deserializer::from_slice(&beginning))
    } else {
        // Cut down to what a request is known by; the parser asks for byte after byte.
        let shortened = Shortened::new(BufReader::new(beginning.chain(&mut line)));
        parse(&mut serde_json::Deserializer::from_reader(BufReader::new(shortened)))
    };
    // What is left of a line that is not one JSON value, and so is no request.
    io::copy(&mut line, &mut io::sink())?;
    Ok(Some(requests.unwrap_or_default()))
}

fn parse<'de, R: serde_json::de::Read<'de>>(json: &mut serde_json::Deserializer<R>) -> serde_json::Result<Requests> {
    let requests = Message { is_batch: false }.deserialize(&mut *json)?;
    json.end()?;
    Ok(requests)
}

/// A long line without what it is long for: of strings and numbers the first [`ID`] bytes, and nothing of what lies deeper
/// than a request's own members. So it is read in constant memory, but for the number of those members.
struct Shortened<R> {
    input: R,
    /// How many objects and arrays are open.
    depth: usize,
    /// The depth of a request's members: one more in a batch.
    members: usize,
    /// In a string; and how much of an escape is still to come.
    string: Option<Escape>,
    /// How many bytes of this string or number were passed on.
    passed: usize,
    /// Whether the rest of this string is left out.
    is_cut: bool,
}

/// Where in a string a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// In no escape.
    None,
    /// Behind a backslash.
    Open,
    /// Before so many digits of `\u1234`.
    Digits(u8),
}

impl<R: BufRead> Shortened<R> {
    const fn new(input: R) -> Self {
        Self { input, depth: 0, members: 0, string: None, passed: 0, is_cut: false }
    }

    /// Whether `byte`, the next of the line, is passed on.
    fn keeps(&mut self, byte: u8) -> bool {
        let is_deep = self.depth > self.members;
        if let Some(escape) = self.string {
            self.string = match (escape, byte) {
                (Escape::None, b'"') => None,
                (Escape::None, b'\\') => Some(Escape::Open),
                (Escape::Open, b'u') => Some(Escape::Digits(4)),
                (Escape::Digits(left), _) if left > 1 => Some(Escape::Digits(left - 1)),
                _ => Some(Escape::None),
            };
            // Cut between two characters only, so that no escape is cut in half.
            self.is_cut |= self.passed >= ID && escape == Escape::None;
            self.passed += 1;
            return !is_deep && (!self.is_cut || self.string.is_none());
        }
        if byte.is_ascii_whitespace() {
            return false;
        }
        match byte {
            b'"' => (self.string, self.passed, self.is_cut) = (Some(Escape::None), 0, false),
            b'{' | b'[' => {
                if self.depth == 0 {
                    self.members = if byte == b'[' { 2 } else { 1 };
                }
                self.depth += 1;
                self.passed = 0;
                return !is_deep;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.passed = 0;
                return self.depth <= self.members;
            }
            b',' | b':' => self.passed = 0,
            _ => self.passed += 1,
        }
        !is_deep && self.passed <= ID
    }
}

impl<R: BufRead> Read for Shortened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut chunk = [0; 4096];
            let room = buffer.len().min(chunk.len());
            let read = self.input.read(chunk.get_mut(..room).unwrap_or_default())?;
            let kept = chunk.iter().take(read).filter(|byte| self.keeps(**byte));
            let mut count = 0;
            for (to, byte) in buffer.iter_mut().zip(kept) {
                *to = *byte;
                count += 1;
            }
            if count > 0 || read == 0 || room == 0 {
                return Ok(count);
            }
        }
    }
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
        let is_id = |id: &RawValue| {
            let id = id.get();
            id.len() < ID && id.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
        };
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
