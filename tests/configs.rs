//! What codex takes for a `config.toml`, and what fails every `thread/start` of it: one sentence a row, each tried on codex
//! 0.118.0, 0.123.0, 0.136.0, 0.150.1 and 0.169.0 by `tests/conformance.rs`, which goes on looking for more.

use codex_home::home::config::Config;
use codex_home::reason::Reason;
use codex_home::start::Overrides;

fn is_taken(bytes: &[u8]) -> bool {
    match Config::read(Some(bytes), &Overrides::default()) {
        Ok(_) => true,
        Err(because) => {
            assert_eq!(because.reason, Reason::ConfigInvalid, "{because}");
            false
        }
    }
}

#[test]
fn what_every_codex_takes_is_taken() {
    let rows: &[(&str, &str)] = &[
        ("nothing", ""),
        ("a byte order mark", "\u{feff}model = \"gpt-5\"\n"),
        ("CRLF", "model = \"gpt-5\"\r\n[unknown]\r\na = 1\r\n"),
        ("an unknown key", "unknown = { a = 1, b = [1, \"x\"] }\n"),
        ("a store that is a table of its name", "cli_auth_credentials_store = { file = {} }\n"),
        ("a method that is a table of its name", "forced_login_method = { chatgpt = {} }\n"),
        ("a workspace", "forced_chatgpt_workspace_id = \"acc-1\"\n"),
        ("no workspace", "forced_chatgpt_workspace_id = \"\"\n"),
        ("workspaces (from 0.136.0)", "forced_chatgpt_workspace_id = [\"acc-1\", \"acc-2\"]\n"),
        ("no providers", "model_providers = {}\n"),
        ("a provider of a name", "[model_providers.mine]\nname = \"Mine\"\n"),
        ("a provider with a key nobody knows", "[model_providers.mine]\nname = \"Mine\"\nunknown = 5\n"),
        (
            "a provider with the wire that is left",
            "[model_providers.mine]\nname = \"Mine\"\nwire_api = \"responses\"\n",
        ),
        ("TOML 1.1: an escape of ESC", "unknown = \"\\e[0m\\x41\"\n"),
        ("TOML 1.1: an inline table over lines", "unknown = {\n  a = 1, # one\n  b = 2,\n}\n"),
        ("TOML 1.1: a time without seconds", "unknown = 10:30\n"),
        ("a leap second", "unknown = 2016-12-31T23:59:60Z\n"),
    ];
    for (what, text) in rows {
        assert!(is_taken(text.as_bytes()), "{what}");
    }
}

#[test]
fn what_codex_fails_over_is_not_taken() {
    let rows: &[(&str, &[u8])] = &[
        ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbfmodel = \"gpt-5\"\n"),
        ("bytes that are not UTF-8", b"# \xff\n"),
        ("UTF-16", b"\xff\xfem\0=\0"),
        ("a lone CR", b"a = 1\rb = 2\n"),
        ("a key twice", b"a = 1\n\"a\" = 2\n"),
        ("an integer of 64 bits, wherever it stands", b"unknown = 9223372036854775808\n"),
        ("an integer below all", b"[unknown]\na = [-9223372036854775809]\n"),
        ("a float beyond any range", b"unknown = 1e999\n"),
        ("a key that is not ASCII", "schl\u{fc}ssel = 1\n".as_bytes()),
        ("a store nobody knows", b"cli_auth_credentials_store = \"vault\"\n"),
        ("a store in capitals", b"cli_auth_credentials_store = \"File\"\n"),
        ("a store that is a list", b"cli_auth_credentials_store = [\"file\"]\n"),
        ("a store that is an empty table", b"cli_auth_credentials_store = {}\n"),
        ("a method that is a number", b"forced_login_method = 3\n"),
        ("a method that is a table of a number", b"forced_login_method = { chatgpt = 1 }\n"),
        ("a workspace that is a number", b"forced_chatgpt_workspace_id = 5\n"),
        ("workspaces that are numbers", b"forced_chatgpt_workspace_id = [5]\n"),
        ("workspaces of which one is a number", b"forced_chatgpt_workspace_id = [\"a\", 5]\n"),
        ("a workspace that is a table", b"forced_chatgpt_workspace_id = {}\n"),
        ("a model provider that is a table", b"model_provider = { name = \"openai\" }\n"),
        ("providers that are a string", b"model_providers = \"x\"\n"),
        ("providers that are a list", b"model_providers = []\n"),
        ("a provider that is a string", b"model_providers.mine = \"x\"\n"),
        ("a provider in an array of tables", b"[[model_providers.mine]]\nname = \"Mine\"\n"),
        ("a provider without a name, though it is not used", b"[model_providers.mine]\nbase_url = \"http://a/v1\"\n"),
        ("a provider with a blank name", b"[model_providers.mine]\nname = \"  \"\n"),
        ("a provider with a URL that is a number", b"[model_providers.mine]\nname = \"Mine\"\nbase_url = 5\n"),
        (
            "a provider with headers that are a string",
            b"[model_providers.mine]\nname = \"Mine\"\nhttp_headers = \"x\"\n",
        ),
        ("a provider with a header of a number", b"[model_providers.mine]\nname = \"M\"\nhttp_headers = { a = 1 }\n"),
        ("a provider whose wire is gone", b"[model_providers.mine]\nname = \"Mine\"\nwire_api = \"chat\"\n"),
        ("a provider in the place of codex's own", b"[model_providers.openai]\nname = \"Mine\"\n"),
        ("a profile that is a number", b"profile = 5\n"),
    ];
    for (what, bytes) in rows {
        assert!(!is_taken(bytes), "{what}");
    }
}
