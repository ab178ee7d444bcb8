//! Judges an `auth.json`: bytes → [`Auth`].
//!
//! A total function that follows the procedure observed on codex 0.118.0–0.171.0. The result keeps no secret, so `Debug` is safe.
//! Writes nothing and asks no clock.

use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;

use crate::home::claims::{self, Id, Payload};
use crate::json::Fields;
use crate::reason::{Reason, ReasonCode};

/// Whether codex would send a credential. Whether a server accepts it is never known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// codex would send one.
    Usable(Reason),
    /// codex would send none.
    Broken(Reason),
    /// The files do not tell.
    NotJudged(Reason),
}

impl Login {
    /// Returns why.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Usable(reason) | Self::Broken(reason) | Self::NotJudged(reason) => reason,
        }
    }

    /// Returns the value of `usable` in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Usable(_) => "yes",
            Self::Broken(_) => "no",
            Self::NotJudged(_) => "unknown",
        }
    }
}

/// The kind of a login, which decides who pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginKind {
    /// A ChatGPT subscription, codex's default.
    #[default]
    Chatgpt,
    /// An API key.
    ApiKey,
    /// A personal access token, an agent identity, Bedrock.
    Other,
}

/// The content of an `auth.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Whether codex would send a credential.
    pub login: Login,
    /// The kind of login, if it can be read.
    pub kind: LoginKind,
    /// The owners of the login that can be read; none for an API key.
    pub owners: Owners,
    /// Whether codex renews the login when it starts. From 0.136 it also does so within the token's last five minutes.
    pub renewed_at_start: bool,
    /// Whether there is a refresh token.
    pub has_refresh_token: bool,
    /// The end of the access token, if it can be read.
    pub access_token_end: Option<DateTime<Utc>>,
    /// Whether the bytes may be half of a file. codex up to 0.166 writes in place, so a reader can see an empty or truncated file.
    pub may_be_torn: bool,
}

/// The accounts and the people that a file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// `account_id` and the `chatgpt_account_id` claims.
    pub account: Named,
    /// The `chatgpt_user_id` or `user_id` claims. Two members of one workspace share the account, but not the person.
    pub user: Named,
}

/// How many different ids a file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Named {
    /// None.
    #[default]
    None,
    /// One.
    One(Id),
    /// Several: parts of the file disagree.
    Several,
}

impl Named {
    /// Adds an id.
    pub fn add(&mut self, id: Id) {
        match self {
            Self::None => *self = Self::One(id),
            Self::One(known) if *known != id => *self = Self::Several,
            Self::One(_) | Self::Several => {}
        }
    }

    /// Returns the id if there is exactly one.
    #[must_use]
    pub const fn one(&self) -> Option<&Id> {
        match self {
            Self::One(id) => Some(id),
            Self::None | Self::Several => None,
        }
    }
}

/// How the owners of two files compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Both name the same single account, and the same person or none.
    Same,
    /// One names an account or a person that the other does not.
    Differs,
    /// Unknown.
    Unknown,
}

impl Owners {
    /// Compares the owners of two files.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ownership {
        use Named::One;
        let of = |mine: &Named, theirs: &Named| match (mine, theirs) {
            (Named::None, _) | (_, Named::None) => Ownership::Unknown,
            (One(mine), One(theirs)) if mine == theirs => Ownership::Same,
            _ => Ownership::Differs,
        };
        match (of(&self.account, &other.account), of(&self.user, &other.user)) {
            (Ownership::Differs, _) | (_, Ownership::Differs) => Ownership::Differs,
            (Ownership::Same, Ownership::Same) => Ownership::Same,
            (Ownership::Same, _) if self.user == Named::None && other.user == Named::None => Ownership::Same,
            _ => Ownership::Unknown,
        }
    }
}

impl Auth {
    /// Judges the bytes of an `auth.json` at the time `now`.
    #[must_use]
    pub fn parse(bytes: &[u8], now: DateTime<Utc>) -> Self {
        let mut auth = Self {
            login: Login::Broken(ReasonCode::AuthNotJson.into()),
            kind: LoginKind::default(),
            owners: Owners::default(),
            renewed_at_start: false,
            has_refresh_token: false,
            access_token_end: None,
            may_be_torn: false,
        };
        let fields = match Fields::parse(bytes) {
            Ok(fields) => fields,
            Err(reason) => {
                let value = serde_json::from_slice::<&RawValue>(bytes).ok();
                auth.may_be_torn = value.is_none();
                // The words of a text that cannot be parsed still tell the kind.
                let has = |word: &[u8]| bytes.windows(word.len()).any(|bytes| bytes == word);
                if has(b"\"apikey\"") || has(b"\"sk-") {
                    auth.kind = LoginKind::ApiKey;
                }
                // codex reads a struct from an array too.
                auth.login = if value.is_some_and(|value| value.get().starts_with('[')) {
                    Login::NotJudged(ReasonCode::AuthIsArray.into())
                } else {
                    Login::Broken(reason)
                };
                return auth;
            }
        };
        let tokens = fields.last("tokens").map(|tokens| Fields::parse(tokens.get().as_bytes()));
        let tokens = tokens.as_ref().map(|tokens| tokens.as_ref().map_err(|_| ()));
        let stale = auth.sketch(&fields, tokens.and_then(Result::ok), now);
        auth.login = match examine(&fields, tokens, stale) {
            Ok(code @ (ReasonCode::OkApiKey | ReasonCode::OkChatgpt)) => Login::Usable(code.into()),
            Ok(code) => Login::NotJudged(code.into()),
            Err(reason) => Login::Broken(reason),
        };
        auth
    }

    /// Calls a login that only some versions of codex use broken, if `version` is one that is known not to use it.
    pub fn judge_for(&mut self, version: impl FnOnce() -> Option<String>) {
        let Login::NotJudged(reason) = &self.login else { return };
        let not_used = NOT_USED_BY.iter().find(|(code, _)| *code == reason.code);
        // `0.123.0`
        let minor = |version: String| version.strip_prefix("0.")?.split('.').next()?.parse::<u32>().ok();
        if not_used.is_some_and(|(_, known)| version().and_then(minor).is_some_and(|minor| known.contains(&minor))) {
            self.login = Login::Broken(reason.clone());
        }
    }

    /// Reads the facts that do not depend on whether codex accepts the whole file. Returns whether its access token is stale.
    fn sketch(&mut self, fields: &Fields<'_>, tokens: Option<&Fields<'_>>, now: DateTime<Utc>) -> bool {
        let is_set = |key| fields.last(key).is_some_and(|value| value.get() != "null");
        let mode = fields.last("auth_mode").and_then(variant);
        self.kind = match mode.as_deref() {
            Some("apikey") => LoginKind::ApiKey,
            Some("chatgpt" | BROUGHT) => LoginKind::Chatgpt,
            Some(mode) if OTHER_MODES.iter().any(|(other, _)| *other == mode) => LoginKind::Other,
            None if has_stronger_material(fields) => LoginKind::Other,
            _ if is_set("OPENAI_API_KEY") => LoginKind::ApiKey,
            _ => LoginKind::Chatgpt,
        };
        let Some(tokens) = tokens else { return false };
        let mut owners = Owners::default();
        tokens.texts("account_id").filter_map(Id::new).for_each(|id| owners.account.add(id));
        // Every owner that any of them names counts. Of a repeated access token the last one is used.
        for token in tokens.texts("access_token") {
            let payload = Payload::decode(&token);
            payload.add_owners(&mut owners);
            self.access_token_end = payload.expiry();
        }
        tokens.texts("id_token").for_each(|token| Payload::decode(&token).add_owners(&mut owners));
        if self.kind == LoginKind::Chatgpt {
            self.owners = owners;
        }
        self.has_refresh_token = tokens.text("refresh_token").is_some_and(|token| !token.is_empty());
        let stale = match self.access_token_end {
            Some(end) => end <= now,
            None if mode.as_deref() == Some(BROUGHT) => false,
            None => fields
                .last("last_refresh")
                .and_then(|value| serde_json::from_str::<DateTime<Utc>>(value.get()).ok())
                .is_some_and(|refreshed| refreshed < now - TimeDelta::days(8)),
        };
        self.renewed_at_start = stale
            || self
                .access_token_end
                .is_some_and(|end| end <= now.checked_add_signed(TimeDelta::minutes(5)).unwrap_or(now));
        stale
    }
}

/// What only some versions of codex use, each with the versions that are known not to.
const NOT_USED_BY: [(ReasonCode, RangeInclusive<u32>); 2] =
    [(ReasonCode::MissingLastRefresh, 118..=123), (ReasonCode::UnknownAuthMode, 118..=171)];

/// The procedure itself. Types come first, in every mode, because codex reads the file whole or not at all.
fn examine(fields: &Fields<'_>, tokens: Option<Result<&Fields<'_>, ()>>, stale: bool) -> Result<ReasonCode, Reason> {
    let mode = match fields.one("auth_mode")?.and_then(variant) {
        None => fields.string("auth_mode")?,
        mode => mode,
    };
    let other = OTHER_MODES.iter().find(|(other, _)| Some(*other) == mode.as_deref());
    if other.is_none() && !matches!(mode.as_deref(), None | Some("chatgpt" | BROUGHT | "apikey")) {
        // A later codex may know it, and give the other fields other types.
        return Ok(ReasonCode::UnknownAuthMode);
    }
    let key = fields.string("OPENAI_API_KEY")?;
    let tokens = match fields.one("tokens")?.map(RawValue::get) {
        None | Some("null") => None,
        Some(_) => Some(Tokens::read(tokens)?),
    };
    let refreshed = fields.string("last_refresh")?;
    if let Some(refreshed) = &refreshed {
        // Through serde, as codex: chrono's own reading of RFC 3339.
        let value = serde_json::Value::String(refreshed.clone());
        serde_json::from_value::<DateTime<Utc>>(value).map_err(|_| ReasonCode::BadLastRefresh)?;
    }
    fields.one("agent_identity")?;
    fields.string("personal_access_token")?;

    if let Some((_, material)) = other {
        return other_mode(fields, material);
    }
    if mode.is_none() && has_stronger_material(fields) {
        return Ok(ReasonCode::OtherAuth);
    }
    if let Some(identity) = fields.last("agent_identity").map(RawValue::get).filter(|identity| *identity != "null")
        && beside_tokens(identity)? == Beside::DependsOnVersion
    {
        return Ok(ReasonCode::OtherAuth);
    }
    if mode.as_deref() == Some("apikey") || (mode.is_none() && key.is_some()) {
        let key = key.ok_or(ReasonCode::NoApiKey)?;
        sendable(&key, "OPENAI_API_KEY", ReasonCode::BlankApiKey)?;
        return Ok(ReasonCode::OkApiKey);
    }
    let tokens = tokens.ok_or(ReasonCode::NoTokens)?;
    tokens.examine(stale, mode.as_deref() == Some(BROUGHT), refreshed.is_some())
}

/// Judges a mode that cannot be judged offline: is the field that it needs there?
fn other_mode(fields: &Fields<'_>, material: &str) -> Result<ReasonCode, Reason> {
    if fields.is_set_with_prefix(material) {
        return Ok(ReasonCode::OtherAuth);
    }
    let detail = format!("the `auth_mode` in auth.json needs a `{material}`, and there is none");
    Err(Reason::new(ReasonCode::UnknownAuthMode, detail))
}

/// The mode of tokens that a host brings: codex sends them until they end and renews none (0.118.0–0.169.0).
const BROUGHT: &str = "chatgptAuthTokens";

/// The modes that cannot be judged offline, each with the field, or the prefix of the fields, that it needs. `agentIdentity` came
/// with codex 0.128, the others with 0.142 and 0.150.
const OTHER_MODES: [(&str, &str); 4] = [
    ("agentIdentity", "agent_identity"),
    ("personalAccessToken", "personal_access_token"),
    ("bedrockApiKey", "bedrock_"),
    ("bedrockAccessKeys", "bedrock_"),
];

/// Returns whether a file without `auth_mode` has a personal access token or keys of Bedrock. codex 0.169 prefers these to an API
/// key and to tokens; 0.123 knows neither.
fn has_stronger_material(fields: &Fields<'_>) -> bool {
    ["personal_access_token", "bedrock_api_key", "bedrock_access_keys"].iter().any(|key| fields.is_set_with_prefix(key))
}

/// The effect of an `agent_identity` on a file of another mode.
#[derive(PartialEq, Eq)]
enum Beside {
    /// Nothing, in the versions that write it.
    Ignored,
    /// Some versions ignore it and others refuse the file.
    DependsOnVersion,
}

/// Judges an `agent_identity` beside other material: it never decides the mode (0.123.0, 0.169.0).
fn beside_tokens(identity: &str) -> Result<Beside, Reason> {
    const RECORD: [&str; 4] = ["agent_runtime_id", "agent_private_key", "account_id", "chatgpt_user_id"];
    const OLD_RECORD: [&str; 3] = ["agent_runtime_id", "agent_private_key", "workspace_id"];
    if identity.starts_with('"') {
        return Ok(Beside::Ignored);
    }
    let wrong = || Reason::new(ReasonCode::AuthWrongType, "`agent_identity` in auth.json is not one codex can read");
    let fields = Fields::parse(identity.as_bytes()).map_err(|_| wrong())?;
    let has_all = |keys: &[&str]| keys.iter().all(|key| fields.text(key).is_some());
    if has_all(&RECORD) {
        Ok(Beside::Ignored)
    } else if has_all(&OLD_RECORD) {
        Ok(Beside::DependsOnVersion)
    } else {
        Err(wrong())
    }
}

/// `tokens`, typed as codex types it. Never returned.
struct Tokens {
    access: String,
    refresh: String,
    account: Option<String>,
}

impl Tokens {
    fn read(tokens: Option<Result<&Fields<'_>, ()>>) -> Result<Self, Reason> {
        let Some(Ok(fields)) = tokens else {
            return Err(Reason::new(ReasonCode::AuthWrongType, "`tokens` in auth.json is not an object"));
        };
        let needed = |key: &'static str, missing: ReasonCode| match fields.string(key)? {
            Some(value) => Ok(value),
            None if fields.last(key).is_some() => Err(not_a_string(key)),
            None => Err(missing.into()),
        };
        let id = needed("id_token", ReasonCode::MissingIdToken)?;
        let access = needed("access_token", ReasonCode::MissingAccessToken)?;
        let refresh = needed("refresh_token", ReasonCode::MissingRefreshToken)?;
        let account = fields.string("account_id")?;
        if !claims::is_id_token(&id) {
            return Err(ReasonCode::MalformedIdToken.into());
        }
        Ok(Self { access, refresh, account })
    }

    fn examine(&self, stale: bool, is_brought: bool, has_last_refresh: bool) -> Result<ReasonCode, Reason> {
        if !stale {
            if has_last_refresh {
                sendable(&self.access, "access_token", ReasonCode::BlankAccessToken)?;
                return Ok(ReasonCode::OkChatgpt);
            }
            // codex up to 0.123 does not use such a login. Later ones renew it first, if they can (0.136.0, 0.150.1, 0.171.0).
            let can_be_renewed = !is_brought && !self.refresh.is_empty() && self.account.is_some();
            let code = ReasonCode::MissingLastRefresh;
            return if can_be_renewed { Ok(code) } else { Err(code.into()) };
        }
        if is_brought {
            let detail =
                "the `access_token` in auth.json is past its end, and codex renews none of `chatgptAuthTokens`";
            return Err(Reason::new(ReasonCode::StaleWithoutRefreshToken, detail));
        }
        if self.refresh.is_empty() {
            return Err(ReasonCode::StaleWithoutRefreshToken.into());
        }
        // codex accepts an empty account id here.
        if self.account.is_none() { Err(ReasonCode::StaleWithoutAccount.into()) } else { Ok(ReasonCode::OkChatgpt) }
    }
}

/// The name of an enum variant as serde reads one: a string, or an object with that one field, which is null.
fn variant(value: &RawValue) -> Option<String> {
    if let Ok(name) = serde_json::from_str(value.get()) {
        return Some(name);
    }
    let fields = Fields::parse(value.get().as_bytes()).ok()?;
    let (name, value) = fields.only()?;
    (value.get() == "null").then(|| name.to_owned())
}

/// Checks that `value` can be sent in an HTTP header.
fn sendable(value: &str, key: &str, blank: ReasonCode) -> Result<(), Reason> {
    if value.trim().is_empty() {
        Err(Reason::new(blank, format!("the `{key}` in auth.json is blank")))
    } else if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        Err(Reason::new(blank, format!("the `{key}` in auth.json holds a control character")))
    } else {
        Ok(())
    }
}

pub(crate) fn not_a_string(key: &str) -> Reason {
    Reason::new(ReasonCode::AuthWrongType, format!("`{key}` in auth.json is not a string"))
}
