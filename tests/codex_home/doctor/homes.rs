//! The doctor about homes and past starts.

use std::fs;

use serde_json::{Value, json};

use super::{Patient, service};
use crate::support::fixture::{BRIDGE_REFRESH, KEY, OPAQUE_ACCESS, PERSONAL_REFRESH};
use crate::support::openclaw::{Release, lay_package};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, auth, case, strace};

pub fn cases() -> Vec<Case> {
    vec![
        case("doctor: a person who is not logged in is told to", || {
            let patient = Patient::installed(Release::April);
            let launcher = patient.person.launcher();
            let config = json!({
                "agents": {"defaults": {"cliBackends": {"codex-cli": {"command": launcher}}}},
                "plugins": {"entries": {"codex": {"config": {"appServer": {"command": launcher}}}}},
            });
            patient.openclaw.configure(&config.to_string());
            for bridge in &patient.openclaw.homes {
                patient.person.write_auth(bridge, &auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH));
            }
            fs::remove_dir_all(patient.person.personal()).unwrap();
            let refused = patient.lines("home-refused", &mut patient.doctor());
            assert_eq!(refused.len(), 2, "{refused:#?}");
            for [status, text, help] in &refused {
                assert!(status == "fail" && text.contains("auth.json has no `id_token`"), "{refused:#?}");
                assert!(help.contains("run `"), "{refused:#?}");
            }
            patient.says("personal-home", "warn", "the directory does not exist", "run `codex login`");
        }),
        case("doctor: a symlink that OpenClaw 2026.4.21 fails over is named", || {
            let patient = Patient::installed(Release::April);
            let auth = patient.person.bridge().join("auth.json");
            fs::remove_file(&auth).unwrap();
            patient.person.link(&patient.person.personal().join("auth.json"), &auth);
            let text = format!("`{}` is a symlink", auth.display());
            patient.says("linked-bridge", "fail", &text, &format!("rm {}", auth.display()));
            // Every directory that OpenClaw makes, the agent's included.
            for directory in ["harness-auth/codex", "harness-auth", ""] {
                let patient = Patient::installed(Release::April);
                let directory = patient.openclaw.agent.join(directory).components().collect::<std::path::PathBuf>();
                let moved = patient.person.root().join("moved");
                fs::rename(&directory, &moved).unwrap();
                patient.person.link(&moved, &directory);
                let lines = patient.lines("linked-bridge", &mut patient.doctor());
                assert!(!lines.is_empty() && lines.iter().all(|[status, ..]| status == "fail"), "{lines:?}");
                assert!(lines[0][1].contains(&format!("`{}` is a symlink", directory.display())), "{lines:?}");
            }
            // Later releases write no bridges.
            lay_package(&patient.openclaw.package, "2026.5.2");
            patient.is_silent_about("linked-bridge");
        }),
        case("doctor: an auth.json that OpenClaw 2026.8.1 fails over is named", || {
            let patient = Patient::new(Release::August);
            let home = patient.openclaw.agent.join("codex-home");
            patient.person.write_auth(&home, &auth::healthy(ACCOUNT, "old", PERSONAL_REFRESH));
            let aside = format!("mv {0}/auth.json {0}/auth.json.old", home.display());
            patient.says("stale-auth-file", "fail", "never read it", &aside);
            patient.says("stale-auth-file", "fail", "never read it", "openclaw models auth login --provider openai");
            // Up to 2026.7 codex itself writes it there.
            lay_package(&patient.openclaw.package, "2026.7.1");
            patient.is_silent_about("stale-auth-file");
        }),
        case("doctor: homes that an earlier OpenClaw left over are not complained about", || {
            let patient = Patient::new(Release::April);
            lay_package(&patient.openclaw.package, "2026.9.6");
            let value = patient.json(&mut patient.doctor());
            assert_eq!((&value["status"], &value["gateways"][0]["homes"][0]["in_use"]), (&json!("ok"), &json!(false)), "{value:#}");
        }),
        case("doctor: whether codex can log in with a bridge that is kept unjudged is not known", || {
            let patient = Patient::installed(Release::April);
            let mut login = auth::healthy_value(ACCOUNT, "bridge", BRIDGE_REFRESH);
            login.as_object_mut().unwrap().remove("last_refresh");
            let bridge = patient.person.write_auth(&patient.person.bridge(), &auth::bytes(&login));
            let all = patient.lines("home-left-alone", &mut patient.doctor());
            let line = all.iter().find(|[_, text, _]| text.contains(bridge.to_str().unwrap()));
            let Some([status, text, help]) = line else { panic!("{all:#?}") };
            assert!(status == "unknown" && text.contains("is not known: auth.json has no `last_refresh`"), "{all:#?}");
            assert!(help.contains("codex-home verify"), "{help}");
        }),
        case("doctor: a home that other users may look into is named", || {
            let patient = Patient::installed(Release::April);
            let personal = patient.person.personal();
            patient.person.chmod(&personal.join("auth.json"), 0o644);
            // Other users cannot reach that file.
            patient.is_silent_about("open-to-others");
            patient.person.chmod(&personal, 0o755);
            let text = format!("may look into `{0}` (mode 755), and read `{0}/auth.json` there", personal.display());
            patient.says("open-to-others", "warn", &text, &format!("chmod go= {}", personal.display()));
            // Nor through a directory that is closed.
            patient.person.chmod(&patient.person.home(), 0o700);
            patient.is_silent_about("open-to-others");
        }),
        case("doctor: what makes the next renewal lose the login is named", || {
            let patient = Patient::installed(Release::April);
            let auth = patient.person.personal().join("auth.json");
            patient.is_silent_about("login-not-renewable");
            let second = patient.person.home().join("second");
            fs::hard_link(&auth, &second).unwrap();
            patient.says("login-not-renewable", "warn", "second hard link", "find ~ -samefile");
            fs::remove_file(second).unwrap();
            patient.person.chmod(&auth, 0o400);
            patient.says("login-not-renewable", "warn", "read-only", "chmod u+w");
            // An API key is never renewed.
            patient.person.write_auth(&patient.person.personal(), &auth::api_key(KEY));
            patient.person.chmod(&auth, 0o400);
            patient.is_silent_about("login-not-renewable");
        }),
        case("doctor: for a bridge of 2026.4.22, which takes its id token from ~/.codex, no launcher is advised", || {
            let patient = Patient::new(Release::April);
            lay_package(&patient.openclaw.package, "2026.4.22");
            patient.openclaw.configure("{}");
            let lines = patient.lines("home-cannot-log-in", &mut patient.doctor());
            assert!(lines.iter().any(|[_, _, help]| help.contains("run `codex login`")), "{lines:?}");
            assert!(!lines.iter().any(|[_, _, help]| help.contains("codex-home install")), "{lines:?}");
        }),
        case("doctor: the main agent is examined, however many there are", || {
            let patient = Patient::new(Release::April);
            for agent in 0..300 {
                fs::create_dir(patient.openclaw.state.join(format!("agents/a{agent}"))).unwrap();
            }
            let text = patient.text(&mut patient.doctor());
            assert!(text.contains("more than 128 agents") && text.contains(super::HARNESS), "{text}");
        }),
        case(
            "doctor: more agents, starts and lines of a wrapper cost no more looks at the disk; settings cost some each",
            || {
                // Looks at the person's paths and at those of the settings. Other paths depend on what else runs on this machine.
                let looks = |size: usize, patterns: usize| {
                    let patient = Patient::installed(Release::April);
                    // Those that exist and are not found, and those that depend on a variable.
                    let agent = |number: usize| match number % 2 {
                        0 => json!({"agentDir": format!("~/agents/{}", number % 64)}),
                        _ => json!({"agentDir": format!("${{A{number}}}/agents")}),
                    };
                    let wrapper: String = (0..size).map(|number| format!("V{number}=1\n")).collect();
                    let wrapper = format!("#!/bin/sh\n{wrapper}exec codex \"$@\"\n");
                    let wrapper = patient.person.write_program(&patient.person.home().join("wrapper"), &wrapper);
                    let server = json!({"entries": {"codex": {"config": {"appServer": {"command": wrapper}}}}});
                    let agents: Vec<_> = (0..size * 10).map(agent).collect();
                    patient.openclaw.configure(&json!({"plugins": server, "agents": {"list": agents}}).to_string());
                    let lines: String = (0..patterns).map(|number| format!("\"/srv/{number}/*\",\n")).collect();
                    patient.person.write_settings(&format!("bridges = [\n{lines}]\nleave = [\n{lines}]\n"));
                    patient.record(&vec![
                        json!({"time": "2026-11-22T08:30:00.000000Z", "decision": "keep", "error": null});
                        size * 10
                    ]);
                    let output = patient.person.root().join("strace");
                    let doctor = patient.doctor();
                    let mut traced = patient.person.command(strace::program().unwrap());
                    traced.args(["-f", "-qq", "-e", "trace=%file", "-o"]).arg(&output).arg("--");
                    traced.arg(doctor.get_program()).arg("doctor").env("PATH", patient.path());
                    let finished = crate::support::run(&mut traced);
                    assert!(finished.stdout.contains("a script for `sh` that becomes `codex`"), "{finished:?}");
                    let text = fs::read_to_string(output).unwrap();
                    let root = patient.person.root().to_string_lossy().into_owned();
                    text.lines().filter(|line| line.contains(&root) || line.contains("\"/srv/")).count()
                };
                let (few, many) = (looks(500, 1), looks(2_000, 1));
            assert!(few > 50 && many <= few + 10, "{few}, {many}");
            // Each pattern may be another spelling of a home.
            let (some, twice) = (looks(500, 251), looks(500, 501));
            assert!((twice - some) * 10 <= (some - few) * 11, "{few}, {some}, {twice}");
            },
        )
        .needs(Need::Strace),
        case("doctor: a thousand homes fit a few lines", || {
            let patient = Patient::installed(Release::April);
            for (agent, home) in (0..1000).map(|home| (home / 25, home % 25)) {
                let home = format!(".openclaw/agents/a{agent}/agent/harness-auth/codex/{home:016x}");
                patient.person.write_auth(&patient.person.home().join(home), b"{}");
            }
            fs::remove_dir_all(patient.person.personal()).unwrap();
            let text = patient.text(&mut patient.doctor());
            assert!(text.lines().count() <= 24, "{text}");
        }),
        case("doctor: the last starts that failed are told, and a login in the environment", || {
            let patient = Patient::installed(Release::April);
            patient.says("journal", "ok", "the last start succeeded", "");
            let line = |hour: u32, error: Value| json!({"time": format!("2026-11-22T{hour:02}:30:00.000000Z"), "decision": "keep", "error": error});
            let failed = |hour: u32| line(hour, json!("no usable Codex home"));
            patient.record(&[line(8, Value::Null), failed(9), failed(10)]);
            let text = "the last 2 starts failed, the latest at 2026-11-22 10:30 UTC: no usable Codex home";
            patient.says("journal", "warn", text, "run `codex-home log`");
            // The next start may well succeed.
            assert_eq!(patient.json(&mut patient.doctor())["status"], "warn");
            // Then earlier failures are over.
            patient.record(&[failed(9), line(10, Value::Null)]);
            patient.says("journal", "ok", "the last start succeeded", "");
            patient.is_silent_about("login-in-environment");
            // A service does not have it because this shell has it.
            let mut doctor = patient.doctor();
            doctor.env("CODEX_ACCESS_TOKEN", "canary");
            assert!(patient.lines("login-in-environment", &mut doctor).is_empty());
            let patient = Patient::without_service(Release::April, "0.169.0");
            let mut doctor = patient.doctor();
            doctor.env("CODEX_ACCESS_TOKEN", "canary");
            patient.says_in(
                &mut doctor,
                "login-in-environment",
                "warn",
                "`CODEX_ACCESS_TOKEN` is set here",
                "unset it",
            );
        }),
        case("doctor: an empty variable of a workload identity counts, and a bridge kept because of it is not right", || {
            let lines = |name: &str| {
                let patient = Patient::installed(Release::April);
                let path = patient.path();
                service::lay(&patient, &service::unit(&[("PATH", path.as_ref()), (name, "".as_ref())]));
                let of = |id| patient.lines(id, &mut patient.doctor());
                (of("login-in-environment"), of("home-left-alone"), of("homes"))
            };
            for name in ["OPENAI_FEDERATION_RULE_ID", "OPENAI_IDENTITY_TOKEN_FILE"] {
                let (variable, left, right) = lines(name);
                let [[status, text, help]] = variable.as_slice() else { panic!("{variable:?}") };
                assert!(status == "warn" && text.contains(&format!("`{name}` is set for the gateway")), "{text}");
                assert_eq!(help, "if codex is not meant to use it, unset it where the gateway is started");
                let because = "cannot log in (auth.json has no `id_token`) and is left as it is: \
                               `OPENAI_FEDERATION_RULE_ID` or `OPENAI_IDENTITY_TOKEN_FILE` is set";
                assert!(left.iter().all(|[status, text, _]| status == "unknown" && text.ends_with(because)), "{left:#?}");
                // The home of `codex exec`, which `verify` does not start, is the other one.
                assert_eq!(left.iter().filter(|[.., help]| help == "run `codex-home verify`").count(), 1, "{left:#?}");
                assert!(left.len() == 2 && right.is_empty(), "{right:#?}");
            }
            // An access token that is empty is none.
            let (variable, left, right) = lines("CODEX_ACCESS_TOKEN");
            assert!(variable.is_empty() && left.is_empty() && !right.is_empty(), "{variable:?} {left:?} {right:?}");
        }),
        case("doctor: settings that stop every start are wrong", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            let mut doctor = patient.doctor();
            doctor.env("CODEX_HOME_SHIM_STRATEGY", "atuo");
            patient.says_in(&mut doctor, "settings", "fail", "`CODEX_HOME_SHIM_STRATEGY`: expected one of", "correct");
        }),
    ]
}
