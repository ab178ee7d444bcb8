//! npm's script, and the native codex behind it.

use super::*;

pub fn cases() -> Vec<Case> {
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
                // Those of another installation are removed.
                managed("CODEX_MANAGED_BY_VITE_PLUS", "1", "CODEX_MANAGED_BY_NPM");
                managed("CODEX_MANAGED_PACKAGE_ROOT", "/nowhere", "CODEX_MANAGED_BY_NPM");
                fs::write(root.join("lib/node_modules/.modules.yaml"), "nodeLinker: hoisted\n").unwrap();
                managed("npm_execpath", "/opt/bun/bin/bun", "CODEX_MANAGED_BY_PNPM");
            },
        ),
        // openai/codex#13555, openai/codex#19177
        case("npm's script without its native package is skipped, node or not: it would end at once", || {
            let person = Fixture::new();
            hollow_prefix(&person, &person.root().join("npm"));
            let node = person.place_codex(&person.root().join("node/node"));
            let path = joined(&[&person.root().join("npm/bin"), node.parent().unwrap(), &person.root().join("bin")]);
            let ended = run(&mut on_path(&person, path).command);
            assert!(ended.stderr.contains("native package that it starts is not installed"), "{ended:?}");
            assert_eq!(Report::read(&person.report()).unwrap().argv, [Bytes::from(&person.codex())]);
        }),
        case(
            "the native package is looked for as node looks for it: in every directory above, then in NODE_PATH",
            || {
                let person = Fixture::new();
                let prefix = person.root().join("npm");
                let script = hollow_prefix(&person, &prefix);
                let named = person.root().join("named");
                let above =
                    [prefix.join("lib/node_modules/@openai/codex/node_modules"), prefix.join("lib/node_modules")];
                let above = above.into_iter().chain([person.root().join("node_modules"), named.clone()]);
                let roots: Vec<_> = above.map(|modules| platform_package(&modules)).collect();
                let natives: Vec<_> = roots.iter().map(|root| native(&person, root)).collect();
                for (root, native) in roots.iter().zip(natives) {
                    let report = started(&person, on_path(&person, prefix.join("bin")).env("NODE_PATH", &named));
                    assert_eq!(report.argv, [Bytes::from(&native)]);
                    fs::remove_dir_all(root.join("vendor")).unwrap();
                }
                // The first package that node finds is the one that counts.
                fs::write(roots[0].join("package.json"), "{}").unwrap();
                native(&person, &roots[1]);
                let ended =
                    run(&mut on_path(&person, joined(&[script.parent().unwrap(), &prefix.join("bin")])).command);
                assert_eq!(ended.code, Some(126), "{ended:?}");
            },
        )
        .needs(Need::NoSystemCodex),
        case("with `npm_native = false` npm's script is executed, by a node on PATH or beside the command", || {
            let person = Fixture::new();
            prefix(&person, &person.root().join("npm"), "0.169.0");
            let (bin, script) = (person.root().join("npm/bin"), person.root().join("npm").join(SCRIPT));
            let node = person.place_codex(&person.root().join("node/node"));
            let path = joined(&[&bin, node.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]);
            let is_script = |path: &OsStr| {
                let report = started(&person, on_path(&person, path).setting("npm_native", "0"));
                assert_eq!((executed(&report), report.var("PATH")), (script.clone(), Some(path.into())));
                assert_eq!(report.argv[1..], [Bytes::from(&script)]);
                is_not_managed(&report);
            };
            is_script(&path);
            // nvm, fnm and Homebrew keep node there; a PATH without it would end in `env: node: No such file or directory`.
            person.place_codex(&bin.join("node"));
            is_script(bin.as_os_str());
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

pub fn versions() -> Vec<Case> {
    let version = |path: &Path| found(&invocation(&[("PATH", path.as_os_str())])).version();
    vec![case(
        "the version is read from npm's package.json, also behind a native codex named by its own path, or told by the path of Homebrew and the installer",
        move || {
            let person = Fixture::new();
            let below = |path: &str| person.root().join(path);
            prefix(&person, &below("npm"), "0.169.0");
            prefix(&person, &below("preview"), "0.170.0-alpha.3");
            prefix(&person, &below("broken"), "0.169.0");
            fs::write(below("broken").join(PACKAGE).join("package.json"), "{").unwrap();
            let platform = native(&person, &platform_package(&below("own/node_modules")));
            fs::write(
                below("own/node_modules/@openai").join(PLATFORM.npm_package).join("package.json"),
                r#"{"name": "@openai/codex", "version": "0.169.0-linux-x64"}"#,
            )
            .unwrap();
            // Up to 0.123 it lay in the script's package.
            let old = native(&person, &package(&person, &below("old/node_modules"), "0.46.0"));
            person.place_codex(&below("Cellar/codex/0.150.1/bin/codex"));
            person.place_codex(&below("Caskroom/codex/0.150.1/codex"));
            person.place_codex(&below("releases/0.150.1-x86_64-unknown-linux-musl/bin/codex"));
            person.place_codex(&below("releases/0.170.0-alpha.3-aarch64-apple-darwin/codex"));
            person.place_codex(&below("releases/latest/codex"));
            for (path, expected) in [
                ("npm/bin", Some("0.169.0")),
                ("preview/bin", Some("0.170.0-alpha.3")),
                ("broken/bin", None),
                ("Cellar/codex/0.150.1/bin", Some("0.150.1")),
                ("Caskroom/codex/0.150.1", Some("0.150.1")),
                ("releases/0.150.1-x86_64-unknown-linux-musl/bin", Some("0.150.1")),
                ("releases/0.170.0-alpha.3-aarch64-apple-darwin", Some("0.170.0-alpha.3")),
                ("releases/latest", None),
                ("bin", None),
            ] {
                assert_eq!(version(&below(path)).as_deref(), expected, "{path}");
            }
            for (own_path, expected) in [(platform, "0.169.0"), (old, "0.46.0")] {
                let invocation = invocation(&[("CODEX_HOME_SHIM_CODEX", own_path.as_os_str())]);
                assert_eq!(found(&invocation).version().as_deref(), Some(expected));
            }
        },
    )]
}
