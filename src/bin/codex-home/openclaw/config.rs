//! `openclaw.json`: what it says about codex.
//!
//! Pure. Read as JSON5 by a library, written by nobody here. What OpenClaw would put together from several files
//! (`$include`) or from its environment (`${NAME}`) is named as such and not guessed.

use serde_json::Value;

/// The setting that names the program OpenClaw starts as codex.
pub const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// How deep a file may be nested.
const DEPTH: usize = 256;

/// What ends a line, and a comment with it, in JSON5.
const ENDS_OF_LINE: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// What the file says about codex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `appServer.command`, byte for byte; `None` where it is absent.
    pub command: Option<String>,
    /// `appServer.args`, as words.
    pub args: Option<Vec<String>>,
    /// `appServer.homeScope`.
    pub home_scope: Option<String>,
    /// `agents.list[].agentDir`, as written.
    pub agent_dirs: Vec<String>,
    /// Where the file takes in others.
    pub includes: Includes,
    /// Whether it has comments, which `openclaw config set` does not keep (2026.4.21, 2026.9.6).
    pub has_comments: bool,
}

/// Whether a file takes in others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Includes {
    /// It does not.
    #[default]
    None,
    /// It does, where nothing about codex can come from.
    Elsewhere,
    /// It does, so that what it says about codex may not be all.
    OnTheWay,
}

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
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

    /// The program, as OpenClaw takes it: trimmed, and none where that leaves nothing.
    pub fn program(&self) -> Option<&str> {
        self.command.as_deref().map(str::trim).filter(|command| !command.is_empty())
    }
}

/// Arguments as an array, or as one string, which OpenClaw takes apart.
fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// Where a value takes in other files.
fn includes(root: &Value) -> Includes {
    let mut value = Some(root);
    for part in KEY.split('.') {
        if value.is_some_and(|value| value.get("$include").is_some()) {
            return Includes::OnTheWay;
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

/// Walks over the text outside strings and comments; tells of each character and of each comment.
fn walk(text: &str, mut see: impl FnMut(Seen)) {
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
                see(Seen::Comment);
                chars.by_ref().find(|c| ENDS_OF_LINE.contains(c));
            }
            ('/', Some('*')) => {
                see(Seen::Comment);
                let mut before = ' ';
                chars.next();
                chars.by_ref().find(|c| std::mem::replace(&mut before, *c) == '*' && *c == '/');
            }
            _ => see(Seen::Character(c)),
        }
    }
}

enum Seen {
    Comment,
    Character(char),
}

fn has_comments(text: &str) -> bool {
    let mut found = false;
    walk(text, |seen| found |= matches!(seen, Seen::Comment));
    found
}

/// The library reads nested values by recursion.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut deepest) = (0_usize, 0);
    walk(text, |seen| match seen {
        Seen::Character('{' | '[') => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        Seen::Character('}' | ']') => depth = depth.saturating_sub(1),
        Seen::Character(_) | Seen::Comment => {}
    });
    deepest > DEPTH
}

/// Whether a text holds something that OpenClaw takes from its environment.
pub fn has_variable(text: &str) -> bool {
    text.contains("${")
}
