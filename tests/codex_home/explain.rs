//! `codex-home explain`: what a start would do, and that a start then does it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use codex_home::reason::ReasonCode;
use serde_json::{Value, json};
use snapbox::str;

use crate::support::fixture::{UNPRIVILEGED, broken};
use crate::support::openclaw::{OpenClaw, Release};
use crate::support::start::{BESIDE, Ended};
use crate::support::tokens::{ACCOUNT, OTHER_ACCOUNT, access_token};
use crate::support::{Case, Fixture, auth, case};
use crate::{ask, ask_json, codex_home, decisions, prints};

pub fn cases() -> Vec<Case> {
    BESIDE.get_or_init(|| explained);
    let starts = decisions::cases().into_iter().map(|case| case.prefixed("explain says what the start then does: "));
    starts.chain(texts()).chain(reasons()).chain(starts_that_are_asked_about()).chain(hosts()).collect()
}

/// Explains the start `command`, and returns the comparison with what that start then does.
fn explained(person: &Fixture, command: &Command) -> Box<dyn FnOnce(&Ended)> {
    let mut explain = person.codex_home(&["explain", "--json", "--"]);
    explain.args(command.get_args()).env_clear().current_dir(command.get_current_dir().unwrap());
    explain.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if person.is_unprivileged {
        explain.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    let (code, explained) = ask_json(person, &mut explain);
    Box::new(move |ended| is_what_was_done(code, &explained["starts"][0], ended))
}

/// Runs `explain --json` about one start, and returns that.
#[track_caller]
fn the_start(person: &Fixture, explain: &mut Command) -> Value {
    let mut all = ask_json(person, explain).1;
    assert_eq!(all["starts"].as_array().map(Vec::len), Some(1), "{all:#}");
    all["starts"][0].take()
}

fn is_what_was_done(code: i32, explained: &Value, ended: &Ended) {
    let context = || format!("{explained:#}\n{ended:#?}");
    assert_eq!(Some(code), ended.code, "{}", context());
    assert_eq!(explained["exit_code"], if code == 0 { Value::Null } else { json!(code) }, "{}", context());
    let decision = explained["decision"].as_str().unwrap();
    match &ended.journal {
        Some(line) => assert_eq!(
            (&explained["decision"], &explained["reason"]),
            (&line["decision"], &line["reason"]),
            "{}",
            context()
        ),
        // Starts that pass through leave no line, nor do starts with unknown settings.
        None => assert!(decision == "keep" || explained["reason"] == "setting-invalid", "{}", context()),
    }
    // The line about the home does not contradict the decision.
    if matches!(decision, "redirect" | "repair") {
        assert_eq!(explained["injected"]["usable"], "no", "{}", context());
    }
    match &ended.report {
        None => assert_eq!((decision, &explained["launch"]), ("refuse", &Value::Null), "{}", context()),
        Some(report) => {
            let home = report.var("CODEX_HOME").map(|home| home.to_string_lossy().into_owned());
            if let Some(home) = home.filter(|home| home.starts_with('/')) {
                assert_eq!(explained["launch"]["codex_home"], json!(home), "{}", context());
            }
            let program = String::from_utf8_lossy(&report.argv[0].0).into_owned();
            assert_eq!(explained["launch"]["codex"], json!(program), "{}", context());
        }
    }
    let repairs = explained["repairs"].as_array().unwrap();
    assert_eq!(repairs.len(), usize::from(decision == "repair"), "{}", context());
    for repair in repairs {
        let home = Path::new(repair["file"].as_str().unwrap()).parent().unwrap();
        assert_eq!(explained["launch"]["codex_home"].as_str(), home.to_str(), "{}", context());
    }
    // A message of one line has the same words.
    if let [line] = ended.stderr.lines().collect::<Vec<_>>()[..] {
        let said = line.trim_start_matches("codex-home-shim: ").trim_start_matches("warning: ");
        assert_eq!(explained["message"], said, "{}", context());
    }
}

fn texts() -> Vec<Case> {
    vec![
        case("explain: a redirect, and what every other strategy would do", || {
            let person = Fixture::issue_70511();
            let mut explain = codex_home(&person, &["explain"]);
            prints(
                &person,
                explain.env("CODEX_HOME", person.bridge()),
                0,
                str![[r#"
asked for codex app-server
injected  ✗ `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241` (bridge) cannot log in: auth.json has no `id_token` (missing-id-token), account …5555
personal  ✓ `~/.codex` (personal) can log in: it holds a ChatGPT login (ok-chatgpt), account …5555
decision  redirect: auth.json has no `id_token` (missing-id-token)
starts    `[ROOT]/bin/codex` (of unknown version, found by path)
in        `~/.codex`
says      using `~/.codex`: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token)

the strategy in force is `auto`; with another one:
redirect  codex is started in `~/.codex` instead
repair    codex is started in `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`, which is repaired first
off       codex is started in `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`, which is left as it is

"#]],
            );
        }),
        case("explain: a refusal, with its exit code", || {
            let person = Fixture::new();
            person.break_bridge_for_good();
            let mut explain = codex_home(&person, &["explain"]);
            prints(
                &person,
                explain.env("CODEX_HOME", person.bridge()),
                78,
                str![[r#"
asked for codex app-server
injected  ✗ `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241` (bridge) cannot log in: auth.json has no `id_token` (missing-id-token)
personal  ✗ `~/.codex` (personal) cannot log in: the directory does not exist (home-missing)
decision  refuse
starts    nothing, exit code 78
          no usable Codex home: bridge `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`: auth.json has no `id_token` (missing-id-token)
          personal `~/.codex`: the directory does not exist (home-missing)
          help: run `openclaw models auth login --provider openai-codex`

the strategy in force is `auto`; with another one:
redirect  nothing is started, for the same reason
repair    nothing is started: bridge: auth.json has no `id_token` (missing-id-token); personal: the strategy `repair` does not use it (strategy-forbids)
off       codex is started in `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`, which is left as it is

"#]],
            );
        }),
        case("explain: the contract of its JSON", || {
            let person = Fixture::new();
            person.log_in(OTHER_ACCOUNT);
            let bridge = person.break_bridge(ACCOUNT);
            let mut explain = codex_home(&person, &["explain", "--json"]);
            let (code, mut all) = ask_json(&person, explain.env("CODEX_HOME", &bridge));
            assert_eq!((all.as_object().unwrap().len(), all["starts"].as_array().unwrap().len()), (1, 1));
            let mut said = all["starts"][0].take();
            let message = said["message"].take();
            assert!(message.as_str().unwrap().starts_with("repaired `~/.openclaw/"), "{message}");
            let [injected, personal] = ["injected", "personal"].map(|home| said[home]["kind"].clone());
            assert_eq!([injected, personal], ["bridge", "personal"]);
            (said["injected"], said["personal"]) = (Value::Null, Value::Null);
            let of = |strategy: &str, decision: &str, reason: &str, codex_home: Value| json!({"strategy": strategy, "decision": decision, "reason": reason, "codex_home": codex_home});
            let expected = json!({
                "gateway": null,
                "invocation": {"subcommand": "app-server", "judged": true, "codex_home": bridge},
                "injected": null,
                "personal": null,
                "decision": "repair",
                "reason": "missing-id-token",
                "because": "auth.json has no `id_token` (missing-id-token)",
                "not_used": "it holds another account than the bridge is for, although both end in …5555 (accounts-differ)",
                "repairs": [{"file": bridge.join("auth.json"), "id_token_from": "access-token"}],
                "launch": {
                    "codex": person.codex(),
                    "codex_version": null,
                    "found_by": "path",
                    "codex_home": bridge,
                    "skipped": [],
                },
                "message": null,
                "exit_code": null,
                "risk": null,
                "strategies": [
                    of("auto", "repair", "missing-id-token", json!(bridge)),
                    of("redirect", "refuse", "accounts-differ", Value::Null),
                    of("repair", "repair", "missing-id-token", json!(bridge)),
                    of("off", "keep", "strategy-off", json!(bridge)),
                ],
            });
            assert_eq!((code, &said), (0, &expected), "{said:#}");
        }),
    ]
}

fn reasons() -> Vec<Case> {
    vec![
        case("explain: what every reason means is in the documentation, with what to run", || {
            let person = Fixture::new();
            for code in ReasonCode::ALL {
                let (exit, said) = ask_json(&person, &mut codex_home(&person, &["explain", "--json", code.id()]));
                assert_eq!((exit, &said["id"]), (0, &json!(code.id())));
                for field in ["meaning", "run", "heading"] {
                    let text = said[field].as_str().unwrap();
                    assert!(!text.is_empty() && !text.contains(['|', '[']), "{said:#}");
                }
            }
        }),
        case("explain: an id that is none is answered with one that is similar, and not with all of them", || {
            let person = Fixture::new();
            let finished = ask(&person, &mut codex_home(&person, &["explain", "missing-token"]));
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
            assert!(finished.stderr.contains("a similar value exists: 'missing-id-token'"), "{}", finished.stderr);
            assert!(finished.stderr.lines().count() < 8, "{}", finished.stderr);
        }),
        case(
            "explain: without a home, each one that a gateway injects, with the arguments that it is used with",
            || {
                let person = Fixture::issue_70511();
                let openclaw = OpenClaw::lay(&person, Release::April);
                let (code, said) =
                    ask_json(&person, &mut codex_home(&person, &["explain", "--json", "--profile", "default"]));
                let starts = said["starts"].as_array().unwrap();
                let homes: Vec<_> = starts.iter().map(|start| start["invocation"]["codex_home"].clone()).collect();
                let expected: Vec<_> = openclaw.homes.iter().map(|home| json!(home)).collect();
                assert!(homes.len() == 2 && expected.iter().all(|home| homes.contains(home)), "{homes:#?}");
                let subcommands: Vec<_> =
                    starts.iter().map(|start| start["invocation"]["subcommand"].clone()).collect();
                assert_eq!(subcommands, ["app-server", "exec"]);
                assert!(starts.iter().all(|start| start["gateway"] == "default"), "{said:#}");
                assert_eq!(code == 0, starts.iter().all(|start| start["exit_code"].is_null()), "{said:#}");
            },
        ),
    ]
}

fn starts_that_are_asked_about() -> Vec<Case> {
    vec![
        case("explain: the arguments behind `--` and the home of `--home` are asked about", || {
            let person = Fixture::issue_70511();
            for (args, subcommand, is_judged, decision) in [
                (&["exec", "say --json"][..], "exec", true, "repair"),
                (&["login"], "", false, "keep"),
                (&[], "", true, "repair"),
                (&["login", "status"], "login status", true, "redirect"),
                (&["-c", "cli_auth_credentials_store=\"ephemeral\"", "app-server"], "app-server", true, "keep"),
            ] {
                let mut explain =
                    codex_home(&person, &["explain", "--json", "--home", person.bridge().to_str().unwrap(), "--"]);
                let said = the_start(&person, explain.args(args));
                let expected = json!({"subcommand": subcommand, "judged": is_judged, "codex_home": person.bridge()});
                assert_eq!((&said["invocation"], &said["decision"]), (&expected, &json!(decision)), "{args:?}");
            }
        }),
        case("explain: a repair that would fail is a refusal, whichever strategy is in force", || {
            let person = Fixture::issue_70511();
            let aside = person.root().join("aside");
            fs::rename(person.bridge(), &aside).unwrap();
            person.link(&aside, &person.bridge());
            let under = |strategy: &str| {
                let mut explain = codex_home(&person, &["explain", "--json"]);
                explain.env("CODEX_HOME", person.bridge()).env("CODEX_HOME_SHIM_STRATEGY", strategy);
                the_start(&person, &mut explain)
            };
            for (strategy, decision) in [("auto", "redirect"), ("repair", "refuse")] {
                let said = under(strategy);
                assert_eq!(said["decision"], decision, "{said:#}");
                let repair = said["strategies"].as_array().unwrap().iter().find(|other| other["strategy"] == "repair");
                assert_eq!(repair.unwrap()["decision"], "refuse", "{said:#}");
            }
            person.serve().setting("strategy", "repair").is_refused("strategy-forbids", 78, &["repair-failed"]);
        }),
        case("explain: a codex that cannot be started is foreseen, with the exit code", || {
            let person = Fixture::issue_70511();
            let script = person.write_program(&person.root().join("script/codex"), "#! /nowhere/sh -e\n");
            for (codex, code) in [(Path::new("/nowhere/codex"), 127), (&script, 126)] {
                let ended = person.serve().setting("codex", codex).is_refused("codex-setting-invalid", code, &[]);
                assert!(ended.journal.is_some());
            }
        }),
        case("a codex that is skipped is named by explain and by doctor", || {
            let person = Fixture::issue_70511();
            let script = person.write_program(&person.root().join("script/codex"), "#!/nowhere/sh\n");
            let bridge = person.bridge();
            let explain = |args: &[&str]| {
                let mut explain = codex_home(&person, args);
                explain.env("CODEX_HOME", &bridge);
                explain
            };
            let path = std::env::join_paths([script.parent().unwrap(), &person.root().join("bin")]).unwrap();
            let said = the_start(&person, explain(&["explain", "--json"]).env("PATH", &path));
            let skipped =
                format!("`{}`: its interpreter `/nowhere/sh` is missing or is not a program", script.display());
            assert_eq!(said["launch"]["skipped"], json!([skipped]), "{said:#}");
            let text = ask(&person, explain(&["explain"]).env("PATH", &path)).stdout;
            assert!(text.contains(&format!("says      skipped {skipped}\n")), "{text}");
            let text = ask(&person, codex_home(&person, &["doctor"]).env("PATH", &path)).stdout;
            let expected =
                format!("! another codex is skipped, {skipped}\n  help: remove it, or its directory from PATH\n");
            assert!(text.contains(&expected), "{text}");
        }),
        case("explain: with wrong settings it refuses as the launcher does", || {
            let person = Fixture::issue_70511();
            person.write_settings("strategie = \"off\"\n");
            let ended = person.serve().is_refused("setting-invalid", 78, &["unknown key"]);
            assert!(ended.stderr.contains("config.toml"), "{}", ended.stderr);
        }),
    ]
}

fn hosts() -> Vec<Case> {
    vec![
        // https://github.com/Isol8AI/isol8/issues/404
        case(
            "an auth.json that an operator staged is repaired only in a listed bridge, and only if it has no refresh token",
            || {
                let person = Fixture::new();
                let home = person.home().join(".openclaw/codex");
                person.write_auth(&home, &broken(ACCOUNT));
                person.start(&["app-server"]).home(&home).is_kept_with_warning("missing-id-token");
                let as_bridge = || person.start(&["app-server"]).home(&home).setting("bridges", &home);
                as_bridge().is_refused("missing-id-token", 78, &["only-refresh-token"]);
                person.write_auth(&home, &auth::issue_70511(&access_token(ACCOUNT, "bridge"), ""));
                as_bridge().is_repaired("missing-id-token");
            },
        ),
        case("explain: a start of the gateway that is picked, in its environment", || {
            let person = Fixture::issue_70511();
            let units = person.home().join(".config/systemd/user");
            fs::create_dir_all(&units).unwrap();
            fs::create_dir(person.home().join(".openclaw-work")).unwrap();
            let other = person.place_codex(&person.root().join("other/codex"));
            let state = person.home().join(".openclaw-work");
            let text = format!(
                "[Service]\nExecStart=/usr/bin/node /x/openclaw/dist/index.js gateway\nEnvironment=PATH={}\n\
                 Environment=OPENCLAW_STATE_DIR={}\nEnvironment=CODEX_HOME_SHIM_STRATEGY=repair\n",
                other.parent().unwrap().display(),
                state.display()
            );
            fs::write(units.join("openclaw-gateway-work.service"), text).unwrap();
            let home = person.bridge().display().to_string();
            let said = the_start(&person, &mut codex_home(&person, &["explain", "--json", "--home", &home]));
            assert_eq!((&said["decision"], &said["launch"]["codex"]), (&json!("redirect"), &json!(person.codex())));
            let args = ["explain", "--json", "--profile", "work", "--home", &home];
            let said = the_start(&person, &mut codex_home(&person, &args));
            assert_eq!((&said["decision"], &said["launch"]["codex"]), (&json!("repair"), &json!(other)));
        }),
        case("explain: which setting would redirect another host's home, and what that risks", || {
            for (home, risk) in [
                (".openclaw/acpx/codex-home", "an ACP adapter logs out unasked"),
                (".paperclip/companies/one/codex-home", "kept apart on purpose"),
                (".openclaw/agents/main/agent/codex-home", "an API key would be written over your own login"),
                (".codex-coding-agent", "a login of its own"),
                ("autorunner/work/codex_home", "kept apart on purpose"),
                ("elsewhere", "made for another account"),
            ] {
                let person = Fixture::new();
                person.log_in(ACCOUNT);
                let path = person.home().join(home);
                fs::create_dir_all(&path).unwrap();
                let text = ask(&person, codex_home(&person, &["explain"]).env("CODEX_HOME", &path)).stdout;
                assert!(text.contains(&format!("`bridges = [\"~/{home}\"]`")) && text.contains(risk), "{text}");
                assert!(text.contains("decision  keep"), "{text}");
                let mut explain = codex_home(&person, &["explain", "--json"]);
                explain.env("CODEX_HOME", &path).env("CODEX_HOME_SHIM_BRIDGES", &path);
                let said = the_start(&person, &mut explain);
                assert_eq!(said["risk"], Value::Null, "{said:#}");
            }
        }),
        case(
            "every home of every release of OpenClaw: what it is, and what is done with and without a login of one's own",
            || {
                let bridge = ["bridge", "missing-id-token", "redirect", "repair"];
                let exec = ["bridge", "missing-id-token", "repair", "repair"];
                let host_login = ["host-login", "auth-missing", "keep", "keep"];
                let other = ["other", "auth-missing", "keep", "keep"];
                for release in Release::ALL {
                    let person = Fixture::new();
                    let openclaw = OpenClaw::lay(&person, release);
                    let expected = match release {
                        Release::April => [("cli-auth", exec), ("harness-auth", bridge)],
                        _ => [("acpx/codex-home", other), ("agent/codex-home", host_login)],
                    };
                    assert_eq!(openclaw.homes.len(), expected.len(), "{:?}", openclaw.homes);
                    for is_logged_in in [false, true] {
                        if is_logged_in {
                            person.log_in(ACCOUNT);
                        }
                        for (home, (part, [kind, reason, with_login, without])) in openclaw.homes.iter().zip(expected) {
                            assert!(home.to_str().unwrap().contains(part), "{home:?}");
                            let args: &[&str] = if part == "cli-auth" { &["exec", "--json"] } else { release.args() };
                            let mut explain = codex_home(&person, &["explain", "--json", "--"]);
                            explain.args(args).env("CODEX_HOME", home);
                            if release == Release::May {
                                // 2026.5.2 to 2026.5.7 set this too: the person's home is then the user database's.
                                explain.env("HOME", home.join("home"));
                                explain.env("CODEX_HOME_SHIM_PERSONAL_HOME", person.personal());
                            }
                            let said = the_start(&person, &mut explain);
                            let injected = ["kind", "reason"].map(|field| said["injected"][field].clone());
                            assert_eq!(injected, [kind, reason], "{release:?} {part}");
                            let decision = if is_logged_in { with_login } else { without };
                            assert_eq!(said["decision"], decision, "{release:?} {part}: {said:#}");
                            let used = if decision == "redirect" { &person.personal() } else { home };
                            assert_eq!(said["launch"]["codex_home"], json!(used), "{release:?} {part}");
                        }
                    }
                }
            },
        ),
    ]
}
