//! A bridge's `auth.json` as it should be: old bytes → new bytes.
//!
//! Pure. Uses nothing but the file itself: no token moves from one home to another. The refresh token in a bridge is OpenClaw's;
//! a codex that spends it ends OpenClaw's login, so the repaired file has none.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::home::SecretBytes;
use crate::home::auth::{Auth, Login, LoginKind, Named};
use crate::home::claims;
use crate::json::Fields;
use crate::reason::{Reason, ReasonCode};

/// How long the access token must live for the repair to be worth it: codex 0.136 and later renews within this time.
const SHORTEST_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Where the `id_token` of a repaired file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenFrom {
    /// It had one that codex can read.
    Itself,
    /// Its own access token, whose claims are the ones codex reads (openclaw#70511).
    AccessToken,
}

impl IdTokenFrom {
    /// Returns the value in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::AccessToken => "access-token",
        }
    }
}

/// A repaired file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The new bytes.
    pub bytes: SecretBytes,
    /// What they say.
    pub auth: Auth,
    /// Where the `id_token` comes from.
    pub id_token: IdTokenFrom,
}

/// Repairs the bytes of a bridge's `auth.json`: sets `id_token` (its own if codex can read it, else its access token),
/// `last_refresh` to `now`, `account_id` to the access token's claim, and `refresh_token` to the empty string. All other text
/// stays as it is.
///
/// # Errors
/// Why the file cannot be repaired: it is no ChatGPT login, its access token is not a JWT that names exactly one account, its
/// parts name different owners, or the access token ends within five minutes.
pub fn repair(bytes: &SecretBytes, now: DateTime<Utc>) -> Result<Repaired, Reason> {
    let not_repairable = || Reason::from(ReasonCode::NotRepairable);
    let old = Auth::parse(&bytes.0, now);
    let fields = Fields::parse(&bytes.0).map_err(|_| not_repairable())?;
    if old.kind != LoginKind::Chatgpt {
        return Err(not_repairable());
    }
    let tokens = fields.one("tokens").ok().flatten().ok_or_else(not_repairable)?;
    let tokens = Fields::parse(tokens.get().as_bytes()).map_err(|_| not_repairable())?;
    let access = tokens.text("access_token").ok_or_else(not_repairable)?;
    let account = claims::account(&access).ok_or_else(|| {
        Reason::new(ReasonCode::NotRepairable, "its `access_token` is not a JWT that names an account")
    })?;
    if old.owners.account == Named::Several || old.owners.user == Named::Several {
        return Err(Reason::new(ReasonCode::NotRepairable, "the parts of its auth.json name different owners"));
    }
    let ends_too_soon = |end| now.checked_add_signed(SHORTEST_LIFE).is_none_or(|limit| end <= limit);
    match old.access_token_end {
        Some(end) if ends_too_soon(end) => return Err(ReasonCode::AccessTokenEnds.into()),
        Some(_) => {}
        None => return Err(Reason::new(ReasonCode::NotRepairable, "its `access_token` does not say when it ends")),
    }
    let (id_token, from) = match tokens.text("id_token") {
        Some(own) if claims::is_id_token(&own) => (own, IdTokenFrom::Itself),
        _ => (access.clone(), IdTokenFrom::AccessToken),
    };
    let json = |text: &str| serde_json::to_string(text).map_err(|_| not_repairable());
    let tokens =
        tokens.with(&[("id_token", json(&id_token)?), ("refresh_token", json("")?), ("account_id", json(&account)?)]);
    let last_refresh = json(&now.to_rfc3339_opts(SecondsFormat::Micros, true))?;
    let new = tokens.and_then(|tokens| fields.with(&[("tokens", tokens), ("last_refresh", last_refresh)]));
    let bytes = SecretBytes(new.ok_or_else(not_repairable)?.into_bytes());
    let auth = Auth::parse(&bytes.0, now);
    match &auth.login {
        Login::Usable(_) => Ok(Repaired { bytes, auth, id_token: from }),
        Login::Broken(reason) | Login::NotJudged(reason) => Err(reason.clone()),
    }
}
