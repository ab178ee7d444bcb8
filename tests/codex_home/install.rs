//! `codex-home install` and `uninstall`, with a stand-in for `openclaw`, and with the real one.

mod codex;
mod exact;
mod gateways;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::openclaw_stand_in::{CALLS, KEY, MOOD};
use crate::support::fixture::{UNPRIVILEGED, place, programs};
use crate::support::openclaw::{OpenClaw, Release, lay_codex, lay_package};
use crate::support::{
    Case, Content, Entry, Finished, Fixture, Need, case, entry, forking, npm, run, run_within, snapshot, versions,
    write_executable,
};

/// OpenClaw with its dependencies takes ten seconds a command on an idle machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A person with an OpenClaw. Its command is the stand-in.
pub struct Clinic {
    pub person: Fixture,
    pub openclaw: OpenClaw,
}

impl Clinic {
    pub fn new(release: Release) -> Clinic {
        let person = Fixture::new();
        let openclaw = OpenClaw::lay(&person, release);
        // As Homebrew leaves it.
        lay_codex(&person, "0.150.0");
        let clinic = Clinic { person, openclaw };
        clinic.lay_command("");
        clinic
    }

    /// Puts the stand-in in the command's place, behind `script`.
    fn lay_command(&self, script: &str) {
        // A link to this test program, which survives a rebuild.
        let own = programs().join("codex");
        let text = format!("#!/bin/sh\n{script}\nexec '{}' \"$@\"\n", own.display());
        write_executable(&self.openclaw.package.join("openclaw.mjs"), &text);
    }

    /// A clinic with an OpenClaw that runs a wrapper.
    fn with_wrapper() -> Clinic {
        let clinic = Clinic::new(Release::April);
        clinic.openclaw.configure_app_server(&wrapper());
        clinic
    }

    fn launcher(&self) -> String {
        self.person.launcher().to_str().unwrap().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.person.codex_home(args);
        command.env("PATH", self.openclaw.path()).env(CALLS, self.calls_file());
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        run(&mut self.command(args))
    }

    /// Runs a command that must succeed.
    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> Finished {
        let finished = self.run(args);
        assert_eq!(finished.code, Some(0), "{args:?}: {finished:?}");
        finished
    }

    fn calls_file(&self) -> PathBuf {
        self.person.root().join("calls")
    }

    /// The calls of the stand-in since the last time, one per line.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.calls_file()).unwrap_or_default();
        let _ = fs::remove_file(self.calls_file());
        calls.lines().map(str::to_owned).collect()
    }

    /// Starts a command with a slow `openclaw`, and returns once `openclaw` was called.
    fn start_slowly(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.env(MOOD, "wait").stdout(Stdio::null()).stderr(Stdio::null());
        let child = {
            let _alone = forking();
            command.spawn().unwrap()
        };
        let deadline = Instant::now() + PATIENCE;
        while self.calls_file().metadata().map_or(0, |calls| calls.len()) == 0 {
            assert!(Instant::now() < deadline, "the stand-in is not called");
            thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn config(&self) -> PathBuf {
        self.openclaw.state.join("openclaw.json")
    }

    /// `appServer` as it is configured.
    fn app_server(&self) -> Value {
        let value: Value = json5::from_str(&fs::read_to_string(self.config()).unwrap()).unwrap();
        value["plugins"]["entries"]["codex"]["config"]["appServer"].clone()
    }

    /// The receipts, whatever `XDG_STATE_HOME` is.
    fn receipt(&self) -> PathBuf {
        let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
        self.person.home().join(below).join("codex-home-shim/install.json")
    }

    fn files(&self) -> BTreeMap<PathBuf, Entry> {
        let trees = ["home", "state"].map(|tree| self.person.root().join(tree));
        let whole = |tree: PathBuf| snapshot(&tree).into_iter().map(move |(path, entry)| (tree.join(path), entry));
        // A new directory that is empty holds nothing.
        trees.into_iter().flat_map(whole).filter(|(_, entry)| entry.content != Content::Directory).collect()
    }

    /// The files that were changed, made or removed since `before`.
    fn changed(&self, before: &BTreeMap<PathBuf, Entry>) -> Vec<PathBuf> {
        let after = self.files();
        let mut changed: Vec<_> =
            before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

fn wrapper() -> Value {
    json!({"command": "/opt/wrapper", "args": ["-c", "model=\"x\"", "app-server"]})
}

pub fn cases() -> Vec<Case> {
    let own = [sets_and_restores(), refuses(), fails(), paths(), real()];
    own.into_iter().chain([codex::cases(), exact::cases(), gateways::cases()]).flatten().collect()
}

fn sets_and_restores() -> Vec<Case> {
    vec![
        case("install and uninstall restore a value exactly", || {
            let clinic = Clinic::with_wrapper();
            let before = clinic.files();
            let finished = clinic.succeeds(&["install"]);
            let launcher = clinic.launcher();
            let openclaw = clinic.openclaw.bin.join("openclaw");
            let expected = format!(
                "running `{} config set {KEY} {launcher}`\ninstalled: `{KEY}` is `{launcher}`; it was `/opt/wrapper`\n\
                 OpenClaw wrote `~/.openclaw/openclaw.json` anew, without comments\nnext:\n  1. restart the gateway: run \
                 `openclaw gateway restart`\n  2. run `codex-home verify`: it starts codex as OpenClaw would, and shows which \
                 login codex holds\n",
                openclaw.display()
            );
            assert_eq!(finished.stdout, expected);
            assert_eq!(clinic.calls(), [format!("config set {KEY} {launcher}")]);
            assert_eq!(clinic.app_server(), json!({"command": launcher, "args": wrapper()["args"]}));
            let mut expected = [clinic.receipt(), clinic.config()];
            expected.sort();
            assert_eq!(clinic.changed(&before), expected);
            let receipt = entry(&clinic.receipt()).unwrap();
            assert_eq!((receipt.mode, receipt.nlink), (0o600, 1));

            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.calls(), [format!("config set {KEY} /opt/wrapper")]);
            assert_eq!(clinic.app_server(), wrapper());
            assert!(!clinic.receipt().exists());
        }),
        case("a value that was absent is absent again", || {
            // On 2026.4.21 an `appServer`, even an empty one, turns `OPENCLAW_CODEX_APP_SERVER_BIN` off.
            for (laid, removed) in [
                (r#"{"plugins":{"entries":{"codex":{"config":{"appServer":{"args":[]}}}}}}"#, KEY),
                (r#"{"plugins":{"entries":{"codex":{"config":{"appServer":{}}}}}}"#, KEY),
                (r#"{"plugins":{"entries":{"codex":{"config":{"a":1}}}}}"#, "plugins.entries.codex.config.appServer"),
                (r#"{"plugins":{"entries":{"codex":{"config":{}}}}}"#, "plugins.entries.codex.config.appServer"),
                (r#"{"plugins":{"entries":{"codex":{"enabled":true}}}}"#, "plugins.entries.codex.config"),
                (r#"{"plugins":{"entries":{}}}"#, "plugins.entries.codex"),
                (r#"{"agents":{}}"#, "plugins"),
            ] {
                let clinic = Clinic::new(Release::April);
                clinic.openclaw.configure(laid);
                clinic.succeeds(&["install"]);
                assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
                clinic.calls();
                clinic.succeeds(&["uninstall"]);
                assert_eq!(clinic.calls(), [format!("config unset {removed}")]);
                assert_eq!(fs::read_to_string(clinic.config()).unwrap(), laid);
            }
        }),
        case("a value is restored to the letter, whatever OpenClaw's JSON5 would make of it", || {
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
                clinic.succeeds(&["install"]);
                clinic.succeeds(&["uninstall"]);
                assert_eq!(clinic.app_server()["command"], json!(value));
            }
        }),
        case("an upgrade keeps the value from before the first install", || {
            let clinic = Clinic::with_wrapper();
            clinic.succeeds(&["install"]);
            // The launcher was elsewhere then, and is gone from there.
            let receipt = fs::read_to_string(clinic.receipt()).unwrap();
            fs::write(clinic.receipt(), receipt.replace(&clinic.launcher(), "/old/codex-home-shim")).unwrap();
            let old = json!({"command": "/old/codex-home-shim", "args": wrapper()["args"]});
            clinic.openclaw.configure_app_server(&old);
            clinic.succeeds(&["install"]);
            assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        }),
        case("an installed launcher is not installed again, and nothing else is uninstalled", || {
            let clinic = Clinic::new(Release::April);
            for (command, args, beginning) in [
                (clinic.launcher(), ["install"], "already installed: "),
                ("/opt/wrapper".to_owned(), ["uninstall"], "not installed: "),
            ] {
                clinic.openclaw.configure_app_server(&json!({"command": command}));
                let before = clinic.files();
                let finished = clinic.succeeds(&args);
                assert!(finished.stdout.starts_with(beginning), "{}", finished.stdout);
                assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
            }
            // A launcher that was set by hand has no previous value.
            clinic.openclaw.configure_app_server(&json!({"command": clinic.launcher()}));
            let finished = clinic.succeeds(&["uninstall"]);
            assert!(finished.stderr.contains("no previous value was recorded"), "{}", finished.stderr);
            assert_eq!(clinic.calls(), ["config unset plugins.entries.codex.config.appServer"]);
        }),
        case("a dry run prints the command, which a shell understands, and does nothing", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure_app_server(&json!({"command": "/opt/a wrapper"}));
            let openclaw = clinic.openclaw.bin.join("openclaw");
            let prints = |args: &[&str], words: &str| {
                let before = clinic.files();
                let finished = clinic.succeeds(args);
                assert_eq!(finished.stdout, format!("{} config set {KEY} {words}\n", openclaw.display()));
                assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
            };
            prints(&["install", "--dry-run"], &clinic.launcher());
            clinic.succeeds(&["install"]);
            clinic.calls();
            prints(&["uninstall", "--dry-run"], "'/opt/a wrapper'");
            for (value, word) in [("~/bin/codex", "'~/bin/codex'"), ("", "'\"\"'"), ("-x", "'\"-x\"'")] {
                let receipt = json!({"config": clinic.config(), "installed": clinic.launcher(), "previous": value});
                fs::write(clinic.receipt(), json!({"installs": [receipt]}).to_string()).unwrap();
                prints(&["uninstall", "--dry-run"], word);
            }
        }),
        case("that OpenClaw writes the file without comments is said before", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure("{ /* mine */ }");
            let remark = "codex-home: OpenClaw writes `~/.openclaw/openclaw.json` anew, without comments\n";
            assert_eq!(clinic.succeeds(&["install", "--dry-run"]).stderr, remark);
        }),
    ]
}

fn refuses() -> Vec<Case> {
    vec![
        case("a release that has nothing to gain is told so, and only --force installs", || {
            for (version, way) in [
                ("2026.4.19", "would leave every start alone"),
                ("2026.4.22", "takes what codex needs from `~/.codex`"),
                ("2026.4.23", "would leave every start alone"),
                ("2026.6.35", "would leave every start alone"),
                ("2026.7.1-beta.1", "homeScope user"),
                ("2026.7.1", "homeScope user"),
                ("2026.7.2-beta.2", "update OpenClaw"),
                ("2026.8.1-beta.3", "openclaw models auth login --provider openai"),
                ("2026.9.6", "openclaw migrate apply codex --from ~/.codex"),
            ] {
                let clinic = Clinic::new(Release::April);
                lay_package(&clinic.openclaw.package, version);
                clinic.lay_command("");
                let finished = clinic.run(&["install"]);
                assert_eq!(finished.code, Some(1), "{version}: {finished:?}");
                let said = finished.stderr;
                assert!(said.contains(way) && said.contains("--force"), "{version}: {said}");
                assert!(clinic.calls().is_empty() && !clinic.receipt().exists(), "{version}");
                clinic.succeeds(&["install", "--force"]);
                assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
            }
        }),
        case("a value that was set since the install is left alone", || {
            let clinic = Clinic::with_wrapper();
            clinic.succeeds(&["install"]);
            clinic.openclaw.configure_app_server(&json!({"command": "/opt/theirs"}));
            clinic.calls();
            let before = clinic.files();
            let finished = clinic.run(&["uninstall"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            let command = format!("openclaw config set {KEY} /opt/wrapper");
            assert!(finished.stderr.contains("`/opt/theirs`") && finished.stderr.contains(&command), "{finished:?}");
            assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
            // The next install starts from the present value.
            clinic.succeeds(&["install"]);
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server()["command"], "/opt/theirs");
        }),
        case("a file that includes others is not flattened", || {
            for (config, force, code) in [
                ("{ plugins: { $include: './plugins.json5' } }", false, 1),
                ("{ plugins: { $include: './plugins.json5' } }", true, 1),
                ("{ channels: { $include: './channels.json5' } }", false, 1),
                ("{ channels: { $include: './channels.json5' } }", true, 0),
            ] {
                let clinic = Clinic::new(Release::April);
                clinic.openclaw.configure(config);
                let finished = clinic.run(if force { &["install", "--force"] } else { &["install"] });
                assert_eq!(
                    (finished.code, clinic.calls().is_empty()),
                    (Some(code), code != 0),
                    "{config}: {finished:?}"
                );
            }
        }),
        case("a configuration or receipt that cannot be read, or that others may write to, stops both", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure("{ plugins: ");
            let finished = clinic.run(&["install"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("openclaw.json` cannot be used"), "{}", finished.stderr);
            clinic.openclaw.configure("{}");
            fs::create_dir_all(clinic.receipt().parent().unwrap()).unwrap();
            fs::write(clinic.receipt(), "{").unwrap();
            assert_eq!(clinic.run(&["install"]).code, Some(1));
            assert_eq!(fs::read_to_string(clinic.receipt()).unwrap(), "{");
            let moved = clinic.receipt().with_extension("json.old");
            let help = format!("help: run `mv {} {}`", clinic.receipt().display(), moved.display());
            assert!(clinic.run(&["install"]).stderr.contains(&help));
            assert!(clinic.calls().is_empty());

            let clinic = Clinic::with_wrapper();
            clinic.succeeds(&["install"]);
            clinic.calls();
            clinic.person.chmod(&clinic.receipt(), 0o666);
            let finished = clinic.run(&["uninstall"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("other users may write to it"), "{}", finished.stderr);
            assert!(clinic.calls().is_empty());
        }),
        // `sudo codex-home install` would leave files that their owner cannot change.
        case("an `openclaw` that every user may replace is not run", || {
            let clinic = Clinic::new(Release::April);
            let bin = clinic.person.home().join(".npm-global/bin");
            clinic.person.chmod(&bin, 0o777);
            let finished = clinic.run(&["install"]);
            assert!(finished.code == Some(1) && clinic.calls().is_empty(), "{finished:?}");
            assert!(finished.stderr.contains(&format!("run `chmod o-w {}`", bin.display())), "{finished:?}");
            clinic.person.chmod(&bin, 0o755);
            clinic.succeeds(&["install"]);
        }),
        case("nothing is written among the files of another user, but an install can be undone", || {
            let clinic = Clinic::with_wrapper();
            clinic.person.chown(&clinic.config(), UNPRIVILEGED);
            let before = clinic.files();
            let finished = clinic.run(&["install"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("belongs to another user"), "{}", finished.stderr);
            assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
            // A container may be like that.
            clinic.succeeds(&["install", "--force"]);
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        })
        .needs(Need::Root),
        case("without an `openclaw` command, what to write by hand is printed", || {
            let clinic = Clinic::new(Release::April);
            fs::remove_file(clinic.openclaw.bin.join("openclaw")).unwrap();
            let before = clinic.files();
            let finished = clinic.run(&["install"]);
            let system = ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/home/linuxbrew/.linuxbrew/bin"];
            if system.iter().any(|bin| Path::new(bin).join("openclaw").exists()) {
                // This machine has one, which knows no such configuration.
                return;
            }
            assert_eq!(finished.code, Some(3), "{finished:?}");
            let value: Value = json5::from_str(&finished.stdout).unwrap();
            let app_server = json!({"command": clinic.launcher()});
            assert_eq!(value, json!({"plugins": {"entries": {"codex": {"config": {"appServer": app_server}}}}}));
            assert!(finished.stderr.contains("~/.openclaw/openclaw.json"), "{}", finished.stderr);
            assert!(clinic.changed(&before).is_empty());
            clinic.openclaw.configure_app_server(&app_server);
            let finished = clinic.run(&["uninstall"]);
            assert_eq!(finished.code, Some(3), "{finished:?}");
            let appended = "remove `plugins.entries.codex.config.appServer`";
            assert!(finished.stdout.contains(appended), "{}", finished.stdout);
        }),
    ]
}

fn fails() -> Vec<Case> {
    vec![
        case("if OpenClaw does not take the value, nothing is kept", || {
            for (mood, words, code) in
                [("fail", "failed with exit code 1", 3), ("lie", "does not have the new value", 1)]
            {
                let clinic = Clinic::with_wrapper();
                let before = clinic.files();
                let finished = run(clinic.command(&["install"]).env(MOOD, mood));
                assert_eq!(finished.code, Some(code), "{mood}: {finished:?}");
                assert!(finished.stderr.contains(words), "{mood}: {}", finished.stderr);
                assert!(clinic.changed(&before).is_empty(), "{mood}: {:?}", clinic.changed(&before));
            }
        }),
        case("an install that was killed can still be undone", || {
            let clinic = Clinic::with_wrapper();
            let mut child = clinic.start_slowly(&["install"]);
            // OpenClaw has the value, but `install` does not know it yet.
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        }),
        case("an install that is interrupted ends OpenClaw first, and can be undone", || {
            let clinic = Clinic::with_wrapper();
            let mut child = clinic.start_slowly(&["install"]);
            let since = Instant::now();
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
            // OpenClaw would have taken a second more.
            assert!(since.elapsed() < Duration::from_millis(900), "{:?}", since.elapsed());
            assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
            clinic.succeeds(&["uninstall"]);
            assert_eq!(clinic.app_server(), wrapper());
        }),
        case("a receipt for another configuration that was added meanwhile stays", || {
            let clinic = Clinic::with_wrapper();
            clinic.succeeds(&["install"]);
            clinic.calls();
            let mut child = clinic.start_slowly(&["uninstall"]);
            let other = json!({"config": "/other/openclaw.json", "installed": "/launcher", "previous": "/before"});
            let mut receipts: Value = serde_json::from_str(&fs::read_to_string(clinic.receipt()).unwrap()).unwrap();
            receipts["installs"].as_array_mut().unwrap().push(other.clone());
            fs::write(clinic.receipt(), receipts.to_string()).unwrap();
            assert!(child.wait().unwrap().success());
            let kept: Value = serde_json::from_str(&fs::read_to_string(clinic.receipt()).unwrap()).unwrap();
            assert_eq!(kept["installs"].as_array().unwrap().len(), 1);
            assert_eq!(kept["installs"][0]["previous"], other["previous"]);
        }),
        case("a process that OpenClaw leaves behind may talk on", || {
            let clinic = Clinic::new(Release::April);
            clinic.lay_command("while echo more; do sleep 0.01; done &");
            let finished = run_within(&mut clinic.command(&["install"]), Duration::from_secs(60)).unwrap();
            assert_eq!(finished.code, Some(0), "{}", finished.stderr);
            assert!(finished.stdout.contains("\ninstalled: "), "{}", finished.stderr);
        }),
    ]
}

fn paths() -> Vec<Case> {
    vec![
        case("a bare name is not the launcher, even if the launcher is in the working directory", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure_app_server(&json!({"command": "codex-home-shim"}));
            let directory = clinic.person.root().join("launcher");
            let finished = run(clinic.command(&["uninstall", "--dry-run"]).current_dir(&directory));
            assert!(finished.stdout.starts_with("not installed: "), "{finished:?}");
            let finished = run(clinic.command(&["install"]).current_dir(&directory));
            assert_eq!(finished.code, Some(0), "{finished:?}");
            assert_eq!(clinic.app_server()["command"], json!(clinic.launcher()));
        }),
        case("a path in Homebrew's Cellar is replaced by one that an upgrade keeps", || {
            let clinic = Clinic::new(Release::April);
            let brew = clinic.person.root().join("brew");
            let keg = brew.join("Cellar/codex-home-shim/0.1.0/bin");
            fs::create_dir_all(&keg).unwrap();
            clinic.person.link(Path::new("../Cellar/codex-home-shim/0.1.0"), &brew.join("opt/codex-home-shim"));
            for program in ["codex-home", "codex-home-shim"] {
                place(&clinic.person.launcher().with_file_name(program), &keg.join(program));
            }
            // As an earlier version may have set it, and as a person may have typed it.
            clinic.openclaw.configure_app_server(&json!({"command": keg.join("codex-home-shim")}));
            let mut install = clinic.person.command(keg.join("codex-home"));
            install.arg("install").env("PATH", clinic.openclaw.path()).env(CALLS, clinic.calls_file());
            let finished = run(&mut install);
            assert_eq!(finished.code, Some(0), "{finished:?}");
            let stable = brew.join("opt/codex-home-shim/bin/codex-home-shim");
            assert_eq!(clinic.app_server()["command"], json!(stable));
            assert!(run(&mut install).stdout.starts_with("already installed"));
        }),
    ]
}

fn real() -> Vec<Case> {
    let of = |version| {
        case(format!("the real OpenClaw {version} takes the launcher, and gives it up again"), move || {
            takes_and_gives_up(version);
        })
        .needs(Need::Deep)
        .needs(Need::Npm)
    };
    let openclaw = versions::openclaw();
    [openclaw.reported, "2026.5.12", openclaw.newest].map(of).into()
}

fn takes_and_gives_up(version: &str) {
    let openclaw = npm::openclaw(version).unwrap();
    let person = Fixture::new();
    let bin = person.root().join("openclaw-bin");
    fs::create_dir(&bin).unwrap();
    symlink(&openclaw.command, bin.join("openclaw")).unwrap();
    let config = person.home().join(".openclaw/openclaw.json");
    fs::create_dir(config.parent().unwrap()).unwrap();
    let read = || -> Value { json5::from_str(&fs::read_to_string(&config).unwrap()).unwrap() };
    let succeeds = |args: &[&str]| {
        let mut command = person.codex_home(args);
        command.env("PATH", format!("{}:{}:/usr/bin:/bin", bin.display(), openclaw.node.display()));
        // It needs no network for this; a request would go to a closed port.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, "http://127.0.0.1:9").env(name.to_lowercase(), "http://127.0.0.1:9");
        }
        command.env("TMPDIR", person.root()).env("NO_COLOR", "1");
        let finished = run_within(&mut command, PATIENCE).unwrap();
        assert_eq!(finished.code, Some(0), "{args:?}: {finished:?}");
        finished.stdout
    };
    let inside = |app_server: &str| format!("{{plugins: {{entries: {{codex: {{config: {app_server}}}}}}}}}");
    let all = [
        inside(r#"{appServer: {command: "${HOME}/bin/my codex", args: ["app-server"]}}"#),
        inside("{appServer: {}}"),
        inside("{}"),
        "{}".to_owned(),
    ];
    // Every shape with the release of the report, the richest and the barest with the others.
    let step = if version == versions::openclaw().reported { 1 } else { all.len() - 1 };
    for laid in all.into_iter().step_by(step) {
        fs::write(&config, format!("// mine\n{laid}\n")).unwrap();
        person.chmod(&config, 0o600);
        let before = read();
        let said = succeeds(&["install", "--force"]);
        assert!(said.contains("restart the gateway") && said.contains("codex-home verify"), "{said}");
        assert!(said.contains("anew, without comments") && said.contains("openclaw.json.bak`"), "{said}");
        let installed = read()["plugins"]["entries"]["codex"]["config"]["appServer"].clone();
        assert_eq!(installed["command"], json!(person.launcher()));
        assert!(succeeds(&["install"]).starts_with("already installed"));
        succeeds(&["uninstall"]);
        let mut after = read();
        // The printed exception: OpenClaw's own note.
        after.as_object_mut().unwrap().remove("meta");
        assert_eq!(after, before, "{laid}");
    }
}
