//! Tokens of the right shape and no use, built at run time with a signature that no key made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The account of both homes of the person.
pub const ACCOUNT: &str = "acc-11111111-2222-3333-4444-555555555555";
/// Another person's.
pub const OTHER_ACCOUNT: &str = "acc-99999999-8888-7777-6666-555555555555";

/// 2100-01-01.
const FAR: i64 = 4_102_444_800;
/// 2020-01-01.
const PAST: i64 = 1_577_836_800;

/// A JWT around any payload.
pub fn jwt(payload: &Value) -> String {
    let header = json!({"alg": "none", "typ": "JWT"});
    let [header, payload] = [&header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{payload}.c2ln")
}

/// An access token that is valid until 2100; `jti` distinguishes two of one account.
pub fn access_token(account: &str, jti: &str) -> String {
    jwt(&access_claims(account, jti, FAR))
}

/// An access token that expired in 2020.
pub fn expired_access_token(account: &str, jti: &str) -> String {
    jwt(&access_claims(account, jti, PAST))
}

/// An id token: who it is, in the claims codex reads.
pub fn id_token(account: &str) -> String {
    jwt(&json!({
        "exp": FAR,
        "email": email(account),
        "https://api.openai.com/auth": auth_claims(account),
    }))
}

fn access_claims(account: &str, jti: &str, exp: i64) -> Value {
    json!({
        "exp": exp,
        "jti": jti,
        "https://api.openai.com/auth": auth_claims(account),
        "https://api.openai.com/profile": {"email": email(account), "email_verified": true},
    })
}

fn auth_claims(account: &str) -> Value {
    json!({
        "chatgpt_plan_type": "plus",
        "chatgpt_user_id": format!("user-of-{account}"),
        "user_id": format!("user-of-{account}"),
        "chatgpt_account_id": account,
    })
}

fn email(account: &str) -> String {
    format!("{account}@example.com")
}
