//! Files, and what real codex did with them: `tests/vectors/auth-homes.json`.

#![allow(dead_code, reason = "every test crate includes this module and uses its own part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The whole file, its members in the order in which they stand in it.
#[derive(Deserialize, Serialize)]
pub struct Vectors {
    meta: Box<RawValue>,
    /// Every file.
    pub vectors: Vec<Vector>,
}

/// One file, and the verdict that follows from what several codex versions did with it.
#[derive(Deserialize, Serialize)]
pub struct Vector {
    /// What it is called.
    pub name: String,
    note: String,
    /// How it lay in its home.
    pub setup: String,
    /// Its permission bits.
    pub mode: String,
    /// `usable`, `unusable` or `other-auth`.
    pub verdict: String,
    why: String,
    /// What each version did with it.
    pub observed: BTreeMap<String, Observed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_generator: Option<String>,
}

/// What one codex version did with it.
#[derive(Deserialize, Serialize)]
pub struct Observed {
    /// The exit code of `login status`, or `timeout`.
    pub login_status_exit: Value,
    /// What it said.
    pub login_status: String,
    /// `bearer-sent`, or how else the turn went.
    pub outcome: String,
}

/// Every file.
pub fn vectors() -> Vec<Vector> {
    let vectors: Vectors = serde_json::from_str(include_str!("../vectors/auth-homes.json")).unwrap();
    vectors.vectors
}

/// The file of that name.
pub fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

impl Vector {
    /// Whether a turn carried a bearer in one version and none in another.
    pub fn tells_versions_apart(&self) -> bool {
        let mut sent = self.observed.values().map(|observed| observed.outcome == "bearer-sent");
        let first = sent.next();
        sent.any(|sent| Some(sent) != first)
    }

    /// Its bytes; those that are made at run time, as they are at the time `now`.
    pub fn bytes(&self, now: DateTime<Utc>) -> Vec<u8> {
        match (&self.content_base64, self.content_generator.as_deref()) {
            (Some(bytes), _) => STANDARD.decode(bytes).unwrap(),
            (None, None) => Vec::new(),
            (None, Some(how)) => generated(how, &self.name, now),
        }
    }

    /// Makes `home`, and lays the file into it as it lay when codex met it.
    pub fn lay(&self, home: &Path, now: DateTime<Utc>) {
        fs::DirBuilder::new().mode(0o700).create(home).unwrap();
        let (auth, elsewhere) = (home.join("auth.json"), home.join("../elsewhere.json"));
        let mode = u32::from_str_radix(self.mode.trim_start_matches("0o"), 8).unwrap();
        let write = |path: &Path| {
            fs::write(path, self.bytes(now)).unwrap();
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
}

/// The files that are made at run time.
fn generated(how: &str, name: &str, now: DateTime<Utc>) -> Vec<u8> {
    let mut auth: Value = serde_json::from_slice(&vector("ok_chatgpt_auth_mode").bytes(now)).unwrap();
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
    claims["exp"] = json!((now + TimeDelta::seconds(seconds)).timestamp());
    auth["tokens"]["access_token"] = json!(format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())));
    serde_json::to_vec(&auth).unwrap()
}
