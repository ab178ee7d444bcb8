//! Settings: the effect of the file and of the variables on starts.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::fixture::MALLORY;
use crate::support::tokens::{ACCOUNT, access_token};
use crate::support::{Case, Fixture, Need, auth, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("another user's settings file, and one in another user's directory, is refused", || {
            for is_directory in [false, true] {
                let mut person = Fixture::issue_70511();
                let file = person.write_settings("strategy = \"auto\"\n");
                person.chmod(&file, 0o644);
                person.chmod(file.parent().unwrap(), 0o755);
                person.become_unprivileged();
                person.chown(if is_directory { file.parent().unwrap() } else { &file }, MALLORY);
                person.start(&["exec"]).home(person.bridge()).is_refused(
                    "setting-invalid",
                    78,
                    &["belongs to another user"],
                );
            }
        })
        .needs(Need::Root),
        case("the strategy of the settings file counts, and the variable wins", || {
            let person = Fixture::issue_70511();
            person.write_settings("strategy = \"off\"\n");
            person.serve().is_passed_through();
            person.serve().setting("strategy", "auto").is_redirected("missing-id-token");
            person.write_settings("strategy = \"repair\"\n");
            person.serve().is_repaired("missing-id-token");
        }),
        case("a personal home in the settings is the personal home, and `~/.codex` is none", || {
            let person = Fixture::issue_70511();
            let mine = person.home().join("mine");
            fs::rename(person.personal(), &mine).unwrap();
            person.write_settings("personal_home = \"~/mine\"\n");
            let report = person.serve().run().report.unwrap();
            assert_eq!(report.var("CODEX_HOME"), Some(mine.clone()));
            person.start(&["app-server"]).home(&mine).is_kept("personal-home");
        }),
        case("homes in `bridges` are bridges, by their path, through `*` and through a link", || {
            for (setting, home) in [
                ("[\"~/elsewhere\"]", "elsewhere"),
                ("[\"~/nowhere\", \"~/elsewhere/\"]", "elsewhere"),
                ("[\"~/else*e\"]", "elsewhere"),
                ("[\"~/agents/*/codex\"]", "agents/main/codex"),
                ("[\"~/link/e*\"]", "elsewhere"),
            ] {
                let person = Fixture::new();
                symlink(person.home(), person.home().join("link")).unwrap();
                person.write_settings(&format!("bridges = {setting}\n"));
                let home = person.home().join(home);
                person.write_auth(&home, &auth::issue_70511(&access_token(ACCOUNT, "bridge"), ""));
                // Another home would be left alone.
                person.start(&["app-server"]).home(home).is_repaired("missing-id-token");
            }
        }),
        case("`*` in `bridges` stands for no slash", || {
            let person = Fixture::new();
            person.write_settings("bridges = [\"~/*\"]\n");
            let home = person.home().join("agents/codex");
            person.write_auth(&home, &crate::support::fixture::broken(ACCOUNT));
            person.start(&["app-server"]).home(home).is_kept_with_warning("missing-id-token");
        }),
        case("homes in `leave` are left alone, also through a link and if `bridges` names them", || {
            let person = Fixture::issue_70511();
            person.write_settings("leave = [\"~/.openclaw/agents/*/agent/harness-auth/codex/*\"]\n");
            person.serve().setting("bridges", person.bridge()).is_kept("left-alone");
            let link = person.home().join("link");
            symlink(person.bridge(), &link).unwrap();
            person.start(&["app-server"]).home(&link).setting("bridges", &link).is_kept("left-alone");
        }),
        case("a settings file that is named and missing is a warning, and no error", || {
            let person = Fixture::issue_70511();
            let ended = person
                .serve()
                .setting("config", person.home().join("nowhere.toml"))
                .is_redirected_with_warning("missing-id-token");
            assert!(
                ended.stderr.contains("`~/nowhere.toml`") && ended.stderr.contains("there is no such file"),
                "{}",
                ended.stderr
            );
        }),
        case("a wrong settings file refuses every start, with the place of the mistake", || {
            let person = Fixture::issue_70511();
            let file = person.write_settings("strategy = \"auto\"\ncodecs = \"/bin/true\"\n");
            let place = format!("`~/{}`: line 2, column 1: ", file.strip_prefix(person.home()).unwrap().display());
            for args in [&["app-server"][..], &["exec", "hello"], &["login"], &["--version"]] {
                let start = person.start(args).home(person.bridge());
                start.is_refused("setting-invalid", 78, &[&place, "unknown key", "codex-home config check"]);
            }
        }),
        case("an unknown level for stderr is reported and otherwise ignored", || {
            let person = Fixture::issue_70511();
            let ended = person.serve().env("CODEX_HOME_SHIM_LOG", "loud\x1b[2J").is_redirected("missing-id-token");
            assert!(
                ended.stderr.lines().count() == 1 && ended.stderr.contains("`CODEX_HOME_SHIM_LOG` is not one of"),
                "{}",
                ended.stderr
            );
            assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
        }),
        case("at `info` a redirect and a repair are one line each; at `error` no warning is printed", || {
            let person = Fixture::issue_70511();
            let info = person.serve().env("CODEX_HOME_SHIM_LOG", "info").is_redirected("missing-id-token").stderr;
            assert!(info.lines().count() == 1 && info.starts_with("codex-home-shim: using `~/.codex`: "), "{info}");
            let repair = person.serve().env("CODEX_HOME_SHIM_LOG", "info").setting("strategy", "repair");
            let info = repair.is_repaired("missing-id-token").stderr;
            assert!(info.lines().count() == 1 && info.starts_with("codex-home-shim: repaired `~/.openclaw/"), "{info}");
            person.write_auth(&person.other(), b"{}");
            let quiet = person.start(&["app-server"]).home(person.other()).env("CODEX_HOME_SHIM_LOG", "error").run();
            assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
        }),
    ]
}
