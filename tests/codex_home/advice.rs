//! Every command that `doctor` and `inspect` print is carried out in its world, and the check is made again.
//!
//! `codex`, `openclaw` and `sudo` are stand-ins on PATH: `codex login` leaves a login in its home, `sudo` runs its arguments, and
//! `openclaw` changes the setting.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::doctor::Patient;
use crate::openclaw_stand_in::CALLS;
use crate::support::fixture::{BRIDGE_REFRESH, MALLORY, OPAQUE_ACCESS, PERSONAL_REFRESH, UNPRIVILEGED};
use crate::support::openclaw::{Release, lay_codex};
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, auth, case, run};

/// A world with a fault: its name, its layout, and the checks that must be right afterwards.
struct World {
    what: &'static str,
    lay: fn(&Patient),
    checks: &'static [&'static str],
}

const WORLDS: &[World] = &[
    World { what: "OpenClaw runs codex itself", lay: |_| (), checks: &["app-server-command", "home-cannot-log-in"] },
    World {
        what: "the person is not logged in",
        lay: |patient| fs::remove_file(patient.person.personal().join("auth.json")).unwrap(),
        checks: &["personal-home"],
    },
    World {
        what: "auth.json is a directory",
        lay: |patient| {
            let auth = patient.person.personal().join("auth.json");
            fs::remove_file(&auth).unwrap();
            fs::create_dir(auth).unwrap();
        },
        checks: &["personal-home"],
    },
    World {
        what: "other users may look into a home",
        lay: |patient| patient.person.chmod(&patient.person.personal(), 0o755),
        checks: &["open-to-others"],
    },
    World {
        what: "the login is read-only",
        lay: |patient| patient.person.chmod(&patient.person.personal().join("auth.json"), 0o400),
        checks: &["login-not-renewable"],
    },
    World {
        what: "the gateway finds another codex",
        lay: |patient| {
            let other = patient.person.write_program(&patient.person.root().join("other/codex"), "#!/bin/sh\n");
            let path = [other.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")];
            let path = std::env::join_paths(path).unwrap();
            crate::doctor::service::lay(patient, &crate::doctor::service::unit(&[("PATH", path.as_ref())]));
        },
        checks: &["codex-under-service"],
    },
    World { what: "a setting is a variable of this shell only", lay: |_| (), checks: &["variables-only-here"] },
    World {
        what: "a settings file that other users may write",
        lay: |patient| {
            let file = patient.person.write_settings("strategy = \"auto\"\n");
            patient.person.chmod(&file, 0o666);
        },
        checks: &["settings"],
    },
    World {
        what: "the codex of the settings is gone",
        lay: |patient| drop(patient.person.write_settings("codex = \"/nowhere/codex\"\n")),
        checks: &["codex", "home-refused"],
    },
    World {
        what: "other users may replace codex",
        lay: |patient| patient.person.chmod(patient.codex.parent().unwrap(), 0o777),
        checks: &["codex-writable-by-others"],
    },
    World {
        what: "a bridge is a symlink",
        lay: |patient| {
            let auth = patient.person.bridge().join("auth.json");
            fs::rename(&auth, patient.person.root().join("moved")).unwrap();
            patient.person.link(&patient.person.root().join("moved"), &auth);
        },
        checks: &["linked-bridge"],
    },
    World {
        what: "the home of acpx cannot log in",
        lay: |patient| {
            let acpx = patient.person.home().join(".openclaw/acpx/codex-home");
            patient.person.write_auth(&acpx, &auth::issue_70511(OPAQUE_ACCESS, BRIDGE_REFRESH));
        },
        checks: &["home-left-alone"],
    },
];

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = WORLDS
        .iter()
        .map(|world| {
            let name = format!("doctor: {}: its help is followed, and the check is right", world.what);
            case(name, move || followed(world))
        })
        .collect();
    cases.push(
        case("inspect: a home of another user: its help is followed, and it can log in", || {
            let mut patient = Patient::new(Release::April);
            patient.person.become_unprivileged();
            patient.person.chown(&patient.person.personal(), MALLORY);
            let said = follow_inspection(&patient);
            assert!(said["help"].as_str().unwrap().starts_with("run `sudo chown -R "), "{said:#}");
        })
        .needs(Need::Root),
    );
    cases
}

/// Lays the world out, follows every help about its checks, and expects that all of them are then right.
fn followed(world: &World) {
    // The home of acpx is of a later release than the others.
    let release = if world.checks == ["home-left-alone"] { Release::May } else { Release::April };
    let patient = Patient::installed(release);
    lay_codex(&patient.person, "0.169.0");
    if world.checks.contains(&"app-server-command") {
        patient.openclaw.configure("{}");
    }
    (world.lay)(&patient);
    let before = complaints(&patient, world);
    assert!(!before.is_empty(), "{}: nothing is complained of", world.what);
    for (id, help) in &before {
        let commands: Vec<_> = commands(help).collect();
        assert!(!commands.is_empty(), "{id}: no command in `{help}`");
        for command in commands {
            let finished = run(&mut shell(&patient, &command));
            assert_eq!(finished.code, Some(0), "{id}: `{command}`: {finished:?}");
        }
    }
    let after = complaints(&patient, world);
    assert_eq!(after, [], "{}: after {before:#?}", world.what);
}

/// Returns the checks of the world that the doctor complains of, each with its help.
fn complaints(patient: &Patient, world: &World) -> Vec<(String, String)> {
    let mut doctor = patient.doctor();
    if world.checks == ["variables-only-here"] {
        let file = fs::read_to_string(patient.person.home().join(".config/codex-home-shim/config.toml"));
        // Followed, the variable is not needed any more.
        if file.is_err() {
            doctor.env("CODEX_HOME_SHIM_STRATEGY", "repair").env("CODEX_HOME_SHIM_BRIDGES", "/srv/a:/srv/b c");
        }
    }
    let said = patient.json(&mut doctor);
    let checks = said["checks"].as_array().unwrap();
    let is_complaint = |check: &&Value| matches!(check["status"].as_str(), Some("warn" | "fail"));
    // A help that begins with a condition is for the person to judge.
    let is_of_world = |check: &&Value| {
        let help = check["help"].as_str().unwrap_or_default();
        world.checks.iter().any(|id| check["id"] == *id) && !help.starts_with("if ")
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks
        .iter()
        .filter(is_complaint)
        .filter(is_of_world)
        .map(|check| (text(&check["id"]), text(&check["help"])))
        .collect()
}

/// Returns the commands that a help says to run, without those that carry a risk.
fn commands(help: &str) -> impl Iterator<Item = String> + '_ {
    let help = help.split("; what that risks").next().unwrap_or_default();
    let help = help.split(": the launcher would").next().unwrap_or_default();
    help.split('`').skip(1).step_by(2).filter(|text| text.contains(' ')).map(str::to_owned)
}

/// A shell of the person's, in which the stand-ins are on PATH.
fn shell(patient: &Patient, command: &str) -> Command {
    let bin = patient.person.root().join("tools");
    let login = String::from_utf8(auth::healthy(ACCOUNT, "new", PERSONAL_REFRESH)).unwrap();
    let file = patient.person.root().join("login.json");
    fs::write(&file, login).unwrap();
    if !bin.exists() {
        let codex = format!(
            "#!/bin/sh\n[ \"$1\" = login ] || exit 9\nhome=${{CODEX_HOME:-$HOME/.codex}}\nmkdir -p \"$home\"\n\
             cp '{}' \"$home/auth.json\" && chmod 600 \"$home/auth.json\"\n",
            file.display()
        );
        patient.person.write_program(&bin.join("codex"), &codex);
        patient.person.write_program(&bin.join("sudo"), "#!/bin/sh\nexec \"$@\"\n");
        let program = patient.person.codex_home(&[]).get_program().to_owned();
        patient.person.link(Path::new(&program), &bin.join("codex-home"));
        let openclaw = std::env::current_exe().unwrap();
        let openclaw = format!("#!/bin/sh\n{CALLS}='{}/calls' exec '{}' \"$@\"\n", bin.display(), openclaw.display());
        patient.person.write_program(&bin.join("openclaw"), &openclaw);
    }
    let mut shell = patient.person.codex_home(&[]);
    let path = format!("{}:{}", bin.display(), patient.path());
    let envs: Vec<_> =
        shell.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    shell = patient.person.command("/bin/sh");
    shell.envs(envs).env("PATH", path).args(["-c", command]);
    shell
}

/// Follows the help about the personal home, and returns the text before it.
fn follow_inspection(patient: &Patient) -> Value {
    let inspect = || {
        let mut inspect = patient.person.codex_home(&["inspect", "--json"]);
        inspect.arg(patient.person.personal()).uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        let finished = run(&mut inspect);
        serde_json::from_str::<Value>(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
    };
    let before = inspect();
    for command in commands(before["help"].as_str().unwrap_or_default()) {
        // Only root may change an owner, here to the owner of the home.
        let command = command.replace("$(id -un)", &UNPRIVILEGED.to_string());
        let finished = run(&mut shell(patient, &command));
        assert_eq!(finished.code, Some(0), "`{command}`: {finished:?}");
    }
    let after = inspect();
    assert_eq!(after["usable"], "yes", "{before:#} {after:#}");
    before
}
