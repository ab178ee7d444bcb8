//! `codex-home verify` with a stand-in for codex that answers as an app-server does. Real codex: `tests/real/verify.rs`.

mod ends;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snapbox::str;

use crate::support::fixture::{KEY, MALLORY};
use crate::support::openclaw::{OpenClaw, Release, lay_package};
use crate::support::stand_in::{REPORT, Report, SERVE};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, Need, case, run};
use crate::{ask, ask_json, codex_home, complains, prints};

/// A person with an OpenClaw that starts the launcher in a bridge that cannot log in, and with a login of their own.
struct Proof {
    person: Fixture,
    openclaw: OpenClaw,
}

impl Proof {
    fn new(release: Release) -> Proof {
        let person = Fixture::new();
        let openclaw = OpenClaw::lay(&person, release);
        openclaw.configure_app_server(&json!({ "command": person.launcher() }));
        person.log_in(ACCOUNT);
        if release == Release::April {
            person.break_bridge(ACCOUNT);
        }
        Proof { person, openclaw }
    }

    /// The command, for a codex that answers by this script. The launcher's journal is off.
    fn verify(&self, args: &[&str], script: &Value) -> Command {
        let mut command = codex_home(&self.person, &[&["verify"], args].concat());
        command.env(REPORT, self.report_file()).env(SERVE, script.to_string());
        command.env("CODEX_HOME_SHIM_CODEX", self.person.codex()).env("CODEX_HOME_SHIM_JOURNAL", "off");
        command
    }

    fn json(&self, args: &[&str], script: &Value) -> (i32, Value) {
        ask_json(&self.person, &mut self.verify(&[&["--json"], args].concat(), script))
    }

    /// Beside what must not change.
    fn report_file(&self) -> PathBuf {
        self.person.root().join("report.json")
    }

    fn report(&self) -> Report {
        Report::read(&self.report_file()).unwrap()
    }

    /// Writes the unit of the gateway's service, or of a profile's.
    fn lay_unit(&self, name: &str, variables: &[(&str, &Path)]) -> PathBuf {
        let file = self.person.home().join(".config/systemd/user").join(format!("{name}.service"));
        let variables: String =
            variables.iter().map(|(name, value)| format!("Environment={name}={}\n", value.display())).collect();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("[Service]\nExecStart=/usr/bin/node /x/index.js gateway\n{variables}")).unwrap();
        file
    }
}

fn chatgpt() -> Value {
    json!({"account": {"type": "chatgpt", "email": "someone@example.com", "planType": "plus"}, "answer": "pong"})
}

fn logged_out() -> Value {
    json!({"account": null})
}

pub fn cases() -> Vec<Case> {
    [reports(), starts(), cannot_tell(), ends::cases()].into_iter().flatten().collect()
}

fn reports() -> Vec<Case> {
    vec![
        case("verify: what is started, what may be written, and what codex says", || {
            let proof = Proof::new(Release::April);
            let mut verify = proof.verify(&["--turn"], &chatgpt());
            verify.env("CODEX_HOME_SHIM_STRATEGY", "redirect");
            prints(
                &proof.person,
                &mut verify,
                0,
                str![[r#"
starts    [ROOT]/launcher/codex-home-shim app-server --listen …
in        `~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241`
assumes   the environment of this shell: no gateway runs, and no service of one is found
may ask   codex, OpenAI's servers about the login
may write codex, in `~/.codex`: what it writes at any start: databases (`*.sqlite`), `installation_id`, `skills/.system`, `tmp`, a login that it renews, and more
✓ codex 0.123.0 answered after [..] s
✓ its home is `~/.codex`
✓ it is logged in: chatgpt, plan plus, s…@e…
✓ the model answered after [..] s: pong
✓ as `codex-home explain` foretells: redirect: auth.json has no `id_token` (missing-id-token)

"#]],
            );
        }),
        case("verify --json: every field, with whole paths", || {
            let proof = Proof::new(Release::April);
            let (code, said) = proof.json(&[], &chatgpt());
            let fields: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
            let expected = "as_foretold assumed codex_home codex_version differences email environment_of error exit_code \
                            foretold help logged_in login may_write milliseconds openclaw plan remark started turn";
            assert_eq!(fields.join(" "), expected);
            assert_eq!((code, &said["exit_code"], &said["logged_in"]), (0, &json!(0), &json!(true)), "{said:#}");
            assert_eq!(
                said["started"],
                json!({
                    "program": proof.person.launcher(),
                    "args": ["app-server", "--listen", "…"],
                    "codex_home": proof.person.bridge(),
                    "is_launcher": true,
                })
            );
            assert_eq!(said["foretold"]["codex_home"], json!(proof.person.personal()));
            assert_eq!((&said["email"], &said["plan"]), (&json!("s…@e…"), &json!("plus")));
            assert!(!said["may_write"].to_string().contains("journal"), "it is off: {said:#}");
            assert_eq!((&said["openclaw"], &said["turn"]), (&json!("2026.4.21"), &json!(null)));
        }),
        case("verify: a start that is not as foretold is said, and what codex says counts", || {
            let proof = Proof::new(Release::April);
            let mut script = chatgpt();
            script["home"] = json!("/elsewhere");
            let (code, said) = proof.json(&[], &script);
            assert_eq!((code, &said["as_foretold"]), (0, &json!(false)), "{said:#}");
            let difference = format!("its home was to be `{}`", proof.person.personal().display());
            assert_eq!(said["differences"], json!([difference]));
            let (code, said) = proof.json(&[], &logged_out());
            assert_eq!((code, &said["differences"]), (1, &json!(["it was to be logged in"])), "{said:#}");
        }),
        case("verify: neither a token nor an e-mail address of codex's is printed", || {
            let proof = Proof::new(Release::April);
            // Synthetic: no algorithm, a made-up subject, and the word `signature`.
            let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl";
            let mut script = json!({"refuses": "initialize"});
            script["says"] = json!(format!("\u{1b}[31mno {token} {KEY} a.person@example.org\n"));
            for script in [&script, &json!({"says": script["says"], "version": "x"})] {
                let finished = ask(&proof.person, &mut proof.verify(&["--limit", "1"], script));
                for secret in [token, KEY, "a.person", "example.org"] {
                    assert!(!finished.stdout.contains(secret), "{}", finished.stdout);
                }
            }
            let mut verify = proof.verify(&[], &json!({"says": script["says"]}));
            let finished = ask(&proof.person, verify.env_remove(SERVE).env("STAND_IN_END", "exit 3"));
            assert_eq!(finished.code, Some(1), "{finished:?}");
            assert!(finished.stdout.contains("✗ it ended with exit code 3 before it had answered"), "{finished:?}");
        }),
        case("verify: the words of a codex that ends are shown, without what they could hide", || {
            let proof = Proof::new(Release::April);
            let codex = "#!/bin/sh\nprintf 'first\\n\\033[31mbad \\033[0msk-proj-abcdefgh someone@example.com\\n' >&2\nexit 9\n";
            let codex = proof.person.write_program(&proof.person.root().join("ends/codex"), codex);
            let mut verify = proof.verify(&[], &logged_out());
            let finished = ask(&proof.person, verify.env("CODEX_HOME_SHIM_CODEX", codex));
            let expected = "✗ it ended with exit code 9 before it had answered: bad … s…@e…\n";
            assert!(finished.code == Some(1) && finished.stdout.contains(expected), "{finished:?}");
        }),
        case("verify: if codex cannot ask about the account, which login it holds is still told", || {
            let proof = Proof::new(Release::April);
            let mut script = chatgpt();
            script["refuses"] = json!("account/read");
            let (code, said) = proof.json(&[], &script);
            assert_eq!((code, &said["login"], &said["email"]), (0, &json!("chatgpt"), &json!(null)), "{said:#}");
            assert_eq!(said["remark"], json!("`account/read` is refused"));
        }),
        case("verify: a refusal of the launcher is foretold, and ends with its exit code", || {
            let proof = Proof::new(Release::April);
            proof.person.break_bridge_for_good();
            fs::remove_file(proof.person.personal().join("auth.json")).unwrap();
            let (code, said) = proof.json(&[], &chatgpt());
            assert_eq!((code, &said["as_foretold"], &said["codex_home"]), (78, &json!(true), &json!(null)), "{said:#}");
            assert!(said["error"].as_str().unwrap().starts_with("no usable Codex home: "), "{said:#}");
            assert!(said["help"].as_str().unwrap().starts_with("run `"), "{said:#}");
            assert!(!proof.report_file().exists(), "codex was started");
            let mut verify = proof.verify(&["--json"], &chatgpt());
            verify.env("CODEX_HOME_SHIM_CODEX", "/nowhere/codex");
            assert_eq!(ask_json(&proof.person, &mut verify).0, 127);
            // A command can still be pasted.
            let script = ".npm-global/lib/node_modules/@openai/codex/bin/codex.js";
            let hollow = proof.person.write_program(&proof.person.home().join(script), "#!/usr/bin/env node\n");
            let mut verify = proof.verify(&["--json"], &chatgpt());
            let (code, said) = ask_json(&proof.person, verify.env("CODEX_HOME_SHIM_CODEX", &hollow));
            assert!(code == 126 && said["error"].as_str().unwrap().contains(" @openai/codex@latest`"), "{said:#}");
            // On the screen it is not said twice.
            let mut verify = proof.verify(&[], &chatgpt());
            let finished = ask(&proof.person, verify.env("CODEX_HOME_SHIM_CODEX", hollow));
            assert_eq!(finished.stdout.matches(" @openai/codex@latest`").count(), 1, "{finished:?}");
            assert!(finished.stdout.contains("\n  help: run `npm "), "{finished:?}");
        }),
        case("verify --turn: a question that is not answered is a failure", || {
            let proof = Proof::new(Release::April);
            let mut script = chatgpt();
            script["refuses"] = json!("turn/start");
            let (code, said) = proof.json(&["--turn"], &script);
            assert_eq!((code, &said["logged_in"]), (1, &json!(true)), "{said:#}");
            assert_eq!(said["error"], json!("`turn/start` is refused"));
        }),
    ]
}

fn starts() -> Vec<Case> {
    vec![
        case("verify: in the environment of the gateway's service, and in nothing of this shell's", || {
            let proof = Proof::new(Release::April);
            let settings = [
                ("CODEX_HOME_SHIM_CODEX", proof.person.codex()),
                ("CODEX_HOME_SHIM_JOURNAL", "off".into()),
                ("PATH", "/usr/bin:/bin".into()),
                (REPORT, proof.report_file()),
                (SERVE, chatgpt().to_string().replace(' ', "").into()),
            ];
            let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_path())).collect();
            let quoted: Vec<_> =
                settings.iter().map(|(name, value)| (*name, format!("'{}'", value.display()))).collect();
            let quoted: Vec<_> = quoted.iter().map(|(name, value)| (*name, Path::new(value))).collect();
            let unit = proof.lay_unit("openclaw-gateway", &quoted);
            let mut verify = codex_home(&proof.person, &["verify", "--json"]);
            verify.env("ONLY_HERE", "1").env("CODEX_HOME", proof.person.other());
            let (code, said) = ask_json(&proof.person, &mut verify);
            let unit = json!(format!("`{}`", unit.display()));
            assert_eq!((code, &said["environment_of"], &said["assumed"]), (0, &unit, &json!([])), "{said:#}");
            let report = proof.report();
            // OpenClaw puts the directories of installers behind it.
            let path = report.var("PATH").unwrap();
            assert!(path.to_string_lossy().starts_with("/usr/bin:/bin"), "{path:?}");
            assert_eq!(report.var("ONLY_HERE"), None);
            assert_eq!(report.var("CODEX_HOME"), Some(proof.person.personal()));
        }),
        case("verify --gateway: the service and the state directory of a profile", || {
            let proof = Proof::new(Release::April);
            let bridge =
                proof.person.home().join(".openclaw-work/agents/main/agent/harness-auth/codex/06bfb5171eff0241");
            crate::support::fixture::lay_home(bridge.clone(), &crate::support::fixture::broken(ACCOUNT));
            let config = fs::read(proof.openclaw.state.join("openclaw.json")).unwrap();
            fs::write(proof.person.home().join(".openclaw-work/openclaw.json"), config).unwrap();
            let (code, said) = proof.json(&["--gateway", "work"], &chatgpt());
            assert_eq!((code, &said["started"]["codex_home"]), (0, &json!(bridge)), "{said:#}");
            for name in ["play", "../work"] {
                let finished = ask(&proof.person, &mut proof.verify(&["--gateway", name], &chatgpt()));
                assert_eq!((finished.code, &*finished.stdout), (Some(3), ""), "{finished:?}");
                assert!(finished.stderr.contains("no such gateway; there are: `default`, `work`"), "{finished:?}");
            }
            // There are several, and none is guessed.
            let finished = ask(&proof.person, &mut proof.verify(&[], &chatgpt()));
            assert_eq!(finished.code, Some(3), "{finished:?}");
            assert!(finished.stderr.contains("there are several gateways"), "{finished:?}");
        }),
        case("verify --home: that home is injected, whatever OpenClaw has", || {
            let proof = Proof::new(Release::April);
            let home = proof.person.write_auth(&proof.person.other(), &crate::support::auth::api_key(KEY));
            let script = json!({"account": {"type": "apiKey"}});
            let (code, said) = proof.json(&["--home", home.to_str().unwrap()], &script);
            assert_eq!((code, &said["login"], &said["codex_home"]), (0, &json!("api-key"), &json!(home)), "{said:#}");
            assert_eq!(proof.report().var("CODEX_HOME"), Some(home));
        }),
        case("verify: arguments as configured, and no key in them is shown", || {
            let proof = Proof::new(Release::April);
            let args = json!(["-c", "model=\"x\"", "app-server"]);
            proof.openclaw.configure_app_server(&json!({"command": proof.person.launcher(), "args": args}));
            let (code, said) = proof.json(&[], &chatgpt());
            assert_eq!((code, &said["started"]["args"]), (0, &json!(["-c", "…", "app-server"])), "{said:#}");
            assert_eq!(proof.report().argv.len(), 4);
        }),
        case("verify: what OpenClaw 2026.4.21 starts if nothing is configured", || {
            let proof = Proof::new(Release::April);
            proof.openclaw.configure("{}");
            let (code, said) = proof.json(&[], &logged_out());
            assert_eq!((code, &said["started"]["program"]), (1, &json!(proof.person.codex())), "{said:#}");
            assert_eq!((&said["foretold"], &said["help"]), (&json!(null), &json!("run `codex-home install`")));
            // The variable by which it may start another program is the gateway's, and not known.
            assert!(said["assumed"].to_string().contains("is what this gateway reads"), "{said:#}");
            // `install` refuses for this release.
            lay_package(&proof.openclaw.package, "2026.4.22");
            let help = proof.json(&[], &logged_out()).1["help"].clone();
            assert!(help.as_str().unwrap().starts_with("run `codex-home explain --home "), "{help}");
        }),
        // https://github.com/openclaw/openclaw/issues/70511
        case("verify: if OpenClaw runs a script, codex may write in the home that the script chooses", || {
            let proof = Proof::new(Release::April);
            let (home, codex) = (proof.person.home(), proof.person.codex());
            let (bridge, personal) = (proof.person.bridge(), proof.person.personal());
            let other = home.join("other");
            let chosen = "the home that the script chooses".to_owned();
            let named = |path: &Path| format!("`{}`", path.display());
            let install = "run `codex-home install`";
            let lost = "run `codex-home install`, which names what of the script would be lost";
            for (lines, place, help) in [
                (":", named(&bridge), install),
                ("export CODEX_HOME=\"$HOME/.codex\"", named(&personal), install),
                ("unset CODEX_HOME", named(&personal), install),
                ("export CODEX_HOME=~/other", named(&other), lost),
                ("export HOME=$HOME/other CODEX_HOME=\"$HOME/other/.codex\"", chosen.clone(), lost),
                ("CODEX_HOME=$(pwd)/x; export CODEX_HOME", chosen.clone(), lost),
                ("if :; then CODEX_HOME=~/other; fi", chosen, lost),
            ] {
                let script = format!("#!/bin/sh\n{lines}\nexec {} \"$@\"\n", codex.display());
                let script = proof.person.write_program(&home.join("my-codex"), &script);
                proof.openclaw.configure_app_server(&json!({"command": script}));
                let (code, said) = proof.json(&[], &chatgpt());
                assert_eq!((code, &said["started"]["codex_home"]), (0, &json!(bridge)), "{lines}: {said:#}");
                let writes = said["may_write"][0].as_str().unwrap();
                assert!(writes.starts_with(&format!("codex, in {place}: ")), "{lines}: {said:#}");
                assert_eq!(proof.json(&[], &logged_out()).1["help"], json!(help), "{lines}");
            }
        }),
        case("verify: with one home for both, no home is injected and logins are kept", || {
            let proof = Proof::new(Release::September);
            let app_server = json!({"command": proof.person.launcher(), "homeScope": "user"});
            proof.openclaw.configure_app_server(&app_server);
            let (code, said) = proof.json(&[], &chatgpt());
            assert_eq!((code, &said["started"]["codex_home"]), (0, &json!(null)), "{said:#}");
            assert_eq!(said["started"]["args"], json!(["app-server", "--listen", "…"]));
        }),
    ]
}

fn cannot_tell() -> Vec<Case> {
    vec![
        case("verify: a login that OpenClaw brings after the start cannot be told", || {
            for release in [Release::May, Release::September] {
                let proof = Proof::new(release);
                let (code, said) = proof.json(&["--turn"], &logged_out());
                assert_eq!((code, &said["logged_in"], &said["turn"]), (3, &json!(null), &json!(null)), "{said:#}");
                let help = "run `openclaw agent --agent main --message ping`: OpenClaw logs codex in after the start, which \
                            `verify` does not do";
                assert_eq!(said["help"], json!(help));
                let home = proof.openclaw.agent.join("codex-home");
                assert_eq!(proof.report().var("CODEX_HOME"), Some(home.clone()));
                let inside = (release == Release::May).then(|| home.join("home"));
                assert_eq!(proof.report().var("HOME"), Some(inside.unwrap_or_else(|| proof.person.home())));
            }
        }),
        case("verify: a model provider that needs no login of OpenAI's proves nothing", || {
            let proof = Proof::new(Release::April);
            let (code, said) = proof.json(&[], &json!({"account": null, "needed": false}));
            assert_eq!((code, &said["logged_in"]), (3, &json!(null)), "{said:#}");
        }),
        case("verify: what is not known is not started", || {
            let proof = Proof::new(Release::April);
            let mut rows = vec![
                (json!({"command": "${NOT_KNOWN}/bin/codex"}), 3, "does not tell the program"),
                (json!({"command": "bin/codex"}), 3, "does not tell the program"),
                (json!({"command": "/nowhere/codex"}), 127, "there is no such program"),
                (json!({"command": proof.person.work()}), 126, "there is no such program"),
                (json!({"$include": "x.json", "args": []}), 3, "could not be read completely"),
            ];
            for (app_server, code, text) in rows.drain(..) {
                proof.openclaw.configure_app_server(&app_server);
                let finished = ask(&proof.person, &mut proof.verify(&[], &chatgpt()));
                assert_eq!((finished.code, &*finished.stdout), (Some(code), ""), "{finished:?}");
                assert!(finished.stderr.contains(text) && finished.stderr.contains("  help: run `"), "{finished:?}");
                assert!(!proof.report_file().exists());
            }
            proof.openclaw.configure("{,");
            assert_eq!(ask(&proof.person, &mut proof.verify(&[], &chatgpt())).code, Some(3));
            let later = Proof::new(Release::September);
            later.openclaw.configure("{}");
            complains(
                &later.person,
                &mut later.verify(&[], &chatgpt()),
                3,
                str![[r#"
codex-home: `plugins.entries.codex.config.appServer.command` is not set, and which codex this OpenClaw brings is not known
  help: run `codex-home doctor`

"#]],
            );
        }),
        case("verify: before the first message OpenClaw has made no home", || {
            for release in [Release::April, Release::May, Release::September] {
                let proof = Proof::new(release);
                fs::remove_dir_all(proof.openclaw.state.join("agents")).unwrap();
                complains(
                    &proof.person,
                    proof.verify(&[], &chatgpt()).env("PATH", proof.openclaw.path()),
                    3,
                    str![[r#"
codex-home: OpenClaw makes codex's home at the first message, and there is none in `[ROOT]/home/.openclaw/agents` yet
  help: run `openclaw agent --agent main --message ping`, then this again

"#]],
                );
                assert!(!proof.report_file().exists());
            }
        }),
        case("verify: OpenClaw 2026.4.22 may never make a home, and then it is the person's own that is tried", || {
            let proof = Proof::new(Release::April);
            fs::remove_dir_all(proof.openclaw.state.join("agents")).unwrap();
            lay_package(&proof.openclaw.package, "2026.4.22");
            let finished = ask(&proof.person, &mut proof.verify(&[], &chatgpt()));
            let help = "run `codex-home verify --home ~/.codex`\n";
            assert!(finished.code == Some(3) && finished.stderr.contains(help), "{finished:?}");
            let (code, said) = proof.json(&["--home", proof.person.personal().to_str().unwrap()], &chatgpt());
            assert_eq!((code, &said["codex_home"]), (0, &json!(proof.person.personal())), "{said:#}");
        }),
        case("verify: the message goes to the default agent of the gateway that is meant", || {
            let proof = Proof::new(Release::September);
            let work = proof.person.home().join(".openclaw-work");
            fs::rename(&proof.openclaw.state, &work).unwrap();
            fs::remove_dir_all(work.join("agents")).unwrap();
            let config = json!({"plugins": {"entries": {"codex": {"config": {"appServer": {
                "command": proof.person.launcher(),
            }}}}}});
            for agents in [
                json!({"list": [{"id": "other"}, {"id": "second", "default": true}]}),
                json!({"entries": {"a": {}, "second": {"default": true}}}),
                json!({"list": [{"id": "second"}]}),
            ] {
                let mut config = config.clone();
                config["agents"] = agents;
                fs::write(work.join("openclaw.json"), config.to_string()).unwrap();
                let mut verify = proof.verify(&["--profile", "work"], &chatgpt());
                let finished = ask(&proof.person, verify.env("PATH", proof.openclaw.path()));
                let help = "run `openclaw --profile work agent --agent second --message ping`, then this again";
                assert!(finished.code == Some(3) && finished.stderr.contains(help), "{finished:?}");
            }
        }),
        case("verify: without OpenClaw the launcher is started, which is said", || {
            let person = Fixture::issue_70511();
            fs::remove_dir_all(person.home().join(".openclaw")).unwrap();
            person.log_in(ACCOUNT);
            let mut verify = codex_home(&person, &["verify", "--json"]);
            verify.env(REPORT, person.root().join("report.json")).env(SERVE, chatgpt().to_string());
            verify.env("CODEX_HOME_SHIM_JOURNAL", "off");
            let (code, said) = ask_json(&person, &mut verify);
            assert_eq!((code, &said["started"]["is_launcher"]), (0, &json!(true)), "{said:#}");
            assert!(said["assumed"].to_string().contains("OpenClaw is not found"), "{said:#}");
        })
        .needs(Need::NoSystemOpenClaw),
        case("verify: nothing is started in another user's files", || {
            let proof = Proof::new(Release::April);
            proof.person.chown(&proof.person.home(), MALLORY);
            let finished = run(&mut proof.verify(&[], &chatgpt()));
            assert_eq!((finished.code, &*finished.stdout), (Some(1), ""), "{finished:?}");
            assert!(finished.stderr.contains("run this as that user, without `sudo`"), "{finished:?}");
            assert!(!proof.report_file().exists());
        })
        .needs(Need::Root),
    ]
}
