//! Which starts are judged, by codex's command line: from `--help` of 0.123.0 and 0.169.0, and tried on both.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use codex_home::reason::ReasonCode;
use codex_home::request::Subcommand::{self, *};
use codex_home::request::{Judged, Request, serves_stdio};
use toml::Value;

use crate::support::{Case, case};

fn args(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn request(line: &str) -> Request {
    Request::parse(&args(line))
}

fn judged(line: &str) -> Judged {
    match request(line) {
        Request::Judged(judged) => judged,
        Request::PassThrough(reason) => panic!("`{line}` is passed through: {reason}"),
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        case("a start that uses a login is judged", || {
            for (line, expected) in JUDGED {
                assert_eq!(judged(line).subcommand, *expected, "{line}");
                assert_eq!(request(line).name(), expected.name(), "{line}");
            }
        }),
        case("any other start is passed through", || {
            for (line, expected) in PASSED_THROUGH {
                assert_eq!(request(line), Request::PassThrough((*expected).into()), "{line}");
            }
        }),
        case("a key of more than 64 parts is passed through: nested tables would end the stack", || {
            for (parts, is_judged) in [(64, true), (65, false), (100_000, false)] {
                let line = format!("-c a{}=1 app-server", ".a".repeat(parts - 1));
                assert_eq!(matches!(request(&line), Request::Judged(_)), is_judged, "{parts}");
            }
        }),
        // `codex exec` of 0.123.0 and 0.169.0 deletes the `auth.json` that does not satisfy these.
        case("a start that may sign out its home is passed through", || {
            for line in [
                r#"exec -c forced_login_method="api" hi"#,
                r#"-c forced_chatgpt_workspace_id=x exec hi"#,
                r#"app-server -c forced_login_method="chatgpt""#,
            ] {
                assert_eq!(request(line), Request::PassThrough(ReasonCode::MaySignOut.into()), "{line}");
            }
        }),
        // 0.169.0: `work.config.toml` is laid over config.toml and may force a login.
        case("a start that selects a profile is passed through", || {
            for line in ["-p work exec hi", "exec -pwork hi", "exec --profile=work hi", "app-server -c profile='work'"]
            {
                assert_eq!(request(line), Request::PassThrough(ReasonCode::ProfileSelected.into()), "{line}");
            }
        }),
        case("arguments are bytes, and only options must be text", || {
            let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
            for args in [vec![bytes(b"")], vec![bytes(b"\xff")], vec!["exec".into(), bytes(b"a\nb \xff")]] {
                assert!(matches!(Request::parse(&args), Request::Judged(_)), "{args:?}");
            }
            for args in [vec![bytes(b"--\xff")], vec!["-c".into(), bytes(b"a=\xff")]] {
                assert_eq!(Request::parse(&args), Request::PassThrough(ReasonCode::NotUnderstood.into()), "{args:?}");
            }
        }),
        case("the last override counts, before or after the subcommand", || {
            let key = "cli_auth_credentials_store";
            let rows: [(&[&str], Option<&str>); 6] = [
                (&["-c", r#"cli_auth_credentials_store="ephemeral""#, "app-server"], Some("ephemeral")),
                (&["app-server", "-c", r#"cli_auth_credentials_store="ephemeral""#], Some("ephemeral")),
                (
                    &["e", "-c", "cli_auth_credentials_store=keyring", "-c", "cli_auth_credentials_store='file'"],
                    Some("file"),
                ),
                // Not TOML, so it is the text without its quotes.
                (&["-c", "cli_auth_credentials_store=ephemeral", "app-server"], Some("ephemeral")),
                (&["-c", " cli_auth_credentials_store = \"auto\"", "app-server"], Some("auto")),
                (&["app-server", "--listen", "-"], None),
            ];
            for (args, expected) in rows {
                let args: Vec<OsString> = args.iter().map(OsString::from).collect();
                let Request::Judged(judged) = Request::parse(&args) else { panic!("{args:?} is passed through") };
                assert_eq!(judged.overrides.get(key).and_then(Value::as_str), expected, "{args:?}");
            }
        }),
        // Up to 0.150.1 only the overrides of the innermost subcommand count, in 0.171.0 all of them do.
        case("overrides on more than one level are passed through, and those on one level are judged", || {
            for line in [
                "-c a=1 app-server -c b=1",
                "-c a=1 exec --config=b=1 hi",
                "-ca=1 login status -c b=1",
                "-c a=1 login -c b=1 status",
                "login -c a=1 status -c b=1",
                "exec -c a=1 resume -c b=1 --last",
                "-c a=1 exec review -c b=1",
            ] {
                let Request::PassThrough(reason) = request(line) else { panic!("`{line}` is judged") };
                assert_eq!(reason.code, ReasonCode::NotUnderstood, "{line}");
            }
            for line in [
                "-c a=1 -c b=1 app-server",
                "app-server -c a=1 --listen stdio:// -c b=1",
                "login status -c a=1 -c b=1",
                "exec -c a=1 -c b=1 resume --last",
                "exec -c a=1 hello -c b=1",
                "-c a=1 exec hi",
                "-c a=1 login status",
            ] {
                judged(line);
            }
            assert!(serves_stdio(&args("-c a=1 app-server -c b=1")));
        }),
        case("`--oss` is a provider stronger than any override", || {
            let overrides = judged("--oss exec -c model_provider=openai hi").overrides;
            assert_eq!(overrides.get("model_provider").and_then(Value::as_str), Some("oss"));
        }),
        case("every directory that codex may work in is known", || {
            let directories = |line: &str| judged(line).directories;
            assert_eq!(directories("exec hi"), [""; 0].map(Path::new));
            for line in ["-C /a exec --cd=/b hi", "-C/a exec --cd /b hi", "--cd=/a exec -C=/b hi"] {
                assert_eq!(directories(line), ["/a", "/b"].map(Path::new), "{line}");
            }
        }),
        case("`--worktree` is known", || {
            assert!(judged("exec --worktree hi").makes_worktree);
            assert!(!judged("exec worktree").makes_worktree);
        }),
        case("a start that trusts a project is known", || {
            for (line, expected) in [
                ("exec hi", false),
                ("exec --trust hi", true),
                ("-c projects={} exec hi", true),
                ("-c projects./w.trust_level=trusted exec hi", true),
                ("-c projectsx=1 exec hi", false),
            ] {
                assert_eq!(judged(line).trusts_project, expected, "{line}");
            }
        }),
        case("`--ignore-user-config` is known", || {
            assert!(judged("exec --ignore-user-config hi").overrides.ignores_config);
        }),
        case("a host that speaks JSON-RPC is told from one that does not, also if the start is not judged", || {
            for (line, expected) in [
                ("app-server", true),
                ("app-server --listen stdio://", true),
                ("app-server --stdio", true),
                ("-p work app-server", true),
                ("app-server --startup-sign-out", true),
                ("app-server --listen ws://127.0.0.1:1", false),
                ("app-server proxy", false),
                ("exec hi", false),
                ("", false),
            ] {
                assert_eq!(serves_stdio(&args(line)), expected, "{line}");
            }
        }),
        case("`Debug` names what is overridden and shows no value", || {
            let shown = format!("{:?}", judged("-c a.token=sk-secret-value app-server"));
            assert!(shown.contains("a.token") && !shown.contains("secret"), "{shown}");
        }),
    ]
}

const JUDGED: &[(&str, Subcommand)] = &[
    ("", Interactive),
    ("-m gpt-5", Interactive),
    ("--", Interactive),
    // Nothing after `--` is a subcommand.
    ("-- logout", Interactive),
    // `-i` takes everything that follows: these are two pictures.
    ("-i a logout", Interactive),
    ("app-server", AppServer),
    // OpenClaw 2026.4.21.
    ("app-server --listen stdio://", AppServer),
    // OpenClaw 2026.8.1, but for the store.
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
    // `@openai/codex-sdk`.
    ("exec --experimental-json --model x --sandbox read-only --cd /tmp resume 123 --image a.png", Exec),
    ("exec -i a b", Exec),
    ("resume --last", Resume),
    ("review --base main", Review),
    ("fork", Fork),
    ("login status", LoginStatus),
    ("login -c a=1 status", LoginStatus),
    ("-c a=1 login status", LoginStatus),
];

const PASSED_THROUGH: &[(&str, ReasonCode)] = &[
    ("login", ReasonCode::NotJudged),
    ("login --with-api-key", ReasonCode::NotUnderstood),
    ("login --device-auth", ReasonCode::NotUnderstood),
    ("login status --help", ReasonCode::NotJudged),
    ("login status extra", ReasonCode::NotJudged),
    ("login help", ReasonCode::NotJudged),
    ("logout", ReasonCode::NotJudged),
    ("-c a=1 logout", ReasonCode::NotJudged),
    // codex accepts a subcommand after a prompt, and logs out.
    ("hello logout", ReasonCode::NotJudged),
    ("Hello logout", ReasonCode::NotJudged),
    ("Hello app-server", ReasonCode::NotUnderstood),
    ("Hello login status", ReasonCode::NotUnderstood),
    // An attached value is the only one: codex logs out.
    ("--image=a logout", ReasonCode::NotJudged),
    ("-ia logout", ReasonCode::NotJudged),
    ("--version", ReasonCode::NotJudged),
    ("-V", ReasonCode::NotJudged),
    ("--help", ReasonCode::NotJudged),
    ("-h", ReasonCode::NotJudged),
    ("exec --help", ReasonCode::NotJudged),
    ("exec help", ReasonCode::NotJudged),
    ("help exec", ReasonCode::NotJudged),
    ("mcp list", ReasonCode::NotJudged),
    ("mcp-server", ReasonCode::NotJudged),
    ("doctor", ReasonCode::NotJudged),
    // The login of the other server is used.
    ("exec --remote ws://127.0.0.1:1 hi", ReasonCode::NotJudged),
    ("--remote=unix://", ReasonCode::NotJudged),
    ("resume --remote unix:// --last", ReasonCode::NotJudged),
    ("app-server proxy", ReasonCode::NotJudged),
    ("app-server daemon start", ReasonCode::NotJudged),
    ("app-server generate-ts --out x", ReasonCode::NotUnderstood),
    ("app-server generate-json-schema", ReasonCode::NotJudged),
    ("app-server help", ReasonCode::NotJudged),
    // 0.169 ends the login of its home.
    ("app-server --print-startup-config --startup-sign-out", ReasonCode::NotUnderstood),
    // A subcommand of a future codex.
    ("sign-out", ReasonCode::NotJudged),
    ("--unknown app-server", ReasonCode::NotUnderstood),
    ("-x app-server", ReasonCode::NotUnderstood),
    ("-hV", ReasonCode::NotUnderstood),
    ("-c", ReasonCode::NotUnderstood),
    ("-c -x=1 app-server", ReasonCode::NotUnderstood),
    ("-c no-equals-sign app-server", ReasonCode::NotUnderstood),
    ("-c =1 app-server", ReasonCode::NotUnderstood),
    ("--search=1 app-server", ReasonCode::NotUnderstood),
];
