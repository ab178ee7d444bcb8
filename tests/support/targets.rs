//! What must hold for any bytes at all: one function a parser, for whoever makes up bytes.
//!
//! The fuzz targets of `fuzz/` call these, `tests/fuzzed.rs` does where there is only a stable compiler, and
//! `tests/properties.rs` does with bytes of its own. Each panics where something does not hold.

#![allow(dead_code, reason = "every crate includes this module and uses its own part of it")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use codex_home::failure::Failure;
use codex_home::home::auth::{Auth, Usable};
use codex_home::home::completion::{Sealed, complete};
use codex_home::home::config::Config;
use codex_home::reason::Reason;
use codex_home::start::{Overrides, SIGN_OUT_KEYS, Start, serves_stdio};
use codex_home::{refusal, settings};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{mutants, vectors};

/// A parser, and what holds for it.
pub struct Target {
    /// As the fuzz target is called.
    pub name: &'static str,
    /// What must hold for any bytes.
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

/// `auth.json`, its claims, and completing it.
pub fn auth(bytes: &[u8]) {
    let sealed = Sealed::from(bytes.to_vec());
    static PERSONAL: LazyLock<Sealed> =
        LazyLock::new(|| Sealed::from(vectors::vector("ok_chatgpt_auth_mode").bytes(clock("2026-11-22T12:00:00Z"))));
    for now in ["2019-01-01T00:00:00Z", "2026-11-22T12:00:00Z", "2100-06-01T00:00:00Z"].map(clock) {
        let auth = Auth::read(bytes, now);
        assert_eq!(auth, Auth::read(bytes, now), "the same bytes, another judgement");
        let of_reason = match auth.because.reason {
            Reason::OkChatgpt | Reason::OkApiKey => Usable::Yes,
            Reason::OtherAuth => Usable::Unknown,
            _ => Usable::No,
        };
        assert_eq!(auth.usable, of_reason, "{}", auth.because);
        assert!(auth.renewed_at_start || !auth.stale, "past its end, and not renewed");
        assert!(!auth.may_be_torn() || auth.usable == Usable::No, "torn and usable");
        let alone = complete(&sealed, None, now);
        if auth.because.reason == Reason::OkChatgpt && !auth.owners.disagree() {
            assert!(alone.is_ok(), "what can log in cannot be completed");
        }
        for completion in [alone, complete(&sealed, Some(&PERSONAL), now), complete(&PERSONAL, Some(&sealed), now)] {
            let shown = format!("{completion:?}");
            assert!(shown.len() < 600, "{shown}");
        }
    }
}

fn auth_corpus() -> Vec<Vec<u8>> {
    let now = clock("2026-11-22T12:00:00Z");
    let vectors = vectors::vectors().into_iter().filter(|vector| vector.name != "fs_huge_50MB");
    let mutants = (0..100).map(|seed| mutants::auth(seed, now).bytes);
    vectors.map(|vector| vector.bytes(now)).filter(|bytes| !bytes.is_empty()).chain(mutants).collect()
}

/// codex's `config.toml`, alone and under the overrides of argv.
pub fn config(bytes: &[u8]) {
    let over = ["-c", "model_providers.mine.name=X", "--oss", "exec"].map(OsString::from);
    let Start::Judged { overrides, .. } = Start::read(&over) else { panic!("{over:?} is judged") };
    let read = Config::read(Some(bytes), &Overrides::default());
    assert_eq!(read, Config::read(Some(bytes), &Overrides::default()), "the same bytes, another reading");
    for read in [read, Config::read(Some(bytes), &overrides)] {
        match read {
            Ok(config) => _ = format!("{config:?}"),
            Err(because) => {
                assert_eq!(because.reason, Reason::ConfigInvalid);
                assert!(because.to_string().len() < 200, "{because}");
            }
        }
    }
}

fn config_corpus() -> Vec<Vec<u8>> {
    let drawn = (0..50).map(|seed| mutants::config(seed).bytes);
    mutants::config_lines().map(|line| line.bytes).chain(drawn).collect()
}

/// Our own `config.toml`.
pub fn settings_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (entries, wrong) = settings::parse(text);
    let lines = text.lines().count() + 1;
    let places = entries.iter().map(|entry| entry.at).chain(wrong.iter().map(|wrong| wrong.at));
    for (line, column) in places {
        assert!((1..=lines).contains(&line) && column > 0, "{line}:{column} of {lines} lines");
    }
    for wrong in wrong {
        assert!(!wrong.cause.is_empty() && !wrong.cause.contains('\n'), "{wrong:?}");
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

/// A command line: its words stand between NULs.
pub fn argv(bytes: &[u8]) {
    let args: Vec<OsString> = bytes.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
    let start = Start::read(&args);
    assert_eq!(start, Start::read(&args), "the same words, another start");
    _ = serves_stdio(&args);
    let Start::Judged { overrides, .. } = start else { return };
    for key in SIGN_OUT_KEYS {
        assert!(overrides.get(key).is_none(), "judged under `{key}`");
    }
    assert!(overrides.get("profile").is_none(), "judged under a profile");
    // codex finds a subcommand behind every option, and these end a login.
    let first = args.first().map(|word| word.as_bytes()).unwrap_or_default();
    assert!(!matches!(first, b"logout" | b"mcp" | b"help" | b"--version" | b"-V" | b"--help" | b"-h"), "{args:?}");
    _ = Config::read(None, &overrides);
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

/// What a host writes to an app-server that will never be.
pub fn lines(bytes: &[u8]) {
    let failure = Failure::CodexNotFound { looked: "`PATH`".to_owned(), passed_over: None };
    let mut said = Vec::new();
    refusal::converse(&mut &*bytes, &mut said, &failure).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.lines().count() <= bytes.split(|byte| *byte == b'\n').count(), "more answers than lines");
    for line in said.lines() {
        // An id is answered as it stands, be it a number beyond any range.
        let answers: Vec<Answer> = match serde_json::from_str(line) {
            Ok(answers) => answers,
            Err(_) => vec![serde_json::from_str(line).unwrap()],
        };
        assert!(!answers.is_empty());
        for answer in answers {
            assert_eq!(answer.error["code"], -32603);
            assert!(answer.id.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()), "{}", answer.id);
        }
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
        "[{\"id\":0,\"method\":\"a\"},{\"id\":-1.5e3,\"method\":\"b\"},{\"method\":\"c\"},[{\"id\":2,\"method\":\"d\"}]]\n",
        "{\"id\":null,\"method\":\"a\"}\n{\"id\":{},\"method\":\"a\"}\n{\"id\":1}\n{\"id\":1,\"result\":{}}\n",
        "null\ntrue\n1\n\"x\"\n[]\n{}\n\n  \nnot json\n{\"id\":1,\"method\":\"cut",
        "{\"id\":1,\"id\":2,\"method\":\"a\",\"method\":5}\n",
    ];
    LINES.iter().map(|text| text.as_bytes().to_vec()).collect()
}
