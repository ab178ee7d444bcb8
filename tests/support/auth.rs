//! The bytes of `auth.json`, as OpenClaw and as codex write it.

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::tokens;

/// What OpenClaw 2026.4.21 wrote (openclaw/openclaw#70511): no `id_token`, no `last_refresh`.
pub fn issue_70511(access: &str, refresh: &str) -> Vec<u8> {
    bytes(&json!({
        "auth_mode": "chatgpt",
        "tokens": {"access_token": access, "refresh_token": refresh},
    }))
}

/// The same when OpenClaw knew the account.
pub fn issue_70511_with_account(access: &str, refresh: &str, account: &str) -> Vec<u8> {
    bytes(&json!({
        "auth_mode": "chatgpt",
        "tokens": {"access_token": access, "refresh_token": refresh, "account_id": account},
    }))
}

/// The file that `codex login` with ChatGPT wrote a few minutes ago.
pub fn healthy(account: &str, jti: &str, refresh: &str) -> Vec<u8> {
    bytes(&healthy_value(account, jti, refresh))
}

/// [`healthy`] as a value, for tests that change a field.
pub fn healthy_value(account: &str, jti: &str, refresh: &str) -> Value {
    let refreshed = Utc::now() - TimeDelta::minutes(5);
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": tokens::id_token(account),
            "access_token": tokens::access_token(account, jti),
            "refresh_token": refresh,
            "account_id": account,
        },
        "last_refresh": refreshed.to_rfc3339_opts(SecondsFormat::Micros, true),
    })
}

/// What `codex login --with-api-key` writes.
pub fn api_key(key: &str) -> Vec<u8> {
    bytes(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": key}))
}

/// Two spaces of indent and no newline at the end, as both write it.
pub fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap()
}
