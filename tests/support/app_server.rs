//! The host's side of `codex app-server`: JSON-RPC, one message per line. Every wait has a limit.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Drained, PATIENCE};

/// A server, running or ended. It is killed with its process group when dropped.
pub struct AppServer {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Notifications that came while an answer was awaited.
    unread: VecDeque<Value>,
    /// Gone once the server has ended.
    stderr: Option<Drained>,
    last_id: u64,
}

/// The result of a turn.
#[derive(Debug)]
pub struct Turn {
    /// codex's own word, such as `completed`.
    pub status: String,
    /// The model's answer.
    pub said: String,
    /// codex's reason if it did not complete.
    pub error: String,
}

impl AppServer {
    /// Starts a server as OpenClaw does: pipes for stdio, a process group of its own.
    pub fn spawn(mut command: Command) -> AppServer {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let spawned = {
            let _alone = super::forking();
            command.spawn()
        };
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let stderr = super::drain(child.stderr.take());
        let (sender, messages) = mpsc::channel();
        let stdout = child.stdout.take();
        thread::spawn(move || {
            for line in stdout.map(BufReader::new).into_iter().flat_map(BufRead::lines) {
                let Ok(line) = line else { break };
                // A line that is not JSON breaks the protocol. It is kept as a string, for the test to see.
                let message = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        AppServer { child, stdin, messages, unread: VecDeque::new(), stderr: Some(stderr), last_id: 0 }
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes a request and returns its `result`, or the text of the JSON-RPC error.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"id": id, "method": method, "params": params}))?;
        let answer = self.next(|message| message.get("id") == Some(&json!(id)) && message.get("method").is_none())?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(format!("{method}: {}", answer.get("error").unwrap_or(&answer))),
        }
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str) -> Result<(), String> {
        self.send(&json!({"method": method}))
    }

    /// The handshake as OpenClaw 2026.4.21 writes it. Returns codex's answer.
    pub fn initialize(&mut self) -> Result<Value, String> {
        let client = json!({"name": "openclaw", "title": "OpenClaw", "version": "2026.4.21"});
        let answer = self.request("initialize", json!({"clientInfo": client}))?;
        self.notify("initialized")?;
        Ok(answer)
    }

    /// Starts a thread and returns its id.
    pub fn start_thread(&mut self) -> Result<String, String> {
        let answer = self.request("thread/start", json!({}))?;
        text(&answer, "/thread/id").ok_or_else(|| format!("thread/start: no thread in {answer}"))
    }

    /// Sends a message to a thread and waits for the end of the turn.
    pub fn say(&mut self, thread: &str, words: &str) -> Result<Turn, String> {
        let input = json!([{"type": "text", "text": words}]);
        self.request("turn/start", json!({"threadId": thread, "input": input}))?;
        let mut said = String::new();
        let mut error = String::new();
        loop {
            let event = self.next(|message| message.get("method").is_some())?;
            match event.get("method").and_then(Value::as_str) {
                Some("item/completed") => {
                    said.extend(text(&event, "/params/item/text"));
                }
                Some("error") => {
                    error.extend(text(&event, "/params/error/message"));
                    error.push('\n');
                }
                Some("turn/completed") => {
                    error.extend(text(&event, "/params/turn/error/message"));
                    let status = text(&event, "/params/turn/status").unwrap_or_default();
                    return Ok(Turn { status, said, error });
                }
                _ => {}
            }
        }
    }

    /// A whole first turn, handshake included.
    pub fn turn(&mut self, words: &str) -> Result<Turn, String> {
        self.initialize()?;
        let thread = self.start_thread()?;
        self.say(&thread, words)
    }

    /// Closes stdin and waits for the server to exit, as newer OpenClaw does. Returns its exit code and its stderr.
    pub fn close(mut self) -> Result<(Option<i32>, String), String> {
        drop(self.stdin.take());
        let status = super::wait_within(&mut self.child, PATIENCE)
            .ok_or_else(|| format!("still running {PATIENCE:?} after stdin was closed"))?;
        Ok((status.code(), self.stderr()))
    }

    /// Ends the server and returns all of its stderr.
    fn stderr(&mut self) -> String {
        // Only once, because another process may get this id.
        let Some(stderr) = self.stderr.take() else {
            return String::new();
        };
        super::end(&mut self.child);
        stderr.text()
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let stdin = self.stdin.as_mut().ok_or("stdin is closed")?;
        let sent = writeln!(stdin, "{message}").and_then(|()| stdin.flush());
        sent.map_err(|error| format!("{message}: {error}\nstderr: {}", self.stderr()))
    }

    /// Returns the next message that is `wanted`. Others stay in the queue.
    fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value, String> {
        if let Some(index) = self.unread.iter().position(&wanted)
            && let Some(message) = self.unread.remove(index)
        {
            return Ok(message);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if wanted(&message) => return Ok(message),
                Ok(message) => self.unread.push_back(message),
                Err(gone) => {
                    let why = match gone {
                        RecvTimeoutError::Timeout => format!("no answer in {PATIENCE:?}"),
                        RecvTimeoutError::Disconnected => "the server left".to_owned(),
                    };
                    let stderr = self.stderr();
                    let unread = &self.unread;
                    return Err(format!("{why}\nunread: {unread:?}\nstderr: {stderr}"));
                }
            }
        }
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        if self.stderr.take().is_some() {
            super::end(&mut self.child);
        }
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
