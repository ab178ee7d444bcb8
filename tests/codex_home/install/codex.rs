//! Which codex the launcher would start once it is installed: none that works is lost.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Clinic;
use crate::support::fixture::{place, programs};
use crate::support::openclaw::{Release, lay_package};
use crate::support::{Case, Fixture, Need, case, run};

/// A codex outside PATH whose version its place tells.
pub fn pinned(clinic: &Clinic, version: &str) -> PathBuf {
    let codex = clinic.person.root().join("tools/Cellar/codex").join(version).join("bin/codex");
    fs::create_dir_all(codex.parent().unwrap()).unwrap();
    place(&programs().join("codex"), &codex);
    codex
}

/// As [`pinned`], with a file of its own: the other stand-ins are links to one.
pub fn pinned_apart(clinic: &Clinic, version: &str) -> PathBuf {
    let codex = pinned(clinic, version);
    fs::remove_file(&codex).unwrap();
    fs::copy(clinic.person.launcher().with_file_name("codex-home"), &codex).unwrap();
    codex
}

/// Removes the codex that is in `~/.local/bin`.
fn without_codex(clinic: &Clinic) {
    fs::remove_file(clinic.person.home().join(".local/bin/codex")).unwrap();
}

/// A codex in a directory that only a shell with this PATH has.
fn on_shells_path(clinic: &Clinic) -> (PathBuf, String) {
    let directory = clinic.person.root().join("own");
    clinic.person.link(&pinned(clinic, "0.140.0"), &directory.join("codex"));
    let path = format!("{}:{}", clinic.openclaw.path(), directory.display());
    (directory.join("codex"), path)
}

pub fn settings_file(person: &Fixture) -> PathBuf {
    let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    person.home().join(below).join("codex-home-shim/config.toml")
}

/// Runs `install`, which changes nothing and says all of this.
#[track_caller]
fn refuses(clinic: &Clinic, parts: &[&str]) {
    let before = clinic.files();
    for args in [&["install"][..], &["install", "--dry-run"]] {
        let finished = clinic.run(args);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        parts.iter().for_each(|part| assert!(finished.stderr.contains(part), "`{part}` is not in {finished:?}"));
    }
    assert_eq!((clinic.changed(&before), clinic.calls()), (Vec::new(), Vec::new()));
}

pub fn cases() -> Vec<Case> {
    [carried(), judged(), wrappers()].into_iter().flatten().collect()
}

fn carried() -> Vec<Case> {
    vec![
        case("a command that pins a codex becomes the setting `codex`, and uninstall puts both back", || {
            let clinic = Clinic::new(Release::April);
            let codex = pinned(&clinic, "0.140.0");
            clinic.openclaw.configure_app_server(&json!({"command": codex}));
            let dry = clinic.succeeds(&["install", "--dry-run"]);
            let set = format!("codex-home config set codex {}\n", codex.display());
            assert!(dry.stdout.starts_with(&set), "{dry:?}");
            clinic.succeeds(&["install"]);
            let settings = settings_file(&clinic.person);
            assert_eq!(fs::read_to_string(&settings).unwrap(), format!("codex = \"{}\"\n", codex.display()));
            let said = clinic.succeeds(&["uninstall"]).stdout;
            assert!(said.contains("the launcher's setting `codex` is as it was before"), "{said}");
            assert_eq!(clinic.app_server()["command"], json!(codex));
            assert!(!settings.exists() && !clinic.receipt().exists());
        }),
        case("other settings stay, and a setting that was changed since the install is left", || {
            let clinic = Clinic::new(Release::April);
            let codex = pinned(&clinic, "0.140.0");
            clinic.openclaw.configure_app_server(&json!({"command": codex}));
            let settings = clinic.person.write_settings("# mine\nstrategy = \"repair\"\n");
            clinic.succeeds(&["install"]);
            clinic.succeeds(&["uninstall"]);
            assert_eq!(fs::read_to_string(&settings).unwrap(), "# mine\nstrategy = \"repair\"\n");
            clinic.succeeds(&["install"]);
            let codex = clinic.person.codex().display().to_string();
            clinic.succeeds(&["config", "set", "codex", &codex]);
            let said = clinic.succeeds(&["uninstall"]).stdout;
            assert!(said.contains("was changed since, or cannot be read, and is left"), "{said}");
            assert!(fs::read_to_string(&settings).unwrap().contains(&codex));
        }),
        case("a variable that overrides the setting does not keep `uninstall` from removing it", || {
            let clinic = Clinic::new(Release::April);
            let codex = pinned(&clinic, "0.140.0");
            clinic.openclaw.configure_app_server(&json!({"command": codex}));
            clinic.succeeds(&["install"]);
            let mut uninstall = clinic.command(&["uninstall"]);
            let finished = run(uninstall.env("CODEX_HOME_SHIM_CODEX", clinic.person.codex()));
            assert!(finished.stdout.contains("`codex` is as it was before"), "{finished:?}");
            assert!(!settings_file(&clinic.person).exists());
        }),
        case("a setting that names a codex wins over a pinned one", || {
            let clinic = Clinic::new(Release::April);
            clinic.openclaw.configure_app_server(&json!({"command": pinned(&clinic, "0.140.0")}));
            let text = format!("codex = \"{}\"\n", pinned(&clinic, "0.150.0").display());
            let settings = clinic.person.write_settings(&text);
            clinic.succeeds(&["install"]);
            assert_eq!(fs::read_to_string(settings).unwrap(), text);
        }),
        case("a codex that only the shell's PATH leads to becomes the setting `codex`", || {
            let clinic = Clinic::new(Release::April);
            without_codex(&clinic);
            let (codex, path) = on_shells_path(&clinic);
            let finished = run(clinic.command(&["install"]).env("PATH", path));
            assert_eq!(finished.code, Some(0), "{finished:?}");
            let settings = settings_file(&clinic.person);
            assert_eq!(fs::read_to_string(&settings).unwrap(), format!("codex = \"{}\"\n", codex.display()));
            clinic.succeeds(&["uninstall"]);
            assert!(!settings.exists());
        })
        .needs(Need::NoSystemCodex),
        case(
            "a setting that names a codex that is gone is no reason to install, whatever is on the shell's PATH",
            || {
                let clinic = Clinic::new(Release::April);
                without_codex(&clinic);
                let (codex, path) = on_shells_path(&clinic);
                let settings = clinic.person.write_settings("codex = \"/gone/codex\"\n");
                let before = clinic.files();
                let finished = run(clinic.command(&["install"]).env("PATH", &path));
                assert_eq!(finished.code, Some(1), "{finished:?}");
                for part in ["`/gone/codex`", "run `codex-home config unset codex`"] {
                    assert!(finished.stderr.contains(part), "{finished:?}");
                }
                assert_eq!((clinic.changed(&before), clinic.calls()), (Vec::new(), Vec::new()));
                clinic.succeeds(&["config", "unset", "codex"]);
                let finished = run(clinic.command(&["install"]).env("PATH", path));
                assert_eq!(finished.code, Some(0), "{finished:?}");
                assert_eq!(fs::read_to_string(&settings).unwrap(), format!("codex = \"{}\"\n", codex.display()));
            },
        )
        .needs(Need::NoSystemCodex),
        case("if OpenClaw refuses the edit, no setting is kept and all of it is told by hand", || {
            let clinic = Clinic::new(Release::April);
            let codex = pinned(&clinic, "0.140.0");
            clinic.openclaw.configure_app_server(&json!({"command": codex}));
            let before = clinic.files();
            let finished = run(clinic.command(&["install"]).env(super::MOOD, "fail"));
            assert_eq!(finished.code, Some(3), "{finished:?}");
            let said = finished.stderr;
            assert!(said.contains("plugin upgrade is unfinished"), "{said}");
            assert!(said.contains(&format!("run `codex-home config set codex {}`", codex.display())), "{said}");
            assert!(finished.stdout.contains("by hand: set `plugins."), "{}", finished.stdout);
            assert!(clinic.changed(&before).is_empty(), "{:?}", clinic.changed(&before));
        }),
    ]
}

fn judged() -> Vec<Case> {
    vec![
        case("without a codex for the gateway nothing is installed", || {
            let clinic = Clinic::new(Release::April);
            without_codex(&clinic);
            refuses(&clinic, &["the launcher would find no codex for the gateway", "help: "]);
            clinic.succeeds(&["install", "--force"]);
        })
        .needs(Need::NoSystemCodex),
        case("a codex that OpenClaw does not accept, or whose version is not known, is no reason to install", || {
            let clinic = Clinic::new(Release::April);
            without_codex(&clinic);
            crate::support::openclaw::lay_codex(&clinic.person, "0.100.0");
            refuses(&clinic, &["2026.4.21 needs codex 0.118.0 or later", "which is 0.100.0"]);
            without_codex(&clinic);
            clinic.person.link(&clinic.person.codex(), &clinic.person.home().join("bin/codex"));
            clinic.openclaw.configure_app_server(&json!({"command": "/opt/gone"}));
            refuses(&clinic, &["whose version is not known", "--version`; if it is 0.118.0 or later", "--force"]);
            // A script may look beside the path by which it is run.
            let link = clinic.person.home().join("bin/codex");
            fs::remove_file(&link).unwrap();
            let script = "#!/bin/sh\nexec \"$(dirname \"$0\")/real\" \"$@\"\n";
            clinic.person.link(&clinic.person.write_program(&clinic.person.root().join("own/codex"), script), &link);
            refuses(&clinic, &["run `~/bin/codex --version`"]);
        })
        .needs(Need::NoSystemCodex),
        case("a codex of unknown version that OpenClaw starts today may be started by the launcher", || {
            let clinic = Clinic::new(Release::April);
            without_codex(&clinic);
            let codex = clinic.person.codex();
            clinic.openclaw.configure_app_server(&json!({"command": codex}));
            let finished = clinic.succeeds(&["install"]);
            assert!(finished.stderr.contains("whose version is not known, as OpenClaw does now"), "{finished:?}");
            let text = fs::read_to_string(settings_file(&clinic.person)).unwrap();
            assert_eq!(text, format!("codex = \"{}\"\n", codex.display()));
        }),
        case("wrong settings, with which the launcher starts nothing, come first", || {
            let clinic = Clinic::new(Release::April);
            clinic.person.write_settings("strategy = \"x\"\n");
            refuses(&clinic, &["the launcher would start nothing"]);
        }),
        case("a later release accepts a later codex, and --force says what speaks against it", || {
            let clinic = Clinic::new(Release::April);
            lay_package(&clinic.openclaw.package, "2026.5.12");
            clinic.lay_command("");
            without_codex(&clinic);
            crate::support::openclaw::lay_codex(&clinic.person, "0.120.0");
            let finished = clinic.succeeds(&["install", "--force"]);
            for part in ["would leave every start alone", "2026.5.12 needs codex 0.125.0 or later"] {
                assert!(finished.stderr.contains(part), "{finished:?}");
            }
        }),
    ]
}

fn wrappers() -> Vec<Case> {
    let wrapper = |clinic: &Clinic, text: &str| {
        let path = clinic.person.write_program(&clinic.person.home().join("wrapper"), text);
        clinic.openclaw.configure_app_server(&json!({"command": path}));
    };
    vec![
        // https://github.com/openclaw/openclaw/issues/70511
        case("the wrapper of the issue is replaced, with the codex that it names", move || {
            let clinic = Clinic::new(Release::April);
            wrapper(&clinic, "#!/bin/sh\nexport CODEX_HOME=\"$HOME/.codex\"\nexec codex \"$@\"\n");
            clinic.succeeds(&["install"]);
            assert!(!settings_file(&clinic.person).exists());
            clinic.succeeds(&["uninstall"]);
            let codex = pinned(&clinic, "0.140.0");
            let text = format!("#!/bin/sh\nCODEX_HOME=~/.codex exec {} \"$@\"\n", codex.display());
            wrapper(&clinic, &text);
            clinic.succeeds(&["install"]);
            let text = fs::read_to_string(settings_file(&clinic.person)).unwrap();
            assert_eq!(text, format!("codex = \"{}\"\n", codex.display()));
        }),
        case("a wrapper that does more is shown with what would be lost, and wants --force", move || {
            for (line, lost) in [
                ("exec doppler run -p canary -- codex \"$@\"", "starts codex through `doppler`"),
                ("exec docker run --rm -i codex-cli codex \"$@\"", "starts codex through `docker`"),
                ("exec sudo -u bot -H codex \"$@\"", "starts codex through `sudo`"),
                ("unset OPENAI_API_KEY\nexec codex \"$@\"", "unsets `OPENAI_API_KEY`"),
                ("export HOME=/canary\nexec codex \"$@\"", "sets `HOME`"),
                ("exec codex app-server --listen ws://canary", "gives codex other arguments"),
                ("cp ~/.codex/auth.json $CODEX_HOME/auth.json\nexec codex \"$@\"", "copies a login"),
                (
                    "CODEX_HOME=/srv/codex exec codex \"$@\"",
                    "sets `CODEX_HOME`, for which the launcher has the setting",
                ),
                ("exec \"$CODEX_BIN\" \"$@\"", "starts codex through `$CODEX_BIN`"),
            ] {
                let clinic = Clinic::new(Release::April);
                wrapper(&clinic, &format!("#!/bin/sh\n{line}\n"));
                refuses(&clinic, &["OpenClaw runs `~/wrapper`", "would be lost", lost, "--force"]);
                let finished = clinic.succeeds(&["install", "--force"]);
                assert!(finished.stderr.contains(lost), "{finished:?}");
                assert!(!finished.stderr.contains("canary"), "{finished:?}");
            }
        }),
        case("a script in another language, and a command by an unknown variable, want --force", move || {
            let clinic = Clinic::new(Release::April);
            wrapper(&clinic, "#!/usr/bin/env python3\nimport os\n");
            refuses(&clinic, &["does more that was not understood"]);
            clinic.openclaw.configure_app_server(&json!({"command": "${CODEX_BIN}"}));
            refuses(&clinic, &["`${CODEX_BIN}`", "depends on the gateway's environment"]);
        }),
        case("the script that the launcher would start too is not lost", || {
            let clinic = Clinic::new(Release::April);
            let link: &Path = &clinic.person.home().join(".local/bin/codex");
            clinic.openclaw.configure_app_server(&json!({"command": link}));
            clinic.succeeds(&["install"]);
        })
        .needs(Need::NoSystemCodex),
    ]
}
