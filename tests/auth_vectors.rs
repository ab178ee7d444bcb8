//! What real codex does with an `auth.json`, and that the judge says the same.
//!
//! `vectors/auth-homes.json` holds 96 files, what nine codex versions (0.118.0–0.169.0) did with each, and the verdict
//! that follows. Every file is laid into a scratch home and looked at as a start would, with a fixed clock.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and lays its own files"
)]

#[path = "support/vectors.rs"]
mod vectors;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use codex_home::home::auth::{Auth, Login, Usable};
use codex_home::home::{AuthFile, Home};
use codex_home::reason::Reason;
use codex_home::start::Overrides;
use codex_home::survey;
use serde_json::{Value, json};
use vectors::{Vector, vector, vectors};

/// The day the files were made; those whose `exp` cannot be read go by a `last_refresh` of that morning.
fn clock() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Looks at the file at the time `now`, as a start would.
fn look(vector: &Vector, now: DateTime<Utc>) -> Home {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    vector.lay(&home, clock());
    let found = survey::home(&home, &Overrides::default(), now);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    found
}

#[test]
fn every_vector_is_judged_as_nine_codex_versions_treated_it() {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for vector in vectors() {
        // Read-only for everybody but root, who writes anyway: so does codex, and so this home is judged.
        if vector.name.starts_with("fs_home_ro") && nix::unistd::geteuid().is_root() {
            assert_eq!(look(&vector, clock()).can_log_in().0, Usable::Yes, "{}", vector.name);
            judged += 1;
            continue;
        }
        let (usable, because) = look(&vector, clock()).can_log_in();
        // codex has no limit; the launcher has, and judges nothing that it did not read.
        if vector.name == "fs_huge_50MB" {
            assert_eq!((usable, because.reason), (Usable::Unknown, Reason::AuthTooLarge));
            assert_eq!(Auth::read(&vector.bytes(clock()), clock()).usable, Usable::Yes);
            judged += 1;
            continue;
        }
        let expected = match vector.verdict.as_str() {
            "usable" => Usable::Yes,
            "unusable" => Usable::No,
            "other-auth" => Usable::Unknown,
            other => panic!("{}: {other}", vector.name),
        };
        if usable != expected {
            wrong.push(format!("{}: {usable:?} ({because}), should be {expected:?}", vector.name));
        }
        judged += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(judged, 96);
}

/// One sentence a row: the file, and the reason a person reads about it.
#[test]
fn each_broken_file_is_given_its_own_reason() {
    use Reason::*;
    let rows: &[(&str, Reason)] = &[
        ("fs_missing", AuthMissing),
        ("fs_symlink_dangling", AuthMissing),
        ("fs_empty", AuthEmpty),
        ("fs_whitespace", AuthNotJson),
        ("fs_directory", AuthNotRegularFile),
        ("fs_fifo", AuthNotRegularFile),
        ("fs_symlink_loop", AuthUnreadable),
        ("json_invalid", AuthNotJson),
        ("json_bom", AuthNotJson),
        ("json_nul_padding", AuthNotJson),
        ("json_utf16", AuthNotUtf8),
        ("json_null", AuthWrongType),
        ("json_empty_object", NoTokens),
        ("tokens_null", NoTokens),
        ("tokens_absent", NoTokens),
        ("tokens_string", AuthWrongType),
        ("tokens_array_form", AuthWrongType),
        ("tokens_empty_object", MissingIdToken),
        ("openclaw_70511", MissingIdToken),
        ("openclaw_70511_with_account", MissingIdToken),
        ("tokens_no_access_token", MissingAccessToken),
        ("tokens_no_refresh_token", MissingRefreshToken),
        ("access_token_empty", BlankAccessToken),
        ("access_token_newline", BlankAccessToken),
        ("access_token_null", AuthWrongType),
        ("id_token_null", AuthWrongType),
        ("id_token_empty", MalformedIdToken),
        ("id_token_padded_base64", MalformedIdToken),
        ("id_token_trailing_bits", MalformedIdToken),
        ("id_token_plan_number", MalformedIdToken),
        ("last_refresh_null", MissingLastRefresh),
        ("last_refresh_no_timezone", BadLastRefresh),
        ("key_empty_string", BlankApiKey),
        ("key_whitespace_only", BlankApiKey),
        ("key_number", AuthWrongType),
        ("key_and_bad_tokens", MissingIdToken),
        ("mode_apikey_null_key", NoApiKey),
        ("mode_chatgpt_key_only", NoTokens),
        ("mode_wrong_case", UnknownAuthMode),
        ("mode_headers", UnknownAuthMode),
        ("mode_personalAccessToken_missing", UnknownAuthMode),
        ("mode_personalAccessToken", OtherAuth),
        ("agent_identity_number", OtherAuth),
        ("ok_chatgpt_auth_mode", OkChatgpt),
        ("key_only", OkApiKey),
    ];
    for (name, expected) in rows {
        assert_eq!(look(&vector(name), clock()).can_log_in().1.reason, *expected, "{name}");
    }
}

/// The judge's clock decides about age: the same file, years later. Codex 0.118.0–0.169.0 renews a login whose `account_id`
/// is empty, and none without one.
#[test]
fn a_login_past_its_end_needs_a_refresh_token_and_an_account() {
    let later = "2100-06-01T00:00:00Z".parse().unwrap();
    let healthy: Value = serde_json::from_slice(&vector("ok_chatgpt_auth_mode").bytes(clock())).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut file = healthy.clone();
        *file.pointer_mut(pointer).unwrap() = value;
        file.to_string().into_bytes()
    };
    let without_account = with("/tokens/account_id", Value::Null);
    let brought = with("/auth_mode", json!("chatgptAuthTokens"));
    let rows = [
        ("a whole one", vector("ok_chatgpt_auth_mode").bytes(clock()), Usable::Yes, Reason::OkChatgpt),
        ("an empty account", vector("account_id_empty").bytes(clock()), Usable::Yes, Reason::OkChatgpt),
        (
            "no refresh token",
            vector("refresh_token_empty").bytes(clock()),
            Usable::No,
            Reason::StaleWithoutRefreshToken,
        ),
        ("one that a host brought, which codex never renews", brought, Usable::No, Reason::StaleWithoutRefreshToken),
        ("no account", without_account, Usable::No, Reason::StaleWithoutAccount),
    ];
    for (what, bytes, usable, reason) in rows {
        let auth = Auth::read(&bytes, later);
        assert_eq!((auth.usable, auth.because.reason), (usable, reason), "{what}");
        assert!(auth.stale, "{what}");
        assert!(!Auth::read(&bytes, clock()).stale, "{what}");
    }
}

/// Forms that nobody writes, each found by `tests/conformance.rs`: what every codex (0.118.0–0.169.0) reads is read, and what
/// some of them stumble over is not.
#[test]
fn odd_forms_are_read_as_codex_reads_them() {
    let healthy: Value = serde_json::from_slice(&vector("ok_chatgpt_auth_mode").bytes(clock())).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut file = healthy.clone();
        match file.pointer_mut(pointer) {
            Some(old) => *old = value,
            None => file[&pointer[1..]] = value,
        }
        Auth::read(file.to_string().as_bytes(), clock())
    };
    let long_ago = {
        let mut file = healthy.clone();
        file["tokens"]["access_token"] = json!(" ");
        file["last_refresh"] = json!("2026-11-01T00:00:00Z");
        Auth::read(file.to_string().as_bytes(), clock())
    };
    let token = |payload: &str| json!(format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)));
    let rows = [
        ("an auth_mode that is an object of its name", with("/auth_mode", json!({"chatgpt": null})), Reason::OkChatgpt),
        ("one that is of a name nobody knows", with("/auth_mode", json!({"headers": null})), Reason::UnknownAuthMode),
        ("one that holds something", with("/auth_mode", json!({"chatgpt": 1})), Reason::AuthWrongType),
        ("one of two names", with("/auth_mode", json!({"chatgpt": null, "apikey": null})), Reason::AuthWrongType),
        // Codex of 0.142 and later types what belongs to other logins, whichever is used.
        ("another login's token that is a number", with("/personal_access_token", json!(5)), Reason::AuthWrongType),
        ("another login's token", with("/personal_access_token", json!("pat")), Reason::OkChatgpt),
        ("another login's keys, in whatever form", with("/bedrock_api_key", json!(["x"])), Reason::OtherAuth),
        // It is renewed before it is sent.
        ("a blank access token of long ago", long_ago, Reason::OkChatgpt),
        ("claims in an array", with("/tokens/id_token", token("[null,null,null]")), Reason::OkChatgpt),
        ("claims in an array of the wrong types", with("/tokens/id_token", token("[5]")), Reason::MalformedIdToken),
    ];
    for (what, auth, reason) in rows {
        assert_eq!(auth.because.reason, reason, "{what}");
        assert_eq!(auth.login, Login::Chatgpt, "{what}");
    }
}

#[test]
fn nothing_that_was_read_shows_in_debug() {
    for vector in vectors() {
        let home = look(&vector, clock());
        let shown = format!("{home:?}");
        for secret in ["eyJ", "rt-fixture", "sk-", "at-fixture", "user@example.com", "11111111-2222", "user-abc123"] {
            assert!(!shown.contains(secret), "{}: {secret} in {shown}", vector.name);
        }
        let AuthFile { bytes, .. } = home.auth;
        assert!(format!("{bytes:?}").starts_with("Sealed("));
    }
}

/// A token that codex would refuse still tells whose it is: nobody's work goes to somebody else for a claim of the wrong
/// type.
#[test]
fn whose_a_token_is_is_read_however_broken_it_is() {
    let encode = |claims: &Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let mine = |extra: Value| {
        let mut claims = json!({"https://api.openai.com/auth": {"chatgpt_account_id": "acc-of-mine-1111"}});
        for (key, value) in extra.as_object().unwrap() {
            claims[key] = value.clone();
        }
        claims
    };
    let fedramp = json!({"https://api.openai.com/auth": {"chatgpt_account_id": "acc-of-mine-1111",
        "chatgpt_account_is_fedramp": null}});
    let rows = [
        ("an e-mail that is a number", format!("h.{}.s", encode(&mine(json!({"email": 5}))))),
        ("a FedRAMP mark that is null", format!("h.{}.s", encode(&fedramp))),
        (
            "a number beyond any range",
            format!(
                "h.{}.s",
                URL_SAFE_NO_PAD
                    .encode(r#"{"x":1e999,"https://api.openai.com/auth":{"chatgpt_account_id":"acc-of-mine-1111"}}"#)
            ),
        ),
        (
            "padding",
            format!("h.{}.s", base64::engine::general_purpose::URL_SAFE.encode(mine(json!({"a": 1})).to_string())),
        ),
        ("no signature", format!("h.{}", encode(&mine(json!({}))))),
        (
            "claims in an array",
            format!("h.{}.s", encode(&json!([null, null, {"chatgpt_account_id": "acc-of-mine-1111"}]))),
        ),
        (
            "claims in two arrays",
            format!("h.{}.s", encode(&json!([null, null, ["plus", "user", "user", "acc-of-mine-1111"]]))),
        ),
        ("an empty header", format!(".{}.s", encode(&mine(json!({}))))),
    ];
    for (what, token) in rows {
        for key in ["id_token", "access_token"] {
            let file = json!({"tokens": {key: token}}).to_string();
            let auth = Auth::read(file.as_bytes(), clock());
            assert_eq!(format!("{:?}", auth.owners.accounts), "[…1111]", "{what} in {key}");
        }
    }
}
