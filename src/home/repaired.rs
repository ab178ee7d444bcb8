//! Repairs the text of a bridge's `auth.json`: old bytes → new bytes.
//!
//! Pure. Uses nothing but the file itself, so no token moves from one home to another. The refresh token in a bridge is OpenClaw's;
//! if codex spent it, OpenClaw would lose its login. So the repaired file has none.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::home::SecretBytes;
use crate::home::auth::{Auth, Login, LoginKind, Named};
use crate::home::claims;
use crate::json::Fields;
use crate::reason::{Reason, ReasonCode};

/// The shortest remaining life of an access token for which a repair is worth it. codex 0.136 and later renew within this time.
const SHORTEST_LIFE: TimeDelta = TimeDelta::minutes(5);

/// The source of the `id_token` of a repaired file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenFrom {
    /// The file had one that codex can read.
    Itself,
    /// The access token of the file, which has the claims that codex reads (openclaw#70511).
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
    /// Their content.
    pub auth: Auth,
    /// The source of the `id_token`.
    pub id_token: IdTokenFrom,
}

/// Repairs the bytes of a bridge's `auth.json`: sets `id_token` (its own if codex can read it, else its access token),
/// `last_refresh` to `now`, `account_id` to the access token's claim, and `refresh_token` to the empty string. All other text
/// is unchanged.
///
/// # Errors
/// Why the file cannot be repaired: it is not a ChatGPT login, its access token is not a JWT that names exactly one account, its
/// parts name different owners, or the access token expires within five minutes.
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
