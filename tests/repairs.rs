//! Completing a bridge: what comes out of the bytes, and how they reach the disk.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and lays its own files"
)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use codex_home::home::Home;
use codex_home::home::auth::{Auth, Usable};
use codex_home::home::completion::{Completion, IdTokenFrom, Sealed, complete};
use codex_home::reason::Reason;
use codex_home::repair::{Flush, Unmended, replace_auth};
use codex_home::start::Overrides;
use codex_home::survey;
use serde_json::{Value, json};
use support::tokens::{ACCOUNT, OTHER_ACCOUNT, access_token, id_token};
use support::{World, auth, snapshot};

fn now() -> DateTime<Utc> {
    Utc::now()
}

fn look(path: &Path) -> Home {
    survey::home(path, &Overrides::default(), now())
}

/// The bytes of an `auth.json` as a start reads them.
fn sealed(bytes: &[u8]) -> Sealed {
    let world = World::new();
    look(&world.lay_bridge(bytes)).auth.bytes
}

/// What a completion would write, by writing it.
fn written(bytes: &[u8], completion: &Completion) -> Value {
    let world = World::new();
    let bridge = world.lay_bridge(bytes);
    replace_auth(&bridge, &look(&bridge).auth.bytes, &completion.bytes, std::process::id(), Flush::First).unwrap();
    serde_json::from_slice(&fs::read(bridge.join("auth.json")).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn broken() -> Vec<u8> {
    auth::issue_70511(&access_token(ACCOUNT, "bridge"), "bridge-refresh")
}

/// https://github.com/openclaw/openclaw/issues/70511
#[test]
fn the_file_of_issue_70511_is_completed_from_its_own_access_token() {
    let completion = complete(&sealed(&broken()), None, now()).unwrap();
    assert_eq!(completion.id_token, IdTokenFrom::AccessToken);
    let new = written(&broken(), &completion);
    assert_eq!(new["tokens"]["id_token"], new["tokens"]["access_token"]);
    assert_eq!(new["tokens"]["account_id"], ACCOUNT);
    assert_eq!(Auth::read(&bytes(&new), now()).because.reason, Reason::OkChatgpt);
}

#[test]
fn the_identity_token_of_the_same_account_is_preferred_and_is_all_that_is_taken() {
    let personal = auth::healthy(ACCOUNT, "personal", "personal-refresh");
    let completion = complete(&sealed(&broken()), Some(&sealed(&personal)), now()).unwrap();
    assert_eq!(completion.id_token, IdTokenFrom::Personal);
    let text = written(&broken(), &completion).to_string();
    assert!(text.contains(&id_token(ACCOUNT)));
    assert!(!text.contains(&access_token(ACCOUNT, "personal")) && !text.contains("personal-refresh"));
}

/// One sentence a row: what is wrong with the personal file, so that nothing is taken from it.
#[test]
fn nothing_is_taken_from_a_personal_file_that_has_no_identity_token_of_the_same_account() {
    let whole = || auth::healthy_value(ACCOUNT, "personal", "personal-refresh");
    let with = |token: Value| {
        let mut value = whole();
        value["tokens"]["id_token"] = token;
        bytes(&value)
    };
    let for_the_api = |aud: Value| {
        support::tokens::jwt(&json!({"aud": aud, "https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}}))
    };
    let rows = [
        ("it is another account's", auth::healthy(OTHER_ACCOUNT, "personal", "personal-refresh")),
        ("its id_token is its own access token: it was completed once", with(json!(access_token(ACCOUNT, "personal")))),
        ("its id_token is an older access token", with(json!(for_the_api(json!("https://api.openai.com/v1"))))),
        ("the same with a list of audiences", with(json!(for_the_api(json!(["x", "https://api.openai.com/v1"]))))),
        ("its id_token is none", with(json!("not.a.token"))),
        ("its id_token is a number", with(json!(5))),
        ("it is an API key", auth::api_key("sk-of-nobody")),
        ("it is torn", whole().to_string().as_bytes()[..200].to_vec()),
    ];
    for (what, personal) in rows {
        let completion = complete(&sealed(&broken()), Some(&sealed(&personal)), now()).unwrap();
        assert_eq!(completion.id_token, IdTokenFrom::AccessToken, "{what}");
    }
}

#[test]
fn what_is_there_already_stays_as_it_is_spelled() {
    let access = access_token(ACCOUNT, "bridge");
    let text = format!(
        r#"{{"unknown":1e400,"auth_mode":"chatgpt","twice":1,"twice":2,"tokens":{{"access_token":"{access}","new":[1.50,"\ud800"],"refresh_token":"r","id_token":null}}}}"#
    );
    let world = World::new();
    let bridge = world.lay_bridge(text.as_bytes());
    let old = look(&bridge).auth.bytes;
    let completion = complete(&old, None, now()).unwrap();
    replace_auth(&bridge, &old, &completion.bytes, std::process::id(), Flush::First).unwrap();
    let new = fs::read_to_string(bridge.join("auth.json")).unwrap();
    for kept in ["1e400", r#""twice": 1"#, r#""twice": 2"#, r#"[1.50,"\ud800"]"#, r#""refresh_token":"r""#] {
        assert!(new.contains(kept), "{kept} in {new}");
    }
    assert_eq!(look(&bridge).can_log_in().0, Usable::Yes);
}

#[test]
fn a_file_without_its_time_alone_keeps_its_own_identity_token() {
    let mut value = auth::healthy_value(ACCOUNT, "bridge", "r");
    value["last_refresh"] = Value::Null;
    let completion = complete(&sealed(&bytes(&value)), None, now()).unwrap();
    assert_eq!(completion.id_token, IdTokenFrom::Itself);
    let new = written(&bytes(&value), &completion);
    assert_eq!(new["tokens"], value["tokens"]);
    assert!(new["last_refresh"].is_string());
}

/// One sentence a row: the file, and why it is not completed.
#[test]
fn a_file_that_would_not_log_in_even_so_is_not_completed() {
    let whole = || auth::healthy_value(ACCOUNT, "bridge", "r");
    let without = |key: &str| {
        let mut value = whole();
        value["tokens"].as_object_mut().unwrap().remove(key);
        bytes(&value)
    };
    let expired = auth::issue_70511(&support::tokens::expired_access_token(ACCOUNT, "bridge"), "");
    let mut of_two = auth::healthy_value(ACCOUNT, "bridge", "r");
    of_two["tokens"]["id_token"] = json!(id_token(OTHER_ACCOUNT));
    of_two["last_refresh"] = Value::Null;
    let rows = [
        ("the parts name different owners", bytes(&of_two), Reason::NotCompletable),
        ("nothing in it", b"{}".to_vec(), Reason::NotCompletable),
        ("no access token", without("access_token"), Reason::NotCompletable),
        ("no refresh token, which is not ours to invent", without("refresh_token"), Reason::MissingRefreshToken),
        ("an opaque access token", auth::issue_70511("opaque", "r"), Reason::NotCompletable),
        ("an API-key file", b"{\"auth_mode\":\"apikey\"}".to_vec(), Reason::NotCompletable),
        ("past its end with nothing to renew it", expired, Reason::StaleWithoutRefreshToken),
        ("not JSON", b"{".to_vec(), Reason::AuthNotJson),
    ];
    for (what, file, reason) in rows {
        assert_eq!(complete(&sealed(&file), None, now()).unwrap_err().reason, reason, "{what}");
    }
}

// ---- How the bytes reach the disk ----

/// A bridge of issue 70511, its judged bytes and its completion.
fn judged(world: &World) -> (PathBuf, Sealed, Sealed) {
    let bridge = world.lay_bridge(&broken());
    let old = look(&bridge).auth.bytes;
    let new = complete(&old, None, now()).unwrap().bytes;
    (bridge, old, new)
}

#[test]
fn newer_bytes_win() {
    let world = World::new();
    let (bridge, old, new) = judged(&world);
    let newer = auth::issue_70511(&access_token(ACCOUNT, "newer"), "newer-refresh");
    for rewritten in [newer, [broken(), b"\n".to_vec()].concat(), Vec::new()] {
        world.lay_bridge(&rewritten);
        let before = snapshot(&world.home());
        assert!(matches!(replace_auth(&bridge, &old, &new, std::process::id(), Flush::First), Err(Unmended::Changed)));
        assert_eq!(snapshot(&world.home()), before);
    }
    fs::remove_file(bridge.join("auth.json")).unwrap();
    assert!(matches!(replace_auth(&bridge, &old, &new, std::process::id(), Flush::First), Err(Unmended::Changed)));
}

/// What may have been put in the file's or the path's place between judging and writing.
#[test]
fn nothing_is_written_through_a_link() {
    let swap_part = |world: &World, part: &str| {
        let bridge = world.bridge();
        let from = bridge.ancestors().find(|path| path.ends_with(part)).unwrap().to_owned();
        let to = world.root().join("elsewhere");
        fs::rename(&from, &to).unwrap();
        symlink(&to, &from).unwrap();
    };
    let swap_file = |world: &World| {
        let (auth, to) = (world.bridge().join("auth.json"), world.root().join("elsewhere.json"));
        fs::rename(&auth, &to).unwrap();
        symlink(&to, &auth).unwrap();
    };
    let link_file = |world: &World| {
        fs::hard_link(world.bridge().join("auth.json"), world.root().join("elsewhere.json")).unwrap();
    };
    type Swap = Box<dyn Fn(&World)>;
    let swaps: [(&str, Swap); 5] = [
        ("auth.json", Box::new(swap_file)),
        ("a second hard link", Box::new(link_file)),
        ("the hash", Box::new(move |world| swap_part(world, "06bfb5171eff0241"))),
        ("codex", Box::new(move |world| swap_part(world, "harness-auth/codex"))),
        ("harness-auth", Box::new(move |world| swap_part(world, "harness-auth"))),
    ];
    for (what, swap) in swaps {
        let world = World::new();
        let (bridge, old, new) = judged(&world);
        swap(&world);
        let before = snapshot(world.root());
        let unmended = replace_auth(&bridge, &old, &new, std::process::id(), Flush::First);
        assert!(matches!(unmended, Err(Unmended::NotOurs(_))), "{what}: {unmended:?}");
        assert_eq!(snapshot(world.root()), before, "{what}");
    }
}

#[test]
fn a_link_above_what_the_host_made_is_the_person_s_own_business() {
    let world = World::new();
    let (bridge, old, new) = judged(&world);
    let (agents, moved) = (world.home().join(".openclaw"), world.root().join("data"));
    fs::rename(&agents, &moved).unwrap();
    symlink(&moved, &agents).unwrap();
    replace_auth(&bridge, &old, &new, std::process::id(), Flush::First).unwrap();
    assert_eq!(look(&bridge).can_log_in().0, Usable::Yes);
}

#[test]
fn a_temporary_file_of_a_start_that_was_killed_is_removed() {
    let world = World::new();
    let (bridge, old, new) = judged(&world);
    // Process 1 lives, and no process has the highest number.
    let (dead, alive, foreign) = ("2147483646.0123456789abcdef", "1.0123456789abcdef", "backup");
    for owner in [dead, alive, foreign] {
        fs::write(bridge.join(format!(".auth.json.codex-home-shim.{owner}")), "half").unwrap();
    }
    replace_auth(&bridge, &old, &new, std::process::id(), Flush::First).unwrap();
    let left: Vec<_> = fs::read_dir(&bridge).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(dead)), "{left:?}");
}
