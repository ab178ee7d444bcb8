//! What real installers lay out in a person's home, and the commands that messages give, carried out with them.

use std::time::Duration;

use codex_home::failure::Failure;

use super::*;
use crate::support::run_within;

pub fn cases() -> Vec<Case> {
    npm::INSTALLERS
        .iter()
        .map(|installer| {
            let name = format!(
                "{}: codex is found and starts as its command starts it; without its native package the refusal's command repairs it",
                installer.spec
            );
            let check = move || {
                let person = Fixture::new();
                let version = npm::latest().unwrap();
                installer.install(&person.home(), &version).unwrap();
                as_the_command(&person, installer, &version);
                repairs(&person, installer);
            };
            case(name, check).needs(Need::Deep).needs(Need::Npm).needs(Need::NoSystemCodex)
        })
        .collect()
}

/// The launcher starts what the command of the installation starts, under a service's PATH and under one that has the command.
fn as_the_command(person: &Fixture, installer: &npm::Installer, version: &str) {
    for native in natives(&person.home()) {
        fs::remove_file(&native).unwrap();
        person.place_codex(&native);
    }
    let bin = person.home().join(installer.bin.replace("VERSION", version));
    let node = npm::node().unwrap();
    let path = joined(&[&bin, &node, Path::new("/usr/bin"), Path::new("/bin")]);
    let mut theirs = person.start(&["app-server", "--help"]).path(&path);
    let mut command = person.command(bin.join("codex"));
    command.args(["app-server", "--help"]).env_clear();
    command.envs(theirs.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    theirs.command = command;
    let theirs = started(person, theirs);
    for path in [path.as_os_str(), OsStr::new("/usr/bin:/bin")] {
        let ours = started(person, person.start(&["app-server", "--help"]).path(path));
        assert_eq!(ours.argv, theirs.argv, "{path:?}");
        let environment = |report: &Report| {
            let differs = [GUARD_VARIABLE.as_bytes(), b"PATH", b"_", b"PWD", b"OLDPWD", b"SHLVL"];
            let mut env: Vec<_> =
                report.env.iter().filter(|(name, _)| !differs.contains(&name.0.as_slice())).cloned().collect();
            env.sort();
            env
        };
        assert_eq!(environment(&ours), environment(&theirs), "{path:?}");
    }
    let found = found(&gateway(person));
    assert_eq!((found.found_by, found.version().as_deref()), (installer.id, Some(version)));
}

// openai/codex#13555, openai/codex#19177
fn repairs(person: &Fixture, installer: &npm::Installer) {
    // As an interrupted installation leaves it.
    for native in natives(&person.home()) {
        let vendor = native.ancestors().find(|path| path.ends_with("vendor")).unwrap();
        fs::remove_dir_all(vendor.join(PLATFORM.triple)).unwrap();
    }
    let settings = Settings::read(&gateway(person)).0;
    let failure = find(&gateway(person), &settings).unwrap_err();
    assert_eq!(failure.exit_code(), 126, "{failure}");
    let Failure::CodexNotFound { skipped, .. } = &failure else { panic!("{failure}") };
    let help = skipped[0].help(Some(&person.home()), true);
    let command = help.strip_prefix("run `").and_then(|help| help.strip_suffix('`')).unwrap();
    // The installer by its name, as a person has it.
    let bin = person.root().join("installers");
    let name = command.split(' ').next().unwrap();
    let program = installer.command(&person.home()).unwrap();
    let words: Vec<_> =
        [program.get_program()].into_iter().chain(program.get_args()).map(|word| word.to_string_lossy()).collect();
    person.write_program(&bin.join(name), &format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")));
    let mut shell = person.command("/bin/sh");
    shell.args(["-c", command]).current_dir(person.home()).env_clear();
    let environment = installer.environment(&person.home()).unwrap();
    let path = environment.iter().find(|(name, _)| name == "PATH").unwrap().1.clone();
    shell.envs(environment).env("PATH", joined(&[&bin]).into_string().unwrap() + ":" + path.to_str().unwrap());
    let ended = run_within(&mut shell, Duration::from_secs(300)).unwrap();
    assert_eq!(ended.code, Some(0), "{command}: {ended:?}");
    let found = find(&gateway(person), &settings).unwrap();
    assert_eq!(found.found_by, installer.id, "{command}");
}

/// A gateway under a service's PATH.
fn gateway(person: &Fixture) -> Invocation {
    invocation(&[("HOME", person.home().as_os_str()), ("PATH", OsStr::new("/usr/bin:/bin"))])
}

/// The native codex of each package below the directory but of an installer's download, which is complete.
fn natives(directory: &Path) -> Vec<PathBuf> {
    let entries: Vec<_> = fs::read_dir(directory).unwrap().map(Result::unwrap).collect();
    let each = entries.into_iter().flat_map(|entry| {
        let is_searched = entry.file_type().unwrap().is_dir() && entry.file_name() != "cache";
        if is_searched { natives(&entry.path()) } else { vec![entry.path()] }
    });
    each.filter(|path| is_native(path)).collect()
}
