//! Properties that hold for any files: nothing panics, nothing takes long, a repaired file is a login with everything else
//! unchanged, and no secret is shown.
//!
//! The bytes are mutated corpora of the fuzz targets, or come from proptest. `CODEX_HOME_SHIM_SEED` repeats a run,
//! `CODEX_HOME_SHIM_FUZZ_RUNS` and `PROPTEST_CASES` ask for more, and `CODEX_HOME_SHIM_FUZZ_CORPUS` names a directory for the
//! corpora, to start a fuzzer with (`fuzz/README.md`).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use codex_home::decide::{RepairState, decide};
use codex_home::home::SecretBytes;
use codex_home::home::auth::{Auth, Login};
use codex_home::home::repaired::repair;
use codex_home::journal::Record;
use codex_home::observe::observe;
use codex_home::{describe, display};
use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::judge::clock;
use crate::support::{Case, Fixture, case, harness};
use crate::targets::{self, TARGETS, Target};
use crate::{mutants, repair as disk};

/// Words that the parsers look for.
const WORDS: &[&[u8]] = &[
    b"\"tokens\"",
    b"\"id_token\"",
    b"\"account_id\"",
    b"\"auth_mode\"",
    b"\"OPENAI_API_KEY\"",
    b"\"last_refresh\"",
    b"null",
    b"{}",
    b"[]",
    b"\"\\ud800\"",
    b"1e999",
    b"-c",
    b"--",
    b"=",
    b"exec",
    b"logout",
    b"profile",
    b"forced_login_method",
    b"\"method\"",
    b"\"id\"",
    b"\"jsonrpc\"",
    b"\"\"\"",
    b"[[a]]",
    b"\n",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// An entry of the corpus, mutated a few times.
fn spoiled(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[rng.usize(..corpus.len())].clone();
    for _ in 0..rng.u32(1..6) {
        let at = rng.usize(..=bytes.len());
        let end = rng.usize(at..=bytes.len().min(at + 40));
        match rng.u32(..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u32(..8),
            1 if at < bytes.len() => bytes[at] = rng.u8(..),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..end].repeat(rng.usize(1..4));
                bytes.splice(at..at, again);
            }
            5 => {
                let other = &corpus[rng.usize(..corpus.len())];
                let from = rng.usize(..=other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
            // Deeper than any stack.
            6 if rng.u32(..50) == 0 => {
                let deep = *rng.choice(b"[{\".").unwrap();
                bytes.splice(at..at, vec![deep; 100_000]);
            }
            _ => {
                let word = WORDS[rng.usize(..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}

fn fuzz(target: &Target) {
    let seed = number("CODEX_HOME_SHIM_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let runs = number("CODEX_HOME_SHIM_FUZZ_RUNS").unwrap_or(if harness::is_deep() { 5_000 } else { 300 });
    let corpus = (target.corpus)();
    if let Some(directory) = std::env::var_os("CODEX_HOME_SHIM_FUZZ_CORPUS") {
        let directory = Path::new(&directory).join(target.name);
        fs::create_dir_all(&directory).unwrap();
        for (number, entry) in corpus.iter().enumerate() {
            fs::write(directory.join(format!("{number:04}")), entry).unwrap();
        }
    }
    for entry in &corpus {
        (target.holds)(entry);
    }
    for run in 0..runs {
        let bytes = spoiled(&mut Rng::with_seed(seed.wrapping_add(run)), &corpus);
        if catch_unwind(AssertUnwindSafe(|| (target.holds)(&bytes))).is_err() {
            let shown = mutants::redacted(&bytes[..bytes.len().min(4096)]);
            panic!("{}: CODEX_HOME_SHIM_SEED={} ({} bytes)\n{shown}", target.name, seed.wrapping_add(run), bytes.len());
        }
    }
}

/// Draws from `strategy` and checks `holds`, which panics if something does not.
fn property<S>(name: &str, cases: u32, strategy: fn() -> S, holds: fn(S::Value)) -> Case
where
    S: Strategy + 'static,
    S::Value: Debug,
{
    case(name, move || {
        let asked = number("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok());
        let cases = asked.unwrap_or(if harness::is_deep() { cases * 10 } else { cases });
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner
            .run(&strategy(), |value| {
                holds(value);
                Ok(())
            })
            .unwrap();
    })
}

/// Any JSON. Most of its keys are known to codex.
fn json() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 9] = [
        "auth_mode",
        "OPENAI_API_KEY",
        "tokens",
        "last_refresh",
        "id_token",
        "access_token",
        "refresh_token",
        "account_id",
        "https://api.openai.com/auth",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("chatgpt")),
        Just(Value::from("a.e30.c")),
        Just(Value::from("2026-11-22T10:00:00Z")),
    ];
    let key = prop_oneof![8 => prop::sample::select(&KEYS).prop_map(str::to_owned), 1 => ".{0,8}"];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A bridge as OpenClaw may write it, with a few mutations.
fn bridge_file() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), any::<[bool; 3]>()).prop_map(|(seed, drop)| {
        let whole = mutants::auth(seed, clock()).bytes;
        let Ok(mut file) = serde_json::from_slice::<Value>(&whole) else { return whole };
        for (drop, (object, key)) in
            drop.iter().zip([("/tokens", "id_token"), ("", "last_refresh"), ("/tokens", "account_id")])
        {
            if *drop && let Some(object) = file.pointer_mut(object).and_then(Value::as_object_mut) {
                object.remove(key);
            }
        }
        serde_json::to_vec(&file).unwrap()
    })
}

/// A word of a command line, not always text.
fn word() -> impl Strategy<Value = OsString> {
    const WORDS: [&str; 9] = ["", "--", "-c", "model=\"a b\"", "app-server", "exec", "--listen", "stdio://", "login"];
    prop_oneof![
        prop::collection::vec(1_u8.., 0..12).prop_map(OsString::from_vec),
        "[a-z-]{1,12}".prop_map(OsString::from),
        prop::sample::select(&WORDS).prop_map(OsString::from),
    ]
}

fn all_targets(bytes: &[u8]) {
    TARGETS.iter().for_each(|target| (target.holds)(bytes));
}

pub fn cases() -> Vec<Case> {
    let fuzzed = TARGETS
        .iter()
        .map(|target| case(format!("no bytes are too much for the parser of `{}`", target.name), || fuzz(target)));
    let drawn = [
        property(
            "any bytes have an answer",
            100,
            || prop::collection::vec(any::<u8>(), 0..2048),
            |bytes| all_targets(&bytes),
        ),
        property("any text has an answer", 100, || ".{0,512}", |text| all_targets(text.as_bytes())),
        property("any JSON has an answer", 100, json, |json| all_targets(json.to_string().as_bytes())),
        property("any auth.json that is nearly right has an answer", 300, any::<u64>, |seed| {
            targets::auth(&mutants::auth(seed, clock()).bytes);
        }),
        property("any config.toml that is nearly right has an answer", 300, any::<u64>, |seed| {
            targets::config(&mutants::config(seed).bytes);
            targets::settings_file(&mutants::config(seed).bytes);
        }),
        property(
            "any command line has an answer",
            300,
            || prop::collection::vec(word(), 0..8),
            |words| {
                targets::argv(words.join(OsStr::new("\0")).as_bytes());
            },
        ),
        property("what is repaired is a login, and everything else in it is as it was", 150, bridge_file, is_repaired),
        property(
            "nothing that a start shows holds a secret",
            60,
            || (bridge_file(), prop::option::of(bridge_file()), 0_usize..3),
            |(bridge, personal, strategy)| {
                hides(&bridge, personal.as_deref(), ["auto", "redirect", "repair"][strategy])
            },
        ),
    ];
    let size = case("hostile files of 256 KiB are read in linear time", linear);
    fuzzed.chain(drawn).map(Case::can_be_deeper).chain([size]).collect()
}

fn is_repaired(bridge: Vec<u8>) {
    if repair(&SecretBytes::from(bridge.clone()), clock()).is_err() {
        return;
    }
    let new = disk::written(&bridge);
    assert!(matches!(Auth::parse(new.as_bytes(), clock()).login, Login::Usable(_)), "not a login");
    // Values that serde_json cannot read (nested too deep, numbers out of range) are compared elsewhere, as text.
    let (Ok(mut old), Ok(mut new)) = (serde_json::from_slice::<Value>(&bridge), serde_json::from_str::<Value>(&new))
    else {
        return;
    };
    assert_eq!(new["tokens"]["refresh_token"], "");
    for file in [&mut old, &mut new] {
        file.as_object_mut().unwrap().remove("last_refresh");
        let tokens = file["tokens"].as_object_mut().unwrap();
        ["id_token", "refresh_token", "account_id"].iter().for_each(|key| drop(tokens.remove(*key)));
    }
    assert_eq!(old, new);
}

/// Every long word with a digit in a file, except the names of fields.
fn secrets(file: &[u8]) -> Vec<String> {
    const NAMES: [&str; 8] =
        ["api_key", "account_id", "token", "auth_mode", "last_refresh", "identity", "chatgpt_", "credentials_store"];
    let is_name = |word: &str| NAMES.iter().any(|name| word.to_ascii_lowercase().contains(name));
    let text = String::from_utf8_lossy(file).into_owned();
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_@".contains(c)));
    words
        .filter(|word| word.len() > 16 && word.bytes().any(|b| b.is_ascii_digit()) && !is_name(word))
        .map(str::to_owned)
        .collect()
}

/// Checks everything that a start in such a bridge could show.
fn hides(bridge: &[u8], personal: Option<&[u8]>, strategy: &str) {
    let person = Fixture::new();
    person.write_auth(&person.bridge(), bridge);
    if let Some(personal) = personal {
        person.write_auth(&person.personal(), personal);
    }
    let [home, injected] = [person.home(), person.bridge()].map(|path| path.to_string_lossy().into_owned());
    let env = [
        ("HOME", home.as_str()),
        ("CODEX_HOME", &injected),
        ("CODEX_HOME_SHIM_CODEX", "/bin/sh"),
        ("CODEX_HOME_SHIM_STRATEGY", strategy),
        ("OPENAI_API_KEY", "sk-environment-synthetic-0123456789"),
    ];
    let mut invocation = crate::invocation(&env, &["-c", "shell.TOKEN=\"argv-synthetic-0123456789\"", "app-server"]);
    invocation.now = clock();
    let observed = observe(&invocation);
    let decision = decide(&observed, RepairState::Untried);
    let messages = describe::messages(&observed, &decision);
    let record = Record::new(&invocation, &observed, &decision, &messages);
    let shown =
        [format!("{invocation:?} {observed:?} {decision:?} {messages:?}"), display::json_line(&record).unwrap()]
            .join("\n")
            // The scratch directory's name is drawn too.
            .replace(&*person.root().to_string_lossy(), "");
    let parts: BTreeSet<&[u8]> = shown.as_bytes().windows(12).collect();
    let given =
        ["sk-environment-synthetic-0123456789", "argv-synthetic-0123456789", "user@example.com"].map(str::to_owned);
    for secret in secrets(bridge).into_iter().chain(secrets(personal.unwrap_or_default())).chain(given) {
        let is_seen = secret.as_bytes().windows(12).any(|part| parts.contains(part));
        assert!(!is_seen, "a secret of {} characters in {shown}", secret.len());
    }
    assert!(!shown.contains("eyJ"), "a token in {shown}");
}

/// A quadratic parser takes sixteen times as long for four times as much.
fn linear() {
    let files: [(&str, fn(usize) -> String); 14] = [
        ("nested arrays", |n| "[".repeat(n / 2) + &"]".repeat(n / 2)),
        ("nested objects", |n| "{\"a\":".repeat(n / 5)),
        ("nested tokens", |n| format!("{{\"tokens\":{}}}", "[".repeat(n))),
        ("one field, repeated", |n| format!("{{{}\"a\":1}}", "\"a\":1,".repeat(n / 6))),
        ("`tokens`, repeated", |n| format!("{{{}\"a\":1}}", "\"tokens\":{},".repeat(n / 12))),
        ("many fields", |n| format!("{{{}\"a\":1}}", (0..n / 9).map(|i| format!("\"{i:x}\":1,")).collect::<String>())),
        ("many claims", |n| {
            let token = "\"access_token\":\"a.e30.c\",".repeat(n / 25);
            format!("{{\"tokens\":{{{token}\"account_id\":\"a\"}}}}")
        }),
        ("a long token", |n| format!("{{\"tokens\":{{\"id_token\":\"a.{}.c\"}}}}", "x".repeat(n))),
        ("a token of dots", |n| format!("{{\"tokens\":{{\"access_token\":\"{}\"}}}}", ".".repeat(n))),
        ("escapes", |n| format!("{{\"{}\":1}}", "\\u0061".repeat(n / 6))),
        ("a TOML key of many parts", |n| format!("a{} = 1", ".a".repeat(n / 2))),
        ("many TOML tables", |n| (0..n / 14).map(|i| format!("[a.b{i:x}]\nc=1\n")).collect()),
        ("many requests", |n| "{\"id\":1,\"method\":\"a\"}\n".repeat(n / 22)),
        ("a long id", |n| format!("{{\"id\":\"{}\",\"method\":\"a\"}}\n", "x".repeat(n))),
    ];
    let took = |target: &Target, bytes: &[u8]| {
        let since = Instant::now();
        (target.holds)(bytes);
        since.elapsed()
    };
    for (name, make) in files {
        let [small, large] = [64 << 10, 256 << 10].map(|size| make(size).into_bytes());
        // JSON, or TOML.
        let names: [&str; 2] = if name.contains("TOML") { ["config", "settings"] } else { ["auth", "lines"] };
        for target in TARGETS.iter().filter(|target| names.contains(&target.name)) {
            let is_linear = || took(target, &large) < took(target, &small) * 9 + Duration::from_millis(40);
            assert!((0..4).any(|_| is_linear()), "{}: {name}", target.name);
        }
    }
}
