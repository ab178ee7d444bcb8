//! Plays codex if there is none: reads the login of its home as codex 0.123.0 does, and sends a message with it.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

/// A process with this variable is the stand-in.
pub const VARIABLE: &str = "CODEX_HOME_SHIM_DEMO_STAND_IN";

/// What codex requires of `auth.json`. Without one of these fields it rejects the whole file.
#[derive(Deserialize)]
struct Auth {
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(rename = "id_token")]
    _id_token: String,
    access_token: String,
    #[serde(rename = "refresh_token")]
    _refresh_token: String,
}

/// Acts as codex if this process was started for that.
pub fn act() -> Option<ExitCode> {
    env::var_os(VARIABLE)?;
    let home = PathBuf::from(env::var_os("CODEX_HOME").unwrap_or_default());
    let text = fs::read_to_string(home.join("auth.json")).unwrap_or_default();
    let login = serde_json::from_str::<Auth>(&text);
    let args: Vec<String> = env::args().collect();
    if args.iter().any(|arg| arg == "app-server") {
        let base = args.iter().find_map(|arg| arg.strip_prefix("openai_base_url=\"")?.strip_suffix('"')).unwrap();
        serve(base, &home, login.ok().map(|auth| auth.tokens.access_token));
        return Some(ExitCode::SUCCESS);
    }
    let (said, code) = match login {
        Ok(_) => ("Logged in using ChatGPT".to_owned(), ExitCode::SUCCESS),
        Err(error) => (format!("Error checking login status: {error}"), ExitCode::FAILURE),
    };
    eprintln!("{said}");
    Some(code)
}

/// Answers requests until stdin ends.
fn serve(base: &str, home: &std::path::Path, token: Option<String>) {
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(id) = request.get("id") else { continue };
        let method = request["method"].as_str().unwrap_or_default();
        let result = match method {
            "initialize" => json!({"codexHome": home}),
            "thread/start" => json!({"thread": {"id": "t"}}),
            _ => json!({}),
        };
        let mut answers = vec![json!({"id": id, "result": result})];
        if method == "turn/start" {
            let (status, event) = match send(base, token.as_deref()) {
                Ok(text) => ("completed", json!({"method": "item/completed", "params": {"item": {"text": text}}})),
                Err(message) => ("failed", json!({"method": "error", "params": {"error": {"message": message}}})),
            };
            answers.extend([event, json!({"method": "turn/completed", "params": {"turn": {"status": status}}})]);
        }
        for answer in answers {
            println!("{answer}");
        }
    }
}

/// Sends one message; returns the answer, or the error in codex's words.
fn send(base: &str, token: Option<&str>) -> Result<String, String> {
    let url = format!("{base}/responses");
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    let login = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "POST /{path} HTTP/1.1\r\nhost: {host}\r\n{login}content-length: 0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).unwrap();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    if status.starts_with("200") {
        let events = body.lines().filter_map(|line| line.strip_prefix("data: ")).map(json);
        let texts = events.filter_map(|event| event.pointer("/item/content/0/text")?.as_str().map(str::to_owned));
        return Ok(texts.collect());
    }
    let message = json(body).pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned();
    Err(format!("unexpected status {status}: {message}, url: {url}"))
}
