//! The commands that messages give, carried out with the real installers.

use std::time::Duration;

use codex_home::failure::Failure;

use super::*;

pub fn cases() -> Vec<Case> {
    npm::INSTALLERS
        .iter()
        .map(|installer| {
            let name = format!(
                "{}: the command that a refusal gives repairs a codex without its native package",
                installer.spec
            );
            case(name, move || repairs(installer)).needs(Need::Deep).needs(Need::Npm).needs(Need::NoSystemCodex)
        })
        .collect()
}

// openai/codex#13555, openai/codex#19177
fn repairs(installer: &npm::Installer) {
    let person = Fixture::new();
    installer.install(&person.home(), "latest").unwrap();
    remove_native(&person.home());
    let gateway = || invocation(&[("HOME", person.home().as_os_str()), ("PATH", OsStr::new("/usr/bin:/bin"))]);
    let settings = Settings::read(&gateway()).0;
    let failure = find(&gateway(), &settings).unwrap_err();
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
    shell.envs(installer.environment(&person.home()).unwrap());
    let path = installer.environment(&person.home()).unwrap().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    shell.env("PATH", joined(&[&bin]).into_string().unwrap() + ":" + path.to_str().unwrap());
    let ended = crate::support::run_within(&mut shell, Duration::from_secs(300)).unwrap();
    assert_eq!(ended.code, Some(0), "{command}: {ended:?}");
    let found = find(&gateway(), &settings).unwrap();
    assert_eq!(found.found_by, installer.id, "{command}");
}

/// Removes the native codex, as an interrupted installation leaves it.
fn remove_native(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        // The installer's download is complete.
        if !entry.file_type().unwrap().is_dir() || entry.file_name() == "cache" {
            continue;
        }
        if entry.path().join(PLATFORM.triple).is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        } else {
            remove_native(&entry.path());
        }
    }
}
