//! The fuzz targets without a fuzzer: every parser under bytes that were good once, a bounded number of times.
//!
//! For machines with a stable compiler only; `fuzz/README.md` says how to look further. The bytes of a run come from one
//! number, printed where something does not hold and set by `CODEX_HOME_SHIM_SEED`; how many there are for each parser, by
//! `CODEX_HOME_SHIM_FUZZ_RUNS`. With `CODEX_HOME_SHIM_FUZZ_CORPUS` the corpora are laid into that directory, for a fuzzer.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails"
)]

#[path = "support/mutants.rs"]
mod mutants;
#[path = "support/targets.rs"]
mod targets;
#[path = "support/vectors.rs"]
mod vectors;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fastrand::Rng;
use targets::{TARGETS, Target};

/// What the parsers look out for.
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

/// A few things done to one entry of the corpus.
fn bytes(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
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
            6 if rng.u32(..20) == 0 => {
                let deep = [b'[', b'{', b'"', b'.'][rng.usize(..4)];
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
    let runs = number("CODEX_HOME_SHIM_FUZZ_RUNS").unwrap_or(2_000);
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
        let bytes = bytes(&mut Rng::with_seed(seed.wrapping_add(run)), &corpus);
        if catch_unwind(AssertUnwindSafe(|| (target.holds)(&bytes))).is_err() {
            let shown = mutants::redacted(&bytes[..bytes.len().min(4096)]);
            panic!("{}: CODEX_HOME_SHIM_SEED={} ({} bytes)\n{shown}", target.name, seed.wrapping_add(run), bytes.len());
        }
    }
}

#[test]
fn no_bytes_in_auth_json_are_too_much() {
    fuzz(&TARGETS[0]);
}

#[test]
fn no_bytes_in_config_toml_are_too_much() {
    fuzz(&TARGETS[1]);
}

#[test]
fn no_bytes_in_our_own_settings_are_too_much() {
    fuzz(&TARGETS[2]);
}

#[test]
fn no_words_on_the_command_line_are_too_many() {
    fuzz(&TARGETS[3]);
}

#[test]
fn nothing_a_host_writes_is_too_much() {
    fuzz(&TARGETS[4]);
}
