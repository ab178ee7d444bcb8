//! The claims of a JWT about account, person and expiry.
//!
//! Reads what codex reads: the payload, never the header or the signature. No result can be used to log in.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::home::auth::Owners;
use crate::json::Fields;

/// An account or user id. Two can be compared; only the last four characters can be printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// Makes an id of text from a file; `None` if the text is empty.
    #[must_use]
    pub fn new(id: String) -> Option<Self> {
        (!id.is_empty()).then_some(Self(id))
    }
}

impl fmt::Display for Id {
    /// Shows `…5555`. Of an id of eight characters or fewer it shows none, because four would be most of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")?;
        let count = self.0.chars().count();
        if count <= 8 {
            return Ok(());
        }
        // Terminals and chat windows get letters and digits only.
        self.0
            .chars()
            .skip(count - 4)
            .try_for_each(|c| write!(f, "{}", if c.is_ascii_alphanumeric() { c } else { '?' }))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The claims of an `id_token` as codex types them. A token with other types breaks the whole file (observed on codex
/// 0.118.0–0.169.0).
#[derive(Deserialize)]
#[expect(dead_code, reason = "codex types e-mail and plan, so a wrong type there must be an error here too")]
struct IdClaims {
    #[serde(default)]
    email: Option<String>,
    #[serde(rename = "https://api.openai.com/profile", default)]
    profile: Option<Profile>,
    #[serde(rename = "https://api.openai.com/auth", default)]
    auth: Option<AuthClaims>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as codex types it")]
struct Profile {
    #[serde(default)]
    email: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "typed as codex types them")]
struct AuthClaims {
    #[serde(default)]
    chatgpt_plan_type: Option<String>,
    #[serde(default)]
    chatgpt_user_id: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    chatgpt_account_id: Option<String>,
    /// A boolean or absent: with `null` or a string here codex 0.123.0 and 0.169.0 send no credential.
    #[serde(default)]
    chatgpt_account_is_fedramp: bool,
}

/// The payload of a JWT, decoded once.
pub(crate) struct Payload {
    bytes: Vec<u8>,
    /// Whether codex decodes it too: at least three segments, the first three not empty, the second in strict base64url without
    /// padding.
    is_strict: bool,
}

impl Payload {
    /// Decodes the second segment of `jwt`, as leniently as possible, because a token that codex refuses still names its owner.
    pub(crate) fn decode(jwt: &str) -> Self {
        let mut segments = jwt.split('.');
        let (header, payload, signature) = (segments.next(), segments.next().unwrap_or_default(), segments.next());
        let has_all = [header, Some(payload), signature].iter().all(|part| part.is_some_and(|part| !part.is_empty()));
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(payload) {
            return Self { bytes, is_strict: has_all };
        }
        let lenient = GeneralPurpose::new(
            &URL_SAFE,
            GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true),
        );
        Self { bytes: lenient.decode(payload).unwrap_or_default(), is_strict: false }
    }

    /// Returns the claims as codex types them.
    fn id_claims(&self) -> Option<IdClaims> {
        serde_json::from_slice(&self.bytes).ok().filter(|_| self.is_strict)
    }

    /// Returns the token's expiry as codex reads it: an integer `exp` in seconds since 1970.
    pub(crate) fn expiry(&self) -> Option<DateTime<Utc>> {
        #[derive(Deserialize)]
        struct Expiry {
            #[serde(default)]
            exp: Option<i64>,
        }
        let claims: Expiry = serde_json::from_slice(&self.bytes).ok().filter(|_| self.is_strict)?;
        DateTime::from_timestamp(claims.exp?, 0)
    }

    /// Adds the accounts (`chatgpt_account_id`) and the people (`chatgpt_user_id`, else `user_id`) that the token names.
    pub(crate) fn add_owners(&self, owners: &mut Owners) {
        let claims = Fields::parse(&self.bytes).ok();
        let mut has_array = claims.is_none();
        for auth in claims.iter().flat_map(|claims| claims.all("https://api.openai.com/auth")) {
            let Ok(auth) = Fields::parse(auth.get().as_bytes()) else {
                has_array = true;
                continue;
            };
            auth.texts("chatgpt_account_id").filter_map(Id::new).for_each(|id| owners.account.add(id));
            let mut people = auth.texts("chatgpt_user_id").filter_map(Id::new).peekable();
            if people.peek().is_some() {
                people.for_each(|id| owners.user.add(id));
            } else {
                auth.texts("user_id").filter_map(Id::new).for_each(|id| owners.user.add(id));
            }
        }
        // Claims in an array, without their names, are read as codex reads them.
        if has_array && let Some(auth) = self.id_claims().and_then(|claims| claims.auth) {
            auth.chatgpt_account_id.and_then(Id::new).into_iter().for_each(|id| owners.account.add(id));
            auth.chatgpt_user_id.or(auth.user_id).and_then(Id::new).into_iter().for_each(|id| owners.user.add(id));
        }
    }
}

fn id_claims(jwt: &str) -> Option<IdClaims> {
    Payload::decode(jwt).id_claims()
}

/// Returns whether codex can read `jwt` as an `id_token`; if it cannot, it refuses the whole file.
#[must_use]
pub fn is_id_token(jwt: &str) -> bool {
    id_claims(jwt).is_some()
}

/// Returns a token of these owners that expires in 2100 and that no server accepts, to find out what a fresh one would change.
pub(crate) fn hypothetical_token(account: Option<&Id>, user: Option<&Id>) -> String {
    let account = account.map_or("an-account", |id| id.0.as_str());
    let claims = serde_json::json!({
        "exp": 4_102_444_800_u64,
        "https://api.openai.com/auth": {"chatgpt_account_id": account, "chatgpt_user_id": user.map(|id| id.0.as_str())},
    });
    format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Returns the account that `jwt` claims, for the file that holds the token.
pub(crate) fn account(jwt: &str) -> Option<String> {
    id_claims(jwt)?.auth?.chatgpt_account_id.filter(|account| !account.is_empty())
}

/// Returns the expiry of `jwt` as codex reads it: an integer `exp` in seconds since 1970. `None` if it has none; codex then goes
/// by `last_refresh`.
#[must_use]
pub fn expiry(jwt: &str) -> Option<DateTime<Utc>> {
    Payload::decode(jwt).expiry()
}
