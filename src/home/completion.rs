//! COMPLETING a bridge's own `auth.json`: old bytes → new bytes.
//!
//! Pure. The only room that handles tokens as text. It gives a file what codex wants to see in it and changes
//! nothing else; no access or refresh token ever moves from one home to the other.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::home::auth::{Auth, Fields, Login, Ownership, Usable};
use crate::home::claims;
use crate::reason::{Because, Reason};

/// Bytes that may hold tokens: they can be compared and written, never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed(pub(crate) Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Sealed {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Where a completed file has its `id_token` from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenFrom {
    /// It had one.
    Itself,
    /// The personal home's identity token: the account is the same.
    Personal,
    /// Its own access token, whose claims are the ones codex reads.
    AccessToken,
}

/// A bridge file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The new bytes.
    pub bytes: Sealed,
    /// Where its `id_token` comes from.
    pub id_token: IdTokenFrom,
}

/// Completes `bridge`: an `id_token` (the personal home's where the account is the same, else the bridge's own access
/// token where its claims allow), `account_id` from the claims, `last_refresh` now; each only where it is not there or
/// not one codex can read. Every other field stays as it stands in the text.
///
/// # Errors
/// Why the bridge cannot log in even so.
pub fn complete(bridge: &Sealed, personal: Option<&Sealed>, now: DateTime<Utc>) -> Result<Completion, Because> {
    let old = Auth::read(&bridge.0, now);
    if old.login != Login::Chatgpt {
        return Err(Reason::NotCompletable.into());
    }
    if old.owners.disagree() {
        return Err(Because::of(Reason::NotCompletable, "the parts of its auth.json name different owners"));
    }
    let mut fields = Fields::read(&bridge.0)?;
    let mut tokens = fields
        .last("tokens")
        .and_then(|tokens| Fields::read(tokens.get().as_bytes()).ok())
        .ok_or(Reason::NotCompletable)?;
    let access = tokens.text("access_token").ok_or(Reason::NotCompletable)?;

    let (id_token, from) = match tokens.text("id_token") {
        Some(token) if claims::is_id_token(&token) => (token, IdTokenFrom::Itself),
        _ => match personal.and_then(|personal| identity_token(personal, &old, now)) {
            Some(token) => (token, IdTokenFrom::Personal),
            None if claims::has_auth_claims(&access) => (access.clone(), IdTokenFrom::AccessToken),
            None => return Err(Reason::NotCompletable.into()),
        },
    };

    let id_token = raw(&id_token)?;
    tokens.set("id_token", &id_token);
    let account = match tokens.text("account_id") {
        Some(account) if !account.is_empty() => None,
        _ => claims::account(&access).as_deref().map(raw).transpose()?,
    };
    if let Some(account) = &account {
        tokens.set("account_id", account);
    }
    let tokens = raw(&tokens)?;
    fields.set("tokens", &tokens);
    let last_refresh = raw(&now.to_rfc3339_opts(SecondsFormat::Micros, true))?;
    let refreshed = fields.last("last_refresh").map(|value| serde_json::from_str::<DateTime<Utc>>(value.get()));
    if !matches!(refreshed, Some(Ok(_))) {
        fields.set("last_refresh", &last_refresh);
    }

    let bytes = serde_json::to_vec_pretty(&fields).map_err(|_| Reason::NotCompletable)?;
    let new = Auth::read(&bytes, now);
    if new.usable == Usable::Yes { Ok(Completion { bytes: Sealed(bytes), id_token: from }) } else { Err(new.because) }
}

/// The identity token of the personal home, where both homes hold the same account.
///
/// A file that was itself completed has an access token in that place, and no access token is ever copied.
fn identity_token(personal: &Sealed, bridge: &Auth, now: DateTime<Utc>) -> Option<String> {
    let auth = Auth::read(&personal.0, now);
    if auth.login != Login::Chatgpt || auth.owners.compare(&bridge.owners) != Ownership::Same {
        return None;
    }
    let fields = Fields::read(&personal.0).ok()?;
    let tokens = Fields::read(fields.last("tokens")?.get().as_bytes()).ok()?;
    let token = tokens.text("id_token")?;
    let is_secret = ["access_token", "refresh_token"].iter().any(|key| tokens.text(key).as_ref() == Some(&token));
    (!is_secret && !claims::is_for_the_api(&token) && claims::is_id_token(&token)).then_some(token)
}

/// Whether the refresh token of `bridge` stands anywhere in `personal`, be that whole or torn.
#[must_use]
pub fn refresh_token_is_in(bridge: &Sealed, personal: &Sealed) -> bool {
    let token = Fields::read(&bridge.0).ok().and_then(|fields| {
        Fields::read(fields.last("tokens")?.get().as_bytes())
            .ok()?
            .text("refresh_token")
            .filter(|token| !token.is_empty())
    });
    token.is_some_and(|token| String::from_utf8_lossy(&personal.0).contains(&token))
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, Because> {
    to_raw_value(value).map_err(|_| Reason::NotCompletable.into())
}

impl<'a> Fields<'a> {
    /// Gives the field a value: in its place, or at the end where it has none.
    fn set(&mut self, key: &'static str, value: &'a RawValue) {
        match self.0.iter_mut().rev().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((Cow::Borrowed(key), value)),
        }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
