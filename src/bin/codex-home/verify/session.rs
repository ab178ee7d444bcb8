//! The host's side of `codex app-server`: JSON-RPC over stdio, one message per line. Every wait has a limit.
//!
//! Understands the answers and errors of codex 0.123.0 and 0.169.0.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::child::{Child, Event};

/// The time for codex to end by itself, and again after SIGTERM; then it is killed. All of it takes less than a second.
const GRACE: Duration = Duration::from_millis(300);
/// The question to the model.
const QUESTION: &str = "Answer with the single word pong. Run nothing.";

/// Why the exchange ended.
#[derive(Debug)]
pub enum Stopped {
    /// The program was not started.
    NotStarted(std::io::Error),
    /// The server answered with an error.
    Refused(String),
    /// The server ended; its last line on stderr.
    Ended(ExitStatus, String),
    /// Nothing came until the limit; the server's last line on stderr.
    Late(String),
    /// This program was asked to end.
    Interrupted(Signal),
}

/// codex's answer about itself.
#[derive(Clone, Debug)]
pub struct Hello {
    /// Its version; `None` if the answer has another form than in the known releases.
    pub version: Option<String>,
    /// Its home; `None` if it does not say (before 0.123).
    pub home: Option<PathBuf>,
}

/// codex's answer about its login.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The kind of the login, in codex's word; `None` if there is none.
    pub kind: Option<String>,
    /// The e-mail address. Never printed in full.
    pub email: Option<String>,
    pub plan: Option<String>,
    /// Whether its model provider needs an OpenAI login.
    pub is_needed: bool,
    /// Why the answer is incomplete, if it is.
    pub remark: Option<String>,
}

/// The result of a turn.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// codex's own word, such as `completed`.
    pub status: String,
    pub answer: String,
    /// codex's reason if the turn did not complete.
    pub error: String,
}

/// A running app-server.
pub struct Session {
    child: Child,
    last_id: u64,
    deadline: Instant,
}

impl Session {
    /// Starts the server.
    pub fn start(command: &mut Command, deadline: Instant) -> Result<Self, Stopped> {
        let child = Child::converse(command, GRACE).map_err(Stopped::NotStarted)?;
        Ok(Self { child, last_id: 0, deadline })
    }

    /// Makes the handshake.
    pub fn initialize(&mut self) -> Result<Hello, Stopped> {
        let client = json!({"name": "codex-home", "title": "codex-home", "version": env!("CARGO_PKG_VERSION")});
        let answer = self.request("initialize", &json!({ "clientInfo": client }))?;
        self.send(&json!({"method": "initialized"}))?;
        // `openclaw/0.123.0 (Debian 12.0.0; x86_64) …`
        let agent = text(&answer, "/userAgent").unwrap_or_default();
        let version = agent.split_once('/').and_then(|(_, rest)| rest.split([' ', ';']).next());
        let is_version = |version: &&str| semver::Version::parse(version).is_ok();
        Ok(Hello {
            version: version.filter(is_version).map(str::to_owned),
            home: text(&answer, "/codexHome").map(PathBuf::from),
        })
    }

    /// Asks which login it holds.
    pub fn account(&mut self) -> Result<Account, Stopped> {
        match self.request("account/read", &json!({"refreshToken": false})) {
            Ok(answer) => Ok(Account {
                kind: text(&answer, "/account/type"),
                email: text(&answer, "/account/email"),
                plan: text(&answer, "/account/planType"),
                is_needed: is_needed(&answer),
                remark: None,
            }),
            // codex 0.169 asks a server about the account first, and says no more if that does not answer.
            Err(Stopped::Refused(remark)) => {
                let answer = self.request("getAuthStatus", &json!({"includeToken": false, "refreshToken": false}))?;
                let kind = text(&answer, "/authMethod");
                Ok(Account { kind, is_needed: is_needed(&answer), remark: Some(remark), ..Account::default() })
            }
            Err(stopped) => Err(stopped),
        }
    }

    /// Asks the model one short question, in a thread that is not kept.
    pub fn turn(&mut self) -> Result<Turn, Stopped> {
        let thread = json!({"ephemeral": true, "approvalPolicy": "never", "sandbox": "read-only"});
        let answer = self.request("thread/start", &thread)?;
        let thread = text(&answer, "/thread/id").unwrap_or_default();
        let input = json!([{"type": "text", "text": QUESTION}]);
        self.ask("turn/start", &json!({"threadId": thread, "input": input}))?;
        let mut turn = Turn::default();
        loop {
            let message = self.next().map_err(|stopped| match stopped {
                // codex's messages about its attempts say more than its last line on stderr.
                Stopped::Late(_) if !turn.error.is_empty() => Stopped::Late(turn.error.clone()),
                stopped => stopped,
            })?;
            let of_item = |at: &str| text(&message, &format!("/params/item/{at}"));
            match message.get("method").and_then(Value::as_str) {
                Some("item/completed") if of_item("type").as_deref() == Some("agentMessage") => {
                    turn.answer = of_item("text").unwrap_or_default();
                }
                Some("error") => turn.error = text(&message, "/params/error/message").unwrap_or_default(),
                Some("turn/completed") => {
                    turn.status = text(&message, "/params/turn/status").unwrap_or_default();
                    turn.error = text(&message, "/params/turn/error/message").unwrap_or(turn.error);
                    return Ok(turn);
                }
                None => {
                    if let Some(error) = error_of(&message) {
                        return Err(Stopped::Refused(error));
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Closes stdin and waits a moment for the server to end by itself. Returns its exit code.
    pub fn end(mut self) -> Option<i32> {
        self.child.close();
        let deadline = Instant::now() + GRACE;
        let code = loop {
            match self.child.next(deadline) {
                Event::Line(_) => {}
                Event::Ended(status) => break status.code(),
                Event::Late | Event::Interrupted(_) => break None,
            }
        };
        self.child.stop();
        code
    }

    /// Sends a request and returns its result.
    fn request(&mut self, method: &str, params: &Value) -> Result<Value, Stopped> {
        let id = self.ask(method, params)?;
        loop {
            let message = self.next()?;
            if message.get("method").is_some() || message.get("id") != Some(&json!(id)) {
                continue;
            }
            return match (message.get("result"), error_of(&message)) {
                (Some(result), _) => Ok(result.clone()),
                (None, error) => Err(Stopped::Refused(error.unwrap_or_else(|| format!("no result of `{method}`")))),
            };
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<u64, Stopped> {
        self.last_id += 1;
        self.send(&json!({"id": self.last_id, "method": method, "params": params}))?;
        Ok(self.last_id)
    }

    fn send(&mut self, message: &Value) -> Result<(), Stopped> {
        if self.child.send(&message.to_string()).is_ok() {
            return Ok(());
        }
        // It reads no more, and may have said why before.
        loop {
            self.next()?;
        }
    }

    /// Returns the next message; what is not JSON is skipped, as OpenClaw skips it.
    fn next(&mut self) -> Result<Value, Stopped> {
        loop {
            let last_words = |child: &Child| child.last_words().to_owned();
            match self.child.next(self.deadline) {
                Event::Line(line) => {
                    if let Ok(message) = serde_json::from_str(&line) {
                        return Ok(message);
                    }
                }
                Event::Ended(status) => return Err(Stopped::Ended(status, last_words(&self.child))),
                Event::Late => return Err(Stopped::Late(last_words(&self.child))),
                Event::Interrupted(signal) => return Err(Stopped::Interrupted(signal)),
            }
        }
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn is_needed(answer: &Value) -> bool {
    answer.get("requiresOpenaiAuth").and_then(Value::as_bool).unwrap_or(true)
}

/// Returns the message of a JSON-RPC error.
fn error_of(message: &Value) -> Option<String> {
    let error = message.get("error")?;
    Some(text(error, "/message").unwrap_or_else(|| "an error without a message".to_owned()))
}
