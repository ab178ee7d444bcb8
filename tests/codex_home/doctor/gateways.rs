//! The doctor about several gateways, and about gateways of which nothing is known.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Patient;
use super::service::{file, lay, unit};
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case, run};

/// A second state directory, with an `openclaw.json`.
fn lay_state(patient: &Patient, name: &str, config: &Value) -> PathBuf {
    let state = patient.person.home().join(name);
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("openclaw.json"), config.to_string()).unwrap();
    state
}

fn launcher_in(patient: &Patient) -> Value {
    json!({"plugins": {"entries": {"codex": {"config": {"appServer": {"command": patient.person.launcher()}}}}}})
}

fn names(value: &Value) -> Vec<String> {
    let gateways = value["gateways"].as_array().unwrap();
    gateways.iter().map(|one| one["gateway"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The status of this check of this gateway.
fn status(value: &Value, gateway: Option<&str>, id: &str) -> String {
    let checks = value["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id && check["gateway"].as_str() == gateway);
    check.unwrap_or_else(|| panic!("no `{id}`: {value:#}"))["status"].as_str().unwrap().to_owned()
}

pub fn cases() -> Vec<Case> {
    [unknown(), several(), elsewhere(), units()].into_iter().flatten().collect()
}

fn unknown() -> Vec<Case> {
    vec![
        case("doctor: what rests on an assumption is `?`, and says how to find out", || {
            let patient = Patient::without_service(Release::April, "0.117.0");
            for id in ["app-server-command", "codex-gate", "codex-under-service"] {
                patient.says(
                    id,
                    "unknown",
                    "presumably ",
                    "run `codex-home verify`, or `codex-home doctor` again while the gateway runs",
                );
            }
            // That the home cannot log in was read; that the bot is dead was not.
            let lines = patient.lines("home-cannot-log-in", &mut patient.doctor());
            let is_open = |[status, text, _]: &[String; 3]| {
                status == "unknown"
                    && text.contains("harness-auth")
                    && text.contains("what OpenClaw runs there is not known")
            };
            assert!(lines.iter().any(is_open), "{lines:#?}");
            let finished = run(&mut patient.doctor());
            assert_eq!(finished.code, Some(0), "{finished:?}");
            assert!(finished.stdout.contains("\n? presumably OpenClaw runs codex itself"), "{}", finished.stdout);
        }),
        case("doctor: after one message the gateway's PATH is seen, and with it the codex that it starts", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            patient.openclaw.configure_app_server(&json!({"command": patient.person.launcher()}));
            patient.says("never-started", "unknown", "has never started it", "openclaw plugins list");
            let path = patient.person.root().join("bin");
            patient.person.serve().path(&path).is_redirected("missing-id-token");
            let text = format!("finds another codex, `{}`", path.join("codex").display());
            patient.says("codex-under-service", "warn", &text, "run `codex-home config set codex ");
            patient.is_silent_about("never-started");
            let value = patient.json(&mut patient.doctor());
            let gateway = &value["gateways"][0]["gateway"];
            assert_eq!((&gateway["path"], &gateway["path_known"]), (&json!(path), &json!("seen")), "{gateway}");
        }),
        case("doctor: a launcher that was never started is named, with what to look at", || {
            let patient = Patient::installed(Release::April);
            patient.is_silent_about("never-started");
            patient.record(&[]);
            patient.says("never-started", "warn", "no start is recorded in `", "uses the codex harness");
        }),
        case("doctor: a `HOME` that is `/` is said", || {
            let person = crate::support::Fixture::new();
            let mut doctor = person.codex_home(&["doctor", "--json"]);
            // Only this line is of interest: the machine's root directory is not the test's.
            let finished = run(doctor.env("HOME", "/").env("CODEX_HOME_SHIM_JOURNAL", "off"));
            let value: Value = serde_json::from_str(&finished.stdout).unwrap();
            let checks = value["checks"].as_array().unwrap();
            let check = checks.iter().find(|check| check["id"] == "home-directory").unwrap();
            assert!(check["text"].as_str().unwrap().contains("`HOME` is `/`"), "{check}");
        }),
        case("doctor: a state directory that is not there is not called OpenClaw's", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            fs::remove_dir_all(&patient.openclaw.state).unwrap();
            patient.says("openclaw", "unknown", "there is no `", "while the gateway runs");
        }),
    ]
}

fn several() -> Vec<Case> {
    vec![
        case("doctor: several gateways are shown each, and an option picks one", || {
            let patient = Patient::installed(Release::April);
            let work = lay_state(&patient, ".openclaw-work", &json!({}));
            lay_state(&patient, ".openclaw-dev", &launcher_in(&patient));
            // A copy without anything of OpenClaw in it is no gateway's.
            fs::create_dir(patient.person.home().join(".openclaw-old")).unwrap();
            let value = patient.json(&mut patient.doctor());
            assert_eq!(names(&value), ["default", "dev", "work"]);
            assert_eq!(status(&value, Some("default"), "app-server-command"), "ok");
            assert_eq!(status(&value, Some("work"), "app-server-command"), "unknown");
            assert_eq!(status(&value, None, "launcher"), "ok");
            let text = patient.text(&mut patient.doctor());
            assert!(text.contains("\ngateway `work`, its state in `~/.openclaw-work`, not running here\n"), "{text}");
            assert!(text.contains("run `codex-home install --profile work`"), "{text}");
            let default = patient.openclaw.state.to_str().unwrap();
            for (options, name) in [
                (vec!["--profile", "work"], "work"),
                (vec!["--dev"], "dev"),
                (vec!["--profile", "default"], "default"),
                (vec!["--state-dir", default], "default"),
                (vec!["--state-dir", work.to_str().unwrap()], "work"),
            ] {
                assert_eq!(names(&patient.json(patient.doctor().args(&options))), [name], "{options:?}");
            }
            let finished = run(patient.doctor().args(["--profile", "none"]));
            assert_eq!(finished.code, Some(1));
            assert!(finished.stderr.contains("there are: `default`, `dev`, `work`"), "{}", finished.stderr);
        }),
        case("doctor: a profile's unit is that gateway's, and the default one is not invented", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            let work = patient.person.home().join(".openclaw-work");
            fs::rename(&patient.openclaw.state, &work).unwrap();
            let path = patient.path();
            for text in [
                unit(&[("PATH", Path::new(&path)), ("OPENCLAW_STATE_DIR", &work)]),
                unit(&[("PATH", Path::new(&path))]).replace(" gateway\n", " --profile work gateway\n"),
            ] {
                let file = lay(&patient, &text);
                fs::rename(&file, file.with_file_name("openclaw-gateway-work.service")).unwrap();
                let value = patient.json(&mut patient.doctor());
                assert_eq!(names(&value), ["work"], "{text}");
                assert_eq!(value["status"], "fail");
                patient.says("app-server-command", "fail", "", "run `codex-home install --profile work`");
            }
        }),
        case("doctor: a state directory elsewhere is named by its path in every command", || {
            let patient = Patient::new(Release::April);
            let state = patient.person.root().join("srv");
            fs::rename(&patient.openclaw.state, &state).unwrap();
            let path = patient.path();
            lay(&patient, &unit(&[("PATH", Path::new(&path)), ("OPENCLAW_STATE_DIR", &state)]));
            let help = format!("run `codex-home install --state-dir {}`", state.display());
            patient.says("app-server-command", "fail", "", &help);
        }),
        case("doctor: a directory whose name is not UTF-8 is no profile's, because no option could pick it", || {
            let patient = Patient::installed(Release::April);
            let state = patient.person.home().join(OsStr::from_bytes(b".openclaw-w\xff"));
            fs::create_dir_all(state.join("agents")).unwrap();
            assert_eq!(names(&patient.json(&mut patient.doctor())), ["default"]);
        })
        // macOS has no such names.
        .needs(Need::Linux),
        case("doctor: a state directory is one gateway, by whatever path it is named", || {
            let patient = Patient::new(Release::April);
            let (target, home) = (patient.person.root().join("moved"), patient.person.root().join("link"));
            fs::rename(&patient.openclaw.state, &target).unwrap();
            symlink(&target, &patient.openclaw.state).unwrap();
            symlink(patient.person.home(), &home).unwrap();
            let path = patient.path();
            for variable in [("OPENCLAW_STATE_DIR", target.as_path()), ("HOME", &home)] {
                let file = lay(&patient, &unit(&[("PATH", Path::new(&path)), variable]));
                for options in [&[][..], &["--state-dir", target.to_str().unwrap()], &["--profile", "default"]] {
                    let value = patient.json(patient.doctor().args(options));
                    let service = &value["gateways"][0]["gateway"]["service"];
                    assert_eq!((names(&value), service), (vec!["default".to_owned()], &json!(file)), "{options:?}");
                }
            }
        }),
        case("doctor: the old state directory counts without the new one, and the old name of the settings", || {
            let patient = Patient::new(Release::April);
            let old = patient.person.home().join(".clawdbot");
            let config = patient.openclaw.configure(&launcher_in(&patient).to_string());
            fs::rename(&config, config.with_file_name("clawdbot.json")).unwrap();
            patient.says("app-server-command", "ok", "OpenClaw runs the launcher", "");
            fs::rename(&patient.openclaw.state, &old).unwrap();
            let value = patient.json(&mut patient.doctor());
            assert_eq!(
                (names(&value), &value["gateways"][0]["gateway"]["state"]),
                (vec!["default".to_owned()], &json!(old))
            );
            patient.says("app-server-command", "ok", "OpenClaw runs the launcher", "");
            fs::create_dir(&patient.openclaw.state).unwrap();
            assert_eq!(
                patient.json(&mut patient.doctor())["gateways"][0]["gateway"]["state"],
                json!(patient.openclaw.state)
            );
        }),
    ]
}

fn elsewhere() -> Vec<Case> {
    vec![
        case("doctor: a gateway of another user or home directory is named, with how to ask about it", || {
            let patient = Patient::new(Release::April);
            let file = lay(&patient, &unit(&[("HOME", Path::new("/srv/other"))]));
            patient.names_elsewhere(&mut patient.doctor(), &file.display().to_string(), "codex-home doctor");
            assert_eq!(patient.json(&mut patient.doctor())["gateways"][0]["gateway"]["service"], Value::Null);
            let of_user = |user: &str, variables: &[(&str, &Path)]| {
                lay(&patient, &unit(variables).replace("[Service]\n", &format!("[Service]\nUser={user}\n")));
            };
            of_user("operator", &[("PATH", Path::new("/usr/bin"))]);
            patient.names_elsewhere(&mut patient.doctor(), "", "run `sudo -u operator -H codex-home doctor`");
            of_user("operator", &[("HOME", Path::new("/srv/other"))]);
            patient.names_elsewhere(
                &mut patient.doctor(),
                "",
                "run `sudo -u operator env HOME=/srv/other codex-home doctor`",
            );
        }),
        case("doctor: a service of this user with another home directory is asked about with that `HOME`", || {
            let patient = Patient::new(Release::April);
            lay(&patient, &unit(&[("HOME", Path::new("/srv/other home"))]));
            patient.names_elsewhere(&mut patient.doctor(), "", "run `HOME='/srv/other home' codex-home doctor`");
        }),
        case("doctor: the user in a unit cannot add a command to the advice", || {
            let patient = Patient::new(Release::April);
            let text =
                unit(&[("PATH", Path::new("/usr/bin"))]).replace("[Service]\n", "[Service]\nUser=x; touch /tmp/x\n");
            lay(&patient, &text);
            patient.names_elsewhere(&mut patient.doctor(), "", "run `sudo -u 'x; touch /tmp/x' -H codex-home doctor`");
        }),
        case("doctor: OpenClaw's variables of this shell pick a gateway, and the others are named", || {
            let patient = Patient::installed(Release::April);
            let work = lay_state(&patient, ".openclaw-work", &json!({}));
            let doctor = || {
                let mut doctor = patient.doctor();
                doctor.env("OPENCLAW_STATE_DIR", &work);
                doctor
            };
            assert_eq!(names(&patient.json(&mut doctor())), ["work"]);
            let default = format!("run `codex-home doctor --state-dir {}`", patient.openclaw.state.display());
            patient.names_elsewhere(&mut doctor(), "`default`", &default);
            // Nor can it be another one that is meant, by the same name in `OPENCLAW_HOME`.
            let moved = patient.person.root().join("moved");
            fs::create_dir_all(moved.join(".openclaw")).unwrap();
            let mut doctor = patient.doctor();
            doctor.env("OPENCLAW_HOME", &moved);
            let work = format!("run `codex-home doctor --state-dir {}`", work.display());
            patient.names_elsewhere(&mut doctor, "`work`", &work);
        }),
        case("doctor: another gateway's state directory is one word of the command that asks about it", || {
            let patient = Patient::without_service(Release::April, "0.169.0");
            let (state, path) = (patient.person.root().join("a state"), patient.path());
            fs::create_dir(&state).unwrap();
            lay(&patient, &unit(&[("PATH", Path::new(&path)), ("OPENCLAW_STATE_DIR", &state)]));
            let mut doctor = patient.doctor();
            doctor.env("OPENCLAW_STATE_DIR", &patient.openclaw.state);
            let help = format!("run `codex-home doctor --state-dir '{}'`", state.display());
            patient.names_elsewhere(&mut doctor, &state.display().to_string(), &help);
        }),
    ]
}

/// A daemon of launchd, read in a root directory that has one.
fn launch_daemon() -> Case {
    case("doctor: a LaunchDaemon is this user's gateway if it names this user, and else elsewhere", || {
        let patient = Patient::installed(Release::May);
        fs::remove_file(file(&patient)).unwrap();
        let other = patient.person.write_program(&patient.person.root().join("other/codex"), "#!/bin/sh\n");
        let list = |user: &str| {
            format!(
                "<plist version=\"1.0\"><dict><key>Label</key><string>ai.openclaw.gateway</string>{user}\
                 <key>ProgramArguments</key><array><string>/usr/bin/node</string><string>/x/index.js</string>\
                 <string>gateway</string></array><key>EnvironmentVariables</key><dict><key>PATH</key><string>{}:/usr/bin</string>\
                 </dict></dict></plist>",
                other.parent().unwrap().display()
            )
        };
        let root = patient.person.root().join("machine");
        let daemons = root.join("Library/LaunchDaemons");
        fs::create_dir_all(&daemons).unwrap();
        let doctor = || {
            let script = "cd \"$1\"; for d in /*; do if [ -L $d ]; then cp -P $d .; elif [ -d $d ]; then mkdir -p .$d && \
                          mount --rbind $d .$d; fi; done; shift; exec chroot . \"$@\"";
            let program = patient.person.launcher().with_file_name("codex-home");
            let mut doctor = patient.person.command("unshare");
            doctor.args(["-m", "sh", "-c", script, "sh"]).arg(&root).arg(program).arg("doctor");
            doctor.env("PATH", format!("{}:/usr/bin:/usr/sbin:/bin", patient.path())).env("USER", "operator");
            doctor.env("XDG_STATE_HOME", patient.person.state());
            doctor
        };
        let lay = |user: &str| fs::write(daemons.join("ai.openclaw.gateway.plist"), list(user)).unwrap();
        lay("<key>UserName</key><string>operator</string>");
        let text = format!("finds another codex, `{}`", other.display());
        patient.says_in(&mut doctor(), "codex-under-service", "warn", &text, "");
        for (user, name) in [("<key>UserName</key><string>another</string>", "another"), ("<key>UserName</key><string>root</string>", "root")] {
            lay(user);
            let help = format!("run `sudo -u {name} -H codex-home doctor`");
            patient.names_elsewhere(&mut doctor(), "/Library/LaunchDaemons/ai.openclaw.gateway.plist", &help);
            patient.says_in(&mut doctor(), "codex-under-service", "unknown", "presumably", "");
        }
    })
    .needs(Need::MountNamespace)
}

fn units() -> Vec<Case> {
    vec![
        case("doctor: a unit that starts a container says nothing about the gateway in it, which is named as not examined", || {
            let patient = Patient::installed(Release::April);
            let text = "[Service]\nEnvironment=PATH=/nowhere\nExecStart=/usr/bin/podman run --rm -v STATE:/home/node/.openclaw bot gateway\n";
            let file = lay(&patient, &text.replace("STATE", patient.openclaw.state.to_str().unwrap()));
            let what = format!("is started in a container by `{}`", file.display());
            patient.names_elsewhere(&mut patient.doctor(), &what, "in that container");
            assert_eq!(status(&patient.json(&mut patient.doctor()), None, "service-elsewhere"), "unknown");
            patient.is_silent_about("app-server-command");
            let explained = run(patient.person.codex_home(&["explain"]).env("PATH", patient.path()));
            assert!(explained.stderr.contains(&what) && explained.code == Some(0), "{explained:?}");
            lay(&patient, &text.replace("STATE", "bot-data"));
            let what = format!("a gateway is started in a container by `{}`", file.display());
            patient.names_elsewhere(&mut patient.doctor(), &what, "in that container");
            assert!(patient.text(&mut patient.doctor()).contains(&format!("? {what}")), "shown without `--all`");
            patient.says("codex-under-service", "unknown", "presumably", "");
        })
        .needs(Need::Linux),
        launch_daemon(),
        case("doctor: without systemd a unit is read with its drop-ins, `%h` and environment files", || {
            let patient = Patient::installed(Release::April);
            let tools = patient.person.home().join("tools/bin");
            fs::create_dir_all(&tools).unwrap();
            fs::rename(patient.person.home().join(".local/bin/codex"), tools.join("codex")).unwrap();
            let file = lay(&patient, &unit(&[("PATH", Path::new("/usr/bin"))]));
            let drop_ins = file.with_file_name("openclaw-gateway.service.d");
            fs::create_dir(&drop_ins).unwrap();
            let doctor = || {
                let mut doctor = patient.doctor();
                doctor.env("PATH", format!("{}:{}", tools.display(), patient.openclaw.path()));
                doctor
            };
            patient.says_in(&mut doctor(), "codex-under-service", "fail", "finds no codex", "");
            let own = drop_ins.join("own.conf");
            fs::write(&own, "[Service]\nEnvironment=\"PATH=%h/tools/bin:/usr/bin\"\n").unwrap();
            patient.says_in(&mut doctor(), "codex-under-service", "ok", "finds the same codex", "");
            // An environment file overrides the unit, and an unreadable one makes every variable uncertain.
            let variables = patient.person.home().join("gateway.env");
            fs::write(&variables, "# mine\nPATH='/nowhere'\n").unwrap();
            fs::write(&own, "[Service]\nEnvironmentFile=-%h/gateway.env\n").unwrap();
            patient.says_in(&mut doctor(), "codex-under-service", "fail", "finds no codex", "");
            fs::remove_file(&variables).unwrap();
            fs::create_dir(&variables).unwrap();
            patient.says_in(&mut doctor(), "codex-under-service", "unknown", "presumably", "")
        })
        .needs(Need::NoSystemCodex),
        case("doctor: a specifier that is not known here leaves the variable open", || {
            let patient = Patient::installed(Release::April);
            lay(&patient, &unit(&[("PATH", Path::new("%t/bin:/usr/bin"))]));
            patient.says("codex-under-service", "unknown", "presumably", "");
        }),
        // The answer of systemd 252 of Debian 12, booted in a namespace, to this question, with the paths of this test.
        case("doctor: a recorded answer of systemd 252 is believed over the unit's file", || {
            let patient = Patient::installed(Release::April);
            let other = patient.person.write_program(&patient.person.root().join("other bin/codex"), "#!/bin/sh\n");
            let unit_file = file(&patient);
            let variables = patient.person.home().join("gateway.env");
            fs::write(&variables, "# a remark\nCODEX_HOME_SHIM_LOG=\"info\"\n").unwrap();
            let answer = format!(
                "ExecStart={{ path=/usr/bin/node ; argv[]=/usr/bin/node /x/openclaw/dist/index.js gateway --port 18789 ; \
                 ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }}\n\
                 Environment=\"PATH={}:/usr/bin\" OPENCLAW_PROFILE=x \"QUOTED=it is \\\"so\\\"\"\n\
                 EnvironmentFiles={} (ignore_errors=yes)\nEnvironmentFiles=/nowhere/none.env (ignore_errors=yes)\nUser=\n\
                 FragmentPath={}\nDropInPaths={}.d/own.conf\n\nEnvironment=\nUser=\nFragmentPath=\nDropInPaths=\n",
                other.parent().unwrap().display(),
                variables.display(),
                unit_file.display(),
                unit_file.display(),
            );
            let bin = patient.person.root().join("systemd");
            let answers = patient.person.root().join("answer");
            fs::write(&answers, answer).unwrap();
            let systemctl = bin.join("systemctl");
            let script = |text: &str| {
                patient.person.write_program(&systemctl, &format!("#!/bin/sh\n{text}\n"));
                let mut doctor = patient.doctor();
                doctor.env("PATH", format!("{}:{}", bin.display(), patient.path()));
                doctor
            };
            let mut doctor = script(&format!("[ \"$1 $2\" = '--user show' ] && cat '{}'", answers.display()));
            let text = format!("finds another codex, `{}`", other.display());
            doctor.env("CODEX_HOME_SHIM_LOG", "info");
            let lines = patient.lines("variables-only-here", &mut doctor);
            assert!(lines.is_empty(), "{lines:#?}");
            let mut doctor = script(&format!("cat '{}'", answers.display()));
            patient.says_in(&mut doctor, "codex-under-service", "warn", &text, "");
            // One that fails, hangs or answers about another unit is not believed.
            for text in ["exit 1", "exec sleep 60", "echo FragmentPath=/etc/systemd/user/openclaw-gateway.service"] {
                let began = std::time::Instant::now();
                patient.says_in(&mut script(text), "codex-under-service", "ok", "finds the same codex", "");
                assert!(began.elapsed().as_secs() < 20, "{text}");
            }
        })
        .needs(Need::Linux),
        case("doctor: a LaunchAgent's environment is in the file that it starts its program with", || {
            let patient = Patient::installed(Release::May);
            fs::remove_file(file(&patient)).unwrap();
            let other = patient.person.write_program(&patient.person.root().join("it's/codex"), "#!/bin/sh\n");
            let directory = patient.openclaw.state.join("service-env");
            fs::create_dir(&directory).unwrap();
            let variables = directory.join("ai.openclaw.gateway.env");
            let path = other.parent().unwrap().display().to_string().replace('\'', r"'\''");
            fs::write(&variables, format!("export PATH='{path}:/usr/bin'\nexport OPENCLAW_SERVICE_KIND='gateway'\n")).unwrap();
            let words = ["/bin/sh", "/x/env-wrapper.sh", variables.to_str().unwrap(), "/usr/bin/node", "/x/index.js", "gateway"];
            let words: String = words.iter().map(|word| format!("<string>{word}</string>")).collect();
            let agents = patient.person.home().join("Library/LaunchAgents");
            fs::create_dir_all(&agents).unwrap();
            let list = format!(
                "<plist version=\"1.0\"><dict><key>Label</key><string>ai.openclaw.gateway</string>\
                 <key>ProgramArguments</key><array>{words}</array></dict></plist>"
            );
            fs::write(agents.join("ai.openclaw.gateway.plist"), list).unwrap();
            let text = format!("finds another codex, `{}`", other.display());
            patient.says("codex-under-service", "warn", &text, "");
            fs::remove_file(&variables).unwrap();
            patient.says("codex-under-service", "unknown", "presumably", "");
        }),
    ]
}
