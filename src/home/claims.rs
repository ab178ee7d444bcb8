//! WHAT A JWT SAYS about account, person and age.
//!
//! Reads as codex reads: the payload is looked at, header and signature never are. Nothing that is returned can
//! be used to log in.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::home::auth::Fields;

/// An account or user id. Two can be compared; only the last four characters can be printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// An id as it stands in a file; `None` where it is empty.
    #[must_use]
    pub fn new(id: String) -> Option<Self> {
        (!id.is_empty()).then_some(Self(id))
    }
}

impl fmt::Display for Id {
    /// `…5555`; an id of eight characters or fewer shows none of them, for four would be most of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")?;
        let count = self.0.chars().count();
        if count <= 8 {
            return Ok(());
        }
        // What is shown goes into a terminal and a chat window: letters and digits only.
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

/// The claims of an `id_token` that codex types; a token that does not fit them breaks the whole file
/// (observed on codex 0.118.0–0.169.0).
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

/// The payload of `header.payload.signature`: three segments at least, the first three not empty, the second
/// strict base64url without padding.
fn payload(jwt: &str) -> Option<Vec<u8>> {
    let mut segments = jwt.split('.');
    match (segments.next(), segments.next(), segments.next()) {
        (Some(header), Some(payload), Some(signature))
            if !header.is_empty() && !payload.is_empty() && !signature.is_empty() =>
        {
            URL_SAFE_NO_PAD.decode(payload).ok()
        }
        _ => None,
    }
}

fn id_claims(jwt: &str) -> Option<IdClaims> {
    serde_json::from_slice(&payload(jwt)?).ok()
}

/// Whether codex can read `jwt` as an `id_token`; where it cannot, it refuses the whole file.
#[must_use]
pub fn is_id_token(jwt: &str) -> bool {
    id_claims(jwt).is_some()
}

/// Whether `jwt` can stand in for an `id_token`: codex can read it, and finds the `https://api.openai.com/auth` claims.
#[must_use]
pub fn has_auth_claims(jwt: &str) -> bool {
    id_claims(jwt).is_some_and(|claims| claims.auth.is_some())
}

/// Everybody `jwt` names: the accounts (`chatgpt_account_id`), and the people (`chatgpt_user_id`, else `user_id`), for two
/// members of one workspace share the account and not the person.
///
/// Read as leniently as can be: a token that codex refuses still tells whose it is.
#[must_use]
pub fn owners(jwt: &str) -> (Vec<Id>, Vec<Id>) {
    let lenient = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let payload = jwt.split('.').nth(1).and_then(|payload| lenient.decode(payload).ok()).unwrap_or_default();
    let claims = Fields::read(&payload).ok();
    let auth = claims.iter().flat_map(|claims| claims.all("https://api.openai.com/auth"));
    let (mut accounts, mut users) = (Vec::new(), Vec::new());
    for auth in auth.filter_map(|auth| Fields::read(auth.get().as_bytes()).ok()) {
        let ids = |key| auth.texts(key).filter_map(Id::new).collect::<Vec<_>>();
        accounts.extend(ids("chatgpt_account_id"));
        let people = ids("chatgpt_user_id");
        users.extend(if people.is_empty() { ids("user_id") } else { people });
    }
    // Claims that stand in an array, without their names, are seen only as codex sees them.
    if let Some(auth) = id_claims(jwt).and_then(|claims| claims.auth) {
        accounts.extend(auth.chatgpt_account_id.and_then(Id::new));
        users.extend(auth.chatgpt_user_id.or(auth.user_id).and_then(Id::new));
    }
    (accounts, users)
}

/// The account that `jwt` claims, to be written into the file the token stands in.
pub(crate) fn account(jwt: &str) -> Option<String> {
    id_claims(jwt)?.auth?.chatgpt_account_id.filter(|account| !account.is_empty())
}

/// The end of `jwt` as codex reads it: an integer `exp` in seconds since 1970. `None` where it has none that can
/// be read; codex then goes by `last_refresh`.
#[must_use]
pub fn expiry(jwt: &str) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Expiry {
        #[serde(default)]
        exp: Option<i64>,
    }
    let claims: Expiry = serde_json::from_slice(&payload(jwt)?).ok()?;
    DateTime::from_timestamp(claims.exp?, 0)
}

/// Whether `jwt` names the OpenAI API as its audience: an access token, whatever field it stands in.
#[must_use]
pub fn is_for_the_api(jwt: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    #[derive(Deserialize)]
    struct Claims {
        aud: Option<Audience>,
    }
    let is_api = |aud: &str| aud.starts_with("https://api.openai.com");
    payload(jwt).and_then(|bytes| serde_json::from_slice::<Claims>(&bytes).ok()).is_some_and(|claims| {
        match claims.aud {
            Some(Audience::One(aud)) => is_api(&aud),
            Some(Audience::Many(auds)) => auds.iter().any(|aud| is_api(aud)),
            None => false,
        }
    })
}
