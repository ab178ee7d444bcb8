//! WHERE A HOME KEEPS ITS LOGIN and whether it uses one: codex's `config.toml`, with what argv lays over it.
//!
//! Pure. Types the keys that decide about a login, as codex types them, and no others: of a file that is wrong elsewhere codex
//! names the line. Keeps no value that could be a secret.

mod trusted;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::home::auth::{Auth, Login};
use crate::home::claims::Id;
use crate::reason::{Because, Reason};
use crate::start::{Overrides, SIGN_OUT_KEYS};
use crate::words::position;

/// `cli_auth_credentials_store`: where codex looks for the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// `auth.json`, codex's default.
    #[default]
    File,
    /// The keyring, under a name made from the canonical path of the home.
    Keyring,
    /// The keyring first, then the file.
    Auto,
    /// Memory: `auth.json` is neither read nor written, the host logs in.
    Ephemeral,
}

/// Who answers the model requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// `openai`, codex's default.
    #[default]
    OpenAi,
    /// Another one that is sent the OpenAI login (`requires_openai_auth = true`).
    WithOpenAiLogin,
    /// Another one that is not: `auth.json` is irrelevant.
    Own,
}

/// What `config.toml` and argv say about the login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where the login is kept.
    pub store: Store,
    /// Who the login is for.
    pub provider: Provider,
    /// What `forced_login_method` and `forced_chatgpt_workspace_id` demand.
    pub forced: Forced,
    /// Whether it selects a profile. Up to some version that may change the provider; 0.169.0 starts no thread for it.
    pub selects_profile: bool,
}

/// What a login must be; codex signs a home out whose login is another (0.123.0, 0.169.0, `exec`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    method: Option<Login>,
    accounts: Option<Vec<Id>>,
}

impl Forced {
    /// Whether the login in `auth` is one that is asked for.
    #[must_use]
    pub fn allows(&self, auth: &Auth) -> bool {
        let account_allowed = match &self.accounts {
            None => true,
            Some(accounts) => {
                !auth.owners.accounts.is_empty()
                    && auth.owners.accounts.iter().all(|account| accounts.contains(account))
            }
        };
        self.method.is_none_or(|method| method == auth.login) && account_allowed
    }

    /// Whether anything is demanded.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.method.is_some() || self.accounts.is_some()
    }
}

/// One of `model_providers`. All of them are typed and named, whichever is used (codex 0.118.0–0.169.0).
#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as codex types it, so a wrong type there must be an error here too")]
struct OwnProvider {
    #[serde(default)]
    name: String,
    base_url: Option<String>,
    env_key: Option<String>,
    env_key_instructions: Option<String>,
    experimental_bearer_token: Option<String>,
    auth: Option<Table>,
    wire_api: Option<Wire>,
    query_params: Option<BTreeMap<String, String>>,
    http_headers: Option<BTreeMap<String, String>>,
    env_http_headers: Option<BTreeMap<String, String>>,
    request_max_retries: Option<u64>,
    stream_max_retries: Option<u64>,
    stream_idle_timeout_ms: Option<u64>,
    supports_websockets: Option<bool>,
    #[serde(default)]
    requires_openai_auth: bool,
}

/// `wire_api`, of which one is left.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wire {
    Responses,
}

/// `forced_login_method`.
#[derive(Deserialize)]
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

impl Config {
    /// Reads the bytes of a `config.toml` (none where there is no such file) under the overrides of argv.
    ///
    /// # Errors
    /// [`Reason::ConfigInvalid`] where codex would fail every `thread/start` for it.
    pub fn read(bytes: Option<&[u8]>, overrides: &Overrides) -> Result<Self, Because> {
        let bytes = bytes.filter(|_| !overrides.ignores_config).unwrap_or_default();
        if bytes.is_empty() && overrides.is_empty() {
            return Ok(Self::default());
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| Because::of(Reason::ConfigInvalid, "config.toml is not UTF-8"))?;
        // All of it, as codex does: a number that no value holds is an error wherever it stands.
        let mut table: Table = trusted::without(text).map_or_else(|| toml::from_str(text), Ok).map_err(|error| {
            // The parser's own message quotes the line, which may hold a key.
            let offset = error.span().map_or(0, |span| span.start);
            let (line, column) = position(text, offset);
            Because::of(Reason::ConfigInvalid, format!("config.toml is not valid TOML at {line}:{column}"))
        })?;
        overrides.apply(&mut table);
        Ok(Self {
            store: typed(&table, "cli_auth_credentials_store", "none of `file`, `keyring`, `auto`, `ephemeral`")?
                .unwrap_or_default(),
            provider: provider(&table)?,
            forced: forced(&table)?,
            selects_profile: typed::<String>(&table, "profile", "not a string")?.is_some(),
        })
    }
}

fn provider(table: &Table) -> Result<Provider, Because> {
    const RULE: &str = "not a table of providers, each with a `name` and values that codex knows";
    let key = "model_providers";
    let providers: BTreeMap<String, OwnProvider> = typed(table, key, RULE)?.unwrap_or_default();
    if providers.values().any(|provider| provider.name.trim().is_empty()) {
        return Err(wrong(key, RULE));
    }
    if BUILT_IN.iter().any(|name| providers.contains_key(*name)) {
        return Err(wrong(key, "in the way of codex's own `openai`, `ollama` or `lmstudio`"));
    }
    let name: Option<String> = typed(table, "model_provider", "not a string")?;
    let Some(name) = name.filter(|name| name != OPENAI) else { return Ok(Provider::OpenAi) };
    let Some(provider) = providers.get(&name) else { return Ok(Provider::Own) };
    let sends_its_own = provider.env_key.is_some()
        || provider.experimental_bearer_token.is_some()
        || provider.auth.as_ref().is_some_and(|auth| auth.contains_key("command"))
        || [&provider.http_headers, &provider.env_http_headers]
            .into_iter()
            .flatten()
            .any(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")));
    Ok(if provider.requires_openai_auth && !sends_its_own { Provider::WithOpenAiLogin } else { Provider::Own })
}

/// The provider that is always there.
const OPENAI: &str = "openai";
/// Those that nobody may define (codex 0.118.0–0.169.0).
const BUILT_IN: [&str; 3] = [OPENAI, "ollama", "lmstudio"];

fn forced(table: &Table) -> Result<Forced, Because> {
    let [method_key, account_key] = SIGN_OUT_KEYS;
    let method = typed(table, method_key, "none of `chatgpt`, `api`")?.map(|method| match method {
        Method::Chatgpt => Login::Chatgpt,
        Method::Api => Login::ApiKey,
    });
    let accounts = typed(table, account_key, "neither a string nor a list of strings")?.map(|accounts| {
        let ids = match accounts {
            Accounts::One(id) => vec![id],
            Accounts::Many(ids) => ids,
        };
        ids.into_iter().filter_map(Id::new).collect()
    });
    Ok(Forced { method, accounts })
}

/// What stands at the top level under `key`, as codex reads it; `rule` says what else it is.
fn typed<T: DeserializeOwned>(table: &Table, key: &'static str, rule: &str) -> Result<Option<T>, Because> {
    let value = table.get(key).cloned().map(Value::try_into);
    value.transpose().map_err(|_| wrong(key, rule))
}

fn wrong(key: &str, rule: &str) -> Because {
    Because::of(Reason::ConfigInvalid, format!("`{key}` in config.toml is {rule}"))
}
