//! A turn of real codex behind the launcher: the credential that is sent, and the files that change.

use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::judge::UNSAFE;
use crate::lab::{Check, Lab, assert_logged_in, assert_pong, bridge_bearer, cases as of_each_codex, personal_bearer};
use crate::support::app_server::AppServer;
use crate::support::fixture::BRIDGE_REFRESH;
use crate::support::tokens::ACCOUNT;
use crate::support::{Case, Need, PATIENCE, assert_same, auth, entry, npm, snapshot};

pub fn cases() -> Vec<Case> {
    let quick = of_each_codex(QUICK, &[Need::Codex]);
    quick.chain(of_each_codex(DEEP, &[Need::Deep, Need::Codex])).collect()
}

/// One turn for each end of a start.
const QUICK: &[Check] = &[
    ("a redirected turn carries the personal bearer and changes neither auth.json", redirected),
    ("a repaired turn carries the bridge's own bearer, and no personal home appears", repaired),
    ("with strategy `repair` a turn carries the bridge's bearer and ~/.codex is not touched", repaired_by_strategy),
    ("a refused start ends with 78 before codex is started, and app-server says why", refused),
];

const DEEP: &[Check] = &[
    ("without the launcher the bridge of openclaw#70511 sends no bearer, and the turn fails", the_bug_itself),
    ("a bridge that can log in is kept, however healthy the personal home", kept),
    ("a bridge that OpenClaw rewrites between two starts is redirected twice, and repaired twice", two_starts),
    ("a running server goes on working when OpenClaw rewrites the bridge under it", rewritten_under_a_server),
    ("exec in a bridge carries the bridge's bearer, and with strategy `redirect` the personal one", exec),
    ("exec with --remote uses the login of the other server, and the bridge is left as it is", remote),
    ("logout and --version do in the bridge what they do without the launcher", passed_through),
    ("a forced login method or a profile in argv never signs the personal home out", never_signed_out),
];

/// What OpenClaw's command-line backend runs.
const EXEC: [&str; 4] = ["exec", "--json", "--skip-git-repo-check", "ping"];

fn redirected(lab: &Lab) {
    let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
    let before = (entry(&personal.join("auth.json")), snapshot(&bridge));

    assert_logged_in(&lab.run(lab.launcher(&bridge), &["login", "status"]), "Logged in using ChatGPT");
    let (turn, home) = lab.turn(lab.launcher(&bridge));

    assert_pong(&turn);
    assert_eq!(home, personal);
    lab.assert_sent(1, &personal_bearer());
    lab.assert_decision("redirect");
    assert_eq!((entry(&personal.join("auth.json")), snapshot(&bridge)), before, "{UNSAFE}a login is changed");
}

fn repaired(lab: &Lab) {
    let bridge = lab.person.break_bridge(ACCOUNT);

    let (turn, home) = lab.turn(lab.launcher(&bridge));

    assert_pong(&turn);
    assert_eq!(home, bridge);
    lab.assert_sent(1, &bridge_bearer());
    lab.assert_decision("repair");
    lab.person.break_bridge(ACCOUNT);
    assert_logged_in(&lab.run(lab.launcher(&bridge), &["login", "status"]), "Logged in using ChatGPT");
    assert_eq!(entry(&lab.person.personal()), None);
}

fn repaired_by_strategy(lab: &Lab) {
    let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
    let before = snapshot(&personal);
    let mut launcher = lab.launcher(&bridge);
    launcher.env("CODEX_HOME_SHIM_STRATEGY", "repair");

    let (turn, home) = lab.turn(launcher);

    assert_pong(&turn);
    assert_eq!(home, bridge);
    lab.assert_sent(1, &bridge_bearer());
    lab.assert_decision("repair");
    assert_same(&before, &snapshot(&personal));
}

fn refused(lab: &Lab) {
    let bridge = lab.person.break_bridge_for_good();
    let before = snapshot(&bridge);

    let status = lab.run(lab.launcher(&bridge), &["login", "status"]);
    let mut server = lab.serve(lab.launcher(&bridge));
    let answer = server.initialize().unwrap_err();

    assert_eq!((status.code, &*status.stdout), (Some(78), ""), "{status:?}");
    assert!(answer.contains("no usable Codex home"), "{answer}");
    assert_eq!(server.close().unwrap().0, Some(78));
    assert_same(&before, &snapshot(&bridge));
    assert_eq!(entry(&lab.person.personal()), None);
    // Every codex leaves a trace in its home, so none was started.
    lab.run(lab.codex(&bridge), &["login", "status"]);
    assert_ne!(before, snapshot(&bridge));
}

fn the_bug_itself(lab: &Lab) {
    let bridge = lab.person.break_bridge(ACCOUNT);
    lab.person.log_in(ACCOUNT);

    let (turn, home) = lab.turn(lab.codex(&bridge));

    assert_eq!(home, bridge);
    assert_eq!(turn.status, "failed", "{turn:?}");
    assert!(turn.error.contains("Missing bearer"), "{turn:?}");
    let sent = lab.backend.bearers();
    assert!(!sent.is_empty() && sent.iter().all(Option::is_none), "{sent:?}");
}

fn kept(lab: &Lab) {
    let bridge = lab.person.write_auth(&lab.person.bridge(), &auth::healthy(ACCOUNT, "bridge", BRIDGE_REFRESH));
    let personal = lab.person.log_in(ACCOUNT);
    let before = (entry(&bridge.join("auth.json")), snapshot(&personal));

    let (turn, home) = lab.turn(lab.launcher(&bridge));

    assert_pong(&turn);
    assert_eq!(home, bridge);
    lab.assert_sent(1, &bridge_bearer());
    assert_eq!((entry(&bridge.join("auth.json")), snapshot(&personal)), before, "{UNSAFE}a login is changed");
}

fn two_starts(lab: &Lab) {
    for _ in 0..2 {
        let bridge = lab.person.break_bridge(ACCOUNT);
        assert_pong(&lab.turn(lab.launcher(&bridge)).0);
        lab.assert_decision("repair");
    }
    lab.assert_sent(2, &bridge_bearer());
    lab.person.log_in(ACCOUNT);
    for _ in 0..2 {
        let bridge = lab.person.break_bridge(ACCOUNT);
        assert_pong(&lab.turn(lab.launcher(&bridge)).0);
        lab.assert_decision("redirect");
    }
    assert_eq!(lab.backend.bearers()[2..], [Some(personal_bearer()), Some(personal_bearer())]);
}

fn rewritten_under_a_server(lab: &Lab) {
    let bridge = lab.person.break_bridge(ACCOUNT);
    let mut server = lab.serve(lab.launcher(&bridge));
    assert_pong(&server.turn("ping").unwrap());

    lab.person.break_bridge(ACCOUNT);
    let thread = server.start_thread().unwrap();
    assert_pong(&server.say(&thread, "ping again").unwrap());

    lab.assert_sent(2, &bridge_bearer());
}

fn exec(lab: &Lab) {
    let bridge = lab.person.write_auth(&lab.person.cli_bridge(), &crate::support::fixture::broken(ACCOUNT));
    let personal = lab.person.log_in(ACCOUNT);
    let before = (entry(&personal.join("auth.json")), snapshot(&bridge));

    let mut launcher = lab.launcher(&bridge);
    launcher.env("CODEX_HOME_SHIM_STRATEGY", "redirect");
    let redirected = lab.run(launcher, &EXEC);
    assert_eq!((entry(&personal.join("auth.json")), snapshot(&bridge)), before, "{UNSAFE}a login is changed");
    let repaired = lab.run(lab.launcher(&bridge), &EXEC);

    for finished in [redirected, repaired] {
        assert!(finished.code == Some(0) && finished.stdout.contains("pong"), "{finished:?}");
    }
    assert_eq!(lab.backend.bearers(), [Some(personal_bearer()), Some(bridge_bearer())]);
    assert_eq!(entry(&personal.join("auth.json")), before.0);
}

fn remote(lab: &Lab) {
    let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
    let socket = lab.person.root().join("socket");
    let address = format!("unix://{}", socket.display());
    let mut command = lab.codex(&personal);
    command.args(["app-server", "--listen", &address]);
    let _server = AppServer::spawn(command);
    let deadline = Instant::now() + PATIENCE;
    // The older one has no such server, and no such option.
    while lab.is_newest() && !socket.exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let before = entry(&bridge.join("auth.json"));

    // Beside the option codex takes no `-c`, as the script of the lab has it.
    let mut launcher = lab.launcher(&bridge);
    launcher.env("CODEX_HOME_SHIM_CODEX", npm::codex(lab.version).unwrap());
    let said = lab.run(launcher, &["exec", "--remote", &address, "--skip-git-repo-check", "ping"]);

    let (code, sent) = if lab.is_newest() { (0, vec![Some(personal_bearer())]) } else { (2, Vec::new()) };
    assert_eq!((said.code, lab.backend.bearers()), (Some(code), sent), "{said:?}");
    assert_eq!(entry(&bridge.join("auth.json")), before);
}

fn passed_through(lab: &Lab) {
    let (bridge, personal) = (lab.person.break_bridge(ACCOUNT), lab.person.log_in(ACCOUNT));
    let before = snapshot(&personal);
    for args in [["--version"], ["logout"]] {
        let mut ends = [lab.launcher(&bridge), lab.codex(&bridge)].map(|command| {
            lab.person.break_bridge(ACCOUNT);
            let ended = lab.run(command, &args);
            (ended.code, ended.stdout, entry(&bridge.join("auth.json")))
        });
        assert_same(&before, &snapshot(&personal));
        let [with, without] = &mut ends;
        assert_eq!(with, without);
    }
}

fn never_signed_out(lab: &Lab) {
    let bridge = lab.person.write_auth(&lab.person.cli_bridge(), &crate::support::fixture::broken(ACCOUNT));
    // Only newer releases of codex lay this file over config.toml.
    let profile = lab.person.log_in(ACCOUNT).join("work.config.toml");
    fs::write(profile, "forced_login_method = \"api\"\n").unwrap();
    for (arg, value, is_dangerous) in [("-c", "forced_login_method=\"api\"", true), ("-p", "work", lab.is_newest())] {
        let personal = lab.person.log_in(ACCOUNT);
        let before = entry(&personal.join("auth.json"));
        let args = [&["exec", arg, value], &EXEC[1..]].concat();
        let mut launcher = lab.launcher(&bridge);
        launcher.env("CODEX_HOME_SHIM_STRATEGY", "redirect");

        let with = lab.run(launcher, &args);
        assert_eq!(entry(&personal.join("auth.json")), before, "{UNSAFE}the login is gone: {with:?}");
        // In that home codex would delete the login.
        let without = lab.run(lab.codex(&personal), &args);
        assert_eq!(entry(&personal.join("auth.json")).is_none(), is_dangerous, "{without:?}");
    }
}
