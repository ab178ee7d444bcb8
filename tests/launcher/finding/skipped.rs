//! Candidates that cannot start codex.

use super::*;
use crate::support::fixture::UNPRIVILEGED;

/// A candidate on PATH, and the part of the warning about it; `None` if there is no warning because PATH itself would skip it, or
/// because it is the launcher.
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
        Some("its interpreter `/no/such/interpreter` is missing or is not a program"),
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
    // A wrapper that clears the environment would start the launcher for ever, because it removes the recursion guard.
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
        Some("the native package that it starts is not installed"),
    ),
    ("an empty file", |person, path| drop(person.write_program(path, "")), Some("neither a program nor a script")),
    (
        "the beginning of a program, as an interrupted installation leaves it",
        |person, path| {
            let whole = fs::read(person.codex()).unwrap();
            person.write_program(path, "");
            fs::write(path, &whole[..8192]).unwrap();
        },
        Some("it is incomplete"),
    ),
    (
        "a script for an interpreter that is a directory",
        |person, path| drop(person.write_program(path, "#!/usr\n")),
        Some("its interpreter `/usr` is missing or is not a program"),
    ),
    (
        "a script with the line ends of Windows",
        |person, path| drop(person.write_program(path, "#!/bin/sh\r\nexit 0\r\n")),
        Some("its interpreter `/bin/sh\\r` is missing"),
    ),
    // openai/codex#796
    (
        "npm's package `codex`",
        |person, path| {
            let package = person.root().join("npm/lib/node_modules/codex");
            person.link(&person.write_program(&package.join("bin/codex"), "#!/bin/sh\n"), path);
            fs::write(package.join("package.json"), r#"{"name": "codex", "version": "0.2.3"}"#).unwrap();
        },
        Some("another program than `@openai/codex`"),
    ),
    (
        "a script for an interpreter that is not on PATH",
        |person, path| drop(person.write_program(path, "#!/usr/bin/env no-such-interpreter\n")),
        Some("its interpreter `no-such-interpreter` is missing"),
    ),
    (
        "a shim whose manager is missing",
        |person, path| {
            // As asdf 0.16 writes it.
            person.write_program(path, "#!/bin/sh\nexec /no/such/asdf exec \"codex\" \"$@\"\n");
        },
        Some("it is a shim of asdf, which has no codex installed"),
    ),
    // npm's files for Windows, on the PATH of WSL.
    (
        "npm's script in a Windows directory",
        |person, path| {
            package(person, &path.parent().unwrap().join("node_modules"), "0.169.0");
            let shim = "#!/bin/sh\nbasedir=$(dirname \"$(echo \"$0\" | sed -e 's,\\\\,/,g')\")\n\n\
                        exec node  \"$basedir/node_modules/@openai/codex/bin/codex.js\" \"$@\"\n";
            person.write_program(path, shim);
        },
        Some("the native package that it starts is not installed"),
    ),
];

pub fn cases() -> Vec<Case> {
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
            for part in [
                "~/.npm-global/bin/codex",
                "the native package that it starts is not installed",
                "run `npm i -g --include=optional --prefix ~/.npm-global @openai/codex@latest`",
            ] {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        })
        .needs(Need::NoSystemCodex),
        case("a native codex of another user behind npm's script in a place is not started", || {
            let person = Fixture::new();
            let native = prefix(&person, &person.home().join(".npm-global"), "0.169.0");
            // All fixtures share the file of the stand-in.
            fs::remove_file(&native).unwrap();
            person.chown(&person.write_program(&native, "#!/bin/sh\n"), UNPRIVILEGED);
            let ended = run(&mut on_path(&person, empty(&person)).command);
            assert!(ended.code == Some(126) && ended.stderr.contains("it belongs to another user"), "{ended:?}");
            // PATH is the caller's choice.
            let ended = run(&mut on_path(&person, person.home().join(".npm-global/bin")).command);
            assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        })
        .needs(Need::Root)
        .needs(Need::NoSystemCodex),
        case("a codex on a file system that is mounted `noexec` is skipped, as PATH skips it", || {
            let person = Fixture::new();
            let first = person.root().join("first");
            fs::create_dir(&first).unwrap();
            let path = joined(&[&first, &person.root().join("bin"), Path::new("/usr/bin"), Path::new("/bin")]);
            let lay = format!(
                "mount -t tmpfs -o noexec none {0} && cp {1} {0}/codex",
                first.display(),
                person.codex().display()
            );
            let report = started(&person, on_path(&person, path).in_namespace(&lay));
            assert_eq!(report.argv, [Bytes::from(&person.codex())]);
        })
        .needs(Need::MountNamespace),
        case("a codex that this user may not execute is named if there is no other", || {
            let person = Fixture::new();
            let codex = person.write_program(&person.home().join("bin/codex"), "#!/bin/sh\n");
            person.chmod(&codex, 0o644);
            let ended = run(&mut person.start(&["exec", "hi"]).path(empty(&person)).command);
            assert_eq!(ended.code, Some(126), "{ended:?}");
            for part in ["skipped `~/bin/codex`: it is not executable", "help: run `chmod +x ~/bin/codex`"] {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        })
        .needs(Need::NoSystemCodex),
        case("300 candidates that cannot start leave enough descriptors for the one that can", || {
            let person = Fixture::new();
            let broken: Vec<_> = (0..300).map(|number| person.root().join(format!("broken/{number}"))).collect();
            for directory in &broken {
                person.write_program(&directory.join("codex"), "#!/no/such/interpreter\n");
            }
            let bin = person.root().join("bin");
            let path = std::env::join_paths(broken.iter().chain([&bin])).unwrap();
            let ended = run(&mut on_path(&person, path).behind("ulimit -n 64; exec \"$@\"").command);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr.lines().last().unwrap_or_default());
            assert_eq!(Report::read(&person.report()).unwrap().argv, [Bytes::from(&person.codex())]);
        }),
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

pub fn settings() -> Vec<Case> {
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
                // The person chose that script and knows what it does; the recursion guard ends a loop.
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
            let parts = ["`codex` in `~/.config/codex-home-shim/config.toml`", "run `codex-home config unset codex`"];
            for part in parts.iter().skip(usize::from(cfg!(target_os = "macos"))) {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        }),
        case("a program that the system refuses to execute is 126, and why is said", || {
            let person = Fixture::new();
            // The interpreter is a script, and its interpreter is a directory.
            let between = person.write_program(&person.root().join("between"), "#!/usr/bin\n");
            let script = format!("#!{}\n", between.display());
            let script = person.write_program(&person.root().join("first/codex"), &script);
            let ended = run(&mut on_path(&person, script.parent().unwrap()).command);
            assert_eq!(ended.code, Some(126), "{ended:?}");
            for part in ["cannot be executed: permission denied", "help: reinstall codex"] {
                assert!(ended.stderr.contains(part), "`{part}` is not in {}", ended.stderr);
            }
        }),
    ]
}

pub fn nowhere() -> Vec<Case> {
    let cases = vec![
        case(
            "no codex anywhere is 127, with the directories that were searched and the command that installs one",
            || {
                let person = Fixture::new();
                let own = person.home().join("bin");
                let path = joined(&[&own, Path::new("/usr/bin"), Path::new("/bin")]);
                let ended = run(&mut on_path(&person, path).command);
                assert_eq!(ended.code, Some(127), "{ended:?}");
                for part in
                    ["`~/bin`", "`/usr/bin`", "the usual places of installers", "run `npm i -g @openai/codex@latest`"]
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
