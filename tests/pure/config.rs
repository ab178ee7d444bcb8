//! The configuration of codex: what it says about a login, and which files codex cannot load. Every row was tried on codex 0.123.0
//! and 0.169.0, most of them on 0.118.0, 0.136.0 and 0.150.1 too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_home::home::auth::Auth;
use codex_home::home::config::{Config, ConfigFile, Layer, Provider, Requirements, Store};
use codex_home::reason::{Reason, ReasonCode};
use codex_home::request::{Overrides, Request};

use crate::support::fixture::KEY;
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT};
use crate::support::{Case, auth, case};

/// The configuration of one file.
fn config(text: impl AsRef<[u8]>) -> Result<Config, Reason> {
    let file = ConfigFile::parse(text.as_ref(), "config.toml")?;
    Config::of([Layer::File(&file, Path::new("/home/me/.codex"))])
}

fn overrides(args: &[&str]) -> Overrides {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    match Request::parse(&args) {
        Request::Judged(judged) => judged.overrides,
        Request::PassThrough(reason) => panic!("{args:?}: {reason}"),
    }
}

fn loads(name: &'static str, rows: &'static [(&'static str, &'static str)]) -> Case {
    case(name, move || {
        for (sentence, text) in rows {
            assert!(config(text).is_ok(), "{sentence}: {:?}", config(text));
        }
    })
}

fn fails(name: &'static str, rows: &'static [(&'static str, &'static [u8])]) -> Case {
    case(name, move || {
        let all = rows.iter().map(|(sentence, text)| (sentence, config(text)));
        let wrong: Vec<_> = all
            .filter(|(_, config)| config.as_ref().map_err(|reason| reason.code) != Err(ReasonCode::ConfigInvalid))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    })
}

pub fn cases() -> Vec<Case> {
    [loading(), providers(), forced(), layers()].into_iter().flatten().collect()
}

fn loading() -> Vec<Case> {
    vec![
        loads(
            "what every codex loads is loaded",
            &[
                ("nothing", ""),
                ("a byte order mark", "\u{feff}model = \"gpt-5\"\n"),
                ("CRLF", "model = \"gpt-5\"\r\n[unknown]\r\na = 1\r\n"),
                ("an unknown key", "unknown = { a = 1, b = [1, \"x\"] }\n"),
                ("a store that is a table of its name", "cli_auth_credentials_store = { file = {} }\n"),
                ("a method that is a table of its name", "forced_login_method = { chatgpt = {} }\n"),
                ("TOML 1.1: escapes", "unknown = \"\\e[0m\\x41\"\n"),
                ("TOML 1.1: an inline table over lines", "unknown = {\n  a = 1, # one\n  b = 2,\n}\n"),
                ("TOML 1.1: a time without seconds", "unknown = 10:30\n"),
                ("a leap second", "unknown = 2016-12-31T23:59:60Z\n"),
            ],
        ),
        fails(
            "what codex cannot load is invalid",
            &[
                ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbfmodel = \"gpt-5\"\n"),
                ("bytes that are not UTF-8", b"# \xff\n"),
                ("UTF-16", b"\xff\xfem\0=\0"),
                ("a lone CR", b"a = 1\rb = 2\n"),
                ("a repeated key", b"a = 1\n\"a\" = 2\n"),
                ("an integer of 64 bits", b"unknown = 9223372036854775808\n"),
                ("an integer below all", b"[unknown]\na = [-9223372036854775809]\n"),
                ("a float beyond any range", b"unknown = 1e999\n"),
                ("a bare key that is not ASCII", b"schl\xc3\xbcssel = 1\n"),
                ("an unknown store", b"cli_auth_credentials_store = \"vault\"\n"),
                ("a store in capitals", b"cli_auth_credentials_store = \"File\"\n"),
                ("a store that is a list", b"cli_auth_credentials_store = [\"file\"]\n"),
                ("a store that is an empty table", b"cli_auth_credentials_store = {}\n"),
                ("a model provider that is a table", b"model_provider = { name = \"openai\" }\n"),
                ("a profile that is a number", b"profile = 5\n"),
                ("a base URL that is a number", b"openai_base_url = 5\n"),
            ],
        ),
        case("eighty arrays may be nested, and no more: \"cannot recurse further\"", || {
            let nested = |depth: usize| format!("a = {}{}\n", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(config(nested(80)), Ok(Config::default()));
            assert!(config(nested(81)).is_err());
        }),
        case("a mistake is named by its line and column, without the text of the line", || {
            let text = "[projects.\"/a\"]\n\napi_key = sk-secret\n";
            assert_eq!(config(text).unwrap_err().to_string(), "config.toml is not valid TOML at 3:11");
        }),
        case("keys among many trusted directories are read", || {
            let trusted: String =
                (0..200).map(|n| format!("[projects.\"/{n}\"]\ntrust_level = \"trusted\"\n\n")).collect();
            let text = format!(
                "cli_auth_credentials_store = \"keyring\"\n{trusted}[model_providers.x]\nname = 'x'\n{trusted}"
            );
            assert!(config(&text).is_err(), "each directory stands there twice");
            let text = format!("cli_auth_credentials_store = \"keyring\"\n{trusted}[model_providers.x]\nname = 'x'\n");
            assert_eq!(config(text).unwrap().store, Store::Keyring);
        }),
        case("files that the configuration names are resolved against its directory", || {
            let files = |text: &str| config(text).unwrap().files;
            assert_eq!(
                files("model_instructions_file = \"i.md\""),
                [("model_instructions_file", "/home/me/.codex/i.md".into())]
            );
            assert_eq!(files("model_catalog_json = \"/x/c.json\""), [("model_catalog_json", "/x/c.json".into())]);
            assert_eq!(files("model_catalog_json = \"~/c.json\""), [("model_catalog_json", "~/c.json".into())]);
            let compact = "experimental_compact_prompt_file";
            assert_eq!(files(&format!("{compact} = \"../p\"")), [(compact, "/home/me/.codex/../p".into())]);
            // Only 0.123 knows it, and never reads it.
            assert_eq!(files("experimental_instructions_file = \"x\""), []);
        }),
        case("a base URL sends work elsewhere unless it is empty", || {
            for key in ["openai_base_url", "chatgpt_base_url"] {
                assert!(config(format!("{key} = \"not a URL\"")).unwrap().has_base_url, "{key}");
            }
            assert!(!config("openai_base_url = \"\"").unwrap().has_base_url);
            assert!(!config("base_url = \"http://127.0.0.1:9\"").unwrap().has_base_url, "not a key of codex's");
        }),
    ]
}

fn providers() -> Vec<Case> {
    vec![
        loads(
            "a provider that every codex loads is loaded, used or not",
            &[
                ("none", "model_providers = {}\n"),
                ("a name", "[model_providers.mine]\nname = \"Mine\"\n"),
                ("an unknown field", "[model_providers.mine]\nname = \"Mine\"\nunknown = { a = [1] }\n"),
                ("the wire that is left", "[model_providers.mine]\nname = \"Mine\"\nwire_api = \"responses\"\n"),
                ("a key beside the OpenAI login", "[model_providers.m]\nname = \"M\"\nrequires_openai_auth = true\nenv_key = \"K\"\n"),
                ("a command for a credential", "[model_providers.m]\nname = \"M\"\nauth = { command = \"x\" }\n"),
                ("`OpenAI`, which is not reserved", "[model_providers.OpenAI]\nname = \"x\"\n"),
                ("`oss`, which is not reserved", "[model_providers.oss]\nname = \"x\"\n"),
                ("AWS without a name", "[model_providers.amazon-bedrock.aws]\nprofile = \"work\"\n"),
                ("AWS with codex's own wire", "[model_providers.amazon-bedrock]\nwire_api = \"responses\"\n"),
                ("a timeout", "[model_providers.m]\nname = \"M\"\nstream_idle_timeout_ms = 100000\nwebsocket_connect_timeout_ms = 1\n"),
            ],
        ),
        fails(
            "a provider that no codex loads is invalid, used or not",
            &[
                ("a string", b"model_providers = \"x\"\n"),
                ("a list", b"model_providers = []\n"),
                ("one that is a string", b"model_providers.mine = \"x\"\n"),
                ("an array of tables", b"[[model_providers.mine]]\nname = \"Mine\"\n"),
                ("no name", b"[model_providers.mine]\nbase_url = \"http://a/v1\"\n"),
                ("a blank name", b"[model_providers.mine]\nname = \"  \"\n"),
                ("a URL that is a number", b"[model_providers.mine]\nname = \"Mine\"\nbase_url = 5\n"),
                ("headers that are a string", b"[model_providers.mine]\nname = \"Mine\"\nhttp_headers = \"x\"\n"),
                ("a header that is a number", b"[model_providers.mine]\nname = \"M\"\nhttp_headers = { a = 1 }\n"),
                ("the wire that is gone", b"[model_providers.mine]\nname = \"Mine\"\nwire_api = \"chat\"\n"),
                ("retries that are a float", b"[model_providers.m]\nname = \"M\"\nrequest_max_retries = 1.5\n"),
                ("retries that are negative", b"[model_providers.m]\nname = \"M\"\nstream_max_retries = -1\n"),
                ("a timeout that is a string", b"[model_providers.m]\nname = \"M\"\nwebsocket_connect_timeout_ms = \"1\"\n"),
                ("`openai`, which is codex's own", b"[model_providers.openai]\nname = \"Mine\"\n"),
                ("`ollama`, which is codex's own, even empty", b"[model_providers.ollama]\n"),
                ("`lmstudio`, which is codex's own", b"[model_providers.lmstudio]\nname = \"Mine\"\n"),
                ("AWS for another provider", b"[model_providers.m]\nname = \"M\"\naws = {}\n"),
                ("an auth table without a command", b"[model_providers.m]\nname = \"M\"\nauth = {}\n"),
                ("an auth table with a blank command", b"[model_providers.m]\nname = \"M\"\nauth = { command = \" \" }\n"),
                ("auth and `env_key`", b"[model_providers.m]\nname = \"M\"\nenv_key = \"K\"\nauth = { command = \"x\" }\n"),
                (
                    "auth and a bearer token",
                    b"[model_providers.m]\nname = \"M\"\nexperimental_bearer_token = \"K\"\nauth = { command = \"x\" }\n",
                ),
                (
                    "auth and the OpenAI login",
                    b"[model_providers.m]\nname = \"M\"\nrequires_openai_auth = true\nauth = { command = \"x\" }\n",
                ),
            ],
        ),
        case("the provider that is selected says whether the OpenAI login is sent", || {
            let mine = |rest: &str| format!("model_provider = \"mine\"\n[model_providers.mine]\nname = \"Mine\"\n{rest}");
            let rows = [
                (String::new(), Provider::OpenAi),
                ("model_provider = \"openai\"".to_owned(), Provider::OpenAi),
                ("model_provider = \"ollama\"".to_owned(), Provider::Own),
                ("model_provider = \"lmstudio\"".to_owned(), Provider::Own),
                ("model_provider = \"amazon-bedrock\"".to_owned(), Provider::Own),
                ("model_provider = \"nowhere\"".to_owned(), Provider::Undefined),
                ("model_provider = \"\"".to_owned(), Provider::Undefined),
                ("[model_providers.mine]\nname = \"Mine\"".to_owned(), Provider::OpenAi),
                (mine(""), Provider::Own),
                (mine("requires_openai_auth = true"), Provider::WithOpenAiLogin),
                (mine("requires_openai_auth = true\nenv_key = \"K\""), Provider::Own),
                (mine("requires_openai_auth = true\nhttp_headers = { AUTHORIZATION = \"x\" }"), Provider::Own),
                (mine("requires_openai_auth = true\nhttp_headers = { X-Team = \"x\" }"), Provider::WithOpenAiLogin),
            ];
            for (text, expected) in rows {
                assert_eq!(config(&text).map(|config| config.provider), Ok(expected), "{text}");
            }
        }),
    ]
}

fn forced() -> Vec<Case> {
    vec![
        fails(
            "a forced login that is no method and no workspace is invalid",
            &[
                ("a method that is a number", b"forced_login_method = 3\n"),
                ("a method that is a table of a number", b"forced_login_method = { chatgpt = 1 }\n"),
                ("a method in capitals", b"forced_login_method = \"API\"\n"),
                ("a method by another name", b"forced_login_method = \"apikey\"\n"),
                ("an empty method", b"forced_login_method = \"\"\n"),
                ("a workspace that is a number", b"forced_chatgpt_workspace_id = 5\n"),
                ("workspaces that are numbers", b"forced_chatgpt_workspace_id = [5]\n"),
                ("workspaces of which one is a number", b"forced_chatgpt_workspace_id = [\"a\", 5]\n"),
                ("a workspace that is a table", b"forced_chatgpt_workspace_id = {}\n"),
                ("a list written into one string (0.169)", b"forced_chatgpt_workspace_id = \"a,b\"\n"),
            ],
        ),
        case("forced workspaces are trimmed, and blank ones are none", || {
            let (mine, key) = (login(ACCOUNT), Auth::parse(&auth::api_key(KEY), chrono::Utc::now()));
            let rows = [
                (format!("\"{ACCOUNT}\""), true, true),
                (format!("\"  {ACCOUNT} \""), true, true),
                (format!("[\"x\", \" {ACCOUNT} \"]"), true, true),
                (format!("\"{}\"", ACCOUNT.to_uppercase()), false, true),
                (format!("\"{OTHER_ACCOUNT}\""), false, true),
                ("[\"x,y\"]".to_owned(), false, true),
                ("[\"\", \"x\"]".to_owned(), false, true),
                ("\"\"".to_owned(), true, false),
                ("\"  \"".to_owned(), true, false),
                ("[]".to_owned(), true, false),
                ("[\"\", \" \"]".to_owned(), true, false),
            ];
            for (value, admits, is_any) in rows {
                let forced = config(format!("forced_chatgpt_workspace_id = {value}")).unwrap().forced;
                assert_eq!((forced.admits(&mine), forced.is_any()), (admits, is_any), "{value}");
                assert!(forced.admits(&key), "an API key has no workspace: {value}");
            }
        }),
        case("a forced method admits that kind of login only", || {
            let (mine, key) = (login(ACCOUNT), Auth::parse(&auth::api_key(KEY), chrono::Utc::now()));
            for (method, chatgpt, api) in
                [("\"chatgpt\"", true, false), ("\"api\"", false, true), ("{ api = {} }", false, true)]
            {
                let forced = config(format!("forced_login_method = {method}")).unwrap().forced;
                assert_eq!((forced.admits(&mine), forced.admits(&key)), (chatgpt, api), "{method}");
            }
        }),
        case("requirements.toml admits methods and workspaces; an empty list admits none", || {
            let (mine, key) = (login(ACCOUNT), Auth::parse(&auth::api_key(KEY), chrono::Utc::now()));
            let requirements =
                |text: &str| Requirements::of(&ConfigFile::parse(text.as_bytes(), "requirements.toml").unwrap());
            let rows = [
                (String::new(), true, true),
                ("forced_login_method = \"api\"".to_owned(), true, true),
                ("allowed_login_methods = [\"chatgpt\", \"chatgpt\"]".to_owned(), true, false),
                ("allowed_login_methods = [\"api\"]".to_owned(), false, true),
                ("allowed_login_methods = []".to_owned(), false, false),
                (format!("allowed_chatgpt_workspaces = [\" {ACCOUNT} \"]"), true, true),
                (format!("allowed_chatgpt_workspaces = [\"{OTHER_ACCOUNT}\"]"), false, true),
                ("allowed_chatgpt_workspaces = []".to_owned(), false, true),
                ("allowed_chatgpt_workspaces = [\" \"]".to_owned(), false, true),
            ];
            for (text, chatgpt, api) in rows {
                let requirements = requirements(&text).unwrap();
                assert_eq!((requirements.admit(&mine), requirements.admit(&key)), (chatgpt, api), "{text}");
            }
            for text in [
                "allowed_login_methods = \"api\"",
                "allowed_login_methods = [\"apikey\"]",
                "allowed_chatgpt_workspaces = \"x\"",
            ] {
                assert!(requirements(text).is_err(), "{text}");
            }
        }),
    ]
}

fn login(account: &str) -> Auth {
    Auth::parse(&auth::healthy(account, "personal", "r"), chrono::Utc::now())
}

fn layers() -> Vec<Case> {
    fn file(text: &str) -> ConfigFile {
        ConfigFile::parse(text.as_bytes(), "config.toml").unwrap()
    }
    let etc = Path::new("/etc/codex");
    vec![
        case("layers are merged table by table, and typed only as a whole", move || {
            let below = file("[model_providers.mine]\nname = \"Mine\"\n");
            let home = file("model_provider = \"mine\"\n[model_providers.mine]\nrequires_openai_auth = true\n");
            let merged = Config::of([Layer::File(&below, etc), Layer::File(&home, Path::new("/h"))]);
            assert_eq!(merged.map(|config| config.provider), Ok(Provider::WithOpenAiLogin));
            let (wrong, right) = (file("forced_login_method = 1"), file("forced_login_method = \"api\""));
            assert!(Config::of([Layer::File(&wrong, etc), Layer::File(&right, etc)]).is_ok(), "overwritten");
            assert!(Config::of([Layer::File(&right, etc), Layer::File(&wrong, etc)]).is_err());
        }),
        case("the managed file is above argv, argv above the home, the home above the system", move || {
            let store = |name: &str| file(&format!("cli_auth_credentials_store = \"{name}\""));
            let (system, home, managed) = (store("keyring"), store("auto"), store("file"));
            let argv = overrides(&["-c", "cli_auth_credentials_store=ephemeral", "app-server"]);
            let stack =
                [Layer::File(&system, etc), Layer::File(&home, etc), Layer::Argv(&argv), Layer::File(&managed, etc)];
            let expected = [Store::Keyring, Store::Auto, Store::Ephemeral, Store::File];
            for (count, expected) in (1..).zip(expected) {
                assert_eq!(Config::of(stack.into_iter().take(count)).unwrap().store, expected);
            }
        }),
        case("a dotted key of argv makes the tables on its way and replaces what is not one", || {
            let argv = overrides(&["-c", "a.b.c=1", "-c", "d=2", "-c", "d.e=3", "app-server"]);
            let mut config: toml::Table = "a = { b = 'text' }\nkept = true".parse().unwrap();
            argv.apply(&mut config);
            let expected: toml::Table = "a = { b = { c = 1 } }\nd = { e = 3 }\nkept = true".parse().unwrap();
            assert_eq!(config, expected);
        }),
        case("quotes in a key of argv are part of the name", || {
            let quoted = overrides(&["-c", "model_providers.\"x\".name=X", "-c", "model_provider=x", "app-server"]);
            assert_eq!(Config::of([Layer::Argv(&quoted)]).unwrap().provider, Provider::Undefined);
        }),
        case("a table of argv replaces what an earlier `-c` put there", || {
            let args =
                ["-c", "model_providers.x.name=X", "-c", "model_providers={y={name=\"Y\"}}", "-c", "model_provider=x"];
            assert_eq!(Config::of([Layer::Argv(&overrides(&args))]).unwrap().provider, Provider::Undefined);
        }),
        case("a table of argv is merged into the files below it", move || {
            let home = file("[model_providers.x]\nname = \"X\"\n");
            let args = overrides(&["-c", "model_providers={y={name=\"Y\"}}", "-c", "model_provider=x"]);
            let merged = Config::of([Layer::File(&home, etc), Layer::Argv(&args)]);
            assert_eq!(merged.unwrap().provider, Provider::Own);
        }),
        case("a file that argv names is relative to the working directory, one of a file to that file's", move || {
            let system = file("model_instructions_file = \"i.md\"");
            let files = |layers: &[Layer<'_>]| Config::of(layers.iter().copied()).unwrap().files;
            let path = |path: &str| vec![("model_instructions_file", PathBuf::from(path))];
            assert_eq!(files(&[Layer::File(&system, etc)]), path("/etc/codex/i.md"));
            let argv = overrides(&["-c", "model_instructions_file=\"j.md\"", "app-server"]);
            assert_eq!(files(&[Layer::File(&system, etc), Layer::Argv(&argv)]), path("j.md"));
        }),
    ]
}
