//! `codex-home config`: the settings.

use std::fs;

use serde_json::json;
use snapbox::str;

use crate::support::{Case, Fixture, case};
use crate::{ask, ask_json, codex_home, prints};

pub fn cases() -> Vec<Case> {
    vec![
        case("config: the values in force, and where each comes from", || {
            let person = Fixture::new();
            let file = person.root().join("work/mine.toml");
            fs::rename(person.write_settings("strategy = \"repair\"\nleave = [\"~/work\", \"/srv/*\"]\n"), &file)
                .unwrap();
            person.chmod(&person.work(), 0o700);
            let mut config = codex_home(&person, &["config"]);
            config.env("CODEX_HOME_SHIM_CONFIG", &file).env("CODEX_HOME_SHIM_NPM_NATIVE", "0");
            prints(
                &person,
                config.env("CODEX_HOME_SHIM_JOURNAL", "off"),
                0,
                str![[r#"
key            value           from
codex          none            default
search         none            default
personal_home  ~/.codex        default
strategy       repair          [ROOT]/work/mine.toml
bridges        none            default
leave          ~/work, /srv/*  [ROOT]/work/mine.toml
npm_native     false           CODEX_HOME_SHIM_NPM_NATIVE
journal        false           CODEX_HOME_SHIM_JOURNAL

"#]],
            );
            let (code, said) = ask_json(&person, config.arg("--json"));
            assert_eq!((code, &said["file"], &said["problems"]), (0, &json!(file), &json!([])));
            let strategy = json!({"value": "repair", "source": "file", "variable": "CODEX_HOME_SHIM_STRATEGY"});
            assert_eq!(said["settings"]["strategy"], strategy);
            // Whole paths for programs.
            assert_eq!(said["settings"]["leave"]["value"], json!([person.home().join("work"), "/srv/*"]));
            assert_eq!(said["settings"]["journal"]["source"], "environment");
            assert_eq!(said["settings"]["codex"]["source"], "default");
        }),
        case("config path: where the file is, whether it exists or not", || {
            let person = Fixture::new();
            let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
            let path = format!("[ROOT]/home/{below}/codex-home-shim/config.toml\n");
            prints(&person, &mut codex_home(&person, &["config", "path"]), 0, path);
            let mut config = codex_home(&person, &["config", "path", "--json"]);
            let (code, said) = ask_json(&person, config.env("CODEX_HOME_SHIM_CONFIG", "~/mine.toml"));
            assert_eq!((code, &said["file"]), (0, &json!(person.home().join("mine.toml"))));
        }),
        case("config check: what is wrong in the file, and in each variable", || {
            let person = Fixture::new();
            prints(
                &person,
                &mut codex_home(&person, &["config", "check"]),
                0,
                str![[r#"
✓ the settings are valid

"#]],
            );
            let file = person.write_settings("npm_native = true\nstrategie = \"repair\"\n");
            let mut check = codex_home(&person, &["config", "check"]);
            check
                .env("CODEX_HOME_SHIM_CONFIG", &file)
                .env("CODEX_HOME_SHIM_JOURNAL", "7")
                .env("CODEX_HOME_SHIM_LEAVE", "x");
            let text = ask(&person, &mut check);
            assert_eq!(text.code, Some(78), "{text:?}");
            let problems: Vec<_> = text.stdout.lines().filter(|line| line.starts_with("✗ ")).collect();
            assert_eq!(problems.len(), 3, "{}", text.stdout);
            assert!(problems[0].contains("config.toml`: line 2, column 1: unknown key"), "{problems:?}");
            assert!(problems[1].starts_with("✗ `CODEX_HOME_SHIM_LEAVE`: "), "{problems:?}");
            assert!(problems[2].starts_with("✗ `CODEX_HOME_SHIM_JOURNAL`: "), "{problems:?}");
            assert_eq!(text.stdout.matches("  help: ").count(), 3, "{}", text.stdout);
            let (code, said) = ask_json(&person, check.arg("--json"));
            assert_eq!((code, &said["missing"], &said["file"]), (78, &json!(false), &json!(file)));
            let said = said["problems"].as_array().unwrap();
            assert_eq!(said.len(), 3, "{said:#?}");
            for problem in said {
                let fields: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(
                    (fields, &problem["reason"]),
                    (vec!["help", "message", "reason"], &json!("setting-invalid"))
                );
            }
        }),
        case("config check: a file that is named and missing is not wrong, and is said", || {
            let person = Fixture::new();
            let mut check = codex_home(&person, &["config", "check"]);
            check.env("CODEX_HOME_SHIM_CONFIG", person.home().join("gone.toml"));
            let finished = ask(&person, &mut check);
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "✓ the settings are valid\n"));
            let remark = "codex-home: `CODEX_HOME_SHIM_CONFIG` names `~/gone.toml`, and there is no such file\n";
            assert_eq!(finished.stderr, remark);
            let (_, said) = ask_json(&person, check.arg("--json"));
            assert_eq!((&said["problems"], &said["missing"]), (&json!([]), &json!(true)));
        }),
        case("config check: a symlink into a directory that other users may write to is refused", || {
            let person = Fixture::new();
            let file = person.write_settings("strategy = \"repair\"\n");
            let elsewhere = person.root().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            fs::rename(&file, elsewhere.join("config.toml")).unwrap();
            person.link(&elsewhere.join("config.toml"), &file);
            for (mode, code) in [(0o755, 0), (0o1777, 0), (0o777, 78)] {
                person.chmod(&elsewhere, mode);
                let finished = ask(&person, &mut codex_home(&person, &["config", "check"]));
                assert_eq!(finished.code, Some(code), "{mode:o}: {finished:?}");
                assert!(code == 0 || finished.stdout.contains("other users may write to `"), "{finished:?}");
            }
        }),
        case("every command that needs valid settings stops at wrong ones, as the launcher does", || {
            let person = Fixture::new();
            for args in [&["inspect"][..], &["log"]] {
                let mut command = codex_home(&person, args);
                let finished = ask(&person, command.env("CODEX_HOME_SHIM_STRATEGY", "always"));
                assert_eq!((finished.code, finished.stdout.as_str()), (Some(78), ""), "{args:?}");
                let said = finished.stderr;
                assert!(said.starts_with("codex-home: `CODEX_HOME_SHIM_STRATEGY`: "), "{said}");
            }
        }),
    ]
}
