//! WHERE A HOME KEEPS ITS LOGIN and whether it uses one: codex's `config.toml`, with what argv lays over it.
//!
//! Pure. Looks at the keys that decide about a login and at nothing else; keeps no value that could be a secret.

mod trusted;

use serde::Deserialize;
use toml::{Table, Value};

use crate::home::auth::{Auth, Login};
use crate::home::claims::Id;
use crate::reason::{Because, Reason};
use crate::start::{Overrides, SIGN_OUT_KEYS};
use crate::words::position;

/// `cli_auth_credentials_store`: where codex looks for the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// The keys that decide about a login; the others are parsed and let go.
#[derive(Deserialize)]
struct Keys {
    cli_auth_credentials_store: Option<Value>,
    model_provider: Option<Value>,
    model_providers: Option<Value>,
    profile: Option<Value>,
    forced_login_method: Option<Value>,
    forced_chatgpt_workspace_id: Option<Value>,
}

impl Keys {
    fn read(text: &str) -> Result<Self, toml::de::Error> {
        match trusted::without(text) {
            Some(keys) => Ok(keys),
            None => toml::from_str(text),
        }
    }

    fn into_table(self) -> Table {
        [
            ("cli_auth_credentials_store", self.cli_auth_credentials_store),
            ("model_provider", self.model_provider),
            ("model_providers", self.model_providers),
            ("profile", self.profile),
            ("forced_login_method", self.forced_login_method),
            ("forced_chatgpt_workspace_id", self.forced_chatgpt_workspace_id),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
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
        // codex skips a byte order mark here, though not in auth.json.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let keys = Keys::read(text).map_err(|error| {
            // The parser's own message quotes the line, which may hold a key.
            let offset = error.span().map_or(0, |span| span.start);
            let (line, column) = position(text, offset);
            Because::of(Reason::ConfigInvalid, format!("config.toml is not valid TOML at {line}:{column}"))
        })?;
        let mut table = keys.into_table();
        overrides.apply(&mut table);
        Self::of(&table)
    }

    fn of(table: &Table) -> Result<Self, Because> {
        let store = match string(table, "cli_auth_credentials_store")? {
            None | Some("file") => Store::File,
            Some("keyring") => Store::Keyring,
            Some("auto") => Store::Auto,
            Some("ephemeral") => Store::Ephemeral,
            Some(_) => {
                return Err(Because::of(
                    Reason::ConfigInvalid,
                    "`cli_auth_credentials_store` in config.toml is none of `file`, `keyring`, `auto`, `ephemeral`",
                ));
            }
        };
        Ok(Self {
            store,
            provider: provider(table)?,
            forced: forced(table)?,
            selects_profile: string(table, "profile")?.is_some(),
        })
    }
}

fn provider(table: &Table) -> Result<Provider, Because> {
    let Some(name) = string(table, "model_provider")? else { return Ok(Provider::OpenAi) };
    if name == "openai" {
        return Ok(Provider::OpenAi);
    }
    let Some(provider) = table.get("model_providers").and_then(|providers| providers.get(name)) else {
        return Ok(Provider::Own);
    };
    let has = |key| provider.get(key).is_some();
    let sends_its_own = has("env_key")
        || has("experimental_bearer_token")
        || provider.get("auth").and_then(|auth| auth.get("command")).is_some()
        || ["http_headers", "env_http_headers"].iter().any(|key| {
            let headers = provider.get(key).and_then(Value::as_table);
            headers.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")))
        });
    let uses_login = provider.get("requires_openai_auth").and_then(Value::as_bool) == Some(true);
    Ok(if uses_login && !sends_its_own { Provider::WithOpenAiLogin } else { Provider::Own })
}

fn forced(table: &Table) -> Result<Forced, Because> {
    let [method_key, account_key] = SIGN_OUT_KEYS;
    let method = match string(table, method_key)? {
        None => None,
        Some("chatgpt") => Some(Login::Chatgpt),
        Some("api") => Some(Login::ApiKey),
        Some(_) => {
            return Err(Because::of(
                Reason::ConfigInvalid,
                "`forced_login_method` in config.toml is none of `chatgpt`, `api`",
            ));
        }
    };
    // One id, or a list of them (0.169.0).
    let accounts = table.get(account_key).map(|value| {
        let ids = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        ids.iter().filter_map(|id| Id::new(id.as_str()?.to_owned())).collect()
    });
    Ok(Forced { method, accounts })
}

/// A string at the top level; another type is an error to codex too.
fn string<'a>(table: &'a Table, key: &'static str) -> Result<Option<&'a str>, Because> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Because::of(Reason::ConfigInvalid, format!("`{key}` in config.toml is not a string"))),
    }
}
