//! Which starts are judged: codex's command line, as `--help` of 0.123.0 and 0.169.0 gives it and as both were tried.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use codex_home::reason::Reason;
use codex_home::start::Start;
use codex_home::start::Subcommand::{self, *};
use toml::Value;

fn read(line: &str) -> Start {
    let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    Start::read(&args)
}

#[test]
fn a_start_that_uses_a_login_is_judged() {
    let rows: &[(&str, Subcommand)] = &[
        ("", Interactive),
        ("-m gpt-5", Interactive),
        ("--", Interactive),
        // Behind `--` nothing is a subcommand.
        ("-- logout", Interactive),
        // `-i` takes all that follow: these are two pictures.
        ("-i a logout", Interactive),
        ("app-server", AppServer),
        // As OpenClaw 2026.4.21 starts it.
        ("app-server --listen stdio://", AppServer),
        // As OpenClaw 2026.8.1 does, but for the store.
        ("-c a=1 app-server --listen stdio://", AppServer),
        ("-ca=1 app-server", AppServer),
        ("-c=a=1 app-server", AppServer),
        ("--config=a=1 app-server", AppServer),
        ("--config a=1 app-server --stdio", AppServer),
        ("-m x -C /tmp --enable a --disable=b app-server", AppServer),
        ("--oss --search --yolo app-server", AppServer),
        ("exec hi", Exec),
        ("e hi", Exec),
        ("exec logout", Exec),
        ("exec --json --skip-git-repo-check -", Exec),
        // As `@openai/codex-sdk` starts it.
        ("exec --experimental-json --model x --sandbox read-only --cd /tmp resume 123 --image a.png", Exec),
        ("exec -i a b", Exec),
        ("resume --last", Resume),
        ("review --base main", Review),
        ("fork", Fork),
        ("login status", LoginStatus),
        ("login -c a=1 status", LoginStatus),
        ("-c a=1 login status", LoginStatus),
    ];
    for (line, expected) in rows {
        match read(line) {
            Start::Judged { subcommand, .. } => assert_eq!(subcommand, *expected, "{line}"),
            Start::Passed(because) => panic!("`{line}` is passed on: {because}"),
        }
    }
}

/// Each part of a key is a table in another one, and taking these apart ended the stack.
#[test]
fn a_key_of_a_hundred_thousand_parts_is_passed_on() {
    for (parts, is_judged) in [(64, true), (65, false), (100_000, false)] {
        let line = format!("-c a{}=1 app-server", ".a".repeat(parts - 1));
        assert_eq!(matches!(read(&line), Start::Judged { .. }), is_judged, "{parts}");
    }
}

#[test]
fn any_other_start_is_passed_on_as_it_came() {
    let rows: &[(&str, Reason)] = &[
        ("login", Reason::NotJudged),
        ("login --with-api-key", Reason::NotUnderstood),
        ("login --device-auth", Reason::NotUnderstood),
        ("login status --help", Reason::NotJudged),
        ("login status extra", Reason::NotJudged),
        ("login help", Reason::NotJudged),
        ("logout", Reason::NotJudged),
        ("-c a=1 logout", Reason::NotJudged),
        // codex takes the subcommand behind a prompt too, and logs out.
        ("hello logout", Reason::NotJudged),
        ("Hello logout", Reason::NotJudged),
        ("Hello app-server", Reason::NotUnderstood),
        ("Hello login status", Reason::NotUnderstood),
        // An attached value is the only one, and codex logs out.
        ("--image=a logout", Reason::NotJudged),
        ("-ia logout", Reason::NotJudged),
        ("--version", Reason::NotJudged),
        ("-V", Reason::NotJudged),
        ("--help", Reason::NotJudged),
        ("-h", Reason::NotJudged),
        ("exec --help", Reason::NotJudged),
        ("exec help", Reason::NotJudged),
        ("help exec", Reason::NotJudged),
        ("mcp list", Reason::NotJudged),
        ("mcp-server", Reason::NotJudged),
        ("doctor", Reason::NotJudged),
        ("app-server proxy", Reason::NotJudged),
        ("app-server daemon start", Reason::NotJudged),
        ("app-server generate-ts --out x", Reason::NotUnderstood),
        ("app-server generate-json-schema", Reason::NotJudged),
        ("app-server help", Reason::NotJudged),
        // 0.169 ends the login of the home it is given.
        ("app-server --print-startup-config --startup-sign-out", Reason::NotUnderstood),
        // A subcommand of a codex to come looks like this.
        ("sign-out", Reason::NotJudged),
        ("--unknown app-server", Reason::NotUnderstood),
        ("-x app-server", Reason::NotUnderstood),
        ("-hV", Reason::NotUnderstood),
        ("-c", Reason::NotUnderstood),
        ("-c -x=1 app-server", Reason::NotUnderstood),
        ("-c no-equals-sign app-server", Reason::NotUnderstood),
        ("-c =1 app-server", Reason::NotUnderstood),
        ("--search=1 app-server", Reason::NotUnderstood),
    ];
    for (line, expected) in rows {
        match read(line) {
            Start::Passed(because) => assert_eq!(because.reason, *expected, "{line}"),
            Start::Judged { subcommand, .. } => panic!("`{line}` is judged as {subcommand:?}"),
        }
    }
}

/// `codex exec` of 0.123.0 and 0.169.0 deletes the `auth.json` of the home it is given where these do not fit it.
#[test]
fn a_start_that_may_sign_a_home_out_is_passed_on() {
    for line in [
        r#"exec -c forced_login_method="api" hi"#,
        r#"-c forced_chatgpt_workspace_id=x exec hi"#,
        r#"app-server -c forced_login_method="chatgpt""#,
    ] {
        assert_eq!(read(line), Start::Passed(Reason::MaySignOut.into()), "{line}");
    }
}

/// `-p work` lays `work.config.toml` over a home's config.toml (0.169.0), and what that file forces signs the home out.
#[test]
fn a_start_that_selects_a_profile_is_passed_on() {
    for line in ["-p work exec hi", "exec -pwork hi", "exec --profile=work hi", "app-server -c profile='work'"] {
        assert_eq!(read(line), Start::Passed(Reason::ProfileSelected.into()), "{line}");
    }
}

#[test]
fn arguments_are_bytes_and_only_options_must_be_text() {
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let judged = [vec![bytes(b"")], vec![bytes(b"\xff")], vec!["exec".into(), bytes(b"a\nb \xff")]];
    for args in judged {
        assert!(matches!(Start::read(&args), Start::Judged { .. }), "{args:?}");
    }
    let passed = [vec![bytes(b"--\xff")], vec!["-c".into(), bytes(b"a=\xff")]];
    for args in passed {
        assert_eq!(Start::read(&args), Start::Passed(Reason::NotUnderstood.into()), "{args:?}");
    }
}

#[test]
fn the_last_override_counts_before_or_after_the_subcommand() {
    let key = "cli_auth_credentials_store";
    let rows = [
        (vec!["-c", r#"cli_auth_credentials_store="ephemeral""#, "app-server"], Some("ephemeral")),
        (vec!["app-server", "-c", r#"cli_auth_credentials_store="ephemeral""#], Some("ephemeral")),
        (
            vec!["-c", "cli_auth_credentials_store=keyring", "app-server", "-c", "cli_auth_credentials_store='file'"],
            Some("file"),
        ),
        // Not TOML: the text itself, without its quotes.
        (vec!["-c", "cli_auth_credentials_store=ephemeral", "app-server"], Some("ephemeral")),
        (vec!["-c", " cli_auth_credentials_store = \"auto\"", "app-server"], Some("auto")),
        (vec!["app-server", "--listen", "-"], None),
    ];
    for (args, expected) in rows {
        let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
        let Start::Judged { overrides, .. } = Start::read(&args) else { panic!("{args:?} is passed on") };
        assert_eq!(overrides.get(key).and_then(Value::as_str), expected, "{args:?}");
    }
}

#[test]
fn oss_is_a_provider_stronger_than_any_override() {
    let Start::Judged { overrides, .. } = read("--oss exec -c model_provider=openai hi") else { panic!() };
    assert_eq!(overrides.get("model_provider").and_then(Value::as_str), Some("oss"));
}

#[test]
fn a_dotted_override_makes_the_tables_on_its_way() {
    let Start::Judged { overrides, .. } = read("-c a.b.c=1 -c d=2 -c d.e=3 app-server") else { panic!() };
    let mut config: toml::Table = "a = { b = 'text' }\nkept = true".parse().unwrap();
    overrides.apply(&mut config);
    let expected: toml::Table = "a = { b = { c = 1 } }\nd = { e = 3 }\nkept = true".parse().unwrap();
    assert_eq!(config, expected);
}
