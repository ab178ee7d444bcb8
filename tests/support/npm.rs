//! The real codex and the real OpenClaw, from npm: fetched once into the build directory and kept there.

use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tempfile::Builder;

use super::versions;

/// How long npm may take: two hundred megabytes over a slow line.
const PATIENCE: Duration = Duration::from_secs(300);

/// Returns the native binary of `@openai/codex@<version>`, or why there is none, in one line.
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

/// Returns the directory of a `node` that is new enough for every host.
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

/// Returns a directory with these packages in its `node_modules`.
pub fn packages(specs: &[&str]) -> Result<PathBuf, String> {
    let name = specs.join("+").replace('/', "-");
    let there = |prefix: &Path| prefix.join("node_modules").is_dir().then(|| prefix.to_owned());
    fetch(&name, specs, there)?.ok_or_else(|| format!("{} brought nothing", specs.join(" ")))
}

/// Returns `openclaw@<version>`, with its dependencies as they were when it worked.
pub fn openclaw(version: &str) -> Result<OpenClaw, String> {
    let node = node()?;
    let there = |path: PathBuf| path.is_file().then_some(path);
    let before = versions::openclaw().dependencies_before(version).map(|day| format!("--before={day}"));
    let specs: Vec<_> = [format!("openclaw@{version}")].into_iter().chain(before).collect();
    let specs: Vec<_> = specs.iter().map(String::as_str).collect();
    let command = fetch(&format!("openclaw-{version}"), &specs, |prefix| {
        there(prefix.join("node_modules/openclaw/openclaw.mjs"))
    });
    let command = command?.ok_or_else(|| format!("openclaw@{version} brought no command"))?;
    Ok(OpenClaw { command, node })
}

/// Returns the newest version of codex that npm has.
pub fn latest() -> Result<String, String> {
    static LATEST: OnceLock<Result<String, String>> = OnceLock::new();
    let ask = || {
        let apart = tempfile::tempdir().map_err(|error| error.to_string())?;
        let finished = super::run_within(npm(apart.path()).args(["view", "@openai/codex", "version"]), PATIENCE)?;
        match finished.code {
            Some(0) => Ok(finished.stdout.trim().to_owned()),
            _ => Err(first_line(&finished.stderr)),
        }
    };
    LATEST.get_or_init(ask).clone()
}

/// Returns a project in which `npm i @openai/codex@<version>` was run: the platform's package is hoisted.
pub fn project(version: &str) -> Result<PathBuf, String> {
    codex(version)?;
    Ok(cache()?.join(format!("codex-{version}")))
}

/// Returns a prefix into which `npm i -g @openai/codex@<version>` was run: the platform's package is nested.
pub fn global(version: &str) -> Result<PathBuf, String> {
    let make = |prefix: &Path, apart: &Path| {
        let spec = format!("@openai/codex@{version}");
        install(npm(apart).args(["install", "-g", "--include=optional", &spec, "--prefix"]).arg(prefix))
    };
    made(&format!("global-{version}"), "lib", make)
}

/// An installer that installs codex for one person.
#[derive(Clone, Copy, Debug)]
pub struct Installer {
    /// Its name and version, as npm has it.
    pub spec: &'static str,
    /// Its id among the places that the launcher looks at.
    pub id: &'static str,
    /// The directory below the home in which it puts the command `codex`.
    pub bin: &'static str,
    /// What precedes the package's name on its command line.
    args: &'static [&'static str],
}

/// The installers that npm has.
pub const INSTALLERS: &[Installer] = &[
    npm_of("npm@11"),
    npm_of("npm@12"),
    pnpm_of("pnpm@10", ".local/share/pnpm"),
    pnpm_of("pnpm@11", ".local/share/pnpm/bin"),
    pnpm_of("pnpm@12", ".local/share/pnpm/bin"),
    Installer { spec: "bun@1", id: "bun", bin: ".bun/bin", args: &["add", "-g"] },
    Installer { spec: "yarn@1", id: "yarn", bin: ".yarn/bin", args: &["global", "add"] },
    Installer {
        spec: "mise",
        id: "mise",
        bin: ".local/share/mise/installs/npm-openai-codex/VERSION/bin",
        args: &["use", "-g"],
    },
];

const fn npm_of(spec: &'static str) -> Installer {
    let args = &["install", "-g", "--prefix", "HOME/.npm-global"];
    Installer { spec, id: "npm", bin: ".npm-global/bin", args }
}

const fn pnpm_of(spec: &'static str, bin: &'static str) -> Installer {
    Installer { spec, id: "pnpm", bin, args: &["add", "-g"] }
}

impl Installer {
    /// Installs `@openai/codex@<version>` into a home.
    pub fn install(&self, home: &Path, version: &str) -> Result<(), String> {
        let package = format!("{}@openai/codex@{version}", if self.id == "mise" { "npm:" } else { "" });
        let args = self.args.iter().map(|arg| arg.replace("HOME", &home.to_string_lossy()));
        let args: Vec<_> = args.chain([package]).collect();
        let mut command = self.command(home)?;
        install(command.args(args))
    }

    /// Returns the installer for the person of this home, to be given arguments.
    pub fn command(&self, home: &Path) -> Result<Command, String> {
        let program = self.program()?;
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).current_dir(home).env_clear().envs(self.environment(home)?);
        Ok(command)
    }

    /// Returns the environment in which it works for the person of this home.
    pub fn environment(&self, home: &Path) -> Result<Vec<(String, std::ffi::OsString)>, String> {
        // Certificates and the registry are this machine's.
        let kept =
            |name: &str| ["SSL_", "NODE_EXTRA_CA", "npm_config_", "HTTP", "http"].iter().any(|p| name.starts_with(p));
        let mut env: Vec<_> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        env.retain(|(name, _)| kept(name));
        let data = home.join(".local/share/pnpm");
        let path =
            [&data.join("bin"), &data, &node()?, Path::new("/usr/local/bin"), Path::new("/usr/bin"), Path::new("/bin")];
        let set = [
            ("HOME", home.as_os_str().to_owned()),
            ("PNPM_HOME", data.clone().into()),
            ("PATH", std::env::join_paths(path).map_err(|error| error.to_string())?),
            ("SHELL", "/bin/bash".into()),
            ("CI", "1".into()),
            // Where they are for everyone but root.
            ("YARN_PREFIX", home.join(".yarn").into()),
            ("YARN_GLOBAL_FOLDER", home.join(".config/yarn/global").into()),
            ("MISE_NPM_PACKAGE_MANAGER", "npm".into()),
            ("MISE_MINIMUM_RELEASE_AGE", "0s".into()),
        ];
        env.extend(set.map(|(name, value)| (name.to_owned(), value)));
        Ok(env)
    }

    /// Returns the program and its first arguments.
    fn program(&self) -> Result<Vec<PathBuf>, String> {
        if self.spec == "mise" {
            let package = format!("@jdxcode/mise-{}-{}", if OS == "macos" { "macos" } else { OS }, arch("arm64"));
            return Ok(vec![packages(&[&package])?.join("node_modules").join(package).join("bin/mise")]);
        }
        let modules = packages(&[self.spec])?.join("node_modules");
        let node = node()?.join("node");
        let script = match self.spec {
            "pnpm@10" => "pnpm/bin/pnpm.cjs",
            "pnpm@11" | "pnpm@12" => "pnpm/bin/pnpm.mjs",
            "yarn@1" => "yarn/bin/yarn.js",
            // Only the package of this machine is installed, and without scripts it keeps its program.
            "bun@1" => {
                let system = if OS == "macos" { "darwin" } else { OS };
                return Ok(vec![modules.join(format!("@oven/bun-{system}-{}/bin/bun", arch("aarch64")))]);
            }
            _ => "npm/bin/npm-cli.js",
        };
        Ok(vec![node, modules.join(script)])
    }
}

fn arch(arm64: &'static str) -> &'static str {
    if ARCH == "x86_64" { "x64" } else { arm64 }
}

/// Returns a project in which `pnpm add @openai/codex@<version>` was run.
pub fn pnpm_project(version: &str) -> Result<PathBuf, String> {
    // A version that runs on any node that codex runs on.
    let pnpm = packages(&["pnpm@9"])?.join("node_modules/pnpm/bin/pnpm.cjs");
    let node = node()?;
    let make = |prefix: &Path, apart: &Path| {
        fs::create_dir_all(apart).map_err(|error| format!("{}: {error}", apart.display()))?;
        let mut command = Command::new(node.join("node"));
        command.arg(&pnpm).env("HOME", apart).env("XDG_DATA_HOME", apart).current_dir(prefix);
        command.env("npm_config_store_dir", apart.join("store"));
        let spec = format!("@openai/codex@{version}");
        install(command.args(["add", "--ignore-scripts", &spec, "--dir"]).arg(prefix))
    };
    made(&format!("pnpm-{version}"), "", make)
}

/// Returns the prefix `name`, which has npm's script of codex below `below`.
fn made(name: &str, below: &str, make: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let find = |prefix: &Path| {
        let script = prefix.join(below).join("node_modules/@openai/codex/bin/codex.js");
        script.is_file().then(|| prefix.to_owned())
    };
    kept_or_made(name, find, make)?.ok_or_else(|| format!("{name} brought nothing"))
}

/// Returns what `find` finds in a prefix into which npm installed these packages.
fn fetch(name: &str, specs: &[&str], find: impl Fn(&Path) -> Option<PathBuf>) -> Result<Option<PathBuf>, String> {
    let make = |prefix: &Path, apart: &Path| {
        let mut npm = npm(apart);
        npm.args(["install", "--prefix", ".", "--no-save", "--include=optional"]).args(specs);
        install(npm.current_dir(prefix))
    };
    kept_or_made(name, find, make)
}

/// Returns what `find` finds in the directory `name` of the cache; `make` fills the directory if there is nothing yet.
fn kept_or_made(
    name: &str,
    find: impl Fn(&Path) -> Option<PathBuf>,
    make: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<Option<PathBuf>, String> {
    // Cases of one program often want the same.
    static FETCHING: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let cache = cache()?;
    let kept = cache.join(name);
    if let Some(found) = find(&kept) {
        return Ok(Some(found));
    }
    let mine = Arc::clone(FETCHING.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default());
    let _alone = mine.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = find(&kept) {
        return Ok(Some(found));
    }
    let here = |error: std::io::Error| format!("{}: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(here)?;
    // Several test programs may be here at once: each installs beside the others, and the first to finish moves in.
    let fresh = Builder::new().prefix(&format!(".{name}-")).tempdir_in(&cache).map_err(here)?;
    let prefix = fresh.path().join("installed");
    fs::create_dir(&prefix).map_err(here)?;
    make(&prefix, &fresh.path().join("npm"))?;
    if find(&prefix).is_none() {
        return Ok(None);
    }
    let moved = fs::rename(&prefix, &kept);
    find(&kept).map(Some).ok_or_else(|| match moved {
        Ok(()) => format!("{} was there and is gone", kept.display()),
        Err(error) => format!("{}: {error}", kept.display()),
    })
}

/// Returns the newest codex that was fetched before, if there is one: nothing is fetched for it.
pub fn kept() -> Option<PathBuf> {
    let platform = platform().ok()?;
    let mut kept: Vec<_> = fs::read_dir(cache().ok()?).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // Other directories there have a codex of their own.
    kept.retain(|prefix| prefix.file_name().is_some_and(|name| name.to_string_lossy().starts_with("codex-")));
    kept.sort();
    kept.iter().rev().find_map(|prefix| native(prefix, platform))
}

/// Returns npm with a home and a cache of its own below `apart`: the person's stay as they are.
fn npm(apart: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.env("HOME", apart)
        .env("npm_config_cache", apart.join("cache"))
        .env("npm_config_userconfig", apart.join("npmrc"))
        .args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"])
        .args(["--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"]);
    npm
}

/// Runs an installer.
fn install(command: &mut Command) -> Result<(), String> {
    let finished = super::run_within(command, PATIENCE).map_err(|error| first_line(&error))?;
    if finished.code == Some(0) { Ok(()) } else { Err(first_line(&format!("{}{}", finished.stderr, finished.stdout))) }
}

/// Returns `<target>/npm-cache`, wherever the build directory is.
pub fn cache() -> Result<PathBuf, String> {
    // `<target>/<profile>/deps/<test>`, `<target>/<profile>/examples/<example>`; or with a target triple before the profile.
    let program = std::env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    // cargo writes CACHEDIR.TAG only into a build directory that it made itself.
    let target = program.ancestors().find(|path| path.join(".rustc_info.json").is_file());
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

/// Returns the native codex of a prefix: npm nests or hoists the platform's package, and the binary moved between 0.128 and 0.136.
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
