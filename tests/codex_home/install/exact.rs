//! What `uninstall` restores and what it names; who may run both; several at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::codex::{pinned_apart, settings_file};
use super::{Clinic, KEY, MOOD, wrapper};
use crate::openclaw_stand_in::{self, BACKUPS};
use crate::support::fixture::UNPRIVILEGED;
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case, forking, run, strace};

pub fn cases() -> Vec<Case> {
    [restored(), receipts(), killed(), sudo(), purge()].into_iter().flatten().collect()
}

fn restored() -> Vec<Case> {
    vec![
        case("what OpenClaw itself changed is named, with the backup of the file as it was", || {
            let clinic = Clinic::new(Release::April);
            let before = clinic.openclaw.configure("// mine\n{ agents: {} }\n");
            let text = fs::read_to_string(&before).unwrap();
            let run = |args: &[&str]| run(clinic.command(args).env(MOOD, "meta").env(BACKUPS, "1")).stdout;
            let said = run(&["install"]);
            let told = "OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments, and changed `meta`; the file as it \
                        was is `~/.openclaw/openclaw.json.bak";
            assert!(said.contains(&format!("{told}`\n")), "{said}");
            let said = run(&["uninstall"]);
            assert!(said.contains(&format!("{told}.1`\n")), "{said}");
            assert_eq!(fs::read_to_string(clinic.openclaw.state.join("openclaw.json.bak.1")).unwrap(), text);
            let now: Value = serde_json::from_str(&fs::read_to_string(clinic.config()).unwrap()).unwrap();
            assert_eq!(now, json!({"agents": {}, "meta": {"lastTouchedVersion": "2026.4.21"}}));
        }),
        case("what was set beside the launcher since the install stays", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure("{}");
            clinic.succeeds(&["install"]);
            let mut config: Value = serde_json::from_str(&fs::read_to_string(clinic.config()).unwrap()).unwrap();
            config["plugins"]["entries"]["codex"]["enabled"] = true.into();
            clinic.openclaw.configure(&config.to_string());
            clinic.succeeds(&["uninstall"]);
            let now: Value = serde_json::from_str(&fs::read_to_string(clinic.config()).unwrap()).unwrap();
            assert_eq!(now, json!({"plugins": {"entries": {"codex": {"enabled": true}}}}));
        }),
        case("uninstall leaves a symlink, and tells what to write by hand, also if OpenClaw refuses", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure_app_server(&wrapper());
            clinic.succeeds(&["install"]);
            let by_hand = format!("by hand: set `{KEY}` in `~/.openclaw/openclaw.json` to \"/opt/wrapper\"\n");
            let finished = run(clinic.command(&["uninstall"]).env(MOOD, "fail"));
            assert_eq!(finished.code, Some(3), "{finished:?}");
            assert!(finished.stdout.ends_with(&by_hand), "{finished:?}");
            assert!(finished.stderr.contains("plugin upgrade is unfinished"), "{finished:?}");
            let store = clinic.person.root().join("store.json");
            fs::rename(clinic.config(), &store).unwrap();
            symlink(&store, clinic.config()).unwrap();
            let finished = clinic.run(&["uninstall"]);
            assert_eq!((finished.code, finished.stdout), (Some(3), by_hand), "{}", finished.stderr);
            assert!(clinic.config().is_symlink());
        }),
        case("a symlink that --force replaced is named when it is undone", || {
            let clinic = Clinic::new(Release::April);
            let store = clinic.person.root().join("store.json");
            fs::write(&store, "{}").unwrap();
            symlink(&store, clinic.config()).unwrap();
            clinic.succeeds(&["install", "--force"]);
            // The stand-in writes through it; OpenClaw replaces it.
            let text = fs::read_to_string(&store).unwrap();
            fs::remove_file(clinic.config()).unwrap();
            clinic.openclaw.configure(&text);
            let said = clinic.succeeds(&["uninstall"]).stdout;
            let [store, config] = [store, clinic.config()].map(|path| path.display().to_string());
            assert!(said.contains(&format!("run `ln -sf {store} {config}`")), "{said}");
        }),
    ]
}

fn receipts() -> Vec<Case> {
    vec![
        case("a receipt is found by another spelling of the file and with another XDG_STATE_HOME", || {
            let clinic = Clinic::with_wrapper();
            let data = clinic.person.root().join("data");
            fs::rename(&clinic.openclaw.state, &data).unwrap();
            symlink(&data, &clinic.openclaw.state).unwrap();
            let mut install = clinic.command(&["install"]);
            let finished = run(install.env("OPENCLAW_STATE_DIR", &data).env("XDG_STATE_HOME", "/elsewhere"));
            assert_eq!(finished.code, Some(0), "{finished:?}");
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        }),
        case("the OpenClaw of a killed install that writes after an uninstall can be undone", || {
            let clinic = Clinic::with_wrapper();
            clinic.succeeds(&["install"]);
            let installed = fs::read_to_string(clinic.config()).unwrap();
            clinic.openclaw.configure_app_server(&wrapper());
            let said = clinic.succeeds(&["uninstall"]).stdout;
            assert!(said.starts_with("not installed: the previous value is in place"), "{said}");
            fs::write(clinic.config(), installed).unwrap();
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
            assert!(!clinic.receipt().exists());
        }),
        case("installs and uninstalls at once wait for each other and lose nothing", || {
            let clinic = Clinic::with_wrapper();
            let start = |args: &[&str]| {
                let mut command = clinic.command(args);
                let _alone = forking();
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            };
            let verbs = ["install", "uninstall", "install", "install", "uninstall", "install"];
            let children: Vec<_> = verbs.iter().map(|verb| start(&[verb])).collect();
            for mut child in children {
                assert!(child.wait().unwrap().success());
            }
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        }),
    ]
}

/// The calls that write, start or lock.
const CALLS: [&str; 8] = ["write", "fsync", "rename", "fchmod", "flock", "unlink", "mkdir", "clone3"];

/// A clinic whose OpenClaw runs a codex of its own choice, and its configuration.
fn with_pinned_codex() -> (Clinic, Value) {
    let clinic = Clinic::new(Release::April);
    let pinned = json!({"command": clinic.person.codex()});
    clinic.openclaw.configure_app_server(&pinned);
    (clinic, pinned)
}

/// Kills a command at each of its calls that matter, after `before`, and has an uninstall restore everything after `after`.
fn kill_at_each_call(verb: &str, before: impl Fn(&Clinic), after: impl Fn(&Clinic)) {
    let (clinic, pinned) = with_pinned_codex();
    let settings = clinic.person.write_settings("");
    let mut kills = 0;
    for call in CALLS {
        for nth in 1..30 {
            before(&clinic);
            let what = format!("{call}:signal=KILL:when={nth}");
            let finished = run(&mut strace::inject(&clinic.command(&[verb]), &what, false));
            // An OpenClaw that was started makes its change all the same.
            thread::sleep(Duration::from_millis(if finished.code == Some(0) { 0 } else { 150 }));
            after(&clinic);
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), pinned, "{call} {nth}");
            assert_eq!(fs::read_to_string(&settings).unwrap(), "", "{call} {nth}");
            if finished.code == Some(0) {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 10, "{kills}");
    let names: Vec<_> =
        fs::read_dir(settings.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["config.toml"]);
}

fn killed() -> Vec<Case> {
    vec![
        case("an install that is killed at any call that writes, starts or locks can be undone", || {
            kill_at_each_call("install", |_| {}, |_| {});
        })
        .needs(Need::Strace),
        case("an uninstall that is killed at any call that writes, starts or locks can be finished", || {
            kill_at_each_call("uninstall", |clinic| drop(clinic.succeeds(&["install"])), |_| {});
        })
        .needs(Need::Strace),
        case("an install that is killed at any such call can be made again, and then undone", || {
            kill_at_each_call("install", |_| {}, |clinic| drop(clinic.succeeds(&["install"])));
        })
        .needs(Need::Deep)
        .needs(Need::Strace),
        case("what a killed install set is undone also if another install came after it", || {
            let (clinic, pinned) = with_pinned_codex();
            clinic.lay_command("kill -9 $PPID; exit 1");
            assert_eq!(clinic.run(&["install"]).code, None);
            let settings = settings_file(&clinic.person);
            assert!(settings.exists() && clinic.app_server() == pinned);
            clinic.lay_command("");
            clinic.succeeds(&["install"]);
            clinic.succeeds(&["uninstall"]);
            assert!(clinic.app_server() == pinned && !settings.exists() && !clinic.receipt().exists());
        }),
        case("a codex that a killed install set is not taken for one that OpenClaw was given since", || {
            let (clinic, _) = with_pinned_codex();
            clinic.lay_command("kill -9 $PPID; exit 1");
            assert_eq!(clinic.run(&["install"]).code, None);
            clinic.lay_command("");
            let given = pinned_apart(&clinic, "0.140.0");
            clinic.openclaw.configure_app_server(&json!({"command": given}));
            let finished = clinic.run(&["install"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("run `codex-home config unset codex`"), "{finished:?}");
            clinic.succeeds(&["config", "unset", "codex"]);
            clinic.succeeds(&["install"]);
            let text = fs::read_to_string(settings_file(&clinic.person)).unwrap();
            assert_eq!(text, format!("codex = \"{}\"\n", given.display()));
        }),
    ]
}

fn sudo() -> Vec<Case> {
    vec![
        case("sudo: both refuse, with root's home and with the user's", || {
            let clinic = Clinic::with_wrapper();
            let before = clinic.files();
            for verb in ["install", "uninstall"] {
                let finished = run(clinic.command(&[verb, "--dry-run"]).env("SUDO_USER", "you"));
                assert_eq!(finished.code, Some(1), "{finished:?}");
                let help = format!("run `codex-home {verb}` without `sudo`");
                assert!(finished.stderr.contains(&help), "{finished:?}");
            }
            assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
        })
        .needs(Need::Root),
        case("a real sudo: both refuse, with root's home and with the user's, and touch nothing", under_a_real_sudo)
            .needs(Need::Deep)
            .needs(Need::Root)
            .needs(Need::Linux)
            .needs(Need::MountNamespace)
            .needs(Need::Sudo),
        case("another user's configuration that has no receipt is left alone", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure_app_server(&json!({"command": clinic.launcher()}));
            clinic.person.chown(&clinic.config(), UNPRIVILEGED);
            let finished = clinic.run(&["uninstall"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("belongs to another user") && clinic.calls().is_empty(), "{finished:?}");
        })
        .needs(Need::Root),
    ]
}

/// In a mount namespace with a `sudoers` in which the user may do everything.
fn under_a_real_sudo() {
    let mut clinic = Clinic::with_wrapper();
    clinic.succeeds(&["install"]);
    clinic.calls();
    clinic.person.become_unprivileged();
    let sudoers = clinic.person.root().join("sudoers");
    fs::write(&sudoers, format!("#{UNPRIVILEGED} ALL=(ALL) NOPASSWD: SETENV: ALL\n")).unwrap();
    clinic.person.chmod(&sudoers, 0o440);
    let script = format!(
        "mount --bind \"$1\" /etc/sudoers && shift && \
         exec setpriv --reuid {UNPRIVILEGED} --regid {UNPRIVILEGED} --clear-groups sudo -n \"$@\""
    );
    let before = clinic.files();
    let refuses = |words: &[&str], verb: &str, help: &str| {
        let mut command = clinic.person.command("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"]).arg(&sudoers).args(words);
        let finished = run(command.arg(clinic.person.launcher().with_file_name("codex-home")).arg(verb));
        assert!(finished.code == Some(1) && finished.stderr.contains(help), "{words:?} {verb}: {finished:?}");
    };
    let path = format!("PATH={}", clinic.openclaw.path());
    let calls = format!("{}={}", openclaw_stand_in::CALLS, clinic.calls_file().display());
    for words in [&[] as &[&str], &["-i"], &["-E", &path, &calls]] {
        for verb in ["install", "uninstall"] {
            refuses(words, verb, &format!("run `codex-home {verb}` without `sudo`"));
        }
    }
    // Not even if the caller is hidden.
    let hidden = ["-E", "env", "-u", "SUDO_USER", &path, &calls];
    refuses(&hidden, "uninstall", "run this as that user, without `sudo`");
    assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
}

fn purge() -> Vec<Case> {
    vec![
        case("uninstall names the settings and the journal, and --purge removes them", || {
            let clinic = Clinic::with_wrapper();
            let settings = clinic.person.write_settings("strategy = \"repair\"\n");
            fs::create_dir_all(clinic.person.journal().parent().unwrap()).unwrap();
            fs::write(clinic.person.journal(), "").unwrap();
            clinic.succeeds(&["install"]);
            let said = clinic.succeeds(&["uninstall"]).stdout;
            assert!(said.contains("codex-home-shim/config.toml`") && said.contains("journal.jsonl`"), "{said}");
            assert!(said.contains("`codex-home uninstall --purge` removes them too"), "{said}");
            clinic.succeeds(&["install"]);
            fs::remove_file(clinic.person.journal()).unwrap();
            let said = clinic.succeeds(&["uninstall"]).stdout;
            assert!(said.contains("`codex-home uninstall --purge` removes it too"), "{said}");
            fs::write(clinic.person.journal(), "").unwrap();
            let dry = clinic.succeeds(&["uninstall", "--purge", "--dry-run"]).stdout;
            assert!(dry.contains(&format!("rm {}\n", settings.display())) && settings.exists(), "{dry}");
            clinic.succeeds(&["uninstall", "--purge"]);
            assert!(!settings.exists() && !clinic.person.journal().exists());
            assert!(!settings.parent().unwrap().exists());
        }),
        case(
            "uninstall --purge keeps a settings file that a variable names, and all if another gateway has it",
            || {
                let clinic = Clinic::with_wrapper();
                let own = clinic.person.write_auth(&clinic.person.personal(), b"{}");
                clinic.succeeds(&["install"]);
                clinic.person.write_settings("strategy = \"repair\"\n");
                let receipts = fs::read_to_string(clinic.receipt()).unwrap();
                let mut value: Value = serde_json::from_str(&receipts).unwrap();
                let other = json!({"config": "/other/openclaw.json", "installed": "/launcher", "previous": null});
                value["installs"].as_array_mut().unwrap().push(other);
                fs::write(clinic.receipt(), value.to_string()).unwrap();
                let finished = clinic.run(&["uninstall", "--purge"]);
                assert_eq!(finished.code, Some(1), "{finished:?}");
                assert!(finished.stderr.contains("still installed for `/other/openclaw.json`"), "{finished:?}");
                fs::remove_file(clinic.receipt()).unwrap();
                let mut command = clinic.command(&["uninstall", "--purge"]);
                assert_eq!(run(command.env("CODEX_HOME_SHIM_CONFIG", &own)).code, Some(0));
                assert!(own.exists());
            },
        ),
    ]
}
