//! The settings of a file and of variables, and their errors.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_home::describe;
use codex_home::failure::Failure;
use codex_home::reason::ReasonCode;
use codex_home::settings::{Key, Pattern, Settings, Source, Strategy, check_for};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use tempfile::TempDir;

use crate::support::fixture::MALLORY;
use crate::support::{Case, Need, case};

/// A settings file in a directory of its own, and variables.
struct Scene {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Scene {
    fn new() -> Scene {
        let directory = TempDir::with_prefix("codex-home-").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Scene { directory, variables: vec![("HOME", "/home/me".to_owned())] }
    }

    fn file(text: impl AsRef<[u8]>) -> Scene {
        let scene = Scene::new();
        fs::write(scene.path(), text).unwrap();
        fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o600)).unwrap();
        scene
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    fn with(mut self, name: &'static str, value: &str) -> Scene {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn chmod(self, file: u32, directory: u32) -> Scene {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(self.directory.path(), fs::Permissions::from_mode(directory)).unwrap();
        self
    }

    fn read(&self) -> (Settings, Vec<Failure>) {
        let path = self.path().to_string_lossy().into_owned();
        let mut variables: Vec<_> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !variables.iter().any(|(name, _)| *name == "CODEX_HOME_SHIM_CONFIG") {
            variables.push(("CODEX_HOME_SHIM_CONFIG", &path));
        }
        Settings::read(&crate::invocation(&variables, &[]))
    }

    /// The settings, which are valid.
    fn settings(&self) -> Settings {
        let (settings, problems) = self.read();
        assert_eq!(problems, []);
        settings
    }

    /// Their errors, with `FILE` and `DIR` for the file and its directory.
    fn problems(&self) -> Vec<String> {
        let (_, problems) = self.read();
        let text = |problem: &Failure| {
            assert_eq!((problem.code(), problem.exit_code()), (ReasonCode::SettingInvalid, 78));
            let text = format!("{}; {}", problem, describe::help(problem, None));
            text.replace(&*self.path().to_string_lossy(), "FILE")
                .replace(&*self.directory.path().to_string_lossy(), "DIR")
        };
        problems.iter().map(text).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.directory.path(), fs::Permissions::from_mode(0o700));
    }
}

fn patterns(paths: &[&str]) -> Vec<Pattern> {
    paths.iter().map(|path| Pattern::new(Path::new(path)).unwrap()).collect()
}

/// Every setting.
const ALL: &str = r#"
codex = "/opt/homebrew/bin/codex"
search = ["~/tools/bin", "/srv/bin/"]
personal_home = "~/.codex-mine"
strategy = "repair"
bridges = ["~/.openclaw/acpx/codex-home", "/srv/*/codex"]
leave = ["~/.codex-work/"]
npm_native = false
journal = false
"#;

pub fn cases() -> Vec<Case> {
    [values(), wrong(), files(), pattern()].into_iter().flatten().collect()
}

fn values() -> Vec<Case> {
    vec![
        case("the file sets every key", || {
            let settings = Scene::file(ALL).settings();
            assert_eq!(settings.codex, Some("/opt/homebrew/bin/codex".into()));
            assert_eq!(settings.search, ["/home/me/tools/bin", "/srv/bin"].map(PathBuf::from));
            assert_eq!(settings.personal_home, Some("/home/me/.codex-mine".into()), "`~` is the person's home");
            assert_eq!(settings.strategy, Strategy::Repair);
            assert_eq!(settings.bridges, patterns(&["/home/me/.openclaw/acpx/codex-home", "/srv/*/codex"]));
            assert_eq!(settings.leave, patterns(&["/home/me/.codex-work"]), "a trailing slash is no part of a name");
            assert!(!settings.npm_native && !settings.journal);
            assert_eq!(Key::ALL.map(|key| settings.source(key)), [Source::File; 8]);
        }),
        case("without a file everything is at its default", || {
            let scene = Scene::new();
            let settings = scene.settings();
            let mut default = Settings::default();
            default.personal_home = Some("/home/me/.codex".into());
            default.person_home = Some("/home/me".into());
            default.file = Some(scene.path());
            default.file_is_missing = true;
            assert_eq!(settings, default);
            assert!(settings.strategy == Strategy::Auto && settings.npm_native && settings.journal);
        }),
        case("an empty file sets nothing, with a byte order mark or without", || {
            for text in ["", "# nothing\n", "\u{feff}\n", "\u{feff}# nothing"] {
                let settings = Scene::file(text).settings();
                assert_eq!(Key::ALL.map(|key| settings.source(key)), [Source::Default; 8], "{text:?}");
            }
        }),
        case("every variable wins over its key", || {
            let settings = Scene::file(ALL)
                .with("CODEX_HOME_SHIM_CODEX", "/usr/bin/codex")
                .with("CODEX_HOME_SHIM_SEARCH", "~/a:/b")
                .with("CODEX_HOME_SHIM_PERSONAL_HOME", "/home/other/.codex")
                .with("CODEX_HOME_SHIM_STRATEGY", "off")
                .with("CODEX_HOME_SHIM_BRIDGES", "/a:~/b:")
                .with("CODEX_HOME_SHIM_LEAVE", "/c*")
                .with("CODEX_HOME_SHIM_NPM_NATIVE", "1")
                .with("CODEX_HOME_SHIM_JOURNAL", "true")
                .settings();
            assert_eq!(settings.codex, Some("/usr/bin/codex".into()));
            assert_eq!(settings.personal_home, Some("/home/other/.codex".into()));
            assert_eq!(settings.strategy, Strategy::Off);
            assert_eq!(settings.bridges, patterns(&["/a", "/home/me/b"]), "in place of the file's");
            assert_eq!(settings.leave, patterns(&["/c*"]));
            assert!(settings.npm_native && settings.journal);
            assert_eq!(Key::ALL.map(|key| settings.source(key)), [Source::Variable; 8]);
        }),
        case("a variable that is empty is not set", || {
            let settings = Scene::file(ALL).with("CODEX_HOME_SHIM_STRATEGY", "").settings();
            assert_eq!((settings.strategy, settings.source(Key::Strategy)), (Strategy::Repair, Source::File));
        }),
        case("a switch is `true` or `false` in the file, and may be `1`, `0`, `on` or `off` in a variable", || {
            for (value, expected) in
                [("1", true), ("true", true), ("on", true), ("0", false), ("false", false), ("off", false)]
            {
                let settings = Scene::file("").with("CODEX_HOME_SHIM_JOURNAL", value).settings();
                assert_eq!(settings.journal, expected, "{value}");
            }
        }),
    ]
}

/// The end of the help about a line of the file.
const LINE: &str = "; correct that line, then run `codex-home config check`";

fn wrong() -> Vec<Case> {
    const KEYS: &str = "`codex`, `search`, `personal_home`, `strategy`, `bridges`, `leave`, `npm_native`, `journal`";
    const PATH: &str = "an absolute path, or one that begins with `~/`";
    vec![
        case("a wrong key or value in the file is named with its place and what is expected", || {
            let rows = [
                ("strategie = \"auto\"", 1, 1, format!("unknown key, expected one of {KEYS}")),
                ("\n  npmnative = false", 2, 3, format!("unknown key, expected one of {KEYS}")),
                ("journal = true\nJournal = 1", 2, 1, format!("unknown key, expected one of {KEYS}")),
                ("strategy = \"observe\"", 1, 12, "expected one of `auto`, `redirect`, `repair`, `off`".to_owned()),
                ("codex = 7", 1, 9, "expected a string".to_owned()),
                ("codex = \"codex\"", 1, 9, format!("expected {PATH}")),
                ("codex = \"~me/codex\"", 1, 9, format!("expected {PATH}")),
                ("leave = [\"/a\", 1]", 1, 16, "expected a string".to_owned()),
                ("leave = [\"a\"]", 1, 9, format!("expected {PATH}")),
                // The value may be a secret of another file that was named by mistake.
                ("journal = \"sk-proj-1\"", 1, 11, "expected `true` or `false`".to_owned()),
                ("npm_native = 1", 1, 14, "expected `true` or `false`".to_owned()),
                (
                    "journal = true\nbridges = [\"/a/**/b\"]",
                    2,
                    11,
                    "expected a path without `**`: `*` stands for characters within one component".to_owned(),
                ),
            ];
            let mut wrong = Vec::new();
            for (text, line, column, cause) in rows {
                let (problems, expected) =
                    (Scene::file(text).problems(), [format!("`FILE`: line {line}, column {column}: {cause}{LINE}")]);
                if problems != expected {
                    wrong.push(format!("{text}\n   {problems:?}\n   {expected:?}"));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }),
        case("text that is not TOML is named with its place", || {
            for (text, place) in [
                ("codex = ", "`FILE`: line 1, column 9: "),
                ("codex = \"/a\"\ncodex = \"/b\"", "`FILE`: line 2, column 1: "),
                ("codex = \"/a\nleave = []", "`FILE`: line 1, column 12: "),
            ] {
                let problems = Scene::file(text).problems();
                assert!(problems.len() == 1 && problems[0].starts_with(place), "{text}: {problems:?}");
                assert!(check_for(text, None).is_err());
            }
        }),
        case("a wrong variable is named with what is expected, and without its value", || {
            let rows = [
                ("CODEX_HOME_SHIM_STRATEGY", "always", "one of `auto`, `redirect`, `repair`, `off`"),
                ("CODEX_HOME_SHIM_CODEX", "codex", PATH),
                ("CODEX_HOME_SHIM_JOURNAL", "/var/log", "`true` or `false`"),
                ("CODEX_HOME_SHIM_BRIDGES", "/a:b", PATH),
                (
                    "CODEX_HOME_SHIM_LEAVE",
                    "/a/**",
                    "a path without `**`: `*` stands for characters within one component",
                ),
                ("CODEX_HOME_SHIM_CONFIG", "config.toml", PATH),
            ];
            let mut wrong = Vec::new();
            for (name, value, expected) in rows {
                let problems = Scene::new().with(name, value).problems();
                let expected = [format!(
                    "`{name}`: expected {expected}; correct `{name}`, or unset it in the environment of the gateway"
                )];
                if problems != expected {
                    wrong.push(format!("{problems:?}\n   not {expected:?}"));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }),
        case("the file has one problem, each variable its own", || {
            let scene = Scene::file("codex = 1\nzzz = 1\n")
                .with("CODEX_HOME_SHIM_STRATEGY", "x")
                .with("CODEX_HOME_SHIM_CODEX", "/bin/codex");
            let problems = scene.problems();
            assert_eq!(problems.len(), 2, "{problems:?}");
            assert!(
                problems[0].starts_with("`FILE`: line 1,") && problems[1].starts_with("`CODEX_HOME_SHIM_STRATEGY`")
            );
            assert_eq!(scene.read().0.codex, Some("/bin/codex".into()), "what is right is known");
        }),
        case("a wrong key in the file is wrong even if a variable wins over it", || {
            assert_eq!(Scene::file("strategy = 1").with("CODEX_HOME_SHIM_STRATEGY", "off").problems().len(), 1);
        }),
        case("if it is not known whether starts are journaled, they are not", || {
            for scene in [Scene::file("strategy = 1"), Scene::file("").with("CODEX_HOME_SHIM_JOURNAL", "perhaps")] {
                assert!(!scene.read().0.journal);
            }
            assert!(Scene::file("").with("CODEX_HOME_SHIM_STRATEGY", "x").read().0.journal, "another variable");
        }),
        case("nothing in a wrong file or variable moves a cursor or breaks a line", || {
            let key = Scene::file("\"a\\u001b[2J\\nb\" = 1").problems();
            let value = Scene::file("strategy = \"a\\u001b[2J\\u2028b\"").problems();
            let variable = Scene::new().with("CODEX_HOME_SHIM_STRATEGY", "a\x1b[2J\n\u{2028}").problems();
            for problem in [key, value, variable].concat() {
                assert!(!problem.chars().any(codex_home::display::is_control), "{problem:?}");
            }
        }),
        // A file that was named by mistake took up to a minute, line by line.
        case("64 KiB of anything are refused in no time", || {
            for text in [
                "=\n",
                "a b c\n",
                "key: value\n",
                "a,b,c\n",
                "{\"k\":[1,2,3]},\n",
                "k = \"",
                "[[a]]\n",
                "[",
                "\u{feff}",
                "é",
            ] {
                let scene = Scene::file(text.repeat((64 << 10) / text.len()));
                let begun = Instant::now();
                assert_eq!(scene.problems().len(), 1, "{text:?}");
                assert!(begun.elapsed() < Duration::from_secs(15), "{text:?}: {:?}", begun.elapsed());
            }
            let many: String = (0..6000).map(|n| format!("k{n} = 1\n")).collect();
            assert!(!Scene::file(many).problems().is_empty());
        }),
    ]
}

fn files() -> Vec<Case> {
    vec![
        case("a file that is no regular file, too large or not UTF-8 is refused, with a command", || {
            type Lay = fn(&Scene);
            let rows: [(&str, Lay); 5] = [
                ("`FILE`: it is not a regular file; move `FILE` away", |scene| fs::create_dir(scene.path()).unwrap()),
                ("`FILE`: it is not a regular file; move `FILE` away", |scene| {
                    mkfifo(&scene.path(), Mode::S_IRWXU).unwrap()
                }),
                ("`FILE`: it is a dangling symlink; move `FILE` away", |scene| {
                    symlink("/nowhere/at/all", scene.path()).unwrap()
                }),
                ("`FILE`: it is larger than 64 KiB; correct `FILE`", |scene| {
                    fs::write(scene.path(), vec![b'\n'; (64 << 10) + 1]).unwrap();
                }),
                ("`FILE`: it is not UTF-8; correct `FILE`", |scene| {
                    fs::write(scene.path(), b"codex = \"\xff\"").unwrap();
                    fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o600)).unwrap();
                }),
            ];
            for (expected, lay) in rows {
                let scene = Scene::new();
                lay(&scene);
                assert_eq!(scene.problems(), [expected]);
            }
        }),
        case("a file or a directory that other users may write to is refused, with the command that closes it", || {
            let problem = |path: &str, help: &str| {
                format!("`FILE`: other users may write to `{path}`, and the settings name a program to run; {help}")
            };
            let file = problem("FILE", "run `chmod go-w FILE`");
            // The directory may be meant for others: a directory like `/tmp`.
            let directory = problem("DIR", "move `FILE` into a directory of your own");
            for (file_mode, directory_mode, expected) in [
                (0o602, 0o700, Some(&file)),
                (0o600, 0o702, Some(&directory)),
                (0o600, 0o1777, Some(&directory)),
                (0o644, 0o755, None),
                (0o400, 0o500, None),
            ] {
                let scene = Scene::file("npm_native = false").chmod(file_mode, directory_mode);
                assert_eq!(
                    scene.problems(),
                    expected.into_iter().cloned().collect::<Vec<_>>(),
                    "{file_mode:o} in {directory_mode:o}"
                );
            }
        }),
        case("a directory made under umask 002 is accepted with the user's private group, and no other group", || {
            let uid = geteuid().as_raw();
            for (file, directory) in [(0o660, 0o770), (0o600, 0o775), (0o664, 0o700)] {
                let scene = Scene::file("npm_native = false");
                let is_private = fs::metadata(scene.path()).unwrap().gid() == uid;
                assert_eq!(scene.chmod(file, directory).problems().is_empty(), is_private, "{file:o} in {directory:o}");
            }
            if geteuid().is_root() {
                let scene = Scene::file("npm_native = false").chmod(0o660, 0o700);
                chown(scene.path(), None, Some(MALLORY)).unwrap();
                assert_eq!(scene.problems().len(), 1, "a group with other members");
            }
        }),
        case("a file or a directory of another user is refused, with the command that takes it over", || {
            let expected = |path: &str, help: &str| {
                [format!("`FILE`: `{path}` belongs to another user, and the settings name a program to run; {help}")]
            };
            let scene = Scene::file("");
            chown(scene.path(), Some(MALLORY), None).unwrap();
            assert_eq!(scene.problems(), expected("FILE", "run `sudo chown \"$(id -un)\" FILE`"));
            let scene = Scene::file("").chmod(0o600, 0o755);
            chown(scene.directory.path(), Some(MALLORY), None).unwrap();
            assert_eq!(scene.problems(), expected("DIR", "move `FILE` into a directory of your own"));
        })
        .needs(Need::Root),
        case(
            "a symlink to a file of one's own is followed; the directory it leads to must be closed, or sticky",
            || {
                for (mode, is_accepted) in [(0o700, true), (0o1777, true), (0o777, false)] {
                    let (scene, kept) = (Scene::new(), Scene::file("npm_native = false").chmod(0o600, mode));
                    symlink(kept.path(), scene.path()).unwrap();
                    assert_eq!(scene.problems().is_empty(), is_accepted, "{mode:o}");
                    assert!(!is_accepted || !scene.settings().npm_native);
                }
            },
        ),
    ]
}

fn pattern() -> Vec<Case> {
    vec![case("`*` stands for characters within one component, and nothing else is special", || {
        for (pattern, path, expected) in [
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
            assert_eq!(found.above(Path::new(path)), expected.map(Path::new), "`{pattern}` and `{path}`");
        }
    })]
}
