//! Shell scripts and shims that lead to npm's script.

use super::*;

pub fn cases() -> Vec<Case> {
    let cases = vec![
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
        case("a shim of a manager that has no codex installed is skipped", || {
            let person = Fixture::new();
            let home = person.home();
            let volta = person.place_codex(&person.root().join("volta-shim"));
            person.link(&volta, &home.join(".volta/bin/codex"));
            let mise = person.place_codex(&person.root().join("mise"));
            person.link(&mise, &home.join(".local/share/mise/shims/codex"));
            asdf_shim(&person, &["18.0.0"]);
            let nodenv = "#!/bin/sh\nset -e\nexec \"/usr/bin/nodenv\" exec \"${0##*/}\" \"$@\"\n";
            person.write_program(&home.join(".nodenv/shims/codex"), nodenv);
            let shims = [".volta/bin", ".local/share/mise/shims", ".asdf/shims", ".nodenv/shims"];
            for (shim, name) in shims.iter().zip(["volta", "mise", "asdf", "nodenv"]) {
                let ended = run(&mut on_path(&person, joined(&[&home.join(shim), &person.root().join("bin")])).command);
                let why = format!("it is a shim of {name}, which has no codex installed");
                assert!(ended.code == Some(0) && ended.stderr.contains(&why), "{ended:?}");
            }
        }),
        case("a manager's directory that cannot be looked at is not said to hold no codex", || {
            let person = Fixture::new();
            let mise = person.home().join(".local/share/mise");
            let program = person.place_codex(&person.root().join("mise"));
            person.link(&program, &mise.join("shims/codex"));
            person.link(Path::new("installs"), &mise.join("installs"));
            let path = joined(&[&mise.join("shims"), &person.root().join("bin")]);
            let ended = run(&mut on_path(&person, path).command);
            assert!(ended.code == Some(0) && ended.stderr.contains("it could not be looked at"), "{ended:?}");
        }),
        case("a closed directory on PATH does not hide why the codex behind it cannot start", || {
            let mut person = Fixture::new();
            let broken = person.write_program(&person.home().join("broken/codex"), "#!/no/such/interpreter\n");
            let closed = person.root().join("closed");
            fs::create_dir(&closed).unwrap();
            person.chmod(&closed, 0);
            person.become_unprivileged();
            let path = joined(&[&closed, broken.parent().unwrap()]);
            let ended = run(&mut person.start(&["exec", "hi"]).path(path).behind("exec \"$@\"").command);
            assert!(ended.code == Some(126) && ended.stderr.contains("skipped `~/broken/codex`"), "{ended:?}");
        }),
        case("a script of the person's own is not taken for a shim", || {
            let person = Fixture::new();
            prefix(&person, &person.root().join("npm"), "0.169.0");
            let bin = person.home().join("own");
            let base = "basedir=$(dirname \"$0\")\n[ -x \"$basedir/node\" ] && :\n";
            for name in ["real", "node"] {
                person.place_codex(&person.root().join("programs").join(name));
            }
            let target = person.root().join("npm").join(SCRIPT);
            for own in [
                // nvm's own line.
                "[ -s \"$HOME/env.sh\" ] && \\. \"$HOME/env.sh\"\nexec real \"$@\"\n".to_owned(),
                "if command -v mise >/dev/null; then\n  exec mise exec -- codex \"$@\"\nfi\nreal \"$@\"\n".to_owned(),
                "exec 2>/dev/null\nexec real \"$@\"\n".to_owned(),
                "# was: exec asdf exec codex\n# asdf-plugin: nodejs 22.1.0\nexec real \"$@\"\n".to_owned(),
                format!("{base}export KEY=own\nexec node \"{}\" \"$@\"\n", target.display()),
                format!("{base}exec node \"{}\" --own \"$@\"\n", target.display()),
                "A=$HOME/.config/codex-home-shim/env\nexec real \"$@\"\n".to_owned(),
            ] {
                let own = person.write_program(&bin.join("codex"), &format!("#!/bin/sh\n{own}"));
                let path = joined(&[&bin, &person.root().join("programs"), Path::new("/usr/bin"), Path::new("/bin")]);
                let report = started(&person, on_path(&person, path));
                assert_eq!(executed(&report), own);
            }
        }),
        // pnpm/pnpm#12319, pnpm/pnpm#11205
        case("the script of pnpm 11 and 12 leads to the native codex, with the NODE_PATH that it exports", || {
            let person = Fixture::new();
            let home = person.home().join(".local/share/pnpm");
            let (package, native) = pnpm(&person, &home);
            let target = "../global/5/node_modules/@openai/codex/bin/codex.js";
            let lines = format!(
                "basedir=\"${{basedir%/*}}\"\nbasedir_abs=$(CDPATH= cd -P -- \"$basedir\" && pwd -P) || exit $?\n\
                 if [ -z \"$NODE_PATH\" ]; then\n  export NODE_PATH='/s/a:/s/b'\nelse\n  export NODE_PATH='/s/a:/s/b':\"$NODE_PATH\"\nfi\n\
                 if [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\"  \"$basedir_abs\"/'{target}' \"$@\"\n\
                 else\n  exec node  \"$basedir_abs\"/'{target}' \"$@\"\nfi\n"
            );
            let long = "# A comment as long as those of pnpm.\n".repeat(150);
            fs::remove_file(home.join("codex")).unwrap();
            person.write_program(&home.join("bin/codex"), &format!("#!/bin/sh\n{long}{lines}"));
            let report = starts_on(&person, empty(&person), &native);
            is_managed(&report, "CODEX_MANAGED_BY_PNPM", Some(&package));
            assert_eq!(report.var("NODE_PATH"), Some("/s/a:/s/b".into()));
            let report = started(&person, on_path(&person, empty(&person)).env("NODE_PATH", "/mine"));
            assert_eq!(report.var("NODE_PATH"), Some("/s/a:/s/b:/mine".into()));
            // If the line that executes has another form, the last line is read.
            let script = home.join("global/5/node_modules/@openai/codex/bin/codex.js");
            let last = format!(
                "basedir=.\nif [ -x \"$basedir/node\" ]; then run; fi\n# cmd-shim-target={}\n",
                script.display()
            );
            person.write_program(&home.join("bin/codex"), &format!("#!/bin/sh\n{long}{last}"));
            starts_on(&person, empty(&person), &native);
        }),
        case("asdf's shim for one version of node leads to the native codex; of two asdf chooses, if it can", || {
            let person = Fixture::new();
            let installs = person.home().join(".asdf/installs/nodejs");
            let native = prefix(&person, &installs.join("22.1.0"), "0.150.1");
            let newest = prefix(&person, &installs.join("20.9.0"), "0.169.0");
            let shims = person.home().join(".asdf/shims");
            asdf_shim(&person, &["22.1.0"]);
            let report = starts_on(&person, &shims, &native);
            is_managed(&report, "CODEX_MANAGED_BY_NPM", Some(&installs.join("22.1.0").join(PACKAGE)));
            // No version is set, so the newest is taken, as for nvm.
            let shim = asdf_shim(&person, &["20.9.0", "22.1.0"]);
            let skipped = |path: &OsStr, why: &str| {
                let _ = fs::remove_file(person.report());
                let ended = run(&mut on_path(&person, path).command);
                assert!(ended.stderr.contains(why), "{ended:?}");
                assert_eq!(Report::read(&person.report()).unwrap().argv, [Bytes::from(&newest)]);
            };
            skipped(shims.as_os_str(), "it is a shim of asdf, and no version is set outside a project");
            fs::write(person.home().join(".tool-versions"), "nodejs 22.1.0\n").unwrap();
            let report = started(
                &person,
                person.start(&["app-server"]).path(joined(&[&shims, Path::new("/usr/bin"), Path::new("/bin")])),
            );
            assert_eq!(executed(&report), shim);
            assert_eq!(report.argv[1..], ["exec", "codex", "app-server"].map(Bytes::from));
            // As asdf 0.16 writes it, under a service that has no asdf.
            let shim = "#!/usr/bin/env sh\n# asdf-plugin: nodejs 20.9.0\n# asdf-plugin: nodejs 22.1.0\nexec asdf exec \"codex\" \"$@\"\n";
            person.write_program(&shims.join("codex"), shim);
            skipped(
                &joined(&[&shims, Path::new("/usr/bin"), Path::new("/bin")]),
                "it is a shim of `asdf`, which is missing",
            );
        }),
        // nexu-io/open-design#5734
        case(
            "mise's shim for one installation leads to the native codex; of two mise chooses, if a version is set",
            || {
                let person = Fixture::new();
                let mise = person.home().join(".local/share/mise");
                let native = prefix(&person, &mise.join("installs/node/24.1.0"), "0.150.1");
                for name in ["24", "latest"] {
                    person.link(Path::new("./24.1.0"), &mise.join("installs/node").join(name));
                }
                let program = person.place_codex(&person.root().join("mise"));
                person.link(&program, &mise.join("shims/codex"));
                starts_on(&person, mise.join("shims"), &native);
                let newest = prefix(&person, &mise.join("installs/npm-openai-codex/0.169.0"), "0.169.0");
                let ended = run(&mut on_path(&person, mise.join("shims")).command);
                assert!(ended.stderr.contains("no version is set outside a project"), "{ended:?}");
                assert_eq!(Report::read(&person.report()).unwrap().argv, [Bytes::from(&newest)]);
                fs::create_dir_all(person.home().join(".config/mise")).unwrap();
                starts_on(&person, mise.join("shims"), &mise.join("shims/codex"));
            },
        ),
    ];
    cases.into_iter().map(|case| case.needs(Need::NoSystemCodex)).collect()
}
