//! `codex-home inspect`: one home.

mod variable;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use serde_json::{Value, json};
use snapbox::str;

use crate::support::fixture::{BRIDGE_REFRESH, KEY, OPAQUE_ACCESS, PERSONAL_REFRESH, broken};
use crate::support::tokens::{self, ACCOUNT, OTHER_ACCOUNT, access_token};
use crate::support::{Case, Fixture, Need, auth, case};
use crate::{ask, ask_json, codex_home, prints};

/// A user id that no database has.
const UNLISTED: u32 = 54_321;
const INSTALL: &str = "run `codex-home install`: its host writes this home anew at each turn";

pub fn cases() -> Vec<Case> {
    [texts(), homes(), kinds(), remarks(), variable::cases()].into_iter().flatten().collect()
}

fn texts() -> Vec<Case> {
    vec![
        case("inspect: a home that can log in, and whose it is", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            prints(
                &person,
                &mut codex_home(&person, &["inspect"]),
                0,
                str![[r#"
✓ `~/.codex` (personal) can log in: it holds a ChatGPT login (ok-chatgpt)
  chatgpt login of account …5555

"#]],
            );
        }),
        case("inspect: a bridge that cannot log in, why, and what helps; as text and as JSON", || {
            let person = Fixture::new();
            person.break_bridge(ACCOUNT);
            let mut inspect = codex_home(&person, &["inspect"]);
            prints(
                &person,
                inspect.env("CODEX_HOME", person.bridge()),
                1,
                str![[r#"
✗ `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241` (bridge) cannot log in: auth.json has no `id_token` (missing-id-token)
  chatgpt login of account …5555
  the launcher could repair its auth.json
  help: run `codex-home install`: its host writes this home anew at each turn

"#]],
            );
            prints(
                &person,
                inspect.arg("--json"),
                1,
                str![[r#"
{
  "home": "[ROOT]/home/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241",
  "kind": "bridge",
  "usable": "no",
  "reason": "missing-id-token",
  "detail": "auth.json has no `id_token`",
  "login": "chatgpt",
  "account": "…5555",
  "repairable": true,
  "remarks": [],
  "help": "run `codex-home install`: its host writes this home anew at each turn"
}

"#]],
            );
        }),
        case("inspect: a relative path and one with a trailing slash are the same home", || {
            let person = Fixture::new();
            person.log_in(ACCOUNT);
            let (_, home) = ask_json(&person, &mut codex_home(&person, &["inspect", "--json", "../home/.codex/"]));
            assert_eq!(home["reason"], "ok-chatgpt");
            let mut inspect = codex_home(&person, &["inspect", "--json", "home/.codex/"]);
            let (_, home) = ask_json(&person, inspect.current_dir(person.root()));
            assert_eq!((&home["kind"], home["home"].as_str()), (&json!("personal"), person.personal().to_str()));
        }),
        case("inspect: a person without a home directory is told to name one", || {
            let person = Fixture::new();
            // This user is in no database.
            let mut inspect = codex_home(&person, &["inspect", "--json"]);
            inspect.env_remove("HOME").uid(UNLISTED).gid(UNLISTED);
            let (code, json) = ask_json(&person, &mut inspect);
            assert_eq!(
                (code, &json["home"], &json["usable"], &json["reason"]),
                (1, &Value::Null, &json!("no"), &json!("no-personal-home"))
            );
            assert_eq!(json["help"], "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with");
        })
        .needs(Need::Root),
        case("inspect: a path cannot move the cursor, and JSON has it whole", || {
            let person = Fixture::new();
            let home = person.home().join("a\u{1b}[2J\nb\u{7f}c\u{9b}31md\u{202e}e\u{2028}f");
            fs::create_dir(&home).unwrap();
            let moves = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2028}');
            let text = ask(&person, codex_home(&person, &["inspect"]).arg(&home)).stdout;
            assert!(!text.contains(moves) && text.contains("a\\u{1b}[2J\\nb"), "{text:?}");
            let mut inspect = codex_home(&person, &["inspect", "--json"]);
            let printed = ask(&person, inspect.arg(&home).env("CLICOLOR_FORCE", "1")).stdout;
            assert!(!printed.contains(moves), "{printed:?}");
            let json: Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(json["home"].as_str(), home.to_str());
        }),
    ]
}

/// A home by its place in the person's home directory, how it is laid, the exit code, and what JSON says: kind, usable, reason,
/// login, account, repairable, help.
type Row = (&'static str, &'static str, fn(&Fixture, &Path), i32, Value);

/// `named` is listed under `bridges`, and `left` under `leave`.
fn inspected(person: &Fixture, home: &Path) -> (i32, Value) {
    let mut inspect = codex_home(person, &["inspect", "--json"]);
    inspect.arg(home).env("CODEX_HOME_SHIM_BRIDGES", "~/named").env("CODEX_HOME_SHIM_LEAVE", "~/left");
    ask_json(person, &mut inspect)
}

fn homes() -> Vec<Case> {
    let rows: [Row; 19] = [
        (
            "a personal home that does not exist",
            ".codex",
            |_, _| (),
            1,
            json!(["personal", "no", "home-missing", "none", null, false, "run `codex login`"]),
        ),
        // https://github.com/openai/codex/issues/39874: codex makes no directory in place of a symlink.
        (
            "a personal home that is a dangling symlink",
            ".codex",
            |_, home| std::os::unix::fs::symlink("/Volumes/ssd-that-is-not-there", home).unwrap(),
            1,
            json!([
                "personal",
                "no",
                "home-missing",
                "none",
                null,
                false,
                "mount what `~/.codex` leads to, or run `rm ~/.codex`, then run `codex login`"
            ]),
        ),
        (
            "another home that does not exist: codex creates no home but the default one",
            "work",
            |_, _| (),
            1,
            json!([
                "other",
                "no",
                "home-missing",
                "none",
                null,
                false,
                "run `mkdir -p ~/work && CODEX_HOME=~/work codex login`"
            ]),
        ),
        (
            "a personal home without auth.json",
            ".codex",
            |_, home| fs::create_dir(home).unwrap(),
            1,
            json!(["personal", "no", "auth-missing", "none", null, false, "run `codex login`"]),
        ),
        (
            "a personal home for an API key",
            ".codex",
            |person, home| drop(person.write_auth(home, &auth::api_key(KEY))),
            0,
            json!(["personal", "yes", "ok-api-key", "api-key", null, false, null]),
        ),
        (
            "a login in the keyring",
            ".codex",
            |person, home| drop(person.write_config(home, "cli_auth_credentials_store = \"keyring\"\n")),
            3,
            json!(["personal", "unknown", "keyring-store", "keyring", null, false, null]),
        ),
        (
            "a login that cannot be judged from its files",
            ".codex",
            |person, home| {
                let token =
                    json!({"auth_mode": "personalAccessToken", "personal_access_token": "pat-canary-0123456789"});
                person.write_auth(home, &auth::bytes(&token));
            },
            3,
            json!(["personal", "unknown", "other-auth", "other", null, false, null]),
        ),
        (
            "an auth.json that is not JSON",
            ".codex",
            |person, home| drop(person.write_auth(home, b"{")),
            1,
            json!(["personal", "no", "auth-not-json", "none", null, false, "run `codex login`"]),
        ),
        (
            "a config.toml that codex cannot load",
            ".codex",
            |person, home| drop(person.write_config(home, "a = \n")),
            1,
            json!(["personal", "no", "config-invalid", "none", null, false, "correct `~/.codex/config.toml`"]),
        ),
        // What codex says of these: `Not logged in`, and it sends nothing.
        (
            "a config.toml that forbids the login beside it",
            ".codex",
            |person, home| {
                person.log_in(ACCOUNT);
                person.write_config(home, "forced_login_method = \"api\"\n");
            },
            1,
            json!(["personal", "no", "login-forbidden", "chatgpt", "…5555", false, "correct `~/.codex/config.toml`"]),
        ),
        (
            "a config.toml that forces another account",
            ".codex",
            |person, home| {
                person.log_in(ACCOUNT);
                person.write_config(home, &format!("forced_chatgpt_workspace_id = \"{OTHER_ACCOUNT}\"\n"));
            },
            1,
            json!(["personal", "no", "login-forbidden", "chatgpt", "…5555", false, "correct `~/.codex/config.toml`"]),
        ),
        (
            "a config.toml that forces no account, with a blank",
            ".codex",
            |person, home| {
                person.log_in(ACCOUNT);
                person.write_config(home, "forced_chatgpt_workspace_id = \" \"\n");
            },
            0,
            json!(["personal", "yes", "ok-chatgpt", "chatgpt", "…5555", false, null]),
        ),
        // https://github.com/Loongphy/codex-auth/issues/129
        (
            "a personal home is never repaired, even if it could be",
            ".codex",
            |person, home| {
                let mut login = auth::healthy_value(ACCOUNT, "personal", PERSONAL_REFRESH);
                login["last_refresh"] = "".into();
                person.write_auth(home, &auth::bytes(&login));
            },
            1,
            json!(["personal", "no", "bad-last-refresh", "chatgpt", "…5555", false, "run `codex login`"]),
        ),
        (
            "another home is never repaired, even if it could be",
            "other",
            |person, home| drop(person.write_auth(home, &broken(ACCOUNT))),
            1,
            json!([
                "other",
                "no",
                "missing-id-token",
                "chatgpt",
                "…5555",
                false,
                "run `CODEX_HOME=~/other codex login`"
            ]),
        ),
        (
            "a home that the settings call a bridge is repaired if it can be",
            "named",
            |person, home| drop(person.write_auth(home, &auth::issue_70511(&access_token(ACCOUNT, "bridge"), ""))),
            1,
            json!(["bridge", "no", "missing-id-token", "chatgpt", "…5555", true, INSTALL]),
        ),
        (
            "a home that the settings call a bridge is not repaired if that removed a refresh token",
            "named",
            |person, home| drop(person.write_auth(home, &broken(ACCOUNT))),
            1,
            json!(["bridge", "no", "missing-id-token", "chatgpt", "…5555", false, INSTALL]),
        ),
        (
            "a bridge with an opaque access token cannot be repaired",
            "named",
            |person, home| drop(person.write_auth(home, &auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH))),
            1,
            json!(["bridge", "no", "missing-id-token", "none", null, false, INSTALL]),
        ),
        (
            "a bridge whose access token is past its end is OpenClaw's to renew",
            "named",
            |person, home| {
                let access = tokens::expired_access_token(ACCOUNT, "bridge");
                person.write_auth(home, &auth::issue_70511(&access, BRIDGE_REFRESH));
            },
            1,
            json!([
                "bridge",
                "no",
                "missing-id-token",
                "chatgpt",
                "…5555",
                false,
                "run `openclaw models auth login --provider openai-codex`"
            ]),
        ),
        (
            "a home that the settings leave alone",
            "left",
            |person, home| drop(person.write_auth(home, &auth::healthy(OTHER_ACCOUNT, "left", BRIDGE_REFRESH))),
            0,
            json!(["left-alone", "yes", "ok-chatgpt", "chatgpt", "…5555", false, null]),
        ),
    ];
    let of = |(name, place, lay, code, expected): Row| {
        case(format!("inspect: {name}"), move || {
            let person = Fixture::new();
            let home = person.home().join(place);
            lay(&person, &home);
            let (ended, json) = inspected(&person, &home);
            let fields =
                ["kind", "usable", "reason", "login", "account", "repairable", "help"].map(|field| json[field].clone());
            assert_eq!(Value::from(fields.to_vec()), expected);
            assert_eq!((ended, json["home"].as_str()), (code, home.to_str()));
        })
    };
    rows.map(of).into()
}

fn kinds() -> Vec<Case> {
    vec![case("inspect: the place of a home tells whose it is, and its name alone does not", || {
        let login = |place: &str| json!(format!("run `CODEX_HOME=~/{place} codex login`"));
        let rows = [
            (".openclaw/agents/a/agent/harness-auth/codex/00112233aabbccdd", "bridge", json!(INSTALL)),
            (".openclaw/agents/a/agent/cli-auth/codex/00112233aabbccdd", "bridge", json!(INSTALL)),
            (".openclaw/acp-auth/codex-1", "bridge", json!(INSTALL)),
            (".openclaw/agents/main/agent/codex-home", "host-login", Value::Null),
            ("codex-bounded-turn-Ab12/codex-home", "host-login", Value::Null),
            (".codex-coding-agent", "host-login", Value::Null),
        ];
        // In these nothing logs in but the person: https://github.com/JUNKDOGE-JOE/after-effects-mcp/issues/292,
        // https://github.com/openclaw/openclaw/issues/73910, https://github.com/Isol8AI/isol8/issues/404.
        let others = [
            ".ae-mcp/codex-home",
            ".openclaw/acpx/codex-home",
            ".paperclip/instances/default/companies/acme/codex-home",
            ".openclaw/codex",
            ".openclaw/agents/a/agent/harness-auth/codex/00112233AABBCCDD",
            ".openclaw/agents/a/agent/harness-auth/codex/00112233aabbccd",
        ];
        let person = Fixture::new();
        for (place, kind, help) in rows.into_iter().chain(others.map(|place| (place, "other", login(place)))) {
            let home = person.home().join(place);
            fs::create_dir_all(&home).unwrap();
            let (code, json) = inspected(&person, &home);
            let fields = ["kind", "reason", "help"].map(|field| json[field].clone());
            assert_eq!((code, fields), (1, [json!(kind), json!("auth-missing"), help]), "{place}");
        }
    })]
}

fn remarks() -> Vec<Case> {
    vec![
        // https://github.com/ndycode/codex-multi-auth/issues/700
        case("inspect: an `account_id` that is not the account of the tokens is remarked on", || {
            let person = Fixture::new();
            let mut login = auth::healthy_value(ACCOUNT, "personal", PERSONAL_REFRESH);
            login["tokens"]["account_id"] = "org-Synthetic7Kq2ExampleOrg".into();
            person.write_auth(&person.personal(), &auth::bytes(&login));
            let remark = "`account_id` and the tokens name different accounts, which codex 0.156 and later refuse";
            is_remarked(&person, remark, Value::Null);
        }),
        // https://github.com/zhishile/codex-auth-helper/issues/73
        case("inspect: a login without a refresh token is remarked on, with its end", || {
            let person = Fixture::new();
            person.write_auth(&person.personal(), &auth::healthy(ACCOUNT, "personal", ""));
            is_remarked(&person, "it cannot be renewed, and ends at 2100-01-01 00:00 UTC", json!("…5555"));
        }),
    ]
}

/// Checks that the personal home can log in, with this remark in JSON and in the text.
fn is_remarked(person: &Fixture, remark: &str, account: Value) {
    let (code, json) = ask_json(person, &mut codex_home(person, &["inspect", "--json"]));
    assert_eq!((code, &json["remarks"], &json["account"]), (0, &json!([remark]), &account));
    let text = ask(person, &mut codex_home(person, &["inspect"])).stdout;
    assert!(text.starts_with("✓ ") && text.contains(&format!("\n  note: {remark}\n")), "{text}");
}
