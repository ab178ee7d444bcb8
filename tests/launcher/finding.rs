//! Which codex a start finds: each installation as its installer leaves it, and the file that is executed for it.
//!
//! In the place of a native codex stands the stand-in, which reports its name and its environment. `docs/finding-codex.md` has
//! the same installations in words.

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
use crate::support::{Case, Fixture, Need, Start, case, forking, npm, run};

/// The PATH of a gateway that a service manager starts.
const BARE: &str = "/usr/bin:/bin";
/// What npm's script may set to say who installed codex.
const MANAGERS: [&str; 4] =
    ["CODEX_MANAGED_BY_NPM", "CODEX_MANAGED_BY_BUN", "CODEX_MANAGED_BY_PNPM", "CODEX_MANAGED_BY_VITE_PLUS"];
const PACKAGE: &str = "lib/node_modules/@openai/codex";
const SCRIPT: &str = "lib/node_modules/@openai/codex/bin/codex.js";

pub fn cases() -> Vec<Case> {
    [npm_package(), places(), skipped(), settings(), nowhere(), versions(), real()].into_iter().flatten().collect()
}

// Laying out.

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

/// A directory with nothing in it: on `/usr/bin` there may be a node.
fn empty(person: &Fixture) -> PathBuf {
    let path = person.root().join("empty");
    fs::create_dir_all(&path).unwrap();
    path
}

// Starting. Not by `Start::run`, which reads the home whole: here there are installations in it.

/// Starts, and returns the report of a codex that was started with nothing said.
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

/// What the launcher executed, by its recursion guard: a script does not learn the name by which it is executed.
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

fn npm_package() -> Vec<Case> {
    vec![
        case("npm's script leads to the native codex, nested before hoisted before vendored", || {
            let person = Fixture::new();
            let (modules, bin) = (person.root().join("npm/lib/node_modules"), person.root().join("npm/bin"));
            hollow_prefix(&person, &person.root().join("npm"));
            let package = modules.join("@openai/codex");
            let roots = [platform_package(&package.join("node_modules")), platform_package(&modules), package.clone()];
            let natives = roots.each_ref().map(|root| native(&person, root));
            for (root, native) in roots.iter().zip(natives) {
                is_managed(&starts_on(&person, &bin, &native), "CODEX_MANAGED_BY_NPM", Some(&package));
                fs::remove_dir_all(root.join("vendor")).unwrap();
            }
        }),
        case("up to 0.128 the native codex has another place, and ripgrep is put on PATH for it", || {
            let person = Fixture::new();
            hollow_prefix(&person, &person.root().join("npm"));
            let vendor = person.root().join("npm").join(PACKAGE).join("vendor").join(PLATFORM.triple);
            let native = person.place_codex(&vendor.join("codex/codex"));
            fs::create_dir(vendor.join("path")).unwrap();
            let bin = person.root().join("npm/bin");
            let report = starts_on(&person, &bin, &native);
            is_managed(&report, "CODEX_MANAGED_BY_NPM", None);
            assert_eq!(report.var("PATH"), Some(joined(&[&vendor.join("path"), &bin]).into()));
        }),
        case(
            "who installed codex is told from the environment, the path and pnpm's note, as npm's script tells it",
            || {
                let person = Fixture::new();
                let root = person.root().join("npm");
                let native = prefix(&person, &root, "0.169.0");
                let package = root.join(PACKAGE);
                let managed = |name: &str, value: &str, manager: &str| {
                    let report = started(&person, on_path(&person, root.join("bin")).env(name, value));
                    assert_eq!(report.argv, [Bytes::from(&native)]);
                    is_managed(&report, manager, Some(&package));
                };
                managed("npm_config_user_agent", "npm/10.9.0 node/v22.0.0 linux x64", "CODEX_MANAGED_BY_NPM");
                managed("npm_config_user_agent", "bun/1.2.0 npm/? node/v22.0.0 linux x64", "CODEX_MANAGED_BY_BUN");
                managed("npm_execpath", "/opt/bun/bin/bun", "CODEX_MANAGED_BY_BUN");
                // Another installation's are removed.
                managed("CODEX_MANAGED_BY_VITE_PLUS", "1", "CODEX_MANAGED_BY_NPM");
                managed("CODEX_MANAGED_PACKAGE_ROOT", "/nowhere", "CODEX_MANAGED_BY_NPM");
                fs::write(root.join("lib/node_modules/.modules.yaml"), "nodeLinker: hoisted\n").unwrap();
                managed("npm_execpath", "/opt/bun/bin/bun", "CODEX_MANAGED_BY_PNPM");
            },
        ),
        case("without its native package npm's script is executed, by a node on PATH or beside the command", || {
            let person = Fixture::new();
            let script = hollow_prefix(&person, &person.root().join("npm"));
            let bin = person.root().join("npm/bin");
            let node = person.place_codex(&person.root().join("node/node"));
            let path = joined(&[&bin, node.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]);
            let is_script = |report: &Report, path: &OsStr| {
                assert_eq!((executed(report), report.var("PATH")), (script.clone(), Some(path.into())));
                assert_eq!(report.argv[1..], [Bytes::from(&script)]);
                is_not_managed(report);
            };
            is_script(&started(&person, on_path(&person, &path)), &path);
            // nvm, fnm and Homebrew keep node there; a PATH without it would end in `env: node: No such file or directory`.
            person.place_codex(&bin.join("node"));
            let other = person.root().join("other");
            person.link(&bin.join("codex"), &other.join("codex"));
            is_script(&started(&person, on_path(&person, &bin)), bin.as_os_str());
        }),
        case("with `npm_native = false` npm's script is executed", || {
            let person = Fixture::new();
            prefix(&person, &person.root().join("npm"), "0.169.0");
            let node = person.place_codex(&person.root().join("node/node"));
            let path = joined(&[&person.root().join("npm/bin"), node.parent().unwrap()]);
            let report = started(&person, on_path(&person, &path).setting("npm_native", "0"));
            assert_eq!(executed(&report), person.root().join("npm").join(SCRIPT));
            is_not_managed(&report);
        }),
        case("a script of the person's own that ends in npm's is executed as it is", || {
            let person = Fixture::new();
            prefix(&person, &person.root().join("npm"), "0.169.0");
            let script = person.root().join("npm").join(SCRIPT);
            for own in [
                format!("#!/bin/sh\nexec '{}' '{}' --own \"$@\"\n", person.codex().display(), script.display()),
                format!("#!/bin/sh\n# Was {}.\nexec '{}' --own \"$@\"\n", script.display(), person.codex().display()),
            ] {
                let own = person.write_program(&person.home().join("bin/codex"), &own);
                let report = started(&person, on_path(&person, own.parent().unwrap()));
                assert_eq!(executed(&report), own);
                assert!(report.argv.contains(&Bytes::from("--own")));
            }
        }),
    ]
}

/// The places below a home, in their order, each with the variable and value that move it.
const PLACES: [(&str, Option<(&str, &str)>); 17] = [
    (".local/bin/codex", None),
    (".codex/packages/standalone/current/bin/codex", None),
    (".codex/packages/standalone/current/codex", None),
    (".npm-global/bin/codex", None),
    ("Library/pnpm/codex", Some(("PNPM_HOME", "codex"))),
    (".local/share/pnpm/codex", None),
    (".bun/bin/codex", Some(("BUN_INSTALL", "bin/codex"))),
    (".volta/bin/codex", Some(("VOLTA_HOME", "bin/codex"))),
    (".asdf/shims/codex", Some(("ASDF_DATA_DIR", "shims/codex"))),
    (".local/share/mise/shims/codex", Some(("MISE_DATA_DIR", "shims/codex"))),
    (".nvm/versions/node/v22.0.0/bin/codex", Some(("NVM_DIR", "versions/node/v22.0.0/bin/codex"))),
    (
        ".local/share/fnm/node-versions/v22.0.0/installation/bin/codex",
        Some(("FNM_DIR", "node-versions/v22.0.0/installation/bin/codex")),
    ),
    (".fnm/node-versions/v22.0.0/installation/bin/codex", None),
    ("Library/Application Support/fnm/node-versions/v22.0.0/installation/bin/codex", None),
    ("Applications/ChatGPT.app/Contents/Resources/codex", None),
    ("Applications/Codex.app/Contents/Resources/codex", None),
    ("nowhere/codex", None),
];

fn places() -> Vec<Case> {
    let mut cases = vec![
        case("PATH comes first, then the places of installers in the order of the table", || {
            let person = Fixture::new();
            let (places, nowhere) = PLACES.split_at(PLACES.len() - 1);
            let all: Vec<_> = places.iter().map(|(path, _)| person.place_codex(&person.home().join(path))).collect();
            person.place_codex(&person.home().join(nowhere[0].0));
            starts_on(&person, person.root().join("bin"), &person.codex());
            for codex in all {
                starts_on(&person, empty(&person), &codex);
                fs::remove_file(codex).unwrap();
            }
            assert_eq!(run(&mut on_path(&person, empty(&person)).command).code, Some(127));
        }),
        case("an installer's own variable moves its place, if it is absolute", || {
            let person = Fixture::new();
            for (place, moved) in PLACES {
                let Some((variable, below)) = moved else { continue };
                let usual = person.place_codex(&person.home().join(place));
                let root = person.root().join("moved").join(variable);
                let codex = person.place_codex(&root.join(below));
                let report = started(&person, on_path(&person, empty(&person)).env(variable, &root));
                assert_eq!(report.argv, [Bytes::from(&codex)], "{variable}");
                let report = started(&person, on_path(&person, empty(&person)).env(variable, "moved"));
                assert_eq!(report.argv, [Bytes::from(&usual)], "a relative {variable}");
                fs::remove_file(usual).unwrap();
            }
        }),
        case(
            "a symlink to a release gives codex its real path, to a shim of another name the name it is called by",
            || {
                let person = Fixture::new();
                for (real, link) in [
                    ("releases/0.150.1/codex", ".local/bin/codex"),
                    ("Caskroom/codex/0.150.1/codex-aarch64-apple-darwin", "brew/bin/codex"),
                    ("Cellar/codex/0.150.1/bin/codex", "brew2/bin/codex"),
                ] {
                    let (real, link) = (person.place_codex(&person.root().join(real)), person.home().join(link));
                    person.link(&real, &link);
                    is_not_managed(&starts_on(&person, link.parent().unwrap(), &real));
                }
                // A multi-call program goes by the name it is called by.
                for (program, shim) in [("mise", ".local/share/mise/shims/codex"), ("volta-shim", ".volta/bin/codex")] {
                    person.place_codex(&person.root().join(program));
                    let shim = person.home().join(shim);
                    person.link(&person.root().join(program), &shim);
                    is_not_managed(&starts_on(&person, shim.parent().unwrap(), &shim));
                }
            },
        ),
        case("pnpm's shell script leads to the native codex in its store", || {
            for home in [".local/share/pnpm", "Library/pnpm"] {
                let person = Fixture::new();
                let (package, native) = pnpm(&person, &person.home().join(home));
                let report = starts_on(&person, empty(&person), &native);
                is_managed(&report, "CODEX_MANAGED_BY_PNPM", Some(&package));
            }
        }),
        case("bun's link leads to the native codex of its global installation", || {
            let person = Fixture::new();
            let modules = person.home().join(".bun/install/global/node_modules");
            let package = package(&person, &modules, "0.169.0");
            let native = native(&person, &platform_package(&modules));
            person.link(
                Path::new("../install/global/node_modules/@openai/codex/bin/codex.js"),
                &person.home().join(".bun/bin/codex"),
            );
            is_managed(&starts_on(&person, empty(&person), &native), "CODEX_MANAGED_BY_BUN", Some(&package));
        }),
        case("volta's shim leads to the native codex in its image, and is not run", || {
            let person = Fixture::new();
            let volta = person.home().join(".volta");
            let image = volta.join("tools/image/packages/@openai/codex");
            let native = prefix(&person, &image, "0.169.0");
            person.write_program(&volta.join("bin/volta-shim"), "#!/bin/sh\nexit 9\n");
            person.link(Path::new("volta-shim"), &volta.join("bin/codex"));
            let report = starts_on(&person, empty(&person), &native);
            is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&image.join(PACKAGE)));
        }),
        case("asdf's shim for one version of node leads to the native codex; for two asdf chooses", || {
            let person = Fixture::new();
            let installs = person.home().join(".asdf/installs/nodejs");
            let native = prefix(&person, &installs.join("22.1.0"), "0.169.0");
            prefix(&person, &installs.join("20.9.0"), "0.169.0");
            asdf_shim(&person, &["22.1.0"]);
            let report = starts_on(&person, BARE, &native);
            is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&installs.join("22.1.0").join(PACKAGE)));
            let shim = asdf_shim(&person, &["20.9.0", "22.1.0"]);
            let report = started(&person, person.start(&["app-server"]).path(BARE));
            assert_eq!(executed(&report), shim);
            assert_eq!(report.argv[1..], ["exec", "codex", "app-server"].map(Bytes::from));
        }),
        case("of the versions of nvm and fnm the newest codex is started, whatever node it came with", || {
            let person = Fixture::new();
            for (root, below) in [(".nvm/versions/node", ""), (".local/share/fnm/node-versions", "installation")] {
                let root = person.home().join(root);
                // By the name of the directory the order would be another one.
                let versions = [
                    ("v9.11.2", "0.100.0"),
                    ("v20.1.0", "0.100.0-alpha.10"),
                    ("v22.0.0", "0.100.0-alpha.9"),
                    ("v22.3.0", "0.99.1"),
                    ("v20.0.0", "0.9.0"),
                    ("v24.0.0", "not a version"),
                ];
                let natives = versions.map(|(node, codex)| prefix(&person, &root.join(node).join(below), codex));
                fs::create_dir_all(root.join("v23.0.0").join(below).join("bin")).unwrap();
                fs::write(root.join(".DS_Store"), "").unwrap();
                for ((node, _), native) in versions.iter().zip(natives) {
                    starts_on(&person, empty(&person), &native);
                    fs::remove_dir_all(root.join(node)).unwrap();
                }
            }
        }),
        case("the places are the person's own if the host has rewritten HOME", || {
            let person = Fixture::new();
            let rewritten = person.bridge().join("home");
            person.place_codex(&rewritten.join(".local/bin/codex"));
            let codex = person.place_codex(&person.root().join("passwd/.local/bin/codex"));
            let mut invocation = invocation(&[
                ("HOME", rewritten.as_os_str()),
                ("CODEX_HOME", person.bridge().as_os_str()),
                ("PATH", OsStr::new("/nowhere")),
            ]);
            invocation.user_database = || HOME_IN_DATABASE.get().cloned();
            HOME_IN_DATABASE.set(person.root().join("passwd")).unwrap();
            let found = found(&invocation);
            assert_eq!((found.path, found.found_by), (codex, "local-bin"));
        }),
    ];
    cases = cases.into_iter().map(|case| case.needs(Need::NoSystemCodex)).collect();
    cases.push(
        case("the places outside any home are looked at in their order, between those in a home", outside)
            .needs(Need::MountNamespace)
            .needs(Need::NoSystemCodex),
    );
    cases.push(case("nothing after the first hit is looked at", first_hit).needs(Need::Strace));
    cases
}

/// What the user database says.
static HOME_IN_DATABASE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();

/// Homebrew's places and npm's global directories, laid over those of the machine.
fn outside() {
    let person = Fixture::new();
    let machine = person.root().join("machine");
    for directory in ["opt", "usr-local", "home"] {
        fs::create_dir_all(machine.join(directory)).unwrap();
    }
    let lay = ["opt /opt", "usr-local /usr/local", "home /home"]
        .map(|pair| format!("mount --bind {}/{pair}", machine.display()))
        .join(" && ");
    let starts = |codex: &Path| {
        let report = started(&person, on_path(&person, BARE).in_namespace(&lay));
        assert_eq!(report.argv, [Bytes::from(codex)]);
        report
    };
    let seen = |path: &Path| {
        let below = path.strip_prefix(&machine).unwrap().to_str().unwrap();
        PathBuf::from(format!("/{}", below.replacen("usr-local", "usr/local", 1)))
    };
    let cask = format!("Caskroom/codex/0.150.1/codex-{}", PLATFORM.triple);
    let cask_real = person.place_codex(&machine.join("opt/homebrew").join(&cask));
    person.link(&Path::new("..").join(&cask), &machine.join("opt/homebrew/bin/codex"));
    let cellar = person.place_codex(&machine.join("usr-local/Cellar/codex/0.150.1/bin/codex"));
    person.link(Path::new("../Cellar/codex/0.150.1/bin/codex"), &machine.join("usr-local/bin/codex"));
    let linuxbrew = machine.join("home/linuxbrew/.linuxbrew");
    let of_linuxbrew = prefix(&person, &linuxbrew, "0.169.0");
    let npm = ["opt/homebrew", "usr-local"].map(|root| {
        let native = prefix(&person, &machine.join(root).join("npm"), "0.169.0");
        fs::rename(machine.join(root).join("npm/lib"), machine.join(root).join("lib")).unwrap();
        (
            machine.join(root).join("lib"),
            machine.join(root).join(native.strip_prefix(machine.join(root).join("npm")).unwrap()),
        )
    });
    let before = person.place_codex(&person.personal().join("packages/standalone/current/codex"));
    starts(&before);
    fs::remove_file(before).unwrap();
    is_not_managed(&starts(&seen(&cask_real)));
    fs::remove_file(machine.join("opt/homebrew/bin/codex")).unwrap();
    is_not_managed(&starts(&seen(&cellar)));
    fs::remove_file(machine.join("usr-local/bin/codex")).unwrap();
    is_managed(&starts(&seen(&of_linuxbrew)), "CODEX_MANAGED_BY_NPM", Some(&seen(&linuxbrew.join(PACKAGE))));
    fs::remove_file(linuxbrew.join("bin/codex")).unwrap();
    let between = person.place_codex(&person.home().join(".npm-global/bin/codex"));
    starts(&between);
    fs::remove_file(between).unwrap();
    let after = person.place_codex(&person.home().join("Library/pnpm/codex"));
    for (lib, native) in npm {
        is_managed(
            &starts(&seen(&native)),
            "CODEX_MANAGED_BY_NPM",
            Some(&seen(&lib.join("node_modules/@openai/codex"))),
        );
        fs::remove_dir_all(lib).unwrap();
    }
    starts(&after);
}

fn first_hit() {
    let person = Fixture::new();
    prefix(&person, &person.root().join("npm"), "0.169.0");
    person.place_codex(&person.root().join("second/codex"));
    person.place_codex(&person.home().join(".local/bin/codex"));
    let behind = ["/usr/bin", "/bin"].map(Path::new);
    let path = joined(&[&person.root().join("npm/bin"), &person.root().join("second"), behind[0], behind[1]]);
    let output = person.root().join("calls");
    let start = crate::support::strace::under(on_path(&person, path), "all", &[], &output);
    started(&person, start);
    let calls = crate::support::strace::calls(&fs::read_to_string(&output).unwrap());
    let names = |part: &str| calls.iter().any(|call| call.line.contains(part));
    assert!(names("npm/bin/codex"), "{calls:#?}");
    for part in ["second/codex", ".local/bin", "/usr/bin/codex", "standalone", "package.json", ".nvm", ".volta"] {
        assert!(!names(part), "`{part}` is in {calls:#?}");
    }
}

/// What a candidate on PATH is, and the part of the warning that says why it was skipped; `None` if nothing is said because
/// PATH itself would skip it, or because it is the launcher.
type Candidate = (&'static str, fn(&Fixture, &Path), Option<&'static str>);

const CANDIDATES: &[Candidate] = &[
    ("a directory", |_, path| fs::create_dir(path).unwrap(), None),
    ("a FIFO", |_, path| mkfifo(path, Mode::S_IRWXU).unwrap(), None),
    ("a socket", |_, path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), None),
    ("a dangling symlink", |_, path| symlink("/nonexistent", path).unwrap(), None),
    ("a symlink to a device", |_, path| symlink("/dev/zero", path).unwrap(), None),
    (
        "a file without the permission to be executed",
        |person, path| {
            person.write_program(path, "#!/bin/sh\n");
            person.chmod(path, 0o644);
        },
        None,
    ),
    ("a symlink to the launcher", |person, path| symlink(person.launcher(), path).unwrap(), None),
    ("a hard link to the launcher", |person, path| fs::hard_link(person.launcher(), path).unwrap(), None),
    (
        "a copy of the launcher",
        |person, path| {
            let _alone = forking();
            fs::copy(person.launcher(), path).map(drop).unwrap();
        },
        None,
    ),
    ("a symlink to itself", |_, path| symlink("codex", path).unwrap(), Some("it could not be looked at")),
    (
        "a script whose interpreter is missing",
        |person, path| drop(person.write_program(path, "#!/no/such/interpreter -x\n")),
        Some("its interpreter `/no/such/interpreter` is missing"),
    ),
    (
        "an ELF program for another machine",
        // SPARC.
        |person, path| {
            let head = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], b"\x02\x00\x02\x00", &[0; 100]].concat();
            person.write_program(path, "");
            fs::write(path, head).unwrap();
        },
        Some("it is a program for another machine"),
    ),
    (
        "a program for Windows",
        |person, path| drop(person.write_program(path, "MZ\u{1}")),
        Some("it is a program for another machine"),
    ),
    // A wrapper that clears the environment would start the launcher for ever: no recursion guard survives it.
    (
        "a script that starts the launcher without its environment",
        |person, path| {
            let text = format!("#!/bin/sh\nexec env -i PATH=\"$PATH\" '{}' \"$@\"\n", person.launcher().display());
            person.write_program(path, &text);
        },
        Some("it is a script that starts this launcher"),
    ),
    (
        "npm's script without its native package and without a node",
        |person, path| {
            hollow_prefix(person, &person.root().join("npm"));
            symlink(person.root().join("npm").join(SCRIPT), path).unwrap();
        },
        Some("its native package is not installed, and there is no node on PATH"),
    ),
];

fn skipped() -> Vec<Case> {
    let mut cases = vec![
        case("a candidate that cannot start codex is skipped, and why is said if PATH would have started it", || {
            let person = Fixture::new();
            for (number, (what, lay, warning)) in CANDIDATES.iter().enumerate() {
                let first = person.root().join(format!("first-{number}"));
                fs::create_dir(&first).unwrap();
                lay(&person, &first.join("codex"));
                let _ = fs::remove_file(person.report());
                let ended = run(&mut on_path(&person, joined(&[&first, &person.root().join("bin")])).command);
                assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
                assert_eq!(Report::read(&person.report()).unwrap().argv, [Bytes::from(&person.codex())], "{what}");
                match warning {
                    None => assert_eq!(ended.stderr, "", "{what}"),
                    Some(warning) => {
                        let said = format!("codex-home-shim: warning: skipped `{}`: ", first.join("codex").display());
                        assert!(ended.stderr.starts_with(&said), "{what}: {}", ended.stderr);
                        assert!(ended.stderr.contains(warning), "{what}: {}", ended.stderr);
                        assert_eq!(ended.stderr.lines().count(), 1, "{what}: {}", ended.stderr);
                    }
                }
            }
        }),
        case("a skipped candidate is in the journal", || {
            let person = Fixture::issue_70511();
            let first = person.write_program(&person.root().join("first/codex"), "#!/no/such/interpreter\n");
            let path = joined(&[first.parent().unwrap(), &person.root().join("bin")]);
            let ended = person.serve().path(path).run();
            let line = ended.journal.unwrap();
            let warnings = line["warnings"].to_string();
            assert!(warnings.contains("first/codex") && warnings.contains("/no/such/interpreter"), "{line:#}");
        }),
        case("if nothing else is found, the first skipped candidate is named, and the exit code is 126", || {
            let person = Fixture::new();
            hollow_prefix(&person, &person.home().join(".npm-global"));
            let ended = run(&mut person.start(&["exec", "hi"]).path(empty(&person)).command);
            assert_eq!(ended.code, Some(126), "{ended:?}");
            for part in ["~/.npm-global/bin/codex", "native package is not installed", "run `npm i -g @openai/codex@"] {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        })
        .needs(Need::NoSystemCodex),
        case("relative and empty entries on PATH are ignored", || {
            let person = Fixture::new();
            person.place_codex(&person.work().join("codex"));
            for entry in ["", ".", "work", "~/bin"] {
                let path = joined(&[Path::new(entry), &person.root().join("bin")]);
                starts_on(&person, path, &person.codex());
            }
        }),
        case("a PATH of 43,000 entries is searched in no noticeable time", || {
            let person = Fixture::new();
            let path = format!("{}{}", "/x:".repeat(43_000), person.root().join("bin").display());
            let began = std::time::Instant::now();
            starts_on(&person, path, &person.codex());
            assert!(began.elapsed().as_secs() < 5);
        }),
    ];
    if cfg!(target_os = "linux") {
        cases.push(case("a codex that other users can write, or that lies in such a directory, is started", || {
            let person = Fixture::new();
            let codex = person.place_codex(&person.root().join("open/codex"));
            let copy = person.root().join("open/copy");
            {
                let _alone = forking();
                fs::copy(&codex, &copy).unwrap();
            }
            fs::rename(copy, &codex).unwrap();
            person.chmod(&codex, 0o777);
            person.chmod(codex.parent().unwrap(), 0o777);
            starts_on(&person, codex.parent().unwrap(), &codex);
        }));
        cases.push(
            case("a codex that cannot be looked at for a passing reason is skipped, and that is said", || {
                let person = Fixture::new();
                let first = person.place_codex(&person.root().join("first/codex"));
                let path = joined(&[first.parent().unwrap(), &person.root().join("bin")]);
                let output = person.root().join("calls");
                let inject = ["openat,openat2:error=EIO:when=1+".to_owned()];
                let mut start =
                    crate::support::strace::under(on_path(&person, path), "openat,openat2", &inject, &output);
                // Only for this file.
                let args: Vec<_> = start.command.get_args().map(OsStr::to_owned).collect();
                let envs: Vec<_> =
                    start.command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
                let mut command = person.command(start.command.get_program());
                command.env_clear().envs(envs).arg("-P").arg(&first).args(args);
                start.command = command;
                let ended = run(&mut start.command);
                assert_eq!(ended.code, Some(0), "{ended:?}");
                assert!(ended.stderr.contains("it could not be looked at: i/o error"), "{}", ended.stderr);
                assert_eq!(executed(&Report::read(&person.report()).unwrap()), person.codex());
            })
            .needs(Need::Strace),
        );
    }
    cases
}

fn settings() -> Vec<Case> {
    vec![
        case("a codex that the settings name is started, whatever is on PATH", || {
            let person = Fixture::new();
            let native = prefix(&person, &person.root().join("npm"), "0.169.0");
            let script = person.root().join("npm").join(SCRIPT);
            let path = person.root().join("bin");
            let report = started(&person, on_path(&person, &path).setting("codex", &script));
            assert_eq!(report.argv, [Bytes::from(&native)]);
            person.write_settings(&format!("codex = \"{}\"\n", script.display()));
            assert_eq!(started(&person, on_path(&person, &path)).argv, [Bytes::from(&native)]);
        }),
        case(
            "a script that the settings name may start the launcher by its name: the recursion guard ends that",
            || {
                let person = Fixture::new();
                let wrapper = person.root().join("wrapper/codex");
                let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", person.launcher().display());
                person.write_program(&wrapper, &text);
                let ended = run(&mut person.start(&["exec", "hi"]).setting("codex", &wrapper).command);
                assert_eq!(ended.code, Some(126), "{ended:?}");
                assert!(ended.stderr.contains("starts this launcher"), "{}", ended.stderr);
                assert!(ended.stderr.contains("help: set `CODEX_HOME_SHIM_CODEX`"), "{}", ended.stderr);
            },
        ),
        case("a codex that the settings name and cannot be started is never replaced by another one", || {
            let person = Fixture::new();
            for (number, (what, lay, said)) in CANDIDATES.iter().enumerate() {
                let named = person.root().join(format!("named-{number}"));
                fs::create_dir(&named).unwrap();
                let named = named.join("codex");
                lay(&person, &named);
                // The person chose that script: what it does is known to them, and the recursion guard ends a loop.
                if said.is_some_and(|said| said.contains("starts this launcher")) {
                    continue;
                }
                let _ = fs::remove_file(person.report());
                let start = person.start(&["exec", "hi"]).path(person.root().join("bin"));
                let ended = run(&mut start.setting("codex", &named).command);
                let code = if *what == "a dangling symlink" { 127 } else { 126 };
                assert_eq!(ended.code, Some(code), "{what}: {ended:?}");
                assert!(Report::read(&person.report()).is_none(), "{what}: another codex was started");
                let name = format!("`CODEX_HOME_SHIM_CODEX` is `{}`: ", named.display());
                assert!(ended.stderr.contains(&name), "{what}: {}", ended.stderr);
                let said = if code == 127 { "there is no such file" } else { said.unwrap_or("it is ") };
                assert!(ended.stderr.contains(said), "{what}: {}", ended.stderr);
            }
        }),
        case("a codex that the settings name and is not there is 127", || {
            let person = Fixture::new();
            let mut start = person.start(&["exec", "hi"]).setting("codex", "/nowhere/codex");
            let ended = run(&mut start.command);
            assert_eq!(ended.code, Some(127), "{ended:?}");
            assert!(ended.stderr.contains("`/nowhere/codex`: there is no such file"), "{}", ended.stderr);
            person.write_settings("codex = \"/nowhere/codex\"\n");
            let ended = run(&mut on_path(&person, person.root().join("bin")).command);
            assert_eq!(ended.code, Some(127), "{ended:?}");
            let parts = ["`codex` in `~/.config/codex-home-shim/config.toml`", "remove the line"];
            for part in parts.iter().skip(usize::from(cfg!(target_os = "macos"))) {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        }),
        case("a program that the system refuses to execute is 126, and why is said", || {
            let person = Fixture::new();
            // An interpreter that is there and is a directory.
            let script = person.write_program(&person.root().join("first/codex"), "#!/usr/bin\n");
            let ended = run(&mut on_path(&person, script.parent().unwrap()).command);
            assert_eq!(ended.code, Some(126), "{ended:?}");
            for part in ["cannot be executed: permission denied", "help: reinstall codex"] {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        }),
    ]
}

fn nowhere() -> Vec<Case> {
    let cases = vec![
        case(
            "no codex anywhere is 127, with the directories that were searched and the command that installs one",
            || {
                let person = Fixture::new();
                let own = person.home().join("bin");
                let path = joined(&[&own, Path::new("/usr/bin"), Path::new("/bin")]);
                let ended = run(&mut on_path(&person, path).command);
                assert_eq!(ended.code, Some(127), "{ended:?}");
                for part in ["`~/bin`", "`/usr/bin`", "the usual places of installers", "run `npm i -g @openai/codex`"]
                {
                    assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
                }
            },
        ),
        case("no codex on a PATH of 200 entries is a message that fits a chat", || {
            let person = Fixture::new();
            for length in [8, 200] {
                let paths: Vec<_> = (0..200).map(|number| person.home().join(format!("{number:0>length$}"))).collect();
                let path = std::env::join_paths(paths).unwrap();
                let mut start = person.start(&["app-server", "--listen", "stdio://"]).path(path);
                let ended = run(&mut start.command);
                assert_eq!(ended.code, Some(127), "{ended:?}");
                assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
                assert!(ended.stderr.chars().count() < 440, "{}", ended.stderr);
                assert!(ended.stderr.contains("196 more directories on PATH"), "{}", ended.stderr);
            }
        }),
    ];
    cases.into_iter().map(|case| case.needs(Need::NoSystemCodex)).collect()
}

// Through the library.

/// An invocation in another environment. The stand-in is this program, and would be taken for the launcher.
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

fn versions() -> Vec<Case> {
    let version = |path: &Path| found(&invocation(&[("PATH", path.as_os_str())])).version();
    vec![case(
        "the version is read from npm's package.json, or told by the path of Homebrew and the installer",
        move || {
            let person = Fixture::new();
            let below = |path: &str| person.root().join(path);
            prefix(&person, &below("npm"), "0.169.0");
            prefix(&person, &below("preview"), "0.170.0-alpha.3");
            prefix(&person, &below("broken"), "0.169.0");
            fs::write(below("broken").join(PACKAGE).join("package.json"), "{").unwrap();
            hollow_prefix(&person, &below("hollow"));
            person.place_codex(&below("hollow/bin/node"));
            person.place_codex(&below("Cellar/codex/0.150.1/bin/codex"));
            person.place_codex(&below("Caskroom/codex/0.150.1/codex"));
            person.place_codex(&below("releases/0.150.1-x86_64-unknown-linux-musl/bin/codex"));
            person.place_codex(&below("releases/0.170.0-alpha.3-aarch64-apple-darwin/codex"));
            person.place_codex(&below("releases/latest/codex"));
            for (path, expected) in [
                ("npm/bin", Some("0.169.0")),
                ("preview/bin", Some("0.170.0-alpha.3")),
                ("broken/bin", None),
                ("hollow/bin", Some("0.169.0")),
                ("Cellar/codex/0.150.1/bin", Some("0.150.1")),
                ("Caskroom/codex/0.150.1", Some("0.150.1")),
                ("releases/0.150.1-x86_64-unknown-linux-musl/bin", Some("0.150.1")),
                ("releases/0.170.0-alpha.3-aarch64-apple-darwin", Some("0.170.0-alpha.3")),
                ("releases/latest", None),
                ("bin", None),
            ] {
                assert_eq!(version(&below(path)).as_deref(), expected, "{path}");
            }
        },
    )]
}

// The real packages.

/// The real packages, as each installer lays them out: with the stand-in in the place of the native codex, the launcher starts
/// what npm's own script starts under node, with the same arguments and the same environment.
fn real() -> Vec<Case> {
    fn unchanged(_: &Path) {}
    type Layout =
        (&'static str, fn(&str) -> Result<PathBuf, String>, &'static str, &'static str, &'static str, fn(&Path));
    let layouts: [Layout; 5] = [
        ("npm i -g", npm::global, "prefix", "bin", "bin/codex", unchanged),
        ("npm i", npm::project, "project", "node_modules/.bin", "node_modules/.bin/codex", unchanged),
        (
            "pnpm add, in a project",
            npm::pnpm_project,
            "project",
            "node_modules/.bin",
            "node_modules/@openai/codex/bin/codex.js",
            unchanged,
        ),
        // What `node-linker=hoisted` lays out is what npm does, with pnpm's note beside.
        ("pnpm add, hoisted", npm::project, "project", "node_modules/.bin", "node_modules/.bin/codex", |tree| {
            fs::write(tree.join("node_modules/.modules.yaml"), "nodeLinker: hoisted\n").unwrap();
        }),
        (
            "bun add -g",
            npm::project,
            "home/.bun/install/global",
            "../../bin",
            "node_modules/@openai/codex/bin/codex.js",
            |tree| {
                let bin = tree.join("../../bin");
                fs::create_dir_all(&bin).unwrap();
                symlink("../install/global/node_modules/@openai/codex/bin/codex.js", bin.join("codex")).unwrap();
            },
        ),
    ];
    let cases = layouts.into_iter().flat_map(|layout| ["0.123.0", "0.169.0"].map(|version| (layout, version)));
    cases
        .map(|((what, fetch, at, on_path, script, finish), version)| {
            case(format!("{what}, {version}: codex starts as npm's script would start it"), move || {
                let person = Fixture::new();
                let tree = person.root().join(at);
                plant(&person, &fetch(version).unwrap(), &tree);
                finish(&tree);
                as_the_script(&person, &fs::canonicalize(tree.join(on_path)).unwrap(), &tree.join(script));
            })
            .needs(Need::Deep)
            .needs(Need::Npm)
        })
        .collect()
}

fn as_the_script(person: &Fixture, bin: &Path, script: &Path) {
    let node = npm::node().unwrap();
    let path = joined(&[bin, &node, Path::new("/usr/bin"), Path::new(""), Path::new("/bin")]);
    for variables in [
        &[][..],
        &[("npm_config_user_agent", "npm/10.9.0 node/v22.0.0 linux x64")],
        &[("npm_config_user_agent", "bun/1.2.0 npm/? node/v22.0.0 linux x64")],
        &[("npm_execpath", "/opt/bun/bin/bun")],
        &[("CODEX_MANAGED_BY_BUN", "1"), ("CODEX_MANAGED_PACKAGE_ROOT", "/nowhere")],
    ] {
        let mut ours = person.start(&["app-server", "--help"]).path(&path);
        ours.command.envs(variables.iter().copied());
        let mut theirs = person.start(&[]);
        theirs.command = person.command(node.join("node"));
        theirs.command.arg(script).args(["app-server", "--help"]).env_clear();
        theirs.command.envs(ours.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (theirs, ours) = (started(person, theirs), started(person, ours));
        assert_eq!(ours.argv, theirs.argv);
        let environment = |report: &Report| {
            let is_guard = |name: &Bytes| name.0 == GUARD_VARIABLE.as_bytes();
            let mut env: Vec<_> = report.env.iter().filter(|(name, _)| !is_guard(name)).cloned().collect();
            env.sort();
            env
        };
        assert_eq!(environment(&ours), environment(&theirs), "with {variables:?}");
    }
}

/// Copies an installation, with the stand-in in the place of its native codex.
fn plant(person: &Fixture, from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        let is_native = from.ends_with("bin/codex") || from.ends_with("codex/codex");
        if kind.is_dir() {
            plant(person, &from, &to);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if is_native && from.components().any(|part| part.as_os_str() == "vendor") {
            person.place_codex(&to);
        } else if from.metadata().unwrap().len() < 1 << 22 {
            let _alone = forking();
            fs::copy(&from, &to).unwrap();
        }
    }
}
