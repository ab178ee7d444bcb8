//! The doctor about the program that OpenClaw runs as codex.

use std::fs;

use codex_home::platform::PLATFORM;
use serde_json::json;

use super::Patient;
use crate::ask;
use crate::support::fixture::UNPRIVILEGED;
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("doctor: a hand-written wrapper is told in words, with what replaces it", || {
            for (script, words) in [
                (
                    "#!/bin/zsh\nexport CODEX_HOME=\"$HOME/.codex\"\nexec codex \"$@\"\n",
                    "a script for `zsh` that sets `CODEX_HOME` to `$HOME/.codex` and becomes `codex`",
                ),
                (
                    "#!/usr/bin/env bash\n# mine\nset -euo pipefail\nCODEX_HOME=~/.codex exec /opt/homebrew/bin/codex \"$@\"\n",
                    "a script for `bash` that sets `CODEX_HOME` to `~/.codex` and becomes `/opt/homebrew/bin/codex`",
                ),
                (
                    "#!/bin/sh\nunset CODEX_HOME; codex \"$@\"\n",
                    "a script for `sh` that unsets `CODEX_HOME` and starts `codex` as its child",
                ),
                (
                    "#!/bin/sh\nexec env CODEX_HOME=/srv/codex codex app-server\n",
                    "a script for `sh` that sets `CODEX_HOME` to a directory that is not there, becomes `codex` and gives codex other arguments",
                ),
                (
                    "#!/bin/sh\nif [ -d x ]; then\n  export CODEX_HOME=/x\nfi\nexec codex \"$@\"\n",
                    "a script for `sh` that sets `CODEX_HOME` to a directory that is not there, becomes `codex` and does more that was not understood",
                ),
                (
                    "#!/bin/sh\nexec /usr/bin/env CODEX_HOME=\"$HOME/.codex\" codex \"$@\"\n",
                    "a script for `sh` that sets `CODEX_HOME` to `$HOME/.codex` and becomes `codex`",
                ),
                ("#!/usr/bin/python3\nimport os\n", "a script for `python3` that was not understood"),
                // execvp hands it to sh.
                ("exec codex \"$@\"\n", "a script for `sh` that becomes `codex`"),
                // openclaw/openclaw#69400, #73057, and wrappers that hand a login on. No value is shown.
                (
                    "#!/bin/sh\nexport HOME=/h TOKEN=canary\nunset OPENAI_API_KEY CODEX_API_KEY\nexec doppler run -p canary -- codex \"$@\"\n",
                    "a script for `sh` that sets `HOME`, `TOKEN`, unsets `OPENAI_API_KEY`, `CODEX_API_KEY` and starts codex through `doppler`",
                ),
                (
                    "#!/bin/bash\ncp \"$HOME/.codex/auth.json\" \"$CODEX_HOME/auth.json\"\nexec codex \"$@\"\n",
                    "a script for `bash` that becomes `codex` and copies a login (`auth.json`)",
                ),
                (
                    "#!/bin/bash\nln -sf ~/.codex/auth.json $CODEX_HOME/auth.json\nexec codex \"$@\"\n",
                    "a script for `bash` that becomes `codex` and links a login (`auth.json`)",
                ),
                (
                    "#!/bin/bash\njq .x $CODEX_HOME/auth.json > /tmp/x && mv /tmp/x $CODEX_HOME/auth.json\nexec codex \"$@\"\n",
                    "a script for `bash` that becomes `codex` and rewrites a login (`auth.json`)",
                ),
                (
                    "#!/nix/store/0-zsh/bin/zsh\nexec codex \"$@\"\n",
                    "a script for `zsh` that becomes `codex`; there is no such interpreter",
                ),
            ] {
                let patient = Patient::new(Release::April);
                let path = patient.person.write_program(&patient.person.home().join("bin/my-codex"), script);
                patient.openclaw.configure_app_server(&json!({"command": path}));
                let text = format!("OpenClaw runs `{}`, {words}", path.display());
                let status = match words {
                    _ if words.contains("no such interpreter") => "fail",
                    // Such a script changes nothing.
                    "a script for `sh` that becomes `codex`" => "warn",
                    _ => "unknown",
                };
                patient.says("app-server-command", status, &text, "run `codex-home install`");
                let screen = ask(&patient.person, &mut patient.doctor()).stdout;
                let first = "\nfirst: run `codex-home verify`\n";
                assert_eq!(screen.ends_with(first), status == "unknown", "{screen}");
            }
        })
        .needs(Need::Shell("zsh")),
        case("doctor and install: an installer's own script is codex, and no script of the person's", || {
            let patient = Patient::new(Release::April);
            let pnpm = patient.person.root().join("pnpm");
            let package = pnpm.join("global/5/node_modules/@openai/codex");
            patient.person.write_program(&package.join("bin/codex.js"), "#!/usr/bin/env node\n");
            fs::write(package.join("package.json"), r#"{"name": "@openai/codex", "version": "0.150.0"}"#).unwrap();
            let native = package.join("node_modules/@openai").join(PLATFORM.npm_package);
            patient.person.place_codex(&native.join("vendor").join(PLATFORM.triple).join("bin/codex"));
            let starts = "\"$basedir/global/5/node_modules/@openai/codex/bin/codex.js\" \"$@\"";
            let text = format!(
                "#!/bin/sh\nbasedir=$(dirname \"$(echo \"$0\" | sed -e 's,\\\\,/,g')\")\n\nif [ -x \"$basedir/node\" ]; then\n  \
                 exec \"$basedir/node\"  {starts}\nelse\n  exec node  {starts}\nfi\n"
            );
            let script = patient.person.write_program(&pnpm.join("codex"), &text);
            patient.openclaw.configure_app_server(&json!({"command": script}));
            let said = format!("OpenClaw runs `{}`, without the launcher", script.display());
            patient.says("app-server-command", "fail", &said, "run `codex-home install`");
            for [status, text, _] in patient.lines("home-cannot-log-in", &mut patient.doctor()) {
                assert!(status == "fail" || !text.contains("harness-auth"), "{text}");
            }
            let mut install = patient.person.codex_home(&["install", "--dry-run"]);
            let finished = ask(&patient.person, install.env("PATH", patient.path()));
            let set = format!("codex-home config set codex {}\n", script.display());
            assert!(finished.stdout.starts_with(&set), "{finished:?}");
            // One that does more is the person's own.
            patient.person.write_program(&script, &text.replace("\nbasedir", "\nexport CODEX_HOME=/srv\nbasedir"));
            patient.says("app-server-command", "unknown", "a script for `sh`", "run `codex-home verify`");
        }),
        // https://github.com/openclaw/openclaw/issues/70511
        case("doctor: a home is not called broken if the script that OpenClaw runs may not use it", || {
            let harness = |script: &str| {
                let patient = Patient::new(Release::April);
                let path = patient.person.write_program(&patient.person.home().join("bin/my-codex"), script);
                patient.openclaw.configure_app_server(&json!({"command": path}));
                let lines = patient.lines("home-cannot-log-in", &mut patient.doctor());
                lines.into_iter().find(|[_, text, _]| text.contains("harness-auth")).unwrap()
            };
            for lines in [
                "export HOME=/home/bot\nexport CODEX_HOME=\"$HOME/.codex\"",
                "export CODEX_HOME=\"$HOME/.codex\"",
                "CODEX_HOME=/srv/codex",
                "unset CODEX_HOME",
                "cp ~/.codex/auth.json \"$CODEX_HOME/auth.json\"",
                "export CODEX_ACCESS_TOKEN=x",
                "if [ -d /srv ]; then CODEX_HOME=/srv; fi",
            ] {
                let [status, text, help] = harness(&format!("#!/bin/sh\n{lines}\nexec codex \"$@\"\n"));
                assert_eq!((&*status, &*help), ("unknown", "run `codex-home verify`"), "{lines}: {text}");
                let because = "auth.json has no `id_token`; whether the script that OpenClaw runs uses it is not known";
                assert!(text.ends_with(because), "{lines}: {text}");
            }
            let [status, ..] = harness("#!/usr/bin/env python3\nimport os\n");
            assert_eq!(status, "unknown");
            // Such a script changes nothing.
            let [status, _, help] = harness("#!/bin/sh\nexec codex \"$@\"\n");
            assert!(status == "fail" && help.starts_with("run `codex-home install`"), "{status}: {help}");
        }),
        case("doctor: no word of a wrapper or of a command is shown unless it is known what it is", || {
            const CANARY: &str = "sk-Canary7777";
            let scripts = [
                "#!/bin/sh\necho CANARY\nexec codex \"$@\"\n",
                "#!/bin/sh\nTOKEN=CANARY exec codex --token CANARY \"$@\"\n",
                "#!/bin/sh\nexport CODEX_HOME=/x/CANARY\nexec codex \"$@\"\n",
                "#!/bin/sh\nCODEX_HOME=\"$HOME/CANARY\" exec codex \"$@\"\n",
                "#!/bin/sh\nCODEX_HOME=CANARY exec codex \"$@\"\n",
                "#!/bin/sh\nexec 'env-CANARY' codex \"$@\"\n",
                "#!/bin/sh\nexec /x/CANARY/codex \"$@\"\n",
                "#!/bin/sh\nexec codex-CANARY \"$@\"\n",
                "#!/bin/sh\nexec \"$CANARY/codex\" \"$@\"\n",
                "#!/bin/sh\nexport codex-token-CANARY skCanary7777=1\nunset skCanary7777\nexec codex\n",
                "#!/usr/bin/env -S TOKEN=CANARY sh\nexec codex\n",
                "#!/x/CANARY\nexec codex\n",
                "#!/x/CANARY/sh\nexec codex\n",
                "#!/bin/sh\ncurl -H 'Authorization: CANARY' https://u:CANARY@codex.example\nexec codex\n",
                "#!/bin/sh\nif CANARY; then 'CANARY' \"un'closed\nfi\n",
                "exec codex CANARY\n",
            ];
            let commands = [
                "/usr/bin/env codex CANARY",
                "/x/codex CANARY",
                "/x/codex /x/CANARY",
                "codex CANARY",
                "x/codex CANARY",
            ];
            let patient = Patient::new(Release::April);
            let is_hidden = |what: &str, command: &str| {
                patient.openclaw.configure_app_server(&json!({"command": command.replace("CANARY", CANARY)}));
                for args in
                    [["doctor", "--all"].as_slice(), &["doctor", "--json"], &["report"], &["install", "--dry-run"]]
                {
                    let mut asked = patient.person.codex_home(args);
                    let finished = ask(&patient.person, asked.env("PATH", patient.path()));
                    let text = [finished.stdout, finished.stderr].concat().to_lowercase();
                    assert!(text.contains("app") || text.contains("openclaw"), "{args:?}: {text}");
                    assert!(!text.contains("canary"), "{what}\n{args:?}: {text}");
                }
            };
            for script in scripts {
                let path = patient.person.home().join("my-codex");
                patient.person.write_program(&path, &script.replace("CANARY", CANARY));
                is_hidden(script, path.to_str().unwrap());
            }
            for command in commands {
                is_hidden(command, command);
            }
        }),
        case("doctor: a wrapper for another home and codex is replaced by settings", || {
            let patient = Patient::new(Release::April);
            let other = patient.person.home().join("other home");
            fs::create_dir(&other).unwrap();
            let script =
                format!("#!/bin/sh\nCODEX_HOME=\"$HOME/other home\" exec {} \"$@\"\n", patient.codex.display());
            let path = patient.person.write_program(&patient.person.home().join("my-codex"), &script);
            patient.openclaw.configure_app_server(&json!({"command": path}));
            let home = format!("codex-home config set personal_home '{}'", other.display());
            patient.says("app-server-command", "unknown", "", &home);
            let codex = format!("codex-home config set codex {}", patient.codex.display());
            patient.says("app-server-command", "unknown", "", &codex);
            // A missing home and a program that is not codex are not advised.
            let script = "#!/bin/sh\nCODEX_HOME=/nowhere/codex exec /usr/bin/env codex \"$@\"\n";
            patient.person.write_program(&path, script);
            let [_, _, help] = patient.lines("app-server-command", &mut patient.doctor()).remove(0);
            assert!(!help.contains("config set"), "{help}");
        }),
        case(
            "doctor: a command that OpenClaw cannot start is wrong; one that depends on a variable is not guessed",
            || {
                let patient = Patient::new(Release::April);
                for (command, words) in [
                    ("~/bin/codex-home-shim", "must be an absolute path"),
                    ("./codex-home-shim", "must be an absolute path"),
                    ("/nowhere/codex-home-shim", "there is no such program"),
                    ("no-such-codex", "there is no such program"),
                ] {
                    patient.openclaw.configure_app_server(&json!({"command": command}));
                    patient.says("app-server-command", "fail", words, "run `codex-home install`");
                }
                patient.openclaw.configure_app_server(&json!({"command": "${CODEX_BIN}"}));
                patient.says("app-server-command", "unknown", "`${CODEX_BIN}`", "while the gateway runs");
            },
        ),
        case("doctor: a path in Homebrew's Cellar is named before the next upgrade removes it", || {
            let patient = Patient::new(Release::April);
            let keg = patient.person.root().join("brew/Cellar/codex-home-shim/0.0.9/bin/codex-home-shim");
            patient.person.link(&patient.person.launcher(), &keg);
            patient.openclaw.configure_app_server(&json!({"command": keg}));
            patient.says("app-server-command", "warn", "the next upgrade removes", "run `codex-home install`");
        }),
        case(
            "doctor: arguments that the launcher passes through are named, and no value of an argument is shown",
            || {
                let patient = Patient::new(Release::April);
                let launcher = patient.person.launcher();
                patient
                    .openclaw
                    .configure_app_server(&json!({"command": launcher, "args": ["-p", "work", "app-server"]}));
                patient.says("app-server-args", "warn", "profile", "config unset");
                let args = ["-c", "experimental_bearer_token=\"bearer-canary\"", "app-server", "--listen", "stdio://"];
                patient.openclaw.configure_app_server(&json!({"command": launcher, "args": args}));
                patient.is_silent_about("app-server-args");
                let value = patient.json(&mut patient.doctor());
                let shown = json!(["-c", "…", "app-server", "--listen", "…"]);
                assert_eq!(value["gateways"][0]["openclaw"]["app_server"]["args"], shown);
                // An unknown option, a value of its own, an attached one, a prompt, and a command with arguments.
                let args = [
                    "--canary",
                    "app-server",
                    "--ws-token-sha256",
                    "canary",
                    "-cx=canary",
                    "canary",
                    "--enable=canary",
                ];
                let command = format!("{} TOKEN=canary", launcher.display());
                patient.openclaw.configure_app_server(&json!({"command": command, "args": args}));
                let odd = patient.json(&mut patient.doctor());
                let shown = json!(["…", "app-server", "--ws-token-sha256", "…", "-c=…", "…", "--enable=…"]);
                assert_eq!(odd["gateways"][0]["openclaw"]["app_server"]["args"], shown);
                let address = "wss://user:canary@bot.example/x?token=canary";
                patient.openclaw.configure_app_server(&json!({"transport": "websocket", "url": address}));
                let connected = patient.json(&mut patient.doctor());
                assert!(connected.to_string().contains("it connects to `wss://bot.example`"), "{connected:#}");
                let value = json!([value, odd, connected]);
                let printed = patient.text(&mut patient.doctor()) + &value.to_string();
                assert!(!printed.contains("canary"), "{printed}");
            },
        ),
        case("doctor: a setuid launcher starts nothing", || {
            let patient = Patient::installed(Release::April);
            let launcher = patient.person.launcher();
            // A copy: the original is a hard link, which other cases execute.
            fs::remove_file(&launcher).unwrap();
            {
                let _alone = crate::support::forking();
                fs::copy(env!("CARGO_BIN_EXE_codex-home-shim"), &launcher).unwrap();
            }
            std::os::unix::fs::chown(&launcher, Some(UNPRIVILEGED), None).unwrap();
            patient.person.chmod(&launcher, 0o4755);
            patient.says("launcher", "fail", "is setuid or setgid: it starts nothing", "run `chmod ug-s ");
        })
        .needs(Need::Root),
    ]
}
