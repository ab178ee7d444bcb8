//! Our own `config.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codex_home_shim_fuzz::targets::settings_file(bytes));
