//! WHAT AN `auth.json` IS GOOD FOR: its bytes → [`Auth`].
//!
//! A total function by the procedure observed on codex 0.118.0–0.169.0: any bytes have an answer, and what is
//! returned keeps no secret, so that `Debug` is safe everywhere. Writes nothing, asks no clock.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::home::claims::{self, Id};
use crate::reason::{Because, Reason};

/// Whether codex would send a credential. Never whether a server accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usable {
    /// It would.
    Yes,
    /// It would not.
    No,
    /// The files cannot tell.
    Unknown,
}

impl Usable {
    /// As it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// The kind of login a home is for: who gets the bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// A ChatGPT subscription: what codex takes a file for that says nothing else.
    #[default]
    Chatgpt,
    /// An API key.
    ApiKey,
    /// A personal access token, an agent identity, Bedrock.
    Other,
}

/// What an `auth.json` is good for.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Whether codex would send a credential.
    pub usable: Usable,
    /// Why.
    pub because: Because,
    /// What kind of login it is for, as far as it can be read.
    pub login: Login,
    /// Whose it is, as far as it can be read; empty for an API key.
    pub owners: Owners,
    /// Its refresh token, to compare.
    pub refresh: Option<Fingerprint>,
    /// Whether the access token must be renewed before it is used.
    pub stale: bool,
    /// Whether codex renews it at its start: from 0.136 within the last five minutes too.
    pub renewed_at_start: bool,
}

/// Everybody a file names as its owner. More than one account means that its parts do not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// Accounts.
    pub accounts: Vec<Id>,
    /// People.
    pub users: Vec<Id>,
}

/// How the owners of two files compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Both name one account, the same, and nobody else.
    Same,
    /// One names an account or a person that the other does not.
    Differs,
    /// One of them names no account.
    Unknown,
}

impl Owners {
    /// Adds what is not there yet.
    fn add(&mut self, accounts: Vec<Id>, users: Vec<Id>) {
        for (known, ids) in [(&mut self.accounts, accounts), (&mut self.users, users)] {
            for id in ids {
                if !known.contains(&id) {
                    known.push(id);
                }
            }
        }
    }

    /// Whether the parts of one file name different owners.
    #[must_use]
    pub const fn disagree(&self) -> bool {
        self.accounts.len() > 1 || self.users.len() > 1
    }

    /// Compares the owners of two files; in doubt they differ.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ownership {
        let same = |a: &[Id], b: &[Id]| a.len() == 1 && a == b;
        let differ = |a: &[Id], b: &[Id]| !a.is_empty() && !b.is_empty() && !same(a, b);
        if differ(&self.accounts, &other.accounts) || differ(&self.users, &other.users) {
            Ownership::Differs
        } else if same(&self.accounts, &other.accounts) {
            Ownership::Same
        } else {
            Ownership::Unknown
        }
    }
}

/// A mark by which a refresh token can be compared with another, and by which nobody can log in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of a token that is not empty.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        if token.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        token.hash(&mut hasher);
        Some(Self(hasher.finish()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

impl Auth {
    /// Judges the bytes of an `auth.json` at the time `now`.
    #[must_use]
    pub fn read(bytes: &[u8], now: DateTime<Utc>) -> Self {
        let fields = Fields::read(bytes);
        let mut auth = Self {
            usable: Usable::No,
            because: Reason::AuthNotJson.into(),
            login: Login::default(),
            owners: Owners::default(),
            refresh: None,
            stale: false,
            renewed_at_start: false,
        };
        if let Ok(fields) = &fields {
            auth.sketch(fields, now);
        }
        (auth.usable, auth.because) = match fields.and_then(|fields| auth.examine(&fields)) {
            Ok(reason @ Reason::OtherAuth) => (Usable::Unknown, reason.into()),
            Ok(reason) => (Usable::Yes, reason.into()),
            Err(because) => (Usable::No, because),
        };
        auth
    }

    /// Whether the bytes may be half of a file: codex up to 0.166 writes it in place, and a reader can see it empty
    /// or cut short. Such a file deserves a second look.
    #[must_use]
    pub const fn may_be_torn(&self) -> bool {
        matches!(self.because.reason, Reason::AuthEmpty | Reason::AuthNotUtf8 | Reason::AuthNotJson)
    }

    /// What can be said of a file whether or not codex can read all of it.
    fn sketch(&mut self, fields: &Fields<'_>, now: DateTime<Utc>) {
        let is_set = |key| fields.last(key).is_some_and(|value| value.get() != "null");
        let mode = fields.last("auth_mode").and_then(variant);
        self.login = match mode.as_deref() {
            Some("apikey") => Login::ApiKey,
            Some("chatgpt" | BROUGHT) => Login::Chatgpt,
            Some(mode) if OTHER_MODES.iter().any(|(other, _)| *other == mode) => Login::Other,
            _ if is_set("OPENAI_API_KEY") => Login::ApiKey,
            _ if fields.has_other_material() => Login::Other,
            _ => Login::Chatgpt,
        };
        let Some(tokens) = fields.last("tokens").and_then(|tokens| Fields::read(tokens.get().as_bytes()).ok()) else {
            return;
        };
        if self.login == Login::Chatgpt {
            self.owners.add(tokens.texts("account_id").filter_map(Id::new).collect(), Vec::new());
            for token in ["access_token", "id_token"].iter().flat_map(|key| tokens.texts(key)) {
                let (accounts, users) = claims::owners(&token);
                self.owners.add(accounts, users);
            }
        }
        self.refresh = tokens.text("refresh_token").and_then(|token| Fingerprint::of(&token));
        let expiry = tokens.text("access_token").and_then(|token| claims::expiry(&token));
        self.renewed_at_start = expiry.is_some_and(|expiry| expiry <= now + TimeDelta::minutes(5));
        self.stale = match expiry {
            Some(expiry) => expiry <= now,
            None if mode.as_deref() == Some(BROUGHT) => false,
            None => fields
                .last("last_refresh")
                .and_then(|value| serde_json::from_str::<DateTime<Utc>>(value.get()).ok())
                .is_some_and(|refreshed| refreshed < now - TimeDelta::days(8)),
        };
        self.renewed_at_start |= self.stale;
    }

    /// The procedure proper. Types first and in every mode: codex reads the file whole or not at all.
    fn examine(&self, fields: &Fields<'_>) -> Result<Reason, Because> {
        let mode = match fields.one("auth_mode")?.and_then(variant) {
            None => fields.string("auth_mode")?,
            mode => mode,
        };
        let key = fields.string("OPENAI_API_KEY")?;
        let tokens = match fields.one("tokens")?.map(RawValue::get) {
            None | Some("null") => None,
            Some(tokens) => Some(Tokens::read(tokens)?),
        };
        let refreshed = fields.string("last_refresh")?;
        if let Some(refreshed) = &refreshed {
            // Through serde, as codex: chrono's own reading of RFC 3339.
            let value = serde_json::Value::String(refreshed.clone());
            serde_json::from_value::<DateTime<Utc>>(value).map_err(|_| Reason::BadLastRefresh)?;
        }
        fields.one("agent_identity")?;
        fields.string("personal_access_token")?;

        match mode.as_deref() {
            None | Some("chatgpt" | BROUGHT | "apikey") => {}
            Some(mode) => {
                let material = OTHER_MODES.iter().find(|(other, _)| *other == mode).map(|(_, material)| *material);
                let material = material.ok_or(Reason::UnknownAuthMode)?;
                return if fields.is_set_with_prefix(material) {
                    Ok(Reason::OtherAuth)
                } else {
                    Err(Because::of(
                        Reason::UnknownAuthMode,
                        format!("the `auth_mode` in auth.json wants a `{material}`, and there is none"),
                    ))
                };
            }
        }
        // These are read in every mode, and differently by every other version.
        let is_read_anyway = ["agent_identity", "bedrock_"].iter().any(|material| fields.is_set_with_prefix(material));
        if is_read_anyway || (mode.is_none() && fields.has_other_material()) {
            return Ok(Reason::OtherAuth);
        }
        if mode.as_deref() == Some("apikey") || (mode.is_none() && key.is_some()) {
            return sendable(&key.ok_or(Reason::NoApiKey)?, "OPENAI_API_KEY", Reason::BlankApiKey)
                .map(|()| Reason::OkApiKey);
        }
        let tokens = tokens.ok_or(Reason::NoTokens)?;
        if !self.stale {
            sendable(&tokens.access, "access_token", Reason::BlankAccessToken)?;
            // Without it codex up to 0.123 sends nothing, and later ones must renew at once.
            refreshed.ok_or(Reason::MissingLastRefresh)?;
        } else if mode.as_deref() == Some(BROUGHT) {
            let text = "the `access_token` in auth.json is past its end, and codex renews none of `chatgptAuthTokens`";
            return Err(Because::of(Reason::StaleWithoutRefreshToken, text));
        } else if tokens.refresh.is_empty() {
            return Err(Reason::StaleWithoutRefreshToken.into());
        } else if tokens.account.is_none() {
            // An empty one does for codex.
            return Err(Reason::StaleWithoutAccount.into());
        }
        Ok(Reason::OkChatgpt)
    }
}

/// The mode of tokens that a host brings: codex sends them as long as they last and renews none (0.118.0–0.169.0).
const BROUGHT: &str = "chatgptAuthTokens";

/// The modes that cannot be judged offline, each with the field (or the beginning of the fields) it lives from:
/// `agentIdentity` from codex 0.128, the others from 0.142 and 0.150.
const OTHER_MODES: [(&str, &str); 4] = [
    ("agentIdentity", "agent_identity"),
    ("personalAccessToken", "personal_access_token"),
    ("bedrockApiKey", "bedrock_"),
    ("bedrockAccessKeys", "bedrock_"),
];

/// `tokens`, typed as codex types it. Lives on the stack of one judgement, never in what is returned.
struct Tokens {
    access: String,
    refresh: String,
    account: Option<String>,
}

impl Tokens {
    fn read(tokens: &str) -> Result<Self, Because> {
        let fields = Fields::read(tokens.as_bytes())
            .map_err(|_| Because::of(Reason::AuthWrongType, "`tokens` in auth.json is not an object"))?;
        let needed = |key: &'static str, missing: Reason| match fields.one(key)? {
            None => Err(missing.into()),
            Some(value) => serde_json::from_str::<String>(value.get()).map_err(|_| not_a_string(key)),
        };
        let id = needed("id_token", Reason::MissingIdToken)?;
        let access = needed("access_token", Reason::MissingAccessToken)?;
        let refresh = needed("refresh_token", Reason::MissingRefreshToken)?;
        let account = fields.string("account_id")?;
        if !claims::is_id_token(&id) {
            return Err(Reason::MalformedIdToken.into());
        }
        Ok(Self { access, refresh, account })
    }
}

/// The name of a variant as codex reads one: a string, or an object of that one field, which is null.
fn variant(value: &RawValue) -> Option<String> {
    if let Ok(name) = serde_json::from_str(value.get()) {
        return Some(name);
    }
    let mut fields = Fields::read(value.get().as_bytes()).ok()?.0;
    match (fields.pop(), fields.pop()) {
        (Some((name, value)), None) if value.get() == "null" => Some(name.into_owned()),
        _ => None,
    }
}

/// Whether `value` can stand in an HTTP header.
fn sendable(value: &str, key: &str, blank: Reason) -> Result<(), Because> {
    if value.trim().is_empty() {
        Err(Because::of(blank, format!("the `{key}` in auth.json is blank")))
    } else if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        Err(Because::of(blank, format!("the `{key}` in auth.json holds a control character")))
    } else {
        Ok(())
    }
}

fn not_a_string(key: &str) -> Because {
    Because::of(Reason::AuthWrongType, format!("`{key}` in auth.json is not a string"))
}

/// The fields of one JSON object in their order, each value as it stands in the text.
///
/// Values are skipped as codex skips a field it does not know, so that a number beyond any range or a lone surrogate
/// there harms nothing, and what is written back is what was read.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Because> {
        if bytes.is_empty() {
            return Err(Reason::AuthEmpty.into());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Reason::AuthNotUtf8)?;
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => Because::of(Reason::AuthWrongType, "auth.json is not a JSON object"),
            Category::Io | Category::Syntax | Category::Eof => {
                let (line, column) = (error.line(), error.column());
                Because::of(Reason::AuthNotJson, format!("auth.json is not one JSON value (at {line}:{column})"))
            }
        })
    }

    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The strings of a field, however often it stands there and whatever else is wrong.
    pub(crate) fn texts(&self, key: &str) -> impl Iterator<Item = String> {
        self.all(key).filter_map(|value| serde_json::from_str(value.get()).ok())
    }

    /// The value of a field, whatever else is wrong.
    pub(crate) fn last(&self, key: &str) -> Option<&'a RawValue> {
        self.all(key).last()
    }

    /// A field's string, whatever else is wrong.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.last(key)?.get()).ok()
    }

    /// The value of a field that codex knows, and that therefore may stand only once.
    fn one(&self, key: &'static str) -> Result<Option<&'a RawValue>, Because> {
        let mut all = self.all(key);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Because::of(Reason::AuthWrongType, format!("`{key}` stands twice in auth.json"))),
        }
    }

    /// A field that is a string, null or absent.
    fn string(&self, key: &'static str) -> Result<Option<String>, Because> {
        let Some(value) = self.one(key)? else { return Ok(None) };
        serde_json::from_str(value.get()).map_err(|_| not_a_string(key))
    }

    fn is_set_with_prefix(&self, prefix: &str) -> bool {
        self.0.iter().any(|(key, value)| key.starts_with(prefix) && value.get() != "null")
    }

    fn has_other_material(&self) -> bool {
        OTHER_MODES.iter().any(|(_, material)| self.is_set_with_prefix(material))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

/// A key, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
