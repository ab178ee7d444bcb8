//! The settings: what a file and an environment say together, and what is wrong with them. Each in a scratch directory.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the launcher's rooms are not the tests'"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use codex_home::failure::Failure;
use codex_home::invocation::Invocation;
use codex_home::reason::Reason;
use codex_home::settings::{Journal, Key, Pattern, Settings, Source, Strategy};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

/// A settings file in a directory of its own, and an environment that names it.
struct Told {
    directory: TempDir,
    env: BTreeMap<OsString, OsString>,
}

impl Told {
    fn nothing() -> Told {
        let directory = TempDir::with_prefix("codex-home-").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let env =
            [("HOME", "/home/me".into()), ("CODEX_HOME_SHIM_CONFIG", directory.path().join("config.toml").into())];
        Told { env: env.map(|(name, value): (_, OsString)| (name.into(), value)).into(), directory }
    }

    fn file(text: &str) -> Told {
        let told = Told::nothing();
        fs::write(told.path(), text).unwrap();
        fs::set_permissions(told.path(), fs::Permissions::from_mode(0o600)).unwrap();
        told
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    fn with(mut self, name: &str, value: &str) -> Told {
        self.env.insert(name.into(), value.into());
        self
    }

    fn gather(&self) -> (Settings, Vec<Failure>) {
        Settings::gather(&Invocation {
            args: Vec::new(),
            env: self.env.clone(),
            cwd: || None,
            user_database: || None,
            program: None,
            pid: 1,
            parent: || 1,
            is_privileged: false,
            since: Instant::now(),
        })
    }

    /// The settings, which are right.
    fn settings(&self) -> Settings {
        let (settings, problems) = self.gather();
        assert_eq!(problems, [], "nothing is wrong");
        settings
    }

    /// What is wrong with them: each message, without the path.
    fn problems(&self) -> Vec<String> {
        let path = format!("`{}`", self.path().display());
        let (_, problems) = self.gather();
        problems
            .iter()
            .map(|problem| {
                assert_eq!((problem.reason(), problem.exit_code()), (Reason::SettingInvalid, 78));
                let message = problem.message();
                message.strip_prefix(&path).map_or_else(|| message.clone(), str::to_owned)
            })
            .collect()
    }
}

fn patterns(paths: &[&str]) -> Vec<Pattern> {
    paths.iter().map(|path| Pattern::new(Path::new(path)).unwrap()).collect()
}

/// The example of the README.
const ALL: &str = r#"
codex = "/opt/homebrew/bin/codex"
personal_home = "~/.codex-mine"
strategy = "repair"
bridges = ["~/.openclaw/acpx/codex-home", "/srv/*/codex"]
leave = ["~/.codex-work/"]
npm_native = false
journal = "~/starts.jsonl"
"#;

#[test]
fn a_file_says_everything_that_can_be_said() {
    let settings = Told::file(ALL).settings();
    assert_eq!(settings.codex, Some("/opt/homebrew/bin/codex".into()));
    assert_eq!(settings.personal_home, Some("/home/me/.codex-mine".into()), "`~` is the person's home");
    assert_eq!(settings.strategy, Strategy::Repair);
    assert_eq!(settings.bridges, patterns(&["/home/me/.openclaw/acpx/codex-home", "/srv/*/codex"]));
    assert_eq!(settings.leave, patterns(&["/home/me/.codex-work"]), "a trailing slash is no part of a name");
    assert!(!settings.npm_native);
    assert_eq!(settings.journal, Journal::File("/home/me/starts.jsonl".into()));
    let sources = Key::ALL.map(|key| settings.source(key));
    assert_eq!(sources, [2, 3, 4, 5, 6, 7, 8].map(Source::File), "each knows its line");
}

#[test]
fn without_a_file_everything_is_as_nobody_said_anything() {
    let told = Told::nothing();
    let settings = told.settings();
    assert!(settings.file_is_missed, "somebody named one that is not there");
    let default = Settings {
        personal_home: Some("/home/me/.codex".into()),
        person_home: Some("/home/me".into()),
        file: Some(told.path()),
        file_is_missed: true,
        ..Settings::default()
    };
    assert_eq!(settings, default);
}

#[test]
fn an_empty_file_says_nothing() {
    for text in ["", "# nothing\n", "\u{feff}\n"] {
        assert_eq!(Told::file(text).settings().sources, BTreeMap::new(), "{text:?}");
    }
}

#[test]
fn every_variable_wins_over_its_key() {
    let told = Told::file(ALL)
        .with("CODEX_HOME_SHIM_CODEX", "/usr/bin/codex")
        .with("CODEX_HOME_SHIM_PERSONAL_HOME", "/home/other/.codex")
        .with("CODEX_HOME_SHIM_STRATEGY", "off")
        .with("CODEX_HOME_SHIM_BRIDGES", "/a:~/b")
        .with("CODEX_HOME_SHIM_LEAVE", "/c*")
        .with("CODEX_HOME_SHIM_NPM_NATIVE", "1")
        .with("CODEX_HOME_SHIM_JOURNAL", "off");
    let settings = told.settings();
    assert_eq!(settings.codex, Some("/usr/bin/codex".into()));
    assert_eq!(settings.personal_home, Some("/home/other/.codex".into()));
    assert_eq!(settings.strategy, Strategy::Off);
    assert_eq!(settings.bridges, patterns(&["/a", "/home/me/b"]), "in place of the file's, not beside them");
    assert_eq!(settings.leave, patterns(&["/c*"]));
    assert!(settings.npm_native);
    assert_eq!(settings.journal, Journal::Off);
    assert_eq!(Key::ALL.map(|key| settings.source(key)), [Source::Variable; 7]);
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let settings = Told::file(ALL).with("CODEX_HOME_SHIM_STRATEGY", "").settings();
    assert_eq!((settings.strategy, settings.source(Key::Strategy)), (Strategy::Repair, Source::File(4)));
}

#[test]
fn the_journal_is_a_switch_or_a_path() {
    for (text, wanted) in [
        ("journal = true", Journal::Default),
        ("journal = false", Journal::Off),
        ("journal = \"/var/log/starts\"", Journal::File("/var/log/starts".into())),
    ] {
        assert_eq!(Told::file(text).settings().journal, wanted, "{text}");
    }
    for (value, wanted) in [
        ("1", Journal::Default),
        ("true", Journal::Default),
        ("0", Journal::Off),
        ("false", Journal::Off),
        ("off", Journal::Off),
        ("~/starts", Journal::File("/home/me/starts".into())),
    ] {
        assert_eq!(Told::file("").with("CODEX_HOME_SHIM_JOURNAL", value).settings().journal, wanted, "{value}");
    }
}

#[test]
fn whatever_is_wrong_is_named_with_its_place_and_what_was_meant() {
    let help = "; correct that line, then run `codex-home config check`";
    for (text, wanted) in [
        ("strategie = \"auto\"", ", line 1, column 1: `strategie` is no setting; the nearest is `strategy`"),
        ("\n  npm-native = false", ", line 2, column 3: `npm-native` is no setting; the nearest is `npm_native`"),
        ("Codex = \"/bin/codex\"", ", line 1, column 1: `Codex` is no setting; the nearest is `codex`"),
        (
            "xyz = 1",
            ", line 1, column 1: `xyz` is no setting; there are `codex`, `personal_home`, `strategy`, `bridges`, `leave`, \
             `npm_native`, `journal`",
        ),
        (
            "strategy = \"always\"",
            ", line 1, column 12: `strategy` is `always`, not one of `auto`, `redirect`, `repair`, `observe`, `off`",
        ),
        ("strategy = true", ", line 1, column 12: `strategy` is a boolean, not a string"),
        ("codex = 7", ", line 1, column 9: `codex` is a number, not a string"),
        (
            "codex = \"codex\"",
            ", line 1, column 9: `codex` is `codex`, not an absolute path, or one that begins with `~/`",
        ),
        ("[codex]\npath = \"/bin/codex\"", ", line 1, column 1: `codex` is a table, not a string"),
        ("leave = \"/a\"", ", line 1, column 9: `leave` is a string, not an array of strings"),
        ("leave = [\"/a\", 1]", ", line 1, column 9: `leave` is an array of other things, not an array of strings"),
        (
            "bridges = [\"/a/**/b\"]",
            ", line 1, column 11: `bridges` is `/a/**/b`, not a path without `**`: `*` stands for characters within one part",
        ),
        ("npm_native = \"no\"", ", line 1, column 14: `npm_native` is a string, not `true` or `false`"),
        ("journal = 1", ", line 1, column 11: `journal` is a number, not `true`, `false` or a path"),
        ("journal = 1979-05-27", ", line 1, column 11: `journal` is a time, not `true`, `false` or a path"),
    ] {
        assert_eq!(Told::file(text).problems(), [format!("{wanted}{help}")], "{text}");
    }
}

#[test]
fn text_that_is_not_toml_is_named_with_its_place() {
    for (text, place) in [
        ("codex = ", ", line 1, column 9: this is not TOML: "),
        ("codex = \"/a\"\ncodex = \"/b\"", ", line 2, column 1: this is not TOML: "),
        ("codex = \"/a\nleave = []", ", line 1, column 12: this is not TOML: "),
    ] {
        let problems = Told::file(text).problems();
        assert!(problems[0].starts_with(place), "{text}: {problems:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_found_at_once_and_in_its_order() {
    let told = Told::file("zzz = 1\nnpm_native = 1\ncodex = \"/bin/codex\"").with("CODEX_HOME_SHIM_STRATEGY", "x");
    let problems = told.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with(", line 1, ") && problems[1].starts_with(", line 2, "), "{problems:?}");
    assert!(problems[2].starts_with("`CODEX_HOME_SHIM_STRATEGY` is `x`"), "{problems:?}");
    assert_eq!(told.gather().0.codex, Some("/bin/codex".into()), "what is right is known all the same");
}

#[test]
fn a_file_that_is_wrong_where_a_variable_wins_is_wrong_all_the_same() {
    let told = Told::file("strategy = 1").with("CODEX_HOME_SHIM_STRATEGY", "off");
    assert_eq!(told.problems().len(), 1);
}

#[test]
fn a_name_with_control_characters_cannot_break_a_message() {
    let told = Told::file("\"a\\u001b[2J\\nb\" = 1");
    assert!(told.problems()[0].starts_with(", line 1, column 1: `a\\u{1b}[2J\\nb` is no setting; there are "));
}

#[test]
fn a_file_that_is_not_one_of_ours_is_refused() {
    type Case = (&'static str, fn(&Told));
    let cases: [Case; 6] = [
        (": it is not a regular file; move ", |told| {
            fs::create_dir(told.path()).unwrap();
            fs::set_permissions(told.path(), fs::Permissions::from_mode(0o700)).unwrap();
        }),
        (": it is not a regular file; move ", |told| mkfifo(&told.path(), Mode::S_IRWXU).unwrap()),
        (": it is a link to nothing; move ", |told| symlink("/nowhere/at/all", told.path()).unwrap()),
        (": it is larger than 64 KiB; correct ", |told| fs::write(told.path(), vec![b'\n'; (64 << 10) + 1]).unwrap()),
        (": it is not UTF-8; correct ", |told| fs::write(told.path(), b"codex = \"\xff\"").unwrap()),
        (": its directory may be written by others, and it names a program to run; run `chmod go-w ", |told| {
            fs::write(told.path(), "").unwrap();
            fs::set_permissions(told.directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        }),
    ];
    for (wanted, make) in cases {
        let told = Told::nothing();
        make(&told);
        if let Ok(file) = fs::metadata(told.path()).and_then(|_| fs::symlink_metadata(told.path()))
            && file.is_file()
        {
            fs::set_permissions(told.path(), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let problems = told.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(wanted), "{wanted}: {problems:?}");
        assert_eq!(told.gather().0.journal, Journal::Off, "who knows where starts may be noted down");
    }
}

#[test]
fn a_file_or_directory_that_others_may_write_is_refused() {
    for (file, directory, wanted) in [
        (0o602, 0o700, Some("it may be written by others")),
        (0o620, 0o700, Some("it may be written by others")),
        (0o600, 0o702, Some("its directory may be written by others")),
        (0o600, 0o720, Some("its directory may be written by others")),
        (0o600, 0o1777, Some("its directory may be written by others")),
        (0o644, 0o755, None),
        (0o400, 0o500, None),
    ] {
        let told = Told::file("npm_native = false");
        fs::set_permissions(told.path(), fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(told.directory.path(), fs::Permissions::from_mode(directory)).unwrap();
        let problems = told.problems();
        let is_as_wanted = match wanted {
            Some(words) => problems.len() == 1 && problems[0].contains(words),
            None => problems.is_empty() && !told.settings().npm_native,
        };
        assert!(is_as_wanted, "{file:o} in {directory:o}: {problems:?}");
        // What is closed could not be removed.
        fs::set_permissions(told.directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn a_link_to_a_file_of_ours_is_followed() {
    let (told, kept) = (Told::nothing(), Told::file("npm_native = false"));
    symlink(kept.path(), told.path()).unwrap();
    assert!(!told.settings().npm_native);
}

#[test]
fn a_place_for_the_file_that_is_no_path_is_named() {
    let told = Told::nothing().with("CODEX_HOME_SHIM_CONFIG", "config.toml");
    let wanted = "`CODEX_HOME_SHIM_CONFIG` is `config.toml`, not an absolute path, or one that begins with `~/`; correct \
                  `CODEX_HOME_SHIM_CONFIG` or unset it, where the gateway is started";
    assert_eq!(told.problems(), [wanted]);
}

#[test]
fn a_star_stands_for_characters_within_one_part() {
    for (pattern, path, wanted) in [
        ("/a/*", "/a/b", Some("/a")),
        ("/a/*", "/a/b/c", Some("/a/b")),
        ("/a/*/c", "/a/b/c", Some("/a")),
        ("/a/*/c", "/a/b/b/c", Some("/a/b")),
        ("/a/*/c", "/a/b/d", None),
        ("/a/b*d", "/a/bcd", Some("/a")),
        ("/a/b*d", "/a/bd", Some("/a")),
        ("/a/b*d", "/a/b/d", None),
        ("/a/.c*", "/a/.codex", Some("/a")),
        ("/a/*", "/", None),
        ("/a/?b*", "/a/xbc", None),
        ("/a/[b]*", "/a/b", None),
        ("/a/b", "/x/y", Some("/x/y")),
    ] {
        let found = Pattern::new(Path::new(pattern)).unwrap();
        assert_eq!(found.above(Path::new(path)), wanted.map(Path::new), "`{pattern}` and `{path}`");
    }
}
