//! `codex-home` from outside: what each command says, as text and as JSON, in a pipe and in a terminal, and that it changes
//! nothing. That `explain` says what a start does is held by `tests/launcher.rs` over the whole verdict table.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the launcher's rooms are not the tests'"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_home::inspection::Inspection;
use codex_home::settings::Settings;
use nix::pty::{Winsize, openpty};
use serde_json::{Value, json};
use snapbox::{Assert, Redactions, str};
use support::openclaw::{OpenClaw, Release};
use support::tokens::{self, ACCOUNT, OTHER_ACCOUNT};
use support::{Finished, World, auth, run, snapshot};

/// The bridge's refresh token, which nothing may say.
const REFRESH: &str = "rt.bridge-canary-0123456789";

/// A world with a codex on PATH, and `codex-home` in it.
struct Scene {
    world: World,
}

impl Scene {
    fn new() -> Scene {
        let world = World::new();
        let bin = world.root().join("bin");
        fs::create_dir(&bin).unwrap();
        write_program(&bin.join("codex"));
        Scene { world }
    }

    /// The bridge of issue 70511.
    fn broken(&self) -> PathBuf {
        self.world.lay_bridge(&auth::issue_70511(&tokens::access_token(ACCOUNT, "bridge"), REFRESH))
    }

    fn person(&self, account: &str) -> PathBuf {
        self.world.lay_personal(&auth::healthy(account, "personal", "rt.personal-canary-0123456789"))
    }

    fn settings(&self, text: &str) -> PathBuf {
        let path = self.world.root().join("settings/config.toml");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_codex-home"));
        command.args(args).env("PATH", self.world.root().join("bin")).env("TZ", "UTC").current_dir(self.world.root());
        command.env("CODEX_HOME_SHIM_JOURNAL", self.journal());
        command
    }

    fn journal(&self) -> PathBuf {
        self.world.root().join("journal.jsonl")
    }

    /// Runs, and holds that nothing was changed and no secret said.
    fn run(&self, command: &mut Command) -> Finished {
        let before = snapshot(self.world.root());
        let finished = run(command);
        assert_eq!(snapshot(self.world.root()), before, "nothing is changed");
        for secret in ["canary", &tokens::access_token(ACCOUNT, "bridge"), ACCOUNT, OTHER_ACCOUNT, "@example.com"] {
            let said = finished.stdout.contains(secret) || finished.stderr.contains(secret);
            assert!(!said, "`{secret}` was said: {finished:?}");
        }
        finished
    }

    /// What a command says on stdout, which is all that it says.
    fn says(&self, command: &mut Command, code: i32, expected: impl snapbox::IntoData) {
        let finished = self.run(command);
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(code), ""), "{finished:?}");
        self.compare(&finished.stdout, expected);
    }

    /// What a command says on stderr, which is all that it says.
    fn complains(&self, command: &mut Command, code: i32, expected: impl snapbox::IntoData) {
        let finished = self.run(command);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{finished:?}");
        self.compare(&finished.stderr, expected);
    }

    fn compare(&self, said: &str, expected: impl snapbox::IntoData) {
        let mut redactions = Redactions::new();
        redactions.insert("[ROOT]", self.world.root().to_path_buf()).unwrap();
        Assert::new().redact_with(redactions).eq(said, expected);
    }
}

fn write_program(path: &Path) {
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn with(mut command: Command, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Command {
    command.env(name, value);
    command
}

// ---- inspect ----

#[test]
fn inspect_tells_that_a_home_can_log_in_and_whose_it_is() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    scene.says(
        &mut scene.command(&["inspect"]),
        0,
        str![[r#"
✓ ~/.codex (personal)
  can log in: it holds a ChatGPT login (ok-chatgpt)
  chatgpt login of account …5555

"#]],
    );
}

#[test]
fn inspect_tells_why_a_bridge_cannot_and_what_would_mend_it() {
    let scene = Scene::new();
    let bridge = scene.broken();
    scene.says(
        &mut with(scene.command(&["inspect"]), "CODEX_HOME", &bridge),
        1,
        str![[r#"
✗ ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241 (bridge)
  cannot log in: auth.json has no `id_token` (missing-id-token)
  chatgpt login of account …5555
  the launcher could complete its auth.json
  help: its host writes it anew: run `codex-home install`, and the launcher stands in between

"#]],
    );
    scene.says(
        &mut scene.command(&["inspect", "--json", bridge.to_str().unwrap()]),
        1,
        str![[r#"
{
  "home": "[ROOT]/home/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241",
  "kind": "bridge",
  "usable": "no",
  "reason": "missing-id-token",
  "detail": "auth.json has no `id_token`",
  "login": "chatgpt",
  "account": "…5555",
  "completable": true,
  "help": "its host writes it anew: run `codex-home install`, and the launcher stands in between"
}

"#]],
    );
}

/// A home, by its name in the person's home directory: how it is laid out; exit code, kind, usable, reason, login, account,
/// completable, and what helps.
type Inspected = (&'static str, fn(&Scene, &Path), i32, Value);

#[test]
fn inspect_knows_every_kind_of_home_and_login() {
    let rows: [Inspected; 12] = [
        (".codex", |_, _| (), 1, json!(["personal", "no", "home-missing", "none", null, false, "run `codex login`"])),
        (
            "work",
            |_, _| (),
            1,
            json!([
                "other",
                "no",
                "home-missing",
                "none",
                null,
                false,
                "run `mkdir -p ~/work && CODEX_HOME=~/work codex login`"
            ]),
        ),
        (
            ".codex",
            |_, home| fs::create_dir(home).unwrap(),
            1,
            json!(["personal", "no", "auth-missing", "none", null, false, "run `codex login`"]),
        ),
        (
            ".codex",
            |_, home| lay(home, &auth::api_key("sk-proj-canary-0123456789")),
            0,
            json!(["personal", "yes", "ok-api-key", "api-key", null, false, null]),
        ),
        (
            ".codex",
            |_, home| {
                lay(home, b"");
                fs::write(home.join("config.toml"), "cli_auth_credentials_store = \"keyring\"\n").unwrap();
            },
            3,
            json!(["personal", "unknown", "keyring-store", "keyring", null, false, null]),
        ),
        (
            ".codex",
            |_, home| {
                lay(home, &auth::bytes(&json!({"auth_mode": "personalAccessToken", "personal_access_token": "canary"})))
            },
            3,
            json!(["personal", "unknown", "other-auth", "other", null, false, null]),
        ),
        (
            ".codex",
            |_, home| lay(home, b"{"),
            1,
            json!(["personal", "no", "auth-not-json", "none", null, false, "run `codex login`"]),
        ),
        (
            ".codex",
            |_, home| {
                fs::create_dir(home).unwrap();
                fs::write(home.join("config.toml"), "a = \n").unwrap();
            },
            1,
            json!(["personal", "no", "config-invalid", "none", null, false, "correct `~/.codex/config.toml`"]),
        ),
        (
            "agent/codex-home",
            |_, home| fs::DirBuilder::new().recursive(true).create(home).unwrap(),
            1,
            json!([
                "host-login",
                "no",
                "auth-missing",
                "none",
                null,
                false,
                "nothing is to be done in it: its host logs in after the start"
            ]),
        ),
        (
            "named",
            |_, home| lay(home, &auth::issue_70511("opaque", REFRESH)),
            1,
            json!([
                "bridge",
                "no",
                "missing-id-token",
                "chatgpt",
                null,
                false,
                "its host writes it anew: run `codex-home install`, and the launcher stands in between"
            ]),
        ),
        (
            "left",
            |_, home| lay(home, &auth::healthy(OTHER_ACCOUNT, "left", REFRESH)),
            0,
            json!(["left-alone", "yes", "ok-chatgpt", "chatgpt", "…5555", false, null]),
        ),
        (
            "other",
            |_, home| lay(home, &auth::issue_70511(&tokens::access_token(ACCOUNT, "other"), REFRESH)),
            1,
            json!([
                "other",
                "no",
                "missing-id-token",
                "chatgpt",
                "…5555",
                true,
                "run `CODEX_HOME=~/other codex login`"
            ]),
        ),
    ];
    for (name, make, code, expected) in rows {
        let scene = Scene::new();
        let home = scene.world.home().join(name);
        make(&scene, &home);
        let mut command = scene.command(&["inspect", "--json"]);
        command.arg(&home).env("CODEX_HOME_SHIM_BRIDGES", "~/named").env("CODEX_HOME_SHIM_LEAVE", "~/left");
        let finished = scene.run(&mut command);
        let said: Value = serde_json::from_str(&finished.stdout).unwrap();
        let fields =
            ["kind", "usable", "reason", "login", "account", "completable", "help"].map(|field| said[field].clone());
        assert_eq!(Value::from(fields.to_vec()), expected, "{name}");
        assert_eq!((finished.code, said["home"].as_str()), (Some(code), home.to_str()), "{name}");
    }
}

fn lay(home: &Path, auth_json: &[u8]) {
    fs::create_dir_all(home).unwrap();
    fs::write(home.join("auth.json"), auth_json).unwrap();
}

#[test]
fn inspect_takes_a_relative_home_and_one_with_a_slash_behind_it() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let mut command = scene.command(&["inspect", "--json", "home/.codex/"]);
    let finished = scene.run(&mut command);
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((said["kind"].as_str(), said["home"].as_str()), (Some("personal"), scene.world.personal().to_str()));
}

#[test]
fn of_a_person_whose_home_is_not_known_that_is_said() {
    let said = serde_json::to_value(Inspection::of_personal(&Settings::default())).unwrap();
    assert_eq!((&said["home"], &said["usable"], &said["reason"]), (&Value::Null, &json!("no"), &json!("home-unknown")));
    assert_eq!(said["help"], "set `CODEX_HOME_SHIM_PERSONAL_HOME` to the home you log in with");
}

// ---- explain ----

#[test]
fn explain_tells_of_a_redirect_and_of_every_other_strategy() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let bridge = scene.broken();
    scene.says(
        &mut with(scene.command(&["explain"]), "CODEX_HOME", bridge),
        0,
        str![[r#"
asked for codex app-server
injected  ✗ ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241 (bridge)
          cannot log in: auth.json has no `id_token` (missing-id-token), account …5555
personal  ✓ ~/.codex (personal)
          can log in: it holds a ChatGPT login (ok-chatgpt), account …5555
verdict   redirect: auth.json has no `id_token` (missing-id-token)
starts    [ROOT]/bin/codex (of unknown version, found by path)
in        ~/.codex
says      using `~/.codex`: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token)

strategy  verdict   home
auto      redirect  ~/.codex                                                           in force
redirect  redirect  ~/.codex
repair    repair    ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241
observe   trust     ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241
off       trust     ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241

"#]],
    );
}

#[test]
fn explain_tells_of_a_refusal_with_its_exit_code() {
    let scene = Scene::new();
    let bridge = scene.world.lay_bridge(&auth::issue_70511("opaque-canary", REFRESH));
    scene.says(
        &mut with(scene.command(&["explain"]), "CODEX_HOME", bridge),
        78,
        str![[r#"
asked for codex app-server
injected  ✗ ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241 (bridge)
          cannot log in: auth.json has no `id_token` (missing-id-token)
personal  ✗ ~/.codex (personal)
          cannot log in: the directory does not exist (home-missing)
verdict   refuse: bridge: auth.json has no `id_token` (missing-id-token); personal: the directory does not exist (home-missing)
starts    nothing, with exit code 78
  no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token)
    personal `~/.codex`: the directory does not exist (home-missing)
    help: run `codex login`, then send the message again

strategy  verdict  home
auto      refuse   none: missing-id-token                                             in force
redirect  refuse   none: missing-id-token
repair    refuse   none: missing-id-token
observe   trust    ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241
off       trust    ~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241

"#]],
    );
}

#[test]
fn explain_as_json_keeps_its_contract() {
    let scene = Scene::new();
    scene.person(OTHER_ACCOUNT);
    let bridge = scene.broken();
    let finished = scene.run(&mut with(scene.command(&["explain", "--json"]), "CODEX_HOME", &bridge));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(said["invocation"], json!({"subcommand": "app-server", "judged": true, "codex_home": bridge}));
    assert_eq!((&said["verdict"], &said["reason"]), (&json!("repair"), &json!("missing-id-token")));
    assert_eq!(said["because"], "auth.json has no `id_token` (missing-id-token)");
    assert_eq!(said["mends"], json!([{"file": bridge.join("auth.json"), "id_token_from": "access-token"}]));
    let codex = scene.world.root().join("bin/codex");
    let launch =
        json!({"codex": codex, "codex_version": null, "found_by": "path", "codex_home": bridge, "passed_over": []});
    assert_eq!(said["launch"], launch);
    assert_eq!((&said["injected"]["kind"], &said["personal"]["kind"]), (&json!("bridge"), &json!("personal")));
    assert!(said["message"].as_str().unwrap().starts_with("completed `~/.openclaw/"), "{said}");
    let strategies: Vec<_> =
        said["strategies"].as_array().unwrap().iter().map(|s| (&s["strategy"], &s["verdict"])).collect();
    let wanted = [
        (json!("auto"), json!("repair")),
        (json!("redirect"), json!("refuse")),
        (json!("repair"), json!("repair")),
        (json!("observe"), json!("trust")),
        (json!("off"), json!("trust")),
    ];
    assert_eq!(strategies, wanted.iter().map(|(strategy, verdict)| (strategy, verdict)).collect::<Vec<_>>());
}

#[test]
fn explain_takes_the_arguments_of_the_start_and_another_home() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let bridge = scene.broken();
    for (args, subcommand, judged, verdict) in [
        (&["exec", "say --json"][..], "exec", true, "redirect"),
        (&["login"], "", false, "trust"),
        (&[], "", true, "redirect"),
        (&["-c", "cli_auth_credentials_store=\"ephemeral\"", "app-server"], "app-server", true, "trust"),
    ] {
        let mut command = scene.command(&["explain", "--json", "--home", bridge.to_str().unwrap(), "--"]);
        let finished = scene.run(command.args(args));
        let said: Value = serde_json::from_str(&finished.stdout).unwrap();
        let wanted = json!({"subcommand": subcommand, "judged": judged, "codex_home": bridge});
        assert_eq!((&said["invocation"], &said["verdict"]), (&wanted, &json!(verdict)), "{args:?}");
    }
}

#[test]
fn explain_without_a_codex_tells_the_verdict_and_that_nothing_would_start() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    fs::remove_file(scene.world.root().join("bin/codex")).unwrap();
    let mut command = with(scene.command(&["explain", "--json"]), "CODEX_HOME", scene.broken());
    // One that the settings name, for this machine may have a codex where installers put it.
    let finished = scene.run(command.env("CODEX_HOME_SHIM_CODEX", "/nowhere/at/all"));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&said["verdict"], &said["launch"], finished.code), (&json!("redirect"), &Value::Null, Some(127)));
    assert!(said["message"].as_str().unwrap().contains("there is no such file"), "{said}");
}

#[test]
fn explain_tells_of_a_repair_that_would_not_be_let_also_where_it_is_not_the_strategy_in_force() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let bridge = scene.broken();
    let aside = scene.world.root().join("aside");
    fs::rename(&bridge, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &bridge).unwrap();
    let of = |strategy: &str| {
        let mut command = with(scene.command(&["explain", "--json"]), "CODEX_HOME", &bridge);
        let finished = scene.run(command.env("CODEX_HOME_SHIM_STRATEGY", strategy));
        serde_json::from_str::<Value>(&finished.stdout).unwrap()
    };
    for strategy in ["auto", "repair"] {
        let said = of(strategy);
        let repair = said["strategies"].as_array().unwrap().iter().find(|other| other["strategy"] == "repair").cloned();
        assert_eq!(repair.unwrap()["verdict"], "refuse", "{strategy}");
    }
    assert_eq!(of("repair")["verdict"], "refuse");
}

#[test]
fn explain_foresees_that_the_interpreter_of_codex_is_not_there() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let bridge = scene.broken();
    fs::write(scene.world.root().join("bin/codex"), "#! /nowhere/sh -e\n").unwrap();
    let finished = scene.run(&mut with(scene.command(&["explain", "--json"]), "CODEX_HOME", &bridge));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((finished.code, &said["exit_code"], &said["launch"]), (Some(126), &json!(126), &Value::Null));
    let mut launcher = scene.world.launcher();
    launcher.arg("app-server").env("PATH", scene.world.root().join("bin")).env("CODEX_HOME", &bridge);
    let started = run(launcher.env("CODEX_HOME_SHIM_JOURNAL", "off"));
    assert_eq!(started.code, Some(126), "{started:?}");
    assert!(started.stderr.contains(said["message"].as_str().unwrap()), "{said} {started:?}");
}

#[test]
fn json_is_the_same_in_a_pipe_and_nothing_in_it_moves_a_cursor() {
    let scene = Scene::new();
    let home = scene.world.root().join("a\u{7f}b\u{9b}31mc\u{202e}d");
    let mut command = scene.command(&["inspect", "--json"]);
    let finished = scene.run(command.arg(&home));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(said["home"].as_str(), home.to_str());
    let finished = scene.run(command.env("CLICOLOR_FORCE", "1"));
    let moves = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!finished.stdout.contains(moves), "{:?}", finished.stdout);
    let finished = scene.run(scene.command(&["inspect"]).arg(&home));
    assert!(!finished.stdout.contains(moves), "{:?}", finished.stdout);
}

#[test]
fn explain_tells_of_a_codex_that_is_passed_over() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let open = scene.world.root().join("open");
    fs::create_dir(&open).unwrap();
    write_program(&open.join("codex"));
    fs::set_permissions(open.join("codex"), fs::Permissions::from_mode(0o757)).unwrap();
    let path = std::env::join_paths([open.clone(), scene.world.root().join("bin")]).unwrap();
    let finished = scene.run(&mut with(scene.command(&["explain", "--json"]), "PATH", &path));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    let wanted = format!("`{}`: anybody may write to that file", open.join("codex").display());
    assert_eq!(said["launch"]["passed_over"], json!([wanted]), "{said:#}");
    let finished = scene.run(&mut with(scene.command(&["explain"]), "PATH", &path));
    assert!(finished.stdout.contains(&format!("passed over {wanted}")), "{}", finished.stdout);
    let finished = scene.run(&mut with(scene.command(&["doctor"]), "PATH", &path));
    assert!(finished.stdout.contains(&format!("! another codex is passed over: {wanted}")), "{}", finished.stdout);
}

#[test]
fn explain_with_wrong_settings_refuses_as_the_launcher_does() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let file = scene.settings("strategie = \"off\"\n");
    let mut command = with(scene.command(&["explain", "--json"]), "CODEX_HOME", scene.broken());
    let finished = scene.run(command.env("CODEX_HOME_SHIM_CONFIG", file));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (&said["verdict"], &said["reason"], finished.code),
        (&json!("refuse"), &json!("setting-invalid"), Some(78))
    );
}

#[test]
fn explain_tells_which_setting_would_redirect_the_home_of_another_host_and_what_it_risks() {
    for (home, words) in [
        (".openclaw/acpx/codex-home", "an ACP adapter logs out unasked"),
        (".paperclip/companies/one/codex-home", "kept apart on purpose"),
        (".openclaw/agents/main/agent/codex-home", "an API key would be written over your own login"),
        (".codex-coding-agent", "a login of its own"),
        ("autorunner/work/codex_home", "kept apart on purpose"),
        ("elsewhere", "may have meant another account"),
    ] {
        let scene = Scene::new();
        scene.person(ACCOUNT);
        let home = scene.world.home().join(home);
        fs::create_dir_all(&home).unwrap();
        let finished = scene.run(&mut with(scene.command(&["explain"]), "CODEX_HOME", &home));
        let setting = format!("`bridges = [\"~/{}\"]`", home.strip_prefix(scene.world.home()).unwrap().display());
        assert!(finished.stdout.contains(&setting) && finished.stdout.contains(words), "{}", finished.stdout);
        assert!(finished.stdout.contains("verdict   trust"), "{}", finished.stdout);
    }
}

/// What is said of each home that a release lays: its path below the state directory, kind, usable, reason, and what the launcher
/// would do with and without a personal login.
type Laid = (&'static str, &'static str, &'static str, &'static str, [&'static str; 2]);

#[test]
fn every_home_of_every_release_is_known_for_what_it_is() {
    let bridge = ["bridge", "no", "missing-id-token"];
    let host_login = ["host-login", "no", "auth-missing"];
    let row =
        |path, [kind, usable, reason]: [&'static str; 3], verdicts| -> Laid { (path, kind, usable, reason, verdicts) };
    let main = "agents/main/agent/codex-home";
    let acpx = "acpx/codex-home";
    let later = || vec![row(acpx, host_login, ["trust", "trust"]), row(main, host_login, ["trust", "trust"])];
    for release in Release::ALL {
        let expected = match release {
            Release::April => vec![
                row("agents/main/agent/cli-auth/codex/5d41402abc4b2a76", bridge, ["redirect", "repair"]),
                row("agents/main/agent/harness-auth/codex/06bfb5171eff0241", bridge, ["redirect", "repair"]),
            ],
            Release::May | Release::July | Release::August | Release::September => later(),
        };
        let scene = Scene::new();
        let openclaw = OpenClaw::lay(&scene.world, release);
        let homes: Vec<_> = expected.iter().map(|row| openclaw.state.join(row.0)).collect();
        assert_eq!(openclaw.homes, homes, "{release:?}: nothing is left out");
        for is_logged_in in [false, true] {
            if is_logged_in {
                scene.person(ACCOUNT);
            }
            for (path, kind, usable, reason, [with_login, without]) in &expected {
                let home = openclaw.state.join(path);
                let finished = scene.run(scene.command(&["inspect", "--json"]).arg(&home));
                let said: Value = serde_json::from_str(&finished.stdout).unwrap();
                assert_eq!(
                    (&said["kind"], &said["usable"], &said["reason"]),
                    (&json!(kind), &json!(usable), &json!(reason))
                );
                assert_eq!(finished.code, Some(1), "{release:?} {path}");
                let mut command = with(scene.command(&["explain", "--json", "--"]), "CODEX_HOME", &home);
                if release == Release::May {
                    // What 2026.5.2 to 2026.5.7 set too: the person's home is then the user database's.
                    command.env("HOME", home.join("home")).env("CODEX_HOME_SHIM_PERSONAL_HOME", scene.world.personal());
                }
                let finished = scene.run(command.args(release.args()));
                let said: Value = serde_json::from_str(&finished.stdout).unwrap();
                let verdict = if is_logged_in { with_login } else { without };
                assert_eq!(said["verdict"], *verdict, "{release:?} {path}: {said:#}");
                let used = if *verdict == "redirect" { scene.world.personal() } else { home };
                assert_eq!(said["launch"]["codex_home"], json!(used), "{release:?} {path}");
            }
        }
    }
}

// ---- log ----

const STARTS: &str = r#"{"time":"2026-11-22T12:00:00.000001Z","pid":1,"version":"0.1.0","subcommand":"app-server","kind":"bridge","home":"/bridge","verdict":"redirect","reason":"missing-id-token","effective_home":"/personal","codex":"/bin/codex","took_us":500}
not a line of ours
{"time":"2026-11-22T12:00:01.000001Z","pid":2,"version":"0.1.0","subcommand":"","kind":"personal","verdict":"trust","reason":"personal-home","effective_home":"/personal","codex":"/bin/codex","took_us":400}
{"time":"2026-11-22T12:00:02.000001Z","pid":3,"version":"0.1.0","subcommand":"exec","kind":"bridge","home":"/bridge","verdict":"refuse","reason":"missing-id-token","took_us":400,"error":"missing-id-token: no usable Codex home"}
"#;

#[test]
fn log_shows_the_starts_as_a_table() {
    let scene = Scene::new();
    fs::write(scene.journal(), STARTS).unwrap();
    scene.says(
        &mut scene.command(&["log"]),
        0,
        str![[r#"
when                 start       verdict   reason            home        then
2026-11-22 12:00:00  app-server  redirect  missing-id-token  /bridge     used /personal
2026-11-22 12:00:01  codex       trust     personal-home     none given  used /personal
2026-11-22 12:00:02  exec        refuse    missing-id-token  /bridge     no usable Codex home

"#]],
    );
    scene.says(
        &mut scene.command(&["log", "-n", "1"]),
        0,
        str![[r#"
when                 start  verdict  reason            home     then
2026-11-22 12:00:02  exec   refuse   missing-id-token  /bridge  no usable Codex home

"#]],
    );
}

#[test]
fn log_as_json_is_the_lines_as_they_are_and_reaches_into_the_older_journal() {
    let scene = Scene::new();
    let lines: Vec<_> = STARTS.lines().collect();
    fs::write(scene.world.root().join("journal.1.jsonl"), format!("{}\n{}\n", lines[0], lines[2])).unwrap();
    // The last one is half written.
    fs::write(scene.journal(), format!("{}\n{}", lines[3], &lines[0][..40])).unwrap();
    let finished = scene.run(&mut scene.command(&["log", "--json"]));
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), [lines[0], lines[2], lines[3]]);
    let finished = scene.run(&mut scene.command(&["log", "--json", "-n", "2"]));
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), [lines[2], lines[3]]);
    let finished = scene.run(&mut scene.command(&["log", "--json", "-n", "0"]));
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
}

#[test]
fn log_without_a_journal_says_so() {
    let scene = Scene::new();
    scene.complains(
        &mut scene.command(&["log"]),
        0,
        str![[r#"
codex-home: no start was noted down yet in `[ROOT]/journal.jsonl`

"#]],
    );
    scene.complains(
        &mut with(scene.command(&["log"]), "CODEX_HOME_SHIM_JOURNAL", "off"),
        1,
        str![[r#"
codex-home: no starts are noted down: the settings say so
  help: set `journal = true`

"#]],
    );
}

#[test]
fn log_never_waits_for_a_journal_that_is_no_file() {
    let scene = Scene::new();
    nix::unistd::mkfifo(&scene.journal(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let finished = scene.run(&mut scene.command(&["log"]));
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn log_shows_nothing_but_starts_and_reads_no_more_than_the_end() {
    let scene = Scene::new();
    let lines: Vec<_> = STARTS.lines().collect();
    let journal = format!("{}\n\u{1b}]0;title\u{7}\n[]\n{}\n", lines[0], lines[2]);
    fs::write(scene.journal(), journal).unwrap();
    let finished = scene.run(&mut scene.command(&["log", "--json", "-n", "2"]));
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), [lines[0], lines[2]]);
    // Larger than the memory of anybody, and all of it in front.
    let mut file = File::create(scene.journal()).unwrap();
    file.set_len(1 << 40).unwrap();
    file.seek(std::io::SeekFrom::End(0)).unwrap();
    writeln!(file, "\n{}", lines[3]).unwrap();
    let finished = run(&mut scene.command(&["log", "--json"]));
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), [lines[3]], "{finished:?}");
}

#[test]
fn log_follows_what_was_written_just_before_the_journal_was_set_aside() {
    let scene = Scene::new();
    let lines: Vec<_> = STARTS.lines().collect();
    fs::write(scene.journal(), format!("{}\n", lines[0])).unwrap();
    let mut child =
        scene.command(&["log", "--follow", "--json"]).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some(lines[0]));
    let mut journal = File::options().append(true).open(scene.journal()).unwrap();
    writeln!(journal, "{}", lines[2]).unwrap();
    fs::rename(scene.journal(), scene.world.root().join("journal.1.jsonl")).unwrap();
    fs::write(scene.journal(), format!("{}\n", lines[3])).unwrap();
    assert_eq!((said.next().as_deref(), said.next().as_deref()), (Some(lines[2]), Some(lines[3])));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn log_follows_a_journal_that_grows_and_is_set_aside() {
    let scene = Scene::new();
    let lines: Vec<_> = STARTS.lines().collect();
    fs::write(scene.journal(), format!("{}\n", lines[0])).unwrap();
    let mut child =
        scene.command(&["log", "--follow", "--json"]).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some(lines[0]));
    let mut journal = File::options().append(true).open(scene.journal()).unwrap();
    // In two pieces: half a line is none.
    journal.write_all(&lines[2].as_bytes()[..10]).unwrap();
    journal.write_all(&lines[2].as_bytes()[10..]).unwrap();
    journal.write_all(b"\n").unwrap();
    assert_eq!(said.next().as_deref(), Some(lines[2]));
    fs::rename(scene.journal(), scene.world.root().join("journal.jsonl.1")).unwrap();
    fs::write(scene.journal(), format!("{}\n", lines[3])).unwrap();
    assert_eq!(said.next().as_deref(), Some(lines[3]));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn who_has_read_enough_may_go() {
    let scene = Scene::new();
    fs::write(scene.journal(), STARTS.repeat(2000)).unwrap();
    let mut child =
        scene.command(&["log", "-n", "5000", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}

// ---- config ----

#[test]
fn config_shows_what_is_in_force_and_where_it_comes_from() {
    let scene = Scene::new();
    let file = scene.settings("strategy = \"repair\"\nleave = [\"~/work\", \"/srv/*\"]\n");
    let mut command = with(scene.command(&["config"]), "CODEX_HOME_SHIM_CONFIG", &file);
    scene.says(
        command.env("CODEX_HOME_SHIM_NPM_NATIVE", "0").env("CODEX_HOME_SHIM_JOURNAL", "off"),
        0,
        str![[r#"
key            value           from
codex          none            default
personal_home  ~/.codex        default
strategy       repair          [ROOT]/settings/config.toml:1
bridges        none            default
leave          ~/work, /srv/*  [ROOT]/settings/config.toml:2
npm_native     false           CODEX_HOME_SHIM_NPM_NATIVE
journal        false           CODEX_HOME_SHIM_JOURNAL

"#]],
    );
    let finished =
        scene.run(with(scene.command(&["config", "show", "--json"]), "CODEX_HOME_SHIM_CONFIG", &file).env("X", ""));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(said["file"].as_str(), file.to_str());
    let wanted = json!({"value": "repair", "source": "file", "line": 1, "variable": "CODEX_HOME_SHIM_STRATEGY"});
    assert_eq!(said["settings"]["strategy"], wanted);
    let home = scene.world.home();
    assert_eq!(said["settings"]["leave"]["value"], json!([home.join("work"), "/srv/*"]), "full paths for programs");
    assert_eq!(said["settings"]["journal"]["source"], "environment");
}

#[test]
fn config_path_is_where_the_file_is_whether_it_is_there_or_not() {
    let scene = Scene::new();
    let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    let path = scene.world.home().join(below).join("codex-home-shim/config.toml");
    scene.says(
        &mut scene.command(&["config", "path"]),
        0,
        format!("[ROOT]/{}\n", path.strip_prefix(scene.world.root()).unwrap().display()),
    );
    let named = with(scene.command(&["config", "path", "--json"]), "CODEX_HOME_SHIM_CONFIG", "~/mine.toml");
    let finished = scene.run(&mut { named });
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(said, json!({"file": scene.world.home().join("mine.toml")}));
}

#[test]
fn config_check_finds_everything_that_is_wrong() {
    let scene = Scene::new();
    let file = scene.settings("strategie = \"repair\"\njournal = 7\n");
    scene.says(
        &mut with(scene.command(&["config", "check"]), "CODEX_HOME_SHIM_CONFIG", &file),
        78,
        str![[r#"
✗ `[ROOT]/settings/config.toml`, line 1, column 1: `strategie` is no setting; the nearest is `strategy`
  help: correct that line, then run `codex-home config check`
✗ `[ROOT]/settings/config.toml`, line 2, column 11: `journal` is a number, not `true`, `false` or a path
  help: correct that line, then run `codex-home config check`

"#]],
    );
    let deep = scene.settings(&format!("bridges = {}\n", "[".repeat(30_000)));
    let finished = scene.run(&mut with(scene.command(&["config", "check"]), "CODEX_HOME_SHIM_CONFIG", &deep));
    assert_eq!(finished.stdout.lines().count(), 4, "the same is said once: {}", finished.stdout);
    scene.settings("strategie = \"repair\"\njournal = 7\n");
    let finished = scene.run(&mut with(scene.command(&["config", "check", "--json"]), "CODEX_HOME_SHIM_CONFIG", &file));
    let said: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&said["right"], said["problems"].as_array().unwrap().len()), (&json!(false), 2));
    scene.says(
        &mut with(scene.command(&["config", "check"]), "CODEX_HOME_SHIM_CONFIG", scene.settings("")),
        0,
        str![[r#"
✓ the settings are right

"#]],
    );
}

#[test]
fn a_settings_file_that_is_a_link_to_where_others_may_put_another_is_refused() {
    let scene = Scene::new();
    let file = scene.settings("strategy = \"repair\"\n");
    let elsewhere = scene.world.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&file, elsewhere.join("config.toml")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("config.toml"), &file).unwrap();
    for (mode, code) in [(0o755, 0), (0o1777, 0), (0o775, 78), (0o777, 78)] {
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(mode)).unwrap();
        let finished = scene.run(&mut with(scene.command(&["config", "check"]), "CODEX_HOME_SHIM_CONFIG", &file));
        assert_eq!(finished.code, Some(code), "{mode:o}: {finished:?}");
        assert!(code == 0 || finished.stdout.contains("a link into a directory that others may write"), "{finished:?}");
    }
}

#[test]
fn every_command_but_config_and_explain_stops_at_wrong_settings_as_the_launcher_does() {
    let scene = Scene::new();
    for args in [&["inspect"][..], &["log"]] {
        let finished = scene.run(&mut with(scene.command(args), "CODEX_HOME_SHIM_STRATEGY", "always"));
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(78), ""), "{args:?}");
        assert!(finished.stderr.starts_with("codex-home: `CODEX_HOME_SHIM_STRATEGY` is `always`"), "{finished:?}");
    }
}

// ---- All of them ----

#[test]
fn every_command_has_help_and_a_wrong_one_is_2() {
    let scene = Scene::new();
    for command in ["inspect", "explain", "log", "config", "completions"] {
        for help in ["--help", "-h"] {
            let finished = scene.run(&mut scene.command(&[command, help]));
            assert_eq!(finished.code, Some(0));
            assert!(finished.stdout.contains(&format!("Usage: codex-home {command}")), "{}", finished.stdout);
        }
    }
    for args in [&["inspekt"][..], &["log", "-n", "many"], &["explain", "exec"], &[]] {
        let finished = scene.run(&mut scene.command(args));
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{args:?}");
    }
}

#[test]
fn completions_are_there_for_every_shell_and_read_by_bash() {
    let scene = Scene::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let finished = scene.run(&mut scene.command(&["completions", shell]));
        assert!(finished.code == Some(0) && finished.stdout.contains("codex-home"), "{shell}: {finished:?}");
        if shell == "bash" {
            let script = scene.world.root().join("completions");
            fs::write(&script, &finished.stdout).unwrap();
            if Path::new("/bin/bash").exists() {
                let read = run(scene.world.command("/bin/bash").arg("-n").arg(&script));
                assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""));
            }
        }
    }
}

/// What a command says in a terminal of so many columns.
fn in_a_terminal(mut command: Command, columns: u16) -> String {
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(terminal.slave.try_clone().unwrap())
        .stderr(terminal.slave)
        .spawn()
        .unwrap();
    // Its copies of the other end close with it.
    drop(command);
    let mut said = Vec::new();
    // A terminal whose other end is closed is an error on Linux and an end on macOS.
    let _ = File::from(terminal.master).read_to_end(&mut said);
    child.wait().unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn there_is_colour_in_a_terminal_and_none_in_a_pipe_unless_somebody_asks() {
    let scene = Scene::new();
    scene.person(ACCOUNT);
    let command = || with(scene.command(&["inspect"]), "TERM", "xterm-256color");
    assert!(in_a_terminal(command(), 100).contains("\u{1b}["));
    assert!(!in_a_terminal(with(command(), "NO_COLOR", "1"), 100).contains('\u{1b}'));
    assert!(!in_a_terminal(with(command(), "TERM", "dumb"), 100).contains('\u{1b}'));
    assert!(!scene.run(&mut command()).stdout.contains('\u{1b}'));
    assert!(scene.run(&mut with(command(), "CLICOLOR_FORCE", "1")).stdout.contains("\u{1b}["));
}

#[test]
fn a_table_keeps_to_the_width_of_the_terminal_and_in_a_pipe_a_line_is_a_row() {
    let scene = Scene::new();
    let long = "x".repeat(300);
    fs::write(scene.journal(), STARTS.replace("/bridge", &format!("/{long}"))).unwrap();
    for line in in_a_terminal(scene.command(&["log"]), 80).lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
    assert_eq!(scene.run(&mut scene.command(&["log"])).stdout.lines().count(), 4);
}

#[test]
fn what_somebody_else_chose_cannot_move_the_cursor() {
    let scene = Scene::new();
    let home = scene.world.home().join("a\u{1b}[2J\nb");
    fs::create_dir(&home).unwrap();
    let finished = scene.run(&mut with(scene.command(&["inspect"]), "CODEX_HOME", &home));
    assert!(finished.stdout.contains("a\\u{1b}[2J\\nb") && !finished.stdout.contains('\u{1b}'), "{finished:?}");
    let evil = STARTS.replace("app-server", "a\\u001b[2Jb").replace("/bridge", "/c\\u001b[2Jd");
    fs::write(scene.journal(), evil).unwrap();
    let finished = scene.run(&mut scene.command(&["log"]));
    assert!(!finished.stdout.contains('\u{1b}'), "{finished:?}");
}
