//! codex's configuration, as far as it decides about a login: TOML layers → [`Config`].
//!
//! Pure. Types the keys that matter as codex types them, and no others. Keeps no value that could be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use toml::{Table, Value};

use crate::display::position;
use crate::home::auth::{Auth, LoginKind};
use crate::home::claims::Id;
use crate::reason::{Reason, ReasonCode};
use crate::request::{Overrides, SIGN_OUT_KEYS};

/// `cli_auth_credentials_store`: the place of the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// `auth.json`, codex's default.
    #[default]
    File,
    /// The keyring, under a name derived from the canonical path of the home.
    Keyring,
    /// The keyring first, then the file.
    Auto,
    /// Memory: `auth.json` is neither read nor written, and the host logs in.
    Ephemeral,
}

/// Where model requests go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// `openai`, codex's default.
    #[default]
    OpenAi,
    /// Another one that gets the OpenAI login (`requires_openai_auth = true`).
    WithOpenAiLogin,
    /// Another one that does not get it, so `auth.json` does not matter.
    Own,
    /// One that is not defined, with which codex starts no thread.
    Undefined,
}

/// The keys of one TOML file that decide about a login. `Debug` shows no value, because a value may be an API key.
#[derive(Clone, Default, PartialEq)]
pub struct ConfigFile(Table);

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigFile").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

impl ConfigFile {
    /// Parses the bytes of a configuration file called `name`.
    ///
    /// # Errors
    /// [`ReasonCode::ConfigInvalid`] if codex cannot load it.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, Reason> {
        let invalid = |detail: String| Reason::new(ReasonCode::ConfigInvalid, detail);
        if bytes.is_empty() {
            return Ok(Self(Table::new()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| invalid(format!("{name} is not UTF-8")))?;
        // The whole file, as codex does it: a number out of range is an error under any key.
        let mut table: Table = toml::from_str(text).map_err(|error| {
            // The parser's own message quotes the line, which may hold an API key.
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            invalid(format!("{name} is not valid TOML at {line}:{column}"))
        })?;
        table.retain(|key, _| is_known(key));
        Ok(Self(table))
    }

    /// Returns the value of a top-level key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Returns whether it lists trusted projects.
    #[must_use]
    pub fn has_projects(&self) -> bool {
        self.0.contains_key(PROJECTS_KEY)
    }
}

/// Returns whether a top-level key is read. A file may have hundreds of others, such as a table for every trusted project.
fn is_known(key: &str) -> bool {
    const OTHERS: [&str; 7] = [
        "cli_auth_credentials_store",
        "model_provider",
        "model_providers",
        "profile",
        PROJECTS_KEY,
        METHODS_KEY,
        WORKSPACES_KEY,
    ];
    [&OTHERS[..], &BASE_URL_KEYS, &FILE_KEYS, &SIGN_OUT_KEYS].iter().any(|keys| keys.contains(&key))
}

/// A part of the configuration. A later layer wins over an earlier one, table by table.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// A file, with the directory that its relative paths are resolved against.
    File(&'a ConfigFile, &'a Path),
    /// `-c` and the options that stand for it.
    Argv(&'a Overrides),
}

/// The merged configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The place of the login.
    pub store: Store,
    /// Where model requests go.
    pub provider: Provider,
    /// The demands of `forced_login_method` and `forced_chatgpt_workspace_id`.
    pub forced: Forced,
    /// Whether it selects a profile. A profile may change the provider of 0.123; 0.169 starts no thread with one.
    pub selects_profile: bool,
    /// Whether `openai_base_url` or `chatgpt_base_url` sends requests to another address.
    pub has_base_url: bool,
    /// The files without which codex starts no thread, each with the key that names it. A path from argv may be relative to the
    /// working directory.
    pub files: Vec<(&'static str, PathBuf)>,
}

/// What a login must be. codex ignores any other login, and `exec` deletes it (0.123.0, 0.169.0).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    method: Option<LoginKind>,
    accounts: Option<Vec<Id>>,
}

impl Forced {
    /// Returns whether the login of `auth` satisfies the demands.
    #[must_use]
    pub fn admits(&self, auth: &Auth) -> bool {
        let account_admitted = match &self.accounts {
            None => true,
            // An API key has no workspace to compare.
            Some(_) if auth.kind != LoginKind::Chatgpt => true,
            Some(accounts) => auth.owners.account.one().is_some_and(|account| accounts.contains(account)),
        };
        self.method.is_none_or(|method| method == auth.kind) && account_admitted
    }

    /// Returns whether there is any demand.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.method.is_some() || self.accounts.is_some()
    }
}

/// The key of the model catalogue.
pub const CATALOG_KEY: &str = "model_catalog_json";
/// The keys that name files. codex 0.123.0 and 0.169.0 start no thread if such a file is missing or blank.
const FILE_KEYS: [&str; 3] = [CATALOG_KEY, "model_instructions_file", "experimental_compact_prompt_file"];
/// The key that says which projects are trusted.
const PROJECTS_KEY: &str = "projects";
/// The keys of `requirements.toml`.
const METHODS_KEY: &str = "allowed_login_methods";
const WORKSPACES_KEY: &str = "allowed_chatgpt_workspaces";
/// The keys that send requests to another address.
const BASE_URL_KEYS: [&str; 2] = ["openai_base_url", "chatgpt_base_url"];

impl Config {
    /// Merges the layers, the lowest first.
    ///
    /// # Errors
    /// [`ReasonCode::ConfigInvalid`] if every `thread/start` of codex would fail.
    pub fn of<'a>(layers: impl IntoIterator<Item = Layer<'a>>) -> Result<Self, Reason> {
        let mut table = Table::new();
        let mut directories = [None; FILE_KEYS.len()];
        for layer in layers {
            for (key, directory) in FILE_KEYS.iter().zip(&mut directories) {
                match layer {
                    Layer::File(file, of_file) if file.get(key).is_some() => *directory = Some(of_file),
                    Layer::Argv(overrides) if overrides.get(key).is_some() => *directory = None,
                    _ => {}
                }
            }
            match layer {
                Layer::File(file, _) => merge(&mut table, &file.0),
                Layer::Argv(overrides) => {
                    let mut argv = Table::new();
                    overrides.apply(&mut argv);
                    merge(&mut table, &argv);
                }
            }
        }
        if table.is_empty() {
            return Ok(Self::default());
        }
        let mut files = Vec::new();
        for (key, directory) in FILE_KEYS.into_iter().zip(directories) {
            let path = typed::<PathBuf>(&table, key, "not a path")?;
            let resolve = |path: PathBuf| match directory {
                Some(directory) if !path.starts_with("~") => directory.join(path),
                _ => path,
            };
            files.extend(path.map(|path| (key, resolve(path))));
        }
        let mut has_base_url = false;
        for key in BASE_URL_KEYS {
            has_base_url |= typed::<String>(&table, key, "not a string")?.is_some_and(|url| !url.trim().is_empty());
        }
        Ok(Self {
            store: typed(&table, "cli_auth_credentials_store", "none of `file`, `keyring`, `auto`, `ephemeral`")?
                .unwrap_or_default(),
            provider: provider(&table)?,
            forced: forced(&table)?,
            selects_profile: typed::<String>(&table, "profile", "not a string")?.is_some(),
            has_base_url,
            files,
        })
    }
}

/// Lays `upper` over `lower`, table by table; anything else is replaced.
fn merge(lower: &mut Table, upper: &Table) {
    for (key, value) in upper {
        match (lower.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            _ => {
                lower.insert(key.clone(), value.clone());
            }
        }
    }
}

/// An entry of `model_providers`. codex types all of them, whichever is used, and ignores unknown fields (0.118.0–0.169.0).
#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as codex types it, so a wrong type there must be an error here too")]
struct ProviderTable {
    #[serde(default)]
    name: String,
    base_url: Option<String>,
    env_key: Option<String>,
    env_key_instructions: Option<String>,
    experimental_bearer_token: Option<String>,
    auth: Option<ProviderAuth>,
    aws: Option<IgnoredAny>,
    wire_api: Option<Wire>,
    query_params: Option<BTreeMap<String, String>>,
    http_headers: Option<BTreeMap<String, String>>,
    env_http_headers: Option<BTreeMap<String, String>>,
    request_max_retries: Option<u64>,
    stream_max_retries: Option<u64>,
    stream_idle_timeout_ms: Option<u64>,
    websocket_connect_timeout_ms: Option<u64>,
    supports_websockets: Option<bool>,
    #[serde(default)]
    requires_openai_auth: bool,
}

/// A command that prints a credential.
#[derive(Deserialize)]
struct ProviderAuth {
    command: String,
}

impl ProviderTable {
    /// Whether codex loads a configuration with it.
    fn is_valid(&self, id: &str) -> bool {
        let needs_name = !NAMELESS.contains(&id);
        let auth_is_alone =
            || self.env_key.is_none() && self.experimental_bearer_token.is_none() && !self.requires_openai_auth;
        (!needs_name || !self.name.trim().is_empty())
            && (self.aws.is_none() || id == BEDROCK || id == "amazon-bedrock-runtime")
            && self.auth.as_ref().is_none_or(|auth| !auth.command.trim().is_empty() && auth_is_alone())
    }

    /// Whether it has a credential of its own.
    fn has_own_credential(&self) -> bool {
        self.env_key.is_some()
            || self.experimental_bearer_token.is_some()
            || self.auth.is_some()
            || [&self.http_headers, &self.env_http_headers]
                .into_iter()
                .flatten()
                .any(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")))
    }
}

/// `wire_api`, with the only value that is left.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wire {
    Responses,
}

/// The provider that is always there.
const OPENAI: &str = "openai";
/// The ids that a configuration may not define (codex 0.118.0–0.169.0).
const RESERVED: [&str; 3] = [OPENAI, "ollama", "lmstudio"];
/// codex's own provider for AWS. A configuration may change its region and profile.
const BEDROCK: &str = "amazon-bedrock";
/// The ids that need no `name` (0.123.0: the first; 0.169.0: all).
const NAMELESS: [&str; 3] = [BEDROCK, "amazon-bedrock-runtime", "gcp"];

fn provider(table: &Table) -> Result<Provider, Reason> {
    const RULE: &str = "not a table of providers, each with a `name` and values that codex knows";
    let key = "model_providers";
    let providers: BTreeMap<String, ProviderTable> = typed(table, key, RULE)?.unwrap_or_default();
    if providers.iter().any(|(id, provider)| !provider.is_valid(id)) {
        return Err(wrong(key, RULE));
    }
    if RESERVED.iter().any(|id| providers.contains_key(*id)) {
        return Err(wrong(key, "in the way of codex's own `openai`, `ollama` or `lmstudio`"));
    }
    let id: Option<String> = typed(table, "model_provider", "not a string")?;
    let Some(id) = id else { return Ok(Provider::OpenAi) };
    Ok(match providers.get(&id) {
        _ if id == OPENAI => Provider::OpenAi,
        _ if RESERVED.contains(&id.as_str()) || NAMELESS.contains(&id.as_str()) || id == "oss" => Provider::Own,
        None => Provider::Undefined,
        Some(provider) if provider.requires_openai_auth && !provider.has_own_credential() => Provider::WithOpenAiLogin,
        Some(_) => Provider::Own,
    })
}

/// `forced_login_method`, and a value of `allowed_login_methods`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    Chatgpt,
    Api,
}

/// `forced_chatgpt_workspace_id`: one id, or a list of them (a list from codex 0.136.0 on).
#[derive(Deserialize)]
#[serde(untagged)]
enum Accounts {
    One(String),
    Many(Vec<String>),
}

fn forced(table: &Table) -> Result<Forced, Reason> {
    const RULE: &str = "neither a workspace id nor a list of them";
    let [method_key, account_key] = SIGN_OUT_KEYS;
    let method = typed(table, method_key, "none of `chatgpt`, `api`")?.map(|method| match method {
        Method::Chatgpt => LoginKind::Chatgpt,
        Method::Api => LoginKind::ApiKey,
    });
    let accounts = match typed(table, account_key, RULE)? {
        None => Vec::new(),
        // codex 0.169 rejects a list in a single string.
        Some(Accounts::One(ids)) if ids.contains(',') => return Err(wrong(account_key, RULE)),
        Some(Accounts::One(id)) => vec![id],
        Some(Accounts::Many(ids)) => ids,
    };
    let accounts = trimmed(&accounts);
    // codex takes a blank id and an empty list for unset.
    Ok(Forced { method, accounts: (!accounts.is_empty()).then_some(accounts) })
}

/// Returns the ids that are not blank, trimmed.
fn trimmed(ids: &[String]) -> Vec<Id> {
    ids.iter().filter_map(|id| Id::new(id.trim().to_owned())).collect()
}

/// Returns the value of a top-level key as codex types it; `rule` describes the type for an error.
fn typed<T: DeserializeOwned>(table: &Table, key: &'static str, rule: &str) -> Result<Option<T>, Reason> {
    let value = table.get(key).cloned().map(Value::try_into);
    value.transpose().map_err(|_| wrong(key, rule))
}

fn wrong(key: &str, rule: &str) -> Reason {
    Reason::new(ReasonCode::ConfigInvalid, format!("`{key}` in config.toml is {rule}"))
}

/// The logins that `/etc/codex/requirements.toml` admits (codex 0.169; 0.123 ignores the file).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    methods: Option<Vec<Method>>,
    accounts: Option<Vec<Id>>,
}

impl Requirements {
    /// Reads the two keys that are about logins.
    ///
    /// # Errors
    /// If codex rejects one of them; it then fails and names the file.
    pub fn of(file: &ConfigFile) -> Result<Self, Reason> {
        let accounts: Option<Vec<String>> = typed(&file.0, WORKSPACES_KEY, "not an array of strings")?;
        Ok(Self {
            methods: typed(&file.0, METHODS_KEY, "not an array of `chatgpt`, `api`")?,
            // Unlike the key in config.toml, an empty list admits no workspace.
            accounts: accounts.map(|ids| trimmed(&ids)),
        })
    }

    /// Returns whether codex uses the login of `auth`.
    #[must_use]
    pub fn admit(&self, auth: &Auth) -> bool {
        let method = match auth.kind {
            LoginKind::Chatgpt => Method::Chatgpt,
            LoginKind::ApiKey => Method::Api,
            LoginKind::Other => return self.methods.is_none() && self.accounts.is_none(),
        };
        let account_admitted = match &self.accounts {
            Some(accounts) if method == Method::Chatgpt => {
                auth.owners.account.one().is_some_and(|account| accounts.contains(account))
            }
            _ => true,
        };
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method)) && account_admitted
    }
}
