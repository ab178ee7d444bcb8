//! `openclaw.json`: its settings about codex.
//!
//! JSON5, never written by this program. `$include` is followed as OpenClaw 2026.4.21 does it; `${NAME}` is resolved with the known
//! environment of the gateway. A value that cannot be resolved is reported as such and not guessed.

use std::path::Path;

use serde_json::Value;

use super::include::{self, INCLUDE};
use super::variable::{Resolved, resolve};
use crate::gateways::environment::Environment;

/// The setting that names the program OpenClaw starts as codex.
pub const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// The setting that names the program OpenClaw 2026.4 starts as `codex exec`.
pub const CLI_KEY: &str = "agents.defaults.cliBackends.codex-cli.command";
/// The agent that exists if none is configured.
pub const AGENT: &str = "main";
/// The deepest nesting of a file.
const DEPTH: usize = 256;

/// The settings about codex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenClawConfig {
    /// `appServer.command`, byte for byte; `None` if it is absent.
    pub command: Option<String>,
    /// The same with variables resolved, trimmed as OpenClaw does it; `None` if it is blank.
    pub program: Option<Resolved>,
    /// Whether there is an `appServer`, even an empty one.
    pub has_app_server: bool,
    /// `appServer.args`, as words.
    pub args: Option<Vec<String>>,
    /// `appServer.homeScope`.
    pub home_scope: Option<String>,
    /// The address to which OpenClaw connects instead of starting codex (`appServer.transport` is `websocket`).
    pub websocket: Option<String>,
    /// The setting that turns the codex plugin off, if one does.
    pub plugin_off: Option<&'static str>,
    /// `cliBackends["codex-cli"].command`, variables resolved.
    pub cli_program: Option<Resolved>,
    /// Whether an agent uses the backend `codex-cli`.
    pub uses_cli: bool,
    /// `agentDir` of every agent, variables resolved.
    pub agent_dirs: Vec<Resolved>,
    /// The agent that is the default one, or any; `None` if none is configured.
    pub agent: Option<String>,
    /// Whether the settings include files that were not followed.
    pub unfollowed: Includes,
    /// Whether the file itself includes others, which `openclaw config set` may copy into it.
    pub includes: Includes,
}

/// Whether settings include other files by `$include`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Includes {
    /// They do not.
    #[default]
    None,
    /// They do, but not around the settings about codex.
    Elsewhere,
    /// They do, so there may be other settings about codex.
    AroundCodex,
}

impl OpenClawConfig {
    /// Parses the text of the file at `path`, and those that it includes.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Self, String> {
        let file = parse_file(text)?;
        let root = include::follow(&file, path);
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let app_server = at(&root, "plugins.entries.codex.config.appServer");
        let in_app_server = |name: &str| app_server.and_then(|app_server| app_server.get(name));
        let command = match in_app_server("command") {
            None => None,
            Some(Value::String(command)) => Some(command.clone()),
            Some(_) => return Err(format!("`{KEY}` is not a string")),
        };
        let program = |text: &str| Some(resolve(text.trim(), environment)).filter(|_| !text.trim().is_empty());
        let is_websocket = in_app_server("transport").and_then(Value::as_str) == Some("websocket");
        let cli = at(&root, CLI_KEY).and_then(Value::as_str);
        Ok(Self {
            program: command.as_deref().and_then(program),
            command,
            has_app_server: app_server.is_some(),
            args: in_app_server("args").and_then(words),
            home_scope: in_app_server("homeScope").and_then(string),
            websocket: in_app_server("url").and_then(string).filter(|_| is_websocket),
            plugin_off: plugin_off(&root),
            cli_program: cli.and_then(program),
            uses_cli: at(&root, "agents").is_some_and(mentions_cli),
            agent: agents(&root)
                .find(|(_, agent)| agent.get("default").and_then(Value::as_bool) == Some(true))
                .or_else(|| agents(&root).next())
                .map(|(id, _)| id.to_owned()),
            agent_dirs: agents(&root)
                .filter_map(|(_, agent)| agent.get("agentDir")?.as_str())
                .filter(|directory| !directory.trim().is_empty())
                .map(|directory| resolve(directory.trim(), environment))
                .collect(),
            unfollowed: includes(&root),
            includes: includes(&file),
        })
    }
}

/// Parses one file.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_file(text: &str) -> Result<Value, String> {
    if is_too_deep(text) {
        return Err("it is nested too deeply".to_owned());
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root: Value = json5::from_str(text).map_err(|error| error.to_string())?;
    if root.is_object() { Ok(root) } else { Err("it is not an object".to_owned()) }
}

/// Returns the setting at `key`.
pub fn at<'a>(root: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(root, |value, part| value.get(part))
}

/// Returns the agents with their ids: `agents.list[]`, from 2026.9.5 `agents.entries.<id>`.
fn agents(root: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let list = at(root, "agents.list").and_then(Value::as_array).into_iter().flatten();
    let list = list.map(|agent| (agent.get("id").and_then(Value::as_str).unwrap_or(AGENT), agent));
    let entries = at(root, "agents.entries").and_then(Value::as_object).into_iter().flatten();
    list.chain(entries.map(|(id, agent)| (id.as_str(), agent)))
}

/// Returns the setting that turns the codex plugin off, if one does.
fn plugin_off(root: &Value) -> Option<&'static str> {
    let is_false = |key: &str| at(root, key).and_then(Value::as_bool) == Some(false);
    let lists_codex = |key: &str| {
        let list = at(root, key)?.as_array()?;
        Some(list.iter().any(|id| id == "codex"))
    };
    if is_false("plugins.enabled") {
        Some("plugins.enabled")
    } else if is_false("plugins.entries.codex.enabled") {
        Some("plugins.entries.codex.enabled")
    } else if lists_codex("plugins.deny") == Some(true) {
        Some("plugins.deny")
    } else if lists_codex("plugins.allow") == Some(false)
        && at(root, "plugins.allow").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    {
        Some("plugins.allow")
    } else {
        None
    }
}

/// Returns whether a backend or a model is one of `codex-cli`.
fn mentions_cli(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with("codex-cli/"),
        Value::Array(values) => values.iter().any(mentions_cli),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name == "codex-cli" || name.starts_with("codex-cli/") || mentions_cli(value)),
        _ => false,
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

/// Returns whether settings include other files, and whether around [`KEY`].
fn includes(root: &Value) -> Includes {
    let mut value = Some(root);
    for part in KEY.split('.') {
        if value.is_some_and(|value| value.get(INCLUDE).is_some()) {
            return Includes::AroundCodex;
        }
        value = value.and_then(|value| value.get(part));
    }
    if has_include(root) { Includes::Elsewhere } else { Includes::None }
}

fn has_include(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(INCLUDE) || fields.values().any(has_include),
        Value::Array(values) => values.iter().any(has_include),
        _ => false,
    }
}

/// Returns whether a file may be nested so deeply that the recursive JSON5 parser overflows the stack. Brackets in strings count.
fn is_too_deep(text: &str) -> bool {
    let depths = text.bytes().scan(0_usize, |depth, b| {
        match b {
            b'{' | b'[' => *depth += 1,
            b'}' | b']' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    depths.max().unwrap_or_default() > DEPTH
}
