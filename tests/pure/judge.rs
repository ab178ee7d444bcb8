//! Our judgement of an `auth.json`, compared with what real codex did with the same file (`tests/vectors`).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use codex_home::home::auth::{Auth, Login, LoginKind};
use codex_home::home::{Fact, Home};
use codex_home::observe;
use codex_home::reason::ReasonCode;
use codex_home::request::Overrides;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::support::fixture::{self, UNPRIVILEGED};
use crate::support::{Case, case, forking, run};
use crate::vectors::{Vector, vector, vectors};

/// The variable with the home that this program judges as another user, instead of running its cases.
pub const JUDGED: &str = "PURE_JUDGED_HOME";

/// The day on which the files were made. Without a readable expiry codex goes by `last_refresh`, which is of that morning.
pub fn clock() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Reads the file as a start would.
fn read(vector: &Vector) -> Home {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    vector.lay(&home, clock());
    let mut read = observe::home(&home, clock(), geteuid().as_raw());
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    // The codex of openclaw#70511, which is one of those that treated each file so.
    read.judge_for(|| Some("0.123.0".to_owned()));
    read
}

fn login(vector: &Vector) -> Login {
    read(vector).login(&Overrides::default())
}

/// Judges the home that [`JUDGED`] names, and prints the result.
pub fn judge_as_other_user(home: &OsStr) -> ExitCode {
    let login = observe::home(Path::new(home), clock(), geteuid().as_raw()).login(&Overrides::default());
    print!("{} {}", login.name(), login.reason().code);
    ExitCode::SUCCESS
}

/// Returns the judgement of a user without privileges.
fn login_as_unprivileged(vector: &Vector) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    vector.lay(&home, clock());
    let mut command = Command::new(fixture::programs().join("codex"));
    command.env_clear().env(JUDGED, &home);
    if geteuid().is_root() {
        let _alone = forking();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for path in [home.clone(), home.join("auth.json")] {
            std::os::unix::fs::lchown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
        }
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    let said = run(&mut command);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    said.stdout
}

pub fn cases() -> Vec<Case> {
    [vector_cases(), form_cases()].into_iter().flatten().collect()
}

fn vector_cases() -> Vec<Case> {
    vec![
        case("each vector is judged as codex treated it", || {
            let mut wrong = Vec::new();
            for vector in vectors() {
                let login = login(&vector);
                let expected = match (vector.name.as_str(), vector.verdict.as_str()) {
                    // Root writes into a read-only directory, and so does root's codex.
                    ("fs_home_ro_0555", _) if geteuid().is_root() => "yes",
                    // codex has no limit. The launcher has one, and does not judge a file beyond it.
                    ("fs_huge_50MB", _) => "unknown",
                    (_, "usable") => "yes",
                    (_, "unusable") => "no",
                    (_, _) => "unknown",
                };
                if login.name() != expected {
                    wrong.push(format!("{}: {login:?}, not {expected}", vector.name));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }),
        case("a home that is read-only to this user is not one codex can log in to", || {
            assert_eq!(login_as_unprivileged(&vector("fs_home_ro_0555")), "no home-not-writable");
            assert_eq!(login_as_unprivileged(&vector("fs_mode_0400")), "yes ok-chatgpt");
        }),
        case("an auth.json of 50 MiB would be a login if it were read", || {
            let bytes = vector("fs_huge_50MB").bytes(clock());
            assert!(matches!(Auth::parse(&bytes, clock()).login, Login::Usable(_)));
        }),
        case("each broken file has a reason of its own", reasons),
        case("nothing that was read shows in `Debug`", || {
            for vector in vectors() {
                let home = read(&vector);
                let shown = format!("{home:?} {home:#?}");
                for secret in
                    ["eyJ", "rt-fixture", "sk-", "at-fixture", "user@example.com", "11111111-2222", "user-abc123"]
                {
                    assert!(!shown.contains(secret), "{}: {secret} in {shown}", vector.name);
                }
                assert!(!matches!(home.auth, Fact::Seen(_)) || shown.contains("SecretBytes("), "{shown}");
            }
        }),
    ]
}

fn reasons() {
    use ReasonCode::*;
    let rows = [
        ("fs_missing", AuthMissing),
        ("fs_symlink_dangling", AuthMissing),
        ("fs_empty", AuthEmpty),
        ("fs_whitespace", AuthNotJson),
        ("fs_directory", AuthNotRegularFile),
        ("fs_fifo", AuthNotRegularFile),
        ("fs_symlink_loop", AuthUnreadable),
        ("fs_huge_50MB", AuthTooLarge),
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
        ("agent_identity_number", AuthWrongType),
        ("ok_chatgpt_auth_mode", OkChatgpt),
        ("key_only", OkApiKey),
    ];
    for (name, expected) in rows {
        assert_eq!(login(&vector(name)).reason().code, expected, "{name}");
    }
}

/// A complete login with some values changed.
fn with(values: &[(&str, Value)]) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&vector("ok_chatgpt_auth_mode").bytes(clock())).unwrap();
    for (pointer, value) in values {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    file.to_string().into_bytes()
}

fn code(bytes: &[u8]) -> ReasonCode {
    Auth::parse(bytes, clock()).login.reason().code
}

fn form_cases() -> Vec<Case> {
    vec![
        case("a login past its end needs a refresh token and an account, which may be empty", || {
            let later = "2100-06-01T00:00:00Z".parse().unwrap();
            let rows = [
                ("whole", with(&[]), ReasonCode::OkChatgpt),
                ("an empty account", with(&[("/tokens/account_id", json!(""))]), ReasonCode::OkChatgpt),
                ("no account", with(&[("/tokens/account_id", Value::Null)]), ReasonCode::StaleWithoutAccount),
                (
                    "no refresh token",
                    with(&[("/tokens/refresh_token", json!(""))]),
                    ReasonCode::StaleWithoutRefreshToken,
                ),
                (
                    "brought by a host, which codex never renews",
                    with(&[("/auth_mode", json!("chatgptAuthTokens"))]),
                    ReasonCode::StaleWithoutRefreshToken,
                ),
            ];
            for (name, bytes, expected) in rows {
                let auth = Auth::parse(&bytes, later);
                assert_eq!(auth.login.reason().code, expected, "{name}");
                assert!(auth.renewed_at_start, "{name}");
                assert!(!Auth::parse(&bytes, clock()).renewed_at_start, "{name}");
            }
        }),
        case("a login without `last_refresh` is broken for the codex versions that are known not to renew it", || {
            let judged = |version: Option<&str>, values: &[(&str, Value)]| {
                let values = [&[("/last_refresh", Value::Null)], values].concat();
                let mut auth = Auth::parse(&with(&values), clock());
                auth.judge_for(|| version.map(str::to_owned));
                assert_eq!(auth.login.reason().code, ReasonCode::MissingLastRefresh);
                auth.login.name()
            };
            for version in ["0.118.0", "0.123.0", "0.123.0-alpha.2"] {
                assert_eq!(judged(Some(version), &[]), "no", "{version}");
            }
            for version in [None, Some("0.117.0"), Some("0.124.0"), Some("0.171.0"), Some("1.0.0"), Some("?")] {
                assert_eq!(judged(version, &[]), "unknown", "{version:?}");
            }
            // codex 0.150.1 renews it before it looks at the access token.
            assert_eq!(judged(None, &[("/tokens/access_token", json!(""))]), "unknown");
            // No codex renews these.
            for (pointer, value) in [
                ("/tokens/refresh_token", json!("")),
                ("/tokens/account_id", Value::Null),
                ("/auth_mode", json!("chatgptAuthTokens")),
            ] {
                assert_eq!(judged(Some("0.171.0"), &[(pointer, value)]), "no", "{pointer}");
            }
        }),
        case("codex 0.136 and later renews within the last five minutes of a token", || {
            let renewed = |name: &str| Auth::parse(&vector(name).bytes(clock()), clock()).renewed_at_start;
            assert!(renewed("access_token_exp_in_3min") && !renewed("access_token_exp_in_20min"));
        }),
        case("`auth_mode` is read as serde reads an enum", || {
            let rows = [
                (json!({"chatgpt": null}), ReasonCode::OkChatgpt),
                (json!({"headers": null}), ReasonCode::UnknownAuthMode),
                (json!({"chatgpt": 1}), ReasonCode::AuthWrongType),
                (json!({"chatgpt": null, "apikey": null}), ReasonCode::AuthWrongType),
                (json!(["chatgpt"]), ReasonCode::AuthWrongType),
            ];
            for (mode, expected) in rows {
                assert_eq!(code(&with(&[("/auth_mode", mode.clone())])), expected, "{mode}");
            }
        }),
        case(
            "an `auth_mode` that is not known is broken for the codex versions that were seen to reject such a mode",
            || {
                // A later codex may have other types, too.
                let of_later = with(&[("/auth_mode", json!("deviceBound")), ("/tokens", json!({"handle": 5}))]);
                for mode in [with(&[("/auth_mode", json!("ChatGPT"))]), of_later] {
                    let versions = [None, Some("0.172.0"), Some("0.171.0"), Some("0.118.0")];
                    let judged = versions.map(|version| {
                        let mut auth = Auth::parse(&mode, clock());
                        auth.judge_for(|| version.map(str::to_owned));
                        assert_eq!(auth.login.reason().code, ReasonCode::UnknownAuthMode);
                        auth.login.name()
                    });
                    assert_eq!(judged, ["unknown", "unknown", "no", "no"]);
                }
            },
        ),
        case("what belongs to another kind of login is typed, and counts only without an `auth_mode`", || {
            let bedrock = json!({"api_key": "k", "region": "us-east-1"});
            let rows = [
                ("/personal_access_token", json!(5), ReasonCode::AuthWrongType, ReasonCode::AuthWrongType),
                ("/personal_access_token", json!("pat"), ReasonCode::OkChatgpt, ReasonCode::OtherAuth),
                ("/personal_access_token", json!(""), ReasonCode::OkChatgpt, ReasonCode::OtherAuth),
                ("/bedrock_api_key", bedrock, ReasonCode::OkChatgpt, ReasonCode::OtherAuth),
                ("/bedrock_foo", json!({"x": 1}), ReasonCode::OkChatgpt, ReasonCode::OkChatgpt),
                ("/github_copilot", json!("x"), ReasonCode::OkChatgpt, ReasonCode::OkChatgpt),
            ];
            for (field, value, with_mode, without_mode) in rows {
                assert_eq!(code(&with(&[(field, value.clone())])), with_mode, "{field} {value}");
                let bytes = with(&[(field, value.clone()), ("/auth_mode", Value::Null)]);
                assert_eq!(code(&bytes), without_mode, "{field} {value} without a mode");
            }
        }),
        case("an `agent_identity` beside tokens never decides the mode", || {
            let record = json!({"agent_runtime_id": "r", "agent_private_key": "k", "account_id": "a", "chatgpt_user_id": "u",
                "plan_type": "plus", "chatgpt_account_is_fedramp": false});
            let of_0_123 =
                json!({"agent_runtime_id": "r", "agent_private_key": "k", "workspace_id": "a", "registered_at": "t"});
            let rows = [
                (Value::Null, ReasonCode::OkChatgpt),
                (json!("a.jwt.x"), ReasonCode::OkChatgpt),
                (record, ReasonCode::OkChatgpt),
                // 0.123 uses the tokens; 0.169 cannot read the file.
                (of_0_123, ReasonCode::OtherAuth),
                (json!({}), ReasonCode::AuthWrongType),
                (json!(true), ReasonCode::AuthWrongType),
            ];
            for (identity, expected) in rows {
                assert_eq!(code(&with(&[("/agent_identity", identity.clone())])), expected, "{identity}");
            }
        }),
        case("odd forms that every codex reads are read", || {
            let token = |payload: &str| json!(format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)));
            let renewed_first =
                with(&[("/tokens/access_token", json!(" ")), ("/last_refresh", json!("2026-11-01T00:00:00Z"))]);
            assert_eq!(code(&renewed_first), ReasonCode::OkChatgpt);
            let rows = [("[null,null,null]", ReasonCode::OkChatgpt), ("[5]", ReasonCode::MalformedIdToken)];
            for (claims, expected) in rows {
                assert_eq!(code(&with(&[("/tokens/id_token", token(claims))])), expected, "claims {claims}");
            }
        }),
        case("whose a token is can be read however broken the token is", owners),
        case("an API key names nobody, and no login is for nobody's kind", || {
            let key = Auth::parse(&vector("key_only").bytes(clock()), clock());
            assert_eq!((key.kind, key.owners.account.one()), (LoginKind::ApiKey, None));
            assert_eq!(Auth::parse(b"{}", clock()).kind, LoginKind::Chatgpt, "codex's default");
        }),
    ]
}

fn owners() {
    let encode = |claims: &Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let account = json!({"chatgpt_account_id": "acc-of-mine-1111"});
    let claims = |name: &str, value: Value| json!({"https://api.openai.com/auth": account, name: value});
    let fedramp = json!({"https://api.openai.com/auth": {"chatgpt_account_id": "acc-of-mine-1111",
        "chatgpt_account_is_fedramp": null}});
    let beyond_range = r#"{"x":1e999,"https://api.openai.com/auth":{"chatgpt_account_id":"acc-of-mine-1111"}}"#;
    let tokens = [
        ("an e-mail that is a number", format!("h.{}.s", encode(&claims("email", json!(5))))),
        ("a FedRAMP mark that is null", format!("h.{}.s", encode(&fedramp))),
        ("a number beyond any range", format!("h.{}.s", URL_SAFE_NO_PAD.encode(beyond_range))),
        ("padding", format!("h.{}.s", URL_SAFE.encode(claims("a", json!(1)).to_string()))),
        ("no signature", format!("h.{}", encode(&claims("a", json!(1))))),
        ("an empty header", format!(".{}.s", encode(&claims("a", json!(1))))),
        ("claims in an array", format!("h.{}.s", encode(&json!([null, null, account])))),
        (
            "claims in two arrays",
            format!("h.{}.s", encode(&json!([null, null, ["plus", "user", "user", "acc-of-mine-1111"]]))),
        ),
    ];
    for (name, token) in tokens {
        for key in ["id_token", "access_token"] {
            let file = json!({"tokens": {key: token}}).to_string();
            let auth = Auth::parse(file.as_bytes(), clock());
            let shown = auth.owners.account.one().map(ToString::to_string);
            assert_eq!(shown.as_deref(), Some("…1111"), "{name} in {key}");
        }
    }
}
