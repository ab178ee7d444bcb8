//! The tables of platforms. Linux tests those of macOS too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use codex_home::codex::locations::{INSTALLERS, NPM, Root};
use codex_home::codex::{self, Unfit};
use codex_home::decide::{Decision, RepairState, decide};
use codex_home::failure::Failure;
use codex_home::invocation::Invocation;
use codex_home::observe::{Observed, observe};
use codex_home::platform::{LINUX_ARM64, LINUX_X64, MACOS_ARM64, MACOS_X64, Os, PLATFORM, Platform};
use codex_home::settings::Settings;

use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, case};

/// A start of `app-server` in the bridge of this person on another platform.
fn start(person: &Fixture, platform: Platform) -> Invocation {
    // A script starts on every machine.
    let script = person.write_program(&person.root().join("script/codex"), "#!/bin/sh\n");
    let [home, bridge, script] =
        [person.home(), person.bridge(), script].map(|path| path.to_string_lossy().into_owned());
    let env = [("HOME", home.as_str()), ("CODEX_HOME", &bridge), ("CODEX_HOME_SHIM_CODEX", &script), ("USER", "me")];
    let mut invocation = crate::invocation(&env, &["app-server"]);
    invocation.platform = platform;
    let env = invocation.env().to_vec();
    invocation.with_env(env)
}

fn decided(person: &Fixture, platform: Platform) -> (Observed, Decision) {
    // Without the codex files of this machine.
    let observed = observe(&start(person, Platform { etc_codex: "/nonexistent", ..platform }));
    let decision = decide(&observed, RepairState::Untried);
    (observed, decision)
}

pub fn cases() -> Vec<Case> {
    [directories(), preferences(), programs()].into_iter().flatten().collect()
}

fn directories() -> Vec<Case> {
    vec![
        case("the base directories that follow from an environment are those that `dirs` gives here", || {
            // In this process, because `dirs` reads its environment.
            let captured = Invocation::capture();
            let env = captured.env().to_vec();
            let again = captured.with_env(env);
            assert_eq!(again.config_directory(), captured.config_directory());
            assert_eq!(again.state_directory(), captured.state_directory());
        }),
        case("on Linux the XDG variables move the directories if they are absolute", || {
            let directories = |env: &[(&str, &str)]| {
                let mut invocation = crate::invocation(&[], &[]);
                invocation.platform = LINUX_X64;
                let env: Vec<_> = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
                let invocation = invocation.with_env(env);
                [invocation.config_directory(), invocation.state_directory()]
                    .map(|path| path.unwrap().display().to_string())
            };
            let home = ("HOME", "/home/me");
            assert_eq!(directories(&[home]), ["/home/me/.config", "/home/me/.local/state"]);
            assert_eq!(directories(&[home, ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")]), ["/c", "/s"]);
            assert_eq!(directories(&[home, ("XDG_CONFIG_HOME", "c")]), ["/home/me/.config", "/home/me/.local/state"]);
        }),
        case("on macOS both are `~/Library/Application Support`, whatever XDG's variables say", || {
            for platform in [MACOS_ARM64, MACOS_X64] {
                let mut invocation = crate::invocation(&[], &[]);
                invocation.platform = platform;
                let env = [("HOME", "/Users/me"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")];
                let invocation = invocation.with_env(env.map(|(name, value)| (name.into(), value.into())));
                let expected = Some("/Users/me/Library/Application Support".into());
                assert_eq!((invocation.config_directory(), invocation.state_directory()), (expected.clone(), expected));
            }
        }),
        case("this machine is one of the four", || {
            assert!([LINUX_X64, LINUX_ARM64, MACOS_X64, MACOS_ARM64].contains(&PLATFORM));
            assert_eq!(PLATFORM.has_xdg, cfg!(target_os = "linux"));
        }),
    ]
}

fn preferences() -> Vec<Case> {
    vec![
        case("on macOS a bridge is kept if a property list may hold managed preferences of codex", || {
            for name in [
                "com.openai.codex.plist",
                "ByHost/com.openai.codex.5E1F0000-0000-4000-8000-000000000000.plist",
                ".GlobalPreferences.plist",
                "ByHost/.GlobalPreferences.5E1F0000-0000-4000-8000-000000000000.plist",
            ] {
                for key in ["config_toml_base64", "requirements_toml_base64"] {
                    let person = Fixture::issue_70511();
                    let path = person.home().join("Library/Preferences").join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, format!("bplist00\0\x01{key}\x02")).unwrap();
                    let (observed, decision) = decided(&person, MACOS_ARM64);
                    let unknown = format!("{:?}", observed.layers.unwrap().preferences);
                    assert!(unknown.contains("may hold managed preferences"), "{name}: {unknown}");
                    assert_eq!(decision.name(), "keep", "{name}");
                }
            }
        }),
        case("a property list without them does not matter, and Linux reads none", || {
            let person = Fixture::issue_70511();
            let path = person.home().join("Library/Preferences/com.openai.codex.plist");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "<plist><key>NSWindow Frame</key></plist>").unwrap();
            assert_eq!(decided(&person, MACOS_ARM64).1.name(), "redirect");
            fs::write(&path, "config_toml_base64").unwrap();
            assert_eq!(decided(&person, LINUX_X64).1.name(), "redirect");
        }),
        case("a property list that cannot be read as a file may hold them", || {
            let person = Fixture::issue_70511();
            fs::create_dir_all(person.home().join("Library/Preferences/com.openai.codex.plist")).unwrap();
            assert_eq!(decided(&person, MACOS_ARM64).1.name(), "keep");
        }),
        case("a directory of property lists that cannot be listed may hold them", || {
            let person = Fixture::issue_70511();
            let preferences = person.home().join("Library/Preferences");
            fs::create_dir_all(&preferences).unwrap();
            fs::write(preferences.join("ByHost"), "not a directory").unwrap();
            assert_eq!(decided(&person, MACOS_ARM64).1.name(), "redirect", "nothing can be in there");
            fs::remove_file(preferences.join("ByHost")).unwrap();
            person.link(Path::new("ByHost"), &preferences.join("ByHost"));
            assert_eq!(decided(&person, MACOS_ARM64).1.name(), "keep", "a loop of symlinks");
        }),
        case("managed preferences are looked for in every file that `CFPreferencesCopyAppValue` consults", || {
            let places = MACOS_ARM64.preferences;
            for domain in ["com.openai.codex", ".GlobalPreferences"] {
                for directory in [
                    "/Library/Managed Preferences/$USER/",
                    "/Library/Managed Preferences/",
                    "~/Library/Preferences/",
                    "/Library/Preferences/",
                ] {
                    let path = format!("{directory}{domain}.plist");
                    assert!(places.contains(&path.as_str()), "{path}");
                }
                let path = format!("~/Library/Preferences/ByHost/{domain}.*.plist");
                assert!(places.contains(&path.as_str()), "{path}");
            }
        }),
    ]
}

/// The first bytes of a program.
fn elf(machine: u16) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(18, 0);
    head.extend(machine.to_le_bytes());
    head.resize(64, 0);
    head
}

/// The judgement of a codex with these first bytes.
fn unfit(platform: Platform, head: &[u8]) -> Option<Unfit> {
    let person = Fixture::new();
    let codex = person.root().join("candidate/codex");
    fs::create_dir_all(codex.parent().unwrap()).unwrap();
    fs::write(&codex, head).unwrap();
    fs::set_permissions(&codex, fs::Permissions::from_mode(0o755)).unwrap();
    let mut settings = Settings::default();
    settings.codex = Some(codex);
    let invocation = start(&person, platform);
    match codex::find(&invocation, &settings) {
        Ok(_) => None,
        Err(Failure::CodexSetting { skipped, .. }) => Some(skipped.unfit),
        Err(other) => panic!("{other:?}"),
    }
}

fn programs() -> Vec<Case> {
    vec![
        case("a program for another machine is told from its beginning", || {
            const X64: u16 = 62;
            const ARM64: u16 = 183;
            let mach_o = b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01".as_slice();
            // Rosetta runs it on Apple silicon, if that is installed.
            let mach_o_x64 = b"\xcf\xfa\xed\xfe\x07\x00\x00\x01".as_slice();
            let universal = b"\xca\xfe\xba\xbe\x00\x00\x00\x02".as_slice();
            let windows = b"MZ\x90\0".as_slice();
            let (x64, arm64) = (elf(X64), elf(ARM64));
            let rows: [(&str, &[u8], [bool; 4]); 7] = [
                ("ELF for x86-64", &x64, [true, false, false, false]),
                ("ELF for arm64", &arm64, [false, true, false, false]),
                ("Mach-O for arm64", mach_o, [false, false, false, true]),
                ("Mach-O for x86-64", mach_o_x64, [false, false, true, true]),
                ("Mach-O for several machines", universal, [false, false, true, true]),
                ("Windows", windows, [false; 4]),
                ("a script", b"#!/bin/sh\n", [true; 4]),
            ];
            for (name, head, expected) in rows {
                let platforms = [LINUX_X64, LINUX_ARM64, MACOS_X64, MACOS_ARM64];
                for (platform, starts) in platforms.into_iter().zip(expected) {
                    let expected = (!starts).then_some(Unfit::OtherMachine);
                    assert_eq!(unfit(platform, head), expected, "{name} on {}", platform.triple);
                }
            }
        }),
        case("the page about finding codex has the table of installers", || {
            let page = include_str!("../../docs/finding-codex.md");
            let listed =
                |texts: Vec<String>| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
            let root = |root: &Root| {
                let system = match root.os {
                    None => "",
                    Some(Os::Linux) => " (Linux)",
                    Some(Os::MacOs) => " (macOS)",
                };
                format!("`{}`{system}", root.path)
            };
            let mut table = "| found by | roots | places below a root | update |\n|---|---|---|---|\n".to_owned();
            for one in INSTALLERS {
                let roots: Vec<_> = one.roots.iter().map(root).collect();
                let (below, update) = match (one.roots, one.update) {
                    ([], update) => (one.marks, update),
                    (_, update) => (one.below, update),
                };
                let below = listed(below.iter().map(ToString::to_string).collect());
                let roots = if roots.is_empty() { "by its real path".to_owned() } else { roots.join(", ") };
                let update = update.map(|update| format!("`{update}`")).unwrap_or_default();
                table.push_str(&format!("| `{}` | {roots} | {below} | {update} |\n", one.id));
            }
            table.push_str(&format!("| npm, wherever it is | | `lib/node_modules/@openai/codex` | `{NPM}` |\n"));
            assert!(page.contains(&table), "the table is:\n{table}");
        }),
        case("npm's native package is that of the platform", || {
            let rows = [
                (LINUX_X64, "codex-linux-x64", "x86_64-unknown-linux-musl"),
                (LINUX_ARM64, "codex-linux-arm64", "aarch64-unknown-linux-musl"),
                (MACOS_X64, "codex-darwin-x64", "x86_64-apple-darwin"),
                (MACOS_ARM64, "codex-darwin-arm64", "aarch64-apple-darwin"),
            ];
            for (platform, package, triple) in rows {
                let person = Fixture::new();
                let modules = person.root().join("lib/node_modules/@openai");
                let script = modules.join("codex/bin/codex.js");
                person.write_program(&script, "#!/usr/bin/env node\n");
                let native = modules.join(package).join("vendor").join(triple).join("bin/codex");
                person.write_program(&native, "#!/bin/sh\n");
                person.link(&script, &person.root().join("npm/codex"));
                let mut settings = Settings::default();
                settings.codex = Some(person.root().join("npm/codex"));
                let found = codex::find(&start(&person, platform), &settings).unwrap();
                assert_eq!((found.path.as_path(), found.found_by), (native.as_path(), "setting"), "{package}");
            }
            assert_eq!(Path::new(PLATFORM.npm_package).components().count(), 1);
        }),
        case("the bridge of openclaw#70511 is redirected on every platform", || {
            for platform in [LINUX_X64, LINUX_ARM64, MACOS_X64, MACOS_ARM64] {
                let person = Fixture::issue_70511();
                let (observed, decision) = decided(&person, platform);
                assert_eq!(decision.name(), "redirect", "{}", platform.triple);
                assert_eq!(observed.home_of(&decision), Some(person.personal().as_path()));
                assert!(observed.personal.unwrap().home.auth().unwrap().owners.account.one().is_some(), "{ACCOUNT}");
            }
        }),
    ]
}
