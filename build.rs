//! Links libgcc's unwinder into the program where the machine has it to link.
//!
//! Rust's standard library asks for the shared `libgcc_s` on Linux, for backtraces alone. To find, map and relocate it takes
//! the loader a tenth of what a start may cost. Where the linker knows the static half, that comes first and the shared one
//! is not needed; where it does not, everything is as it would be without this.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "cargo is told on stdout, and the linker is asked")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let has_shared_unwinder = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    // The linker of another machine's programs may not be asked by the name of ours.
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    if !has_shared_unwinder || !is_native {
        return;
    }
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let Ok(said) = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output() else { return };
    let said = String::from_utf8_lossy(&said.stdout);
    // A linker that does not know the file gives its bare name back.
    let archive = Path::new(said.trim());
    if let Some(directory) = archive.parent().filter(|_| archive.is_absolute() && archive.is_file()) {
        println!("cargo::rustc-link-search=native={}", directory.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
