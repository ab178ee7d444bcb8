//! The real codex, from npm. Fetched once into the build directory and kept there.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::Builder;

/// Two hundred megabytes over a slow line, and then it is npm that hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// The native binary of `@openai/codex@<version>`, or why it cannot be had, in one line.
pub fn codex(version: &str) -> Result<PathBuf, String> {
    let platform = platform()?;
    let cache = cache()?;
    let kept = cache.join(format!("codex-{version}"));
    if let Some(binary) = native(&kept, platform) {
        return Ok(binary);
    }
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    // Several test programs may be here at once: each installs beside, the first to finish moves in.
    let fresh = Builder::new()
        .prefix(&format!(".codex-{version}-"))
        .tempdir_in(&cache)
        .map_err(|error| format!("{}: {error}", cache.display()))?;
    let prefix = fresh.path().join("codex");
    fs::create_dir(&prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
    install(version, &prefix, &fresh.path().join("npm"))?;
    native(&prefix, platform).ok_or_else(|| format!("@openai/codex@{version} brought no binary for {OS} {ARCH}"))?;
    let moved = fs::rename(&prefix, &kept);
    native(&kept, platform).ok_or_else(|| match moved {
        Ok(()) => format!("{} was there and is gone", kept.display()),
        Err(error) => format!("{}: {error}", kept.display()),
    })
}

/// What was fetched before, newest name last: for those who would rather use none than fetch one.
pub fn kept() -> Option<PathBuf> {
    let platform = platform().ok()?;
    let mut kept: Vec<_> = fs::read_dir(cache().ok()?).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    kept.sort();
    kept.iter().rev().find_map(|prefix| native(prefix, platform))
}

/// `apart` is npm's own home and cache: the person's stay as they are, and this one goes when we do.
fn install(version: &str, into: &Path, apart: &Path) -> Result<(), String> {
    let mut npm = Command::new("npm");
    npm.env("HOME", apart)
        .env("npm_config_cache", apart.join("cache"))
        .env("npm_config_userconfig", apart.join("npmrc"))
        .current_dir(into)
        .args(["install", "--prefix", ".", "--no-save", "--ignore-scripts"])
        .args(["--include=optional", "--no-audit", "--no-fund"])
        .args(["--no-update-notifier", "--loglevel=error"])
        .args(["--fetch-retries=2", "--fetch-retry-mintimeout=500"])
        .args(["--fetch-retry-maxtimeout=2000"])
        .arg(format!("@openai/codex@{version}"));
    let finished = super::run_within(&mut npm, PATIENCE).map_err(|error| first_line(&error))?;
    if finished.code == Some(0) {
        return Ok(());
    }
    Err(format!("npm could not install @openai/codex@{version}: {}", first_line(&finished.stderr)))
}

/// `<target>/npm-cache`, wherever the build directory is.
fn cache() -> Result<PathBuf, String> {
    // `<target>/<profile>/deps/<test>`, `<target>/<profile>/examples/<example>`; or with a target triple before the profile.
    let program = std::env::current_exe().map_err(|error| format!("where we are: {error}"))?;
    let target = program.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file());
    Ok(target.ok_or_else(|| format!("{} is not in a build directory", program.display()))?.join("npm-cache"))
}

#[derive(Clone, Copy)]
struct Platform {
    package: &'static str,
    triple: &'static str,
}

fn platform() -> Result<Platform, String> {
    let (package, triple) = match (OS, ARCH) {
        ("linux", "x86_64") => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("codex-darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("codex-darwin-arm64", "aarch64-apple-darwin"),
        _ => return Err(format!("npm has no codex for {OS} {ARCH}")),
    };
    Ok(Platform { package, triple })
}

/// npm nests the platform's package or lays it beside; the binary moved between 0.128 and 0.136.
fn native(prefix: &Path, platform: Platform) -> Option<PathBuf> {
    let scope = prefix.join("node_modules/@openai");
    let nested = scope.join("codex/node_modules/@openai");
    [scope, nested]
        .iter()
        .map(|scope| scope.join(platform.package).join("vendor").join(platform.triple))
        .flat_map(|vendor| [vendor.join("bin/codex"), vendor.join("codex/codex")])
        .find(|binary| binary.is_file())
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it did not say why").to_owned()
}
