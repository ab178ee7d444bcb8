//! An `auth.json`, its claims, and completing it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codex_home_shim_fuzz::targets::auth(bytes));
