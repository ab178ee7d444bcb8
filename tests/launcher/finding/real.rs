//! The real packages, laid out by the real installers.

use super::*;

/// The real packages in the layout of each installer, with the stand-in in the place of the native codex. The launcher starts
/// what npm's own script starts under node, with the same arguments and the same environment.
pub fn cases() -> Vec<Case> {
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
            "node_modules/.bin/codex",
            unchanged,
        ),
        // `node-linker=hoisted` gives npm's layout, with pnpm's file beside it.
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
    let cases = layouts.into_iter().flat_map(|layout| versions::codex().map(|version| (layout, version)));
    let cases = cases.map(|((what, fetch, at, on_path, script, finish), version)| {
        case(format!("{what}, {version}: codex starts as npm's script would start it"), move || {
            let person = Fixture::new();
            let tree = person.root().join(at);
            plant(&person, &fetch(version).unwrap(), &tree);
            finish(&tree);
            as_the_script(&person, &fs::canonicalize(tree.join(on_path)).unwrap(), &tree.join(script));
        })
        .needs(Need::Deep)
        .needs(Need::Npm)
    });
    cases.collect()
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
        // pnpm's is a script for the shell, which exports more.
        theirs.command = match fs::read(script).unwrap().starts_with(b"#!/bin/sh") {
            true => person.command(script),
            false => person.command(node.join("node")),
        };
        if theirs.command.get_program() != script {
            theirs.command.arg(script);
        }
        theirs.command.args(["app-server", "--help"]).env_clear();
        theirs.command.envs(ours.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (theirs, ours) = (started(person, theirs), started(person, ours));
        assert_eq!(ours.argv, theirs.argv);
        let environment = |report: &Report| {
            let of_shell = [GUARD_VARIABLE.as_bytes(), b"_", b"PWD", b"OLDPWD", b"SHLVL"];
            let kept = |name: &Bytes| !of_shell.contains(&name.0.as_slice());
            let mut env: Vec<_> = report.env.iter().filter(|(name, _)| kept(name)).cloned().collect();
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
        if kind.is_dir() {
            plant(person, &from, &to);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if is_native(&from) {
            person.place_codex(&to);
        } else if from.metadata().unwrap().len() < 1 << 22 {
            let _alone = forking();
            fs::copy(&from, &to).unwrap();
        }
    }
}
