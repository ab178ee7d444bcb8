//! What a host writes to a start that was refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codex_home_shim_fuzz::targets::lines(bytes));
