//! `codex-home config set` and `unset`: one key changes and the rest of the file stays, or nothing changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use codex_home::settings::{Key, check_for};
use serde_json::json;
use snapbox::str;

use crate::codex_home;
use crate::support::fixture::MALLORY;
use crate::support::{Case, Finished, Fixture, Need, case, entry, run, strace};

fn config(person: &Fixture, args: &[&str]) -> Finished {
    run(&mut codex_home(person, &[&["config"], args].concat()))
}

/// Where the settings file is, or would be.
fn file(person: &Fixture) -> PathBuf {
    let file = person.write_settings("");
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    file
}

/// Runs a change that is made.
#[track_caller]
fn changes(person: &Fixture, args: &[&str]) -> Finished {
    let finished = config(person, args);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    finished
}

/// Runs a change that is refused and leaves the file unchanged.
#[track_caller]
fn refuses(person: &Fixture, file: &Path, args: &[&str], code: i32, parts: &[&str]) {
    let before = entry(file);
    let finished = config(person, args);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{args:?}: {finished:?}");
    parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "`{part}` is not in {finished:?}"));
    assert!(finished.stderr.contains("\n  help: run `"), "{finished:?}");
    assert_eq!(entry(file), before);
}

const WITH_COMMENTS: &str = "\
# My settings.

# The codex of the bots.
codex = \"/opt/codex\"   # pinned

# Mine.
'leave' = [
  \"~/a\", # one
]
strategy = \"repair\"
# The end.
";

pub fn cases() -> Vec<Case> {
    [changed(), refused(), safe()].into_iter().flatten().collect()
}

fn changed() -> Vec<Case> {
    vec![
        case("config set: the first setting makes a private directory and a private file", || {
            let person = Fixture::new();
            let file = file(&person);
            let said = changes(&person, &["set", "strategy", "repair"]);
            let shown = file.strip_prefix(person.home()).unwrap().display();
            assert_eq!(said.stdout, format!("`strategy` is \"repair\" in `~/{shown}`\n"));
            assert_eq!(fs::read_to_string(&file).unwrap(), "strategy = \"repair\"\n");
            let modes = [&file, file.parent().unwrap()].map(|path| entry(path).unwrap().mode);
            assert_eq!(modes, [0o600, 0o700]);
        }),
        case("config set and unset: comments and order stay", || {
            let person = Fixture::new();
            let file = person.write_settings(WITH_COMMENTS);
            changes(&person, &["set", "strategy", "off"]);
            changes(&person, &["set", "leave", "~/b", "/srv/*"]);
            changes(&person, &["set", "npm_native", "0"]);
            changes(&person, &["set", "personal_home", "~/my codex"]);
            changes(&person, &["unset", "codex"]);
            snapbox::assert_data_eq!(
                fs::read_to_string(&file).unwrap(),
                str![[r#"
# My settings.

# The codex of the bots.

# Mine.
'leave' = ["~/b", "/srv/*"]
strategy = "off"
npm_native = false
personal_home = "~/my codex"
# The end.

"#]]
            );
            for key in ["leave", "strategy", "npm_native", "personal_home"] {
                changes(&person, &["unset", key]);
            }
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(text, "# My settings.\n\n# The codex of the bots.\n\n# Mine.\n# The end.\n");
        }),
        case("config set: a comment behind a value, a byte order mark and the line ends of Windows stay", || {
            let person = Fixture::new();
            let file = person.write_settings("\u{feff}codex = \"/a\"  # pinned\r\njournal = true\r\n");
            changes(&person, &["set", "journal", "off"]);
            changes(&person, &["unset", "codex"]);
            changes(&person, &["set", "strategy", "repair"]);
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(text, "\u{feff}journal = false\r\nstrategy = \"repair\"\r\n");
        }),
        case("config set: every key takes a value that the launcher then has", || {
            let person = Fixture::new();
            let file = person.write_settings("");
            for key in Key::ALL {
                let values: &[&str] = match key {
                    Key::Strategy => &["redirect"],
                    Key::NpmNative | Key::Journal => &["false"],
                    _ => &["~/x"],
                };
                let args = [&["set", key.name()], values].concat();
                config(&person, &args);
                // A list takes several values, and every other key one.
                let several = config(&person, &["set", key.name(), "~/x", "~/y"]);
                let line = format!("{} = []", key.name());
                assert_eq!(several.code == Some(0), check_for(&line, None).is_ok(), "{several:?}");
            }
            let text = fs::read_to_string(&file).unwrap();
            assert!(Key::ALL.iter().all(|key| text.contains(&format!("{} = ", key.name()))), "{text}");
            assert_eq!(config(&person, &["check"]).code, Some(0));
        }),
        case("config set --json: what was changed, and whether anything was", || {
            let person = Fixture::new();
            let file = person.write_settings("leave = ['/a']\n");
            let set = |args: &[&str]| ask_json_changing(&person, &[&["config", "--json"], args].concat());
            assert_eq!(
                set(&["set", "leave", "/a", "/b"]),
                (
                    0,
                    json!({"file": file, "key": "leave", "previous": ["/a"], "value": ["/a", "/b"], "changed": true, "overridden_by": null})
                )
            );
            let before = entry(&file);
            assert_eq!(set(&["set", "leave", "/a", "/b"]).1["changed"], json!(false));
            assert_eq!(set(&["unset", "codex"]).1["changed"], json!(false));
            assert_eq!(entry(&file), before, "not even written");
            let unset = set(&["unset", "leave"]).1;
            assert_eq!((&unset["previous"], &unset["value"]), (&json!(["/a", "/b"]), &json!(null)));
        }),
        case("config set: a variable that wins over the file is said", || {
            let person = Fixture::new();
            person.write_settings("");
            let mut set = codex_home(&person, &["config", "set", "strategy", "repair"]);
            let finished = run(set.env("CODEX_HOME_SHIM_STRATEGY", "off"));
            let remark = "codex-home: `CODEX_HOME_SHIM_STRATEGY` is set here, and wins over the file\n";
            assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), remark));
        }),
        case("config set: a codex that cannot be started is said, with the command that takes it back", || {
            let person = Fixture::new();
            let file = person.write_settings("");
            let finished = config(&person, &["set", "codex", "/nowhere/codex"]);
            assert_eq!(finished.code, Some(0), "{finished:?}");
            let parts =
                ["is `/nowhere/codex`: there is no such file\n", "  help: run `codex-home config unset codex`\n"];
            parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "{finished:?}"));
            changes(&person, &["unset", "codex"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), "");
        }),
        case("config set: another file by CODEX_HOME_SHIM_CONFIG, also through a symlink, which stays", || {
            let person = Fixture::new();
            let (named, real) = (person.home().join("mine.toml"), person.home().join("dotfiles/codex.toml"));
            fs::create_dir(real.parent().unwrap()).unwrap();
            fs::write(&real, "# Kept in git.\n").unwrap();
            symlink("dotfiles/codex.toml", &named).unwrap();
            let mut set = codex_home(&person, &["config", "set", "strategy", "repair"]);
            let finished = run(set.env("CODEX_HOME_SHIM_CONFIG", "~/mine.toml"));
            assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
            assert_eq!(fs::read_link(&named).unwrap(), Path::new("dotfiles/codex.toml"));
            assert_eq!(fs::read_to_string(&real).unwrap(), "strategy = \"repair\"\n# Kept in git.\n");
        }),
    ]
}

/// As [`ask_json`], for a command that may change the settings.
fn ask_json_changing(person: &Fixture, args: &[&str]) -> (i32, serde_json::Value) {
    let finished = run(&mut codex_home(person, args));
    assert_eq!(finished.stderr, "", "{finished:?}");
    (finished.code.unwrap(), serde_json::from_str(&finished.stdout).unwrap())
}

fn refused() -> Vec<Case> {
    vec![
        case("config set: a wrong value is not written, and what is expected is said", || {
            let person = Fixture::new();
            let file = person.write_settings(WITH_COMMENTS);
            let rows: [(&[&str], &str); 6] = [
                (&["set", "strategy", "always"], "`strategy` cannot be `always`: expected one of `auto`,"),
                (&["set", "codex", "bin/codex"], "`codex` cannot be `bin/codex`: expected an absolute path"),
                (&["set", "codex", "/a", "/b"], "`codex` cannot be `/a`, `/b`: expected one value"),
                (&["set", "codex", "$HOME/codex"], "expected an absolute path"),
                (&["set", "journal", "perhaps"], "expected `true` or `false`"),
                (&["set", "bridges", "~/a", "b"], "expected an absolute path"),
            ];
            for (args, part) in rows {
                // There may be no manual page, as after `cargo install`.
                refuses(&person, &file, args, 78, &[part, "  help: run `codex-home config set --help`\n"]);
            }
            let help = config(&person, &["set", "--help"]).stdout;
            for text in ["`auto`, `redirect`, `repair` or `off`", "docs/settings.md"] {
                assert!(help.contains(text), "{help}");
            }
            for args in [&["set", "strategie", "off"][..], &["set", "codex"], &["set"], &["unset"]] {
                assert_eq!(config(&person, args).code, Some(2), "{args:?}");
            }
        }),
        case("config set: a file that is no TOML is left alone, and the command that is named repairs it", || {
            let person = Fixture::new();
            let file = person.write_settings("strategy = \"repair\"\nleave = [\n");
            refuses(&person, &file, &["set", "journal", "off"], 78, &["config.toml`: line 2, column ", ".broken`"]);
            follow(&person, &config(&person, &["set", "journal", "off"]));
            changes(&person, &["set", "journal", "off"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), "journal = false\n");
        }),
        case("config set: a file with a wrong key is left alone, and the command that is named repairs it", || {
            let person = Fixture::new();
            let file = person.write_settings("# Mine.\nstrategie = \"repair\"\njournal = 7\nnpm_native = true\n");
            refuses(&person, &file, &["set", "strategy", "off"], 78, &["run `codex-home config unset strategie`"]);
            let first = config(&person, &["unset", "strategie"]);
            assert!(
                first.code == Some(0) && first.stderr.contains("run `codex-home config unset journal`"),
                "{first:?}"
            );
            follow(&person, &first);
            changes(&person, &["set", "strategy", "off"]);
            assert_eq!(config(&person, &["check"]).code, Some(0));
        }),
        case("config set: a file that cannot be used at all is left alone", || {
            let person = Fixture::new();
            let file = person.write_settings("");
            fs::remove_file(&file).unwrap();
            symlink("gone", &file).unwrap();
            refuses(&person, &file, &["set", "journal", "off"], 78, &["it is a dangling symlink", "run `rm "]);
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
            refuses(&person, &file, &["set", "journal", "off"], 78, &["it is not a regular file", "run `mv "]);
            fs::remove_dir(&file).unwrap();
            fs::write(&file, [0xff, 0xfe]).unwrap();
            refuses(&person, &file, &["set", "journal", "off"], 78, &["it is not UTF-8", "run `mv "]);
            fs::write(&file, "x".repeat(70_000)).unwrap();
            refuses(&person, &file, &["set", "journal", "off"], 78, &["it is larger than 64 KiB", "run `mv "]);
        }),
        case("config set: nothing is written that the launcher would not trust", || {
            let person = Fixture::new();
            let file = person.write_settings("journal = true\n");
            let directory = file.parent().unwrap();
            person.chmod(&file, 0o666);
            refuses(&person, &file, &["set", "journal", "off"], 78, &["other users may write to", "run `chmod go-w "]);
            follow(&person, &config(&person, &["set", "journal", "off"]));
            person.chmod(directory, 0o777);
            refuses(&person, &file, &["set", "journal", "off"], 78, &["other users may write to", "run `chmod go-w "]);
            follow(&person, &config(&person, &["set", "journal", "off"]));
            changes(&person, &["set", "journal", "off"]);
        }),
        case("config set: without a home directory there is no place for the file", || {
            let person = Fixture::new();
            let mut set = codex_home(&person, &["config", "set", "journal", "off"]);
            let finished = run(set.env("CODEX_HOME_SHIM_CONFIG", "relative.toml"));
            assert_eq!(finished.code, Some(78), "{finished:?}");
            assert!(finished.stderr.contains("`CODEX_HOME_SHIM_CONFIG`: "), "{finished:?}");
        }),
    ]
}

/// Runs the command of a help.
fn follow(person: &Fixture, finished: &Finished) {
    let command = finished.stderr.split("help: run `").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let path = format!("{}:/usr/bin:/bin", person.launcher().parent().unwrap().display());
    let followed = run(person.command("/bin/sh").args(["-c", command]).env("PATH", path));
    assert_eq!(followed.code, Some(0), "{command}: {followed:?}");
}

fn safe() -> Vec<Case> {
    vec![
        case("config set: another user's file, or a directory of another user, is left alone", || {
            let person = Fixture::new();
            let file = person.write_settings("journal = true\n");
            let sudo = "run this as that user, without `sudo`";
            person.chown(&file, MALLORY);
            refuses_sudo(&person, &file, sudo);
            // `sudo` that keeps HOME, before there is a file.
            fs::remove_dir_all(person.home().join(".config")).unwrap();
            person.chown(&person.home(), MALLORY);
            refuses_sudo(&person, &file, sudo);
            assert!(!person.home().join(".config").exists());
        })
        .needs(Need::Root),
        case("config set: root's file keeps the mode by which other users' bots read it", || {
            let person = Fixture::new();
            let file = person.write_settings("journal = true\n");
            person.chmod(&file, 0o644);
            let mut set = codex_home(&person, &["config", "set", "journal", "off"]);
            let finished = run(set.env("SUDO_USER", "you"));
            let remark = "codex-home: these are root's settings: run it without `sudo` for those of `you`\n";
            assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), remark));
            assert_eq!(entry(&file).unwrap().mode, 0o644);
            // A link to another user's file is not written through.
            let theirs = person.root().join("theirs.toml");
            fs::rename(&file, &theirs).unwrap();
            symlink(&theirs, &file).unwrap();
            person.chown(&theirs, MALLORY);
            refuses(&person, &file, &["set", "journal", "on"], 1, &["a file of another user"]);
        })
        .needs(Need::Root),
        case("config set: the person's own files beside the settings stay, whatever ending their names have", || {
            let person = Fixture::new();
            let real = person.home().join("dotfiles/shim.toml");
            fs::create_dir(real.parent().unwrap()).unwrap();
            fs::write(&real, "journal = true\n").unwrap();
            let endings = ["new", "tmp", "bak", "old", "codex-home-shim"];
            let own = endings.map(|ending| real.with_extension(format!("toml.{ending}")));
            own.iter().for_each(|own| fs::write(own, "mine").unwrap());
            let link = person.write_settings("");
            fs::remove_file(&link).unwrap();
            symlink(&real, &link).unwrap();
            changes(&person, &["set", "journal", "off"]);
            assert_eq!(fs::read_to_string(&real).unwrap(), "journal = false\n");
            own.iter().for_each(|own| assert_eq!(fs::read_to_string(own).unwrap(), "mine", "{}", own.display()));
            assert_eq!(fs::read_dir(real.parent().unwrap()).unwrap().count(), 1 + own.len());
        }),
        case("config set: two at once both count", || {
            let person = Fixture::new();
            person.write_settings("");
            std::thread::scope(|scope| {
                for args in [["set", "strategy", "repair"], ["set", "journal", "off"], ["set", "npm_native", "off"]] {
                    let person = &person;
                    scope.spawn(move || changes(person, &args));
                }
            });
            let text = config(&person, &["show"]).stdout;
            assert_eq!(text.matches("config.toml").count(), 3, "{text}");
        }),
        case("config set: killed at any call that writes, the file is the old one or the new one", || {
            let person = Fixture::new();
            let (old, new) = ("# Old.\njournal = true\n", "# Old.\njournal = false\n");
            let file = person.write_settings(old);
            let mut ends = [0, 0];
            for call in ["openat", "write", "fsync", "rename", "unlink", "fchmod", "flock"] {
                for nth in 1..40 {
                    fs::write(&file, old).unwrap();
                    let set = codex_home(&person, &["config", "set", "journal", "off"]);
                    let finished = run(&mut killed(&set, call, nth));
                    let text = fs::read_to_string(&file).unwrap();
                    assert!(text == old || text == new, "{call} {nth}: {text}");
                    ends[usize::from(text == new)] += 1;
                    if finished.code == Some(0) {
                        break;
                    }
                }
            }
            assert!(ends[0] >= 5 && ends[1] >= 7, "{ends:?}");
            // A leftover does not block the next change.
            changes(&person, &["set", "strategy", "repair"]);
            let names: Vec<_> =
                fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["config.toml"]);
        })
        .needs(Need::Strace),
        case("config set: what is refused while it is written leaves the old file", || {
            let person = Fixture::new();
            let file = person.write_settings("journal = true\n");
            let set = codex_home(&person, &["config", "set", "journal", "off"]);
            for (call, error) in [("fsync", "EIO"), ("rename", "EROFS"), ("fchmod", "ENOSPC")] {
                let mut set = strace::inject(&set, &format!("{call}:error={error}:when=1"), true);
                let before = entry(&file);
                let finished = run(&mut set);
                assert_eq!((finished.code, entry(&file)), (Some(1), before), "{finished:?}");
                assert!(finished.stderr.contains("config.toml` cannot be written: "), "{finished:?}");
                assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
            }
        })
        .needs(Need::Strace),
    ]
}

fn refuses_sudo(person: &Fixture, file: &Path, help: &str) {
    let before = entry(file);
    let finished = config(person, &["set", "journal", "off"]);
    assert!(finished.code == Some(1) && finished.stderr.contains(help), "{finished:?}");
    assert_eq!(entry(file), before);
}

/// A command that is killed at one of its calls.
fn killed(command: &Command, call: &str, nth: usize) -> Command {
    strace::inject(command, &format!("{call}:signal=KILL:when={nth}"), true)
}
