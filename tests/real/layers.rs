//! The effect of codex's configuration layers, and of its environment, on a login.
//!
//! The launcher depends on this: the starts that it judges end no login, except by keys that it reads in these layers.

use std::ffi::OsString;
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::thread;

use codex_home::observe::WORKLOAD_IDENTITY;
use codex_home::request::Request;

use crate::judge::{UNSAFE, answered, token};
use crate::lab::{Check, Lab, cases as of_each_codex, cases_with, personal_bearer};
use crate::support::app_server::AppServer;
use crate::support::fixture::broken;
use crate::support::start::with_etc_codex;
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, entry, run, versions};

pub fn cases() -> Vec<Case> {
    of_each_codex(CHECKS, NEEDS).chain(cases_with(versions::judges(), EVERY_CODEX, NEEDS)).collect()
}

const NEEDS: &[Need] = &[Need::Deep, Need::Codex, Need::MountNamespace];

/// Releases differ in these.
const EVERY_CODEX: &[Check] = &[
    ("a project that `exec` would obey in the personal home signs out no home", obeys_no_project),
    ("a bridge in which codex works because of a layer is not refused", works_by_a_layer),
    ("a start with overrides on more than one level, which releases read differently, is not judged", on_two_levels),
];

const CHECKS: &[Check] = &[
    ("app-server and login status end no login, whichever layer forbids it", ends_no_login),
    ("exec deletes a login that a layer forbids", deletes_a_login),
    ("a keyring in /etc/codex/config.toml hides auth.json", keyring),
    ("a login that requirements.toml does not admit is not used", not_admitted),
    ("a workload identity in the environment is preferred to auth.json", workload_identity),
];

/// Lays a layer out and returns the files for `/etc/codex`.
type Lay = fn(&Lab, &str) -> Vec<(&'static str, String)>;

/// The layers that can force a login.
const LAYERS: [(&str, Lay); 4] = [
    ("the home's config.toml", |lab, line| {
        lab.person.write_config(&lab.person.personal(), line);
        Vec::new()
    }),
    ("/etc/codex/config.toml", |_, line| vec![("config.toml", line.to_owned())]),
    ("/etc/codex/managed_config.toml", |_, line| vec![("managed_config.toml", line.to_owned())]),
    ("a trusted project", |lab, line| {
        let project = lab.person.work();
        let trust = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", project.display());
        lab.person.write_config(&lab.person.personal(), &trust);
        fs::create_dir_all(project.join(".codex")).unwrap();
        fs::write(project.join(".codex/config.toml"), line).unwrap();
        Vec::new()
    }),
];

const FORCED: [&str; 2] = ["forced_login_method = \"api\"\n", "forced_chatgpt_workspace_id = \"acc-another\"\n"];

/// A start of codex in the person's home, with these files in `/etc/codex`.
fn start(lab: &Lab, files: &[(&str, String)], args: &[&str]) -> Command {
    let mut command = lab.codex(&lab.person.personal());
    command.args(args);
    with_etc_codex(&command, &lab.person, files)
}

fn server(lab: &Lab, files: &[(&str, String)]) -> AppServer {
    AppServer::spawn(start(lab, files, &["app-server", "--listen", "stdio://"]))
}

/// Checks each layer, at once: some releases take ten seconds over a start.
fn in_each_layer(lab: &Lab, check: fn(&Lab, &str, Lay)) {
    thread::scope(|scope| {
        let layers = LAYERS.map(|(layer, lay)| scope.spawn(move || check(&Lab::new(lab.version), layer, lay)));
        for layer in layers {
            layer.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}

fn ends_no_login(lab: &Lab) {
    in_each_layer(lab, |lab, layer, lay| {
        for line in FORCED {
            let personal = lab.person.log_in(ACCOUNT);
            let before = entry(&personal.join("auth.json"));
            let files = lay(lab, line);
            run(&mut start(lab, &files, &["login", "status"]));
            let mut server = server(lab, &files);
            let started = answered(server.initialize()).and_then(|_| answered(server.start_thread()));
            drop(server);
            let after = entry(&personal.join("auth.json"));
            assert_eq!(after, before, "{UNSAFE}{layer}, {line}: the login is gone: {started:?}");
            fs::remove_dir_all(&personal).unwrap();
        }
    });
}

fn deletes_a_login(lab: &Lab) {
    in_each_layer(lab, |lab, layer, lay| {
        let personal = lab.person.log_in(ACCOUNT);
        let files = lay(lab, FORCED[0]);
        let said = run(&mut start(lab, &files, &["exec", "--skip-git-repo-check", "ping"]));
        assert_eq!(entry(&personal.join("auth.json")), None, "{layer}: {said:?}");
    });
}

/// Starts `exec` in places and with arguments that hide the project at first sight.
fn obeys_no_project(lab: &Lab) {
    let [project, other] = ["project", "other"].map(|name| lab.person.root().join(name));
    let deep = project.join("a/".repeat(300));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(&other).unwrap();
    git(&project, &["init", "-q"]);
    lab.person.write_config(&project.join(".codex"), FORCED[0]);
    git(&project, &["add", "-A"]);
    git(&project, &["-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-qm", "x"]);
    let trust = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", project.display());
    // With the releases that delete the login if they start there directly.
    let (is_oldest, is_newest) = (lab.version == versions::judges()[0], lab.is_newest());
    let elsewhere = other.to_str().unwrap();
    for (args, directory, deletes) in [
        (&["exec", "--skip-git-repo-check", "ping"][..], &deep, true),
        (&["-C", elsewhere, "exec", "--skip-git-repo-check", "ping"], &project, is_oldest),
        (&["exec", "--worktree", "ping"], &project, is_newest),
    ] {
        // Only the last commit has the file.
        if args.contains(&"--worktree") {
            fs::remove_file(project.join(".codex/config.toml")).unwrap();
        }
        let personal = lab.person.log_in(ACCOUNT);
        let auth = personal.join("auth.json");
        lab.person.write_config(&personal, &trust);
        let before = entry(&auth);
        let bridge = lab.person.write_auth(&lab.person.cli_bridge(), &broken(ACCOUNT));
        let mut launcher = lab.launcher(&bridge);
        let said = run(launcher.env("CODEX_HOME_SHIM_STRATEGY", "redirect").args(args).current_dir(directory));
        assert_eq!(entry(&auth), before, "{UNSAFE}{args:?}: the login is gone: {said:?}");
        let said = run(lab.codex(&personal).args(args).current_dir(directory));
        assert_eq!(entry(&auth).is_none(), deletes, "{args:?}: {said:?}");
    }
}

fn git(directory: &Path, args: &[&str]) {
    let said = run(Command::new("git").args(args).current_dir(directory));
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// The bridge can neither be repaired nor redirected, so the launcher keeps it or refuses.
fn works_by_a_layer(lab: &Lab) {
    const OWN: &str =
        "[model_providers.own]\nname = \"own\"\nbase_url = \"http://127.0.0.1:9/v1\"\nenv_key = \"HOME\"\n";
    let large = format!("model_provider = \"own\"\n{OWN}{}", "# filler\n".repeat(120_000));
    let profile = format!("profile = \"corp\"\n{OWN}[profiles.corp]\nmodel_provider = \"own\"\n");
    let bridge = lab.person.break_bridge_for_good();
    // With what codex does: `None` if releases differ.
    for (file, text, works) in [
        ("config.toml", &*large, Some(true)),
        ("managed_config.toml", &large, Some(true)),
        ("config.toml", &profile, None),
        ("config.toml", "model = \n", Some(false)),
        ("managed_config.toml", "model = \n", Some(false)),
        ("requirements.toml", "model = \n", Some(false)),
    ] {
        let starts_thread = |mut command: Command| {
            command.arg("app-server");
            let mut server = AppServer::spawn(with_etc_codex(&command, &lab.person, &[(file, text)]));
            answered(server.initialize()).and_then(|_| answered(server.start_thread())).is_ok()
        };
        let directly = starts_thread(lab.codex(&bridge));
        assert_eq!(directly, works.unwrap_or(directly), "{file}: {}", text.lines().next().unwrap());
        assert_eq!(starts_thread(lab.launcher(&bridge)), directly, "{file}: {}", text.lines().next().unwrap());
    }
}

/// In memory there is no login, and in the file there is one.
fn on_two_levels(lab: &Lab) {
    let personal = lab.person.log_in(ACCOUNT);
    let (in_memory, other) = ("cli_auth_credentials_store=ephemeral", "model=x");
    let is_logged_in = |args: &[&str]| lab.run(lab.codex(&personal), args).code == Some(0);
    for args in [
        ["-c", in_memory, "login", "status", "-c", other],
        ["-c", in_memory, "login", "-c", other, "status"],
        ["login", "-c", in_memory, "status", "-c", other],
    ] {
        assert_eq!(is_logged_in(&args), !lab.is_newest(), "{args:?}");
        let start = Request::parse(&args.map(OsString::from));
        assert!(matches!(start, Request::PassThrough(_)), "{args:?}: {start:?}");
    }
    assert!(!is_logged_in(&["login", "-c", in_memory, "-c", other, "status"]));
}

fn keyring(lab: &Lab) {
    lab.person.log_in(ACCOUNT);
    for (store, expected) in [("file", Some(personal_bearer())), ("keyring", None)] {
        let files = [("config.toml", format!("cli_auth_credentials_store = \"{store}\"\n"))];
        let mut server = server(lab, &files);
        server.initialize().unwrap();
        assert_eq!(token(&mut server), expected, "{store}");
    }
}

fn not_admitted(lab: &Lab) {
    lab.person.log_in(ACCOUNT);
    // Only later releases read the file.
    let is_read = lab.is_newest();
    for (line, is_admitted) in [
        (format!("allowed_chatgpt_workspaces = [\"{ACCOUNT}\"]\n"), true),
        ("allowed_chatgpt_workspaces = [\"acc-another\"]\n".to_owned(), false),
        ("allowed_login_methods = [\"chatgpt\"]\n".to_owned(), true),
        ("allowed_login_methods = [\"api\"]\n".to_owned(), false),
    ] {
        let mut server = server(lab, &[("requirements.toml", line.clone())]);
        server.initialize().unwrap();
        let expected = (is_admitted || !is_read).then(personal_bearer);
        assert_eq!(token(&mut server), expected, "{line}");
    }
}

fn workload_identity(lab: &Lab) {
    lab.person.log_in(ACCOUNT);
    for variable in WORKLOAD_IDENTITY {
        let mut command = lab.codex(&lab.person.personal());
        command.env(variable, "/nowhere");
        let mut server = lab.serve(command);
        // One of them alone is not enough: codex reports that and exits.
        let starts = answered(server.initialize()).is_ok();
        assert_eq!(starts, !lab.is_newest(), "{variable}");
    }
}
