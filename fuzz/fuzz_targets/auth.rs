//! An `auth.json`, its claims, and its repair.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codex_home_shim_fuzz::targets::auth(bytes));
