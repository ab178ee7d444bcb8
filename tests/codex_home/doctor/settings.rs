//! The doctor about OpenClaw's settings, as people write them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::Patient;
use super::service::{lay, unit};
use crate::support::openclaw::{Release, lay_package};
use crate::support::{Case, case};

const APP_SERVER: &str = "app-server-command";

fn in_codex(value: &Value) -> String {
    json!({"plugins": {"entries": {"codex": value}}}).to_string()
}

pub fn cases() -> Vec<Case> {
    [followed(), nothing_is_started(), agents(), packages()].into_iter().flatten().collect()
}

fn followed() -> Vec<Case> {
    vec![
        // https://github.com/openclaw/openclaw/issues/66048
        case("doctor: files that the settings include are followed", || {
            let patient = Patient::installed(Release::April);
            let launcher = patient.person.launcher();
            let file = |name: &str, text: String| {
                let path = patient.openclaw.state.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            };
            file(
                "config/plugins.json5",
                "{ $include: ['./empty.json5', '../deep.json5'], allow: ['codex'] }".to_owned(),
            );
            file("config/empty.json5", "{}".to_owned());
            file(
                "deep.json5",
                json!({"entries": {"codex": {"config": {"appServer": {"command": launcher}}}}}).to_string(),
            );
            patient.openclaw.configure("{ plugins: { $include: './config/plugins.json5' } }");
            patient.says(APP_SERVER, "ok", "OpenClaw runs the launcher", "");
            patient.is_silent_about("openclaw-config");
            // Keys beside the include win.
            patient.openclaw.configure("{ plugins: { $include: './config/plugins.json5', enabled: false } }");
            patient.says(APP_SERVER, "warn", "`plugins.enabled`", "");
        }),
        case("doctor: an include that cannot be followed leaves open what OpenClaw runs", || {
            let patient = Patient::new(Release::April);
            let outside = patient.person.root().join("outside.json5");
            fs::write(&outside, "{}").unwrap();
            symlink(&outside, patient.openclaw.state.join("linked.json5")).unwrap();
            fs::write(patient.openclaw.state.join("circle.json5"), "{ $include: './circle.json5' }").unwrap();
            for name in ["./missing.json5", "./linked.json5", "./circle.json5", outside.to_str().unwrap()] {
                patient.openclaw.configure(&json!({"plugins": {"$include": name}}).to_string());
                patient.says("openclaw-config", "unknown", "could not be followed", "openclaw config get");
                patient.is_silent_about(APP_SERVER);
                let lines = patient.lines("home-cannot-log-in", &mut patient.doctor());
                assert!(lines.iter().all(|[status, ..]| status != "fail"), "{lines:#?}");
            }
            // Elsewhere it does not matter.
            patient.openclaw.configure("{ channels: { $include: './missing.json5' } }");
            patient.is_silent_about("openclaw-config");
        }),
        case("doctor: variables are resolved with the gateway's environment", || {
            let patient = Patient::installed(Release::April);
            let link = patient.person.home().join("bin/codex-home-shim");
            patient.person.link(&patient.person.launcher(), &link);
            let app_server = |command: &str| {
                patient.openclaw.configure_app_server(&json!({"command": command}));
            };
            app_server("${HOME}/bin/codex-home-shim");
            patient.says(APP_SERVER, "ok", &format!("`{}`", link.display()), "");
            let path = patient.path();
            lay(&patient, &unit(&[("PATH", Path::new(&path)), ("TOOLS", &patient.person.home().join("bin"))]));
            app_server("${TOOLS}/codex-home-shim");
            patient.says(APP_SERVER, "ok", &format!("`{}`", link.display()), "");
            app_server("${ELSEWHERE}/codex-home-shim");
            patient.says(APP_SERVER, "unknown", "`${ELSEWHERE}/codex-home-shim`", "");
            app_server("$${HOME}/codex-home-shim");
            patient.says(APP_SERVER, "fail", "`${HOME}/codex-home-shim`", "");
        }),
        // https://github.com/openclaw/nix-openclaw/issues/103
        case("doctor: the variable that names the program counts if the settings do not", || {
            let patient = Patient::installed(Release::April);
            let (launcher, path) = (patient.person.launcher(), patient.path());
            let variable = "OPENCLAW_CODEX_APP_SERVER_BIN";
            lay(&patient, &unit(&[("PATH", Path::new(&path)), (variable, &launcher)]));
            patient.openclaw.configure("{}");
            patient.says(APP_SERVER, "ok", "(`OPENCLAW_CODEX_APP_SERVER_BIN`)", "");
            // 2026.4.21 fills in `codex` as soon as there is an `appServer`.
            patient.openclaw.configure_app_server(&json!({}));
            patient.says(APP_SERVER, "fail", "without the launcher", "codex-home install");
            lay_package(&patient.openclaw.package, "2026.5.2");
            patient.says(APP_SERVER, "ok", "(`OPENCLAW_CODEX_APP_SERVER_BIN`)", "");
            patient.openclaw.configure_app_server(&json!({"command": patient.codex}));
            patient.says(APP_SERVER, "warn", &format!("OpenClaw runs `{}`", patient.codex.display()), "");
        }),
    ]
}

fn nothing_is_started() -> Vec<Case> {
    vec![
        // https://github.com/openclaw/openclaw/issues/101416
        case("doctor: an OpenClaw that starts no codex is not told to install the launcher", || {
            let patient = Patient::new(Release::April);
            let connects = json!({"config": {"appServer": {"transport": "websocket", "url": "ws://127.0.0.1:39175"}}});
            patient.openclaw.configure(&in_codex(&connects));
            patient.says(APP_SERVER, "ok", "it connects to `ws://127.0.0.1:39175`", "");
            // The launcher would redirect this bridge, but is not started there.
            let is_not_used = || {
                let text = format!("`{}` is not used: OpenClaw starts no codex", patient.person.bridge().display());
                patient.says("homes", "ok", &text, "");
            };
            is_not_used();
            let off = |setting: &str, config: String, help: &str| {
                patient.openclaw.configure(&config);
                patient.says(APP_SERVER, "warn", &format!("its codex plugin is off (`{setting}`)"), help);
                let value = patient.json(&mut patient.doctor());
                assert!(!value.to_string().contains("codex-home install`: the launcher would"), "{value:#}");
                is_not_used();
            };
            let launcher = json!({"config": {"appServer": {"command": patient.person.launcher()}}});
            let mut disabled = launcher.clone();
            disabled["enabled"] = json!(false);
            off("plugins.entries.codex.enabled", in_codex(&disabled), "config set plugins.entries.codex.enabled true");
            off(
                "plugins.enabled",
                json!({"plugins": {"enabled": false}}).to_string(),
                "config set plugins.enabled true",
            );
            off(
                "plugins.allow",
                json!({"plugins": {"allow": ["telegram"]}}).to_string(),
                "add `codex` to `plugins.allow`",
            );
        }),
    ]
}

fn agents() -> Vec<Case> {
    vec![
        // https://github.com/openclaw/openclaw/issues/116107
        case("doctor: agents are found as a list and, from 2026.9.5 on, by their ids", || {
            let patient = Patient::new(Release::September);
            let agent = patient.person.home().join("elsewhere/agent");
            patient.person.write_auth(&agent.join("codex-home"), b"{}");
            for agents in [
                json!({"list": [{"id": "a", "agentDir": agent}]}),
                json!({"entries": {"a": {"agentDir": "${HOME}/elsewhere/agent"}}}),
            ] {
                patient.openclaw.configure(&json!({"agents": agents}).to_string());
                patient.says("stale-auth-file", "fail", &agent.display().to_string(), "models auth login");
            }
        }),
        case("doctor: `codex exec` is reached by the command of its backend, not by that of the app-server", || {
            let patient = Patient::installed(Release::April);
            let launcher = patient.person.launcher();
            let config = |backend: Value| {
                let config = json!({
                    "agents": {"defaults": {"model": {"primary": "codex-cli/gpt-5.4"}, "cliBackends": {"codex-cli": backend}}},
                    "plugins": {"entries": {"codex": {"config": {"appServer": {"command": launcher}}}}},
                });
                patient.openclaw.configure(&config.to_string());
            };
            for backend in [json!({}), json!({"command": "/opt/homebrew/bin/codex"})] {
                config(backend);
                let help = format!(
                    "run `openclaw config set agents.defaults.cliBackends.codex-cli.command {}`",
                    launcher.display()
                );
                patient.says("home-cannot-log-in", "fail", "cli-auth", &help);
            }
            config(json!({"command": launcher}));
            patient.is_silent_about("home-cannot-log-in");
        }),
    ]
}

fn packages() -> Vec<Case> {
    vec![case("doctor: OpenClaw is found behind a script, and under another name", || {
        let patient = Patient::new(Release::September);
        fs::remove_dir_all(&patient.openclaw.package).unwrap();
        let command = patient.openclaw.bin.join("openclaw");
        fs::remove_file(&command).unwrap();
        let git = patient.person.home().join("openclaw");
        fs::create_dir_all(git.join("dist")).unwrap();
        let name = |name: &str| {
            let package = json!({"name": name, "version": "2026.9.5-zh.2", "bin": {"openclaw": "openclaw.mjs"}});
            fs::write(git.join("package.json"), package.to_string()).unwrap();
        };
        for (script, package) in [
            (format!("#!/usr/bin/env bash\nexec node \"{}/dist/entry.js\" \"$@\"\n", git.display()), "openclaw"),
            // pnpm 11 and 12.
            (
                "#!/bin/sh\nbasedir=$(dirname \"$0\")\nif [ -x \"$basedir/node\" ]; then\n  exec \"$basedir/node\" \
                     \"$basedir/../../openclaw/dist/entry.js\" \"$@\"\nelse\n  exec node \
                     \"$basedir/../../openclaw/dist/entry.js\" \"$@\"\nfi\n"
                    .to_owned(),
                "@someone/openclaw-zh",
            ),
        ] {
            name(package);
            fs::write(git.join("dist/entry.js"), "").unwrap();
            patient.person.write_program(&command, &script);
            patient.says("openclaw", "ok", "OpenClaw 2026.9.5-zh.2 in `", "");
        }
    })]
}
