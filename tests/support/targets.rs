//! Properties that hold for any bytes: one function for each parser.
//!
//! The fuzz targets of `fuzz/` call these, and `tests/pure/parsers.rs` calls them with a stable compiler. Each panics if something
//! does not hold.

#![allow(dead_code, reason = "every crate that includes this module uses its own part of it")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use codex_home::failure::Failure;
use codex_home::home::SecretBytes;
use codex_home::home::auth::{Auth, Login, Named};
use codex_home::home::config::{Config, ConfigFile, Layer, Requirements};
use codex_home::home::repaired::repair;
use codex_home::reason::ReasonCode;
use codex_home::request::{Request, SIGN_OUT_KEYS, serves_stdio};
use codex_home::settings::FileProblem;
use codex_home::{display, refusal, settings};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{mutants, vectors};

/// A parser, and its property.
pub struct Target {
    /// The name of the fuzz target.
    pub name: &'static str,
    /// The property; panics if it does not hold.
    pub holds: fn(&[u8]),
    /// Bytes to begin with.
    pub corpus: fn() -> Vec<Vec<u8>>,
}

/// Every parser.
pub const TARGETS: [Target; 5] = [
    Target { name: "auth", holds: auth, corpus: auth_corpus },
    Target { name: "config", holds: config, corpus: config_corpus },
    Target { name: "settings", holds: settings_file, corpus: settings_corpus },
    Target { name: "argv", holds: argv, corpus: argv_corpus },
    Target { name: "lines", holds: lines, corpus: lines_corpus },
];

fn clock(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// `auth.json`, its claims, and its repair.
pub fn auth(bytes: &[u8]) {
    let secret = SecretBytes::from(bytes.to_vec());
    for now in ["1970-01-01T00:00:00Z", "2026-11-22T12:00:00Z", "2100-06-01T00:00:00Z"].map(clock) {
        let auth = Auth::parse(bytes, now);
        assert_eq!(auth, Auth::parse(bytes, now), "the same bytes, another judgement");
        match &auth.login {
            Login::Usable(reason) => assert!(matches!(reason.code, ReasonCode::OkChatgpt | ReasonCode::OkApiKey)),
            Login::NotJudged(reason) => {
                use ReasonCode::{AuthIsArray, MissingLastRefresh, OtherAuth, UnknownAuthMode};
                assert!(matches!(reason.code, AuthIsArray | MissingLastRefresh | OtherAuth | UnknownAuthMode));
            }
            Login::Broken(reason) => assert!(reason.to_string().len() < 200, "{reason}"),
        }
        let is_usable = matches!(auth.login, Login::Usable(_));
        assert!(!(is_usable && auth.may_be_torn), "torn and usable");
        let Ok(repaired) = repair(&secret, now) else { continue };
        assert!(format!("{repaired:?}").len() < 600, "{repaired:?}");
        assert!(matches!(repaired.auth.login, Login::Usable(_)), "a repair that does not log in");
        assert!(!repaired.auth.has_refresh_token && !repaired.auth.renewed_at_start, "a repair that codex would renew");
        assert!(repaired.auth.owners.account.one().is_some() && auth.owners.account != Named::Several, "whose is it?");
    }
}

fn auth_corpus() -> Vec<Vec<u8>> {
    let now = clock("2026-11-22T12:00:00Z");
    let vectors = vectors::vectors().into_iter().filter(|vector| vector.name != "fs_huge_50MB");
    let mutants = (0..100).map(|seed| mutants::auth(seed, now).bytes);
    vectors.map(|vector| vector.bytes(now)).filter(|bytes| !bytes.is_empty()).chain(mutants).collect()
}

/// codex's `config.toml`, alone and under the overrides of argv, and `requirements.toml`.
pub fn config(bytes: &[u8]) {
    let args = ["-c", "model_providers.mine.name=X", "--oss", "exec"].map(OsString::from);
    let Request::Judged(judged) = Request::parse(&args) else { panic!("{args:?} is judged") };
    let file = match ConfigFile::parse(bytes, "config.toml") {
        Ok(file) => file,
        Err(reason) => {
            assert_eq!(reason.code, ReasonCode::ConfigInvalid);
            assert!(reason.to_string().len() < 200, "{reason}");
            return;
        }
    };
    let layer = Layer::File(&file, Path::new("/home/me/.codex"));
    assert_eq!(Config::of([layer]), Config::of([layer]), "the same bytes, another reading");
    for config in [Config::of([layer]), Config::of([layer, Layer::Argv(&judged.overrides)])] {
        match config {
            Ok(config) => _ = format!("{config:?}"),
            Err(reason) => {
                assert_eq!(reason.code, ReasonCode::ConfigInvalid);
                assert!(reason.to_string().len() < 200, "{reason}");
            }
        }
    }
    _ = Requirements::of(&file);
}

fn config_corpus() -> Vec<Vec<u8>> {
    let drawn = (0..50).map(|seed| mutants::config(seed).bytes);
    mutants::config_lines().map(|line| line.bytes).chain(drawn).collect()
}

/// Our own settings file.
pub fn settings_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match settings::check_for(text, None) {
        Ok(()) => {}
        Err(FileProblem::Invalid { at: (line, column), cause }) => {
            let lines = text.lines().count() + 1;
            assert!((1..=lines).contains(&line) && column > 0, "{line}:{column} of {lines} lines");
            assert!(!cause.is_empty() && !cause.chars().any(display::is_control), "{cause:?}");
        }
        Err(problem) => panic!("{problem}"),
    }
}

fn settings_corpus() -> Vec<Vec<u8>> {
    const FILES: &[&str] = &[
        "",
        "strategy = \"auto\"\ncodex = \"/usr/local/bin/codex\"\n",
        "personal_home = \"~/.codex\"\nbridges = [\"/a/*/b\", \"~/x\"]\nleave = []\nnpm_native = false\n",
        "journal = false\n",
        "journal = \"/var/log/x\"\n",
        "journal = 5\nstrategi = \"off\"\n[codex]\n",
        "bridges = [1, \"a\"]\n",
    ];
    FILES.iter().map(|text| text.as_bytes().to_vec()).chain(config_corpus()).collect()
}

/// A command line: its words are separated by NULs.
pub fn argv(bytes: &[u8]) {
    let args: Vec<OsString> = bytes.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
    let request = Request::parse(&args);
    assert_eq!(request, Request::parse(&args), "the same words, another request");
    _ = serves_stdio(&args);
    let Request::Judged(judged) = request else { return };
    for key in SIGN_OUT_KEYS {
        assert!(judged.overrides.get(key).is_none(), "judged under `{key}`");
    }
    assert!(judged.overrides.get("profile").is_none(), "judged under a profile");
    // codex finds a subcommand after every option, and these end a login.
    let first = args.first().map(|word| word.as_bytes()).unwrap_or_default();
    assert!(!matches!(first, b"logout" | b"mcp" | b"help" | b"--version" | b"-V" | b"--help" | b"-h"), "{args:?}");
    _ = Config::of([Layer::Argv(&judged.overrides)]);
}

fn argv_corpus() -> Vec<Vec<u8>> {
    const LINES: &[&[u8]] = &[
        b"app-server\0--listen\0stdio://",
        b"-c\0cli_auth_credentials_store=\"ephemeral\"\0app-server\0--listen\0stdio://",
        b"exec\0--json\0--skip-git-repo-check\0ping",
        b"exec\0-c\0forced_login_method=\"api\"\0ping",
        b"-c\0a.b.c=1\0-c\0a.b=2\0-ca=3\0--config=a={x=1}\0exec\0resume\0--last",
        b"-p\0work\0exec\0x",
        b"login\0status",
        b"logout",
        b"hello\0logout",
        b"-i\0a.png\0b.png\0--\0exec",
        b"--oss\0--local-provider\0ollama",
        b"app-server\0--startup-sign-out",
        b"app-server\0generate-ts",
        b"-mgpt-5\0-s=read-only\0-C/tmp\0review\0--base\0main",
        b"\xff\xfe\0--\xff=1",
        b"",
    ];
    LINES.iter().map(|line| line.to_vec()).collect()
}

/// What a host writes to an app-server that is refused.
pub fn lines(bytes: &[u8]) {
    let failure = Failure::CodexNotFound { searched: Vec::new(), skipped: Vec::new(), settings_file: None };
    let mut output = Vec::new();
    refusal::converse(&mut &*bytes, &mut output, &failure, None, failure.to_string()).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.lines().count() <= bytes.split(|byte| *byte == b'\n').count(), "more answers than lines");
    for line in output.lines() {
        assert!(!line.chars().any(display::is_control), "{line}");
        // An id is answered as it is written, even if it is a number out of any range.
        let answer: Answer = serde_json::from_str(line).unwrap();
        assert_eq!(answer.error["code"], -32603);
        assert!(answer.id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()), "{}", answer.id);
    }
}

#[derive(Deserialize)]
struct Answer {
    id: Box<RawValue>,
    error: Value,
}

fn lines_corpus() -> Vec<Vec<u8>> {
    const LINES: &[&str] = &[
        "{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":\"openclaw\"}}}\n",
        "{\"jsonrpc\":\"2.0\",\"id\":\"b9-\\u00e4\",\"method\":\"initialize\"}\r\n{\"method\":\"initialized\"}\n",
        "[{\"id\":0,\"method\":\"a\"},{\"id\":-1.5e3,\"method\":\"b\"}]\n",
        "{\"id\":null,\"method\":\"a\"}\n{\"id\":{},\"method\":\"a\"}\n{\"id\":1}\n{\"id\":1,\"result\":{}}\n",
        "null\ntrue\n1\n\"x\"\n[]\n{}\n\n  \nnot json\n{\"id\":1,\"method\":\"cut",
        "{\"id\":1,\"id\":2,\"method\":\"a\",\"method\":5}\n{\"id\":\"\u{2028}\u{85}\",\"method\":\"a\"}\n",
    ];
    LINES.iter().map(|text| text.as_bytes().to_vec()).collect()
}
