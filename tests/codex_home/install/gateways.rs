//! The gateway that `install` and `uninstall` change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::codex::{pinned, pinned_apart, settings_file};
use super::{Clinic, KEY};
use crate::support::openclaw::{Release, lay_package};
use crate::support::{Case, Need, case, run};

/// A second gateway of the profile `work`.
fn with_work() -> (Clinic, std::path::PathBuf) {
    let clinic = Clinic::new(Release::April);
    let config = clinic.person.home().join(".openclaw-work/openclaw.json");
    fs::create_dir(config.parent().unwrap()).unwrap();
    fs::write(&config, "{}").unwrap();
    (clinic, config)
}

fn command_in(config: &Path) -> Value {
    let value: Value = json5::from_str(&fs::read_to_string(config).unwrap()).unwrap();
    value["plugins"]["entries"]["codex"]["config"]["appServer"]["command"].clone()
}

const DEFAULT: [&str; 2] = ["--profile", "default"];
const WORK: [&str; 2] = ["--profile", "work"];

fn with<'a>(verb: &'a str, profile: [&'a str; 2]) -> Vec<&'a str> {
    [&[verb], &profile[..]].concat()
}

/// What OpenClaw's configuration is if it runs this program.
fn running(codex: &Path) -> String {
    json!({"plugins": {"entries": {"codex": {"config": {"appServer": {"command": codex}}}}}}).to_string()
}

/// Runs `install` of the profile `work`, which changes nothing and says all of this.
#[track_caller]
fn work_is_refused(clinic: &Clinic, parts: &[&str]) {
    let before = clinic.files();
    clinic.calls();
    let finished = clinic.run(&with("install", WORK));
    assert_eq!(finished.code, Some(1), "{finished:?}");
    parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "`{part}` is not in {finished:?}"));
    assert_eq!((clinic.changed(&before), clinic.calls()), (Vec::new(), Vec::new()));
}

pub fn cases() -> Vec<Case> {
    [picked(), one_codex()].into_iter().flatten().collect()
}

/// The setting `codex` is one for every gateway.
fn one_codex() -> Vec<Case> {
    vec![
        case("a codex that one gateway brought does not replace another one that a second gateway runs", || {
            let (clinic, work) = with_work();
            let (first, second) = (pinned(&clinic, "0.140.0"), pinned_apart(&clinic, "0.150.0"));
            clinic.openclaw.configure(&running(&first));
            clinic.succeeds(&with("install", DEFAULT));
            let shown = |codex: &Path| format!("`{}`", codex.display());
            // By its path, and as the one on the gateway's PATH.
            work_is_refused(&clinic, &["runs `~/.local/bin/codex`", &shown(&first), "--profile work --force"]);
            fs::write(&work, running(&second)).unwrap();
            let variable = format!("set `CODEX_HOME_SHIM_CODEX` to {} where ", shown(&second));
            work_is_refused(&clinic, &[&shown(&first), &variable, "--profile work --force"]);
            // The two pieces of advice.
            clinic.succeeds(&[with("install", WORK), vec!["--force"]].concat());
            clinic.succeeds(&with("uninstall", DEFAULT));
            assert!(fs::read_to_string(settings_file(&clinic.person)).unwrap().contains(first.to_str().unwrap()));
            clinic.succeeds(&with("uninstall", WORK));
            assert!(!settings_file(&clinic.person).exists() && command_in(&work) == json!(second));
            clinic.succeeds(&with("install", DEFAULT));
            let unit = clinic.person.home().join(".config/systemd/user/openclaw-gateway-work.service");
            fs::create_dir_all(unit.parent().unwrap()).unwrap();
            let text = format!(
                "[Service]\nExecStart=openclaw gateway\nEnvironment=OPENCLAW_STATE_DIR={}\n\
                 Environment=CODEX_HOME_SHIM_CODEX={}\n",
                work.parent().unwrap().display(),
                second.display()
            );
            fs::write(&unit, text).unwrap();
            clinic.succeeds(&with("install", WORK));
            clinic.succeeds(&with("uninstall", DEFAULT));
            assert!(!settings_file(&clinic.person).exists());
            assert_eq!(command_in(&work), json!(clinic.launcher()));
        })
        .needs(Need::Linux)
        .needs(Need::NoSystemCodex),
        case(
            "a gateway whose codex would become the setting leaves a gateway alone that has the launcher already",
            || {
                let (clinic, work) = with_work();
                clinic.succeeds(&with("install", DEFAULT));
                let codex = pinned(&clinic, "0.140.0");
                fs::write(&work, running(&codex)).unwrap();
                let variable = format!("set `CODEX_HOME_SHIM_CODEX` to `{}` where ", codex.display());
                work_is_refused(&clinic, &["`~/.openclaw/openclaw.json`", &variable, "--profile work --force"]);
                clinic.succeeds(&[with("install", WORK), vec!["--force"]].concat());
                clinic.succeeds(&with("uninstall", WORK));
                assert!(!settings_file(&clinic.person).exists());
                clinic.succeeds(&with("uninstall", DEFAULT));
                clinic.succeeds(&with("install", WORK));
            },
        ),
        case("uninstall leaves the setting `codex` as long as another gateway needs it", || {
            for [first, last] in [[DEFAULT, WORK], [WORK, DEFAULT]] {
                let (clinic, work) = with_work();
                let codex = pinned(&clinic, "0.140.0");
                clinic.openclaw.configure(&running(&codex));
                fs::write(&work, running(&codex)).unwrap();
                clinic.succeeds(&with("install", DEFAULT));
                clinic.succeeds(&with("install", WORK));
                let text = format!("codex = \"{}\"\n", codex.display());
                let settings = settings_file(&clinic.person);
                let receipts = fs::read(clinic.receipt()).unwrap();
                let said = clinic.succeeds(&with("uninstall", first)).stdout;
                assert!(said.contains("the launcher's setting `codex` is kept, for `~/.openclaw"), "{said}");
                assert_eq!(fs::read_to_string(&settings).unwrap(), text);
                // Again, as if it had been killed before it removed its receipt.
                fs::write(clinic.receipt(), receipts).unwrap();
                clinic.succeeds(&with("uninstall", first));
                assert_eq!(fs::read_to_string(&settings).unwrap(), text);
                let said = clinic.succeeds(&with("uninstall", last)).stdout;
                assert!(said.contains("the launcher's setting `codex` is as it was before"), "{said}");
                assert!(!settings.exists());
            }
        }),
    ]
}

fn picked() -> Vec<Case> {
    vec![
        case("with several gateways and none picked, both refuse and list them", || {
            let (clinic, _) = with_work();
            let state = clinic.openclaw.state.display().to_string();
            for verb in ["install", "uninstall"] {
                let before = clinic.files();
                let finished = clinic.run(&[verb]);
                assert_eq!(finished.code, Some(1), "{finished:?}");
                let said = finished.stderr;
                assert!(said.contains(&format!("there are several gateways: `default` ({state}), `work` (")), "{said}");
                let commands =
                    format!("run `codex-home {verb} --state-dir {state}` or `codex-home {verb} --profile work`");
                assert!(said.contains(&commands), "{said}");
                assert!(clinic.changed(&before).is_empty() && clinic.calls().is_empty());
            }
        }),
        case("a picked gateway is the one that is changed and restored", || {
            let (clinic, work) = with_work();
            let launcher = clinic.launcher();
            let finished = clinic.succeeds(&["install", "--profile", "work", "--dry-run"]);
            let openclaw = clinic.openclaw.bin.join("openclaw");
            assert_eq!(finished.stdout, format!("{} --profile work config set {KEY} {launcher}\n", openclaw.display()));
            clinic.succeeds(&["install", "--profile", "work"]);
            assert_eq!(clinic.calls(), [format!("--profile work config set {KEY} {launcher}")]);
            assert_eq!(command_in(&work), json!(launcher));
            assert!(!clinic.config().exists());
            clinic.succeeds(&["uninstall", "--profile", "work"]);
            assert_eq!(clinic.calls(), ["--profile work config unset plugins"]);
            // The default one by its directory.
            let state = clinic.openclaw.state.display().to_string();
            clinic.succeeds(&["install", "--state-dir", &state]);
            assert_eq!(clinic.calls(), [format!("config set {KEY} {launcher}")]);
            assert_eq!(clinic.app_server()["command"], json!(launcher));
        }),
        case("a state directory elsewhere is in the command, so that it works in another shell", || {
            let clinic = Clinic::new(Release::April);
            let state = clinic.person.root().join("a state");
            fs::create_dir(&state).unwrap();
            let mut dry_run = clinic.command(&["install", "--dry-run"]);
            let finished = run(dry_run.env("OPENCLAW_STATE_DIR", &state));
            let beginning = format!("OPENCLAW_STATE_DIR='{}' {}", state.display(), clinic.openclaw.bin.display());
            assert!(finished.stdout.starts_with(&beginning), "{finished:?}");
            clinic.succeeds(&["install", "--state-dir", state.to_str().unwrap()]);
            assert_eq!(command_in(&state.join("openclaw.json")), json!(clinic.launcher()));
            assert!(!clinic.config().exists());
        }),
        case("`OPENCLAW_PROFILE` alone picks nothing, because OpenClaw goes by `--profile`", || {
            let clinic = Clinic::new(Release::April);
            let finished = run(clinic.command(&["install"]).env("OPENCLAW_PROFILE", "work"));
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("run `codex-home install --profile work`"), "{}", finished.stderr);
            let finished = run(clinic.command(&["install"]).env("OPENCLAW_PROFILE", "default"));
            assert_eq!(finished.code, Some(0), "{finished:?}");
        }),
        case("an unknown version of OpenClaw is no permission", || {
            let clinic = Clinic::new(Release::April);
            lay_package(&clinic.openclaw.package, "workspace");
            clinic.lay_command("");
            let finished = clinic.run(&["install"]);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stderr.contains("version of OpenClaw is not known"), "{}", finished.stderr);
            assert!(clinic.calls().is_empty() && !clinic.receipt().exists());
            clinic.succeeds(&["install", "--force"]);
        }),
        // https://github.com/openclaw/nix-openclaw/issues/50
        case("a configuration that is a symlink is not replaced by a file", || {
            let clinic = Clinic::new(Release::April);
            let store = clinic.person.root().join("store.json");
            fs::write(&store, "{}").unwrap();
            symlink(&store, clinic.config()).unwrap();
            for args in [&["install"][..], &["install", "--dry-run"]] {
                let finished = clinic.run(args);
                assert_eq!(finished.code, Some(1), "{finished:?}");
                let said = format!("is a symlink to `{}`", store.display());
                assert!(finished.stderr.contains(&said) && finished.stderr.contains("--force"), "{}", finished.stderr);
            }
            assert!(clinic.calls().is_empty() && clinic.config().is_symlink());
        }),
        case("an OpenClaw that starts no codex gets no launcher", || {
            let clinic = Clinic::new(Release::April);
            for (config, words) in [
                (json!({"enabled": false}), "its codex plugin is off"),
                (
                    json!({"config": {"appServer": {"transport": "websocket", "url": "wss://me:canary@x/y?token=canary"}}}),
                    "it connects to `wss://x`",
                ),
            ] {
                clinic.openclaw.configure(&json!({"plugins": {"entries": {"codex": config}}}).to_string());
                for args in [&["install"][..], &["install", "--dry-run"]] {
                    let finished = clinic.run(args);
                    assert_eq!(finished.code, Some(1), "{finished:?}");
                    assert!(finished.stderr.contains(words), "{}", finished.stderr);
                    assert!(!finished.stderr.contains("canary"), "{}", finished.stderr);
                }
                assert!(clinic.calls().is_empty());
                let forced = clinic.run(&["install", "--dry-run", "--force"]);
                assert!(!forced.stderr.contains("canary"), "{}", forced.stderr);
            }
        }),
        case("a launcher by a variable, an include or the gateway's environment is already installed", || {
            let clinic = Clinic::new(Release::April);
            let launcher = clinic.launcher();
            let already = |config: &str| {
                clinic.openclaw.configure(config);
                let finished = clinic.succeeds(&["install"]);
                assert!(finished.stdout.starts_with("already installed: "), "{finished:?}");
                assert!(clinic.calls().is_empty());
            };
            clinic.person.link(&clinic.person.launcher(), &clinic.person.home().join("bin/codex-home-shim"));
            let app_server =
                |command: &str| json!({"entries": {"codex": {"config": {"appServer": {"command": command}}}}});
            already(&json!({"plugins": app_server("${HOME}/bin/codex-home-shim")}).to_string());
            fs::write(clinic.openclaw.state.join("plugins.json5"), app_server(&launcher).to_string()).unwrap();
            already("{ plugins: { $include: './plugins.json5' } }");
            let unit = clinic.person.home().join(".config/systemd/user/openclaw-gateway.service");
            fs::create_dir_all(unit.parent().unwrap()).unwrap();
            let text = format!(
                "[Service]\nExecStart=openclaw gateway\nEnvironment=OPENCLAW_CODEX_APP_SERVER_BIN={launcher}\n"
            );
            fs::write(unit, text).unwrap();
            already("{}");
        }),
    ]
}
