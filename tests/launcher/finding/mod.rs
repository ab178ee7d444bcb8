//! Which codex a start finds: each installation as its installer leaves it, and the file that is executed.
//!
//! The stand-in takes the place of the native codex and reports its name and environment. `docs/finding-codex.md` describes the
//! same installations.

mod npm_package;
mod places;
mod real;
mod repairs;
mod shims;
mod skipped;

pub use places::act;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use codex_home::codex::{Codex, find};
use codex_home::invocation::Invocation;
use codex_home::launch::GUARD_VARIABLE;
use codex_home::platform::PLATFORM;
use codex_home::settings::Settings;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::stand_in::{Bytes, Report};
use crate::support::{Case, Fixture, Need, Start, case, forking, npm, run, versions};

/// The variables by which npm's script names the installer of codex.
const MANAGERS: [&str; 4] =
    ["CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_BY_BUN", "CODEX_MANAGED_BY_PNPM", "CODEX_MANAGED_BY_VITE_PLUS"];
const PACKAGE: &str = "lib/node_modules/@openai/codex";
const SCRIPT: &str = "lib/node_modules/@openai/codex/bin/codex.js";

pub fn cases() -> Vec<Case> {
    let settings = [skipped::settings(), skipped::nowhere()];
    let cases = [npm_package::cases(), npm_package::versions(), shims::cases(), places::cases(), skipped::cases()];
    cases.into_iter().chain(settings).chain([real::cases(), repairs::cases()]).flatten().collect()
}

// Laying out.

/// Whether this is the native codex of a package.
fn is_native(path: &Path) -> bool {
    let is_named = path.ends_with("bin/codex") || path.ends_with("codex/codex");
    is_named && path.components().any(|part| part.as_os_str() == "vendor")
}

/// npm's package in a `node_modules`, without a native codex.
fn package(person: &Fixture, node_modules: &Path, version: &str) -> PathBuf {
    let package = node_modules.join("@openai/codex");
    person.write_program(&package.join("bin/codex.js"), "#!/usr/bin/env node\n");
    fs::write(package.join("package.json"), format!("{{\"name\": \"@openai/codex\", \"version\": \"{version}\"}}"))
        .unwrap();
    package
}

/// The native codex below `root`, in its place from 0.136 on.
fn native(person: &Fixture, root: &Path) -> PathBuf {
    person.place_codex(&root.join("vendor").join(PLATFORM.triple).join("bin/codex"))
}

/// The package for this platform in the `node_modules` of `root`.
fn platform_package(root: &Path) -> PathBuf {
    root.join("@openai").join(PLATFORM.npm_package)
}

/// What `npm i -g` leaves in a prefix, without a native codex; npm's script.
fn hollow_prefix(person: &Fixture, prefix: &Path) -> PathBuf {
    person.link(Path::new("../").join(SCRIPT).as_path(), &prefix.join("bin/codex"));
    package(person, &prefix.join("lib/node_modules"), "0.169.0").join("bin/codex.js")
}

/// What `npm i -g` leaves in a prefix; the native codex, nested in the package.
fn prefix(person: &Fixture, prefix: &Path, version: &str) -> PathBuf {
    hollow_prefix(person, prefix);
    let package = package(person, &prefix.join("lib/node_modules"), version);
    native(person, &platform_package(&package.join("node_modules")))
}

/// What `pnpm add -g` leaves in pnpm's home: a shell script, and symlinks into its store. The package and its native codex.
fn pnpm(person: &Fixture, home: &Path) -> (PathBuf, PathBuf) {
    let store = home.join("global/5/.pnpm");
    let package = package(person, &store.join("@openai+codex@0.169.0/node_modules"), "0.169.0");
    let platform = store.join(format!("@openai+codex@0.169.0-{}/node_modules/@openai/codex", PLATFORM.triple));
    person.link(&platform, &package.parent().unwrap().join(PLATFORM.npm_package));
    person.link(
        Path::new("../../.pnpm/@openai+codex@0.169.0/node_modules/@openai/codex"),
        &home.join("global/5/node_modules/@openai/codex"),
    );
    let script = r#"#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\,/,g')")

if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"
else
  exec node  "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"
fi
"#;
    fs::write(home.join("global/5/node_modules/.modules.yaml"), "nodeLinker: isolated\n").unwrap();
    person.write_program(&home.join("codex"), script);
    (package, native(person, &platform))
}

/// asdf's shim for these versions of node, and an asdf that passes its arguments to the stand-in.
fn asdf_shim(person: &Fixture, versions: &[&str]) -> PathBuf {
    let asdf = person.root().join("asdf");
    person.write_program(&asdf, &format!("#!/bin/sh\nexec '{}' \"$@\"\n", person.codex().display()));
    let plugins: String = versions.iter().map(|version| format!("# asdf-plugin: nodejs {version}\n")).collect();
    let shim = format!("#!/bin/sh\n{plugins}exec {} exec \"codex\" \"$@\" # asdf_allow: ' asdf '\n", asdf.display());
    person.write_program(&person.home().join(".asdf/shims/codex"), &shim)
}

/// An empty directory, because `/usr/bin` may have a node.
fn empty(person: &Fixture) -> PathBuf {
    let path = person.root().join("empty");
    fs::create_dir_all(&path).unwrap();
    path
}

// Starting. Not by `Start::run`, which reads the whole home, with the installations in it.

/// Starts, and returns the report of codex. Checks that nothing was printed.
fn started(person: &Fixture, mut start: Start<'_>) -> Report {
    let _ = fs::remove_file(person.report());
    let ended = run(&mut start.command);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{:?}", start.command);
    Report::read(&person.report()).unwrap()
}

/// A start that uses no login, with this PATH.
fn on_path<'a>(person: &'a Fixture, path: impl AsRef<OsStr>) -> Start<'a> {
    person.start(&[]).path(path)
}

/// Expects that a start with this PATH executes `codex`, under that name.
fn starts_on(person: &Fixture, path: impl AsRef<OsStr>, codex: &Path) -> Report {
    let report = started(person, on_path(person, path));
    assert_eq!(report.argv, [Bytes::from(codex)]);
    report
}

/// The file that the launcher executed, from the recursion guard. A script does not learn the name by which it is executed.
fn executed(report: &Report) -> PathBuf {
    report.var(GUARD_VARIABLE).unwrap().to_str().unwrap().splitn(4, ':').nth(3).unwrap().into()
}

/// Expects the variables that npm's script of this version would have set for a codex of this manager.
fn is_managed(report: &Report, manager: &str, root: Option<&Path>) {
    for name in MANAGERS {
        assert_eq!(report.var(name), (name == manager).then(|| "1".into()), "{name}");
    }
    assert_eq!(report.var("CODEX_MANAGED_PACKAGE_ROOT").as_deref(), root);
}

/// Expects none of the variables that npm's script sets.
fn is_not_managed(report: &Report) {
    is_managed(report, "", None);
}

fn joined(paths: &[&Path]) -> OsString {
    std::env::join_paths(paths).unwrap()
}

/// An invocation in another environment, and of another program: the stand-in is this program, and would be taken for the launcher.
fn invocation(env: &[(&str, &OsStr)]) -> Invocation {
    let env = env.iter().map(|(name, value)| ((*name).into(), (*value).to_owned()));
    let mut invocation = Invocation::capture().with_env(env);
    invocation.program = None;
    invocation
}

fn found(invocation: &Invocation) -> Codex {
    let (settings, problems) = Settings::read(invocation);
    assert_eq!(problems, []);
    find(invocation, &settings).unwrap()
}
