//! The `config.toml` of codex, with and without overrides.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codex_home_shim_fuzz::targets::config(bytes));
