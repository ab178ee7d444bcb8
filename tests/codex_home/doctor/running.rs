//! The doctor about running gateways. Each case has a user of its own, so that it sees only its own processes.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::{fs, thread, time::Duration};

use serde_json::json;

use super::Patient;
use super::service::{lay, unit};
use crate::support::openclaw::Release;
use crate::support::{Case, Need, case, forking};

/// A process with the title and the environment of a gateway. It is killed when this is dropped.
struct Gateway(Child);

impl Gateway {
    fn start(patient: &Patient, uid: u32, variables: &[(&str, &Path)]) -> Gateway {
        Gateway::titled("openclaw-gateway", patient, uid, variables)
    }

    fn titled(title: &str, patient: &Patient, uid: u32, variables: &[(&str, &Path)]) -> Gateway {
        let mut command = Command::new("/bin/sleep");
        command.arg0(title).arg("600").env_clear().uid(uid).gid(uid).current_dir("/");
        command.env("HOME", patient.person.home()).envs(variables.iter().copied());
        let child = {
            let _alone = forking();
            command.spawn().unwrap()
        };
        // Until exec it is a copy of this program.
        thread::sleep(Duration::from_millis(200));
        Gateway(child)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn doctor(patient: &Patient, uid: u32) -> Command {
    patient.person.give_to(patient.person.root(), uid);
    patient.person.chown(patient.person.root(), uid);
    let mut doctor = patient.doctor();
    doctor.uid(uid).gid(uid);
    doctor
}

/// A gateway in namespaces of its own, with another home directory and the state of this user, as in a container.
fn contained() -> Case {
    case("doctor: nothing is right or wrong about a gateway in a container by the files that are seen here", || {
        const UID: u32 = 4014;
        let patient = Patient::without_service(Release::April, "0.169.0");
        // A path in the container.
        patient.openclaw.configure_app_server(&json!({"command": "/usr/local/bin/codex-home-shim"}));
        patient.person.write_auth(&patient.person.agent().join("codex-home"), b"{}");
        let inside = patient.person.root().join("inside");
        fs::create_dir_all(inside.join(".openclaw")).unwrap();
        fs::create_dir_all(patient.person.home().join(".openclaw-work/agents")).unwrap();
        let mut ask = doctor(&patient, UID);
        let script = format!(
            "mount --bind '{}' '{2}/.openclaw' && setpriv --reuid {1} --regid {1} --clear-groups \
             env -i HOME='{2}' bash -c 'exec -a openclaw-gateway sleep 600'; exit 0",
            patient.openclaw.state.display(),
            UID,
            inside.display()
        );
        let mut command = Command::new("unshare");
        // The shell is the first process of its namespace, which ends with it.
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
        let child = {
            let _alone = forking();
            command.spawn().unwrap()
        };
        let gateway = Gateway(child);
        thread::sleep(Duration::from_millis(500));
        let value = patient.json(&mut ask);
        let checks = value["checks"].as_array().unwrap().iter().filter(|check| check["gateway"] == "default");
        let checks: Vec<_> = checks.map(|check| (&check["id"], &check["status"])).collect();
        assert_eq!(checks, [(&json!("service-elsewhere"), &json!("unknown"))], "{value:#}");
        let shown = patient.text(&mut doctor(&patient, UID));
        assert!(
            shown.contains("sees other files than this shell (process ") && !shown.contains("runs in a"),
            "{shown}"
        );
        // Other commands do not take the files here for the gateway's either.
        let default = ["--profile", "default"];
        for args in [
            ["install"].to_vec(),
            [["verify"].as_slice(), &default].concat(),
            [["explain"].as_slice(), &default].concat(),
        ] {
            let mut command = patient.person.codex_home(&args);
            let finished = crate::ask(&patient.person, command.env("PATH", patient.path()).uid(UID).gid(UID));
            let said = finished.stderr;
            let is_refused =
                finished.code != Some(0) && (args == ["install"] || said.contains("where that process runs"));
            assert!(is_refused, "{args:?}: {said}");
        }
        drop(gateway);
        patient.says_in(
            doctor(&patient, UID).args(["--profile", "default"]),
            "app-server-command",
            "fail",
            "no such program",
            "",
        );
    })
}

/// Starts a gateway of `uid` with a mount of its own on `/mnt`, after `prepare` and with these variables.
fn start_with_mount(uid: u32, prepare: &str, variables: &str) -> Gateway {
    let script = format!(
        "mount -t tmpfs none /mnt && {prepare} && exec setpriv --reuid {uid} --regid {uid} --clear-groups \
         env -i {variables} bash -c 'exec -a openclaw-gateway sleep 600'"
    );
    let child = {
        let _alone = forking();
        Command::new("unshare").args(["--mount", "sh", "-c", &script]).spawn().unwrap()
    };
    let gateway = Gateway(child);
    thread::sleep(Duration::from_millis(500));
    gateway
}

/// A gateway with a mount of its own and the same home, as a service with a private `/tmp`.
fn with_private_mounts() -> Case {
    case("doctor: a gateway with mounts of its own and the same files is seen, with or without `HOME`", || {
        const UID: u32 = 4015;
        let patient = Patient::without_service(Release::April, "0.169.0");
        doctor(&patient, UID);
        let home = format!("HOME='{}'", patient.person.home().display());
        for variables in [home.as_str(), "LANG=C"] {
            let gateway = start_with_mount(UID, "true", variables);
            let value = patient.json(&mut doctor(&patient, UID));
            let seen = &value["gateways"][0]["gateway"];
            assert_eq!([&seen["pid"], &seen["known"]], [&json!(gateway.0.id()), &json!("seen")], "{value:#}");
        }
    })
}

/// A gateway with its lock in a temporary directory of its own, as a service with a private `/tmp` has it.
fn with_private_lock() -> Case {
    case("doctor: a lock in a gateway's own temporary directory tells its state directory", || {
        const UID: u32 = 4018;
        let patient = Patient::without_service(Release::April, "0.169.0");
        let work = patient.person.home().join(".openclaw-work");
        fs::create_dir_all(work.join("agents")).unwrap();
        let config = work.join("openclaw.json");
        let now = chrono::Utc::now().to_rfc3339();
        let prepare = format!(
            "mkdir /mnt/openclaw-{UID} && printf '{{\"pid\":%s,\"createdAt\":\"{now}\",\"configPath\":\"%s\"}}' $$ '{}' \
             >/mnt/openclaw-{UID}/gateway.0123abcd.lock && chown -R {UID} /mnt/openclaw-{UID}",
            config.display()
        );
        doctor(&patient, UID);
        let variables = format!("TMPDIR=/mnt HOME='{}'", patient.person.home().display());
        let gateway = start_with_mount(UID, &prepare, &variables);
        let value = patient.json(&mut doctor(&patient, UID));
        let seen = &value["gateways"][1]["gateway"];
        assert_eq!([&seen["name"], &seen["pid"]], [&json!("work"), &json!(gateway.0.id())], "{value:#}");
    })
}

pub fn cases() -> Vec<Case> {
    let cases = vec![
        case("doctor: a running gateway is seen, with its environment and what it would start", || {
            const UID: u32 = 4011;
            let patient = Patient::without_service(Release::April, "0.169.0");
            let (path, launcher) = (patient.path(), patient.person.launcher());
            let gateway = Gateway::start(
                &patient,
                UID,
                &[("PATH", Path::new(&path)), ("OPENCLAW_CODEX_APP_SERVER_BIN", &launcher)],
            );
            let value = patient.json(&mut doctor(&patient, UID));
            let seen = &value["gateways"][0]["gateway"];
            assert_eq!(
                [&seen["pid"], &seen["known"], &seen["path_known"]],
                [&json!(gateway.0.id()), &json!("seen"), &json!("seen")]
            );
            patient.says_in(&mut doctor(&patient, UID), "app-server-command", "ok", "OpenClaw runs the launcher", "");
            patient.says_in(
                &mut doctor(&patient, UID),
                "codex-gate",
                "ok",
                "OpenClaw 2026.4.21 needs codex 0.118.0",
                "",
            );
            let text = format!("the running gateway (process {}) finds the same codex", gateway.0.id());
            patient.says_in(&mut doctor(&patient, UID), "codex-under-service", "ok", &text, "");
            drop(gateway);
            patient.says_in(&mut doctor(&patient, UID), "app-server-command", "unknown", "presumably", "");
        }),
        case("doctor: what runs is believed over the service's file", || {
            const UID: u32 = 4012;
            let patient = Patient::new(Release::April);
            let other = patient.person.write_program(&patient.person.root().join("other/codex"), "#!/bin/sh\n");
            lay(&patient, &unit(&[("PATH", other.parent().unwrap())]));
            let path = patient.path();
            patient.says_in(&mut doctor(&patient, UID), "codex-under-service", "warn", "finds another codex", "");
            let _gateway = Gateway::start(&patient, UID, &[("PATH", Path::new(&path))]);
            patient.says_in(&mut doctor(&patient, UID), "codex-under-service", "ok", "the running gateway", "");
        }),
        case("doctor: of two running gateways each has its own state, PATH and codex", || {
            const UID: u32 = 4013;
            let patient = Patient::without_service(Release::April, "0.169.0");
            let work = patient.person.home().join(".openclaw-work");
            fs::create_dir(&work).unwrap();
            let old = patient.person.root().join("brew/Cellar/codex/0.117.0/bin");
            patient.person.write_program(&old.join("codex"), "#!/bin/sh\n");
            let path = patient.path();
            let temporary = patient.person.root().join("tmp");
            let one = Gateway::start(&patient, UID, &[("PATH", Path::new(&path)), ("TMPDIR", &temporary)]);
            let _other = Gateway::start(&patient, UID, &[("PATH", &old), ("OPENCLAW_STATE_DIR", &work)]);
            let elsewhere = Gateway::start(&patient, UID, &[("HOME", Path::new("/srv"))]);
            // Its title hides its command line, which may have had `--profile`.
            let text = format!("not known (process {})", one.0.id());
            patient.names_elsewhere(&mut doctor(&patient, UID), &text, "OPENCLAW_STATE_DIR");
            let shown = patient.text(&mut doctor(&patient, UID));
            assert!(shown.contains("? a gateway runs, and which state directory it has is not known"), "{shown}");
            // Its lock tells.
            let locks = temporary.join(format!("openclaw-{UID}"));
            fs::create_dir_all(&locks).unwrap();
            let lock = |name: &str, created: &str, state: &Path| {
                let lock = json!({"pid": one.0.id(), "createdAt": created, "configPath": state.join("openclaw.json")});
                fs::write(locks.join(format!("gateway.{name}.lock")), lock.to_string()).unwrap();
            };
            lock("0123abcd", &chrono::Utc::now().to_rfc3339(), &patient.openclaw.state);
            // A lock that was left by a process with the same id.
            lock("ffffffff", "2026-01-01T00:00:00.000Z", &work);
            let gates = patient.lines("codex-gate", &mut doctor(&patient, UID));
            assert_eq!([gates[0][0].as_str(), gates[1][0].as_str()], ["ok", "warn"], "{gates:#?}");
            assert!(gates[1][1].contains("the gateway's, `") && gates[1][1].contains("is 0.117.0"), "{gates:#?}");
            let text = format!("(process {})", elsewhere.0.id());
            patient.says_in(
                &mut doctor(&patient, UID),
                "service-elsewhere",
                "ok",
                &text,
                "HOME=/srv codex-home doctor",
            );
        }),
        case(
            "doctor: a running gateway is the one of its state directory and home, by whatever path it has them",
            || {
                const UID: u32 = 4017;
                let patient = Patient::without_service(Release::April, "0.169.0");
                let (target, home) = (patient.person.root().join("moved"), patient.person.root().join("link"));
                fs::rename(&patient.openclaw.state, &target).unwrap();
                symlink(&target, &patient.openclaw.state).unwrap();
                symlink(patient.person.home(), &home).unwrap();
                for variable in [("OPENCLAW_STATE_DIR", target.as_path()), ("HOME", &home)] {
                    let gateway = Gateway::start(&patient, UID, &[variable]);
                    let value = patient.json(&mut doctor(&patient, UID));
                    let gateways = value["gateways"].as_array().unwrap();
                    let seen: Vec<_> =
                        gateways.iter().map(|one| [&one["gateway"]["name"], &one["gateway"]["pid"]]).collect();
                    assert_eq!(seen, [[&json!("default"), &json!(gateway.0.id())]], "{value:#}");
                }
            },
        ),
        case(
            "doctor: a gateway of OpenClaw 2026.5.12, whose title is that of every `openclaw`, is seen by its lock",
            || {
                const UID: u32 = 4014;
                let patient = Patient::without_service(Release::May, "0.169.0");
                let (path, temporary) = (patient.path(), patient.person.root().join("tmp"));
                let variables = [("PATH", Path::new(&path)), ("TMPDIR", &temporary)];
                let gateway = Gateway::titled("openclaw", &patient, UID, &variables);
                let known = || patient.json(&mut doctor(&patient, UID))["gateways"][0]["gateway"]["known"].clone();
                assert_eq!(known(), json!("read"), "it may be another command");
                let locks = temporary.join(format!("openclaw-{UID}"));
                fs::create_dir_all(&locks).unwrap();
                let lock = json!({
                    "pid": gateway.0.id(),
                    "createdAt": chrono::Utc::now().to_rfc3339(),
                    "configPath": patient.openclaw.state.join("openclaw.json"),
                });
                fs::write(locks.join("gateway.0123abcd.lock"), lock.to_string()).unwrap();
                assert_eq!(known(), json!("seen"));
            },
        ),
    ];
    let cases = cases.into_iter().map(|case| case.needs(Need::Root));
    let contained = [contained(), with_private_mounts(), with_private_lock()]
        .map(|case| case.needs(Need::MountNamespace).needs(Need::Deep));
    cases.chain(contained).collect()
}
