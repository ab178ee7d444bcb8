//! The effect of codex's configuration layers, and of its environment, on a login.
//!
//! The launcher depends on this: the starts that it judges end no login, except by keys that it reads in these layers.

use std::fs;
use std::panic::resume_unwind;
use std::process::Command;
use std::thread;

use codex_home::observe::WORKLOAD_IDENTITY;

use crate::judge::{UNSAFE, answered, token};
use crate::lab::{Check, Lab, cases as of_each_codex, personal_bearer};
use crate::support::app_server::AppServer;
use crate::support::start::with_etc_codex;
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, entry, run};

pub fn cases() -> Vec<Case> {
    of_each_codex(CHECKS, &[Need::Deep, Need::Codex, Need::MountNamespace]).collect()
}

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
