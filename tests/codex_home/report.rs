//! `codex-home report`: the text for an issue has none of the person's names.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::doctor::{Patient, without_machine};
use crate::support::openclaw::Release;
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, case};
use crate::{ask, codex_home};

/// Names that no report may have.
const CANARIES: [&str; 8] = ["canary", "Canary", "CANARY", "casey", "acme", "zürich", "5555", "bearer"];

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "report: canaries in paths, names, arguments and settings are replaced, also in JSON those of arguments",
            || {
                let patient = patient_with_canaries();
                let mut report = patient.person.codex_home(&["report"]);
                report.env("PATH", patient.path()).env("USER", "canary-user").env("LOGNAME", "canary-logname");
                report.env("HOSTNAME", "canary-host");
                let finished = ask(&patient.person, &mut report);
                assert_eq!(finished.code, Some(0), "{finished:?}");
                let text = without_machine(&finished.stdout);
                for canary in CANARIES.iter().chain([&patient.person.root().to_str().unwrap()]) {
                    assert!(!text.contains(canary), "{canary}: {text}");
                }
                // The facts that maintainers need are there.
                for words in [
                    "### doctor",
                    "OpenClaw 2026.4.21, codex 0.169.0, found by path",
                    "**fail** `app-server-command`",
                    "`~/.openclaw/agents/main/agent/harness-auth/codex/name",
                    "setting `search = ",
                    "`redirect` `missing-id-token`",
                    "no usable Codex home: bridge `~/name",
                ] {
                    assert!(text.contains(words), "{words}: {text}");
                }
                for command in [&["doctor", "--json"][..], &["explain", "--json"], &["config", "--json"]] {
                    let mut command = patient.person.codex_home(command);
                    let finished = ask(&patient.person, command.env("PATH", patient.path()));
                    for canary in ["canary-key", "canary-token", "canary-bearer", "canary-header", "canary-prompt"] {
                        assert!(!finished.stdout.contains(canary), "{canary}: {}", finished.stdout);
                    }
                }
            },
        ),
        case("report: the same name has the same number, and our own words none", || {
            let patient = patient_with_canaries();
            let mut report = patient.person.codex_home(&["report"]);
            let text = ask(&patient.person, report.env("PATH", patient.path())).stdout;
            let homes: Vec<_> =
                text.split('`').filter(|code| code.starts_with("~/name") && code.contains("codex")).collect();
            assert!(homes.len() > 1 && homes.iter().all(|home| *home == homes[0]), "{homes:#?}");
            // The line with a backtick in a name is all code.
            let lines: Vec<_> = text.lines().filter(|line| !line.contains("app-server-command")).collect();
            let sentences: String = lines.join("\n").split('`').step_by(2).collect();
            // An address is in a place without paths or code.
            assert_eq!(sentences.matches("name").count(), sentences.matches("personal : name").count(), "{sentences}");
        }),
        case(
            "report: no word of a command that this program advises is replaced, and a start has its whole time",
            || {
                let patient = Patient::installed(Release::April);
                let error = commands().join("; ");
                assert!(error.contains("`{} --device-auth`"), "{error}");
                let start = json!({"time": "2026-11-22T08:30:07.123456Z", "decision": "refuse", "subcommand": "app-server",
                "reason": "missing-id-token", "error": error});
                patient.record(&[start]);
                let mut report = patient.person.codex_home(&["report"]);
                let text = ask(&patient.person, report.env("PATH", patient.path())).stdout;
                let line = text.lines().rfind(|line| line.contains("--device-auth")).unwrap();
                let expected = "- 2026-11-22 08:30:07 UTC, `app-server`: `refuse` `missing-id-token`; `";
                assert!(line.starts_with(expected) && !line.contains("name"), "{line}");
            },
        ),
        case("report: an address to which OpenClaw connects is not named", || {
            let patient = Patient::new(Release::April);
            let address = "wss://canary:canary@canary.example/canary?token=canary";
            patient.openclaw.configure_app_server(&json!({"transport": "websocket", "url": address}));
            let text = ask(&patient.person, patient.person.codex_home(&["report"]).env("PATH", patient.path())).stdout;
            assert!(text.contains("OpenClaw starts no codex") && !text.contains("canary"), "{text}");
        }),
        case("report: without OpenClaw, codex and starts", || {
            let person = Fixture::new();
            let finished = ask(&person, &mut codex_home(&person, &["report"]));
            assert_eq!(finished.code, Some(0), "{finished:?}");
            assert!(finished.stdout.contains("- none is recorded\n"), "{}", finished.stdout);
            assert!(finished.stderr.contains("read it before you post it"), "{}", finished.stderr);
        }),
    ]
}

/// Every name that a person chooses is a canary.
fn patient_with_canaries() -> Patient {
    let patient = Patient::new(Release::April);
    let home = patient.person.home();
    let bridge = home.join("acme/casey's canary/agent/harness-auth/codex/00112233445566ff");
    patient.person.write_auth(&bridge, &crate::support::fixture::broken(ACCOUNT));
    let config = json!({
        "agents": {"list": [{"id": "canary", "agentDir": home.join("acme/casey's canary/agent")}, {"agentDir": "${CANARY}/x"}]},
        "plugins": {"entries": {"codex": {"config": {"appServer": {
            "command": "/srv/acme/zürich/my`canary/codex TOKEN=canary-token",
            "args": [
                "-c", "experimental_bearer_token=\"canary-bearer\"", "--config=x.http_headers={A=\"canary-header\"}",
                "--canary-key", "app-server", "--listen", "ws://canary-key@acme", "-cy=canary-key", "canary-prompt",
            ],
        }}}}},
    });
    patient.openclaw.configure(&config.to_string());
    let error = format!(
        "no usable Codex home: bridge `{}`: auth.json has no `id_token`; personal `/srv/acme`: canary@acme.example, account …5555",
        bridge.display()
    );
    patient.record(&[
        json!({"time": "2026-11-22T08:30:00.000000Z", "decision": "refuse", "subcommand": "app-server", "reason": "missing-id-token", "home": bridge, "error": error}),
        json!({"time": "2026-11-22T08:31:00.000000Z", "decision": "redirect", "reason": "missing-id-token", "home": bridge, "effective_home": "/srv/canary/.codex", "codex": "/opt/acme/codex", "error": null}),
    ]);
    // The service has no `XDG_CONFIG_HOME`.
    let settings = home.join(".config/codex-home-shim/config.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(settings, "search = [\"/opt/canary search\", \"/srv/acme/bin\"]\nleave = [\"~/acme-*\"]\n").unwrap();
    patient
}

/// Returns the commands that this program's texts have in backticks, with `{}` for each value.
fn commands() -> Vec<String> {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut commands = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//") && line.contains('"'));
        for line in lines.filter(|line| line.matches('`').count() % 2 == 0) {
            let codes = line.split('`').skip(1).step_by(2).filter(|code| code.contains(' ') && !code.contains('"'));
            commands.extend(codes.map(without_values));
        }
    }
    commands
}

fn without_values(code: &str) -> String {
    let mut parts = code.split('{');
    let first = parts.next().unwrap().to_owned();
    let rest = parts.map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    format!("`{}`", rest.fold(first, |code, part| code + "{}" + part))
}
