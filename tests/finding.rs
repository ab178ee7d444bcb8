//! Which codex a start finds: each installation as it is on the disk, and the file that is executed for it.
//!
//! The launcher is started as a gateway starts it, with next to nothing in its environment. Where a native codex belongs
//! there stands the stand-in, which tells its name and its environment; only `--version` is asked of the real one. What
//! npm's script would have set is read off the real script under the real node. `docs/finding-codex.md` says which sentence
//! shows which installation, and the last one here that each of them exists.
//!
//! Where npm, node or pnpm cannot be had, or the places outside any home cannot be laid out, sentences are ignored with the
//! reason. A non-empty `CODEX_HOME_SHIM_REQUIRE_CODEX` makes a missing codex a failure instead.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the launcher's rooms are not the tests'"
)]
#![allow(dead_code, reason = "the laboratory is the launcher's own, and this is a part of it")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/stand_in.rs"]
mod stand_in;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::{ARCH, OS};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use codex_home::codex::{Codex, FoundBy};
use codex_home::invocation::Invocation;
use codex_home::settings::Settings;
use lab::{Lab, MARK, PATIENCE, PROGRAMS, forking, place, with, write_program};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::unistd::geteuid;
use stand_in::{Bytes, Report};
use support::npm;

const PAGE: &str = include_str!("../docs/finding-codex.md");

/// The releases with the old and the new layout of npm's packages.
const VERSIONS: [&str; 2] = ["0.123.0", "0.169.0"];
/// What a gateway has for PATH.
const BARE: &str = "/usr/bin:/bin";
/// What npm's script may set to say who installed codex.
const MANAGERS: [&str; 4] =
    ["CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_BY_BUN", "CODEX_MANAGED_BY_PNPM", "CODEX_MANAGED_BY_VITE_PLUS"];
/// npm's script, as it is where nobody reads further than its first line.
const SCRIPT: &str = "#!/usr/bin/env node\n";
/// Where codex may be outside any home.
const OUTSIDE: [&str; 9] = [
    "/usr/bin/codex",
    "/bin/codex",
    "/opt/homebrew/bin/codex",
    "/usr/local/bin/codex",
    "/home/linuxbrew/.linuxbrew/bin/codex",
    "/opt/homebrew/lib/node_modules/@openai/codex/bin/codex.js",
    "/usr/local/lib/node_modules/@openai/codex/bin/codex.js",
    "/Applications/Codex.app/Contents/Resources/codex",
    "/Applications/ChatGPT.app/Contents/Resources/codex",
];

/// What is laid out, and what becomes of it.
type Sentence = (&'static str, fn(&Lab));

// ---- Laying out ----

/// The stand-in at `path`, with the directories above it.
fn codex_at(path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    place(&PROGRAMS.get().unwrap().join("codex"), &path);
    path
}

fn program_at(path: PathBuf, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_program(&path, text.as_bytes());
    path
}

fn link(to: impl AsRef<Path>, path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(to, &path).unwrap();
    path
}

/// npm's package in a `node_modules`, without its native codex.
fn package(node_modules: &Path, version: &str) -> PathBuf {
    let package = node_modules.join("@openai/codex");
    program_at(package.join("bin/codex.js"), SCRIPT);
    fs::write(package.join("package.json"), format!("{{\"name\": \"@openai/codex\", \"version\": \"{version}\"}}"))
        .unwrap();
    package
}

/// The native codex below `root`, where it has been since 0.136.
fn new_native(root: &Path) -> PathBuf {
    codex_at(root.join("vendor").join(platform().1).join("bin/codex"))
}

/// The native codex below `root`, where it was up to 0.128.
fn old_native(root: &Path) -> PathBuf {
    let vendor = root.join("vendor").join(platform().1);
    fs::create_dir_all(vendor.join("path")).unwrap();
    codex_at(vendor.join("codex/codex"))
}

/// A package whose native codex is nested in it, as `npm i -g` has it.
fn whole_package(node_modules: &Path, version: &str) -> PathBuf {
    let package = package(node_modules, version);
    new_native(&package.join("node_modules/@openai").join(platform().0))
}

/// npm's package and the link to it below a prefix; the native codex.
fn prefix(prefix: &Path, version: &str) -> PathBuf {
    link("../lib/node_modules/@openai/codex/bin/codex.js", prefix.join("bin/codex"));
    whole_package(&prefix.join("lib/node_modules"), version)
}

/// npm's package and the link to it below a prefix, with nothing native behind it; the script.
fn hollow_prefix(prefix: &Path) -> PathBuf {
    link("../lib/node_modules/@openai/codex/bin/codex.js", prefix.join("bin/codex"));
    package(&prefix.join("lib/node_modules"), "0.169.0").join("bin/codex.js")
}

/// The platform package and the target of this machine.
fn platform() -> (&'static str, &'static str) {
    match (OS, ARCH) {
        ("linux", "x86_64") => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("codex-darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("codex-darwin-arm64", "aarch64-apple-darwin"),
        _ => panic!("npm has no codex for {OS} {ARCH}"),
    }
}

// ---- Starting ----

/// How a start ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    report: Option<Report>,
}

/// Starts and waits. Not as [`Lab::start`] does, which reads a home whole: here there are installations in it.
fn start(lab: &Lab, command: &mut Command) -> Ended {
    let _ = fs::remove_file(&lab.report);
    let finished = {
        let _alone = forking();
        support::run_within(command, PATIENCE).unwrap()
    };
    let support::Finished { code, stdout, stderr, .. } = finished;
    Ended { code, stdout, stderr, report: Report::read(&lab.report) }
}

/// The report of a start that says nothing.
fn started(lab: &Lab, mut command: Command) -> Report {
    let ended = start(lab, &mut command);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
    ended.report.unwrap()
}

/// A start with such a PATH executes `codex`, under that name.
fn starts_on(lab: &Lab, path: impl AsRef<OsStr>, codex: &Path) -> Report {
    let report = started(lab, lab.on_path(path));
    assert_eq!(report.argv, [Bytes::from(codex)]);
    assert_eq!(launched(&report), codex);
    report
}

/// A start with next to nothing in its environment executes `codex`.
fn starts(lab: &Lab, codex: &Path) -> Report {
    starts_on(lab, BARE, codex)
}

/// What the launcher executed, from its mark: a script does not see the name it is executed by.
fn launched(report: &Report) -> PathBuf {
    let mark = report.var(MARK).unwrap();
    mark.to_str().unwrap().splitn(3, ':').nth(2).unwrap().into()
}

/// The environment of a start that npm's script would have prepared so.
fn is_managed(report: &Report, manager: &str, root: Option<&Path>) {
    for name in MANAGERS {
        assert_eq!(report.var(name), (name == manager).then(|| "1".into()), "{name}");
    }
    assert_eq!(report.var("CODEX_MANAGED_PACKAGE_ROOT").as_deref(), root);
}

/// Nothing is set but the mark.
fn is_untouched(report: &Report) {
    let added: Vec<_> = report.env.iter().filter(|(name, _)| name.0.starts_with(b"CODEX_MANAGED")).collect();
    assert!(added.is_empty(), "{added:?}");
    assert_eq!(report.var("PATH"), Some(BARE.into()));
}

/// A directory for PATH.
fn shelf(lab: &Lab, name: &str) -> PathBuf {
    let path = lab.root().join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A PATH with nothing on it: on `/usr/bin` there may be a node.
fn nothing(lab: &Lab) -> PathBuf {
    shelf(lab, "nothing")
}

// ---- On PATH ----

const ON_PATH: &[Sentence] = &[
    ("npm's script on PATH, the native codex nested in its package", |lab| {
        let native = prefix(&lab.root().join("npm"), "0.169.0");
        let report = starts_on(lab, lab.root().join("npm/bin"), &native);
        let root = lab.root().join("npm/lib/node_modules/@openai/codex");
        is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&root));
    }),
    ("npm's script on PATH, the native codex hoisted beside its package", |lab| {
        let modules = lab.root().join("project/node_modules");
        let package = package(&modules, "0.169.0");
        let native = new_native(&modules.join("@openai").join(platform().0));
        link("../@openai/codex/bin/codex.js", modules.join(".bin/codex"));
        let report = starts_on(lab, modules.join(".bin"), &native);
        is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&package));
    }),
    ("npm's script on PATH, the native codex vendored in its package", |lab| {
        let modules = lab.root().join("npm/lib/node_modules");
        let package = package(&modules, "0.169.0");
        let native = new_native(&package);
        link("../lib/node_modules/@openai/codex/bin/codex.js", lab.root().join("npm/bin/codex"));
        let report = starts_on(lab, lab.root().join("npm/bin"), &native);
        is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&package));
    }),
    ("npm's script on PATH, the native codex vendored as up to 0.128", |lab| {
        let modules = lab.root().join("npm/lib/node_modules");
        let native = old_native(&package(&modules, "0.98.0"));
        let bin = lab.root().join("npm/bin");
        link("../lib/node_modules/@openai/codex/bin/codex.js", bin.join("codex"));
        let report = starts_on(lab, &bin, &native);
        is_managed(&report, "CODEX_MANAGED_BY_NPM", None);
        let tools = native.parent().unwrap().parent().unwrap().join("path");
        assert_eq!(report.var("PATH"), Some(std::env::join_paths([tools, bin]).unwrap().into()));
    }),
    ("a nested native codex comes before a hoisted one, and that before a vendored one", |lab| {
        let modules = lab.root().join("npm/lib/node_modules");
        let package = package(&modules, "0.169.0");
        link("../lib/node_modules/@openai/codex/bin/codex.js", lab.root().join("npm/bin/codex"));
        let (platform, _) = platform();
        let roots =
            [package.join("node_modules/@openai").join(platform), modules.join("@openai").join(platform), package];
        let natives = roots.each_ref().map(|root| new_native(root));
        for (root, native) in roots.iter().zip(natives) {
            starts_on(lab, lab.root().join("npm/bin"), &native);
            fs::remove_dir_all(root.join("vendor")).unwrap();
        }
    }),
    ("npm's script named by its own path in CODEX_HOME_SHIM_CODEX", |lab| {
        let native = prefix(&lab.root().join("npm"), "0.169.0");
        let script = lab.root().join("npm/lib/node_modules/@openai/codex/bin/codex.js");
        let report = started(lab, with(lab.on_path(BARE), "CODEX_HOME_SHIM_CODEX", script));
        assert_eq!(report.argv, [Bytes::from(&native)]);
    }),
    ("Homebrew's link into its Caskroom on PATH gives codex its real path", |lab| {
        let brew = lab.root().join("homebrew");
        let name = format!("codex-{}", platform().1);
        let real = codex_at(brew.join("Caskroom/codex/0.150.1").join(&name));
        link(Path::new("../Caskroom/codex/0.150.1").join(name), brew.join("bin/codex"));
        is_not_managed(&starts_on(lab, brew.join("bin"), &real));
    }),
    ("Homebrew's link into its Cellar on PATH gives codex its real path", |lab| {
        let brew = lab.root().join("homebrew");
        let real = codex_at(brew.join("Cellar/codex/0.150.1/bin/codex"));
        link("../Cellar/codex/0.150.1/bin/codex", brew.join("bin/codex"));
        is_not_managed(&starts_on(lab, brew.join("bin"), &real));
    }),
    ("a script of a person's own that ends in npm's is executed as it is", |lab| {
        whole_package(&lab.world.home().join("lib/node_modules"), "0.169.0");
        let script = lab.world.home().join("lib/node_modules/@openai/codex/bin/codex.js");
        codex_at(lab.root().join("node/node"));
        let own = program_at(
            lab.world.home().join("bin/codex"),
            &format!(
                "#!/bin/sh\nOWN=kept exec '{}' '{}' --own \"$@\"\n",
                lab.root().join("node/node").display(),
                script.display()
            ),
        );
        let report = started(lab, lab.on_path(own.parent().unwrap()));
        assert_eq!(launched(&report), own);
        assert_eq!(report.var("OWN"), Some("kept".into()));
        assert_eq!(report.argv[1..], [Bytes::from(&script), Bytes::from("--own")]);
    }),
    ("a script of a person's own that only mentions npm's is executed as it is", |lab| {
        whole_package(&lab.world.home().join("lib/node_modules"), "0.169.0");
        let script = lab.world.home().join("lib/node_modules/@openai/codex/bin/codex.js");
        let own = program_at(
            lab.world.home().join("bin/codex"),
            &format!("#!/bin/sh\n# Was {} once.\nexec '{}' \"$@\"\n", script.display(), lab.codex.display()),
        );
        let report = started(lab, lab.on_path(own.parent().unwrap()));
        assert_eq!(launched(&report), own);
        assert_eq!(report.argv, [Bytes::from(&lab.codex)]);
    }),
    ("a CODEX_PATH that names the launcher is not looked at", |lab| {
        let launcher = lab.own_launcher();
        let report = started(lab, with(lab.on_path(lab.root().join("bin")), "CODEX_PATH", &launcher));
        assert_eq!(report.argv, [Bytes::from(&lab.codex)]);
        assert_eq!(report.var("CODEX_PATH"), Some(launcher));
    }),
    ("a copy of the launcher named codex on PATH is passed over", |lab| {
        let copy = copy_of_launcher(lab, &shelf(lab, "first").join("codex"));
        let path = std::env::join_paths([copy.parent().unwrap(), &lab.root().join("bin")]).unwrap();
        let report = started(lab, lab.on_path(path));
        assert_eq!(report.argv, [Bytes::from(&lab.codex)]);
    }),
    ("a copy of the launcher in a CODEX_HOME_SHIM_CODEX is refused", |lab| {
        let copy = copy_of_launcher(lab, &lab.root().join("copy-of-it"));
        let ended = start(lab, &mut with(lab.on_path(lab.root().join("bin")), "CODEX_HOME_SHIM_CODEX", &copy));
        assert_eq!((ended.code, ended.report.is_none()), (Some(126), true), "{ended:?}");
        assert!(ended.stderr.contains("that is this launcher"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("`{}`", copy.display())), "{}", ended.stderr);
    }),
];

fn is_not_managed(report: &Report) {
    assert!(report.env.iter().all(|(name, _)| !name.0.starts_with(b"CODEX_MANAGED")), "{report:?}");
}

/// Another file of the same bytes.
fn copy_of_launcher(lab: &Lab, to: &Path) -> PathBuf {
    let launcher = lab.own_launcher();
    let _alone = forking();
    fs::copy(launcher, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    to.to_owned()
}

// ---- In the usual places ----

const PLACES: &[Sentence] = &[
    ("codex in ~/.local/bin", |lab| {
        is_untouched(&starts(lab, &codex_at(lab.world.home().join(".local/bin/codex"))));
    }),
    ("a link in ~/.local/bin to a release elsewhere gives codex its real path", |lab| {
        let real = codex_at(lab.world.home().join("codex/releases/0.150.1/codex"));
        link("../../codex/releases/0.150.1/codex", lab.world.home().join(".local/bin/codex"));
        is_untouched(&starts(lab, &real));
    }),
    ("a copy of the launcher in ~/.local/bin is passed over", |lab| {
        let bin = lab.world.home().join(".local/bin");
        fs::create_dir_all(&bin).unwrap();
        copy_of_launcher(lab, &bin.join("codex"));
        let native = prefix(&lab.world.home().join(".npm-global"), "0.169.0");
        starts(lab, &native);
    }),
    ("a standalone release behind current/bin/codex", |lab| {
        let standalone = lab.world.personal().join("packages/standalone");
        let release = standalone.join("releases").join(format!("0.150.1-{}", platform().1));
        let real = codex_at(release.join("bin/codex"));
        link(release, standalone.join("current"));
        is_untouched(&starts(lab, &real));
    }),
    ("an older standalone release behind current/codex", |lab| {
        let standalone = lab.world.personal().join("packages/standalone");
        let release = standalone.join("releases").join(format!("0.130.0-{}", platform().1));
        let real = codex_at(release.join("codex"));
        link(release, standalone.join("current"));
        is_untouched(&starts(lab, &real));
    }),
    ("npm's prefix ~/.npm-global", |lab| {
        let global = lab.world.home().join(".npm-global");
        let native = prefix(&global, "0.169.0");
        let root = global.join("lib/node_modules/@openai/codex");
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_NPM", Some(&root));
    }),
    ("pnpm's shell script in ~/.local/share/pnpm, with links into its store", |lab| {
        let home = lab.world.home().join(".local/share/pnpm");
        let (package, native) = pnpm(&home);
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_PNPM", Some(&package));
    }),
    ("pnpm's shell script in ~/Library/pnpm, with links into its store", |lab| {
        let home = lab.world.home().join("Library/pnpm");
        let (package, native) = pnpm(&home);
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_PNPM", Some(&package));
    }),
    ("bun's link in ~/.bun/bin", |lab| {
        let bun = lab.world.home().join(".bun");
        let modules = bun.join("install/global/node_modules");
        let package = package(&modules, "0.169.0");
        let native = new_native(&modules.join("@openai").join(platform().0));
        link("../install/global/node_modules/@openai/codex/bin/codex.js", bun.join("bin/codex"));
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_BUN", Some(&package));
    }),
    ("volta's shim in ~/.volta/bin, resolved without running it", |lab| {
        let volta = lab.world.home().join(".volta");
        let root = volta.join("tools/image/packages/@openai/codex/lib/node_modules");
        let native = whole_package(&root, "0.169.0");
        program_at(volta.join("bin/volta-shim"), "#!/bin/sh\nexit 9\n");
        link("volta-shim", volta.join("bin/codex"));
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_NPM", Some(&root.join("@openai/codex")));
    }),
    ("volta's shim with no package behind it keeps its name", |lab| {
        let volta = lab.world.home().join(".volta");
        codex_at(volta.join("bin/volta-shim"));
        let shim = link("volta-shim", volta.join("bin/codex"));
        is_untouched(&starts(lab, &shim));
    }),
    ("asdf's shim for one version of node is resolved", |lab| {
        let asdf = lab.world.home().join(".asdf");
        let native = prefix(&asdf.join("installs/nodejs/22.1.0"), "0.169.0");
        asdf_shim(lab, &["22.1.0"]);
        let root = asdf.join("installs/nodejs/22.1.0/lib/node_modules/@openai/codex");
        is_managed(&starts(lab, &native), "CODEX_MANAGED_BY_NPM", Some(&root));
    }),
    ("asdf's shim for two versions of node is executed itself", |lab| {
        for version in ["20.9.0", "22.1.0"] {
            prefix(&lab.world.home().join(".asdf/installs/nodejs").join(version), "0.169.0");
        }
        let shim = asdf_shim(lab, &["20.9.0", "22.1.0"]);
        let mut command = lab.on_path(BARE);
        command.arg("app-server");
        let report = started(lab, command);
        assert_eq!(launched(&report), shim);
        assert_eq!(report.argv[1..], ["exec", "codex", "app-server"].map(Bytes::from));
    }),
    ("mise's shim is executed under its own name", |lab| {
        let mise = codex_at(lab.root().join("bin/mise"));
        let shim = link(mise, lab.world.home().join(".local/share/mise/shims/codex"));
        is_untouched(&starts(lab, &shim));
    }),
    ("nvm's versions: the newest codex, whatever node it came with", |lab| {
        newest_first(lab, ".nvm/versions/node", "");
    }),
    ("fnm's versions: the newest codex, whatever node it came with", |lab| {
        newest_first(lab, ".local/share/fnm/node-versions", "installation");
    }),
    ("fnm's versions in ~/.fnm", |lab| newest_first(lab, ".fnm/node-versions", "installation")),
    ("fnm's versions in ~/Library/Application Support/fnm", |lab| {
        newest_first(lab, "Library/Application Support/fnm/node-versions", "installation");
    }),
    ("of two previews of one codex the later one is newer", |lab| {
        let nvm = lab.world.home().join(".nvm/versions/node");
        prefix(&nvm.join("v22.0.0"), "0.170.0-alpha.9");
        let native = prefix(&nvm.join("v20.0.0"), "0.170.0-alpha.10");
        starts(lab, &native);
    }),
    ("places are looked at in their order, after PATH", in_order),
    ("without its native package npm's script is executed where node is on PATH", |lab| {
        let script = hollow_prefix(&lab.world.home().join(".npm-global"));
        let node = codex_at(shelf(lab, "node").join("node"));
        let path = std::env::join_paths([node.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let report = started(lab, lab.on_path(&path));
        assert_eq!(launched(&report), script);
        assert_eq!(report.argv[1..], [Bytes::from(&script)]);
        assert_eq!(report.var("PATH"), Some(path.into()));
        is_not_managed(&report);
    }),
    ("without its native package npm's script is executed by the node beside the link to it", |lab| {
        let version = lab.world.home().join(".nvm/versions/node/v22.0.0");
        let script = hollow_prefix(&version);
        codex_at(version.join("bin/node"));
        let report = started(lab, lab.on_path(nothing(lab)));
        assert_eq!(launched(&report), script);
        assert_eq!(report.argv[1..], [Bytes::from(&script)]);
        let path = std::env::join_paths([version.join("bin"), nothing(lab)]).unwrap();
        assert_eq!(report.var("PATH"), Some(path.into()));
        is_not_managed(&report);
    }),
    ("without its native package and without any node npm's script is 126, and that is said", |lab| {
        hollow_prefix(&lab.world.home().join(".npm-global"));
        let ended = start(lab, lab.on_path(nothing(lab)).arg("app-server"));
        assert_eq!((ended.code, ended.report.is_none()), (Some(126), true), "{ended:?}");
        for words in ["@openai/codex/bin/codex.js`", "native codex is not installed", "no node on PATH", "reinstall"] {
            assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
        }
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }),
    ("with CODEX_HOME_SHIM_NPM_NATIVE=0 npm's script is executed", |lab| {
        let global = lab.world.home().join(".npm-global");
        prefix(&global, "0.169.0");
        let node = codex_at(shelf(lab, "node").join("node"));
        let command = with(lab.on_path(node.parent().unwrap()), "CODEX_HOME_SHIM_NPM_NATIVE", "0");
        let report = started(lab, command);
        let script = global.join("lib/node_modules/@openai/codex/bin/codex.js");
        assert_eq!(launched(&report), script);
        assert_eq!(report.argv[1..], [Bytes::from(&script)]);
        is_not_managed(&report);
    }),
    ("with CODEX_HOME_SHIM_NPM_NATIVE=1 the native codex is executed", |lab| {
        let native = prefix(&lab.world.home().join(".npm-global"), "0.169.0");
        let report = started(lab, with(lab.on_path(BARE), "CODEX_HOME_SHIM_NPM_NATIVE", "1"));
        assert_eq!(report.argv, [Bytes::from(&native)]);
    }),
    ("a CODEX_HOME_SHIM_NPM_NATIVE that is neither is 78 and named", |lab| {
        prefix(&lab.world.home().join(".npm-global"), "0.169.0");
        let ended = start(lab, &mut with(lab.on_path(BARE), "CODEX_HOME_SHIM_NPM_NATIVE", "x"));
        assert_eq!((ended.code, ended.report.is_none()), (Some(78), true), "{ended:?}");
        assert!(ended.stderr.contains("`CODEX_HOME_SHIM_NPM_NATIVE` is `x`, not one of `1`, `0`"), "{}", ended.stderr);
    }),
    ("no codex anywhere is 127, with where was looked and how to install one", |lab| {
        let own = lab.world.home().join("bin");
        let path = std::env::join_paths([&own, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let ended = start(lab, &mut lab.on_path(path));
        assert_eq!((ended.code, ended.report.is_none()), (Some(127), true), "{ended:?}");
        for words in ["`~/bin`", "`/usr/bin`", "the usual places of installers", "npm i -g @openai/codex"] {
            assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
        }
    }),
    ("no codex on a PATH of 200 entries is one line that can be read", |lab| {
        for length in [8, 200] {
            let name = |number| format!("{number:0>length$}");
            let path = std::env::join_paths((0..200).map(|number| lab.world.home().join(name(number)))).unwrap();
            let ended = start(lab, lab.on_path(path).arg("app-server"));
            assert_eq!(ended.code, Some(127), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
            assert!(ended.stderr.chars().count() < 440, "{}", ended.stderr);
            for words in ["196 more directories on PATH", "npm i -g @openai/codex"] {
                assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
            }
        }
    }),
];

/// `pnpm add -g` in pnpm's home: a shell script, links, and the store they lead to. The package and its native codex.
fn pnpm(home: &Path) -> (PathBuf, PathBuf) {
    let store = home.join("global/5/.pnpm");
    let package = package(&store.join("@openai+codex@0.169.0/node_modules"), "0.169.0");
    let (platform, triple) = platform();
    let native = store.join(format!("@openai+codex@0.169.0-{triple}/node_modules/@openai/codex"));
    link(&native, package.parent().unwrap().join(platform));
    link(
        "../../.pnpm/@openai+codex@0.169.0/node_modules/@openai/codex",
        home.join("global/5/node_modules/@openai/codex"),
    );
    let path = format!("{}/bin/node_modules:{}", package.display(), store.join("node_modules").display());
    program_at(
        home.join("codex"),
        &format!(
            r#"#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\,/,g')")

if [ -z "$NODE_PATH" ]; then
  export NODE_PATH="{path}"
else
  export NODE_PATH="{path}:$NODE_PATH"
fi
if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"
else
  exec node  "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"
fi
"#
        ),
    );
    (package, new_native(&native))
}

/// asdf's shim, and an asdf that hands its arguments to the stand-in.
fn asdf_shim(lab: &Lab, versions: &[&str]) -> PathBuf {
    let asdf = program_at(lab.root().join("asdf"), &format!("#!/bin/sh\nexec '{}' \"$@\"\n", lab.codex.display()));
    let plugins: String = versions.iter().map(|version| format!("# asdf-plugin: nodejs {version}\n")).collect();
    let text = format!("#!/bin/sh\n{plugins}exec {} exec \"codex\" \"$@\" # asdf_allow: ' asdf '\n", asdf.display());
    // asdf 0.15 and older write the path of asdf, newer ones its name.
    program_at(lab.world.home().join(".asdf/shims/codex"), &text)
}

/// Versions of node with a codex each: as the newest goes, the next one is started.
fn newest_first(lab: &Lab, root: &str, below: &str) {
    let root = lab.world.home().join(root);
    // By name, the first of these is the last and the last the first.
    let versions = [
        ("v9.11.2", "0.100.0"),
        ("v8.0.0", "0.100.0-alpha.1"),
        ("v22.3.0", "0.99.1"),
        ("v20.0.0", "0.9.0"),
        ("v24.0.0", "not a version"),
    ];
    let natives = versions.map(|(node, codex)| prefix(&root.join(node).join(below), codex));
    let broken = root.join("v24.0.0").join(below).join("lib/node_modules/@openai/codex/package.json");
    fs::write(broken, "{\"version\": ").unwrap();
    // A node without codex, and what is none.
    fs::create_dir_all(root.join("v23.0.0").join(below).join("bin")).unwrap();
    fs::write(root.join(".DS_Store"), "").unwrap();
    for ((node, _), native) in versions.iter().zip(natives) {
        starts_on(lab, nothing(lab), &native);
        fs::remove_dir_all(root.join(node)).unwrap();
    }
}

/// A codex in every place of a home: as the first goes, the next one is started.
fn in_order(lab: &Lab) {
    let places = [
        ".local/bin/codex",
        ".codex/packages/standalone/current/bin/codex",
        ".codex/packages/standalone/current/codex",
        ".npm-global/bin/codex",
        "Library/pnpm/codex",
        ".local/share/pnpm/codex",
        ".bun/bin/codex",
        ".volta/bin/codex",
        ".asdf/shims/codex",
        ".local/share/mise/shims/codex",
        ".nvm/versions/node/v22.0.0/bin/codex",
        ".local/share/fnm/node-versions/v22.0.0/installation/bin/codex",
        ".fnm/node-versions/v22.0.0/installation/bin/codex",
        "Library/Application Support/fnm/node-versions/v22.0.0/installation/bin/codex",
    ];
    let all = places.map(|place| codex_at(lab.world.home().join(place)));
    starts_on(lab, lab.root().join("bin"), &lab.codex);
    for codex in all {
        starts(lab, &codex);
        fs::remove_file(codex).unwrap();
    }
}

/// A codex outside any home, which would be found before or after what a sentence lays out.
fn outside() -> Option<String> {
    let found = OUTSIDE.iter().find(|path| Path::new(path).exists())?;
    Some(format!("`{found}` is on this machine"))
}

// ---- Outside any home ----

/// Directories of this world over `/opt`, `/usr/local` and `/home`, for one start.
fn over_the_machine(lab: &Lab) -> Result<PathBuf, String> {
    let world = lab.root().join("machine");
    for directory in ["opt", "usr/local", "home"] {
        if !Path::new("/").join(directory).is_dir() {
            return Err(format!("there is no /{directory} to lay a place over"));
        }
        fs::create_dir_all(world.join(directory)).unwrap();
    }
    let probe = {
        let _alone = forking();
        laid_over(lab, "/bin/true").output()
    };
    match probe {
        Ok(output) if output.status.success() => Ok(world),
        Ok(output) => Err(format!("no mount of our own: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

fn laid_over(lab: &Lab, program: impl AsRef<OsStr>) -> Command {
    let text = "for d in opt usr/local home; do mount --bind \"$0/$d\" \"/$d\" || exit 9; done; exec \"$@\"";
    let mut command = lab.world.command("unshare");
    command.arg(if geteuid().is_root() { "-m" } else { "-rm" });
    command.args(["/bin/sh", "-c", text]).arg(lab.root().join("machine")).arg(program);
    command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    command
}

fn started_over(lab: &Lab, codex: &str) -> Report {
    let mut command = laid_over(lab, lab.own_launcher());
    command.env(stand_in::REPORT, &lab.report).env("CODEX_HOME_SHIM_JOURNAL", "off").current_dir(lab.work());
    let report = started(lab, command);
    assert_eq!(report.argv, [Bytes::from(codex)]);
    report
}

/// The places outside any home, between those in it.
fn fixed_places(lab: &Lab) -> Result<(), String> {
    let world = over_the_machine(lab)?;
    let (_, triple) = platform();
    // Homebrew's cask, its formula, its node's npm; npm without a link.
    let cask = format!("opt/homebrew/Caskroom/codex/0.150.1/codex-{triple}");
    codex_at(world.join(&cask));
    link(format!("../Caskroom/codex/0.150.1/codex-{triple}"), world.join("opt/homebrew/bin/codex"));
    codex_at(world.join("usr/local/Cellar/codex/0.150.1/bin/codex"));
    link("../Cellar/codex/0.150.1/bin/codex", world.join("usr/local/bin/codex"));
    let brew = "home/linuxbrew/.linuxbrew";
    let linuxbrew = prefix(&world.join(brew), "0.169.0");
    let natives = ["opt/homebrew", "usr/local"].map(|prefix| {
        let native = whole_package(&world.join(prefix).join("lib/node_modules"), "0.169.0");
        (world.join(prefix).join("lib"), native)
    });
    let seen = |path: &Path| format!("/{}", path.strip_prefix(&world).unwrap().display());

    let before = codex_at(lab.world.personal().join("packages/standalone/current/codex"));
    started_over(lab, before.to_str().unwrap());
    fs::remove_file(before).unwrap();
    is_not_managed(&started_over(lab, &format!("/{cask}")));
    fs::remove_file(world.join("opt/homebrew/bin/codex")).unwrap();
    is_not_managed(&started_over(lab, "/usr/local/Cellar/codex/0.150.1/bin/codex"));
    fs::remove_file(world.join("usr/local/bin/codex")).unwrap();
    let root = PathBuf::from(format!("/{brew}/lib/node_modules/@openai/codex"));
    is_managed(&started_over(lab, &seen(&linuxbrew)), "CODEX_MANAGED_BY_NPM", Some(&root));
    fs::remove_file(world.join(brew).join("bin/codex")).unwrap();
    let global = codex_at(lab.world.home().join(".npm-global/bin/codex"));
    started_over(lab, global.to_str().unwrap());
    fs::remove_file(global).unwrap();
    let after = codex_at(lab.world.home().join("Library/pnpm/codex"));
    for (modules, native) in natives {
        let root = PathBuf::from(seen(&modules)).join("node_modules/@openai/codex");
        is_managed(&started_over(lab, &seen(&native)), "CODEX_MANAGED_BY_NPM", Some(&root));
        fs::remove_dir_all(modules).unwrap();
    }
    started_over(lab, after.to_str().unwrap());
    Ok(())
}

// ---- Through the library ----

static PERSON: OnceLock<PathBuf> = OnceLock::new();

/// A start with these variables, of a program that is nowhere.
fn invocation(env: &[(&str, &OsStr)]) -> Invocation {
    Invocation {
        args: Vec::new(),
        env: env.iter().map(|(name, value)| (OsString::from(name), (*value).to_owned())).collect(),
        cwd: || None,
        user_database: || PERSON.get().cloned(),
        program: None,
        pid: 1,
        parent: || 1,
        is_privileged: false,
        since: Instant::now(),
    }
}

fn find(invocation: &Invocation) -> Codex {
    codex_home::codex::find(invocation, &Settings::read(invocation).unwrap()).unwrap()
}

/// The version of what is found on such a PATH.
fn version(path: &Path) -> Option<String> {
    find(&invocation(&[("PATH", path.as_os_str())])).version()
}

const FOUND: &[Sentence] = &[
    ("where HOME was rewritten, places are still the person's", |lab| {
        let bridge = lab.world.bridge();
        let rewritten = bridge.join("home");
        codex_at(rewritten.join(".local/bin/codex"));
        let codex = codex_at(lab.world.home().join(".local/bin/codex"));
        PERSON.set(lab.world.home()).unwrap();
        let env = [("HOME", rewritten.as_os_str()), ("CODEX_HOME", bridge.as_os_str()), ("PATH", "/nowhere".as_ref())];
        let found = find(&invocation(&env));
        assert_eq!((found.path, found.found_by), (codex, FoundBy::LocalBin));
    }),
    ("a version is read from npm's package.json, native or script", |lab| {
        prefix(&lab.root().join("npm"), "0.169.0");
        assert_eq!(version(&lab.root().join("npm/bin")).as_deref(), Some("0.169.0"));
        prefix(&lab.root().join("preview"), "0.170.0-alpha.3");
        assert_eq!(version(&lab.root().join("preview/bin")).as_deref(), Some("0.170.0-alpha.3"));
        hollow_prefix(&lab.root().join("hollow"));
        codex_at(lab.root().join("hollow/bin/node"));
        assert_eq!(version(&lab.root().join("hollow/bin")).as_deref(), Some("0.169.0"));
    }),
    ("a package.json that is broken is a version unknown", |lab| {
        prefix(&lab.root().join("npm"), "0.169.0");
        fs::write(lab.root().join("npm/lib/node_modules/@openai/codex/package.json"), "{").unwrap();
        assert_eq!(version(&lab.root().join("npm/bin")), None);
    }),
    ("a version is read from Homebrew's Cellar and Caskroom", |lab| {
        for room in ["Cellar", "Caskroom"] {
            let brew = lab.root().join(format!("brew of {room}"));
            codex_at(brew.join(room).join("codex/0.150.1/bin/codex"));
            link(Path::new("..").join(room).join("codex/0.150.1/bin/codex"), brew.join("bin/codex"));
            assert_eq!(version(&brew.join("bin")).as_deref(), Some("0.150.1"));
        }
    }),
    ("a version is read from a standalone release", |lab| {
        let release = lab.root().join("releases").join(format!("0.150.1-{}", platform().1));
        codex_at(release.join("bin/codex"));
        assert_eq!(version(&release.join("bin")).as_deref(), Some("0.150.1"));
    }),
    ("the version of a standalone preview is not that of its release", |lab| {
        let release = lab.root().join("releases").join(format!("0.170.0-alpha.3-{}", platform().1));
        codex_at(release.join("bin/codex"));
        assert_eq!(version(&release.join("bin")).as_deref(), Some("0.170.0-alpha.3"));
    }),
    ("a codex of no such place has a version unknown", |lab| {
        assert_eq!(version(&lab.root().join("bin")), None);
        let release = codex_at(lab.root().join("releases/latest/codex"));
        assert_eq!(version(release.parent().unwrap()), None);
    }),
];

// ---- What is not even looked at ----

/// Everything after the first hit, under a tracer that is first seen to see.
fn nothing_after_the_first_hit(lab: &Lab) -> Result<(), String> {
    let (first, second) = (shelf(lab, "first"), shelf(lab, "second"));
    let native = prefix(&lab.root().join("npm"), "0.169.0");
    link(lab.root().join("npm/bin/codex"), first.join("codex"));
    codex_at(second.join("codex"));
    codex_at(lab.world.home().join(".local/bin/codex"));
    let trace = lab.root().join("out/trace");
    let mut command = lab.world.command("strace");
    command.args(["-f", "-qq", "-s", "400", "-e", "trace=%file", "-o"]).arg(&trace);
    command.arg(lab.own_launcher()).current_dir(lab.work());
    command.env("CODEX_HOME_SHIM_JOURNAL", "off").env(stand_in::REPORT, &lab.report);
    command.env("PATH", std::env::join_paths([&first, &second, Path::new("/usr/bin"), Path::new("/bin")]).unwrap());
    let output = {
        let _alone = forking();
        command.stdin(Stdio::null()).output()
    };
    let output = output.map_err(|error| format!("strace cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("strace cannot trace here: {}", output.status));
    }
    let trace = fs::read_to_string(trace).unwrap();
    let ours = trace.split_once(&format!("execve(\"{}\"", native.display())).map(|(ours, _)| ours);
    let Some(ours) = ours else { return Err("strace does not see what is executed here".to_owned()) };
    // The first line is our own start.
    let ours: Vec<_> = ours.lines().skip(1).collect();
    let names = |part: &str| ours.iter().any(|line| line.contains(part));
    assert!(names("first/codex"), "{ours:#?}");
    for part in ["second/codex", ".local/bin", "/usr/bin/codex", "standalone", "package.json", ".nvm", ".volta"] {
        assert!(!names(part), "`{part}` is in: {ours:#?}");
    }
    Ok(())
}

// ---- npm's and pnpm's own ----

/// A real installation: how it is laid out in a home, from what is in the cache.
struct Real {
    what: &'static str,
    /// The tree, in the cache.
    fetch: fn(&str) -> Result<PathBuf, String>,
    /// Where it belongs in a home.
    at: &'static str,
    /// What is on PATH, below that; `None` where it is one of the usual places.
    on_path: Option<&'static str>,
    /// What makes of the tree what an installer would that is not here.
    finish: fn(&Path),
    /// npm's script, by the way its command leads to it.
    script: &'static str,
}

const REAL: &[Real] = &[
    Real {
        what: "npm i -g --prefix ~/.npm-global",
        fetch: npm_global,
        at: ".npm-global",
        on_path: None,
        finish: |_| {},
        script: "lib/node_modules/@openai/codex/bin/codex.js",
    },
    Real {
        what: "npm i -g into a prefix on PATH",
        fetch: npm_global,
        at: "prefix",
        on_path: Some("bin"),
        finish: |_| {},
        script: "bin/codex",
    },
    Real {
        what: "npm i in a project",
        fetch: npm_local,
        at: "project",
        on_path: Some("node_modules/.bin"),
        finish: |_| {},
        script: "node_modules/.bin/codex",
    },
    Real {
        what: "pnpm add -g",
        fetch: pnpm_global,
        at: ".local/share/pnpm",
        on_path: None,
        finish: |_| {},
        script: "global/5/node_modules/@openai/codex/bin/codex.js",
    },
    Real {
        what: "pnpm add in a project",
        fetch: pnpm_local,
        at: "project",
        on_path: Some("node_modules/.bin"),
        finish: |_| {},
        script: "node_modules/@openai/codex/bin/codex.js",
    },
    // What pnpm's `node-linker=hoisted` lays out is what npm does, and its note beside.
    Real {
        what: "pnpm add in a project, hoisted",
        fetch: npm_local,
        at: "project",
        on_path: Some("node_modules/.bin"),
        finish: |tree| fs::write(tree.join("node_modules/.modules.yaml"), "nodeLinker: hoisted\n").unwrap(),
        script: "node_modules/.bin/codex",
    },
    Real {
        what: "bun add -g",
        fetch: npm_local,
        at: ".bun/install/global",
        on_path: None,
        finish: |tree| {
            let bin = tree.parent().unwrap().parent().unwrap().join("bin/codex");
            link("../install/global/node_modules/@openai/codex/bin/codex.js", bin);
        },
        script: "node_modules/@openai/codex/bin/codex.js",
    },
];

/// What a start may have in its environment that npm's script looks at.
const SURROUNDINGS: &[&[(&str, &str)]] = &[
    &[],
    &[("npm_config_user_agent", "npm/10.9.0 node/v22.0.0 linux x64")],
    &[("npm_config_user_agent", "bun/1.2.0 npm/? node/v22.0.0 linux x64")],
    &[("npm_execpath", "/opt/bun/bin/bun")],
    &[("CODEX_MANAGED_BY_BUN", "1"), ("CODEX_MANAGED_BY_VITE_PLUS", "1"), ("CODEX_MANAGED_PACKAGE_ROOT", "/nowhere")],
];

impl Real {
    /// Lays it out, with the stand-in for its native codex where `is_real` is not asked for. The tree, and a PATH for it.
    fn lay(&self, lab: &Lab, version: &str, is_real: bool) -> Result<(PathBuf, Vec<PathBuf>), String> {
        let fetched = (self.fetch)(version)?;
        let tree = lab.world.home().join(self.at);
        plant(&fetched, &tree, is_real);
        (self.finish)(&tree);
        let path = self.on_path.map(|on_path| tree.join(on_path));
        Ok((tree, path.into_iter().collect()))
    }

    fn version(&self, lab: &Lab, version: &str) -> Result<(), String> {
        let (_, mut path) = self.lay(lab, version, true)?;
        path.push(nothing(lab));
        let mut command = lab.on_path(std::env::join_paths(path).unwrap());
        // It may make itself a home.
        command.arg("--version").env("CODEX_HOME", shelf(lab, "codex-home"));
        let ended = start(lab, &mut command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout, format!("codex-cli {version}\n"), "{}", ended.stderr);
        Ok(())
    }

    fn as_the_script(&self, lab: &Lab, version: &str) -> Result<(), String> {
        let node = node()?;
        let (tree, mut path) = self.lay(lab, version, false)?;
        path.extend([node.parent().unwrap().to_owned(), "/usr/bin".into(), "".into(), "/bin".into()]);
        let path = std::env::join_paths(path).unwrap();
        for surroundings in SURROUNDINGS {
            let mut through_us = lab.on_path(&path);
            through_us.envs(surroundings.iter().copied());
            let mut through_node = surrounded_as(&through_us, lab.world.command(&node));
            through_node.arg(tree.join(self.script));
            for command in [&mut through_node, &mut through_us] {
                command.args(["app-server", "--listen", "stdio://"]);
            }
            let (theirs, ours) = (started(lab, through_node), started(lab, through_us));
            assert_eq!(ours.argv, theirs.argv);
            let layout = if version == VERSIONS[0] { "codex/codex" } else { "bin/codex" };
            let native = Path::new("vendor").join(platform().1).join(layout);
            assert!(Path::new(OsStr::from_bytes(&ours.argv[0].0)).ends_with(native), "{:?}", ours.argv);
            assert_eq!(environment(&ours), environment(&theirs), "after {surroundings:?}");
        }
        Ok(())
    }
}

/// Every variable but our mark.
fn environment(report: &Report) -> BTreeMap<String, String> {
    let text = |bytes: &Bytes| bytes.0.escape_ascii().to_string();
    report.env.iter().map(|(name, value)| (text(name), text(value))).filter(|(name, _)| name != MARK).collect()
}

/// Another program in the surroundings of `command`.
fn surrounded_as(command: &Command, mut other: Command) -> Command {
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        other.current_dir(directory);
    }
    other
}

/// A tree as it is, without a copy where that can be; its native codex is the stand-in, where it is not to be the real one.
fn plant(from: &Path, to: &Path, is_real: bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        let is_native = from.ends_with("bin/codex") || from.ends_with("codex/codex");
        if kind.is_dir() {
            plant(&from, &to, is_real);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if is_native && !is_real && from.components().any(|part| part.as_os_str() == "vendor") {
            codex_at(to);
        } else if fs::hard_link(&from, &to).is_err() {
            // On another disk: some of it has hundreds of megabytes.
            if fs::metadata(&from).unwrap().len() > 1 << 22 {
                symlink(&from, &to).unwrap();
            } else {
                let _alone = forking();
                fs::copy(&from, &to).unwrap();
            }
        }
    }
}

/// Two hundred megabytes over a slow line, and then it is npm that hangs.
const FETCHING: Duration = Duration::from_secs(300);

/// The directory where what was fetched is kept.
fn cache(version: &str) -> Result<PathBuf, String> {
    let binary = npm::codex(version)?;
    Ok(binary.ancestors().find(|path| path.ends_with("npm-cache")).unwrap().to_owned())
}

/// `npm i` in a project: everything is hoisted.
fn npm_local(version: &str) -> Result<PathBuf, String> {
    let _alone = fetching();
    Ok(cache(version)?.join(format!("codex-{version}")))
}

/// `npm i -g --prefix`: the native package is nested.
fn npm_global(version: &str) -> Result<PathBuf, String> {
    kept(version, &format!("global-{version}"), |into, apart| {
        let mut npm = npm_in(apart);
        npm.args(["install", "-g", "--include=optional", "--prefix"]).arg(into);
        fetch(npm.arg(format!("@openai/codex@{version}")))
    })
}

/// `pnpm add -g`, in pnpm's own home.
fn pnpm_global(version: &str) -> Result<PathBuf, String> {
    kept(version, &format!("pnpm-global-{version}"), |into, apart| {
        let mut pnpm = pnpm_in(version, apart)?;
        let own = std::env::var_os("PATH").unwrap_or_default();
        let path = [into.to_owned()].into_iter().chain(std::env::split_paths(&own));
        pnpm.env("PNPM_HOME", into).env("PATH", std::env::join_paths(path).unwrap());
        fetch(pnpm.args(["add", "-g", "--ignore-scripts"]).arg(format!("@openai/codex@{version}")))
    })
}

/// `pnpm add` in a project.
fn pnpm_local(version: &str) -> Result<PathBuf, String> {
    kept(version, &format!("pnpm-local-{version}"), |into, apart| {
        let mut pnpm = pnpm_in(version, apart)?;
        pnpm.args(["add", "--ignore-scripts", "--dir"]).arg(into).current_dir(into);
        fetch(pnpm.arg(format!("@openai/codex@{version}")))
    })
}

/// A pnpm that runs under any node that npm's codex does.
fn pnpm_in(version: &str, apart: &Path) -> Result<Command, String> {
    let pnpm = kept_alone(&cache(version)?, "pnpm-9", |into, apart| {
        fetch(npm_in(apart).args(["install", "--prefix"]).arg(into).arg("pnpm@9"))
    })?;
    let mut command = Command::new(node()?);
    command.arg(pnpm.join("node_modules/pnpm/bin/pnpm.cjs"));
    command.env("HOME", apart).env("XDG_DATA_HOME", apart).env("npm_config_store_dir", apart.join("store"));
    Ok(command)
}

fn npm_in(apart: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.env("HOME", apart)
        .env("npm_config_cache", apart.join("cache"))
        .env("npm_config_userconfig", apart.join("npmrc"))
        .args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    npm
}

fn fetch(command: &mut Command) -> Result<(), String> {
    let finished = support::run_within(command, FETCHING)?;
    if finished.code == Some(0) {
        return Ok(());
    }
    let said = format!("{}{}", finished.stderr, finished.stdout);
    Err(said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it did not say why").to_owned())
}

/// One at a time: the trials want the same.
fn fetching() -> std::sync::MutexGuard<'static, ()> {
    static FETCHING: Mutex<()> = Mutex::new(());
    FETCHING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kept(version: &str, name: &str, make: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let _alone = fetching();
    kept_alone(&cache(version)?, name, make)
}

/// What was fetched before, or is now: beside, and then moved in.
fn kept_alone(
    cache: &Path,
    name: &str,
    make: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let kept = cache.join(name);
    if kept.is_dir() {
        return Ok(kept);
    }
    let fresh = tempfile::Builder::new().prefix(&format!(".{name}-")).tempdir_in(cache).unwrap();
    let [into, apart] = ["tree", "apart"].map(|part| fresh.path().join(part));
    for directory in [&into, &apart] {
        fs::create_dir(directory).unwrap();
    }
    make(&into, &apart).map_err(|error| format!("{name}: {error}"))?;
    match fs::rename(into, &kept) {
        Err(error) if !kept.is_dir() => Err(format!("{}: {error}", kept.display())),
        _ => Ok(kept),
    }
}

fn node() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join("node")).find(|node| node.is_file());
    found.ok_or_else(|| "there is no node on PATH".to_owned())
}

// ---- All of it ----

fn sentences(sentences: &'static [Sentence]) -> impl Iterator<Item = Trial> {
    sentences.iter().map(|(name, test)| {
        Trial::test(*name, move || {
            test(&Lab::new());
            Ok(())
        })
    })
}

/// Sentences that another codex on this machine would speak against.
fn places() -> impl Iterator<Item = Trial> {
    PLACES.iter().map(|(name, test)| {
        possible(name, move |lab| match outside() {
            Some(reason) => Err(reason),
            None => {
                test(lab);
                Ok(())
            }
        })
    })
}

/// A sentence that is ignored for the reason it gives.
fn possible(name: &str, test: impl FnOnce(&Lab) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        Ok(test(&Lab::new()).map_or_else(Completion::ignored_with, |()| Completion::Completed))
    })
}

/// A sentence about the real thing, which may be required.
fn real(name: String, test: impl FnOnce(&Lab) -> Result<(), String> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        let is_required = std::env::var_os("CODEX_HOME_SHIM_REQUIRE_CODEX").is_some_and(|value| !value.is_empty());
        match test(&Lab::new()) {
            Ok(()) => Ok(Completion::Completed),
            Err(reason) if is_required => Err(Failed::from(reason)),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }
    })
}

fn installations() -> impl Iterator<Item = Trial> {
    let each = REAL.iter().flat_map(|install| VERSIONS.map(|version| (install, version)));
    each.flat_map(|(install, version)| {
        let what = install.what;
        [
            real(format!("{what}, {version}: `--version` says so, with no node"), move |lab| {
                install.version(lab, version)
            }),
            real(format!("{what}, {version}: codex starts as npm's script would start it"), move |lab| {
                install.as_the_script(lab, version)
            }),
        ]
    })
}

/// Every sentence that the page names in its rows exists.
fn page_is_true(names: &BTreeSet<String>) {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| installation"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 5 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
        for name in cells[4].split("<br>") {
            assert!(names.contains(name), "tests/finding.rs has no `{name}`");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

fn main() -> ExitCode {
    if let Some(code) = stand_in::act() {
        return code;
    }
    let arguments = Arguments::from_args();
    // Gone when the last trial is over.
    let _programs = lab::lay_programs();

    let mut trials: Vec<_> = sentences(ON_PATH)
        .chain(places())
        .chain(sentences(FOUND))
        .chain([
            possible("places outside any home are looked at in their order, between those in it", fixed_places),
            possible("nothing after the first hit is looked at", nothing_after_the_first_hit),
        ])
        .chain(installations())
        .collect();
    let names = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("every sentence that docs/finding-codex.md names exists", move || {
        page_is_true(&names);
        Ok(())
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
