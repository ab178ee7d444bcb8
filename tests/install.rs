//! `codex-home install` and `uninstall`, from outside: against a stand-in for `openclaw`, and against the real one where npm
//! can bring it.
//!
//! The stand-in is this test program behind a script named `openclaw`. Where npm cannot bring the real OpenClaw its sentences are
//! ignored, with the reason in front of each. A non-empty `CODEX_HOME_SHIM_REQUIRE_CODEX` makes that a failure instead.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the program's rooms are not the tests'"
)]

mod support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use support::openclaw::{OpenClaw, Release, lay_package};
use support::{
    Content, Entry, Finished, Outcome as _, Tried, World, forking, npm, run, run_within, snapshot, write_executable,
};

const KEY: &str = "plugins.entries.codex.config.appServer.command";
/// Where the stand-in writes down how it was called; whoever has this variable is the stand-in.
const CALLS: &str = "STAND_IN_CALLS";
/// `fail`: exit 1 and change nothing; `lie`: change nothing and say nothing of it; `wait`: until somebody ends it.
const MOOD: &str = "STAND_IN_MOOD";
/// OpenClaw with its dependencies takes ten seconds a command, on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(240);

/// A world with an OpenClaw in it.
struct Clinic {
    world: World,
    openclaw: OpenClaw,
}

impl Clinic {
    /// With the stand-in for its command.
    fn new(release: Release) -> Clinic {
        let clinic = Clinic::without_command(release);
        let command = clinic.openclaw.package.join("openclaw.mjs");
        let own = env::current_exe().unwrap();
        write_executable(&command, &format!("#!/bin/sh\nexec '{}' \"$@\"\n", own.display()));
        clinic
    }

    /// With a command that fails.
    fn without_command(release: Release) -> Clinic {
        let world = World::new();
        let openclaw = OpenClaw::lay(&world, release);
        Clinic { world, openclaw }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_codex-home"));
        command.args(words).env("PATH", self.openclaw.path()).env(CALLS, self.calls_file());
        command
    }

    fn run(&self, words: &[&str]) -> Finished {
        run(&mut self.command(words))
    }

    fn calls_file(&self) -> PathBuf {
        self.world.root().join("calls")
    }

    /// How the stand-in was called, a line a call; forgotten then.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.calls_file()).unwrap_or_default();
        let _ = fs::remove_file(self.calls_file());
        calls.lines().map(str::to_owned).collect()
    }

    fn config(&self) -> PathBuf {
        self.openclaw.state.join("openclaw.json")
    }

    /// `appServer` as it is configured.
    fn app_server(&self) -> Value {
        let text = fs::read_to_string(self.config()).unwrap();
        let value: Value = json5::from_str(&text).unwrap();
        value["plugins"]["entries"]["codex"]["config"]["appServer"].clone()
    }

    fn receipt(&self) -> PathBuf {
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
        self.world.home().join(below).join("codex-home-shim/install.json")
    }

    /// What was changed or made in the world since `before`, the directories on the way left out.
    fn changed(&self, before: &BTreeMap<PathBuf, Entry>) -> Vec<PathBuf> {
        let after = snapshot(self.world.root());
        let gone = before.keys().filter(|path| !after.contains_key(*path)).cloned();
        let new = after
            .iter()
            .filter(|(path, entry)| before.get(*path) != Some(entry) && entry.content != Content::Directory);
        let mut changed: Vec<_> = new.map(|(path, _)| path.clone()).chain(gone).collect();
        changed.retain(|path| *path != Path::new("calls"));
        changed.iter().map(|path| self.world.root().join(path)).collect()
    }
}

/// The launcher beside the program that is tested.
fn launcher() -> String {
    fs::canonicalize(env!("CARGO_BIN_EXE_codex-home-shim")).unwrap().to_str().unwrap().to_owned()
}

fn wrapper() -> Value {
    json!({"command": "/opt/wrapper", "args": ["-c", "model=\"x\"", "app-server"]})
}

fn install_and_uninstall_put_a_value_back_exactly() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    let before = snapshot(clinic.world.root());

    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let expected = format!(
        "Updated {KEY}. Restart the gateway to apply.\ninstalled: `{KEY}` is `{}`; it was `/opt/wrapper`\nrestart the gateway \
         for it: run `openclaw gateway restart`\n",
        launcher()
    );
    assert_eq!(said.stdout, expected);
    assert_eq!(clinic.calls(), [format!("config set {KEY} {}", launcher())]);
    assert_eq!(clinic.app_server(), json!({"command": launcher(), "args": wrapper()["args"]}));
    assert_eq!(clinic.changed(&before), [clinic.receipt(), clinic.config()]);
    let receipt = support::entry(&clinic.receipt()).unwrap();
    assert_eq!((receipt.mode, receipt.nlink), (0o600, 1));

    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(clinic.calls(), [format!("config set {KEY} /opt/wrapper")]);
    assert_eq!(clinic.app_server(), wrapper());
    assert!(!clinic.receipt().exists(), "what was kept was for this");
}

fn a_value_that_was_absent_is_absent_again() {
    for laid in [Some(json!({"args": ["app-server"]})), None] {
        let clinic = Clinic::new(Release::April);
        if let Some(app_server) = &laid {
            clinic.openclaw.configure_app_server(app_server);
        }
        assert_eq!(clinic.run(&["install"]).code, Some(0));
        assert_eq!(clinic.app_server()["command"], json!(launcher()));
        clinic.calls();
        let said = clinic.run(&["uninstall"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(clinic.calls(), [format!("config unset {KEY}")]);
        assert_eq!(clinic.app_server(), laid.unwrap_or_else(|| json!({})));
    }
}

fn whatever_the_value_was_it_is_put_back_to_the_letter() {
    // OpenClaw reads a value as JSON5 where it can.
    for value in [
        "codex",
        "12",
        "true",
        "null",
        "\"quoted\"",
        " /opt/with spaces ",
        "${HOME}/bin/codex",
        "it's",
        "{}",
        "-x",
        "~/bin/codex",
        "",
    ] {
        let clinic = Clinic::new(Release::April);
        clinic.openclaw.configure_app_server(&json!({"command": value}));
        assert_eq!(clinic.run(&["install"]).code, Some(0), "{value}");
        let said = clinic.run(&["uninstall"]);
        assert_eq!(said.code, Some(0), "{value}: {said:?}");
        assert_eq!(clinic.app_server()["command"], json!(value));
    }
}

fn what_is_installed_already_is_not_installed_again() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&json!({"command": launcher()}));
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("already installed: "), "{}", said.stdout);
    assert_eq!(snapshot(clinic.world.root()), before, "nothing was changed, and nothing run");
}

fn a_dry_run_prints_the_commands_and_does_nothing() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&json!({"command": "/opt/a wrapper"}));
    let openclaw = clinic.openclaw.bin.join("openclaw");
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["install", "--dry-run"]);
    assert_eq!(
        (said.code, said.stdout),
        (Some(0), format!("{} config set {KEY} {}\n", openclaw.display(), launcher()))
    );
    assert_eq!(snapshot(clinic.world.root()), before);

    assert_eq!(clinic.run(&["install"]).code, Some(0));
    clinic.calls();
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["uninstall", "--dry-run"]);
    assert_eq!(
        (said.code, said.stdout),
        (Some(0), format!("{} config set {KEY} '/opt/a wrapper'\n", openclaw.display()))
    );
    assert_eq!(snapshot(clinic.world.root()), before);
    // A shell that it is pasted into makes of it what it was.
    for (value, word) in [("~/bin/codex", "'~/bin/codex'"), ("", "'\"\"'"), ("-x", "'\"-x\"'")] {
        let receipt = json!({"installs": [{"config": clinic.config(), "installed": launcher(), "previous": value}]});
        fs::write(clinic.receipt(), receipt.to_string()).unwrap();
        let said = clinic.run(&["uninstall", "--dry-run"]);
        assert_eq!(said.stdout, format!("{} config set {KEY} {word}\n", openclaw.display()));
    }
}

fn where_openclaw_has_a_better_way_it_is_named_and_only_force_installs() {
    let rows = [
        ("2026.6.35", None),
        ("2026.7.1-beta.1", Some("homeScope user")),
        ("2026.7.1", Some("homeScope user")),
        ("2026.7.2-beta.2", Some("update OpenClaw")),
        ("2026.8.1-beta.3", Some("openclaw models auth login --provider openai")),
        ("2026.9.6", Some("openclaw migrate apply codex --from ~/.codex")),
    ];
    for (version, way) in rows {
        let clinic = Clinic::new(Release::April);
        // The stand-in stays what it is.
        let command = clinic.openclaw.package.join("openclaw.mjs");
        let aside = clinic.world.root().join("aside");
        fs::rename(&command, &aside).unwrap();
        lay_package(&clinic.openclaw.package, version);
        fs::rename(&aside, &command).unwrap();
        let said = clinic.run(&["install"]);
        let Some(way) = way else {
            assert_eq!(said.code, Some(0), "{version}: {said:?}");
            continue;
        };
        assert_eq!(said.code, Some(1), "{version}: {said:?}");
        assert!(said.stderr.contains(way) && said.stderr.contains("--force"), "{version}: {}", said.stderr);
        assert!(clinic.calls().is_empty(), "{version}: nothing was run");
        assert!(!clinic.receipt().exists());
        assert_eq!(clinic.run(&["install", "--force"]).code, Some(0), "{version}");
        assert_eq!(clinic.app_server()["command"], json!(launcher()));
    }
}

fn without_an_openclaw_command_the_snippet_is_printed() -> Tried {
    let clinic = Clinic::without_command(Release::April);
    fs::remove_file(clinic.openclaw.bin.join("openclaw")).unwrap();
    if ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/home/linuxbrew/.linuxbrew/bin"]
        .iter()
        .any(|bin| Path::new(bin).join("openclaw").exists())
    {
        return Err("this machine has an `openclaw` in a system directory".into());
    }
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let value: Value = json5::from_str(&said.stdout).unwrap();
    assert_eq!(value, json!({"plugins": {"entries": {"codex": {"config": {"appServer": {"command": launcher()}}}}}}));
    assert!(said.stderr.contains("~/.openclaw/openclaw.json"), "{}", said.stderr);
    assert_eq!(snapshot(clinic.world.root()), before);

    clinic.openclaw.configure_app_server(&json!({"command": launcher()}));
    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.stdout.contains(&format!("remove `{KEY}`")), "{}", said.stdout);
    Ok(())
}

fn what_somebody_else_has_set_since_is_left_alone() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    clinic.openclaw.configure_app_server(&json!({"command": "/opt/theirs"}));
    clinic.calls();
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("`/opt/theirs`"), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("openclaw config set {KEY} /opt/wrapper")), "{}", said.stderr);
    assert_eq!(snapshot(clinic.world.root()), before);
    // The next install starts from what is there now.
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    assert_eq!(clinic.run(&["uninstall"]).code, Some(0));
    assert_eq!(clinic.app_server()["command"], "/opt/theirs");
}

fn what_is_not_installed_is_not_uninstalled() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("not installed: "), "{}", said.stdout);
    assert_eq!(snapshot(clinic.world.root()), before);
}

fn what_was_set_by_hand_is_taken_away() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&json!({"command": launcher()}));
    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("no earlier value was noted down"), "{}", said.stderr);
    assert_eq!(clinic.calls(), [format!("config unset {KEY}")]);
}

fn where_openclaw_does_not_take_it_nothing_is_kept() {
    for (mood, words) in [("fail", "failed with exit code 1"), ("lie", "is not what it was told")] {
        let clinic = Clinic::new(Release::April);
        clinic.openclaw.configure_app_server(&wrapper());
        let before = snapshot(clinic.world.root());
        let said = run(clinic.command(&["install"]).env(MOOD, mood));
        assert_eq!(said.code, Some(1), "{mood}: {said:?}");
        assert!(said.stderr.contains(words), "{mood}: {}", said.stderr);
        assert!(clinic.changed(&before).is_empty(), "{mood}: {:?}", clinic.changed(&before));
    }
}

fn whoever_is_interrupted_can_still_put_it_back() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    let mut install = clinic.command(&["install"]);
    install.env(MOOD, "wait").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = {
        let _alone = forking();
        install.spawn().unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while clinic.calls_file().metadata().map_or(0, |calls| calls.len()) == 0 {
        assert!(Instant::now() < deadline, "the stand-in is not called");
        thread::sleep(Duration::from_millis(5));
    }
    // The stand-in has set it, and has not said so.
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    assert_eq!(clinic.app_server()["command"], json!(launcher()));
    clinic.calls();
    assert_eq!(clinic.run(&["uninstall"]).code, Some(0));
    assert_eq!(clinic.app_server(), wrapper());
}

/// Two configuration files, and OpenClaw takes its time over one of them.
fn what_is_kept_for_another_configuration_in_the_meantime_stays() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    clinic.calls();
    let mut uninstall = clinic.command(&["uninstall"]);
    uninstall.env(MOOD, "wait").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = {
        let _alone = forking();
        uninstall.spawn().unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while clinic.calls_file().metadata().map_or(0, |calls| calls.len()) == 0 {
        assert!(Instant::now() < deadline, "the stand-in is not called");
        thread::sleep(Duration::from_millis(5));
    }
    let other = json!({"config": "/other/openclaw.json", "installed": "/launcher", "previous": "/before"});
    let ours = fs::read_to_string(clinic.receipt()).unwrap();
    let mut receipts: Value = serde_json::from_str(&ours).unwrap();
    receipts["installs"].as_array_mut().unwrap().push(other.clone());
    fs::write(clinic.receipt(), receipts.to_string()).unwrap();
    assert!(child.wait().unwrap().success());
    let kept: Value = serde_json::from_str(&fs::read_to_string(clinic.receipt()).unwrap()).unwrap();
    assert_eq!(kept["installs"], json!([other]));
}

fn what_openclaw_leaves_behind_may_talk_on() {
    let clinic = Clinic::new(Release::April);
    let own = env::current_exe().unwrap();
    let script = format!("#!/bin/sh\nwhile echo more; do sleep 0.01; done &\nexec '{}' \"$@\"\n", own.display());
    write_executable(&clinic.openclaw.package.join("openclaw.mjs"), &script);
    let mut install = clinic.command(&["install"]);
    let said = run_within(&mut install, Duration::from_secs(60)).unwrap();
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("\ninstalled: "), "{}", said.stderr);
}

fn a_receipt_that_others_may_write_is_not_followed() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    clinic.calls();
    fs::set_permissions(clinic.receipt(), fs::Permissions::from_mode(0o666)).unwrap();
    let said = clinic.run(&["uninstall"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("others may write it"), "{}", said.stderr);
    assert!(clinic.calls().is_empty(), "nothing was run");
}

fn a_name_is_not_taken_for_the_launcher_that_lies_where_one_stands() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&json!({"command": "codex-home-shim"}));
    let directory = Path::new(env!("CARGO_BIN_EXE_codex-home")).parent().unwrap();
    let said = run(clinic.command(&["uninstall", "--dry-run"]).current_dir(directory));
    assert!(said.stdout.starts_with("not installed: "), "{said:?}");
    let said = run(clinic.command(&["install"]).current_dir(directory));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(clinic.app_server()["command"], json!(launcher()));
}

/// `sudo codex-home install` would leave files behind that their owner cannot change.
fn nothing_is_written_among_the_files_of_another_user() -> Tried {
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can give files to somebody else".into());
    }
    const NOBODY: Option<u32> = Some(65534);
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    std::os::unix::fs::chown(clinic.config(), NOBODY, NOBODY).unwrap();
    let before = snapshot(clinic.world.root());
    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("among the files of another user"), "{}", said.stderr);
    assert_eq!(snapshot(clinic.world.root()), before);
    // A container may be like that. Whoever installed it may take it back.
    assert_eq!(clinic.run(&["install", "--force"]).code, Some(0));
    assert_eq!(clinic.run(&["uninstall"]).code, Some(0));
    assert_eq!(clinic.app_server(), wrapper());
    Ok(())
}

fn an_upgrade_keeps_the_value_from_before_the_first_install() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure_app_server(&wrapper());
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    // The launcher was elsewhere then, and is gone from there.
    let receipt = fs::read_to_string(clinic.receipt()).unwrap();
    fs::write(clinic.receipt(), receipt.replace(&launcher(), "/old/place/codex-home-shim")).unwrap();
    clinic.openclaw.configure_app_server(&json!({"command": "/old/place/codex-home-shim", "args": wrapper()["args"]}));
    assert_eq!(clinic.run(&["install"]).code, Some(0));
    assert_eq!(clinic.app_server()["command"], json!(launcher()));
    assert_eq!(clinic.run(&["uninstall"]).code, Some(0));
    assert_eq!(clinic.app_server(), wrapper());
}

fn the_path_of_a_keg_is_replaced_by_the_one_that_lasts() {
    let clinic = Clinic::new(Release::April);
    let brew = clinic.world.root().join("brew");
    let keg = brew.join("Cellar/codex-home-shim/0.1.0/bin");
    fs::create_dir_all(&keg).unwrap();
    fs::create_dir_all(brew.join("opt")).unwrap();
    symlink("../Cellar/codex-home-shim/0.1.0", brew.join("opt/codex-home-shim")).unwrap();
    for program in ["codex-home", "codex-home-shim"] {
        let built = Path::new(env!("CARGO_BIN_EXE_codex-home")).with_file_name(program);
        if fs::hard_link(&built, keg.join(program)).is_err() {
            fs::copy(&built, keg.join(program)).unwrap();
        }
    }
    // As an earlier version may have set it, and as somebody may have typed it.
    clinic.openclaw.configure_app_server(&json!({"command": keg.join("codex-home-shim")}));
    let mut install = clinic.world.command(keg.join("codex-home"));
    install.arg("install").env("PATH", clinic.openclaw.path()).env(CALLS, clinic.calls_file());
    let said = run(&mut install);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(clinic.app_server()["command"], json!(brew.join("opt/codex-home-shim/bin/codex-home-shim")));
    assert!(run(&mut install).stdout.starts_with("already installed"));
}

fn a_file_that_takes_in_others_is_not_flattened() {
    for (config, force, code) in [
        ("{ plugins: { $include: './plugins.json5' } }", false, 1),
        ("{ plugins: { $include: './plugins.json5' } }", true, 1),
        ("{ channels: { $include: './channels.json5' } }", false, 1),
        ("{ channels: { $include: './channels.json5' } }", true, 0),
    ] {
        let clinic = Clinic::new(Release::April);
        clinic.openclaw.configure(config);
        let said = clinic.run(if force { &["install", "--force"] } else { &["install"] });
        assert_eq!(said.code, Some(code), "{config}: {said:?}");
        assert_eq!(clinic.calls().is_empty(), code != 0, "{config}");
    }
}

fn what_cannot_be_read_is_not_written_over() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure("{ plugins: ");
    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("openclaw.json` cannot be used"), "{}", said.stderr);
    // Nor a receipt of ours that somebody has touched.
    clinic.openclaw.configure("{}");
    fs::create_dir_all(clinic.receipt().parent().unwrap()).unwrap();
    fs::write(clinic.receipt(), "{").unwrap();
    let said = clinic.run(&["install"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(fs::read_to_string(clinic.receipt()).unwrap(), "{");
    assert!(clinic.calls().is_empty(), "nothing was run");
}

fn that_comments_will_go_is_said_before() {
    let clinic = Clinic::new(Release::April);
    clinic.openclaw.configure("{ /* mine */ }");
    let said = clinic.run(&["install", "--dry-run"]);
    assert!(said.stderr.contains("drops the comments in `~/.openclaw/openclaw.json`"), "{}", said.stderr);
    clinic.openclaw.configure(r#"{ "a": "http://no.comment" }"#);
    assert_eq!(clinic.run(&["install", "--dry-run"]).stderr, "");
}

/// A sentence about this program.
type Sentence = (&'static str, fn());

const SENTENCES: [Sentence; 20] = [
    ("what OpenClaw leaves behind may talk on", what_openclaw_leaves_behind_may_talk_on),
    (
        "what is kept for another configuration in the meantime stays",
        what_is_kept_for_another_configuration_in_the_meantime_stays,
    ),
    ("a receipt that others may write is not followed", a_receipt_that_others_may_write_is_not_followed),
    (
        "a name is not taken for the launcher that lies where one stands",
        a_name_is_not_taken_for_the_launcher_that_lies_where_one_stands,
    ),
    ("install and uninstall put a value back exactly", install_and_uninstall_put_a_value_back_exactly),
    ("a value that was absent is absent again", a_value_that_was_absent_is_absent_again),
    ("whatever the value was, it is put back to the letter", whatever_the_value_was_it_is_put_back_to_the_letter),
    ("what is installed already is not installed again", what_is_installed_already_is_not_installed_again),
    ("a dry run prints the commands and does nothing", a_dry_run_prints_the_commands_and_does_nothing),
    (
        "where OpenClaw has a better way it is named, and only --force installs",
        where_openclaw_has_a_better_way_it_is_named_and_only_force_installs,
    ),
    ("what somebody else has set since is left alone", what_somebody_else_has_set_since_is_left_alone),
    ("what is not installed is not uninstalled", what_is_not_installed_is_not_uninstalled),
    ("what was set by hand is taken away", what_was_set_by_hand_is_taken_away),
    ("where OpenClaw does not take it nothing is kept", where_openclaw_does_not_take_it_nothing_is_kept),
    ("whoever is interrupted can still put it back", whoever_is_interrupted_can_still_put_it_back),
    (
        "an upgrade keeps the value from before the first install",
        an_upgrade_keeps_the_value_from_before_the_first_install,
    ),
    ("the path of a keg is replaced by the one that lasts", the_path_of_a_keg_is_replaced_by_the_one_that_lasts),
    ("a file that takes in others is not flattened", a_file_that_takes_in_others_is_not_flattened),
    ("what cannot be read is not written over", what_cannot_be_read_is_not_written_over),
    ("that comments will go is said before", that_comments_will_go_is_said_before),
];

/// The releases that are run, with what they depend on as it was then, and what they say about the gateway.
const REAL: [(&str, &str, &str); 2] = [
    ("2026.4.21", "2026-05-01", "restart the gateway for it: run `openclaw gateway restart`"),
    ("2026.9.6", "", "the gateway takes it over by itself; no restart is needed"),
];

/// The real OpenClaw is told, takes it, and has everything as it was afterwards.
fn really(openclaw: &npm::OpenClaw, restart: &str) {
    let world = World::new();
    let home = world.home();
    let bin = world.root().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(&openclaw.command, bin.join("openclaw")).unwrap();
    let state = home.join(".openclaw");
    fs::create_dir(&state).unwrap();
    let config = state.join("openclaw.json");
    let read = || -> Value {
        let value: Value = json5::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
        value["plugins"]["entries"]["codex"]["config"]["appServer"].clone()
    };
    let codex_home = |words: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_codex-home"));
        let path = format!("{}:{}:/usr/bin:/bin", bin.display(), openclaw.node.display());
        // What it asks of the network, which is nothing for this, would go to a port where nobody listens. Its log goes to
        // /tmp/openclaw, whatever it is told.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, "http://127.0.0.1:9").env(name.to_lowercase(), "http://127.0.0.1:9");
        }
        command.args(words).env("PATH", path).env("TMPDIR", world.root()).env("NO_COLOR", "1");
        let said = run_within(&mut command, PATIENCE).unwrap();
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        said
    };
    let laid = [r#"{command: "${HOME}/bin/my codex", args: ["app-server"]}"#, "{}"];
    for app_server in laid {
        let before: Value = json5::from_str(app_server).unwrap();
        let text = format!(
            "// mine\n{{plugins: {{entries: {{codex: {{enabled: true, config: {{appServer: {app_server}}}}}}}}}}}\n"
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        let said = codex_home(&["install", "--force"]);
        assert!(said.stdout.ends_with(&format!("{restart}\n")), "{said:?}");
        assert_eq!((&read()["command"], &read()["args"]), (&json!(launcher()), &before["args"]));
        assert!(codex_home(&["install"]).stdout.starts_with("already installed"));
        codex_home(&["uninstall"]);
        assert_eq!(read(), before, "as it was");
    }
}

fn real_trials() -> Vec<Trial> {
    let required = env::var_os("CODEX_HOME_SHIM_REQUIRE_CODEX").is_some_and(|value| !value.is_empty());
    let trial = |(version, before, restart): (&'static str, &'static str, &'static str)| {
        let fetched = npm::openclaw(version, before);
        let kind = fetched.as_ref().err().map(|reason| format!("no OpenClaw: {reason}")).unwrap_or_default();
        let ignored = fetched.is_err() && !required;
        Trial::test(format!("OpenClaw {version} itself takes the launcher and gives it up again"), move || {
            really(&fetched?, restart);
            Ok(())
        })
        .with_ignored_flag(ignored)
        .with_kind(kind)
    };
    REAL.map(trial).into()
}

/// OpenClaw's `config set` and `config unset`, as far as one setting goes.
fn stand_in(calls: &Path) -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let state = PathBuf::from(env::var_os("HOME").unwrap()).join(".openclaw/openclaw.json");
    let mood = env::var(MOOD).unwrap_or_default();
    if mood == "fail" {
        return ExitCode::FAILURE;
    }
    let mut config: Value = fs::read_to_string(&state).map_or(json!({}), |text| json5::from_str(&text).unwrap());
    let say = |what: &str| {
        io::stdout().write_all(format!("{what} {KEY}. Restart the gateway to apply.\n").as_bytes()).unwrap()
    };
    let mut at = &mut config;
    for part in KEY.split('.').take(5) {
        at = at.as_object_mut().unwrap().entry(part).or_insert(json!({}));
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // As OpenClaw 2026.9.6 has it: `OpenClaw does not recognize option "-x".`
        ["config", "set", KEY, value] if value.starts_with('-') => return ExitCode::FAILURE,
        ["config", "set", KEY, value] => {
            at["command"] = json5::from_str(value).unwrap_or_else(|_| json!(value));
            say("Updated");
        }
        ["config", "unset", KEY] => {
            at.as_object_mut().unwrap().remove("command");
            say("Removed");
        }
        _ => return ExitCode::from(64),
    }
    if mood != "lie" {
        fs::write(&state, config.to_string()).unwrap();
    }
    let earlier = fs::read_to_string(calls).unwrap_or_default();
    fs::write(calls, format!("{earlier}{}\n", words.join(" "))).unwrap();
    if mood == "wait" {
        thread::sleep(Duration::from_secs(1));
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    if let Some(calls) = env::var_os(CALLS) {
        return stand_in(Path::new(&calls));
    }
    let arguments = Arguments::from_args();
    let trial = |(sentence, test): Sentence| {
        Trial::test(sentence, move || {
            test();
            Ok(())
        })
    };
    let snippet = Trial::ignorable_test("without an openclaw command the snippet is printed", || {
        without_an_openclaw_command_the_snippet_is_printed().outcome()
    });
    let another = Trial::ignorable_test("nothing is written among the files of another user", || {
        nothing_is_written_among_the_files_of_another_user().outcome()
    });
    let trials = SENTENCES.map(trial).into_iter().chain([snippet, another]).chain(real_trials()).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
