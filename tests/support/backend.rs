//! A stand-in for OpenAI on the loopback: answers a turn with "pong" and remembers who asked.
//!
//! It is the HTTP proxy of the programs under test too, so that a request to any other address is refused and recorded.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The longest pause of a client within a request.
const SILENCE: Duration = Duration::from_secs(20);

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …, or `CONNECT` for a request that would leave the machine.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The whole value of `Authorization`.
    pub authorization: Option<String>,
    /// The value of `chatgpt-account-id`.
    pub account: Option<String>,
    /// The refresh token that the token endpoint got, which may be empty.
    pub refresh_token: Option<String>,
}

const JSON: &str = "application/json";

/// The access token of a renewed login.
pub const RENEWED: &str = "renewed-synthetic-token";

/// Listens from birth to drop.
pub struct Backend {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    closing: Arc<AtomicBool>,
}

impl Backend {
    /// Listens on a port of its own. Renews no login.
    pub fn start() -> Backend {
        Backend::listen(false)
    }

    /// The same, but renews every login that comes with a refresh token, by [`RENEWED`].
    pub fn renewing() -> Backend {
        Backend::listen(true)
    }

    fn listen(renews: bool) -> Backend {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let backend =
            Backend { address: listener.local_addr().unwrap(), seen: Arc::default(), closing: Arc::default() };
        let seen = Arc::clone(&backend.seen);
        let closing = Arc::clone(&backend.closing);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if closing.load(Ordering::SeqCst) {
                    break;
                }
                let seen = Arc::clone(&seen);
                if let Ok(stream) = stream {
                    // A client that hangs up early is no failure of the test.
                    thread::spawn(move || serve(&stream, &seen, renews));
                }
            }
        });
        backend
    }

    /// Everything, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The bearer of each turn's `POST /v1/responses`; `None` is the bug.
    pub fn bearers(&self) -> Vec<Option<String>> {
        self.requests()
            .into_iter()
            .filter(|request| request.is_turn())
            .map(|request| request.bearer().map(str::to_owned))
            .collect()
    }

    /// The `-c` arguments that direct codex here.
    pub fn args(&self) -> [String; 4] {
        let here = format!("http://{}", self.address);
        let [openai, chatgpt] =
            [format!("openai_base_url=\"{here}/v1\""), format!("chatgpt_base_url=\"{here}/backend-api\"")];
        ["-c".to_owned(), openai, "-c".to_owned(), chatgpt]
    }

    /// A script that adds [`Backend::args`] and starts `codex`. The launcher redirects no start that has such arguments itself.
    pub fn script(&self, codex: &Path) -> String {
        let args = self.args().map(|arg| format!("'{arg}'")).join(" ");
        format!("#!/bin/sh\nexec '{}' {args} \"$@\"\n", codex.display())
    }

    /// The environment that keeps codex on this machine.
    pub fn fence(&self, command: &mut Command) {
        let here = format!("http://{}", self.address);
        command
            .env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", format!("{here}/oauth/token"))
            .env("CODEX_AUTHAPI_BASE_URL", &here);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &here).env(name.to_lowercase(), &here);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, "127.0.0.1");
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Request {
    fn is_turn(&self) -> bool {
        self.method == "POST" && self.path == "/v1/responses"
    }

    /// The token of `Authorization: Bearer …`; a blank one is none.
    pub fn bearer(&self) -> Option<&str> {
        let token = self.authorization.as_deref()?.strip_prefix("Bearer ")?;
        Some(token.trim()).filter(|token| !token.is_empty())
    }

    /// The answer to a request for a new access token.
    fn renewal(&self) -> (&'static str, &'static str, String) {
        if self.refresh_token.as_ref().is_none_or(String::is_empty) {
            return ("404 Not Found", JSON, refusal("no refresh token", ""));
        }
        let renewed = json!({"access_token": RENEWED, "refresh_token": "renewed-synthetic-refresh"});
        ("200 OK", JSON, renewed.to_string())
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Request>>, renews: bool) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    let Some((method, path, headers)) = read_head(&mut reader)? else {
        return Ok(());
    };
    // If bytes are unread when the connection is closed, the client gets a reset instead of the answer.
    let body = read_body(&mut reader, &headers)?;
    let request = Request {
        authorization: headers.get("authorization").cloned(),
        account: headers.get("chatgpt-account-id").cloned(),
        refresh_token: (path == "/oauth/token").then(|| refresh_token(&body)).flatten(),
        method,
        path,
    };
    let (status, kind, body) = match (request.path.as_str(), renews) {
        ("/oauth/token", true) => request.renewal(),
        // codex's message depends on this code.
        ("/oauth/token", false) => ("401 Unauthorized", JSON, refusal("unknown token", "refresh_token_invalidated")),
        _ => answer(&request, headers.contains_key("upgrade")),
    };
    seen.lock().unwrap().push(request);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut out = stream;
    out.write_all(head.as_bytes())?;
    out.write_all(body.as_bytes())?;
    out.flush()?;
    stream.shutdown(Shutdown::Write)
}

type Head = (String, String, BTreeMap<String, String>);

/// Method, path and headers (names in lower case); `None` if the client left without a request.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some((method, path, headers)));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

fn read_body(reader: &mut impl BufRead, headers: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    let chunked = headers.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let mut body = Vec::new();
    if chunked {
        read_chunks(reader, &mut body)?;
    } else {
        let length = headers.get("content-length");
        let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
        Read::take(&mut *reader, length).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
        Read::take(&mut *reader, size).read_to_end(body)?;
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn refresh_token(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("refresh_token")?.as_str().map(str::to_owned)
}

fn answer(request: &Request, upgrade: bool) -> (&'static str, &'static str, String) {
    if upgrade {
        let body = refusal("no websockets here", "");
        return ("426 Upgrade Required", JSON, body);
    }
    if !request.is_turn() {
        return ("404 Not Found", JSON, refusal("not found", ""));
    }
    if request.bearer().is_none() {
        // OpenAI's own words, which people search for.
        let body = refusal("Missing bearer or basic authentication in header", "");
        return ("401 Unauthorized", JSON, body);
    }
    if request.bearer().is_some_and(is_past_its_end) {
        return ("401 Unauthorized", JSON, refusal("Provided authentication token is expired.", ""));
    }
    ("200 OK", "text/event-stream", pong())
}

/// Whether a JWT has expired. Any other token is valid.
fn is_past_its_end(token: &str) -> bool {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let claims: Option<Value> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let end = claims.and_then(|claims| claims.get("exp")?.as_i64());
    end.is_some_and(|end| end <= chrono::Utc::now().timestamp())
}

fn refusal(message: &str, code: &str) -> String {
    json!({"error": {"message": message, "type": "invalid_request_error", "code": code}}).to_string()
}

/// The shortest answer that codex accepts as a whole turn.
fn pong() -> String {
    let message = json!({
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "pong", "annotations": []}],
    });
    let usage = json!({
        "input_tokens": 1, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 1, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2,
    });
    [
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": message}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}),
    ]
    .iter()
    .map(event)
    .collect()
}

fn event(data: &Value) -> String {
    let name = data.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}
