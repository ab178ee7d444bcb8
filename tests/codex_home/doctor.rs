//! `codex-home doctor` about each OpenClaw on the disk. It runs nothing and changes nothing.

mod app_server;
mod codex;
mod gateways;
mod homes;
mod layouts;
mod running;
pub mod service;
mod settings;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::cli::in_a_terminal;
use crate::support::fixture::UNPRIVILEGED;
use crate::support::openclaw::{OpenClaw, Release, lay_codex, lay_package};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Fixture, Need, case};
use crate::{ask, ask_json, compare};

/// A person who is logged in, with an OpenClaw and a codex.
pub struct Patient {
    pub person: Fixture,
    pub openclaw: OpenClaw,
    /// The codex that is found.
    pub codex: PathBuf,
}

impl Patient {
    /// A gateway that a service starts with the PATH of the doctor's shell.
    pub fn new(release: Release) -> Patient {
        Patient::with_codex(release, "0.169.0")
    }

    fn with_codex(release: Release, version: &str) -> Patient {
        let patient = Patient::without_service(release, version);
        service::lay(&patient, &service::unit(&[("PATH", patient.path().as_ref())]));
        patient
    }

    /// A gateway of which nothing is known.
    pub fn without_service(release: Release, version: &str) -> Patient {
        let person = Fixture::new();
        let openclaw = OpenClaw::lay(&person, release);
        let codex = lay_codex(&person, version);
        person.log_in(ACCOUNT);
        Patient { person, openclaw, codex }
    }

    /// The same as a new one, but OpenClaw has run the launcher.
    pub fn installed(release: Release) -> Patient {
        let patient = Patient::new(release);
        patient.openclaw.configure_app_server(&json!({"command": patient.person.launcher()}));
        patient.record(&[json!({"time": "2026-11-22T08:30:00.000000Z", "decision": "redirect", "error": null})]);
        patient
    }

    /// Writes the journal.
    pub fn record(&self, starts: &[Value]) {
        let lines: String = starts.iter().map(|start| format!("{start}\n")).collect();
        fs::create_dir_all(self.person.journal().parent().unwrap()).unwrap();
        fs::write(self.person.journal(), lines).unwrap();
        // The service has no `XDG_STATE_HOME`.
        let usual = self.person.home().join(".local/state/codex-home-shim");
        fs::create_dir_all(&usual).unwrap();
        fs::copy(self.person.journal(), usual.join("journal.jsonl")).unwrap();
    }

    /// The PATH of the doctor's shell.
    pub fn path(&self) -> String {
        format!("{}:{}", self.person.home().join(".local/bin").display(), self.openclaw.path())
    }

    pub fn doctor(&self) -> Command {
        let mut doctor = self.person.codex_home(&["doctor"]);
        doctor.env("PATH", self.path());
        doctor
    }

    pub fn text(&self, doctor: &mut Command) -> String {
        let finished = ask(&self.person, doctor);
        assert_eq!(finished.stderr, "", "nothing was run");
        finished.stdout
    }

    /// Checks the whole text with `--all`.
    #[track_caller]
    fn prints(&self, code: i32, expected: &str) {
        let finished = ask(&self.person, self.doctor().arg("--all"));
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(code), ""), "{finished:?}");
        compare(&self.person, &without_machine(&finished.stdout), expected.to_owned());
    }

    pub fn json(&self, doctor: &mut Command) -> Value {
        let (code, value) = ask_json(&self.person, doctor.arg("--json"));
        assert_eq!(code, i32::from(value["status"] == "fail"), "{value:#}");
        value
    }

    /// The status, text and help of each line with this id.
    #[track_caller]
    pub fn lines(&self, id: &str, doctor: &mut Command) -> Vec<[String; 3]> {
        let value = self.json(doctor);
        let checks = value["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id);
        checks
            .map(|check| ["status", "text", "help"].map(|key| check[key].as_str().unwrap_or_default().to_owned()))
            .collect()
    }

    /// Checks that there is one line with this id, and that its text and help contain these words.
    #[track_caller]
    pub fn says(&self, id: &str, status: &str, text: &str, help: &str) {
        self.says_in(&mut self.doctor(), id, status, text, help);
    }

    #[track_caller]
    pub fn says_in(&self, doctor: &mut Command, id: &str, status: &str, text: &str, help: &str) {
        let lines = self.lines(id, doctor);
        let [line] = lines.as_slice() else { panic!("one line `{id}`: {lines:#?}") };
        assert!(line[0] == status && line[1].contains(text) && line[2].contains(help), "{line:#?}");
    }

    /// Checks that a gateway elsewhere is named so; others of this machine may be too.
    #[track_caller]
    pub fn names_elsewhere(&self, doctor: &mut Command, text: &str, help: &str) {
        let lines = self.lines("service-elsewhere", doctor);
        let is_it = |[_, said, what]: &[String; 3]| said.contains(text) && what.contains(help);
        assert!(lines.iter().any(is_it), "{lines:#?}");
    }

    #[track_caller]
    pub fn is_silent_about(&self, id: &str) {
        assert!(self.lines(id, &mut self.doctor()).is_empty(), "{id}");
    }
}

/// A text without gateways that run on this machine, with another home directory or other files.
pub fn without_machine(text: &str) -> String {
    let is_of_machine = |line: &&str| {
        ["a gateway with another home directory", "`HOME=", "a gateway sees other files", "where that process runs"]
            .iter()
            .any(|words| line.contains(words))
    };
    text.lines().filter(|line| !is_of_machine(line)).map(|line| format!("{line}\n")).collect()
}

pub fn cases() -> Vec<Case> {
    let own = [releases(), openclaw(), app_server::cases(), codex::cases()];
    let others =
        [gateways::cases(), homes::cases(), layouts::cases(), running::cases(), service::cases(), settings::cases()];
    own.into_iter().chain(others).flatten().collect()
}

const HARNESS: &str = "~/.openclaw/agents/main/agent/harness-auth/codex/06bfb5171eff0241";
const MIGRATE: &str = "openclaw migrate apply codex --from ~/.codex --agent main --include-secrets --item auth:openai";
const ACPX: &str = "! `~/.openclaw/acpx/codex-home` cannot log in and is left as it is: there is no auth.json
  help: to have it treated as a bridge, run `codex-home config set bridges ~/.openclaw/acpx/codex-home`; what that risks: an ACP \
adapter logs out unasked if an error tells it to, and with codex 0.123 to 0.148 that ends your own login
";
const HERE: &str = "✓ the launcher is `[ROOT]/launcher/codex-home-shim`
✓ codex 0.169.0 is `[ROOT]/brew/Cellar/codex/0.169.0/bin/codex`, found by path
";
const SERVICE: &str = "✓ the gateway's service (`~/.config/systemd/user/openclaw-gateway.service`) finds the same codex
✓ `~/.codex` can log in: it holds a ChatGPT login, account …5555
";
const UNUSED_CLI: &str =
    "! `~/.openclaw/agents/main/agent/cli-auth/codex/5d41402abc4b2a76` cannot log in: auth.json has no \
`id_token`; no agent is configured to use it (`codex-cli`)
  help: if one does, run `openclaw config set agents.defaults.cliBackends.codex-cli.command \
[ROOT]/launcher/codex-home-shim`: the launcher would repair it
";
const ONE: &str = "
nothing is broken: 1 deserves a look
";
const LATER: &str = "✓ `~/.openclaw/agents/main/agent/codex-home` is left as it is: the host logs in after the start\n";

fn releases() -> Vec<Case> {
    let package = |version: &str| {
        format!("✓ OpenClaw {version} in `~/.npm-global/lib/node_modules/openclaw`, its state in `~/.openclaw`\n")
    };
    let minimum = |version: &str, codex: &str| {
        format!("✓ OpenClaw {version} needs codex {codex} or later, and this one is 0.169.0\n")
    };
    vec![
        // https://github.com/openclaw/openclaw/issues/70511
        case(
            "doctor: OpenClaw 2026.4.21 without the launcher: both bridges, and what would become of them",
            move || {
                let expected = format!(
                    "✗ OpenClaw runs codex itself, without the launcher
  help: run `codex-home install`
✗ `{HARNESS}` cannot log in: auth.json has no `id_token`
  help: run `codex-home install`: the launcher would use `~/.codex` instead
{UNUSED_CLI}{}{HERE}{}{SERVICE}
2 things do not work, 1 deserves a look
first: run `codex-home install`\n",
                    package("2026.4.21"),
                    minimum("2026.4.21", "0.118.0"),
                );
                Patient::new(Release::April).prints(1, &expected);
            },
        ),
        case("doctor: OpenClaw 2026.4.21 with the launcher: nothing is wrong", move || {
            let expected = format!(
                "{UNUSED_CLI}{}✓ OpenClaw runs the launcher, `[ROOT]/launcher/codex-home-shim`
{HERE}{}{SERVICE}✓ `{HARNESS}` is redirected to `~/.codex`: auth.json has no `id_token`
✓ the last start succeeded

nothing is broken: 1 deserves a look\n",
                package("2026.4.21"),
                minimum("2026.4.21", "0.118.0"),
            );
            Patient::installed(Release::April).prints(0, &expected);
        }),
        case("doctor: OpenClaw 2026.5.2 logs its own homes in, and nothing logs that of acpx in", move || {
            let expected = format!(
                "{ACPX}{}✓ OpenClaw runs codex itself, without the launcher
{HERE}{}{SERVICE}{LATER}
nothing is broken: 1 deserves a look
",
                package("2026.5.2"),
                minimum("2026.5.2", "0.125.0")
            );
            Patient::new(Release::May).prints(0, &expected);
        }),
        case("doctor: OpenClaw 2026.7.1 can share your own home", move || {
            let expected = format!(
                "{ACPX}✓ OpenClaw 2026.7.1 can log codex in without a launcher
  help: if a login fails, run `openclaw config set plugins.entries.codex.config.appServer.homeScope user`
{}✓ OpenClaw runs its own codex
{HERE}{}{SERVICE}{LATER}{ONE}",
                package("2026.7.1"),
                minimum("2026.7.1", "0.143.0")
            );
            Patient::new(Release::July).prints(0, &expected);
        }),
        case("doctor: OpenClaw 2026.8.2 and 2026.9.6 have a login of their own", move || {
            for release in [Release::August, Release::September] {
                let version = release.version();
                let expected = format!(
                    "{ACPX}✓ OpenClaw {version} can log codex in without a launcher
  help: if a login fails, run `openclaw models auth login --provider openai`, or `{MIGRATE}`
{}✓ OpenClaw runs its own codex
{HERE}{}{SERVICE}{LATER}\
✓ `~/.codex-coding-agent` is left as it is: the host logs in after the start\n{ONE}",
                    package(version),
                    minimum(version, "0.149.0")
                );
                Patient::new(release).prints(0, &expected);
            }
        }),
        case("doctor: there is colour in a terminal", || {
            let patient = Patient::new(Release::April);
            let text = in_a_terminal(&mut patient.doctor(), 100);
            assert!(text.starts_with("\u{1b}[1m\u{1b}[31m✗\u{1b}[0m OpenClaw runs"), "{text:?}");
        }),
        case("doctor: the contract of its JSON, with whole paths", || {
            let patient = Patient::installed(Release::April);
            let value = patient.json(&mut patient.doctor());
            let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&value), ["checks", "gateways", "status"]);
            let names = ["codex", "gateway", "homes", "launcher", "openclaw", "personal"];
            assert_eq!(keys(&value["gateways"][0]), names);
            let service = service::file(&patient);
            let expected = json!({
                "name": "default", "profile": null, "state": patient.openclaw.state, "pid": null, "service": service,
                "known": "read", "path_known": "read", "last_start": "2026-11-22T08:30:00.000000Z",
            });
            let mut gateway = value["gateways"][0]["gateway"].clone();
            // OpenClaw puts the system's directories before those of the service, and those of installers behind them.
            let path = gateway.as_object_mut().unwrap().remove("path").unwrap();
            let beginning = format!("/usr/bin:/bin:{}", patient.person.home().join(".local/bin").display());
            assert!(path.as_str().unwrap().starts_with(&beginning), "{path}");
            assert_eq!(gateway, expected);
            let launcher = patient.person.launcher();
            let expected = json!({"path": launcher, "stable_path": launcher});
            assert_eq!(value["gateways"][0]["launcher"], expected);
            let expected = json!({
                "version": "2026.4.21",
                "package": patient.openclaw.package,
                "command": patient.openclaw.bin.join("openclaw"),
                "config": patient.openclaw.state.join("openclaw.json"),
                "app_server": {"command": launcher, "args": null, "home_scope": null},
                "own_way": null,
            });
            assert_eq!(value["gateways"][0]["openclaw"], expected);
            let codex = &patient.codex;
            let expected = json!({
                "path": codex, "version": "0.169.0", "found_by": "path", "lowest": "0.118.0", "under_service": codex,
            });
            assert_eq!(value["gateways"][0]["codex"], expected);
            let fields = ["home", "kind", "usable", "reason", "decision", "codex_home", "in_use"];
            let expected = json!([
                patient.person.bridge(),
                "bridge",
                "no",
                "missing-id-token",
                "redirect",
                patient.person.personal(),
                true,
            ]);
            assert_eq!(json!(fields.map(|key| value["gateways"][0]["homes"][0][key].clone())), expected);
            for check in value["checks"].as_array().unwrap() {
                assert_eq!(keys(check), ["gateway", "help", "id", "status", "text"]);
                assert!(!check["text"].as_str().unwrap().contains('~'), "{check}");
            }
        }),
        case("doctor: what it says of each home is what the launcher does", || {
            let patient = Patient::installed(Release::April);
            let value = patient.json(&mut patient.doctor());
            let person = &patient.person;
            let [harness, cli] = [0, 1].map(|at| value["gateways"][0]["homes"][at]["codex_home"].clone());
            let used = |ended: crate::support::Ended| json!(ended.report.unwrap().var("CODEX_HOME"));
            assert_eq!(used(person.serve().is_redirected("missing-id-token")), harness);
            let exec = person.start(&["exec", "--json"]).home(person.cli_bridge());
            assert_eq!(used(exec.is_repaired("missing-id-token")), cli);
        }),
    ]
}

fn openclaw() -> Vec<Case> {
    vec![
        case("doctor: `homeScope` is unknown before 2026.7.1, and broken in three previews", || {
            for (version, id, status, words) in [
                ("2026.6.35", "home-scope", "fail", "does not know it"),
                ("2026.7.1-2", "openclaw-own-way", "ok", "shares your own home itself"),
                ("2026.7.2-beta.1", "openclaw-own-way", "fail", "does not work"),
                ("2026.7.2-beta.3", "openclaw-own-way", "fail", "does not work"),
                ("2026.7.2-beta.4", "openclaw-own-way", "ok", "shares your own home itself"),
            ] {
                let patient = Patient::new(Release::July);
                lay_package(&patient.openclaw.package, version);
                patient.openclaw.configure_app_server(&json!({"homeScope": "user"}));
                patient.says(id, status, words, "");
            }
        }),
        case("doctor: an agent directory elsewhere is examined; one that depends on a variable is named", || {
            let patient = Patient::installed(Release::April);
            let bridge = patient.person.home().join("agents/two/harness-auth/codex/00112233445566ff");
            patient.person.write_auth(&bridge, &crate::support::fixture::broken(ACCOUNT));
            let config = json!({
                "agents": {"list": [{"id": "two", "agentDir": "~/agents/two"}, {"id": "three", "agentDir": "${THREE}/agent"}]},
                "plugins": {"entries": {"codex": {"config": {"appServer": {"command": patient.person.launcher()}}}}},
            });
            patient.openclaw.configure(&config.to_string());
            let value = patient.json(&mut patient.doctor());
            assert!(value["gateways"][0]["homes"].as_array().unwrap().iter().any(|home| home["home"] == json!(bridge)));
            patient.says("openclaw-unseen", "warn", "`${THREE}/agent`", "codex-home inspect");
        }),
        case("doctor: OpenClaw's own variables are followed", || {
            let patient = Patient::installed(Release::April);
            let state = patient.person.root().join("elsewhere");
            fs::rename(&patient.openclaw.state, &state).unwrap();
            let config = patient.person.root().join("own.json5");
            fs::rename(state.join("openclaw.json"), &config).unwrap();
            let mut doctor = patient.doctor();
            doctor.env("OPENCLAW_STATE_DIR", &state).env("OPENCLAW_CONFIG_PATH", &config);
            let value = patient.json(&mut doctor);
            assert_eq!(value["gateways"][0]["gateway"]["state"], json!(state));
            assert_eq!(value["gateways"][0]["openclaw"]["app_server"]["command"], json!(patient.person.launcher()));
            assert_eq!(value["gateways"][0]["homes"].as_array().unwrap().len(), 2);
            let moved = patient.person.root().join("moved");
            fs::create_dir(&moved).unwrap();
            fs::rename(&state, moved.join(".openclaw")).unwrap();
            let value = patient.json(patient.doctor().env("OPENCLAW_HOME", &moved));
            assert_eq!(value["gateways"][0]["gateway"]["state"], json!(moved.join(".openclaw")));
        }),
        case("doctor: nothing in the configuration's place hangs it or stops it", || {
            use nix::sys::stat::Mode;
            let deep = "[".repeat(200_000);
            let rows: [(&str, &dyn Fn(&std::path::Path)); 7] = [
                ("", &|path| fs::write(path, "{ plugins: ").unwrap()),
                ("nested too deeply", &|path| fs::write(path, &deep).unwrap()),
                // JSON5 ends a comment at these too.
                ("nested too deeply", &|path| fs::write(path, format!("// \r{deep}")).unwrap()),
                ("nested too deeply", &|path| fs::write(path, format!("// \u{2028}{deep}")).unwrap()),
                ("larger than", &|path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap()),
                ("not a regular file", &|path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap()),
                ("not UTF-8", &|path| fs::write(path, b"{\"\xff\": 1}").unwrap()),
            ];
            for (what, lay) in rows {
                let patient = Patient::new(Release::April);
                lay(&patient.openclaw.state.join("openclaw.json"));
                let finished = crate::support::run(&mut patient.doctor());
                assert_eq!(finished.code, Some(1), "{what}: {finished:?}");
                let line = finished.stdout.lines().find(|line| line.contains("openclaw.json` cannot be used: "));
                assert!(line.is_some_and(|line| line.contains(what)), "{what}: {}", finished.stdout);
            }
            let patient = Patient::installed(Release::April);
            for file in [
                patient.person.bridge().join("auth.json"),
                patient.openclaw.package.join("package.json"),
                patient.person.personal().join("config.toml"),
            ] {
                let _ = fs::remove_file(&file);
                nix::unistd::mkfifo(&file, Mode::S_IRWXU).unwrap();
            }
            assert_eq!(ask(&patient.person, &mut patient.doctor()).code, Some(1));
        }),
        case("doctor: what this user cannot read is said", || {
            let mut patient = Patient::installed(Release::April);
            patient.person.chmod(&patient.openclaw.state.join("openclaw.json"), 0);
            patient.person.chmod(&patient.person.bridge(), 0);
            patient.person.become_unprivileged();
            let mut doctor = patient.doctor();
            if patient.person.is_unprivileged {
                doctor.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
            }
            let finished = crate::support::run(&mut doctor);
            assert_eq!(finished.code, Some(1), "{finished:?}");
            let text = finished.stdout;
            assert!(text.contains("openclaw.json` cannot be used: it cannot be read: permission denied"), "{text}");
            assert!(text.contains("cannot log in: the directory cannot be entered"), "{text}");
        }),
        case("doctor: without OpenClaw and without codex it says what is missing", || {
            let person = Fixture::new();
            let mut doctor = person.codex_home(&["doctor", "--json"]);
            doctor.env("PATH", person.work()).env("CODEX_HOME_SHIM_CODEX", "/nowhere/codex");
            let (code, value) = ask_json(&person, &mut doctor);
            assert_eq!(
                (code, &value["gateways"][0]["codex"], &value["gateways"][0]["homes"]),
                (1, &Value::Null, &json!([]))
            );
            let checks = value["checks"].as_array().unwrap();
            let status = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap()["status"].clone();
            assert_eq!([status("codex"), status("personal-home")], ["fail", "warn"]);
            // This machine may have an OpenClaw in a system directory.
            assert_eq!(status("openclaw") == "warn", value["gateways"][0]["openclaw"].is_null());
            // A user without a home directory is no reason to fail silently.
            let mut doctor = person.codex_home(&["doctor"]);
            doctor.env("PATH", person.work()).env("HOME", "").env("CODEX_HOME_SHIM_JOURNAL", "off");
            assert!(matches!(crate::support::run(&mut doctor).code, Some(0 | 1)));
        })
        .needs(Need::NoSystemCodex)
        .needs(Need::NoSystemOpenClaw),
    ]
}
