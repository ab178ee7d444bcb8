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

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use codex_home::home::auth::{Auth, Usable};
use codex_home::home::{AuthFile, Home};
use codex_home::reason::Reason;
use codex_home::start::Overrides;
use codex_home::survey;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    setup: String,
    mode: String,
    verdict: String,
    content_base64: Option<String>,
    content_generator: Option<String>,
}

/// The day the files were made; those whose `exp` cannot be read go by a `last_refresh` of that morning.
fn clock() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn vectors() -> Vec<Vector> {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors/auth-homes.json")).unwrap();
    vectors.vectors
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        match (&self.content_base64, self.content_generator.as_deref()) {
            (Some(bytes), _) => STANDARD.decode(bytes).unwrap(),
            (None, None) => Vec::new(),
            (None, Some(how)) => generated(how, &self.name),
        }
    }

    /// Lays the file into `home` as it lay when codex met it.
    fn lay(&self, home: &Path) {
        let (auth, elsewhere) = (home.join("auth.json"), home.join("../elsewhere.json"));
        let mode = u32::from_str_radix(self.mode.trim_start_matches("0o"), 8).unwrap();
        let write = |path: &Path| {
            fs::write(path, self.bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        match self.setup.as_str() {
            "regular file" => write(&auth),
            "no auth.json" => {}
            "mkdir auth.json" => fs::create_dir(&auth).unwrap(),
            "mkfifo auth.json" => nix::unistd::mkfifo(&auth, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap(),
            "auth.json -> nonexistent" => symlink("nonexistent", &auth).unwrap(),
            "auth.json -> auth.json" => symlink("auth.json", &auth).unwrap(),
            "auth.json -> ../other/auth.json holding content" => {
                write(&elsewhere);
                symlink(&elsewhere, &auth).unwrap();
            }
            "link(other/auth.json, auth.json)" => {
                write(&elsewhere);
                fs::hard_link(&elsewhere, &auth).unwrap();
            }
            "content, then chmod 0555 $CODEX_HOME (run as non-root)" => {
                write(&auth);
                fs::set_permissions(home, fs::Permissions::from_mode(0o555)).unwrap();
            }
            other => panic!("{}: nobody knows how to lay {other:?}", self.name),
        }
    }

    /// Looks at the file at the time `now`.
    fn look(&self, now: DateTime<Utc>) -> Home {
        let scratch = tempfile::tempdir().unwrap();
        let home = scratch.path().join("home");
        fs::DirBuilder::new().mode(0o700).create(&home).unwrap();
        self.lay(&home);
        let found = survey::home(&home, &Overrides::default(), now);
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        found
    }
}

/// The files that are made at run time.
fn generated(how: &str, name: &str) -> Vec<u8> {
    let mut auth: Value = serde_json::from_slice(&vector("ok_chatgpt_auth_mode").bytes()).unwrap();
    if how.contains("50 MiB") {
        auth["pad"] = json!("x".repeat(50 << 20));
        return serde_json::to_vec(&auth).unwrap();
    }
    let seconds = match name {
        "access_token_exp_in_3min" => 180,
        "access_token_exp_in_20min" => 1200,
        other => panic!("{other}: nobody knows how to make {how:?}"),
    };
    let token = auth["tokens"]["access_token"].as_str().unwrap().to_owned();
    let mut parts = token.split('.');
    let (header, payload) = (parts.next().unwrap(), parts.next().unwrap());
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["exp"] = json!((clock() + TimeDelta::seconds(seconds)).timestamp());
    auth["tokens"]["access_token"] = json!(format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())));
    serde_json::to_vec(&auth).unwrap()
}

#[test]
fn every_vector_is_judged_as_nine_codex_versions_treated_it() {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for vector in vectors() {
        // Read-only for everybody but root, who writes anyway: so does codex, and so this home is judged.
        if vector.name.starts_with("fs_home_ro") && nix::unistd::geteuid().is_root() {
            assert_eq!(vector.look(clock()).can_log_in().0, Usable::Yes, "{}", vector.name);
            judged += 1;
            continue;
        }
        let (usable, because) = vector.look(clock()).can_log_in();
        // codex has no limit; the launcher has, and judges nothing that it did not read.
        if vector.name == "fs_huge_50MB" {
            assert_eq!((usable, because.reason), (Usable::Unknown, Reason::AuthTooLarge));
            assert_eq!(Auth::read(&vector.bytes(), clock()).usable, Usable::Yes);
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
        assert_eq!(vector(name).look(clock()).can_log_in().1.reason, *expected, "{name}");
    }
}

/// The judge's clock decides about age: the same file, years later.
#[test]
fn a_login_past_its_end_needs_a_refresh_token_and_an_account() {
    let later = "2100-06-01T00:00:00Z".parse().unwrap();
    let rows = [
        ("ok_chatgpt_auth_mode", Usable::Yes, Reason::OkChatgpt),
        ("refresh_token_empty", Usable::No, Reason::StaleWithoutRefreshToken),
        ("account_id_empty", Usable::No, Reason::StaleWithoutAccount),
    ];
    for (name, usable, reason) in rows {
        let home = vector(name).look(later);
        assert_eq!(home.can_log_in().0, usable, "{name}");
        assert_eq!(home.can_log_in().1.reason, reason, "{name}");
        assert!(home.auth().unwrap().stale, "{name}");
        assert!(!vector(name).look(clock()).auth().unwrap().stale, "{name}");
    }
}

#[test]
fn nothing_that_was_read_shows_in_debug() {
    for vector in vectors() {
        let home = vector.look(clock());
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
        ("an empty header", format!(".{}.s", encode(&mine(json!({}))))),
    ];
    for (what, token) in rows {
        for key in ["id_token", "access_token"] {
            let file = json!({"tokens": {key: token}}).to_string();
            let auth = codex_home::home::auth::Auth::read(file.as_bytes(), clock());
            assert_eq!(format!("{:?}", auth.owners.accounts), "[…1111]", "{what} in {key}");
        }
    }
}
