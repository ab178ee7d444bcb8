//! The real codex and the real OpenClaw, from npm. Fetched once into the build directory and kept there.

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
    let fetched =
        fetch(&format!("codex-{version}"), &[&format!("@openai/codex@{version}")], |prefix| native(prefix, platform));
    fetched?.ok_or_else(|| format!("@openai/codex@{version} brought no binary for {OS} {ARCH}"))
}

/// The real OpenClaw, and the node it runs on.
#[derive(Clone, Debug)]
pub struct OpenClaw {
    /// Its command, a script for node.
    pub command: PathBuf,
    /// The directory of a `node` that is new enough for it.
    pub node: PathBuf,
}

/// The directory of a `node` that is new enough for every host, or why it cannot be had.
pub fn node() -> Result<PathBuf, String> {
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(format!("npm has no node for {OS} {ARCH}")),
    };
    let package = format!("node-{platform}");
    let node = fetch(&package, &[&format!("{package}@24")], |prefix| {
        let node = prefix.join("node_modules").join(&package).join("bin/node");
        node.is_file().then_some(node)
    });
    let node = node?.ok_or_else(|| format!("{package}@24 brought no node"))?;
    Ok(node.parent().unwrap_or(&node).to_owned())
}

/// A directory with these packages in its `node_modules`, or why it cannot be had, in one line.
pub fn packages(specs: &[&str]) -> Result<PathBuf, String> {
    let name = specs.join("+").replace('/', "-");
    let there = |prefix: &Path| prefix.join("node_modules").is_dir().then(|| prefix.to_owned());
    fetch(&name, specs, there)?.ok_or_else(|| format!("{} brought nothing", specs.join(" ")))
}

/// `openclaw@<version>`, with what it depends on as it was before a day, where one is given; or why it cannot be had, in one line.
pub fn openclaw(version: &str, before: &str) -> Result<OpenClaw, String> {
    let node = node()?;
    let there = |path: PathBuf| path.is_file().then_some(path);
    let (spec, before) = (format!("openclaw@{version}"), format!("--before={before}"));
    let specs: &[&str] = if before.ends_with('=') { &[&spec] } else { &[&spec, &before] };
    let command =
        fetch(&format!("openclaw-{version}"), specs, |prefix| there(prefix.join("node_modules/openclaw/openclaw.mjs")));
    let command = command?.ok_or_else(|| format!("openclaw@{version} brought no command"))?;
    Ok(OpenClaw { command, node })
}

/// What `find` finds in the directory `name` of what is kept, which npm fills where it finds nothing yet.
fn fetch(name: &str, specs: &[&str], find: impl Fn(&Path) -> Option<PathBuf>) -> Result<Option<PathBuf>, String> {
    let cache = cache()?;
    let kept = cache.join(name);
    if let Some(found) = find(&kept) {
        return Ok(Some(found));
    }
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    // Several test programs may be here at once: each installs beside, the first to finish moves in.
    let fresh = Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(&cache)
        .map_err(|error| format!("{}: {error}", cache.display()))?;
    let prefix = fresh.path().join("installed");
    fs::create_dir(&prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
    install(specs, &prefix, &fresh.path().join("npm"))?;
    if find(&prefix).is_none() {
        return Ok(None);
    }
    let moved = fs::rename(&prefix, &kept);
    find(&kept).map(Some).ok_or_else(|| match moved {
        Ok(()) => format!("{} was there and is gone", kept.display()),
        Err(error) => format!("{}: {error}", kept.display()),
    })
}

/// What was fetched before, newest name last: for those who would rather use none than fetch one.
pub fn kept() -> Option<PathBuf> {
    let platform = platform().ok()?;
    let mut kept: Vec<_> = fs::read_dir(cache().ok()?).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // Some of what is kept brings a codex of its own.
    kept.retain(|prefix| prefix.file_name().is_some_and(|name| name.to_string_lossy().starts_with("codex-")));
    kept.sort();
    kept.iter().rev().find_map(|prefix| native(prefix, platform))
}

/// `apart` is npm's own home and cache: the person's stay as they are, and this one goes when we do.
fn install(specs: &[&str], into: &Path, apart: &Path) -> Result<(), String> {
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
        .args(specs);
    let finished = super::run_within(&mut npm, PATIENCE).map_err(|error| first_line(&error))?;
    if finished.code == Some(0) {
        return Ok(());
    }
    Err(format!("npm could not install {}: {}", specs.join(" "), first_line(&finished.stderr)))
}

/// `<target>/npm-cache`, wherever the build directory is.
pub fn cache() -> Result<PathBuf, String> {
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
