//! Real codex and our judge agree about a login with an expired token, one that the home's own configuration forbids, and one
//! beside an `agent_identity`.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use codex_home::home::auth::Login;
use codex_home::observe;
use codex_home::reason::ReasonCode;
use codex_home::request::Overrides;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::lab::{Check, Lab, assert_logged_in, assert_pong, cases as of_each_codex, read_auth};
use crate::support::app_server::AppServer;
use crate::support::fixture::{BRIDGE_REFRESH, KEY, PERSONAL_REFRESH};
use crate::support::tokens::{self, ACCOUNT};
use crate::support::{Case, Need, auth};

pub fn cases() -> Vec<Case> {
    let quick = of_each_codex(QUICK, &[Need::Codex]);
    quick.chain(of_each_codex(DEEP, &[Need::Deep, Need::Codex])).collect()
}

const QUICK: &[Check] = &[
    ("after its token's end a repaired bridge fails in codex's words, and no token is spent", past_the_end),
    ("agent_identity beside whole tokens is judged as codex reads it", agent_identity),
];

const DEEP: &[Check] = &[
    (
        "a server in a repaired bridge works until the token's end, and again once OpenClaw has renewed it",
        runs_to_the_end,
    ),
    ("a home whose config.toml forbids its login is broken: the newest codex is not logged in", forbidden),
];

fn judged(home: &Path) -> Login {
    observe::home(home, Utc::now(), geteuid().as_raw()).login(&Overrides::default())
}

// ---- After the token's end ----

/// codex's own words, in `docs/failure-modes.md` too.
const REVOKED: &str = "Your access token could not be refreshed because your refresh token was revoked. Please log out and sign in again.";

/// A bridge of openclaw#70511 with a token that expires at this time.
fn bridge_until(end: DateTime<Utc>) -> Vec<u8> {
    auth::issue_70511(&token_until(end), BRIDGE_REFRESH)
}

fn token_until(end: DateTime<Utc>) -> String {
    tokens::jwt(&json!({"exp": end.timestamp(), "https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}}))
}

fn past_the_end(lab: &Lab) {
    let bridge = repaired(lab);
    ends_at(lab, &bridge, Utc::now() - TimeDelta::minutes(1));
    let mut server = lab.serve(lab.codex(&bridge));
    server.initialize().unwrap();
    ends(lab, &mut server);

    // Another start is refused, with the command that logs OpenClaw in.
    lab.person.write_auth(&bridge, &bridge_until(Utc::now() + TimeDelta::minutes(4)));
    let refused = lab.run(lab.launcher(&bridge), &["login", "status"]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("openclaw models auth login --provider openai-codex"), "{refused:?}");
}

fn runs_to_the_end(lab: &Lab) {
    let bridge = repaired(lab);
    // Time for a first turn, also on a busy machine.
    let end = Utc::now() + TimeDelta::seconds(30);
    ends_at(lab, &bridge, end);
    let mut server = lab.serve(lab.launcher(&bridge));
    assert_pong(&server.turn("ping").unwrap());
    lab.assert_decision("keep");
    // From 0.136.0 codex tries to renew it within the last five minutes, and works on.
    assert_eq!(lab.backend.bearers(), [Some(token_until(end))]);
    thread::sleep((end - Utc::now()).to_std().unwrap_or_default() + Duration::from_secs(1));
    ends(lab, &mut server);
}

/// A bridge that the launcher has repaired.
fn repaired(lab: &Lab) -> PathBuf {
    let bridge = lab.person.break_bridge(ACCOUNT);
    lab.run(lab.launcher(&bridge), &["login", "status"]);
    lab.assert_decision("repair");
    bridge
}

/// Gives this home's file a token that expires at that time, as if the repair were as old.
fn ends_at(lab: &Lab, home: &Path, end: DateTime<Utc>) {
    let mut file = read_auth(home);
    file["tokens"]["access_token"] = json!(token_until(end));
    lab.person.write_auth(home, &auth::bytes(&file));
}

/// The next turn fails, no token is sent to be renewed, and with a whole and fresh file the one after it works.
fn ends(lab: &Lab, server: &mut AppServer) {
    let thread = server.start_thread().unwrap();
    let turn = server.say(&thread, "ping").unwrap();
    assert_eq!(turn.status, "failed", "{turn:?}");
    assert!(turn.error.contains(REVOKED), "{turn:?}");
    for request in lab.backend.requests() {
        assert!(request.refresh_token.as_deref().is_none_or(str::is_empty), "{request:?}");
    }

    lab.person.write_auth(&lab.person.bridge(), &auth::healthy(ACCOUNT, "renewed", BRIDGE_REFRESH));
    assert_pong(&server.say(&thread, "ping").unwrap());
    assert_eq!(lab.backend.bearers().pop().flatten(), Some(tokens::access_token(ACCOUNT, "renewed")));
}

// ---- Forbidden by the home itself ----

fn forbidden(lab: &Lab) {
    let chatgpt = auth::healthy(ACCOUNT, "other", PERSONAL_REFRESH);
    for (login, config) in [
        (&chatgpt, "forced_login_method = \"api\"\n"),
        (&chatgpt, "forced_chatgpt_workspace_id = \"acc-another\"\n"),
        (&auth::api_key(KEY), "forced_login_method = \"chatgpt\"\n"),
    ] {
        let home = lab.person.write_auth(&lab.person.other(), login);
        lab.person.write_config(&home, config);
        assert_eq!(judged(&home), Login::Broken(ReasonCode::LoginForbidden.into()), "{config}");

        let status = lab.run(lab.codex(&home), &["login", "status"]);
        let sent = lab.backend.bearers().len();
        let (turn, _) = lab.turn(lab.codex(&home));
        let sent = lab.backend.bearers().split_off(sent);
        // For 0.123.0 these keys matter only at a login and in `exec`.
        if lab.is_newest() {
            let said = format!("{}{}", status.stdout, status.stderr);
            assert!(status.code == Some(1) && said.contains("Not logged in"), "{config}: {status:?}");
            assert!(!sent.is_empty() && sent.iter().all(Option::is_none), "{config}: {sent:?}");
            assert_eq!(turn.status, "failed", "{config}: {turn:?}");
        } else {
            assert_logged_in(&status, "Logged in using");
            assert!(sent.len() == 1 && sent[0].is_some(), "{config}: {sent:?}");
        }
    }
}

// ---- Beside an agent identity ----

fn agent_identity(lab: &Lab) {
    let record = json!({
        "agent_runtime_id": "r", "agent_private_key": "k", "account_id": "a", "chatgpt_user_id": "u",
        "plan_type": "plus", "chatgpt_account_is_fedramp": false,
    });
    let old = json!({"workspace_id": "w", "agent_runtime_id": "r", "agent_private_key": "k", "registered_at": "t"});
    let mut both = record.clone();
    both.as_object_mut().unwrap().extend(old.as_object().unwrap().clone());
    // With what 0.123.0 and 0.169.0 do: whether they send the tokens.
    let rows: [(Value, [bool; 2]); 9] = [
        (json!(null), [true, true]),
        (json!("x"), [false, true]),
        (json!(""), [false, true]),
        (json!({}), [false, false]),
        (json!(1), [false, false]),
        (json!([]), [false, false]),
        (record, [false, true]),
        (old, [true, false]),
        (both, [true, true]),
    ];
    for mode in [json!("chatgpt"), json!(null)] {
        for (identity, expected) in &rows {
            let mut file = auth::healthy_value(ACCOUNT, "other", PERSONAL_REFRESH);
            file["auth_mode"] = mode.clone();
            file["agent_identity"] = identity.clone();
            let home = lab.person.write_auth(&lab.person.other(), &auth::bytes(&file));

            // A file that only the older release reads is not judged; a file that the newest reads is a login.
            let name = match expected {
                [_, true] => "yes",
                [true, false] => "unknown",
                [false, false] => "no",
            };
            let login = judged(&home);
            assert_eq!(login.name(), name, "{identity}: {login:?}");
            let mut server = lab.serve(lab.codex(&home));
            server.initialize().unwrap();
            let asked = server.request("getAuthStatus", json!({"includeToken": true, "refreshToken": false}));
            let sends = asked.is_ok_and(|answer| answer["authToken"].is_string());
            assert_eq!(sends, expected[usize::from(lab.is_newest())], "{identity}");
        }
    }
}
