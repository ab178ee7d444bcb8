//! `codex-home verify` with real codex, for each decision: it reports what codex answers.

use std::fs;

use serde_json::{Value, json};

use crate::lab::{Check, Lab, bridge_bearer, cases as of_each_codex, personal_bearer};
use crate::support::fixture::{BRIDGE_REFRESH, KEY, PERSONAL_REFRESH};
use crate::support::openclaw::{OpenClaw, Release};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Finished, Need, assert_same, auth, entry, run, snapshot};

pub fn cases() -> Vec<Case> {
    of_each_codex(CHECKS, &[Need::Deep, Need::Codex]).collect()
}

const CHECKS: &[Check] = &[
    ("verify: keep, and the model answers with the bridge's login", kept),
    ("verify: redirect, and the model answers with the person's login", redirected),
    ("verify: repair, which is said before", repaired),
    ("verify: refuse, in the launcher's words and with its exit code", refused),
    ("verify: without the launcher codex is not logged in", without_the_launcher),
    ("verify: an API key is a login", api_key),
    ("verify: OpenClaw 2026.9.6 logs codex in after the start, so it cannot be told", logged_in_later),
];

/// Lays an OpenClaw that starts the launcher.
fn lay(lab: &Lab, release: Release) -> OpenClaw {
    let openclaw = OpenClaw::lay(&lab.person, release);
    openclaw.configure_app_server(&json!({ "command": lab.person.launcher() }));
    openclaw
}

/// Runs `codex-home verify` in the environment of a gateway; nothing secret is printed.
fn verify(lab: &Lab, args: &[&str]) -> Finished {
    let mut command = lab.person.codex_home(&[&["verify"], args].concat());
    lab.prepare(&mut command, &lab.person.other());
    command.env_remove("CODEX_HOME");
    let finished = run(&mut command);
    lab.person.assert_no_secret(&lab.person.secrets(), &[finished.stdout.as_bytes(), finished.stderr.as_bytes()]);
    finished
}

fn verify_json(lab: &Lab, args: &[&str]) -> (i32, Value) {
    let finished = verify(lab, &[&["--json"], args].concat());
    assert_eq!(finished.stderr, "", "{finished:?}");
    let value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.code.unwrap(), value)
}

/// Checks the report about a start that logs in.
#[track_caller]
fn assert_logged_in(lab: &Lab, said: &(i32, Value), home: &std::path::Path, decision: &str) {
    let (code, said) = said;
    assert_eq!(*code, 0, "{said:#}");
    assert_eq!(
        [&said["logged_in"], &said["codex_version"], &said["codex_home"], &said["foretold"]["decision"]],
        [&json!(true), &json!(lab.version), &json!(home), &json!(decision)],
        "{said:#}"
    );
    assert_eq!((&said["as_foretold"], &said["foretold"]["logged_in"]), (&json!(true), &json!(true)), "{said:#}");
    lab.assert_decision(decision);
}

fn kept(lab: &Lab) {
    lay(lab, Release::April);
    let bridge = lab.person.write_auth(&lab.person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
    lab.person.log_in(ACCOUNT);
    let before = (entry(&bridge.join("auth.json")), snapshot(&lab.person.personal()));
    let said = verify_json(lab, &["--turn"]);
    assert_logged_in(lab, &said, &bridge, "keep");
    assert_eq!((&said.1["login"], &said.1["turn"]["answer"]), (&json!("chatgpt"), &json!("pong")), "{:#}", said.1);
    lab.assert_sent(1, &bridge_bearer());
    assert_eq!((entry(&bridge.join("auth.json")), snapshot(&lab.person.personal())), before);
    // The question leaves no thread behind.
    assert!(!bridge.join("sessions").exists());
}

fn redirected(lab: &Lab) {
    lay(lab, Release::April);
    let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
    let before = (entry(&personal.join("auth.json")), snapshot(&bridge));
    let said = verify_json(lab, &["--turn"]);
    assert_logged_in(lab, &said, &personal, "redirect");
    lab.assert_sent(1, &personal_bearer());
    assert_eq!((entry(&personal.join("auth.json")), snapshot(&bridge)), before);
    let text = verify(lab, &[]);
    assert_eq!((text.code, &*text.stderr), (Some(0), ""), "{text:?}");
    for part in [
        "may write codex, in `~/.codex`",
        "✓ it is logged in: chatgpt",
        "✓ as `codex-home explain` foretells: redirect",
    ] {
        assert!(text.stdout.contains(part), "`{part}` is not in:\n{}", text.stdout);
    }
}

fn repaired(lab: &Lab) {
    lay(lab, Release::April);
    let bridge = lab.person.break_bridge(ACCOUNT);
    let said = verify_json(lab, &["--turn"]);
    assert_logged_in(lab, &said, &bridge, "repair");
    lab.assert_sent(1, &bridge_bearer());
    let writes = said.1["may_write"].to_string();
    assert!(writes.contains(bridge.join("auth.json").to_str().unwrap()), "{writes}");
    assert_eq!(entry(&lab.person.personal()), None);
}

fn refused(lab: &Lab) {
    lay(lab, Release::April);
    let bridge = lab.person.break_bridge_for_good();
    let before = snapshot(&bridge);
    let (code, said) = verify_json(lab, &[]);
    assert_eq!((code, &said["exit_code"], &said["logged_in"]), (78, &json!(78), &json!(false)), "{said:#}");
    assert!(said["error"].as_str().unwrap().contains("no usable Codex home"), "{said:#}");
    assert_eq!((&said["as_foretold"], &said["foretold"]["decision"]), (&json!(true), &json!("refuse")), "{said:#}");
    assert_same(&before, &snapshot(&bridge));
}

fn without_the_launcher(lab: &Lab) {
    let openclaw = OpenClaw::lay(&lab.person, Release::April);
    lab.person.break_bridge(ACCOUNT);
    lab.person.log_in(ACCOUNT);
    let codex = lab.person.root().join("real/codex");
    openclaw.configure_app_server(&json!({ "command": codex }));
    let (code, said) = verify_json(lab, &["--turn"]);
    assert_eq!((code, &said["logged_in"], &said["login"]), (1, &json!(false), &json!(null)), "{said:#}");
    assert_eq!((&said["turn"]["status"], &said["foretold"]), (&json!("failed"), &json!(null)), "{said:#}");
    assert_eq!(said["codex_version"], json!(lab.version));
    let text = verify(lab, &[]);
    // The lab's codex is a script that gives codex a stand-in for OpenAI's servers.
    let help =
        "✗ it is not logged in\n  help: run `codex-home install`, which names what of the script would be lost\n";
    assert!(text.stdout.contains(help), "{}", text.stdout);
}

fn api_key(lab: &Lab) {
    lay(lab, Release::April);
    let home = lab.person.write_auth(&lab.person.other(), &auth::api_key(KEY));
    let said = verify_json(lab, &["--home", home.to_str().unwrap()]);
    assert_logged_in(lab, &said, &home, "keep");
    assert_eq!(said.1["login"], json!("api-key"));
}

fn logged_in_later(lab: &Lab) {
    let openclaw = lay(lab, Release::September);
    lab.person.write_auth(&lab.person.personal(), &auth::healthy(ACCOUNT, "personal", PERSONAL_REFRESH));
    let home = openclaw.agent.join("codex-home");
    let (code, said) = verify_json(lab, &[]);
    assert_eq!((code, &said["logged_in"], &said["codex_home"]), (3, &json!(null), &json!(home)), "{said:#}");
    assert_eq!(said["as_foretold"], json!(true), "{said:#}");
    // One home for both is the person's.
    openclaw.configure_app_server(&json!({ "command": lab.person.launcher(), "homeScope": "user" }));
    let said = verify_json(lab, &[]);
    assert_logged_in(lab, &said, &fs::canonicalize(lab.person.personal()).unwrap(), "keep");
}
