//! `openclaw.json`: what it says about codex.
//!
//! Pure. JSON5, never written by this program. What OpenClaw assembles from several files (`$include`) or takes from its
//! environment (`${NAME}`) is reported as such and not guessed.

use serde_json::Value;

/// The setting that names the program OpenClaw starts as codex.
pub const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// How deep a file may be nested.
const DEPTH: usize = 256;

/// The line terminators of JSON5, which end a comment.
const LINE_TERMINATORS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// What the file says about codex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenClawConfig {
    /// `appServer.command`, byte for byte; `None` if it is absent.
    pub command: Option<String>,
    /// `appServer.args`, as words.
    pub args: Option<Vec<String>>,
    /// `appServer.homeScope`.
    pub home_scope: Option<String>,
    /// `agents.list[].agentDir`, as written.
    pub agent_dirs: Vec<String>,
    /// Whether the file includes others.
    pub includes: Includes,
    /// Whether it has comments, which `openclaw config set` does not keep (2026.4.21, 2026.9.6).
    pub has_comments: bool,
}

/// Whether a file includes others by `$include`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Includes {
    /// It does not.
    #[default]
    None,
    /// It does, but not around what it says about codex.
    Elsewhere,
    /// It does, so that it may not say everything about codex.
    AroundCodex,
}

impl OpenClawConfig {
    /// Parses the text of the file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_too_deep(text) {
            return Err("it is nested too deeply".to_owned());
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root: Value = json5::from_str(text).map_err(|error| error.to_string())?;
        if !root.is_object() {
            return Err("it is not an object".to_owned());
        }
        let app_server = KEY.split('.').take(5).try_fold(&root, |value, part| value.get(part));
        let command = match app_server.and_then(|app_server| app_server.get("command")) {
            None => None,
            Some(Value::String(command)) => Some(command.clone()),
            Some(_) => return Err(format!("`{KEY}` is not a string")),
        };
        let text_of = |value: &Value| value.as_str().map(str::to_owned);
        let agents = root.get("agents").and_then(|agents| agents.get("list")).and_then(Value::as_array);
        Ok(Self {
            command,
            args: app_server.and_then(|app_server| app_server.get("args")).and_then(words),
            home_scope: app_server.and_then(|app_server| app_server.get("homeScope")).and_then(text_of),
            agent_dirs: agents
                .into_iter()
                .flatten()
                .filter_map(|agent| agent.get("agentDir").and_then(text_of))
                .filter(|directory| !directory.trim().is_empty())
                .collect(),
            includes: includes(&root),
            has_comments: has_comments(text),
        })
    }

    /// Returns the program as OpenClaw takes it: trimmed, `None` if it is blank.
    pub fn program(&self) -> Option<&str> {
        self.command.as_deref().map(str::trim).filter(|command| !command.is_empty())
    }
}

/// Returns arguments that are an array, or one string, which OpenClaw splits.
fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// Returns whether the file includes others, and whether around [`KEY`].
fn includes(root: &Value) -> Includes {
    let mut value = Some(root);
    for part in KEY.split('.') {
        if value.is_some_and(|value| value.get("$include").is_some()) {
            return Includes::AroundCodex;
        }
        value = value.and_then(|value| value.get(part));
    }
    if has_include(root) { Includes::Elsewhere } else { Includes::None }
}

fn has_include(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("$include") || fields.values().any(has_include),
        Value::Array(values) => values.iter().any(has_include),
        _ => false,
    }
}

/// Calls `visit` for each character outside strings and comments, and for each comment.
fn tokens(text: &str, mut visit: impl FnMut(Token)) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"' | '\'', _) => {
                while let Some(inner) = chars.next() {
                    if inner == '\\' {
                        chars.next();
                    } else if inner == c {
                        break;
                    }
                }
            }
            ('/', Some('/')) => {
                visit(Token::Comment);
                chars.by_ref().find(|c| LINE_TERMINATORS.contains(c));
            }
            ('/', Some('*')) => {
                visit(Token::Comment);
                let mut before = ' ';
                chars.next();
                chars.by_ref().find(|c| std::mem::replace(&mut before, *c) == '*' && *c == '/');
            }
            _ => visit(Token::Character(c)),
        }
    }
}

enum Token {
    Comment,
    Character(char),
}

fn has_comments(text: &str) -> bool {
    let mut found = false;
    tokens(text, |token| found |= matches!(token, Token::Comment));
    found
}

/// Returns whether a file is nested so deeply that the JSON5 parser, which is recursive, could overflow the stack.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut deepest) = (0_usize, 0);
    tokens(text, |token| match token {
        Token::Character('{' | '[') => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        Token::Character('}' | ']') => depth = depth.saturating_sub(1),
        Token::Character(_) | Token::Comment => {}
    });
    deepest > DEPTH
}

/// Returns whether a text refers to a variable of OpenClaw's environment.
pub fn has_variable(text: &str) -> bool {
    text.contains("${")
}
