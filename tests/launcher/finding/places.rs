//! The places of installers.

use codex_home::codex::locations::INSTALLERS;
use codex_home::platform::{LINUX_X64, MACOS_ARM64, Platform};

use super::*;

/// The places below a home, in order: the installer, the place, and the part below a directory that a variable names.
///
/// As `../../../docs/finding-codex.md` has them, from the real installers or from public reports.
const PLACES: &[(&str, &str, Option<(&str, &str)>)] = &[
    ("local-bin", ".local/bin/codex", None),
    ("local-bin", "bin/codex", None),
    ("standalone", ".codex/packages/standalone/current/bin/codex", None),
    ("standalone", ".codex/packages/standalone/current/codex", None),
    ("npm", ".npm-global/bin/codex", None),
    ("npm", ".npm-packages/bin/codex", None),
    ("pnpm", "Library/pnpm/bin/codex", Some(("PNPM_HOME", "bin/codex"))),
    ("pnpm", "Library/pnpm/codex", Some(("PNPM_HOME", "codex"))),
    ("pnpm", ".local/share/pnpm/bin/codex", Some(("XDG_DATA_HOME", "pnpm/bin/codex"))),
    ("pnpm", ".local/share/pnpm/codex", Some(("XDG_DATA_HOME", "pnpm/codex"))),
    ("yarn", ".yarn/bin/codex", None),
    ("bun", ".bun/bin/codex", Some(("BUN_INSTALL", "bin/codex"))),
    ("volta", ".volta/bin/codex", Some(("VOLTA_HOME", "bin/codex"))),
    ("vite-plus", ".vite-plus/bin/codex", None),
    ("asdf", ".asdf/installs/nodejs/22.0.0/bin/codex", Some(("ASDF_DATA_DIR", "installs/nodejs/22.0.0/bin/codex"))),
    ("asdf", ".asdf/installs/nodejs/22.0.0/.npm/bin/codex", None),
    ("asdf", ".asdf/shims/codex", Some(("ASDF_DATA_DIR", "shims/codex"))),
    (
        "mise",
        ".local/share/mise/installs/npm-openai-codex/0.144.0/bin/codex",
        Some(("MISE_DATA_DIR", "installs/npm-openai-codex/0.144.0/bin/codex")),
    ),
    ("mise", ".local/share/mise/installs/node/22.0.0/bin/codex", None),
    ("mise", ".local/share/mise/shims/codex", Some(("XDG_DATA_HOME", "mise/shims/codex"))),
    (
        "nvm",
        ".config/nvm/versions/node/v22.0.0/bin/codex",
        Some(("XDG_CONFIG_HOME", "nvm/versions/node/v22.0.0/bin/codex")),
    ),
    ("nvm", ".nvm/versions/node/v22.0.0/bin/codex", Some(("NVM_DIR", "versions/node/v22.0.0/bin/codex"))),
    ("fnm", ".local/share/fnm/aliases/default/bin/codex", Some(("FNM_DIR", "aliases/default/bin/codex"))),
    (
        "fnm",
        ".local/share/fnm/node-versions/v22.0.0/installation/bin/codex",
        Some(("FNM_DIR", "node-versions/v22.0.0/installation/bin/codex")),
    ),
    ("fnm", ".fnm/node-versions/v22.0.0/installation/bin/codex", None),
    ("fnm", "Library/Application Support/fnm/aliases/default/bin/codex", None),
    ("fnm", "Library/Application Support/fnm/node-versions/v22.0.0/installation/bin/codex", None),
    ("n", "n/bin/codex", Some(("N_PREFIX", "bin/codex"))),
    ("nodenv", ".nodenv/versions/22.0.0/bin/codex", Some(("NODENV_ROOT", "versions/22.0.0/bin/codex"))),
    ("nodenv", ".nodenv/shims/codex", None),
    ("nodebrew", ".nodebrew/current/bin/codex", Some(("NODEBREW_ROOT", "current/bin/codex"))),
    ("proto", ".proto/shims/codex", Some(("PROTO_HOME", "shims/codex"))),
    ("nix", ".nix-profile/bin/codex", None),
    ("nix", ".local/state/nix/profile/bin/codex", Some(("XDG_STATE_HOME", "nix/profile/bin/codex"))),
    ("cargo", ".cargo/bin/codex", Some(("CARGO_HOME", "bin/codex"))),
    ("application", "Applications/ChatGPT.app/Contents/Resources/codex", None),
    ("application", "Applications/Codex.app/Contents/Resources/codex", None),
    ("application", "Applications/Codex (Beta).app/Contents/Resources/codex", None),
];

/// The places outside any home, in their order, by system.
const OUTSIDE: [(&str, Platform, &[(&str, &str)]); 2] = [
    (
        "linux",
        LINUX_X64,
        &[
            ("homebrew", "/home/linuxbrew/.linuxbrew/Caskroom/codex/0.150.1/bin/codex"),
            ("homebrew", "/home/linuxbrew/.linuxbrew/bin/codex"),
            ("npm", "/usr/local/share/npm-global/bin/codex"),
            ("npm", "/usr/local/bin/codex"),
            ("nix", "/etc/profiles/per-user/me/bin/codex"),
            ("nix", "/run/current-system/sw/bin/codex"),
        ],
    ),
    (
        "macos",
        MACOS_ARM64,
        &[
            ("homebrew", "/opt/homebrew/Caskroom/codex/0.150.1/bin/codex"),
            ("homebrew", "/opt/homebrew/Caskroom/codex/0.149.0/codex-aarch64-apple-darwin"),
            ("homebrew", "/opt/homebrew/bin/codex"),
            ("homebrew", "/usr/local/Caskroom/codex/0.150.1/bin/codex"),
            ("homebrew", "/usr/local/bin/codex"),
            ("npm", "/usr/local/share/npm-global/bin/codex"),
            ("nix", "/etc/profiles/per-user/me/bin/codex"),
            ("application", "/Applications/ChatGPT.app/Contents/Resources/codex"),
            ("application", "/Applications/Codex.app/Contents/Resources/codex"),
            ("application", "/Applications/Codex (Beta).app/Contents/Resources/codex"),
        ],
    ),
];

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "PATH comes first, then `search` of the settings, then the places of installers in the order of the table",
            || {
                let person = Fixture::new();
                let all: Vec<_> =
                    PLACES.iter().map(|(_, path, _)| person.place_codex(&person.home().join(path))).collect();
                person.place_codex(&person.home().join("nowhere/codex"));
                let tools = person.place_codex(&person.home().join("tools/codex"));
                starts_on(&person, person.root().join("bin"), &person.codex());
                let searching =
                    |search: &str| started(&person, on_path(&person, empty(&person)).setting("search", search));
                assert_eq!(searching("~/none:~/tools").argv, [Bytes::from(&tools)]);
                person.write_settings("search = [\"~/none\", \"~/tools\"]\n");
                starts_on(&person, empty(&person), &tools);
                person.write_settings("");
                for codex in all {
                    let start = on_path(&person, empty(&person)).env_remove("XDG_STATE_HOME");
                    assert_eq!(started(&person, start).argv, [Bytes::from(&codex)]);
                    fs::remove_file(codex).unwrap();
                }
                assert_eq!(run(&mut on_path(&person, empty(&person)).command).code, Some(127));
            },
        ),
        case("an installer's own variable moves its place, if it is absolute", || {
            let person = Fixture::new();
            for (installer, place, moved) in PLACES {
                let Some((variable, below)) = moved else { continue };
                let usual = person.place_codex(&person.home().join(place));
                let root = person.root().join("moved");
                let codex = person.place_codex(&root.join(below));
                let report = started(&person, on_path(&person, empty(&person)).env(variable, &root));
                assert_eq!(report.argv, [Bytes::from(&codex)], "{installer}: {variable}");
                let report = started(&person, on_path(&person, empty(&person)).env(variable, "moved"));
                assert_eq!(report.argv, [Bytes::from(&usual)], "{installer}: a relative {variable}");
                fs::remove_file(usual).unwrap();
                fs::remove_dir_all(root).unwrap();
            }
        }),
        case("every installer of the table has a case", || {
            let outside = OUTSIDE.iter().flat_map(|(_, _, places)| places.iter().map(|(id, _)| *id));
            let covered: Vec<_> = PLACES.iter().map(|(id, _, _)| *id).chain(outside).collect();
            for installer in INSTALLERS.iter().filter(|installer| !installer.roots.is_empty()) {
                assert!(covered.contains(&installer.id), "{}", installer.id);
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
                // A multi-call program depends on the name by which it is called.
                let mise = person.home().join(".local/share/mise");
                fs::create_dir_all(mise.join("installs/aqua-openai-codex")).unwrap();
                person.place_codex(&person.root().join("mise"));
                person.link(&person.root().join("mise"), &mise.join("shims/codex"));
                is_not_managed(&starts_on(&person, mise.join("shims"), &mise.join("shims/codex")));
            },
        ),
        case("of the versions of nvm and fnm the newest codex is started, whatever node it came with", || {
            let person = Fixture::new();
            for (root, below) in [(".nvm/versions/node", ""), (".local/share/fnm/node-versions", "installation")] {
                let root = person.home().join(root);
                // By the names of the directories the order would differ.
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
    for (system, _, places) in OUTSIDE {
        let name = format!("the places of {system} outside any home are looked at in their order");
        cases.push(case(name, move || outside(system, places)).needs(Need::MountNamespace).needs(Need::NoSystemCodex));
    }
    cases.push(case("nothing after the first hit is looked at", first_hit).needs(Need::Strace));
    cases
}

/// The home in the user database.
static HOME_IN_DATABASE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();

/// The variable that makes this program look for codex on the system that it names, and print what it finds.
const FIND: &str = "CODEX_HOME_SHIM_TEST_FIND";

/// Finds codex, if this process was started for that. Linux looks in the places of macOS too.
pub fn act() -> Option<std::process::ExitCode> {
    let system = std::env::var(FIND).ok()?;
    let (_, platform, _) = OUTSIDE.into_iter().find(|(name, _, _)| *name == system)?;
    let mut invocation = invocation(&[("PATH", OsStr::new("/nonexistent")), ("USER", OsStr::new("me"))]);
    invocation.platform = platform;
    let env = invocation.env().to_vec();
    let invocation = invocation.with_env(env.into_iter().chain([("HOME".into(), "/nonexistent".into())]));
    match find(&invocation, &Settings::read(&invocation).0) {
        Ok(codex) => println!("{} {}", codex.found_by, codex.path.display()),
        Err(failure) => println!("{failure}"),
    }
    Some(std::process::ExitCode::SUCCESS)
}

/// The places outside any home, laid over those of the machine, are looked at in their order.
fn outside(system: &str, places: &[(&str, &str)]) {
    let person = Fixture::new();
    let machine = person.root().join("machine");
    for directory in ["opt", "usr/local", "home", "etc/profiles", "run/current-system", "Applications"] {
        fs::create_dir_all(machine.join(directory)).unwrap();
    }
    let lay = "for d in opt usr/local home etc/profiles run/current-system Applications; do \
               mkdir -p /$d && mount --bind \"$M/$d\" /$d; done";
    for (_, place) in places {
        person.write_program(&machine.join(&place[1..]), "#!/bin/sh\n");
    }
    let program = person.root().join("find");
    crate::support::fixture::place(&std::env::current_exe().unwrap(), &program);
    for (installer, place) in places {
        let mut command = person.command("unshare");
        // Directories that are not on this machine are made in a copy of its root.
        let script = format!(
            "PATH=$PATH:/usr/sbin:/sbin; mount -t tmpfs none /mnt && cd /mnt && for d in /*; do b=${{d#/}}; \
            case $b in mnt|Applications) ;; *) if [ -L \"$d\" ]; then cp -P \"$d\" .; elif [ -d \"$d\" ]; then mkdir $b && mount --rbind $d $b; fi;; esac; done; \
            mkdir -p Applications mnt && exec chroot . sh -c 'M=\"$1\"; {lay}; exec \"$2\"' sh \"$1\" \"$2\""
        );
        command.args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"]).arg(&machine).arg(&program);
        command.env(FIND, system);
        let found = run(&mut command);
        assert_eq!(found.stdout, format!("{installer} {place}\n"), "{found:?}");
        fs::remove_file(machine.join(&place[1..])).unwrap();
    }
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
